// core/transport.h's Producer on librdkafka.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weir/core/kafka/background.h>
#include <weir/core/kafka/client.h>
#include <weir/core/kafka/shared.h>
#include <weir/core/kafka/transaction_runner.h>
#include <weir/core/transport.h>

namespace weir::kafka {

class KafkaProducer final : public Producer {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Producer>> make(std::shared_ptr<Shared> shared,
                                                                      const ProducerOptions& options);

  KafkaProducer(std::shared_ptr<Shared> shared, const ProducerOptions& options, ClientHandle client);
  // Records not acknowledged yet are lost.
  ~KafkaProducer() override;

  [[nodiscard]] TopicId topic(const std::string& name) override;
  void send(const OutgoingRecord& record) override;
  [[nodiscard]] bool has_room() const override { return overflow_.empty(); }
  void poll() override;
  void flush() override;
  [[nodiscard]] std::size_t in_flight() const override;
  [[nodiscard]] absl::Status failure() const override { return failure_; }
  void clear_failure() override { failure_ = absl::OkStatus(); }
  [[nodiscard]] Offset last_acknowledged(TopicId topic, Partition partition) const override;
  Pending<> init_transactions() override;
  [[nodiscard]] absl::Status begin_transaction() override;
  Pending<> send_offsets(std::vector<PartitionOffset> offsets, const GroupMetadata& group) override;
  Pending<> commit_transaction() override;
  Pending<> abort_transaction() override;

 private:
  struct Topic {
    std::string name;
    TopicHandle handle;
    std::vector<Offset> acknowledged;  // by partition
  };

  // A record the client's queue had no room for.
  struct KeptRecord {
    TopicId topic;
    Partition partition;
    std::optional<Bytes> key;
    std::optional<Bytes> value;
    Timestamp timestamp;
    Headers headers;
  };

  // Returns false if the client's queue is full; any other refusal is a failed delivery.
  [[nodiscard]] bool hand_over(const OutgoingRecord& record);
  void keep(const OutgoingRecord& record);
  void send_kept();
  void serve_events();
  void take_reports(rd_kafka_event_t& event);
  void fail(absl::Status status);
  void follow_flush();
  void follow_commit();
  void ring_where_this_thread_waits();
  // Returns why no transactional call can be made, ok if one can.
  [[nodiscard]] absl::Status check_transactional() const;

  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Inbox> inbox_;
  const bool transactional_;
  const bool report_offsets_;
  ClientHandle client_;
  QueueHandle queue_;
  std::vector<Topic> topics_;
  std::map<std::string, TopicId, std::less<>> topic_ids_;
  std::deque<KeptRecord> overflow_;
  std::size_t reports_awaited_ = 0;
  absl::Status failure_;
  bool flush_wanted_ = false;
  bool flush_running_ = false;
  bool connection_broke_ = false;
  // A commit that waits for the overflow to drain before it starts.
  std::optional<Completion<>> commit_to_start_;
  std::shared_ptr<Wakeup> wakeup_;
  std::unique_ptr<TransactionRunner> runner_;
};

}  // namespace weir::kafka
