// The immutable description of a program: nodes, stores, topics, and the parts they fall into.
//
// A topology knows nothing of types: its nodes carry factories. It can be shared by any number of tasks and threads.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <source_location>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/error_policy.h>
#include <weir/core/node.h>
#include <weir/core/offset_reset.h>
#include <weir/core/task_store.h>
#include <weir/core/topic_pattern.h>

namespace weir {

using NodeIndex = std::size_t;

// A topic as the topology names it. An internal one gets the application's id in front; a pattern stands for all topics that
// it matches.
struct TopicName {
  std::string name;
  bool internal = false;
  bool pattern = false;

  auto operator<=>(const TopicName&) const = default;

  // The name on the broker.
  [[nodiscard]] std::string on_broker(const std::string& application_id) const {
    return internal ? application_id + "-" + name : name;
  }
};

enum class NodeKind { kSource, kProcessor, kSink };

struct NodeSpec {
  std::string name;
  NodeKind kind = NodeKind::kProcessor;
  std::vector<NodeIndex> parents;
  std::vector<NodeIndex>
      children;  // in the order in which they were added: the order in which they get records
  std::set<std::string> stores;
  std::vector<TopicName>
      topics;  // read by a source, written by a sink; empty for a sink that decides per record
  std::optional<TopicPattern> pattern;      // of a source: its one topic name is this pattern
  std::optional<OffsetReset> offset_reset;  // of a source; otherwise as the application says
  ErrorPolicy on_error = ErrorPolicy::kInherit;
  bool global = false;  // maintains a global store: runs once per instance, in no task
  std::function<std::unique_ptr<Node>()> make;
  std::source_location where;  // the caller's line
};

// A topic between two sub-topologies.
struct RepartitionTopic {
  std::string name;                     // without the application's id
  std::optional<Partition> partitions;  // as the user said; otherwise as many as the largest source upstream
  NodeIndex sink = 0;
  std::source_location where;
  // Whose sources count instead of the sink's, because records are to lie beside those of that node.
  std::optional<NodeIndex> like = std::nullopt;
};

// Nodes connected by edges or by a shared store; runs as one task per partition.
struct SubTopology {
  int id = 0;
  std::vector<NodeIndex> nodes;     // parents before children
  std::vector<TopicName> sources;   // sorted
  std::vector<std::size_t> stores;  // indexes into Topology::stores
};

// Sources that must have the same number of partitions, because a join reads them side by side.
struct CopartitionGroup {
  std::set<TopicName> topics;
  std::string node;
  std::source_location where;
};

struct Topology {
  std::vector<NodeSpec> nodes;
  std::vector<StoreSpec> stores;
  std::vector<SubTopology> sub_topologies;
  // The parts that maintain global stores: no tasks; each instance runs all of them on all partitions. Numbered after the
  // others.
  std::vector<SubTopology> globals;
  std::vector<RepartitionTopic> repartitions;
  std::vector<CopartitionGroup> copartitions;
  std::shared_ptr<const StateEngine>
      engine;  // null if there are no stores; shared with the builder that was told it

  // Kafka Streams' text form, and the same as JSON.
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] std::string describe_json() const;

  // Returns sixteen hexadecimal digits that change when stores, topics between sub-topologies, or sub-topologies do, and
  // stay when only names and wiring of nodes change. For logs and dashboards; see core/topology_diff.h for what differs.
  [[nodiscard]] std::string fingerprint() const;
};

}  // namespace weir
