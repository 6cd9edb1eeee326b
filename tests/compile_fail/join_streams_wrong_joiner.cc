// A left join of two streams with a joiner that knows nothing of a missing right side.
// Expected: LeftJoinerOver
#include <chrono>
#include <optional>
#include <string>

#include <weir/weir.h>

using namespace std::chrono_literals;

#ifndef WEIR_MISTAKE
using Right = std::optional<std::string>;
#else
using Right = std::string;
#endif

void program(const weir::KStream<std::string, int>& orders,
             const weir::KStream<std::string, std::string>& names) {
  static_cast<void>(orders.left_join(names, {.store = "order-names", .within = 5min, .grace = 1min},
                                     [](int order, const Right&) { return order; }));
}
