#include <weir/core/record_holder.h>

#include <algorithm>
#include <set>

namespace weir {
namespace {

using Nodes = std::set<NodeIndex>;

// All nodes of a task below these; `task` has parents before children.
Nodes below(const Topology& topology, const std::vector<NodeIndex>& task, Nodes from) {
  Nodes found;
  for (const NodeIndex node : task) {
    if (!from.contains(node)) continue;
    for (const NodeIndex child : topology.nodes[node].children) {
      from.insert(child);
      found.insert(child);
    }
  }
  return found;
}

Nodes above(const Topology& topology, const std::vector<NodeIndex>& task, NodeIndex node) {
  Nodes found{node};
  for (auto index = task.rbegin(); index != task.rend(); ++index) {
    if (!found.contains(*index)) continue;
    found.insert(topology.nodes[*index].parents.begin(), topology.nodes[*index].parents.end());
  }
  return found;
}

bool share_a_topic(const NodeSpec& one, const NodeSpec& other) {
  if (one.kind != NodeKind::kSink || other.kind != NodeKind::kSink) return false;
  // One that decides per record may write any topic.
  if (one.topics.empty() || other.topics.empty()) return true;
  return std::any_of(one.topics.begin(), one.topics.end(), [&](const TopicName& topic) {
    return std::find(other.topics.begin(), other.topics.end(), topic) != other.topics.end();
  });
}

bool share_a_store(const NodeSpec& one, const NodeSpec& other) {
  return std::any_of(one.stores.begin(), one.stores.end(),
                     [&](const std::string& store) { return other.stores.contains(store); });
}

}  // namespace

bool may_hold(const Topology& topology, const std::vector<NodeIndex>& task, NodeIndex holder) {
  const Nodes behind = below(topology, task, {holder});
  Nodes sources;
  for (const NodeIndex node : above(topology, task, holder)) {
    if (topology.nodes[node].kind == NodeKind::kSource) sources.insert(node);
  }
  // What the sources reach without what is held.
  Nodes around = below(topology, task, sources);
  around.insert(sources.begin(), sources.end());
  std::erase_if(around, [&](NodeIndex node) { return node == holder || behind.contains(node); });

  for (const NodeIndex node : behind) {
    const NodeSpec& spec = topology.nodes[node];
    for (const NodeIndex parent : spec.parents) {
      if (around.contains(parent)) return false;
    }
    for (const NodeIndex other : around) {
      if (share_a_store(spec, topology.nodes[other]) || share_a_topic(spec, topology.nodes[other]))
        return false;
    }
  }
  return true;
}

}  // namespace weir
