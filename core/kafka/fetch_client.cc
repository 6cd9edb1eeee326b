#include <weir/core/kafka/fetch_client.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <weir/core/kafka/errors.h>

namespace weir::kafka {
namespace {

void release_message(void* owner) noexcept {
  rd_kafka_message_destroy(static_cast<rd_kafka_message_t*>(owner));
}

void read_message_headers(const void* owner, Headers& headers) {
  rd_kafka_headers_t* found = nullptr;
  // Parsed on first use, and owned by the message.
  if (rd_kafka_message_headers(static_cast<const rd_kafka_message_t*>(owner), &found) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    return;
  }
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t index = 0;
       rd_kafka_header_get_all(found, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++index) {
    headers.add(name, value == nullptr ? std::nullopt
                                       : std::optional<Bytes>(Bytes(static_cast<const char*>(value), size)));
  }
}

constexpr RawRecord::Backing kMessageBacking{release_message, read_message_headers};

NullableBytes bytes_of(const void* data, std::size_t size) {
  if (data == nullptr) return std::nullopt;
  return BytesView(static_cast<const char*>(data), size);
}

// Returns a numeric property as the client understood it; nothing if it does not know the property.
std::optional<std::size_t> number_of(rd_kafka_t& client, const char* name) {
  std::array<char, 32> text{};
  std::size_t size = text.size();
  if (rd_kafka_conf_get(rd_kafka_conf(&client), name, text.data(), &size) != RD_KAFKA_CONF_OK)
    return std::nullopt;
  return static_cast<std::size_t>(std::strtoull(text.data(), nullptr, 10));
}

}  // namespace

class KafkaPartitionReader final : public PartitionReader {
 public:
  KafkaPartitionReader(std::shared_ptr<FetchClient> client, QueueHandle queue, TopicPartition where,
                       Offset start)
      : client_(std::move(client)),
        queue_(std::move(queue)),
        where_(std::move(where)),
        position_list_(make_list(std::span<const TopicPartition>(&where_, 1))),
        position_(start) {}

  ~KafkaPartitionReader() override {
    Wakeup::mute(queue_.get());
    queue_.reset();
    client_->assigned_.erase(where_);
    client_->released_.push_back(where_);
  }

  std::size_t fetch(std::size_t max_records, std::vector<RawRecord>& out) override {
    // The length is a lock and a load; a batch call on an empty queue costs several times that.
    const std::size_t queued = rd_kafka_queue_length(queue_.get());
    if (queued == 0) return 0;
    std::size_t records = 0;
    std::size_t messages = 0;
    std::array<rd_kafka_message_t*, kBatch> batch;
    while (records < max_records && messages < queued) {
      // Never more than is there, so that the call does not end in a wait of zero length.
      const std::size_t wanted = std::min({max_records - records, queued - messages, kBatch});
      const auto got = rd_kafka_consume_batch_queue(queue_.get(), 0, batch.data(), wanted);
      if (got <= 0) break;
      for (std::size_t index = 0; index < static_cast<std::size_t>(got); ++index)
        records += take(batch[index], out);
      messages += static_cast<std::size_t>(got);
      if (static_cast<std::size_t>(got) < wanted) break;
    }
    watch_room(queued, messages);
    if (records == max_records) {
      client_->left_over_ = true;
    } else if (messages < queued) {
      // Some entries were no messages: control records, which the client swallows. It knows the position
      // after them.
      skip_control_records();
    }
    return records;
  }

  [[nodiscard]] Offset position() const override { return position_; }

  [[nodiscard]] Offset known_end() const override {
    std::int64_t low = 0;
    std::int64_t high = 0;
    if (rd_kafka_get_watermark_offsets(client_->client_.get(), where_.topic.c_str(), where_.partition, &low,
                                       &high) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        high < 0) {
      high = kNoOffset;
    }
    // The client tells the high watermark only. That it has nothing more to read tells where the last stable
    // offset is.
    if (client_->read_committed_ && reached_end_ == position_ && rd_kafka_queue_length(queue_.get()) == 0) {
      return reached_end_;
    }
    return high < 0 ? reached_end_ : std::max(high, reached_end_);
  }

  [[nodiscard]] const TopicPartition& where() const override { return where_; }

 private:
  static constexpr std::size_t kBatch = 256;

  // Returns the number of records `message` gave to `out`: one or none.
  std::size_t take(rd_kafka_message_t* message, std::vector<RawRecord>& out) {
    heard_ = true;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      note(*message);
      rd_kafka_message_destroy(message);
      return 0;
    }
    if (message->offset < position_) {
      rd_kafka_message_destroy(message);
      return 0;
    }
    RawRecord& record = out.emplace_back(&kMessageBacking, message);
    record.key = bytes_of(message->key, message->key_len);
    record.value = bytes_of(message->payload, message->len);
    rd_kafka_timestamp_type_t type;
    record.timestamp = rd_kafka_message_timestamp(message, &type);
    record.offset = message->offset;
    position_ = message->offset + 1;
    value_bytes_ = message->len;
    return 1;
  }

  void note(const rd_kafka_message_t& message) {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      reached_end_ = message.offset;
      position_ = std::max(position_, reached_end_);
      return;
    }
    const std::string detail =
        message.payload == nullptr ? std::string() : std::string(rd_kafka_message_errstr(&message));
    client_->errors_.push_back(
        {status_of_code(message.err, fmt::format("cannot read {} at offset {}", name_of(where_), position_),
                        detail),
         where_});
  }

  // Notices a queue so full that the client stopped fetching, and wakes the client when half of it is taken.
  void watch_room(std::size_t queued, std::size_t taken) {
    const FetchClient::Prefetch& limit = client_->prefetch_;
    if (limit.resumes) return;
    // A bit below the limit, because some were taken since it stopped; bytes by the last record, there is no
    // better figure.
    const auto is_beyond = [&](std::size_t count, std::size_t percent) {
      return count * 100 >= limit.records * percent ||
             count * value_bytes_ * 100 >= limit.value_bytes * percent;
    };
    filled_ = filled_ || is_beyond(queued, 80);
    if (!filled_ || is_beyond(queued - taken, 50)) return;
    filled_ = false;
    client_->nudge(where_);
  }

  void skip_control_records() {
    // Before the first message of this assignment the client may still know the position of an earlier one.
    if (!heard_) return;
    if (rd_kafka_position(client_->client_.get(), position_list_.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    position_ = std::max(position_, position_list_->elems[0].offset);
  }

  const std::shared_ptr<FetchClient> client_;
  QueueHandle queue_;
  const TopicPartition where_;
  const PartitionListHandle position_list_;
  Offset position_;
  Offset reached_end_ = kNoOffset;
  std::size_t value_bytes_ = 0;
  bool heard_ = false;
  bool filled_ = false;
};

absl::StatusOr<std::shared_ptr<FetchClient>> FetchClient::make(std::shared_ptr<Shared> shared,
                                                               const ConsumerOptions& options,
                                                               std::shared_ptr<Wakeup> wakeup) {
  Configuration configuration;
  configuration.set_default("client.id", options.client_id);
  configuration.set_default("socket.nagle.disable", "true");
  configuration.set_default("reconnect.backoff.max.ms", "1000");
  // A partition assigned anew waits for the answer to the request under way; at the default of 500 ms a
  // rewind takes as long.
  configuration.set_default("fetch.wait.max.ms", "100");
  // Per partition. The count bounds what small records cost beside their bytes, some 400 bytes each. With the
  // nudge below 30 000 read as fast as the client's own 100 000 (2.4 M records/s from four partitions, 92 MB
  // resident against 200).
  configuration.set_default("queued.min.messages", "30000");
  const std::size_t kilobytes = std::max<std::size_t>(options.partition_queue_bytes / 1024, 1);
  configuration.set_default("queued.max.messages.kbytes", std::to_string(kilobytes));
  // An answer is added to the queue whole. Smaller ones than this cost more than they save.
  configuration.set_default("fetch.message.max.bytes",
                            std::to_string(std::clamp<std::size_t>(kilobytes, 64, 1024) * 1024));
  configuration.set_if_known("fetch.queue.backoff.ms", "20");
  configuration.add_layer(shared->options.properties);
  configuration.add_layer(options.properties);
  for (const char* of_the_member :
       {"group.instance.id", "group.protocol", "group.remote.assignor", "partition.assignment.strategy",
        "session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms", "group.id"}) {
    configuration.drop(of_the_member);
  }
  configuration.require("bootstrap.servers", shared->options.bootstrap);
  // librdkafka assigns only to clients with a group. This one never joins it and never commits.
  configuration.require("group.id",
                        options.group.empty() ? "weir-reader-" + options.client_id : options.group);
  configuration.require("isolation.level", options.read_committed ? "read_committed" : "read_uncommitted");
  configuration.require("enable.auto.commit", "false");
  configuration.require("enable.auto.offset.store", "false");
  configuration.require("auto.offset.reset", "error");
  configuration.require("enable.partition.eof", "true");
  auto client = make_client(RD_KAFKA_CONSUMER, configuration, 0);
  if (!client.ok()) return client.status();
  Prefetch prefetch;
  prefetch.records = number_of(**client, "queued.min.messages").value_or(0);
  prefetch.value_bytes = number_of(**client, "queued.max.messages.kbytes").value_or(0) * 1024;
  prefetch.resumes = number_of(**client, "fetch.queue.backoff.ms").has_value();
  return std::make_shared<FetchClient>(std::move(shared), std::move(*client), std::move(wakeup),
                                       options.read_committed, prefetch);
}

FetchClient::FetchClient(std::shared_ptr<Shared> shared, ClientHandle client, std::shared_ptr<Wakeup> wakeup,
                         bool read_committed, Prefetch prefetch)
    : shared_(std::move(shared)),
      wakeup_(std::move(wakeup)),
      read_committed_(read_committed),
      prefetch_(prefetch),
      client_(std::move(client)) {
  rd_kafka_poll_set_consumer(client_.get());
  main_queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  wakeup_->listen(main_queue_.get());
}

FetchClient::~FetchClient() {
  Wakeup::mute(main_queue_.get());
  main_queue_.reset();
  shared_->background.bury(std::move(client_));
}

absl::StatusOr<std::vector<std::unique_ptr<PartitionReader>>> FetchClient::assign(
    std::span<const PartitionOffset> starts) {
  std::vector<std::unique_ptr<PartitionReader>> readers;
  std::set<TopicPartition> asked;
  for (const PartitionOffset& start : starts) {
    if (start.offset < 0) {
      return absl::InvalidArgumentError(
          fmt::format("a reader needs an offset to start at: partition={} offset={}", name_of(start.where),
                      start.offset));
    }
    if (assigned_.contains(start.where) || !asked.insert(start.where).second) {
      return absl::InvalidArgumentError(
          fmt::format("the partition is read already: {}", name_of(start.where)));
    }
  }
  if (starts.empty()) return readers;
  unassign_released();
  std::vector<QueueHandle> queues;
  queues.reserve(starts.size());
  for (const PartitionOffset& start : starts) {
    QueueHandle queue(
        rd_kafka_queue_get_partition(client_.get(), start.where.topic.c_str(), start.where.partition));
    if (queue == nullptr) {
      return absl::InvalidArgumentError(
          fmt::format("the Kafka client knows no such partition: {}", name_of(start.where)));
    }
    // Cut loose before the assignment, which would otherwise send the records to the main queue.
    rd_kafka_queue_forward(queue.get(), nullptr);
    wakeup_->listen(queue.get());
    queues.push_back(std::move(queue));
  }
  const PartitionListHandle list = make_list(starts);
  for (int index = 0; index < list->cnt; ++index) {
    if (list->elems[index].metadata != nullptr) {
      // Positions as committed bring their text along; an assignment has no use for it.
      rd_kafka_mem_free(client_.get(), list->elems[index].metadata);
      list->elems[index].metadata = nullptr;
      list->elems[index].metadata_size = 0;
    }
  }
  if (const ErrorHandle error(rd_kafka_incremental_assign(client_.get(), list.get())); error != nullptr) {
    for (const QueueHandle& queue : queues) Wakeup::mute(queue.get());
    return status_of_code(rd_kafka_error_code(error.get()), "cannot assign partitions",
                          rd_kafka_error_string(error.get()));
  }
  for (std::size_t index = 0; index < starts.size(); ++index) {
    readers.push_back(std::make_unique<KafkaPartitionReader>(shared_from_this(), std::move(queues[index]),
                                                             starts[index].where, starts[index].offset));
    assigned_.insert(starts[index].where);
  }
  return readers;
}

void FetchClient::poll(std::vector<ConsumerEvent>& events) {
  unassign_released();
  for (ConsumerError& error : errors_) events.emplace_back(std::move(error));
  errors_.clear();
  while (rd_kafka_queue_length(main_queue_.get()) > 0) {
    const EventHandle event(rd_kafka_queue_poll(main_queue_.get(), 0));
    if (event == nullptr) break;
    switch (rd_kafka_event_type(event.get())) {
      case RD_KAFKA_EVENT_ERROR: {
        absl::Status fatal = fatal_status_of(client_.get(), "the reading client failed");
        events.emplace_back(ConsumerError{
            fatal.ok() ? status_of_code(rd_kafka_event_error(event.get()), "the reading client reports",
                                        rd_kafka_event_error_string(event.get()))
                       : fatal,
            {}});
        break;
      }
      case RD_KAFKA_EVENT_LOG:
        pass_log(event.get(), shared_->options.log);
        break;
      default:
        break;
    }
  }
}

bool FetchClient::take_left_over() { return std::exchange(left_over_, false); }

void FetchClient::nudge(const TopicPartition& where) {
  // Any request to the partition's broker wakes the thread that would otherwise sleep up to a second. This
  // one is cheap, and with no time to wait for its answer the call returns at once.
  const PartitionListHandle list = make_list(std::span<const TopicPartition>(&where, 1));
  constexpr std::int64_t kLatest = -1;
  list->elems[0].offset = kLatest;
  (void)rd_kafka_offsets_for_times(client_.get(), list.get(), 0);
}

void FetchClient::unassign_released() {
  if (released_.empty()) return;
  const PartitionListHandle list = make_list(std::span<const TopicPartition>(released_));
  released_.clear();
  const ErrorHandle error(rd_kafka_incremental_unassign(client_.get(), list.get()));
  if (error != nullptr) {
    errors_.push_back({status_of_code(rd_kafka_error_code(error.get()), "cannot give partitions up",
                                      rd_kafka_error_string(error.get())),
                       {}});
  }
}

}  // namespace weir::kafka
