// A join of two streams without a grace period: how long to wait for late records has no good default.
// Expected: RequiredDuration
// Expected: deleted
#include <chrono>
#include <string>

#include <weir/weir.h>

using namespace std::chrono_literals;

void program(const weir::KStream<std::string, int>& orders, const weir::KStream<std::string, int>& payments) {
  static_cast<void>(orders.join(payments,
#ifndef WEIR_MISTAKE
                                {.store = "order-payments", .within = 5min, .grace = 1min},
#else
                                {.store = "order-payments", .within = 5min},
#endif
                                [](int order, int payment) { return order - payment; }));
}
