#include <weir/core/task_nodes.h>

#include <fmt/format.h>

namespace weir {

void TaskNodes::make(TaskContext& context, HoldDesk& holds, FlightDesk& flights) {
  nodes_.clear();
  sources_.clear();
  pattern_sources_.clear();
  holders_.clear();
  gates_.clear();
  flight_nodes_.clear();
  watchers_.clear();
  for (const NodeIndex index : indexes_) make(topology_.nodes[index], context, flights);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    auto* holder = dynamic_cast<RecordHolder*>(nodes_[i].get());
    if (holder == nullptr) continue;
    holder->attach(holds, flight_nodes_.empty() && may_hold(topology_, indexes_, indexes_[i]));
    holders_.push_back(holder);
  }
  connect();
}

void TaskNodes::make(const NodeSpec& spec, TaskContext& context, FlightDesk& flights) {
  nodes_.push_back(spec.make());
  Node& node = *nodes_.back();
  node.settle(spec.name, spec.on_error, context);
  if (auto* flying = dynamic_cast<FlightNode*>(&node); flying != nullptr) {
    flying->attach(flights);
    flight_nodes_.push_back(flying);
  }
  if (auto* gate = dynamic_cast<RecordGate*>(&node); gate != nullptr) gates_.push_back(gate);
  if (auto* watcher = dynamic_cast<EndWatcher*>(&node); watcher != nullptr) watchers_.push_back({watcher});
  if (spec.kind != NodeKind::kSource) return;
  auto* source = dynamic_cast<SourceNode*>(&node);
  if (source == nullptr)
    throw ProcessingFailure{fatal_error(fmt::format("source '{}' makes no source node", spec.name))};
  if (spec.pattern) {
    pattern_sources_.emplace_back(&*spec.pattern, source);
    return;
  }
  for (const TopicName& topic : spec.topics) sources_[topic.on_broker(application_id_)] = source;
}

void TaskNodes::connect() {
  std::map<NodeIndex, Node*> made;
  for (std::size_t i = 0; i < nodes_.size(); ++i) made[indexes_[i]] = nodes_[i].get();
  for (const NodeIndex index : indexes_) {
    const NodeSpec& spec = topology_.nodes[index];
    for (const NodeIndex child : spec.children) {
      if (made[index]->connect(*made.at(child))) continue;
      throw ProcessingFailure{fatal_error(
          fmt::format("node '{}' does not emit what '{}' takes", spec.name, topology_.nodes[child].name))};
    }
  }
}

void TaskNodes::open() {
  for (const auto& node : nodes_) node->open();
}

SourceNode* TaskNodes::reader_of(const std::string& topic) const {
  if (const auto named = sources_.find(topic); named != sources_.end()) return named->second;
  for (const auto& [pattern, node] : pattern_sources_) {
    if (pattern->matches(topic)) return node;
  }
  return nullptr;
}

bool TaskNodes::connected(const Node& node, std::string_view store) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].get() == &node) return topology_.nodes[indexes_[i]].stores.contains(std::string(store));
  }
  return false;
}

}  // namespace weir
