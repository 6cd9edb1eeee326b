// Which tasks a topology has once the partition counts of its topics are known.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/internal_topics.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>

namespace weir {

// One sub-topology on one partition number.
struct TaskId {
  int sub_topology = 0;
  Partition partition = 0;

  auto operator<=>(const TaskId&) const = default;
  [[nodiscard]] std::string name() const {
    if (sub_topology == -1) return "global";
    if (sub_topology < 0) return "none";
    return std::to_string(sub_topology) + "_" + std::to_string(partition);
  }
};

// What maintains an instance's global stores: not one of the group's tasks, but run as one. Its name is "global".
inline constexpr TaskId kGlobalTask{-1, 0};

// What a token stands for in a program that has no such task: nothing is done for it. Its name is "none".
inline constexpr TaskId kNoTask{-2, 0};

struct TaskPlan {
  TaskId id;
  std::vector<TopicPartition> sources;  // with the names on the broker
};

struct PartitionPlan {
  // By token: the task that partition n of the tasks topic stands for. Numbered partition-major, so that neighbouring
  // tokens belong to different sub-topologies and a group spreads each sub-topology over its members; then as the members
  // of the group agreed, see token_plan.h.
  std::vector<TaskPlan> tasks;
  // Which agreement that is, and up to where the tasks topic was read for it; kNoOffset: nothing was agreed on.
  int tokens_version = 0;
  Offset tokens_end = kNoOffset;
  // What every instance reads to maintain global stores: all partitions of their topics, with the names on the broker.
  std::vector<TopicPartition> globals;
  // Internal topics to be created, by name on the broker; changelogs included.
  std::vector<NewTopic> internal_topics;
  // Partition counts of all topics read or written, as far as known, by name on the broker.
  std::map<std::string, Partition> partitions;
  // The topics that patterns of the topology matched.
  std::set<std::string> matched;
};

// Whether the topology reads topics by pattern.
[[nodiscard]] bool has_patterns(const Topology& topology);

// Which of these topics the patterns of the topology match. Those that the application makes for itself are none of them.
[[nodiscard]] std::set<std::string> matching_topics(const Topology& topology,
                                                    const std::string& application_id,
                                                    const std::vector<std::string>& names);

// Names of the topics that must exist before the application can start: the sources that are not internal.
[[nodiscard]] std::vector<std::string> external_sources(const Topology& topology);

// Names of the topics it writes that are not internal; known beforehand.
[[nodiscard]] std::vector<std::string> external_sinks(const Topology& topology);

// Lays out the tasks. `partitions` has the counts of the external topics (0 or missing: does not exist); patterns are matched
// against those. NotFound names every missing source; FailedPrecondition explains what is not co-partitioned, and which
// topic two patterns match. InvalidArgument: the options speak of topics that are not made.
[[nodiscard]] absl::StatusOr<PartitionPlan> plan_partitions(
    const Topology& topology, const std::string& application_id,
    const std::map<std::string, Partition>& partitions, const InternalTopicOptions& options = {});

}  // namespace weir
