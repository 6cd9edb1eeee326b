#include <weir/core/kafka/client.h>

#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <weir/core/kafka/errors.h>
#include <weir/core/status.h>

namespace weir::kafka {

namespace {

// Hands the configuration over: librdkafka owns it from here on, unless it refuses.
absl::StatusOr<ClientHandle> start(rd_kafka_type_t type, ConfigurationHandle configuration) {
  std::array<char, 512> reason{};
  ClientHandle client(rd_kafka_new(type, configuration.get(), reason.data(), reason.size()));
  if (client == nullptr)
    return absl::InvalidArgumentError(fmt::format("cannot make a Kafka client: {}", reason.data()));
  (void)configuration.release();
  return client;
}

void drop_log(const rd_kafka_t*, int, const char*, const char*) noexcept {}

}  // namespace

absl::StatusOr<ClientHandle> make_client(rd_kafka_type_t type, const Configuration& configuration,
                                         int events) {
  Configuration complete = configuration;
  // Log lines come as events too, so that no foreign thread calls the user's logger.
  complete.require("log.queue", "true");
  auto built = complete.build();
  if (!built.ok()) return built.status();
  rd_kafka_conf_set_events(built->get(), events | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
  auto client = start(type, std::move(*built));
  if (client.ok()) rd_kafka_set_log_queue(client->get(), nullptr);
  return client;
}

absl::StatusOr<ClientHandle> make_silent_client(rd_kafka_type_t type, const Configuration& configuration) {
  auto built = configuration.build();
  if (!built.ok()) return built.status();
  rd_kafka_conf_set_log_cb(built->get(), drop_log);
  return start(type, std::move(*built));
}

std::string bootstrap_of(rd_kafka_t* client) {
  std::array<char, 512> addresses{};
  std::size_t size = addresses.size();
  if (rd_kafka_conf_get(rd_kafka_conf(client), "bootstrap.servers", addresses.data(), &size) !=
      RD_KAFKA_CONF_OK)
    return "the brokers";
  return addresses.data();
}

void pass_log(rd_kafka_event_t* event, const Logger& log) {
  if (!log) return;
  const char* facility = nullptr;
  const char* text = nullptr;
  int level = 0;
  if (rd_kafka_event_log(event, &facility, &text, &level) != 0) return;
  constexpr int kSyslogError = 3;
  constexpr int kSyslogWarning = 4;
  constexpr int kSyslogInfo = 6;
  const LogLevel severity = level <= kSyslogError     ? LogLevel::kError
                            : level <= kSyslogWarning ? LogLevel::kWarning
                            : level <= kSyslogInfo    ? LogLevel::kInfo
                                                      : LogLevel::kDebug;
  log(severity, fmt::format("kafka client: {} {}", facility, text));
}

PartitionListHandle make_list(std::span<const PartitionOffset> offsets) {
  PartitionListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const PartitionOffset& entry : offsets) {
    rd_kafka_topic_partition_t* added =
        rd_kafka_topic_partition_list_add(list.get(), entry.where.topic.c_str(), entry.where.partition);
    added->offset = entry.offset;
    if (!entry.metadata.empty()) {
      // Freed with the list, by the C library.
      added->metadata = ::strdup(entry.metadata.c_str());
      added->metadata_size = entry.metadata.size();
    }
  }
  return list;
}

PartitionListHandle make_list(std::span<const TopicPartition> partitions) {
  PartitionListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition& where : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), where.topic.c_str(), where.partition);
  }
  return list;
}

TopicPartition where_of(const rd_kafka_topic_partition_t& entry) { return {entry.topic, entry.partition}; }

std::string name_of(const TopicPartition& where) {
  return fmt::format("{}[{}]", where.topic, where.partition);
}

absl::StatusOr<rd_kafka_t*> InquiryClient::get() {
  const std::lock_guard lock(mutex_);
  if (client_ != nullptr) return client_.get();
  Configuration configuration;
  configuration.set_default("socket.nagle.disable", "true");
  configuration.set_default("reconnect.backoff.max.ms", "1000");
  configuration.add_layer(options_.properties);
  for (const char* of_members :
       {"group.id", "group.instance.id", "group.protocol", "group.remote.assignor", "isolation.level"})
    configuration.drop(of_members);
  configuration.require("bootstrap.servers", options_.bootstrap);
  configuration.require("isolation.level", group_.empty() ? "read_uncommitted" : "read_committed");
  if (!group_.empty()) {
    configuration.require("group.id", group_);
    configuration.require("enable.auto.commit", "false");
  }
  auto made = make_silent_client(RD_KAFKA_CONSUMER, configuration);
  if (!made.ok()) return made.status();
  client_ = std::move(*made);
  return client_.get();
}

}  // namespace weir::kafka
