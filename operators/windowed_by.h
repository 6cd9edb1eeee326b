// windowed_by cuts a grouped stream into windows of time. What can be done with them: windowed_stream.h; which windows
// there are: time_windows.h.
//
//   orders.group_by_key().windowed_by(weir::tumbling({.size = 1h, .grace = 0min})).count({.store = "orders-per-hour"});
#pragma once

#include <utility>

#include <weir/operators/window_aggregate_node.h>
#include <weir/operators/windowed_stream.h>

namespace weir {

// Notes a problem if there can be no such windows; returns windows that can be worked with.
[[nodiscard]] TimeWindows checked(const GraphPoint& stream, const TimeWindows& windows,
                                  const Location& where);

template <class K, class V>
KWindowedStream<K, V> KGroupedStream<K, V>::windowed_by(TimeWindows windows, Location where) const {
  return KWindowedStream<K, V>(*this, checked(stream_, windows, where));
}

template <class K, class V>
auto KWindowedStream<K, V>::count(WindowOptions options, Location where) const
    -> KTable<Windowed<NonNull<K>>, std::int64_t, Rows::kStay>
  requires Storable<NonNull<K>>
{
  return add_window_aggregate(*this, "windowed-count", options, CountStep(), where);
}

template <class K, class V>
template <class Reducer>
  requires ReducerOver<Reducer, NonNull<V>, V> && Storable<NonNull<K>> && Storable<NonNull<V>>
auto KWindowedStream<K, V>::reduce(WindowOptions options, Reducer reduce_values, Location where) const
    -> KTable<Windowed<NonNull<K>>, NonNull<V>, kRowsReducedBy<Reducer, NonNull<V>, V>> {
  return add_window_aggregate(*this, "windowed-reduce", options,
                              ReduceStep<NonNull<V>, V, Reducer>(std::move(reduce_values)), where);
}

template <class K, class V>
template <Initializer Init, class Aggregator>
  requires AggregatorOver<Aggregator, NonNull<K>, V, InitialOf<Init>> && Storable<NonNull<K>> &&
           Storable<InitialOf<Init>>
auto KWindowedStream<K, V>::aggregate(WindowOptions options, Init init, Aggregator aggregate_values,
                                      Location where) const
    -> KTable<Windowed<NonNull<K>>, InitialOf<Init>,
              kRowsAggregatedBy<Aggregator, NonNull<K>, V, InitialOf<Init>>> {
  return add_window_aggregate(
      *this, "windowed-aggregate", options,
      AggregateStep<Init, Aggregator, NonNull<K>, V>(std::move(init), std::move(aggregate_values)), where);
}

}  // namespace weir
