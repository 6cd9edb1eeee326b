// join and left_join look up, for each record of a stream, the row of a table with the same key.
//
//   orders.join(customers, [](const Order& order, const Customer& customer) { return Bill(order, customer); })
//       .to("bills");
//   orders.left_join(vouchers, [](const Order& order, const std::optional<Voucher>& voucher) {
//     return voucher ? order.total - voucher->worth : order.total;
//   });
//
// Only records of the stream make results; a later change of the table changes no earlier result. Which row is there when a
// record comes is decided by timestamps: of its inputs a task takes the record with the lowest one first. Result key, time
// and headers are those of the stream's record.
//
// join: no row, no result; records without key or value are dropped and counted.
// left_join: no row, or no key, joins with nothing; records without value are dropped and counted.
//
// A table that keeps its history is looked up as it was at the record's time. With a grace, records also wait for changes
// of such a table that are late: a record is joined, as of its own time, when a record comes whose time is the grace past its
// own; until then it lies in a store. Results come by time, then by the bytes of their keys. What comes later than the grace
// is joined at once, and so is a record without a key.
//
//   orders.join({.store = "waiting-orders", .grace = 1min}, prices, bill_of).to("bills");
//
// The joiners are a JoinerOver and a LeftJoinerOver. If the stream's keys were changed it first goes through a repartition
// topic called "<name>-repartition": then the join must be given a name. Stream and table must have the same number of
// partitions.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/operators/join_table_node.h>
#include <weir/operators/repartition.h>
#include <weir/operators/stream.h>
#include <weir/operators/table.h>
#include <weir/operators/wait_node.h>

namespace weir {

// Notes the problems of a join of a stream with a table, and returns the join's name.
[[nodiscard]] std::string name_for_join(const GraphPoint& stream, const GraphPoint& table,
                                        const std::string& verb, const JoinTableOptions& options,
                                        const Location& where);

// Adds the join's node and demands that its two sides have the same number of partitions.
[[nodiscard]] GraphPoint add_join(const GraphPoint& stream, const GraphPoint& table, const std::string& name,
                                  const JoinTableOptions& options, std::vector<std::string> stores,
                                  NodeFactory make, const Location& where);

// Notes what is wrong with the options. `history`: how long the table keeps its own.
void check_join(const GraphPoint& stream, const std::string& verb, const JoinTableOptions& options,
                std::optional<Duration> history, const Location& where);

// Returns the stream, with its records waiting if they shall.
template <class K, class V>
[[nodiscard]] KStream<K, V> waiting(const KStream<K, V>& stream, const std::string& name,
                                    const JoinTableOptions& options, const Location& where) {
  if (!options.grace || !options.store) return stream;
  using Key = NonNull<K>;
  using Value = NonNull<V>;
  const std::string& store = options.store->text();
  if constexpr (Storable<Key> && Storable<Value>) {
    stream.graph()->topology().add_store(
        held_store_spec<Key, Value>(store, {.persistent = options.persistent, .logged = options.logged}),
        state_engine(), where);
    return KStream<K, V>(stream.extend_named(name + "-wait", options.on_error,
                                             node_factory<WaitNode<K, V>>(store, *options.grace), where,
                                             {store}));
  } else {
    stream.problem(name + ": the store '" + store + "' cannot keep this key or value: it has no weir::Serde",
                   where);
    return stream;
  }
}

template <class K, class V>
template <class Right, Rows rows, class Joiner>
  requires JoinerOver<Joiner, NonNull<K>, NonNull<V>, Right>
KStream<NonNull<K>, JoinedBy<Joiner, NonNull<K>, NonNull<V>, Right>> KStream<K, V>::join(
    JoinTableOptions options, const KTable<NonNull<K>, Right, rows>& table, Joiner join_values,
    Location where) const {
  const std::string name = name_for_join(*this, table, "join", options, where);
  demand_rows(table.access(), *this, "join", where);
  check_join(*this, "join", options, table.access().history, where);
  const KStream<NonNull<K>, V> left = waiting(keyed(*this, name, where), name, options, where);
  return KStream<NonNull<K>, JoinedBy<Joiner, NonNull<K>, NonNull<V>, Right>>(add_join(
      left, table, name, options, table.access().stores,
      node_factory<JoinTableNode<NonNull<K>, V, Right, Joiner>>(table.access(), std::move(join_values)),
      where));
}

template <class K, class V>
template <class Right, Rows rows, class Joiner>
  requires LeftJoinerOver<Joiner, K, NonNull<V>, Right>
KStream<K, LeftJoinedBy<Joiner, K, NonNull<V>, Right>> KStream<K, V>::left_join(
    JoinTableOptions options, const KTable<NonNull<K>, Right, rows>& table, Joiner join_values,
    Location where) const {
  const std::string name = name_for_join(*this, table, "left-join", options, where);
  demand_rows(table.access(), *this, "left_join", where);
  check_join(*this, "left_join", options, table.access().history, where);
  // Records without a key have a result too, so they travel through the repartition topic with the others.
  const KStream<K, V> left = waiting(keyed_or_null(*this, name, where), name, options, where);
  return KStream<K, LeftJoinedBy<Joiner, K, NonNull<V>, Right>>(add_join(
      left, table, name, options, table.access().stores,
      node_factory<LeftJoinTableNode<K, V, Right, Joiner>>(table.access(), std::move(join_values)), where));
}

}  // namespace weir
