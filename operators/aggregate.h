// aggregate folds the values of each key into something of another type.
//
//   orders.group_by_key().aggregate({.store = "totals"}, [] { return Totals(); },
//                                   [](const Order& order, Totals& totals) noexcept { totals.add(order.amount); });
//
// The initializer makes the value of a row before its first record. The aggregator is an AggregatorOver: it returns the new
// aggregate, T(value, T) or T(key, value, T), or changes it in place, void(value, T&) or void(key, value, T&). Returning a
// std::optional<T> it can delete the row; the next value then begins anew.
//
// In place, an aggregator works on a copy of the row, so that one that throws leaves the row as it was; if it is declared
// noexcept it works on the row itself.
#pragma once

#include <utility>

#include <weir/operators/aggregate_node.h>

namespace weir {

template <class K, class V>
template <Initializer Init, class Aggregator>
  requires AggregatorOver<Aggregator, NonNull<K>, NonNull<V>, InitialOf<Init>> && Storable<NonNull<K>> &&
           Storable<InitialOf<Init>>
auto KGroupedStream<K, V>::aggregate(TableOptions options, Init init, Aggregator aggregate_values,
                                     Location where) const
    -> KTable<NonNull<K>, InitialOf<Init>,
              kRowsAggregatedBy<Aggregator, NonNull<K>, NonNull<V>, InitialOf<Init>>> {
  return add_aggregate(
      *this, "aggregate", options,
      AggregateStep<Init, Aggregator, Key, Value>(std::move(init), std::move(aggregate_values),
                                                  stream_.graph()->like_kafka_streams()),
      where);
}

}  // namespace weir
