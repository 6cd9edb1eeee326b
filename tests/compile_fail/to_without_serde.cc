// A type that weir cannot turn into bytes.
// Expected: Serializable
// Expected: constraints not satisfied
#include <string>

#include <weir/weir.h>

struct Order {
  double total = 0;
};

#ifndef WEIR_MISTAKE
template <>
struct weir::Serde<Order> {
  static constexpr std::string_view kFormat = "order";
  static constexpr bool kCanonical = true;
  static void encode(const Order& order, weir::Bytes& out) { weir::Serde<double>::encode(order.total, out); }
  static absl::Status decode(weir::BytesView bytes, Order& order) {
    return weir::Serde<double>::decode(bytes, order.total);
  }
};
#endif

void program(const weir::KStream<std::string, Order>& orders) { orders.to("orders"); }
