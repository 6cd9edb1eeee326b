// Sources, processors and sinks put together by name, where the verbs of streams would be in the way.
//
//   weir::StreamBuilder builder;
//   weir::ProcessorTopology topology(builder);
//   builder.key_value_store<std::string, bool>("seen");
//   topology.source<std::string, Order>("web", "web-orders");
//   topology.source<std::string, Order>("shop", "shop-orders");
//   topology.processor("first", {"web", "shop"}, {.stores = {"seen"}}, [] { return std::make_unique<FirstOnly>(); });
//   topology.sink<std::string, Order>("out", {"first"}, "first-orders");
//
// It adds to the builder's program, so both ways can be mixed: source and processor return streams with all verbs, and a
// parent is a stream or the name of a source or processor that was added here before. A processor gets the records of all its
// parents. Its children get what it forwards, in the order in which they were added; forward_to names one of them.
//
// A stream of other types than the processor takes does not compile; a name of other types, or one that is not there, is a
// problem of build().
#pragma once

#include <initializer_list>
#include <string>
#include <typeindex>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

#include <weir/operators/partitioned_sink.h>
#include <weir/operators/process.h>
#include <weir/operators/sink.h>
#include <weir/operators/stream_builder.h>

namespace weir {

// Where a processor or sink gets records from: streams, or names.
template <class K, class V>
class Parents {
 public:
  class Parent {
   public:
    Parent(const KStream<K, V>& stream) : parent_(stream) {}  // NOLINT(google-explicit-constructor)
    Parent(std::string name) : parent_(std::move(name)) {}    // NOLINT(google-explicit-constructor)
    Parent(const char* name) : parent_(std::string(name)) {}  // NOLINT(google-explicit-constructor)
    [[nodiscard]] const std::variant<GraphPoint, std::string>& get() const { return parent_; }

   private:
    std::variant<GraphPoint, std::string> parent_;
  };

  Parents(std::initializer_list<Parent> parents) : parents_(parents) {}

  [[nodiscard]] auto begin() const { return parents_.begin(); }
  [[nodiscard]] auto end() const { return parents_.end(); }

 private:
  std::vector<Parent> parents_;
};

// For processors whose name is given elsewhere.
struct ProcessorOptions {
  std::vector<StoreReference> stores = {};
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// What the processors of a factory read from.
template <class Factory>
using ParentsOf = Parents<typename ProcessorOf<Factory>::InKey, typename ProcessorOf<Factory>::InValue>;

class ProcessorTopology {
 public:
  // Adds to what `builder` describes. The builder outlives it.
  explicit ProcessorTopology(StreamBuilder& builder) : builder_(builder), graph_(builder.graph()) {}

  // Reads topics; the options are those of StreamBuilder::stream.
  template <class K, class V>
    requires Transportable<K> && Transportable<V> && std::default_initializable<K> &&
             std::default_initializable<V>
  KStream<K, V> source(const std::string& name, SourceTopics topics, StreamOptions<K, V> options = {},
                       Location where = Location::current()) {
    options.name = name;
    const KStream<K, V> stream = builder_.stream<K, V>(std::move(topics), std::move(options), where);
    graph_->remember_output(name, {stream.node(), typeid(K), typeid(V)});
    return stream;
  }

  // Adds a Processor that `make_processor` makes, see processor.h.
  template <class Factory>
    requires ProcessorFactoryFor<Factory, typename ProcessorOf<Factory>::InKey,
                                 typename ProcessorOf<Factory>::InValue>
  KStream<OutKeyOf<Factory>, OutValueOf<Factory>> processor(const std::string& name,
                                                            const ParentsOf<Factory>& parents,
                                                            ProcessorOptions options, Factory make_processor,
                                                            Location where = Location::current()) {
    using In = ProcessorOf<Factory>;
    std::vector<std::string> stores = stores_of(graph_, options.stores, make_processor, where);
    const NodeIndex node = graph_->topology().add_processor(
        name, nodes_of(name, parents, where), std::move(stores), options.on_error,
        node_factory<ProcessNode<typename In::InKey, typename In::InValue, Factory>>(
            std::move(make_processor)),
        where);
    graph_->remember_output(name, {node, typeid(OutKeyOf<Factory>), typeid(OutValueOf<Factory>)});
    return KStream<OutKeyOf<Factory>, OutValueOf<Factory>>(GraphPoint(graph_, node, /*rekeyed=*/true));
  }

  // Writes to a topic, to the partition that Kafka's own clients or a PartitionerOver would choose. For a topic that is chosen
  // per record see KStream::to.
  template <class K, class V>
    requires Transportable<K> && Transportable<V>
  void sink(const std::string& name, const Parents<K, V>& parents, std::string topic,
            Location where = Location::current()) {
    const TopicName target{std::move(topic), /*internal=*/false};
    graph_->topology().add_sink(name, nodes_of(name, parents, where), {target},
                                node_factory<TopicSink<K, V>>(target), where);
  }
  template <class K, class V, class Partitioner>
    requires Transportable<K> && Transportable<V> && PartitionerOver<Partitioner, K, V>
  void sink(const std::string& name, const Parents<K, V>& parents, std::string topic,
            Partitioner choose_partition, Location where = Location::current()) {
    const TopicName target{std::move(topic), /*internal=*/false};
    graph_->topology().add_sink(
        name, nodes_of(name, parents, where), {target},
        node_factory<PartitionedSink<K, V, Partitioner>>(target, std::move(choose_partition)), where);
  }
  template <class K, class V>
    requires Transportable<K> && Transportable<V>
  void sink(const std::string& name, const KStream<K, V>& parent, std::string topic,
            Location where = Location::current()) {
    sink<K, V>(name, Parents<K, V>{parent}, std::move(topic), where);
  }

  // Lets a processor that was added here use further stores.
  void connect(const std::string& processor, const std::vector<StoreReference>& stores,
               Location where = Location::current());

 private:
  template <class K, class V>
  [[nodiscard]] std::vector<NodeIndex> nodes_of(const std::string& node, const Parents<K, V>& parents,
                                                const Location& where) {
    std::vector<NodeIndex> nodes;
    for (const auto& parent : parents) {
      if (const auto* stream = std::get_if<GraphPoint>(&parent.get())) {
        add_parent(node, *stream, nodes, where);
      } else {
        add_parent(node, std::get<std::string>(parent.get()), typeid(K), typeid(V), nodes, where);
      }
    }
    return nodes;
  }
  // Add the node of a parent, or a problem.
  void add_parent(const std::string& node, const GraphPoint& parent, std::vector<NodeIndex>& nodes,
                  const Location& where);
  void add_parent(const std::string& node, const std::string& parent, std::type_index key,
                  std::type_index value, std::vector<NodeIndex>& nodes, const Location& where);

  StreamBuilder& builder_;
  GraphPtr graph_;
};

}  // namespace weir
