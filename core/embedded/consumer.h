// The embedded broker's consumer and the readers of its partitions.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/membership.h>
#include <weir/core/embedded/operation_queue.h>
#include <weir/core/transport.h>

namespace weir::embedded {

class EmbeddedConsumer final : public Consumer {
 public:
  EmbeddedConsumer(std::shared_ptr<EmbeddedBroker> broker, const ConsumerOptions& options,
                   const std::string& host);

  absl::Status subscribe(const std::string& topic) override;
  void poll(std::vector<ConsumerEvent>& events) override;
  void complete_rebalance() override { membership_.answer(); }
  absl::StatusOr<std::vector<std::unique_ptr<PartitionReader>>> assign(
      std::span<const PartitionOffset> starts) override;
  Pending<> commit(std::vector<PartitionOffset> offsets) override;
  Pending<std::vector<PartitionOffset>> committed(std::vector<TopicPartition> partitions) override;
  Pending<std::vector<OffsetRange>> offset_ranges(std::vector<TopicPartition> partitions) override;
  Pending<std::vector<Offset>> offsets_at(std::vector<TopicPartition> partitions,
                                          Timestamp timestamp) override;
  GroupMetadata group_metadata() override;
  Pending<> close(bool leave_group) override;
  void wait(Duration at_most) override;
  void wake() override;

 private:
  friend class EmbeddedReader;

  void report(absl::Status status, const TopicPartition& where);

  const std::shared_ptr<EmbeddedBroker> broker_;  // shared by all clients of the broker
  const ConsumerOptions options_;
  const std::shared_ptr<Waiter> waiter_;  // shared with the logs and the group that wake this consumer
  Membership membership_;
  OperationQueue operations_;
  std::vector<ConsumerEvent> reported_;  // by readers since the last poll
  std::set<TopicPartition> reading_;
#ifdef WEIR_PLANTED_BUGS
  std::map<TopicPartition, Offset> left_at_;  // where readers that are gone had come to
#endif
  std::uint64_t signals_seen_ = 0;
  bool more_to_fetch_ = false;
  bool closed_ = false;
};

class EmbeddedReader final : public PartitionReader {
 public:
  EmbeddedReader(EmbeddedConsumer& consumer, TopicPartition where, Offset start)
      : consumer_(consumer), where_(std::move(where)), position_(start) {}
  ~EmbeddedReader() override;

  std::size_t fetch(std::size_t max_records, std::vector<RawRecord>& out) override;
  Offset position() const override { return position_; }
  Offset known_end() const override { return known_end_; }
  const TopicPartition& where() const override { return where_; }

  // Looks for the partition. Requires the broker's mutex.
  bool find_log(Engine& engine);

 private:
  void fail(absl::Status status);

  EmbeddedConsumer& consumer_;
  const TopicPartition where_;
  Offset position_;
  Offset known_end_ = kNoOffset;
  std::shared_ptr<Log> log_;  // shared with the topic; stays when that is deleted
  bool told_missing_ = false;
  bool told_forbidden_ = false;
  bool failed_ = false;
};

}  // namespace weir::embedded
