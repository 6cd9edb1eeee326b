// cogroup folds the values of several grouped streams into one aggregate per key.
//
//   const auto orders = builder.stream<std::string, Order>("orders").group_by_key();
//   const auto visits = builder.stream<std::string, Visit>("visits").group_by_key();
//   orders.cogroup([](const Order& order, Customer& customer) { customer.spent += order.amount; })
//       .cogroup(visits, [](const Visit&, Customer& customer) { ++customer.visits; })
//       .aggregate({.store = "customers"}, [] { return Customer(); });
//
// Each aggregator is an AggregatorOver for the values of its stream, see aggregate.h. The streams may have different values,
// and each whose keys were changed is repartitioned by itself, through "<application>-<store>-<n>-repartition" where n
// counts the inputs from 1 (or after the group if that has a name). All must have the same key and number of partitions.
//
// With windowed_by the same is done in windows; see windowed_cogroup.h.
#pragma once

#include <concepts>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <weir/operators/aggregate_node.h>
#include <weir/operators/cogrouped.h>
#include <weir/operators/merge.h>

namespace weir {

template <class K, class V>
template <std::copy_constructible Aggregator>
KCogroupedStream<CogroupInput<K, V, Aggregator>> KGroupedStream<K, V>::cogroup(
    Aggregator aggregate_values) const {
  return KCogroupedStream<CogroupInput<K, V, Aggregator>>({{*this, std::move(aggregate_values)}});
}

// For those who write verbs: lays out the inputs of a cogroup and what joins them below a node called `name`.
// add(input, stream, name, n) adds the node of the n-th input, counted from 1, below its keyed stream.
template <class K, class Change, class Inputs, class Add>
[[nodiscard]] GraphPoint add_cogroup(const Inputs& inputs, const std::string& name, const std::string& store,
                                     const Location& where, Add&& add) {
  std::vector<NodeIndex> streams;
  std::vector<NodeIndex> nodes;
  std::size_t n = 0;
  const GraphPoint& first = std::get<0>(inputs).group.stream();
  const auto lay = [&](const auto& input) {
    ++n;
    if (input.group.stream().graph() != first.graph()) {
      first.problem("cogroup: the streams come from two builders", where);
      return;
    }
    const auto stream = input.group.keyed_stream(store + "-" + std::to_string(n), where);
    streams.push_back(stream.node());
    nodes.push_back(add(input, stream, name + "-" + std::to_string(n), n).node());
  };
  std::apply([&](const auto&... input) { (lay(input), ...); }, inputs);
  TopologyBuilder& topology = first.graph()->topology();
  if (streams.size() > 1) topology.copartition(streams, name, where);
  const NodeIndex joined = topology.add_processor(name, nodes, {}, ErrorPolicy::kInherit,
                                                  node_factory<PassNode<K, Change>>(), where);
  return {first.graph(), joined, /*rekeyed=*/false};
}

template <class... Inputs>
template <Initializer Init>
  requires CogroupedBy<Init, NoWindows, Inputs...>
auto KCogroupedStream<Inputs...>::aggregate(TableOptions options, Init init, Location where) const
    -> KTable<Key, InitialOf<Init>, kRowsCogroupedBy<Init, NoWindows, Inputs...>> {
  using Value = InitialOf<Init>;
  const std::string& store = options.store.text();
  const GraphPoint& first = std::get<0>(inputs_).group.stream();
  const std::string name = first.name_for("cogroup", options.name);
  auto access = add_table_store<Key, Value>(first, name, options, where);
  GraphPoint point = add_cogroup<Key, Change<Value>>(
      inputs_, name, store, where,
      [&]<class K, class V, class F>(const CogroupInput<K, V, F>& input, const KStream<Key, V>& stream,
                                     const std::string& node, std::size_t) {
        using Step = AggregateStep<Init, F, Key, NonNull<V>>;
        return stream.extend_named(
            node, options.on_error,
            aggregate_factory<Key, V>(options, access.before,
                                      Step(init, input.aggregate, first.graph()->like_kafka_streams())),
            where, {store});
      });
  return {std::move(point), std::move(access)};
}

}  // namespace weir
