// A topic: its partitions and what its configuration means.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/embedded/log.h>
#include <weir/core/status.h>
#include <weir/core/time.h>

namespace weir::embedded {

using TopicConfig = std::map<std::string, std::string>;

// The settings this broker acts on, with Kafka's defaults.
struct TopicSettings {
  bool compacts = false;
  bool deletes = true;
  bool log_append_time = false;
  std::int64_t retention_ms = 7LL * 24 * 60 * 60 * 1000;  // negative: for ever
  std::int64_t retention_bytes = -1;                      // of a partition; negative: unlimited
  Duration delete_retention{24 * 60 * 60 * 1000};
  std::int64_t max_message_bytes = 1'048'588;
};

// Reads a configuration; refuses names Kafka does not have and values it would refuse.
[[nodiscard]] absl::StatusOr<TopicSettings> read_settings(const TopicConfig& config);

// Returns the settings this broker acts on as configuration, overlaid with what was given.
[[nodiscard]] TopicConfig complete_config(const TopicConfig& config);

// Refuses what Kafka does not accept as a name of a topic.
[[nodiscard]] absl::Status check_topic_name(const std::string& name);

struct Topic {
  std::string name;
  TopicConfig config;  // as given
  TopicSettings settings;
  std::vector<std::shared_ptr<Log>> logs;  // shared with readers and open transactions

  [[nodiscard]] Partition partitions() const { return static_cast<Partition>(logs.size()); }
};

}  // namespace weir::embedded
