// Several grouped streams whose values are to be folded into one aggregate per key. See cogroup.h.
#pragma once

#include <concepts>
#include <tuple>
#include <utility>

#include <weir/operators/aggregator.h>
#include <weir/operators/concepts.h>
#include <weir/operators/grouped.h>
#include <weir/operators/windowed_stream.h>

namespace weir {

template <class K, class V, class Aggregator>
struct CogroupInput {
  using Key = NonNull<K>;
  using Value = V;
  using Callable = Aggregator;

  KGroupedStream<K, V> group;
  Aggregator aggregate;
};

// Stands for the lack of windows where one of their kinds is asked for.
struct NoWindows {};
template <class V>
struct TakenBy<NoWindows, V> {
  using type = NonNull<V>;
};

// An initializer of what every input's aggregator folds into: each is an AggregatorOver<key, value, T> for the T() that the
// initializer makes.
template <class Init, class Windows, class... Inputs>
concept CogroupedBy =
    Storable<InitialOf<Init>> &&
    (AggregatorOver<typename Inputs::Callable, typename Inputs::Key,
                    typename TakenBy<Windows, typename Inputs::Value>::type, InitialOf<Init>> &&
     ...);

// Whether rows can vanish: whether one of the aggregators can delete them.
template <class Init, class Windows, class... Inputs>
inline constexpr Rows kRowsCogroupedBy =
    ((kRowsAggregatedBy<typename Inputs::Callable, typename Inputs::Key,
                        typename TakenBy<Windows, typename Inputs::Value>::type, InitialOf<Init>> ==
      Rows::kMayVanish) ||
     ...)
        ? Rows::kMayVanish
        : Rows::kStay;

template <class Windows, class... Inputs>
class KWindowedCogroup;
template <class... Inputs>
class KSessionCogroup;

template <class... Inputs>
class KCogroupedStream {
 public:
  using Key = typename std::tuple_element_t<0, std::tuple<Inputs...>>::Key;

  explicit KCogroupedStream(std::tuple<Inputs...> inputs) : inputs_(std::move(inputs)) {}

  // Adds a stream.
  template <class K, class V, std::copy_constructible Aggregator>
    requires std::same_as<NonNull<K>, Key>
  [[nodiscard]] KCogroupedStream<Inputs..., CogroupInput<K, V, Aggregator>> cogroup(
      const KGroupedStream<K, V>& group, Aggregator aggregate_values) const {
    return KCogroupedStream<Inputs..., CogroupInput<K, V, Aggregator>>(std::tuple_cat(
        inputs_, std::tuple(CogroupInput<K, V, Aggregator>{group, std::move(aggregate_values)})));
  }

  template <Initializer Init>
    requires CogroupedBy<Init, NoWindows, Inputs...>
  auto aggregate(TableOptions options, Init init, Location where = Location::current()) const
      -> KTable<Key, InitialOf<Init>, kRowsCogroupedBy<Init, NoWindows, Inputs...>>;

  // See windowed_cogroup.h.
  [[nodiscard]] KWindowedCogroup<TimeWindows, Inputs...> windowed_by(
      TimeWindows windows, Location where = Location::current()) const;
  [[nodiscard]] KWindowedCogroup<SlidingWindows, Inputs...> windowed_by(
      SlidingWindows windows, Location where = Location::current()) const;
  [[nodiscard]] KWindowedCogroup<UnlimitedWindows, Inputs...> windowed_by(
      UnlimitedWindows windows, Location where = Location::current()) const;
  // See session_cogroup.h.
  [[nodiscard]] KSessionCogroup<Inputs...> windowed_by(SessionWindows windows,
                                                       Location where = Location::current()) const;

 private:
  std::tuple<Inputs...> inputs_;
};

}  // namespace weir
