// The graph that a program's stream and table handles describe together, and a place in it.
//
// Verbs are written against these two: a handle is a GraphPoint that knows its types, and a verb extends the graph below
// it. Nothing here knows a key or a value type.
//
// Thread safety: none; a program describes its topology on one thread.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/core/topology_builder.h>
#include <weir/operators/options.h>

namespace weir {

// Makes one node per task. Called on the threads that run tasks, perhaps on several at a time.
using NodeFactory = std::function<std::unique_ptr<Node>()>;

// Returns a factory of `N`s that are built from copies of `arguments`.
template <class N, class... Arguments>
[[nodiscard]] NodeFactory node_factory(Arguments... arguments) {
  return [... arguments = std::move(arguments)]() -> std::unique_ptr<Node> {
    return std::make_unique<N>(arguments...);
  };
}

// What a source reads: a topic, several, or all that a pattern matches.
class SourceTopics {
 public:
  SourceTopics(std::string topic) : names_{{std::move(topic)}} {}  // NOLINT(google-explicit-constructor)
  SourceTopics(const char* topic) : names_{{topic}} {}             // NOLINT(google-explicit-constructor)
  SourceTopics(std::initializer_list<std::string> topics)          // NOLINT(google-explicit-constructor)
      : SourceTopics(std::vector<std::string>(topics)) {}
  SourceTopics(const std::vector<std::string>& topics) {  // NOLINT(google-explicit-constructor)
    for (const std::string& topic : topics) names_.insert({topic});
  }
  SourceTopics(TopicPattern pattern)  // NOLINT(google-explicit-constructor)
      : names_{{pattern.text(), /*internal=*/false, /*pattern=*/true}}, pattern_(std::move(pattern)) {}

  [[nodiscard]] const std::set<TopicName>& names() const { return names_; }
  [[nodiscard]] const std::optional<TopicPattern>& pattern() const { return pattern_; }

 private:
  std::set<TopicName> names_;
  std::optional<TopicPattern> pattern_;
};

// Where weir on purpose does something else than Kafka Streams, the user may choose: docs/kafka-streams-differences.md has
// the list.
enum class Likeness {
  kWeir,
  kKafkaStreams,  // record for record what Kafka Streams would write
};

// What all handles of one StreamBuilder share; lives as long as the last of them.
class Graph {
 public:
  explicit Graph(Likeness likeness = Likeness::kWeir) : likeness_(likeness) {}

  [[nodiscard]] TopologyBuilder& topology() { return topology_; }
  [[nodiscard]] bool like_kafka_streams() const { return likeness_ == Likeness::kKafkaStreams; }

  // Topics that stream() reads: who asks again for the same ones and the same types gets the same source.
  struct Source {
    NodeIndex node = 0;
    std::type_index key;
    std::type_index value;
    Location where;
  };

  // Returns the source of these topics if there is one; null otherwise.
  [[nodiscard]] const Source* source_of(const SourceTopics& topics) const;
  void remember_source(const SourceTopics& topics, const Source& source);

  // What a node emits that others may refer to by its name, see processor_topology.h.
  struct Output {
    NodeIndex node = 0;
    std::type_index key;
    std::type_index value;
  };
  // Returns null if there is no such node.
  [[nodiscard]] const Output* output_of(const std::string& name) const;
  void remember_output(const std::string& name, const Output& output);

 private:
  const Likeness likeness_;
  TopologyBuilder topology_;
  std::map<std::set<TopicName>, Source> sources_;
  std::map<std::string, Output> outputs_;
};

using GraphPtr = std::shared_ptr<Graph>;  // shared by the handles

// A node whose output can be used. Cheap to copy.
class GraphPoint {
 public:
  // `rekeyed`: keys were changed since the records were last read from a topic, so that records of one key may be in
  // several partitions. What needs them together repartitions first.
  GraphPoint(GraphPtr graph, NodeIndex node, bool rekeyed)
      : graph_(std::move(graph)), node_(node), rekeyed_(rekeyed) {}

  [[nodiscard]] const GraphPtr& graph() const { return graph_; }
  [[nodiscard]] NodeIndex node() const { return node_; }
  [[nodiscard]] bool rekeyed() const { return rekeyed_; }

  // For those who write verbs: adds a node below this one, called `options.name` or else "<verb>-<n>".
  GraphPoint extend(const std::string& verb, const VerbOptions& options, NodeFactory make,
                    const Location& where, std::vector<std::string> stores = {}) const;

  // The same with a name that is chosen already, see name_for.
  GraphPoint extend_named(const std::string& name, ErrorPolicy on_error, NodeFactory make,
                          const Location& where, std::vector<std::string> stores = {}) const;

  // Returns `wanted`, or if it is empty "<verb>-<n>".
  [[nodiscard]] std::string name_for(const std::string& verb, const std::string& wanted) const;

  // Notes a mistake for StreamBuilder::build to report.
  void problem(const std::string& what, const Location& where) const;

  // Returns the same place, with the keys changed, or with the keys as they were.
  [[nodiscard]] GraphPoint with_rekeyed(bool rekeyed) const { return {graph_, node_, rekeyed}; }

 private:
  GraphPtr graph_;
  NodeIndex node_;
  bool rekeyed_;
};

}  // namespace weir
