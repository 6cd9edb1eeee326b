// A stream whose records are to be taken together by key: counted, reduced or aggregated, in windows or for ever.
//
//   orders.group_by([](const Order& order) { return order.customer; }).count({.store = "orders-per-customer"});
//
// Every verb makes a table in a store. If the keys were changed it first sends the stream through a repartition topic, called
// after the group if that has a name (then all verbs on the group share the topic), and after the store otherwise.
//
// Records without a key are dropped and counted. So are those with a null value, but not in windows, where a null is
// counted, and given to the reducer or aggregator, as any other value.
//
// A callable that throws leaves the row as it was. The row's time is the largest of the records that went into it.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/operators/aggregator.h>
#include <weir/operators/concepts.h>
#include <weir/operators/repartition.h>
#include <weir/operators/stream.h>
#include <weir/operators/table.h>
#include <weir/operators/time_windows.h>

namespace weir {

class SessionWindows;
class SlidingWindows;
class UnlimitedWindows;
template <class K, class V>
class KSessionStream;
template <class K, class V, class Windows>
class KWindowedStream;
template <class K, class V, class Aggregator>
struct CogroupInput;
template <class... Inputs>
class KCogroupedStream;

template <class K, class V>
class KGroupedStream {
 public:
  using Key = NonNull<K>;
  // What reducers and aggregators are given.
  using Value = NonNull<V>;

  // `name`: of the group; may be empty.
  KGroupedStream(KStream<K, V> stream, std::string name)
      : stream_(std::move(stream)), name_(std::move(name)) {}

  auto count(TableOptions options, Location where = Location::current()) const
      -> KTable<NonNull<K>, std::int64_t, Rows::kStay>
    requires Storable<NonNull<K>>;

  template <class Reducer>
    requires ReducerOver<Reducer, NonNull<V>, NonNull<V>> && Storable<NonNull<K>> && Storable<NonNull<V>>
  auto reduce(TableOptions options, Reducer reduce_values, Location where = Location::current()) const
      -> KTable<NonNull<K>, NonNull<V>, kRowsReducedBy<Reducer, NonNull<V>, NonNull<V>>>;

  template <Initializer Init, class Aggregator>
    requires AggregatorOver<Aggregator, NonNull<K>, NonNull<V>, InitialOf<Init>> && Storable<NonNull<K>> &&
             Storable<InitialOf<Init>>
  auto aggregate(TableOptions options, Init init, Aggregator aggregate_values,
                 Location where = Location::current()) const
      -> KTable<NonNull<K>, InitialOf<Init>,
                kRowsAggregatedBy<Aggregator, NonNull<K>, NonNull<V>, InitialOf<Init>>>;

  // See windowed_by.h.
  [[nodiscard]] KWindowedStream<K, V, TimeWindows> windowed_by(TimeWindows windows,
                                                               Location where = Location::current()) const;
  [[nodiscard]] KWindowedStream<K, V, UnlimitedWindows> windowed_by(
      UnlimitedWindows windows, Location where = Location::current()) const;
  // See session_by.h.
  [[nodiscard]] KSessionStream<K, V> windowed_by(SessionWindows windows,
                                                 Location where = Location::current()) const;
  [[nodiscard]] KWindowedStream<K, V, SlidingWindows> windowed_by(SlidingWindows windows,
                                                                  Location where = Location::current()) const;

  // Takes more streams into one aggregate; see cogroup.h.
  template <std::copy_constructible Aggregator>
  [[nodiscard]] KCogroupedStream<CogroupInput<K, V, Aggregator>> cogroup(Aggregator aggregate_values) const;

  // For those who write verbs: returns the stream with its records where their keys belong. `base` names what is added
  // unless the group has a name.
  [[nodiscard]] KStream<Key, V> keyed_stream(const std::string& base, const Location& where) const {
    if (name_.empty()) return keyed(stream_, base, where);
    if (!*shared_) *shared_ = keyed(stream_, name_, where);
    return KStream<Key, V>(**shared_);
  }
  [[nodiscard]] const KStream<K, V>& stream() const { return stream_; }

 private:
  KStream<K, V> stream_;
  std::string name_;
  // Where the keyed stream of a named group is; shared by the copies of this handle.
  std::shared_ptr<std::optional<GraphPoint>> shared_ = std::make_shared<std::optional<GraphPoint>>();
};

}  // namespace weir
