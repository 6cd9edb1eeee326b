// merge puts two streams of the same types together. There is no order between them but that of arrival.
//
//   web_orders.merge(shop_orders).to("orders");
#pragma once

#include <utility>

#include <weir/core/node.h>
#include <weir/operators/stream.h>

namespace weir {

// Passes records on.
template <class K, class V>
class PassNode final : public UnaryNode<K, V, K, V> {
 public:
  void accept(const Record<K, V>& record) override { this->emit(record); }
};

template <class K, class V>
KStream<K, V> KStream<K, V>::merge(VerbOptions options, const KStream& other, Location where) const {
  if (graph() != other.graph()) {
    problem("merge: the streams come from two builders", where);
    return *this;
  }
  std::string name = name_for("merge", options.name);
  const NodeIndex added = graph()->topology().add_processor(
      std::move(name), {node(), other.node()}, {}, options.on_error, node_factory<PassNode<K, V>>(), where);
  return KStream(GraphPoint(graph(), added, rekeyed() || other.rekeyed()));
}

}  // namespace weir
