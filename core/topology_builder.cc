#include <weir/core/topology_builder.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include <fmt/format.h>

namespace weir {
namespace {

constexpr std::size_t kLongestTopicName = 249;

bool is_legal_topic_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

// Returns what is wrong with a name of a topic or store, or nothing.
std::string fault_in_name(const std::string& name) {
  if (name.empty()) return "is empty";
  if (name == "." || name == "..") return "is not allowed";
  if (name.size() > kLongestTopicName) return fmt::format("is longer than {} characters", kLongestTopicName);
  if (!std::all_of(name.begin(), name.end(), is_legal_topic_character)) {
    return "has a character other than A-Z a-z 0-9 . _ -";
  }
  return "";
}

// Sets of nodes, joined until what belongs together is one set.
class DisjointSets {
 public:
  explicit DisjointSets(std::size_t size) : parents_(size) { std::iota(parents_.begin(), parents_.end(), 0); }

  std::size_t find(std::size_t element) {
    while (parents_[element] != element) element = parents_[element] = parents_[parents_[element]];
    return element;
  }

  void join(std::size_t left, std::size_t right) {
    left = find(left);
    right = find(right);
    // The smaller index leads, so that sets are numbered in order of first appearance.
    parents_[std::max(left, right)] = std::min(left, right);
  }

 private:
  std::vector<std::size_t> parents_;
};

}  // namespace

std::string TopologyBuilder::name_for(const std::string& verb, const std::string& wanted) {
  const int number = ++counters_[verb];
  return wanted.empty() ? fmt::format("{}-{}", verb, number) : wanted;
}

NodeIndex TopologyBuilder::add(NodeSpec spec) {
  const NodeIndex index = nodes_.size();
  const auto foreign = [&](NodeIndex parent) { return parent >= index; };
  if (std::erase_if(spec.parents, foreign) > 0) {
    problem(fmt::format("node '{}' takes records from a node of another topology", spec.name), spec.where);
  } else if (spec.kind != NodeKind::kSource && spec.parents.empty()) {
    problem(fmt::format("node '{}' takes records from nowhere", spec.name), spec.where);
  }
  for (const NodeIndex parent : spec.parents) nodes_[parent].children.push_back(index);
  nodes_.push_back(std::move(spec));
  return index;
}

NodeIndex TopologyBuilder::add_source(std::string name, std::vector<TopicName> topics, ErrorPolicy on_error,
                                      std::function<std::unique_ptr<Node>()> make, const Location& where) {
  NodeSpec spec;
  spec.name = std::move(name);
  spec.kind = NodeKind::kSource;
  spec.topics = std::move(topics);
  spec.on_error = on_error;
  spec.make = std::move(make);
  spec.where = where;
  return add(std::move(spec));
}

NodeIndex TopologyBuilder::add_pattern_source(std::string name, TopicPattern pattern, ErrorPolicy on_error,
                                              std::function<std::unique_ptr<Node>()> make,
                                              const Location& where) {
  std::vector<TopicName> topics{{pattern.text(), /*internal=*/false, /*pattern=*/true}};
  const NodeIndex index = add_source(std::move(name), std::move(topics), on_error, std::move(make), where);
  nodes_[index].pattern = std::move(pattern);
  return index;
}

NodeIndex TopologyBuilder::add_processor(std::string name, std::vector<NodeIndex> parents,
                                         std::vector<std::string> stores, ErrorPolicy on_error,
                                         std::function<std::unique_ptr<Node>()> make, const Location& where) {
  NodeSpec spec;
  spec.name = std::move(name);
  spec.kind = NodeKind::kProcessor;
  spec.parents = std::move(parents);
  spec.stores = {stores.begin(), stores.end()};
  spec.on_error = on_error;
  spec.make = std::move(make);
  spec.where = where;
  return add(std::move(spec));
}

NodeIndex TopologyBuilder::add_sink(std::string name, NodeIndex parent, std::vector<TopicName> topics,
                                    std::function<std::unique_ptr<Node>()> make, const Location& where,
                                    ErrorPolicy on_error) {
  return add_sink(std::move(name), std::vector<NodeIndex>{parent}, std::move(topics), std::move(make), where,
                  on_error);
}

NodeIndex TopologyBuilder::add_sink(std::string name, std::vector<NodeIndex> parents,
                                    std::vector<TopicName> topics,
                                    std::function<std::unique_ptr<Node>()> make, const Location& where,
                                    ErrorPolicy on_error) {
  NodeSpec spec;
  spec.name = std::move(name);
  spec.kind = NodeKind::kSink;
  spec.on_error = on_error;
  spec.parents = std::move(parents);
  spec.topics = std::move(topics);
  spec.make = std::move(make);
  spec.where = where;
  return add(std::move(spec));
}

void TopologyBuilder::add_store(StoreSpec spec, const std::shared_ptr<const StateEngine>& engine,
                                const Location& where) {
  engine_ = engine;
  stores_.push_back(std::move(spec));
  store_places_.push_back(where);
}

void TopologyBuilder::provide_store(StoreSpec spec, const std::shared_ptr<const StateEngine>& engine,
                                    const Location& where) {
  const auto described = [](const StoreSpec& store) {
    return std::tie(store.name, store.kind, store.key_format, store.value_format, store.persistent,
                    store.logged, store.retention, store.segment);
  };
  const bool there = std::any_of(stores_.begin(), stores_.end(),
                                 [&](const StoreSpec& known) { return described(known) == described(spec); });
  if (!there) add_store(std::move(spec), engine, where);
}

void TopologyBuilder::reset_offsets(NodeIndex source, OffsetReset reset) {
  nodes_[source].offset_reset = reset;
}

void TopologyBuilder::connect_stores(NodeIndex node, const std::vector<std::string>& stores) {
  nodes_[node].stores.insert(stores.begin(), stores.end());
}

void TopologyBuilder::add_repartition(RepartitionTopic topic) { repartitions_.push_back(std::move(topic)); }

void TopologyBuilder::copartition(const std::vector<NodeIndex>& nodes, const std::string& node_name,
                                  const Location& where) {
  copartitions_.push_back({nodes, node_name, where});
}

void TopologyBuilder::problem(const std::string& what, const Location& where) {
  problems_.push_back({what, where});
}

std::set<TopicName> TopologyBuilder::sources_of(NodeIndex node) const {
  std::set<TopicName> topics;
  std::vector<NodeIndex> rest{node};
  std::set<NodeIndex> seen;
  while (!rest.empty()) {
    const NodeIndex index = rest.back();
    rest.pop_back();
    if (index >= nodes_.size() || !seen.insert(index).second) continue;
    const NodeSpec& spec = nodes_[index];
    if (spec.kind == NodeKind::kSource) topics.insert(spec.topics.begin(), spec.topics.end());
    rest.insert(rest.end(), spec.parents.begin(), spec.parents.end());
  }
  return topics;
}

void TopologyBuilder::check_pattern(const NodeSpec& source, std::vector<Problem>& problems) const {
  const TopicPattern& pattern = *source.pattern;
  if (!pattern.valid()) {
    problems.push_back(
        {fmt::format("the pattern '{}' is no regular expression", pattern.text()), source.where});
  }
  if (pattern.partitions() < 1) {
    problems.push_back(
        {fmt::format("the pattern '{}' asks for {} partitions", pattern.text(), pattern.partitions()),
         source.where});
  }
  for (const NodeSpec& other : nodes_) {
    if (other.kind != NodeKind::kSource || other.pattern) continue;
    for (const TopicName& topic : other.topics) {
      if (topic.internal || !pattern.matches(topic.name)) continue;
      problems.push_back(
          {fmt::format("the topic '{}' of source '{}' matches the pattern '{}' of source '{}': a "
                       "topic is read by one source",
                       topic.name, other.name, pattern.text(), source.name),
           source.where});
    }
  }
}

void TopologyBuilder::check_stores_of(const NodeSpec& node, std::vector<Problem>& problems) const {
  for (const std::string& store : node.stores) {
    const auto spec = std::find_if(stores_.begin(), stores_.end(),
                                   [&](const StoreSpec& candidate) { return candidate.name == store; });
    if (spec == stores_.end()) {
      problems.push_back(
          {fmt::format("node '{}' uses the store '{}', which was never added", node.name, store),
           node.where});
    } else if (spec->global && !node.global) {
      problems.push_back(
          {fmt::format("node '{}' is connected to the global store '{}': any processor can read it by its "
                       "name, without being connected, and only what maintains it can write it",
                       node.name, store),
           node.where});
    } else if (node.global && !spec->global) {
      problems.push_back({fmt::format("node '{}' maintains a global store, in no task, and is connected to "
                                      "the store '{}', which belongs to tasks",
                                      node.name, store),
                          node.where});
    }
  }
}

void TopologyBuilder::check_global(const NodeSpec& node, std::vector<Problem>& problems) const {
  for (const NodeIndex child : node.children) {
    if (nodes_[child].global) continue;
    problems.push_back({fmt::format("node '{}' takes records from '{}', which maintains a global store",
                                    nodes_[child].name, node.name),
                        nodes_[child].where});
  }
  if (node.on_error == ErrorPolicy::kDeadLetter) {
    problems.push_back(
        {fmt::format("node '{}' sends records aside, but maintains a global store, which every "
                     "instance does: each would send the record again. Fail or skip instead",
                     node.name),
         node.where});
  }
}

void TopologyBuilder::check(std::vector<Problem>& problems, const Location& where) const {
  std::map<std::string, NodeIndex> names;
  std::map<TopicName, NodeIndex> claimed;
  bool has_source = false;
  for (NodeIndex index = 0; index < nodes_.size(); ++index) {
    const NodeSpec& node = nodes_[index];
    if (const auto [first, fresh] = names.emplace(node.name, index); !fresh) {
      problems.push_back({fmt::format("two nodes are called '{}' (the other at line {})", node.name,
                                      nodes_[first->second].where.line()),
                          node.where});
    }
    if (node.name.empty()) problems.push_back({"a node has an empty name", node.where});
    if (!node.make)
      problems.push_back({fmt::format("node '{}' has nothing that makes it", node.name), node.where});
    if (node.kind == NodeKind::kSource && node.topics.empty()) {
      problems.push_back({fmt::format("source '{}' reads no topic", node.name), node.where});
    }
    if (node.kind == NodeKind::kSink && !node.children.empty()) {
      problems.push_back({fmt::format("node '{}' takes records from the sink '{}'",
                                      nodes_[node.children[0]].name, node.name),
                          nodes_[node.children[0]].where});
    }
    has_source |= node.kind == NodeKind::kSource;
    if (node.pattern) check_pattern(node, problems);
    for (const TopicName& topic : node.topics) {
      if (const std::string fault = fault_in_name(topic.name); !topic.pattern && !fault.empty()) {
        problems.push_back({fmt::format("the topic name '{}' {}", topic.name, fault), node.where});
      }
      if (node.kind != NodeKind::kSource) continue;
      if (const auto [first, fresh] = claimed.emplace(topic, index); !fresh) {
        problems.push_back(
            {fmt::format("the {} '{}' is read by two sources, '{}' and '{}': read it once and use the "
                         "stream or table twice",
                         topic.pattern ? "pattern" : "topic", topic.name, nodes_[first->second].name,
                         node.name),
             node.where});
      }
    }
    check_stores_of(node, problems);
    if (node.global) check_global(node, problems);
  }
  if (!has_source) problems.push_back({"the topology reads no topic", where});

  if (!stores_.empty() && engine_ == nullptr)
    problems.push_back({"stores were added without an engine", where});
  std::map<std::string, std::size_t> store_names;
  for (std::size_t i = 0; i < stores_.size(); ++i) {
    if (const std::string fault = fault_in_name(stores_[i].name); !fault.empty()) {
      problems.push_back({fmt::format("the store name '{}' {}", stores_[i].name, fault), store_places_[i]});
    }
    if (const auto [first, fresh] = store_names.emplace(stores_[i].name, i); !fresh) {
      problems.push_back({fmt::format("two stores are called '{}' (the other at line {})", stores_[i].name,
                                      store_places_[first->second].line()),
                          store_places_[i]});
    }
  }

  std::map<std::string, const RepartitionTopic*> repartition_names;
  for (const RepartitionTopic& topic : repartitions_) {
    if (topic.partitions && *topic.partitions < 1) {
      problems.push_back(
          {fmt::format("the repartition topic '{}' asks for {} partitions", topic.name, *topic.partitions),
           topic.where});
    }
    if (const auto [first, fresh] = repartition_names.emplace(topic.name, &topic); !fresh) {
      problems.push_back({fmt::format("two repartition topics are called '{}' (the other at line {})",
                                      topic.name, first->second->where.line()),
                          topic.where});
    }
  }
}

void TopologyBuilder::divide(Topology& topology) const {
  DisjointSets sets(nodes_.size());
  std::map<std::string, NodeIndex> first_user;
  for (NodeIndex index = 0; index < nodes_.size(); ++index) {
    for (const NodeIndex parent : nodes_[index].parents) sets.join(parent, index);
    for (const std::string& store : nodes_[index].stores)
      sets.join(first_user.emplace(store, index).first->second, index);
  }

  std::map<std::size_t, SubTopology> parts;
  for (NodeIndex index = 0; index < nodes_.size(); ++index) {
    SubTopology& part = parts[sets.find(index)];
    part.nodes.push_back(index);
    if (nodes_[index].kind == NodeKind::kSource) {
      part.sources.insert(part.sources.end(), nodes_[index].topics.begin(), nodes_[index].topics.end());
    }
  }
  for (std::size_t store = 0; store < stores_.size(); ++store) {
    // A store that nobody uses belongs to no task.
    if (const auto user = first_user.find(stores_[store].name); user != first_user.end()) {
      parts[sets.find(user->second)].stores.push_back(store);
    }
  }

  for (auto& [leader, part] : parts) {
    std::sort(part.sources.begin(), part.sources.end());
    (nodes_[leader].global ? topology.globals : topology.sub_topologies).push_back(std::move(part));
  }
  int id = 0;
  for (SubTopology& part : topology.sub_topologies) part.id = id++;
  for (SubTopology& part : topology.globals) part.id = id++;
}

absl::StatusOr<Topology> TopologyBuilder::build(const Location& where) const {
  std::vector<Problem> problems = problems_;
  check(problems, where);
  if (!problems.empty()) {
    std::string message =
        fmt::format("the topology has {} problem{}:", problems.size(), problems.size() == 1 ? "" : "s");
    for (const Problem& problem : problems) {
      message += fmt::format("\n  {}:{}: {}", problem.where.file_name(), problem.where.line(), problem.what);
    }
    return absl::InvalidArgumentError(message);
  }

  Topology topology;
  topology.nodes = nodes_;
  topology.stores = stores_;
  topology.repartitions = repartitions_;
  topology.engine = engine_;
  divide(topology);
  for (const CopartitionDemand& demand : copartitions_) {
    CopartitionGroup group;
    group.node = demand.name;
    group.where = demand.where;
    for (const NodeIndex node : demand.nodes) group.topics.merge(sources_of(node));
    topology.copartitions.push_back(std::move(group));
  }
  return topology;
}

}  // namespace weir
