// A foreign-key join without the name that its topics and its store are called after.
// Expected: RequiredName
// Expected: deleted
#include <string>

#include <weir/weir.h>

using Table = weir::KTable<std::string, std::string>;

void program(const Table& orders, const Table& customers) {
  const auto customer_of = [](const std::string& order) { return order; };
  const auto join = [](const std::string& order, const std::string& customer) { return order + customer; };
#ifndef WEIR_MISTAKE
  static_cast<void>(orders.join({.name = "orders-of-customers"}, customers, customer_of, join));
#else
  static_cast<void>(orders.join(weir::ForeignKeyOptions{.store = "joined"}, customers, customer_of, join));
#endif
}
