// for_each ends a stream: it calls the action for each record.
//
//   orders.for_each([](const std::string& customer, const Order& order) { page.show(customer, order.total); });
//
// The action is an ActionOver: it takes (value), (key, value) or (key, value, info). What it does outside weir is not
// part of the commit: after a failure records are read again, and the action is called for them again.
#pragma once

#include <utility>

#include <weir/core/node.h>
#include <weir/operators/stream.h>

namespace weir {

template <class K, class V, class Action>
class ForEachNode final : public LeafNode<K, V> {
 public:
  explicit ForEachNode(Action act) : act_(std::move(act)) {}

  void accept(const Record<K, V>& record) override {
    // A failure has been dealt with by the policy, and nothing follows either way.
    static_cast<void>(this->guarded([&] { static_cast<void>(call_with(act_, record)); }));
  }

 private:
  const Action act_;
};

template <class K, class V>
template <class Action>
  requires ActionOver<Action, K, V>
void KStream<K, V>::for_each(VerbOptions options, Action act, Location where) const {
  extend("for-each", options, node_factory<ForEachNode<K, V, Action>>(std::move(act)), where);
}

}  // namespace weir
