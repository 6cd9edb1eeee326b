// A predicate over another type than the stream's value.
// Expected: PredicateOver
// Expected: constraints not satisfied
#include <string>

#include <weir/weir.h>

struct Order {
  double total = 0;
};

void program(const weir::KStream<std::string, Order>& orders) {
#ifndef WEIR_MISTAKE
  static_cast<void>(orders.filter([](const Order& order) { return order.total > 10; }));
#else
  static_cast<void>(orders.filter([](int total) { return total > 10; }));
#endif
}
