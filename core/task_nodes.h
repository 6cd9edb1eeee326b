// The nodes of a task: made from the topology's description, connected, and known by what the task has to do for them.
//
// Thread safety: none; belongs to one task.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/end_watcher.h>
#include <weir/core/in_flight.h>
#include <weir/core/node.h>
#include <weir/core/record_holder.h>
#include <weir/core/topic_pattern.h>
#include <weir/core/topology.h>

namespace weir {

class TaskNodes {
 public:
  struct Watcher {
    EndWatcher* node = nullptr;
    Duration told{-1};  // the time as of which it was told last
  };

  // The topology outlives the nodes; `indexes`: which of its nodes, parents before children.
  TaskNodes(const Topology& topology, std::vector<NodeIndex> indexes, std::string application_id)
      : topology_(topology), indexes_(std::move(indexes)), application_id_(std::move(application_id)) {}

  // Makes all nodes, in place of those that were. Throws as factories do, and ProcessingFailure where nodes do not fit.
  void make(TaskContext& context, HoldDesk& holds, FlightDesk& flights);
  void open();

  // Returns the node that reads a topic (name on the broker), by its name or by a pattern; null if there is none.
  [[nodiscard]] SourceNode* reader_of(const std::string& topic) const;
  // Whether the topology connects a node to a store.
  [[nodiscard]] bool connected(const Node& node, std::string_view store) const;

  [[nodiscard]] const std::vector<std::unique_ptr<Node>>& all() const { return nodes_; }
  // Those that are one, parents first.
  [[nodiscard]] const std::vector<RecordHolder*>& holders() const { return holders_; }
  [[nodiscard]] const std::vector<RecordGate*>& gates() const { return gates_; }
  [[nodiscard]] const std::vector<FlightNode*>& flight_nodes() const { return flight_nodes_; }
  [[nodiscard]] std::vector<Watcher>& watchers() { return watchers_; }
  [[nodiscard]] const std::vector<Watcher>& watchers() const { return watchers_; }

 private:
  void make(const NodeSpec& spec, TaskContext& context, FlightDesk& flights);
  void connect();

  const Topology& topology_;
  const std::vector<NodeIndex> indexes_;
  const std::string application_id_;
  std::vector<std::unique_ptr<Node>> nodes_;    // parallel to indexes_
  std::map<std::string, SourceNode*> sources_;  // by topic name on the broker
  std::vector<std::pair<const TopicPattern*, SourceNode*>> pattern_sources_;
  std::vector<RecordHolder*> holders_;
  std::vector<RecordGate*> gates_;
  std::vector<FlightNode*> flight_nodes_;
  std::vector<Watcher> watchers_;
};

}  // namespace weir
