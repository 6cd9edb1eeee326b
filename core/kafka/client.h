// One librdkafka client: its making, its events, its errors.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/kafka/configuration.h>
#include <weir/core/kafka/handles.h>
#include <weir/core/log.h>
#include <weir/core/topic_partition.h>

namespace weir::kafka {

// Makes a client that reports through events only: `events` are RD_KAFKA_EVENT_* bits beside errors and log
// lines. Its main queue must be polled.
[[nodiscard]] absl::StatusOr<ClientHandle> make_client(rd_kafka_type_t type,
                                                       const Configuration& configuration, int events);

// Makes a client without events, whose main queue nobody has to poll; what it would log is dropped.
[[nodiscard]] absl::StatusOr<ClientHandle> make_silent_client(rd_kafka_type_t type,
                                                              const Configuration& configuration);

// Returns the addresses that the client was given, for messages; "the brokers" where they are too long for one.
[[nodiscard]] std::string bootstrap_of(rd_kafka_t* client);

// Passes a log event on; `event` must be one.
void pass_log(rd_kafka_event_t* event, const Logger& log);

// Returns librdkafka's form of positions (offset and metadata taken along) or of bare partitions.
[[nodiscard]] PartitionListHandle make_list(std::span<const PartitionOffset> offsets);
[[nodiscard]] PartitionListHandle make_list(std::span<const TopicPartition> partitions);

[[nodiscard]] TopicPartition where_of(const rd_kafka_topic_partition_t& entry);
[[nodiscard]] std::string name_of(const TopicPartition& where);

// What a transport's objects share.
struct SharedOptions {
  std::string bootstrap;
  Properties properties;
  Logger log;
};

// A client for questions that belong to no consumer. Without a group: topics, configurations, ends of partitions; it reads
// uncommitted, since asked through a read_committed client librdkafka gives the last stable offset for the end. With a group, which
// it never joins: that group's positions, once no open transaction may change them.
// Connects when first used. Thread safety: may be called from any thread.
class InquiryClient {
 public:
  explicit InquiryClient(SharedOptions options, std::string group = {})
      : options_(std::move(options)), group_(std::move(group)) {}

  // Returns the client, made by the first call; it lives as long as this object.
  [[nodiscard]] absl::StatusOr<rd_kafka_t*> get();

 private:
  const SharedOptions options_;
  const std::string group_;
  std::mutex mutex_;
  ClientHandle client_;
};

}  // namespace weir::kafka
