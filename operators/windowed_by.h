// windowed_by cuts a grouped stream into windows of time. What can be done with them: windowed_stream.h; which windows
// there are: time_windows.h, sliding_windows.h, unlimited_windows.h. For sessions see
// session_by.h.
//
//   orders.group_by_key().windowed_by(weir::tumbling({.size = 1h, .grace = 0min})).count({.store = "orders-per-hour"});
#pragma once

#include <utility>

#include <weir/operators/sliding_aggregate_node.h>
#include <weir/operators/sliding_windows.h>
#include <weir/operators/unlimited_windows.h>
#include <weir/operators/window_aggregate_node.h>
#include <weir/operators/windowed_stream.h>

namespace weir {

// Note a problem if there can be no such windows; return windows that can be worked with.
[[nodiscard]] TimeWindows checked(const GraphPoint& stream, const TimeWindows& windows,
                                  const Location& where);
[[nodiscard]] UnlimitedWindows checked(const GraphPoint& stream, const UnlimitedWindows& windows,
                                       const Location& where);
[[nodiscard]] SlidingWindows checked(const GraphPoint& stream, const SlidingWindows& windows,
                                     const Location& where);

template <class K, class V>
KWindowedStream<K, V, TimeWindows> KGroupedStream<K, V>::windowed_by(TimeWindows windows,
                                                                     Location where) const {
  return {*this, checked(stream_, windows, where)};
}

template <class K, class V>
KWindowedStream<K, V, UnlimitedWindows> KGroupedStream<K, V>::windowed_by(UnlimitedWindows windows,
                                                                          Location where) const {
  return {*this, checked(stream_, windows, where)};
}

template <class K, class V>
KWindowedStream<K, V, SlidingWindows> KGroupedStream<K, V>::windowed_by(SlidingWindows windows,
                                                                        Location where) const {
  return {*this, checked(stream_, windows, where)};
}

template <class K, class V, class Windows>
auto KWindowedStream<K, V, Windows>::count(WindowOptions options, Location where) const
    -> KTable<Windowed<NonNull<K>>, std::int64_t, Rows::kStay>
  requires Storable<NonNull<K>>
{
  return add_window_aggregate(*this, "windowed-count", options,
                              CountStep{group_.stream().graph()->like_kafka_streams()}, where);
}

template <class K, class V, class Windows>
template <class Reducer>
  requires ReducerOver<Reducer, NonNull<V>, typename TakenBy<Windows, V>::type> && Storable<NonNull<K>> &&
           Storable<NonNull<V>>
auto KWindowedStream<K, V, Windows>::reduce(WindowOptions options, Reducer reduce_values,
                                            Location where) const
    -> KTable<Windowed<NonNull<K>>, NonNull<V>,
              kRowsReducedBy<Reducer, NonNull<V>, typename TakenBy<Windows, V>::type>> {
  return add_window_aggregate(*this, "windowed-reduce", options,
                              ReduceStep<NonNull<V>, Taken, Reducer>(std::move(reduce_values)), where);
}

template <class K, class V, class Windows>
template <Initializer Init, class Aggregator>
  requires AggregatorOver<Aggregator, NonNull<K>, typename TakenBy<Windows, V>::type, InitialOf<Init>> &&
           Storable<NonNull<K>> && Storable<InitialOf<Init>>
auto KWindowedStream<K, V, Windows>::aggregate(WindowOptions options, Init init, Aggregator aggregate_values,
                                               Location where) const
    -> KTable<
        Windowed<NonNull<K>>, InitialOf<Init>,
        kRowsAggregatedBy<Aggregator, NonNull<K>, typename TakenBy<Windows, V>::type, InitialOf<Init>>> {
  return add_window_aggregate(
      *this, "windowed-aggregate", options,
      AggregateStep<Init, Aggregator, NonNull<K>, Taken>(std::move(init), std::move(aggregate_values),
                                                         group_.stream().graph()->like_kafka_streams()),
      where);
}

}  // namespace weir
