// Several grouped streams folded into one aggregate per key and window.
//
//   orders.cogroup([](const Order& order, Customer& customer) { customer.spent += order.amount; })
//       .cogroup(visits, [](const Visit&, Customer& customer) { ++customer.visits; })
//       .windowed_by(weir::tumbling({.size = 1h, .grace = 5min}))
//       .aggregate({.store = "customers-per-hour"}, [] { return Customer(); });
//
// Each stream has a clock of its own, as in Kafka Streams: a stream that is behind is not late because another is ahead. But
// the store they share has one clock, and what is older than it keeps (see .retention) is dropped as expired. With emission on
// window close, for which one must know what is closed, all share one clock; it is there for windows on the time line only,
// not for sliding windows, and without close_when_idle.
#pragma once

#include <string>
#include <tuple>
#include <utility>

#include <weir/operators/cogroup.h>
#include <weir/operators/windowed_by.h>

namespace weir {

// Notes problems with options that a cogroup cannot have. `by_time`: whether the windows lie on the time line.
void check_cogroup_options(const GraphPoint& stream, const WindowOptions& options, bool by_time,
                           const Location& where);

template <class Windows, class... Inputs>
class KWindowedCogroup {
 public:
  using Key = typename KCogroupedStream<Inputs...>::Key;

  KWindowedCogroup(std::tuple<Inputs...> inputs, Windows windows)
      : inputs_(std::move(inputs)), windows_(std::move(windows)) {}

  template <Initializer Init>
    requires CogroupedBy<Init, Windows, Inputs...>
  auto aggregate(WindowOptions options, Init init, Location where = Location::current()) const
      -> KTable<Windowed<Key>, InitialOf<Init>, kRowsCogroupedBy<Init, Windows, Inputs...>> {
    using Value = InitialOf<Init>;
    const std::string& store = options.store.text();
    const GraphPoint& first = std::get<0>(inputs_).group.stream();
    const std::string name = first.name_for("windowed-cogroup", options.name);
    check_cogroup_options(first, options, !std::same_as<Windows, SlidingWindows>, where);
    TableAccess<Windowed<Key>, Value> access = add_windows<Key, Value>(first, windows_, options, where);
    GraphPoint point = add_cogroup<Windowed<Key>, Change<Value>>(
        inputs_, name, store, where,
        [&]<class K, class V, class F>(const CogroupInput<K, V, F>& input, const KStream<Key, V>& stream,
                                       const std::string& node, std::size_t n) {
          using Step = AggregateStep<Init, F, Key, typename TakenBy<Windows, V>::type>;
          const std::string clock =
              options.emit == WindowEmit::kOnWindowClose ? store : store + ":" + std::to_string(n);
          return add_window_node(stream, node, clock, windows_, options, access.before,
                                 Step(init, input.aggregate, first.graph()->like_kafka_streams()), where);
        });
    return {std::move(point), std::move(access)};
  }

 private:
  std::tuple<Inputs...> inputs_;
  Windows windows_;
};

template <class... Inputs>
KWindowedCogroup<TimeWindows, Inputs...> KCogroupedStream<Inputs...>::windowed_by(TimeWindows windows,
                                                                                  Location where) const {
  return {inputs_, checked(std::get<0>(inputs_).group.stream(), windows, where)};
}

template <class... Inputs>
KWindowedCogroup<SlidingWindows, Inputs...> KCogroupedStream<Inputs...>::windowed_by(SlidingWindows windows,
                                                                                     Location where) const {
  return {inputs_, checked(std::get<0>(inputs_).group.stream(), windows, where)};
}

template <class... Inputs>
KWindowedCogroup<UnlimitedWindows, Inputs...> KCogroupedStream<Inputs...>::windowed_by(
    UnlimitedWindows windows, Location where) const {
  return {inputs_, checked(std::get<0>(inputs_).group.stream(), windows, where)};
}

}  // namespace weir
