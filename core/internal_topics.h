// The topics an application makes for itself: what they are like, and what is wrong with those that exist already.
//
//   changelog of a store                    compact
//   changelog of windows, sessions, joins   compact,delete; kept for the store's retention and some more
//   changelog of versions                   compact, but nothing that is younger than the history and some more
//   repartition topic                       delete, but not by time: what is processed is deleted by the application
//   tasks topic                             delete, but not by time: a record each time the tasks change
//
// Thread safety: values and functions without state.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/clock.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>

namespace weir {

// What an application decides for the topics it makes. Topics that exist already are compared with it and never changed.
struct InternalTopicOptions {
  int replication_factor = -1;                            // -1: as the brokers' default says
  std::optional<int> min_insync_replicas = std::nullopt;  // default: the brokers'
  // Brokers delete by their clock, stores expire by stream time: changelogs keep so much more than the store does.
  Duration changelog_additional_retention = std::chrono::hours{24};
  // Kafka's settings of all internal topics, and of one by its name without the application's id ("counts-changelog",
  // "by-user-repartition", "tasks"). They win over what is said above; a setting of one topic over that of all.
  std::map<std::string, std::string> config = {};
  std::map<std::string, std::map<std::string, std::string>> config_of = {};
};

// The name of the topic whose partitions stand for the tasks of an application.
[[nodiscard]] std::string tasks_topic(const std::string& application_id);

// The name of a store's changelog on the broker.
[[nodiscard]] std::string changelog_topic(const std::string& application_id, const std::string& store);

[[nodiscard]] NewTopic new_tasks_topic(const std::string& application_id, Partition partitions,
                                       const InternalTopicOptions& options);
[[nodiscard]] NewTopic new_changelog(const StoreSpec& store, const std::string& application_id,
                                     Partition partitions, const InternalTopicOptions& options);
[[nodiscard]] NewTopic new_repartition_topic(const std::string& name, const std::string& application_id,
                                             Partition partitions, const InternalTopicOptions& options);

// Returns InvalidArgument that names every topic of `config_of` which the application does not make.
[[nodiscard]] absl::Status check_options(const InternalTopicOptions& options,
                                         const std::string& application_id,
                                         const std::vector<NewTopic>& made);

// A setting of a topic that is not as the application would have made it.
struct TopicMismatch {
  std::string topic;
  std::string setting;  // "partitions", "replication factor", or one of Kafka's
  std::string is;
  std::string should_be;
  std::string advice;  // what follows, and what to do
  bool fatal = false;  // records would be lost or misread
};

// Compares topics with what the application would make. Settings that the broker did not tell are left out, as are topics that
// do not exist.
[[nodiscard]] std::vector<TopicMismatch> compare_internal_topics(const Topology& topology,
                                                                 const std::string& application_id,
                                                                 const std::vector<NewTopic>& wanted,
                                                                 const std::vector<TopicDescription>& found);

// One line per mismatch: "app-counts-changelog: cleanup.policy is delete, should be compact: ...".
[[nodiscard]] std::string text_of(const std::vector<TopicMismatch>& mismatches);

}  // namespace weir
