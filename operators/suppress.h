// suppress holds the changes of a table back and tells of fewer: of each window once, when it is final, or of each row at
// most once in a while.
//
//   builder.stream<std::string, std::string>("orders")
//       .group_by_key()
//       .windowed_by(weir::tumbling({.size = 5min, .grace = 1min}))
//       .count({.store = "orders-per-5-minutes"})
//       .suppress(weir::until_window_closes({.store = "final-orders-per-5-minutes"}))
//       .to_stream()
//       .to("order-counts");
//
//   builder.table<std::string, std::string>("positions", {.store = "positions"})
//       .suppress(weir::until_time_limit({.store = "slow-positions", .limit = 10s, .max_records = 100'000}))
//       .to_stream()
//       .to("positions-on-map");
//
// "Now" is the greatest timestamp of a change that reached the verb: what is dropped above does not move it, and nothing
// comes out of a table at rest. It is committed with the task.
//
// until_window_closes: a window's last change comes out when now is its grace past its end. A window whose row is gone by
// then is not mentioned at all, so the result's rows stay. For tables of windows that are made in this program; views and
// joins of such tables count as well.
//
// until_time_limit: a row's last change comes out when now is `limit` past the first change that was held back; further
// changes do not prolong that. A row that is deleted is told of like any other change.
//
// What comes out has the time and the headers of the last change. Changes that are due together come by the time they wait
// by, then by the bytes of their keys. Those downstream who ask what was there before are told what came out last; those
// who read rows see the same.
//
// What is held back lies in the store, with an index of its keys in memory. `max_records` and `max_bytes` limit it: when
// there is more, the oldest comes out early or, with until_window_closes or WhenFull::kFail, the task fails and says so.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weir/operators/suppress_node.h>
#include <weir/operators/table.h>
#include <weir/operators/to_stream.h>

namespace weir {

// Notes what is wrong with it.
void check_suppression(const GraphPoint& table, const Suppression& how, bool versioned,
                       const Location& where);

// Adds the node and its store.
template <Rows rows, class K, class V>
[[nodiscard]] KTable<K, V, rows> add_suppress(const GraphPoint& table, const TableAccess<K, V>& upstream,
                                              const std::string& name, const Suppression& how,
                                              const StoreOptions& options, const Location& where) {
  check_suppression(table, how, upstream.history.has_value(), where);
  table.graph()->topology().add_store(held_store_spec<K, V>(how.store, options), state_engine(), where);

  TableAccess<K, V> access;
  access.before = BeforeWish::held_back(upstream.before);
  access.window_grace = upstream.window_grace;
  if (upstream.open_getter != nullptr) {
    access.stores = upstream.stores;
    access.stores.push_back(how.store);
    access.open_getter = [open = upstream.open_getter, store = how.store](
                             TaskContext& context, const Node& reader) -> std::unique_ptr<TableGetter<K, V>> {
      return std::make_unique<SuppressedGetter<K, V>>(typed_store<HeldStore<V>>(context, reader, store),
                                                      open(context, reader));
    };
  }
  GraphPoint point = table.extend_named(table.name_for("suppress", name), ErrorPolicy::kInherit,
                                        [how, before = access.before]() -> std::unique_ptr<Node> {
                                          return std::make_unique<SuppressNode<K, V>>(how, before);
                                        },
                                        where, {how.store});
  return KTable<K, V, rows>(std::move(point), std::move(access));
}

// Returns how long after its end a window is final; a problem is noted if nobody knows.
[[nodiscard]] Duration wait_for_windows(const GraphPoint& table, std::optional<Duration> window_grace,
                                        const Location& where);

template <class K, class V, Rows rows>
KTable<K, V, Rows::kStay> KTable<K, V, rows>::suppress(const UntilWindowCloses& how, Location where) const
  requires kIsWindowed<K> && Storable<V>
{
  return add_suppress<Rows::kStay>(*this, access_, how.name,
                                   {.store = how.store.text(),
                                    .wait = wait_for_windows(*this, access_.window_grace, where),
                                    .final_results = true,
                                    .max_records = how.max_records,
                                    .max_bytes = how.max_bytes,
                                    .when_full = WhenFull::kFail,
                                    .like_kafka_streams = this->graph()->like_kafka_streams()},
                                   {.persistent = how.persistent, .logged = how.logged}, where);
}

template <class K, class V, Rows rows>
KTable<K, V, rows> KTable<K, V, rows>::suppress(const UntilTimeLimit& how, Location where) const
  requires Storable<K> && Storable<V>
{
  return add_suppress<rows>(*this, access_, how.name,
                            {.store = how.store.text(),
                             .wait = how.limit.value(),
                             .final_results = false,
                             .max_records = how.max_records,
                             .max_bytes = how.max_bytes,
                             .when_full = how.when_full,
                             .like_kafka_streams = this->graph()->like_kafka_streams()},
                            {.persistent = how.persistent, .logged = how.logged}, where);
}

}  // namespace weir
