#include <weir/core/topology_diff.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/json_serde.h>
#include <weir/core/status.h>

namespace weir {
namespace {

// A description as describe_json writes it, as far as stored data depend on it.
struct DescribedNode {
  std::string kind;
  std::string name;
  std::vector<std::string> topics;
  std::vector<std::string> stores;
};
struct DescribedPart {
  int id = 0;
  std::vector<DescribedNode> nodes;
};
struct DescribedStore {
  std::string name;
  std::string kind;
  std::string key;
  std::string value;
  bool persistent = true;
  bool logged = true;
  std::int64_t retention_ms = -1;
  std::optional<std::int64_t> segment_ms;
};
struct DescribedRepartition {
  std::string name;
  std::optional<std::int32_t> partitions;
};
struct Description {
  std::vector<DescribedPart> sub_topologies;
  std::vector<DescribedStore> stores;
  std::vector<DescribedRepartition> repartitions;
};

}  // namespace

template <>
struct Serde<DescribedNode> : JsonSerde<DescribedNode> {
  static constexpr auto kFields =
      fields(field("kind", &DescribedNode::kind), field("name", &DescribedNode::name),
             field("topics", &DescribedNode::topics), field("stores", &DescribedNode::stores));
};
template <>
struct Serde<DescribedPart> : JsonSerde<DescribedPart> {
  static constexpr auto kFields =
      fields(field("id", &DescribedPart::id), field("nodes", &DescribedPart::nodes));
};
template <>
struct Serde<DescribedStore> : JsonSerde<DescribedStore> {
  static constexpr auto kFields = fields(
      field("name", &DescribedStore::name), field("kind", &DescribedStore::kind),
      field("key", &DescribedStore::key), field("value", &DescribedStore::value),
      field("persistent", &DescribedStore::persistent), field("logged", &DescribedStore::logged),
      field("retention_ms", &DescribedStore::retention_ms), field("segment_ms", &DescribedStore::segment_ms));
};
template <>
struct Serde<DescribedRepartition> : JsonSerde<DescribedRepartition> {
  static constexpr auto kFields = fields(field("name", &DescribedRepartition::name),
                                         field("partitions", &DescribedRepartition::partitions));
};
template <>
struct Serde<Description> : JsonSerde<Description> {
  static constexpr auto kFields =
      fields(field("sub_topologies", &Description::sub_topologies), field("stores", &Description::stores),
             field_or_default("repartitions", &Description::repartitions));
};

namespace {

using Item = TopologyDiff::Item;
using ItemFate = TopologyDiff::Fate;
using Kind = TopologyDiff::Kind;

constexpr char kDescriptionFile[] = "topology.json";

absl::StatusOr<Description> parse(std::string_view text) {
  Description description;
  if (absl::Status status = Serde<Description>::decode(text, description); !status.ok()) {
    return with_context(status, "the description of a topology");
  }
  return description;
}

// Names of sub-topologies and of topics between them may change with a store's: what tells that two parts are the same is
// which topics of the user's own they read, directly or through others.
class Parts {
 public:
  explicit Parts(const Description& description) {
    for (const DescribedRepartition& topic : description.repartitions) internal_.insert(topic.name);
    for (const DescribedPart& part : description.sub_topologies) {
      Part& known = parts_.emplace_back();
      known.id = part.id;
      for (const DescribedNode& node : part.nodes) {
        (node.kind == "source" ? known.reads : known.writes).insert(node.topics.begin(), node.topics.end());
        known.stores.insert(node.stores.begin(), node.stores.end());
      }
    }
  }

  // Returns the sub-topology of a store; -1 if nobody uses it.
  [[nodiscard]] int part_of(const std::string& store) const {
    const Part* part = find(&Part::stores, store);
    return part == nullptr ? -1 : part->id;
  }
  [[nodiscard]] std::set<std::string> sources_of_store(const std::string& store) const {
    std::set<std::string> sources;
    if (const Part* part = find(&Part::stores, store)) collect(*part, 0, sources);
    return sources;
  }
  [[nodiscard]] std::set<std::string> sources_of_topic(const std::string& topic) const {
    std::set<std::string> sources;
    if (const Part* part = find(&Part::writes, topic)) collect(*part, 0, sources);
    return sources;
  }

 private:
  struct Part {
    int id = 0;
    std::set<std::string> reads;
    std::set<std::string> writes;
    std::set<std::string> stores;
  };

  const Part* find(std::set<std::string> Part::*names, const std::string& name) const {
    for (const Part& part : parts_) {
      if ((part.*names).contains(name)) return &part;
    }
    return nullptr;
  }

  // Each source with the number of topics that its records come through.
  void collect(const Part& part, std::size_t through, std::set<std::string>& sources) const {
    if (through > parts_.size()) return;  // a circle
    for (const std::string& topic : part.reads) {
      const Part* writer = internal_.contains(topic) ? find(&Part::writes, topic) : nullptr;
      if (writer != nullptr) {
        collect(*writer, through + 1, sources);
      } else {
        sources.insert(fmt::format("{} {}", through, topic));
      }
    }
  }

  std::set<std::string> internal_;
  std::vector<Part> parts_;
};

void note(std::string& differences, std::string_view property, const std::string& old,
          const std::string& now) {
  if (old == now) return;
  differences += fmt::format("{}{} was {}, is {}", differences.empty() ? "" : ", ", property, old, now);
}

std::string duration_text(std::int64_t milliseconds) {
  return milliseconds < 0 ? std::string("unlimited") : fmt::format("{} ms", milliseconds);
}

// Returns why the rows of one cannot serve as those of the other; empty if they can.
std::string differences_of(const DescribedStore& old, const DescribedStore& now) {
  std::string differences;
  note(differences, "kind", old.kind, now.kind);
  note(differences, "key format", old.key, now.key);
  note(differences, "value format", old.value, now.value);
  // What is restored at each start may be laid out anew.
  if (old.persistent && now.persistent) {
    note(differences, "retention", duration_text(old.retention_ms), duration_text(now.retention_ms));
    if (old.segment_ms && now.segment_ms)
      note(differences, "segment", duration_text(*old.segment_ms), duration_text(*now.segment_ms));
    note(differences, "changelog", old.logged ? "own" : "none", now.logged ? "own" : "none");
  }
  return differences;
}

template <class T>
std::map<std::string, T> by_name(const std::vector<T>& things) {
  std::map<std::string, T> result;
  for (const T& thing : things) result.emplace(thing.name, thing);
  return result;
}

// Finds for each new name the one old name, without a successor of its own, that is like it and like no other new one.
template <class T, class Alike>
std::map<std::string, std::string> renamed(const std::map<std::string, T>& old,
                                           const std::map<std::string, T>& now, Alike&& alike) {
  std::map<std::string, std::set<std::string>> candidates;  // by new name
  std::map<std::string, int> uses;                          // of an old name
  for (const auto& [name, thing] : now) {
    if (old.contains(name)) continue;
    for (const auto& [old_name, old_thing] : old) {
      if (now.contains(old_name) || !alike(old_thing, thing)) continue;
      candidates[name].insert(old_name);
      ++uses[old_name];
    }
  }
  std::map<std::string, std::string> result;
  for (const auto& [name, old_names] : candidates) {
    if (old_names.size() == 1 && uses[*old_names.begin()] == 1) result[name] = *old_names.begin();
  }
  return result;
}

std::string changelog_of(const std::string& store) { return store + "-changelog"; }

class DescriptionComparison {
 public:
  DescriptionComparison(const Description& old, const Description& now)
      : old_(old), now_(now), old_parts_(old), now_parts_(now) {}

  TopologyDiff run() {
    compare_stores();
    compare_repartitions();
    std::sort(diff_.items.begin(), diff_.items.end(), [](const Item& left, const Item& right) {
      return std::tie(left.kind, left.name) < std::tie(right.kind, right.name);
    });
    return std::move(diff_);
  }

 private:
  void add(Kind kind, const std::string& name, ItemFate fate, std::string detail = "") {
    diff_.items.push_back({kind, name, fate, std::move(detail)});
  }

  void add_store(const DescribedStore& store, ItemFate fate, const std::string& detail, ItemFate topic_fate,
                 const std::string& topic_detail = "") {
    add(Kind::kStore, store.name, fate, detail);
    if (store.logged) add(Kind::kTopic, changelog_of(store.name), topic_fate, topic_detail);
  }

  void compare_stores() {
    const auto old = by_name(old_.stores);
    const auto now = by_name(now_.stores);
    const auto old_names = renamed(old, now, [&](const DescribedStore& before, const DescribedStore& after) {
      return differences_of(before, after).empty() && before.logged == after.logged &&
             old_parts_.sources_of_store(before.name) == now_parts_.sources_of_store(after.name);
    });
    std::set<std::string> left_behind;
    for (const auto& [name, store] : now) {
      if (const auto before = old.find(name); before != old.end()) {
        compare_store(before->second, store);
      } else if (const auto renamed_from = old_names.find(name); renamed_from != old_names.end()) {
        left_behind.insert(renamed_from->second);
        add_store(store, ItemFate::kRenamed, fmt::format("was '{}'; begins empty", renamed_from->second),
                  ItemFate::kRenamed,
                  fmt::format("was '{}'; begins empty", changelog_of(renamed_from->second)));
      } else {
        add_store(store, ItemFate::kNew, "", ItemFate::kNew);
      }
    }
    for (const auto& [name, store] : old) {
      if (now.contains(name)) continue;
      const std::string detail = left_behind.contains(name) ? "its name changed" : "";
      add_store(store, ItemFate::kOrphaned, detail, ItemFate::kOrphaned, detail);
    }
  }

  void compare_store(const DescribedStore& old, const DescribedStore& now) {
    std::string detail = differences_of(old, now);
    if (!detail.empty()) {
      add_store(now, ItemFate::kIncompatible, detail, ItemFate::kIncompatible, "of an incompatible store");
      return;
    }
    const int from = old_parts_.part_of(now.name);
    const int to = now_parts_.part_of(now.name);
    ItemFate fate = ItemFate::kReused;
    if (from != to && old.persistent) {
      detail = fmt::format("moves from sub-topology {} to {}; its rows on disk stay behind", from, to);
      if (old.logged) {
        detail += " and come back from the changelog";
      } else {
        fate = ItemFate::kIncompatible;
      }
    }
    add(Kind::kStore, now.name, fate, detail);
    if (now.logged)
      add(Kind::kTopic, changelog_of(now.name), old.logged ? ItemFate::kReused : ItemFate::kNew);
    if (old.logged && !now.logged) add(Kind::kTopic, changelog_of(now.name), ItemFate::kOrphaned);
  }

  void compare_repartitions() {
    const auto old = by_name(old_.repartitions);
    const auto now = by_name(now_.repartitions);
    const auto old_names =
        renamed(old, now, [&](const DescribedRepartition& before, const DescribedRepartition& after) {
          return old_parts_.sources_of_topic(before.name) == now_parts_.sources_of_topic(after.name);
        });
    for (const auto& [name, topic] : now) {
      if (const auto before = old.find(name); before != old.end()) {
        const auto& partitions = before->second.partitions;
        if (partitions && topic.partitions && *partitions != *topic.partitions) {
          add(Kind::kTopic, name, ItemFate::kIncompatible,
              fmt::format("partitions were {}, are {}", *partitions, *topic.partitions));
        } else {
          add(Kind::kTopic, name, ItemFate::kReused);
        }
      } else if (const auto renamed_from = old_names.find(name); renamed_from != old_names.end()) {
        add(Kind::kTopic, name, ItemFate::kRenamed,
            fmt::format("was '{}'; records still there are not read", renamed_from->second));
      } else {
        add(Kind::kTopic, name, ItemFate::kNew);
      }
    }
    for (const auto& [name, topic] : old) {
      if (!now.contains(name)) add(Kind::kTopic, name, ItemFate::kOrphaned);
    }
  }

  const Description& old_;
  const Description& now_;
  const Parts old_parts_;
  const Parts now_parts_;
  TopologyDiff diff_;
};

const char* name_of(ItemFate fate) {
  switch (fate) {
    case ItemFate::kReused:
      return "reused";
    case ItemFate::kNew:
      return "new";
    case ItemFate::kRenamed:
      return "renamed";
    case ItemFate::kOrphaned:
      return "orphaned";
    case ItemFate::kIncompatible:
      return "incompatible";
  }
  return "";
}

std::string line_of(const Item& item) {
  return fmt::format("{} {} '{}'{}{}", name_of(item.fate), item.kind == Kind::kStore ? "store" : "topic",
                     item.name, item.detail.empty() ? "" : ": ", item.detail);
}

}  // namespace

bool TopologyDiff::compatible() const {
  return std::none_of(items.begin(), items.end(),
                      [](const Item& item) { return item.fate == ItemFate::kIncompatible; });
}

bool TopologyDiff::same() const {
  return std::all_of(items.begin(), items.end(),
                     [](const Item& item) { return item.fate == ItemFate::kReused && item.detail.empty(); });
}

std::string TopologyDiff::text() const {
  std::string text;
  for (const Item& item : items) {
    if (item.fate != ItemFate::kReused || !item.detail.empty()) text += line_of(item) + "\n";
  }
  return text;
}

absl::StatusOr<TopologyDiff> diff_topologies(std::string_view old_description, const Topology& now) {
  const absl::StatusOr<Description> old = parse(old_description);
  if (!old.ok()) return old.status();
  const absl::StatusOr<Description> current = parse(now.describe_json());
  if (!current.ok()) return current.status();
  return DescriptionComparison(*old, *current).run();
}

absl::Status remember_topology(const std::string& state_directory, const Topology& topology) {
  const std::string path = state_directory + "/" + kDescriptionFile;
  std::ostringstream old;
  if (const std::ifstream in(path); in) old << in.rdbuf();
  if (const auto diff = diff_topologies(old.str(), topology); diff.ok() && !diff->compatible()) {
    std::vector<std::string> lines;
    for (const Item& item : diff->items) {
      if (item.fate == ItemFate::kIncompatible) lines.push_back(line_of(item));
    }
    return absl::FailedPreconditionError(
        fmt::format("what '{}' keeps was written by another version of the program: {}. Give what changed "
                    "another name, or reset the application",
                    state_directory, fmt::join(lines, "; ")));
  }
  const std::string description = topology.describe_json();
  if (description == old.str()) return absl::OkStatus();
  const std::string fresh = path + ".new";
  std::ofstream out(fresh, std::ios::trunc);
  out << description;
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(fresh, path, error);
  if (!out || error) return fatal_error(fmt::format("cannot write '{}'", path));
  return absl::OkStatus();
}

}  // namespace weir
