// Several grouped streams folded into one aggregate per key and session.
//
//   orders.cogroup([](const Order& order, Customer& customer) { customer.spent += order.amount; })
//       .cogroup(visits, [](const Visit&, Customer& customer) { ++customer.visits; })
//       .windowed_by(weir::session({.gap = 30min, .grace = 1min}))
//       .aggregate({.store = "customers-per-session"}, [] { return Customer(); },
//                  [](const Customer& earlier, const Customer& later) { return earlier + later; });
//
// Records of all streams make the same sessions. Each stream has a clock of its own, see windowed_cogroup.h; there is no
// emission on window close.
#pragma once

#include <string>
#include <tuple>
#include <utility>

#include <weir/operators/cogroup.h>
#include <weir/operators/session_by.h>
#include <weir/operators/windowed_cogroup.h>

namespace weir {

template <class... Inputs>
class KSessionCogroup {
 public:
  using Key = typename KCogroupedStream<Inputs...>::Key;

  KSessionCogroup(std::tuple<Inputs...> inputs, SessionWindows windows)
      : inputs_(std::move(inputs)), windows_(std::move(windows)) {}

  template <Initializer Init, class Merger>
    requires CogroupedBy<Init, SessionWindows, Inputs...> && MergerOver<Merger, Key, InitialOf<Init>>
  auto aggregate(WindowOptions options, Init init, Merger merge_sessions,
                 Location where = Location::current()) const
      -> KTable<SessionWindowed<Key>, InitialOf<Init>, Rows::kMayVanish> {
    using Value = InitialOf<Init>;
    const std::string& store = options.store.text();
    const GraphPoint& first = std::get<0>(inputs_).group.stream();
    const std::string name = first.name_for("session-cogroup", options.name);
    check_cogroup_options(first, options, /*by_time=*/false, where);
    auto access = add_sessions<Key, Value>(first, windows_, options, where);
    GraphPoint point = add_cogroup<SessionWindowed<Key>, Change<Value>>(
        inputs_, name, store, where,
        [&]<class K, class V, class F>(const CogroupInput<K, V, F>& input, const KStream<Key, V>& stream,
                                       const std::string& node, std::size_t n) {
          return add_session_node(
              stream, node, store + ":" + std::to_string(n), windows_, options, access.before,
              AggregateStep<Init, F, Key, V>(init, input.aggregate, first.graph()->like_kafka_streams()),
              AggregateMerge<Init, Merger>(init, merge_sessions), where);
        });
    return {std::move(point), std::move(access)};
  }

 private:
  std::tuple<Inputs...> inputs_;
  SessionWindows windows_;
};

template <class... Inputs>
KSessionCogroup<Inputs...> KCogroupedStream<Inputs...>::windowed_by(SessionWindows windows,
                                                                    Location where) const {
  return {inputs_, checked(std::get<0>(inputs_).group.stream(), windows, where)};
}

}  // namespace weir
