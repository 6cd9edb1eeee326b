#include <weir/ml/topic_reading.h>

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include <weir/core/status.h>

namespace weir::ml {
namespace {

constexpr Duration kReadingPause{20};
constexpr std::size_t kFetchRecords = 1'000;

class TopicReading {
 public:
  TopicReading(Transport& transport, const TopicReadingOptions& options)
      : transport_(transport),
        topic_(options.topic),
        client_id_(options.client_id),
        patience_(options.patience),
        clock_(options.clock != nullptr ? *options.clock : system_clock()) {}

  // Calls take(record, partition) for each record; what it returns that is not ok ends the reading.
  [[nodiscard]] absl::Status read(const TakeRecord& take) {
    auto consumer = transport_.make_consumer({.client_id = client_id_, .read_committed = true});
    if (!consumer.ok()) return consumer.status();
    consumer_ = *std::move(consumer);
    const auto partitions = describe();
    if (!partitions.ok()) return partitions.status();
    const auto ranges = answer([&] { return consumer_->offset_ranges(*partitions); });
    if (!ranges.ok()) return with_context(ranges.status(), "the ends of " + topic_ + " are not known");
    std::vector<PartitionOffset> starts;
    for (std::size_t i = 0; i < ranges->size(); ++i) {
      if ((*ranges)[i].begin < (*ranges)[i].end) starts.push_back({(*partitions)[i], (*ranges)[i].begin, {}});
    }
    // One after the other, so that equal topics are read in equal order.
    for (const PartitionOffset& start : starts) {
      const auto partition = static_cast<std::size_t>(start.where.partition);
      if (absl::Status done = read_partition(start, (*ranges)[partition].end, take); !done.ok()) return done;
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<std::vector<TopicPartition>> describe() {
    auto admin = transport_.make_admin();
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
    const auto described = answer([&] { return admin_->describe_topics({topic_}); });
    if (!described.ok()) return described.status();
    std::vector<TopicPartition> partitions;
    for (Partition partition = 0; partition < described->front().partitions; ++partition) {
      partitions.push_back({topic_, partition});
    }
    if (partitions.empty()) return absl::NotFoundError("there is no topic " + topic_);
    return partitions;
  }

  template <class Start>
  auto answer(const Start& start) -> decltype(start().take()) {
    const Duration deadline = clock_.steady() + patience_;
    auto pending = start();
    for (poll(); !pending.ready(); poll()) {
      if (clock_.steady() > deadline) return absl::DeadlineExceededError("the brokers do not answer");
      consumer_->wait(kReadingPause);
    }
    return pending.take();
  }

  void poll() {
    admin_->poll();
    events_.clear();
    consumer_->poll(events_);
  }

  [[nodiscard]] absl::Status read_partition(const PartitionOffset& start, Offset end,
                                            const TakeRecord& take) {
    auto readers = consumer_->assign(std::vector{start});
    if (!readers.ok()) return readers.status();
    PartitionReader& reader = *readers->front();
    Duration deadline = clock_.steady() + patience_;
    Offset reached = start.offset;
    while (reader.position() < end) {
      poll();
      for (const ConsumerEvent& event : events_) {
        const auto* error = std::get_if<ConsumerError>(&event);
        if (error != nullptr && class_of(error->status) != ErrorClass::kRetriable) return error->status;
      }
      std::vector<RawRecord> records;
      reader.fetch(kFetchRecords, records);
      for (const RawRecord& record : records) {
        if (record.offset >= end) return absl::OkStatus();
        if (absl::Status taken = take(record, start.where.partition); !taken.ok()) {
          return with_context(taken, fmt::format("the reading ends at topic={} partition={} offset={}",
                                                 topic_, start.where.partition, record.offset));
        }
      }
      if (reader.position() > reached) {
        reached = reader.position();
        deadline = clock_.steady() + patience_;
      } else if (clock_.steady() > deadline) {
        return absl::DeadlineExceededError(fmt::format(
            "nothing came for {} ms: topic={} partition={} position={} end={}; is a transaction open?",
            patience_.count(), topic_, start.where.partition, reached, end));
      } else {
        consumer_->wait(kReadingPause);
      }
    }
    return absl::OkStatus();
  }

  Transport& transport_;
  const std::string topic_;
  const std::string client_id_;
  const Duration patience_;
  const Clock& clock_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Consumer> consumer_;
  std::vector<ConsumerEvent> events_;
};

}  // namespace

absl::Status read_topic(Transport& transport, const TopicReadingOptions& options, const TakeRecord& take) {
  return TopicReading(transport, options).read(take);
}

}  // namespace weir::ml
