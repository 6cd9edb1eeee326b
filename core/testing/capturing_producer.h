// A producer whose topics are lists in memory: every topic exists and has the one partition 0, every record
// is acknowledged at once.
//
// Thread safety: none.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <weir/core/testing/owned_record.h>
#include <weir/core/transport.h>

namespace weir {

class CapturingProducer final : public Producer {
 public:
  struct Captured {
    TopicId topic = 0;
    OwnedRecord record;  // with its offset
  };

  // Returns the records sent since the last call, in the order of sending.
  [[nodiscard]] std::vector<Captured> take();

  // Forgets the records sent since the last take, as an aborted transaction does. Their offsets are not used
  // again.
  void forget();

  // Returns the offset of the next record of a topic and passes it by: somebody else writes that record.
  [[nodiscard]] Offset claim_offset(TopicId topic);

  // Returns the offset of the next record of a topic.
  [[nodiscard]] Offset next_offset(TopicId topic) const { return topics_[topic].next; }

  // Makes a topic go on at an offset, as if the records before were there.
  void continue_at(TopicId topic, Offset next) { topics_[topic].next = next; }

  [[nodiscard]] const std::string& name_of(TopicId topic) const { return topics_[topic].name; }

  // Producer
  [[nodiscard]] TopicId topic(const std::string& name) override;
  // A record for a partition other than 0 is a failed delivery.
  void send(const OutgoingRecord& record) override;
  [[nodiscard]] bool has_room() const override { return true; }
  void poll() override {}
  void flush() override {}
  [[nodiscard]] std::size_t in_flight() const override { return 0; }
  [[nodiscard]] absl::Status failure() const override { return failure_; }
  void clear_failure() override { failure_ = absl::OkStatus(); }
  [[nodiscard]] Offset last_acknowledged(TopicId topic, Partition partition) const override;

  // It has no transactional id, so these fail as they do for any such producer.
  Pending<> init_transactions() override;
  [[nodiscard]] absl::Status begin_transaction() override;
  Pending<> send_offsets(std::vector<PartitionOffset> offsets, const GroupMetadata& group) override;
  Pending<> commit_transaction() override;
  Pending<> abort_transaction() override;

 private:
  struct Topic {
    std::string name;
    Offset next = 0;
    Offset last_sent = kNoOffset;
  };

  std::vector<Topic> topics_;  // by id
  std::map<std::string, TopicId> ids_;
  std::vector<Captured> captured_;
  absl::Status failure_;
};

}  // namespace weir
