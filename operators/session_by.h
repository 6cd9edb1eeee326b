// windowed_by cuts a grouped stream into sessions, see session_windows.h. What can be done with them: session_stream.h.
//
//   clicks.group_by_key().windowed_by(weir::session({.gap = 30min, .grace = 0min})).count({.store = "clicks-per-session"});
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <weir/operators/session_aggregate_node.h>
#include <weir/operators/session_stream.h>
#include <weir/operators/session_windows.h>
#include <weir/state/session_store.h>

namespace weir {

// Notes a problem if there can be no such sessions; returns some that can be worked with.
[[nodiscard]] SessionWindows checked(const GraphPoint& stream, const SessionWindows& windows,
                                     const Location& where);

// The rows of a session store.
template <class K, class V>
class SessionGetter final : public TableGetter<SessionWindowed<K>, V> {
 public:
  explicit SessionGetter(SessionStore<K, V>& store) : store_(store) {}
  const Timestamped<V>* find(const SessionWindowed<K>& key, BytesView) override {
    return store_.find(key.key, key.window.start, key.window.end);
  }

 private:
  SessionStore<K, V>& store_;
};

// Adds a session store, and returns how to read the table in it.
template <class K, class Value>
[[nodiscard]] TableAccess<SessionWindowed<K>, Value> add_sessions(const GraphPoint& stream,
                                                                  const SessionWindows& windows,
                                                                  const WindowOptions& options,
                                                                  const Location& where) {
  const std::string& store = options.store.text();
  check_options(stream, options, /*ever_close=*/true, where);
  // A session that ended exactly so long ago can still change.
  const Duration retention = retention_of(stream, windows.retention(), options, where) + Duration(1);
  stream.graph()->topology().add_store(
      session_store_spec<K, Value>(store, retention, Duration(-1), store_options(options)), state_engine(),
      where);

  using Key = SessionWindowed<K>;
  TableAccess<Key, Value> access;
  access.stores = {store};
  access.open_getter = [store](TaskContext& context,
                               const Node& reader) -> std::unique_ptr<TableGetter<Key, Value>> {
    return std::make_unique<SessionGetter<K, Value>>(
        typed_store<SessionStore<K, Value>>(context, reader, store));
  };
  access.before = std::make_shared<BeforeWish>();
  // Kafka Streams tells of sessions a millisecond before they close.
  access.window_grace = windows.retention() + Duration(stream.graph()->like_kafka_streams() ? 0 : 1);
  return access;
}

// Adds a node over such a store. `clock`: the name of its time.
template <class K, class V, class Step, class Merge>
[[nodiscard]] GraphPoint add_session_node(const KStream<K, V>& stream, const std::string& name,
                                          const std::string& clock, const SessionWindows& windows,
                                          const WindowOptions& options,
                                          const std::shared_ptr<BeforeWish>& before, Step step, Merge merge,
                                          const Location& where) {
  return stream.extend_named(name, options.on_error,
                             [options = node_options(stream, options, clock), windows, before,
                              step = std::move(step), merge = std::move(merge)]() -> std::unique_ptr<Node> {
                               return std::make_unique<SessionAggregateNode<K, V, Step, Merge>>(
                                   options, windows, before, step, merge);
                             },
                             where, {options.store.text()});
}

// Adds store and node below a group.
template <class K, class V, class Step, class Merge>
[[nodiscard]] auto add_session_aggregate(const KSessionStream<K, V>& sessions, const std::string& verb,
                                         const WindowOptions& options, Step step, Merge merge,
                                         const Location& where) {
  using Key = NonNull<K>;
  using Value = typename Step::Value;
  const std::string& store = options.store.text();
  const KStream<Key, V> stream = sessions.group().keyed_stream(store, where);
  auto access = add_sessions<Key, Value>(stream, sessions.windows(), options, where);
  GraphPoint point = add_session_node(stream, stream.name_for(verb, options.name), store, sessions.windows(),
                                      options, access.before, std::move(step), std::move(merge), where);
  offer_late<Key, V>(point, sessions.late_taker());
  return KTable<SessionWindowed<Key>, Value, Rows::kMayVanish>(std::move(point), std::move(access));
}

template <class K, class V>
KSessionStream<K, V> KGroupedStream<K, V>::windowed_by(SessionWindows windows, Location where) const {
  return {*this, checked(stream_, windows, where)};
}

template <class K, class V>
auto KSessionStream<K, V>::count(WindowOptions options, Location where) const
    -> KTable<SessionWindowed<NonNull<K>>, std::int64_t, Rows::kMayVanish>
  requires Storable<NonNull<K>>
{
  return add_session_aggregate(*this, "session-count", options, CountStep{}, CountMerge(), where);
}

template <class K, class V>
template <class Reducer>
  requires ReducerOver<Reducer, NonNull<V>, V> && Storable<NonNull<K>> && Storable<NonNull<V>>
auto KSessionStream<K, V>::reduce(WindowOptions options, Reducer reduce_values, Location where) const
    -> KTable<SessionWindowed<NonNull<K>>, NonNull<V>, Rows::kMayVanish> {
  return add_session_aggregate(*this, "session-reduce", options,
                               ReduceStep<NonNull<V>, V, Reducer>(reduce_values),
                               ReduceMerge<NonNull<V>, V, Reducer>(reduce_values), where);
}

template <class K, class V>
template <Initializer Init, class Aggregator, class Merger>
  requires AggregatorOver<Aggregator, NonNull<K>, V, InitialOf<Init>> &&
           MergerOver<Merger, NonNull<K>, InitialOf<Init>> && Storable<NonNull<K>> &&
           Storable<InitialOf<Init>>
auto KSessionStream<K, V>::aggregate(WindowOptions options, Init init, Aggregator aggregate_values,
                                     Merger merge_sessions, Location where) const
    -> KTable<SessionWindowed<NonNull<K>>, InitialOf<Init>, Rows::kMayVanish> {
  return add_session_aggregate(
      *this, "session-aggregate", options,
      AggregateStep<Init, Aggregator, NonNull<K>, V>(init, std::move(aggregate_values),
                                                     group_.stream().graph()->like_kafka_streams()),
      AggregateMerge<Init, Merger>(init, std::move(merge_sessions)), where);
}

}  // namespace weir
