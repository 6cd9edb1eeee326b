#include <weir/core/embedded/topic.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include <weir/core/embedded/errors.h>

namespace weir::embedded {
namespace {

// What Kafka knows and this broker keeps without acting on it.
constexpr std::array<std::string_view, 29> kOtherNames = {
    "compression.type",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.zstd.level",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "message.downconversion.enable",
    "message.format.version",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.difference.max.ms",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.storage.enable",
    "segment.bytes",
    "segment.ms",
    "unclean.leader.election.enable",
    "segment.index.bytes",
    "segment.jitter.ms",
    "remote.log.copy.disable",
};

bool is_other_name(std::string_view name) {
  return std::find(kOtherNames.begin(), kOtherNames.end(), name) != kOtherNames.end();
}

absl::Status invalid(const std::string& name, const std::string& value) {
  return refused(fmt::format("invalid topic configuration: {}={}", name, value));
}

// Reads a whole number that is at least `least`.
absl::Status read_number(const std::string& name, const std::string& value, std::int64_t least,
                         std::int64_t& number) {
  const char* const end = value.data() + value.size();
  const auto [stopped, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || stopped != end || number < least) return invalid(name, value);
  return absl::OkStatus();
}

absl::Status read_cleanup_policy(const std::string& value, TopicSettings& settings) {
  settings.compacts = value == "compact" || value == "compact,delete" || value == "delete,compact";
  settings.deletes = value == "delete" || value == "compact,delete" || value == "delete,compact";
  if (!settings.compacts && !settings.deletes) return invalid("cleanup.policy", value);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TopicSettings> read_settings(const TopicConfig& config) {
  TopicSettings settings;
  for (const auto& [name, value] : config) {
    if (name == "cleanup.policy") {
      WEIR_RETURN_IF_ERROR(read_cleanup_policy(value, settings));
    } else if (name == "retention.ms") {
      WEIR_RETURN_IF_ERROR(read_number(name, value, -1, settings.retention_ms));
    } else if (name == "retention.bytes") {
      WEIR_RETURN_IF_ERROR(read_number(name, value, -1, settings.retention_bytes));
    } else if (name == "delete.retention.ms") {
      std::int64_t milliseconds = 0;
      WEIR_RETURN_IF_ERROR(read_number(name, value, 0, milliseconds));
      settings.delete_retention = Duration(milliseconds);
    } else if (name == "max.message.bytes") {
      WEIR_RETURN_IF_ERROR(read_number(name, value, 0, settings.max_message_bytes));
    } else if (name == "message.timestamp.type") {
      if (value != "CreateTime" && value != "LogAppendTime") return invalid(name, value);
      settings.log_append_time = value == "LogAppendTime";
    } else if (!is_other_name(name)) {
      return refused(fmt::format("unknown topic configuration: {}", name));
    }
  }
  return settings;
}

TopicConfig complete_config(const TopicConfig& config) {
  TopicConfig complete = config;
  const TopicSettings defaults;
  complete.try_emplace("cleanup.policy", "delete");
  complete.try_emplace("retention.ms", std::to_string(defaults.retention_ms));
  complete.try_emplace("retention.bytes", std::to_string(defaults.retention_bytes));
  complete.try_emplace("delete.retention.ms", std::to_string(defaults.delete_retention.count()));
  complete.try_emplace("max.message.bytes", std::to_string(defaults.max_message_bytes));
  complete.try_emplace("message.timestamp.type", "CreateTime");
  complete.try_emplace("min.compaction.lag.ms", "0");
  complete.try_emplace("min.insync.replicas", "1");
  return complete;
}

absl::Status check_topic_name(const std::string& name) {
  constexpr std::size_t kLongestName = 249;
  const bool legal = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (name.empty() || name.size() > kLongestName || name == "." || name == ".." || !legal) {
    return refused(fmt::format("invalid topic name: \"{}\"", name));
  }
  return absl::OkStatus();
}

}  // namespace weir::embedded
