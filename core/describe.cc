// Topology::describe: the text that Kafka Streams prints for the same structure, and the same as JSON.
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/topology.h>

namespace weir {
namespace {

// The number of nodes that can be reached from each node, itself included: Kafka Streams lists nodes by it, sources
// first.
std::map<NodeIndex, std::size_t> subtree_sizes(const Topology& topology, const SubTopology& part) {
  std::map<NodeIndex, std::size_t> sizes;
  for (auto node = part.nodes.rbegin(); node != part.nodes.rend(); ++node) {
    std::size_t size = 1;
    for (const NodeIndex child : topology.nodes[*node].children) size += sizes[child];
    sizes[*node] = size;
  }
  return sizes;
}

std::vector<NodeIndex> by_size_then_name(const Topology& topology,
                                         const std::map<NodeIndex, std::size_t>& sizes,
                                         std::vector<NodeIndex> nodes) {
  std::sort(nodes.begin(), nodes.end(), [&](NodeIndex left, NodeIndex right) {
    if (sizes.at(left) != sizes.at(right)) return sizes.at(left) > sizes.at(right);
    return topology.nodes[left].name < topology.nodes[right].name;
  });
  return nodes;
}

std::vector<std::string> names_of(const Topology& topology, const std::vector<NodeIndex>& nodes) {
  std::vector<std::string> names;
  for (const NodeIndex node : nodes) names.push_back(topology.nodes[node].name);
  return names;
}

std::string joined_or_none(const std::vector<std::string>& names) {
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::vector<std::string> topic_names(const NodeSpec& node) {
  std::vector<std::string> names;
  for (const TopicName& topic : node.topics) names.push_back(topic.name);
  std::sort(names.begin(), names.end());
  return names;
}

// Names hold no character that JSON would escape, except a node's, which the user may choose freely.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string json_list(const std::vector<std::string>& items) {
  std::vector<std::string> quoted_items;
  for (const std::string& item : items) quoted_items.push_back(quoted(item));
  return fmt::format("[{}]", fmt::join(quoted_items, ", "));
}

std::string lines_in_brackets(const std::vector<std::string>& lines) {
  return lines.empty() ? "[]" : fmt::format("[\n{}\n  ]", fmt::join(lines, ",\n"));
}

std::string text_of(const NodeSpec& node) {
  const std::string topics = fmt::format("{}", fmt::join(topic_names(node), ", "));
  switch (node.kind) {
    case NodeKind::kSource:
      return fmt::format(
          fmt::runtime(node.pattern ? "    Source: {} (topics: {})\n" : "    Source: {} (topics: [{}])\n"),
          node.name, topics);
    case NodeKind::kProcessor:
      return fmt::format("    Processor: {} (stores: [{}])\n", node.name, fmt::join(node.stores, ", "));
    case NodeKind::kSink:
      return fmt::format("    Sink: {} ({})\n", node.name,
                         topics.empty() ? "chosen per record" : "topic: " + topics);
  }
  return "";
}

const char* kind_name(NodeKind kind) {
  switch (kind) {
    case NodeKind::kSource:
      return "source";
    case NodeKind::kProcessor:
      return "processor";
    case NodeKind::kSink:
      return "sink";
  }
  return "";
}

std::string text_of(const Topology& topology, const SubTopology& part) {
  const auto sizes = subtree_sizes(topology, part);
  std::string text;
  for (const NodeIndex index : by_size_then_name(topology, sizes, part.nodes)) {
    const NodeSpec& node = topology.nodes[index];
    text += text_of(node);
    if (node.kind != NodeKind::kSink) {
      text +=
          fmt::format("      --> {}\n",
                      joined_or_none(names_of(topology, by_size_then_name(topology, sizes, node.children))));
    }
    if (node.kind != NodeKind::kSource) {
      text +=
          fmt::format("      <-- {}\n",
                      joined_or_none(names_of(topology, by_size_then_name(topology, sizes, node.parents))));
    }
  }
  return text;
}

std::string json_of(const Topology& topology, const std::vector<SubTopology>& parts) {
  std::vector<std::string> texts;
  for (const SubTopology& part : parts) {
    const auto sizes = subtree_sizes(topology, part);
    std::vector<std::string> lines;
    for (const NodeIndex index : by_size_then_name(topology, sizes, part.nodes)) {
      const NodeSpec& node = topology.nodes[index];
      lines.push_back(
          fmt::format(R"(        {{"kind": "{}", "name": {}, "topics": {}, "stores": {}, "children": {}}})",
                      kind_name(node.kind), quoted(node.name), json_list(topic_names(node)),
                      json_list(std::vector<std::string>(node.stores.begin(), node.stores.end())),
                      json_list(names_of(topology, by_size_then_name(topology, sizes, node.children)))));
    }
    texts.push_back(fmt::format("    {{\n      \"id\": {},\n      \"nodes\": [\n{}\n      ]\n    }}", part.id,
                                fmt::join(lines, ",\n")));
  }
  return fmt::format("[\n{}\n  ]", fmt::join(texts, ",\n"));
}

}  // namespace

std::string Topology::describe() const {
  std::string text = "Topologies:\n ";
  for (const SubTopology& part : sub_topologies) {
    text += fmt::format("  Sub-topology: {}\n{}\n", part.id, text_of(*this, part));
  }
  for (const SubTopology& part : globals) {
    text += fmt::format("  Sub-topology: {} for global store (will not generate tasks)\n{}", part.id,
                        text_of(*this, part));
  }
  return text;
}

std::string Topology::describe_json() const {
  std::vector<std::string> store_lines;
  for (const StoreSpec& store : stores) {
    store_lines.push_back(fmt::format(
        R"(    {{"name": {}, "kind": {}, "key": {}, "value": {}, "persistent": {}, "logged": {}, "retention_ms": {}, "segment_ms": {}}})",
        quoted(store.name), quoted(store.kind), quoted(store.key_format), quoted(store.value_format),
        store.persistent, store.logged, store.retention.count(), store.segment.count()));
  }
  std::vector<std::string> repartition_lines;
  for (const RepartitionTopic& topic : repartitions) {
    repartition_lines.push_back(fmt::format(R"(    {{"name": {}, "partitions": {}}})", quoted(topic.name),
                                            topic.partitions ? std::to_string(*topic.partitions) : "null"));
  }
  const std::string global_list =
      globals.empty() ? "" : fmt::format("  \"global_stores\": {},\n", json_of(*this, globals));
  return fmt::format("{{\n  \"sub_topologies\": {},\n{}  \"stores\": {},\n  \"repartitions\": {}\n}}\n",
                     json_of(*this, sub_topologies), global_list, lines_in_brackets(store_lines),
                     lines_in_brackets(repartition_lines));
}

// Sixty-four bits of FNV-1a over all that the names and bytes of stored data hang on, in an order of their own.
std::string Topology::fingerprint() const {
  std::vector<std::string> facts;
  for (const StoreSpec& store : stores) {
    facts.push_back(fmt::format("store {} {} {} {} {} {} {} {}", quoted(store.name), store.kind,
                                store.key_format, store.value_format, store.persistent, store.logged,
                                store.retention.count(), store.segment.count()));
  }
  for (const RepartitionTopic& topic : repartitions)
    facts.push_back(fmt::format("repartition {} {}", quoted(topic.name), topic.partitions.value_or(0)));
  const auto contents = [this](const SubTopology& part) {
    std::set<std::string> of_part;
    for (const TopicName& topic : part.sources) of_part.insert("source " + quoted(topic.name));
    for (const std::size_t store : part.stores) of_part.insert("store " + quoted(stores[store].name));
    return fmt::format("{}", fmt::join(of_part, " "));
  };
  for (const SubTopology& part : sub_topologies) {
    facts.push_back(fmt::format("part {} {}", part.id, contents(part)));
  }
  for (const SubTopology& part : globals) facts.push_back("global " + contents(part));
  std::sort(facts.begin(), facts.end());
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const std::string& fact : facts) {
    for (const char c : fact + '\n') hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace weir
