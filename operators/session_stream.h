// A grouped stream cut into sessions: what is counted, reduced or aggregated is so by key and session. See
// session_windows.h.
//
// Records without a key are dropped; null values, where the type has them, are counted, reduced and aggregated as any other.
#pragma once

#include <cstdint>
#include <utility>

#include <weir/operators/aggregator.h>
#include <weir/operators/concepts.h>
#include <weir/operators/grouped.h>
#include <weir/operators/late.h>
#include <weir/operators/options.h>
#include <weir/operators/session_step.h>
#include <weir/operators/session_windowed.h>
#include <weir/operators/session_windows.h>
#include <weir/operators/table.h>

namespace weir {

template <class K, class V>
class KSessionStream {
 public:
  using Key = SessionWindowed<NonNull<K>>;

  KSessionStream(KGroupedStream<K, V> group, SessionWindows windows, LateStream<NonNull<K>, V> late = {})
      : group_(std::move(group)), windows_(std::move(windows)), late_(std::move(late)) {}

  // See late.h.
  template <class F>
    requires LateStreamOver<F, NonNull<K>, V>
  [[nodiscard]] KSessionStream late(F take) const {
    return {group_, windows_, std::move(take)};
  }

  auto count(WindowOptions options, Location where = Location::current()) const
      -> KTable<SessionWindowed<NonNull<K>>, std::int64_t, Rows::kMayVanish>
    requires Storable<NonNull<K>>;

  // The reducer also makes two sessions one: reducer(earlier, later).
  template <class Reducer>
    requires ReducerOver<Reducer, NonNull<V>, V> && Storable<NonNull<K>> && Storable<NonNull<V>>
  auto reduce(WindowOptions options, Reducer reduce_values, Location where = Location::current()) const
      -> KTable<SessionWindowed<NonNull<K>>, NonNull<V>, Rows::kMayVanish>;

  // The merger makes two sessions one; it is a MergerOver: T(T, T) or T(key, T, T).
  template <Initializer Init, class Aggregator, class Merger>
    requires AggregatorOver<Aggregator, NonNull<K>, V, InitialOf<Init>> &&
             MergerOver<Merger, NonNull<K>, InitialOf<Init>> && Storable<NonNull<K>> &&
             Storable<InitialOf<Init>>
  auto aggregate(WindowOptions options, Init init, Aggregator aggregate_values, Merger merge_sessions,
                 Location where = Location::current()) const
      -> KTable<SessionWindowed<NonNull<K>>, InitialOf<Init>, Rows::kMayVanish>;

  // For those who write verbs.
  [[nodiscard]] const KGroupedStream<K, V>& group() const { return group_; }
  [[nodiscard]] const SessionWindows& windows() const { return windows_; }
  [[nodiscard]] const LateStream<NonNull<K>, V>& late_taker() const { return late_; }

 private:
  KGroupedStream<K, V> group_;
  SessionWindows windows_;
  LateStream<NonNull<K>, V> late_;
};

}  // namespace weir
