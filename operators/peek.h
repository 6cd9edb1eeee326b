// peek looks at each record and passes it on as it is.
//
//   orders.peek([](const Order& order) { metrics.saw(order.total); }).to("orders-seen");
//
// The action is an ActionOver: it takes (value), (key, value) or (key, value, info); what it returns is ignored. A record
// whose action throws is handled as the error policy says, so with kSkip it does not pass.
#pragma once

#include <utility>

#include <weir/core/node.h>
#include <weir/operators/stream.h>

namespace weir {

template <class K, class V, class Action>
class PeekNode final : public UnaryNode<K, V, K, V> {
 public:
  explicit PeekNode(Action look) : look_(std::move(look)) {}

  void accept(const Record<K, V>& record) override {
    if (this->guarded([&] { static_cast<void>(call_with(look_, record)); })) this->emit(record);
  }

 private:
  const Action look_;
};

template <class K, class V>
template <class Action>
  requires ActionOver<Action, K, V>
KStream<K, V> KStream<K, V>::peek(VerbOptions options, Action look, Location where) const {
  return KStream(extend("peek", options, node_factory<PeekNode<K, V, Action>>(std::move(look)), where));
}

}  // namespace weir
