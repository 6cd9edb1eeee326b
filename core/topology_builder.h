// Collects nodes, stores and topics, and makes a Topology of them if they fit together.
//
// The DSL and the processor API both write here. Wiring problems are gathered, not thrown: build() returns all of them at
// once, each with the line of the program that caused it.
//
// Thread safety: none.
#pragma once

#include <map>
#include <set>
#include <source_location>
#include <string>
#include <vector>

#include <weir/core/topology.h>

namespace weir {

class TopologyBuilder {
 public:
  using Location = std::source_location;

  // Returns `wanted`, or if it is empty "<verb>-<n>", counted per verb so that adding a filter renames no map.
  [[nodiscard]] std::string name_for(const std::string& verb, const std::string& wanted);

  NodeIndex add_source(std::string name, std::vector<TopicName> topics, ErrorPolicy on_error,
                       std::function<std::unique_ptr<Node>()> make, const Location& where);
  // Reads all topics whose names match.
  NodeIndex add_pattern_source(std::string name, TopicPattern pattern, ErrorPolicy on_error,
                               std::function<std::unique_ptr<Node>()> make, const Location& where);
  NodeIndex add_processor(std::string name, std::vector<NodeIndex> parents, std::vector<std::string> stores,
                          ErrorPolicy on_error, std::function<std::unique_ptr<Node>()> make,
                          const Location& where);
  // No topics: the sink decides per record.
  NodeIndex add_sink(std::string name, std::vector<NodeIndex> parents, std::vector<TopicName> topics,
                     std::function<std::unique_ptr<Node>()> make, const Location& where,
                     ErrorPolicy on_error = ErrorPolicy::kInherit);
  NodeIndex add_sink(std::string name, NodeIndex parent, std::vector<TopicName> topics,
                     std::function<std::unique_ptr<Node>()> make, const Location& where,
                     ErrorPolicy on_error = ErrorPolicy::kInherit);

  // Adds a store; the engine runs it. The same name twice is a problem.
  void add_store(StoreSpec spec, const std::shared_ptr<const StateEngine>& engine, const Location& where);

  // The same for a store that a node brings along: one that is there already and is described alike is shared.
  void provide_store(StoreSpec spec, const std::shared_ptr<const StateEngine>& engine, const Location& where);

  // Says where a source begins.
  void reset_offsets(NodeIndex source, OffsetReset reset);

  // Lets a node use further stores.
  void connect_stores(NodeIndex node, const std::vector<std::string>& stores);

  // Makes a source or processor one that maintains a global store, outside of tasks. Only such nodes are connected to global
  // stores, and nothing else comes below them.
  void make_global(NodeIndex node) { nodes_[node].global = true; }

  // Adds a repartition topic that `sink` writes.
  void add_repartition(RepartitionTopic topic);

  // Demands that all sources above these nodes have the same number of partitions.
  void copartition(const std::vector<NodeIndex>& nodes, const std::string& node_name, const Location& where);

  // Notes a mistake for build() to report.
  void problem(const std::string& what, const Location& where);

  // Returns the source topics from which records reach `node` without passing another topic.
  [[nodiscard]] std::set<TopicName> sources_of(NodeIndex node) const;

  [[nodiscard]] const NodeSpec& node(NodeIndex index) const { return nodes_[index]; }

  // Checks the whole and returns it. InvalidArgument with one line per problem otherwise; `where` is for problems of the
  // whole.
  [[nodiscard]] absl::StatusOr<Topology> build(const Location& where = Location::current()) const;

 private:
  struct Problem {
    std::string what;
    Location where;
  };
  struct CopartitionDemand {
    std::vector<NodeIndex> nodes;
    std::string name;
    Location where;
  };

  NodeIndex add(NodeSpec spec);
  void check(std::vector<Problem>& problems, const Location& where) const;
  void check_pattern(const NodeSpec& source, std::vector<Problem>& problems) const;
  void check_stores_of(const NodeSpec& node, std::vector<Problem>& problems) const;
  void check_global(const NodeSpec& node, std::vector<Problem>& problems) const;
  void divide(Topology& topology) const;

  std::vector<NodeSpec> nodes_;
  std::vector<StoreSpec> stores_;
  std::vector<Location> store_places_;
  std::vector<RepartitionTopic> repartitions_;
  std::vector<CopartitionDemand> copartitions_;
  std::shared_ptr<const StateEngine> engine_;
  std::map<std::string, int> counters_;
  std::vector<Problem> problems_;
};

}  // namespace weir
