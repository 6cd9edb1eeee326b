// A grouped stream cut into windows of time: what is counted, reduced or aggregated is so by key and window.
//
//   orders.group_by_key()
//       .windowed_by(weir::tumbling({.size = 5min, .grace = 1min}))
//       .count({.store = "orders-per-5-minutes", .emit = weir::WindowEmit::kOnWindowClose})
//       .to_stream()          // KStream<Windowed<std::string>, std::int64_t>
//       .to("order-counts");
//
// "Now" is the largest timestamp that reached the operator, and not the clock on the wall: windows of a stream at rest stay
// open (unless close_when_idle says otherwise). It is committed with the task, so a restart makes no difference. A record
// that comes too late for a window is dropped for that window and counted; see late.h.
//
// Records without a key are dropped and do not move "now". Null values, where the type has them, are counted, and given to
// the reducer or aggregator, like any other; but sliding windows drop them.
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>

#include <weir/operators/aggregator.h>
#include <weir/operators/concepts.h>
#include <weir/operators/grouped.h>
#include <weir/operators/late.h>
#include <weir/operators/options.h>
#include <weir/operators/table.h>
#include <weir/operators/time_windows.h>
#include <weir/operators/windowed.h>

namespace weir {

// What an operator over such windows gives to reducers and aggregators.
template <class Windows, class V>
struct TakenBy {
  using type = V;
};

template <class K, class V>
class KSlicedStream;

template <class K, class V, class Windows>
class KWindowedStream {
 public:
  using Key = Windowed<NonNull<K>>;
  using Taken = typename TakenBy<Windows, V>::type;

  KWindowedStream(KGroupedStream<K, V> group, Windows windows, LateStream<NonNull<K>, V> late = {})
      : group_(std::move(group)), windows_(std::move(windows)), late_(std::move(late)) {}

  // See late.h.
  template <class F>
    requires LateStreamOver<F, NonNull<K>, V>
  [[nodiscard]] KWindowedStream late(F take) const {
    return {group_, windows_, std::move(take)};
  }

  // Makes windows that overlap share what they have in common, see sliced_stream.h.
  [[nodiscard]] KSlicedStream<K, V> slices() const
    requires std::same_as<Windows, TimeWindows>;

  // See count.h.
  auto count(WindowOptions options, Location where = Location::current()) const
      -> KTable<Windowed<NonNull<K>>, std::int64_t, Rows::kStay>
    requires Storable<NonNull<K>>;

  // See reduce.h. Where values may be null, the reducer's second argument is a std::optional.
  template <class Reducer>
    requires ReducerOver<Reducer, NonNull<V>, typename TakenBy<Windows, V>::type> && Storable<NonNull<K>> &&
             Storable<NonNull<V>>
  auto reduce(WindowOptions options, Reducer reduce_values, Location where = Location::current()) const
      -> KTable<Windowed<NonNull<K>>, NonNull<V>,
                kRowsReducedBy<Reducer, NonNull<V>, typename TakenBy<Windows, V>::type>>;

  // See aggregate.h. Where values may be null, the aggregator is given a std::optional.
  template <Initializer Init, class Aggregator>
    requires AggregatorOver<Aggregator, NonNull<K>, typename TakenBy<Windows, V>::type, InitialOf<Init>> &&
             Storable<NonNull<K>> && Storable<InitialOf<Init>>
  auto aggregate(WindowOptions options, Init init, Aggregator aggregate_values,
                 Location where = Location::current()) const
      -> KTable<
          Windowed<NonNull<K>>, InitialOf<Init>,
          kRowsAggregatedBy<Aggregator, NonNull<K>, typename TakenBy<Windows, V>::type, InitialOf<Init>>>;

  // For those who write verbs.
  [[nodiscard]] const KGroupedStream<K, V>& group() const { return group_; }
  [[nodiscard]] const Windows& windows() const { return windows_; }
  [[nodiscard]] const LateStream<NonNull<K>, V>& late_taker() const { return late_; }

 private:
  KGroupedStream<K, V> group_;
  Windows windows_;
  LateStream<NonNull<K>, V> late_;
};

}  // namespace weir
