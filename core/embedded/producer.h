// The embedded broker's producer.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/operation_queue.h>
#include <weir/core/embedded/record_batch.h>
#include <weir/core/transport.h>

namespace weir::embedded {

class EmbeddedProducer final : public Producer {
 public:
  EmbeddedProducer(std::shared_ptr<EmbeddedBroker> broker, const ProducerOptions& options,
                   const std::string& host);

  TopicId topic(const std::string& name) override;
  void send(const OutgoingRecord& record) override;
  bool has_room() const override;
  void poll() override;
  void flush() override { hand_over(); }
  std::size_t in_flight() const override { return handed_over_ + lingering_->size(); }
  absl::Status failure() const override { return failure_; }
  void clear_failure() override { failure_ = absl::OkStatus(); }
  Offset last_acknowledged(TopicId topic, Partition partition) const override;

  Pending<> init_transactions() override;
  absl::Status begin_transaction() override;
  Pending<> send_offsets(std::vector<PartitionOffset> offsets, const GroupMetadata& group) override;
  Pending<> commit_transaction() override;
  Pending<> abort_transaction() override;

 private:
  // kInTransaction lasts until commit or abort is answered well, so that a failed commit can be aborted.
  enum class State { kNew, kReady, kInTransaction, kFenced };

  void hand_over();
  // The client's side of a batch and of the end of a transaction, before and after the broker's.
  Answer<ProduceReport> before_produce();
  void take_report(const ProduceReport& report);
  Pending<> end_transaction(Operation what, bool commit);
  Answer<ProducerIdentity> before_end(bool commit) const;
  void spoil(const absl::Status& status);
  // Returns why the producer is not in a transaction; ok if it is.
  absl::Status require_transaction() const;
  // Remembers it if the broker knows a younger producer.
  void note(const absl::Status& status);

  const std::shared_ptr<EmbeddedBroker> broker_;  // shared by all clients of the broker
  const ProducerOptions options_;
  const std::shared_ptr<ProducerSession> session_;  // shared with requests, which may outlive the producer
  std::unordered_map<std::string, TopicId> topics_;
  std::vector<std::vector<Offset>>
      acknowledged_;  // highest, by TopicId and partition; kNoOffset or missing: none
  State state_ = State::kNew;
  bool touched_ = false;  // the open transaction has something the broker knows of
  bool stray_ = false;    // records given up may still arrive under the present epoch
  absl::Status spoiled_;  // why the open transaction can only be aborted; ok if it can be committed
  absl::Status fenced_;   // why, in state kFenced
  absl::Status failure_;
  std::shared_ptr<RecordBatch> lingering_ = std::make_shared<RecordBatch>();  // shared with its request later
  Duration lingering_since_{0};
  std::size_t handed_over_ = 0;  // records the broker has not answered for
  std::size_t handed_over_bytes_ = 0;
  OperationQueue operations_;
};

}  // namespace weir::embedded
