// The record of what an application's tokens stand for, in partition 0 of its tasks topic, which is empty otherwise (its
// partitions stand for tasks; see also group_signal.h). Nothing is ever deleted there, so that all read the same:
//
//   key "plan", value a TokenPlan; of those with the same version the first counts
//
// Two members that record the next version at once thus agree on one of them, and the other sees that it was not its own.
//
// Thread safety: none.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/clock.h>
#include <weir/core/token_plan.h>
#include <weir/core/transport.h>

namespace weir {

class TokenRecord {
 public:
  // Reads from `from` on (kNoOffset: from the beginning), behind which the version `version` counted. All references outlive it.
  TokenRecord(Transport& transport, const Clock& clock, const std::string& application_id,
              std::string client_id, int version = 0, Offset from = kNoOffset);

  // Does a bounded piece of work. Returns whether everything has been read that was there when it began; the next call begins
  // again where this ended. After a failure it may be called again.
  [[nodiscard]] absl::StatusOr<bool> read();

  // The plan that counts, as far as it was read since `from`; version 0 if there was none.
  [[nodiscard]] const TokenPlan& plan() const { return plan_; }
  // Where reading goes on.
  [[nodiscard]] Offset position() const { return position_; }

  // Starts to record a plan; goes on in `proposed`. Whether it counts is for `read` to say.
  [[nodiscard]] absl::Status propose(const TokenPlan& plan);
  // Does a bounded piece of work. Returns whether the brokers have it.
  [[nodiscard]] absl::StatusOr<bool> proposed();

 private:
  [[nodiscard]] absl::StatusOr<bool> try_to_read();
  [[nodiscard]] absl::Status take(const RawRecord& record);

  Transport& transport_;
  const Clock& clock_;
  const TopicPartition where_;
  const std::string client_id_;
  int version_;
  TokenPlan plan_;
  Offset position_;

  std::unique_ptr<Consumer> consumer_;
  Pending<std::vector<OffsetRange>> range_;
  Offset end_ = kNoOffset;                   // of what is being read
  std::unique_ptr<PartitionReader> reader_;  // gone before the consumer
  std::vector<ConsumerEvent> events_;
  std::vector<RawRecord> records_;
  std::unique_ptr<Producer> producer_;
};

// Tells whether what a member knows of the plan is still what is recorded. Asked when the group gives it tokens: whoever
// recorded something else joined the group after that, so it is there to be seen by then.
class TokenCheck {
 public:
  // All references outlive it.
  TokenCheck(const PartitionPlan& plan, Transport& transport, const Clock& clock, std::string application_id,
             std::string client_id);

  // Is to look again.
  void begin() { confirmed_ = false; }

  // Does a bounded piece of work with a consumer of the caller's. Returns whether the plan is confirmed; it never is if it is
  // outdated. After a failure it may be called again.
  [[nodiscard]] absl::StatusOr<bool> step(Consumer& consumer);

  [[nodiscard]] bool outdated() const { return outdated_; }

 private:
  [[nodiscard]] absl::StatusOr<bool> read_on();

  const PartitionPlan& plan_;
  Transport& transport_;
  const Clock& clock_;
  const std::string application_id_;
  const std::string client_id_;
  Offset end_;
  bool confirmed_ = false;
  bool outdated_ = false;
  Pending<std::vector<OffsetRange>> range_;
  std::unique_ptr<TokenRecord> record_;  // while there is something to be read
};

}  // namespace weir
