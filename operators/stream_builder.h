// Where a program begins: describes a topology, from topics to topics.
//
//   weir::StreamBuilder builder;
//   const auto orders = builder.stream<std::string, Order>("orders", {.on_error = weir::ErrorPolicy::kDeadLetter});
//   orders.filter(is_paid).to("paid-orders");
//   const absl::StatusOr<weir::Topology> topology = builder.build();
//
// Nothing runs here and nothing is checked before build(), which reports all that does not fit together at once, each
// problem with the line of the program that caused it.
//
// Thread safety: none.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <typeindex>
#include <typeinfo>
#include <utility>

#include <absl/status/statusor.h>

#include <weir/core/serde.h>
#include <weir/operators/concepts.h>
#include <weir/operators/graph.h>
#include <weir/operators/processor.h>
#include <weir/operators/source.h>
#include <weir/operators/stream.h>
#include <weir/operators/table.h>
#include <weir/operators/table_node.h>
#include <weir/operators/window_end_node.h>
#include <weir/operators/windowed.h>
#include <weir/state/global_store.h>
#include <weir/state/window_store.h>

namespace weir {

template <class K, class V>
class SessionStore;
template <class K, class V>
class JoinStore;
template <class K, class V>
class VersionedStore;

template <class K, class V>
struct StreamOptions {
  std::string name = {};
  // What happens to a record that does not decode. Default: as the application says.
  ErrorPolicy on_error = ErrorPolicy::kInherit;
  // Finds the time in the record. Default: the time Kafka gives.
  TimestampExtractor<K, V> timestamp = {};
  // For keys that are windows: their size, which the topic does not tell. Default: the end is kUnknownEnd.
  std::optional<Duration> window_size = std::nullopt;
  // Where to begin where no position was committed. Default: as the application says.
  std::optional<OffsetReset> offset_reset = std::nullopt;
};

class StreamBuilder {
 public:
  explicit StreamBuilder(Likeness likeness = Likeness::kWeir) : graph_(std::make_shared<Graph>(likeness)) {}

  // Reads a topic, several topics ({"in1", "in2"}), or all topics that a TopicPattern matches. Nulls are accepted where the
  // type is a std::optional. Reading the same topics again with the same types gives the same source; with other types, or
  // with options of its own, it is a problem, and so is reading a topic by two sources in any other way.
  template <class K, class V>
    requires Transportable<K> && Transportable<V> && std::default_initializable<K> &&
             std::default_initializable<V>
  [[nodiscard]] KStream<K, V> stream(const SourceTopics& topics, Location where = Location::current()) {
    if (const auto known = known_source(topics, typeid(K), typeid(V))) return KStream<K, V>(*known);
    return stream<K, V>(topics, {}, where);
  }
  template <class K, class V>
    requires Transportable<K> && Transportable<V> && std::default_initializable<K> &&
             std::default_initializable<V>
  [[nodiscard]] KStream<K, V> stream(const SourceTopics& topics, StreamOptions<K, V> options,
                                     Location where = Location::current()) {
    const GraphPoint source = add_source(topics, "stream", options.name, options.on_error,
                                         node_factory<TypedSource<K, V>>(options.timestamp.function()),
                                         typeid(K), typeid(V), where);
    if (options.offset_reset) graph_->topology().reset_offsets(source.node(), *options.offset_reset);
    if constexpr (kLosesItsEnd<NonNull<K>>) {
      if (options.window_size) {
        return KStream<K, V>(
            with_window_ends(topics, source, node_factory<WindowEndNode<K, V>>(*options.window_size)));
      }
    }
    return KStream<K, V>(source);
  }

  // Reads a topic as a table: the last value of each key, a null deletes. Records without a key are dropped and counted.
  // Without a store the table cannot be looked up.
  template <class K, class V>
    requires Storable<K> && Storable<V>
  KTable<K, V> table(const std::string& topic, Location where = Location::current()) {
    return table<K, V>(topic, SourceTableOptions(), where);
  }
  template <class K, class V>
    requires Storable<K> && Storable<V>
  KTable<K, V> table(const std::string& topic, SourceTableOptions options,
                     Location where = Location::current()) {
    return table<K, V>(topic, std::move(options), TimestampExtractor<std::optional<K>, std::optional<V>>(),
                       where);
  }
  // The same with times that are found in the records.
  template <class K, class V>
    requires Storable<K> && Storable<V>
  KTable<K, V> table(const std::string& topic, SourceTableOptions options,
                     TimestampExtractor<std::optional<K>, std::optional<V>> timestamp,
                     Location where = Location::current()) {
    using NullableKey = std::optional<K>;
    using NullableValue = std::optional<V>;
    options.name = graph_->topology().name_for("table", options.name);
    const KStream<NullableKey, NullableValue> source(
        add_source(topic, "", options.name + "-source", options.on_error,
                   node_factory<TypedSource<NullableKey, NullableValue>>(timestamp.function()),
                   typeid(NullableKey), typeid(NullableValue), where));
    return options.store ? add_table<Rows::kMayVanish>(source, "", kept(options), where)
                         : add_unkept_table(source, options, where);
  }

  // Reads a topic as a table of which every instance has all rows, see global_table.h. Such a table is looked up, by streams
  // and processors; its changes make no results.
  template <class K, class V>
    requires Storable<K> && Storable<V>
  GlobalKTable<K, V> global_table(const std::string& topic, GlobalOptions options,
                                  Location where = Location::current());

  // The same with a processor of your own that keeps the store, see global_table.h. K and V are the topic's types, the store
  // may have others.
  template <class K, class V, class StoreKey = NonNull<K>, class StoreValue = NonNull<V>, class Factory>
    requires ProcessorFactoryFor<Factory, K, V> && Storable<StoreKey> && Storable<StoreValue>
  StoreHandle<GlobalStore<StoreKey, StoreValue>> add_global_store(const std::string& topic,
                                                                  GlobalOptions options,
                                                                  Factory make_processor,
                                                                  Location where = Location::current());

  // Adds a store for processors. The handle knows its type.
  template <Storable K, Storable V>
  StoreHandle<KeyValueStore<K, V>> key_value_store(const std::string& name, const StoreOptions& options = {},
                                                   Location where = Location::current()) {
    add_store(key_value_store_spec<K, V>(name, options), where);
    return {name};
  }

  template <Storable K, Storable V>
  StoreHandle<WindowStore<K, V>> window_store(const std::string& name, Duration retention,
                                              const StoreOptions& options = {},
                                              Location where = Location::current()) {
    add_store(window_store_spec<K, V>(name, retention, Duration(-1), options), where);
    return {name};
  }

  // The same for rows with a time, see <weir/operators/stores.h>. `retention` counts back from the largest time the store
  // was asked to write: starts of windows, ends of sessions, times of rows that wait for a join. `history` is how long a
  // version can be found after the next one came. Negative: for ever.
  template <Storable K, Storable V>
  StoreHandle<SessionStore<K, V>> session_store(const std::string& name, Duration retention,
                                                const StoreOptions& options = {},
                                                Location where = Location::current());
  template <Storable K, Storable V>
  StoreHandle<JoinStore<K, V>> join_store(const std::string& name, Duration retention,
                                          const StoreOptions& options = {},
                                          Location where = Location::current());
  template <Storable K, Storable V>
  StoreHandle<VersionedStore<K, V>> versioned_store(const std::string& name, Duration history,
                                                    const StoreOptions& options = {},
                                                    Location where = Location::current());

  // Returns the topology, or InvalidArgument with a line per problem.
  [[nodiscard]] absl::StatusOr<Topology> build() const;

  // For those who write verbs.
  [[nodiscard]] const GraphPtr& graph() const { return graph_; }

 private:
  // Returns the source that reads these topics already, if it has these types.
  [[nodiscard]] std::optional<GraphPoint> known_source(const SourceTopics& topics, std::type_index key,
                                                       std::type_index value) const;
  GraphPoint add_source(const SourceTopics& topics, const std::string& verb, const std::string& name,
                        ErrorPolicy on_error, NodeFactory make, std::type_index key, std::type_index value,
                        const Location& where);
  // Adds a node that completes windows, and makes it what the next stream() of the topics gets.
  GraphPoint with_window_ends(const SourceTopics& topics, const GraphPoint& source, NodeFactory make);
  void add_store(StoreSpec spec, const Location& where);

  GraphPtr graph_;
};

}  // namespace weir
