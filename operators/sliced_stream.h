// slices makes windows that overlap share what they have in common: a record is aggregated once, and not once for each window
// that it is in.
//
//   payments.group_by_key()
//       .windowed_by(weir::hopping({.size = 1h, .advance = 1min, .grace = 5min}))     // each record is in 60 windows
//       .slices()
//       .aggregate({.store = "spent-per-hour", .emit = weir::WindowEmit::kOnWindowClose},
//                  [] { return Totals(); },
//                  [](const Payment& payment, Totals& totals) noexcept { totals.add(payment); },
//                  [](const Totals& left, const Totals& right) { return left + right; })
//
// Time is cut into slices as wide as the greatest common divisor of size and advance; the store has an aggregate of each key
// and slice, and only that is written and logged. A merger makes a window of its slices when the window is told of or read.
//
// It is asked for, and not the default, because it rests on laws that a program cannot see. With merge for the merger, init
// for what the initializer makes, and aggregate for the aggregator,
//
//   merge(a, b) == merge(b, a)                  merge(a, init) == a
//   merge(merge(a, b), c) == merge(a, merge(b, c))
//   aggregate(value, merge(a, b)) == merge(a, aggregate(value, b))
//
// check_merge_laws (merge_laws.h) tests them. Where they hold, what is told is the same as without slices: windows, values,
// times, headers and order, with every emission, also of late records, which are in those of a slice's windows that were
// still open and in no others, and after a restart. (Sums of floating-point numbers do not quite obey: their last digits may
// differ.) What does differ:
//
//   the store           has slices: queries, and processors that use it, see a SliceStore (state/slice_store.h). Verbs
//                       that read the table (joins, views) see windows. It is another kind of store, so with and without
//                       slices, or with other windows, it wants another name.
//   callables           the aggregator is called once per record, the merger when windows are told of or read. One that
//                       throws has the policy of on_error too; if it is the merger the record stays in its slice, and the
//                       window is not told of.
//   rows                stay: an aggregator cannot delete them by returning a std::optional.
//
// When it pays: emission on commit or on window close, where a record costs one update however many windows it is in. To
// tell of every update each window is put together for each record, which costs more than it saves.
//
// Windows that do not overlap, and windows of more than kSlicesPerWindowMax slices (1 h by 7001 ms has 3 600 000), are kept one
// by one, as without.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/operators/aggregator.h>
#include <weir/operators/session_step.h>
#include <weir/operators/slice_aggregate_node.h>
#include <weir/operators/slice_table.h>
#include <weir/operators/slices.h>
#include <weir/operators/time_windows.h>
#include <weir/operators/window_aggregate_node.h>
#include <weir/operators/windowed_by.h>
#include <weir/operators/windowed_stream.h>

namespace weir {

template <class K, class V>
class KSlicedStream {
 public:
  using Key = NonNull<K>;

  explicit KSlicedStream(KWindowedStream<K, V, TimeWindows> windowed) : windowed_(std::move(windowed)) {}

  // See count.h.
  auto count(WindowOptions options, Location where = Location::current()) const
      -> KTable<Windowed<Key>, std::int64_t, Rows::kStay>
    requires Storable<Key>
  {
    return add("windowed-count", options, CountStep{like_kafka_streams()}, std::plus<std::int64_t>(), where);
  }

  // See reduce.h. The merger, a MergerOver, makes one of two reduced values; where the reducer obeys the laws itself, give it
  // twice.
  template <class Reducer, class Merger>
    requires StayingReducerOver<Reducer, V> && MergerOver<Merger, NonNull<K>, V> && Storable<NonNull<K>> &&
             Storable<V>
  auto reduce(WindowOptions options, Reducer reduce_values, Merger merge_slices,
              Location where = Location::current()) const -> KTable<Windowed<Key>, V, Rows::kStay> {
    return add("windowed-reduce", options, ReduceStep<V, V, Reducer>(std::move(reduce_values)),
               std::move(merge_slices), where);
  }

  // See aggregate.h. The merger is a MergerOver: T(T, T) or T(key, T, T).
  template <Initializer Init, class Aggregator, class Merger>
    requires StayingAggregatorOver<Aggregator, NonNull<K>, V, InitialOf<Init>> &&
             MergerOver<Merger, NonNull<K>, InitialOf<Init>> && Storable<NonNull<K>> &&
             Storable<InitialOf<Init>>
  auto aggregate(WindowOptions options, Init init, Aggregator aggregate_values, Merger merge_slices,
                 Location where = Location::current()) const
      -> KTable<Windowed<Key>, InitialOf<Init>, Rows::kStay> {
    return add("windowed-aggregate", options,
               AggregateStep<Init, Aggregator, Key, V>(std::move(init), std::move(aggregate_values),
                                                       like_kafka_streams()),
               std::move(merge_slices), where);
  }

  // Without a merger there is nothing to put windows together with.
  template <class Reducer>
  void reduce(WindowOptions, Reducer, Location = Location::current()) const {
    static_assert(std::is_void_v<Reducer>,
                  "slices need a merger: reduce(options, reducer, merger), where the merger makes one of two "
                  "reduced values and may be the reducer itself");
  }
  template <Initializer Init, class Aggregator>
  void aggregate(WindowOptions, Init, Aggregator, Location = Location::current()) const {
    static_assert(std::is_void_v<Aggregator>,
                  "slices need a merger: aggregate(options, initializer, aggregator, merger), where the "
                  "merger makes one of two aggregates");
  }

 private:
  [[nodiscard]] bool like_kafka_streams() const {
    return windowed_.group().stream().graph()->like_kafka_streams();
  }

  template <class Step, class Merger>
  [[nodiscard]] KTable<Windowed<Key>, typename Step::Value, Rows::kStay> add(const std::string& verb,
                                                                             const WindowOptions& options,
                                                                             Step step, Merger merger,
                                                                             const Location& where) const {
    const TimeWindows& windows = windowed_.windows();
    if (!Slices(windows).worthwhile())
      return add_window_aggregate(windowed_, verb, options, std::move(step), where);

    const std::string& store = options.store.text();
    const KStream<Key, V> stream = windowed_.group().keyed_stream(store, where);
    auto access = add_slices<Key, typename Step::Value>(stream, windows, merger, options, where);
    GraphPoint point =
        stream.extend_named(stream.name_for(verb, options.name), options.on_error,
                            [options = node_options(stream, options, store), windows, before = access.before,
                             step = std::move(step), merger = std::move(merger)]() -> std::unique_ptr<Node> {
                              return std::make_unique<SliceAggregateNode<Key, V, Step, Merger>>(
                                  options, windows, before, step, merger);
                            },
                            where, {store});
    offer_late<Key, V>(point, windowed_.late_taker());
    return {std::move(point), std::move(access)};
  }

  KWindowedStream<K, V, TimeWindows> windowed_;
};

template <class K, class V, class Windows>
KSlicedStream<K, V> KWindowedStream<K, V, Windows>::slices() const
  requires std::same_as<Windows, TimeWindows>
{
  return KSlicedStream<K, V>(*this);
}

}  // namespace weir
