#include <weir/core/partition_plan.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir {
namespace {

// Works the partition counts of repartition topics out.
class Counts {
 public:
  Counts(const Topology& topology, const std::map<std::string, Partition>& external,
         const std::set<std::string>& matched)
      : topology_(topology) {
    for (const auto& [name, count] : external) counts_[TopicName{name, false}] = count;
    for (const NodeSpec& node : topology.nodes) {
      if (!node.pattern) continue;
      Partition largest = node.pattern->partitions();
      std::vector<TopicName>& matches = matches_[node.topics.front()];
      for (const std::string& topic : matched) {
        if (!node.pattern->matches(topic)) continue;
        matches.push_back({topic, false});
        largest = std::max(largest, external.at(topic));
      }
      counts_[node.topics.front()] = largest;
    }
    for (const RepartitionTopic& repartition : topology.repartitions) {
      const TopicName name{repartition.name, true};
      repartitions_[name] = &repartition;
      if (repartition.partitions) counts_[name] = *repartition.partitions;
    }
  }

  // Returns the count of a topic: as known, else the largest among the sources upstream of its sink, or of the node it is to
  // be like.
  Partition of(const TopicName& topic) {
    if (const auto known = counts_.find(topic); known != counts_.end()) return known->second;
    const auto repartition = repartitions_.find(topic);
    if (repartition == repartitions_.end()) return 0;
    if (!being_counted_.insert(topic).second) return 0;  // a topic upstream of itself adds nothing
    Partition largest = 0;
    const RepartitionTopic& known = *repartition->second;
    for (const TopicName& source : sources_above(known.like.value_or(known.sink)))
      largest = std::max(largest, of(source));
    being_counted_.erase(topic);
    if (!being_counted_.empty()) return largest;
    // Only a topic that is fed by nothing but itself has no source that counts.
    return counts_[topic] = std::max<Partition>(largest, 1);
  }

  // Returns the topics that a name stands for: itself, or what the pattern matches.
  std::vector<TopicName> topics_of(const TopicName& name) const {
    return name.pattern ? matches_.at(name) : std::vector<TopicName>{name};
  }

  // Makes the members of a group agree where that is ours to decide; says what is wrong where it is not.
  absl::Status level(const CopartitionGroup& group) {
    std::map<Partition, std::vector<std::string>> fixed;
    Partition largest = 0;
    std::vector<TopicName> topics;
    for (const TopicName& name : group.topics) {
      for (TopicName& topic : topics_of(name)) topics.push_back(std::move(topic));
    }
    for (const TopicName& topic : topics) {
      const auto repartition = repartitions_.find(topic);
      if (repartition == repartitions_.end() || repartition->second->partitions) {
        fixed[of(topic)].push_back(topic.name);
      }
      largest = std::max(largest, of(topic));
    }
    if (fixed.size() > 1) {
      std::vector<std::string> parts;
      for (const auto& [count, names] : fixed)
        parts.push_back(fmt::format("{} has {}", fmt::join(names, ", "), count));
      return absl::FailedPreconditionError(fmt::format(
          "{}:{}: the inputs of '{}' are not co-partitioned: {} partitions; records of one key would be in "
          "different tasks. Repartition one of them to the other's count",
          group.where.file_name(), group.where.line(), group.node, fmt::join(parts, ", ")));
    }
    const Partition target = fixed.empty() ? largest : fixed.begin()->first;
    for (const TopicName& topic : topics) counts_[topic] = target;
    return absl::OkStatus();
  }

 private:
  std::set<TopicName> sources_above(NodeIndex node) const {
    std::set<TopicName> topics;
    std::vector<NodeIndex> rest{node};
    std::set<NodeIndex> seen;
    while (!rest.empty()) {
      const NodeSpec& spec = topology_.nodes[rest.back()];
      rest.pop_back();
      if (spec.kind == NodeKind::kSource) topics.insert(spec.topics.begin(), spec.topics.end());
      for (const NodeIndex parent : spec.parents) {
        if (seen.insert(parent).second) rest.push_back(parent);
      }
    }
    return topics;
  }

  const Topology& topology_;
  std::map<TopicName, Partition> counts_;
  std::map<TopicName, std::vector<TopicName>> matches_;  // of patterns
  std::map<TopicName, const RepartitionTopic*> repartitions_;
  std::set<TopicName> being_counted_;
};

// Groups that share a topic make one: whatever count the topic takes for one join it has in the other.
std::vector<CopartitionGroup> merged(const std::vector<CopartitionGroup>& groups) {
  std::vector<CopartitionGroup> result;
  for (CopartitionGroup group : groups) {
    for (auto other = result.begin(); other != result.end();) {
      const bool apart = std::none_of(other->topics.begin(), other->topics.end(),
                                      [&](const TopicName& topic) { return group.topics.contains(topic); });
      if (apart) {
        ++other;
        continue;
      }
      group.topics.merge(other->topics);
      group.node = other->node + "', '" + group.node;
      group.where = other->where;
      other = result.erase(other);
    }
    result.push_back(std::move(group));
  }
  return result;
}

std::vector<std::string> external_topics(const Topology& topology, NodeKind kind) {
  std::set<std::string> names;
  for (const NodeSpec& node : topology.nodes) {
    if (node.kind != kind) continue;
    for (const TopicName& topic : node.topics) {
      if (!topic.internal && !topic.pattern) names.insert(topic.name);
    }
  }
  return {names.begin(), names.end()};
}

absl::Status matched_once(const Topology& topology, const std::set<std::string>& matched) {
  for (const std::string& topic : matched) {
    const NodeSpec* reader = nullptr;
    for (const NodeSpec& node : topology.nodes) {
      if (!node.pattern || !node.pattern->matches(topic)) continue;
      if (reader != nullptr) {
        return absl::FailedPreconditionError(
            fmt::format("the topic '{}' matches the patterns of two sources, '{}' and '{}'", topic,
                        reader->name, node.name));
      }
      reader = &node;
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool has_patterns(const Topology& topology) {
  return std::any_of(topology.nodes.begin(), topology.nodes.end(),
                     [](const NodeSpec& node) { return node.pattern.has_value(); });
}

std::set<std::string> matching_topics(const Topology& topology, const std::string& application_id,
                                      const std::vector<std::string>& names) {
  std::set<std::string> own{tasks_topic(application_id)};
  for (const RepartitionTopic& topic : topology.repartitions) {
    own.insert(TopicName{topic.name, true}.on_broker(application_id));
  }
  for (const StoreSpec& store : topology.stores) own.insert(changelog_topic(application_id, store.name));
  std::set<std::string> result;
  for (const std::string& name : names) {
    const bool matched = std::any_of(topology.nodes.begin(), topology.nodes.end(), [&](const NodeSpec& node) {
      return node.pattern && node.pattern->matches(name);
    });
    if (matched && !own.contains(name)) result.insert(name);
  }
  return result;
}

std::vector<std::string> external_sources(const Topology& topology) {
  return external_topics(topology, NodeKind::kSource);
}

std::vector<std::string> external_sinks(const Topology& topology) {
  return external_topics(topology, NodeKind::kSink);
}

absl::StatusOr<PartitionPlan> plan_partitions(const Topology& topology, const std::string& application_id,
                                              const std::map<std::string, Partition>& partitions,
                                              const InternalTopicOptions& options) {
  std::vector<std::string> missing;
  for (const std::string& source : external_sources(topology)) {
    const auto found = partitions.find(source);
    if (found == partitions.end() || found->second < 1) missing.push_back(source);
  }
  if (!missing.empty()) {
    return absl::NotFoundError(fmt::format("source topic{} missing: {}. Create {} and start again",
                                           missing.size() == 1 ? "" : "s", fmt::join(missing, ", "),
                                           missing.size() == 1 ? "it" : "them"));
  }

  std::vector<std::string> existing;
  for (const auto& [name, count] : partitions) {
    if (count > 0) existing.push_back(name);
  }
  const std::set<std::string> matched = matching_topics(topology, application_id, existing);
  WEIR_RETURN_IF_ERROR(matched_once(topology, matched));
  Counts counts(topology, partitions, matched);
  for (const CopartitionGroup& group : merged(topology.copartitions))
    WEIR_RETURN_IF_ERROR(counts.level(group));

  PartitionPlan plan;
  plan.partitions = partitions;
  plan.matched = matched;
  for (const RepartitionTopic& repartition : topology.repartitions) {
    const TopicName name{repartition.name, true};
    const std::string on_broker = name.on_broker(application_id);
    plan.partitions[on_broker] = counts.of(name);
    plan.internal_topics.push_back(
        new_repartition_topic(on_broker, application_id, counts.of(name), options));
  }

  Partition most_tasks = 0;
  std::vector<Partition> tasks_of(topology.sub_topologies.size());
  for (const SubTopology& part : topology.sub_topologies) {
    Partition tasks = 0;
    for (const TopicName& source : part.sources) tasks = std::max(tasks, counts.of(source));
    if (tasks < 1) {
      return absl::FailedPreconditionError(
          fmt::format("sub-topology {} reads internal topics only, and nothing makes them", part.id));
    }
    tasks_of[static_cast<std::size_t>(part.id)] = tasks;
    most_tasks = std::max(most_tasks, tasks);
    for (const std::size_t store : part.stores) {
      if (topology.stores[store].logged) {
        plan.internal_topics.push_back(new_changelog(topology.stores[store], application_id, tasks, options));
      }
    }
  }

  for (Partition partition = 0; partition < most_tasks; ++partition) {
    for (const SubTopology& part : topology.sub_topologies) {
      if (partition >= tasks_of[static_cast<std::size_t>(part.id)]) continue;
      TaskPlan task;
      task.id = {part.id, partition};
      for (const TopicName& name : part.sources) {
        for (const TopicName& source : counts.topics_of(name)) {
          if (partition < counts.of(source))
            task.sources.push_back({source.on_broker(application_id), partition});
        }
      }
      plan.tasks.push_back(std::move(task));
    }
  }
  for (const SubTopology& part : topology.globals) {
    for (const TopicName& source : part.sources) {
      for (Partition partition = 0; partition < counts.of(source); ++partition) {
        plan.globals.push_back({source.on_broker(application_id), partition});
      }
    }
  }
  for (const NewTopic& topic : plan.internal_topics) plan.partitions[topic.name] = topic.partitions;
  WEIR_RETURN_IF_ERROR(check_options(options, application_id, plan.internal_topics));
  return plan;
}

}  // namespace weir
