// One commit of all tasks of a worker, in steps.
//
//   at least once:  draining  →  (apply)  →  storing positions  →  idle
//   exactly once:   draining  →  sending offsets  →  committing  →  (apply)  →  idle
//
// At least once applies state first and commits positions last: a crash in between reads records again whose effects are in
// the state already, the other order could lose them. Exactly once applies state only after the transaction is committed: a
// crash in between is mended from the changelog.
//
// A failed step leaves the cycle idle and returns the status; what it means is the worker's to decide.
//
// Thread safety: none.
#pragma once

#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/task.h>
#include <weir/core/transport.h>
#include <weir/core/worker_options.h>

namespace weir {

class CommitCycle {
 public:
  enum class Phase { kIdle, kDraining, kSendingOffsets, kCommitting, kStoringPositions };

  CommitCycle(Guarantee guarantee, Consumer& consumer) : guarantee_(guarantee), consumer_(consumer) {}

  // Begins a commit of the tasks, which stay alive and unprocessed until it is over or only stores positions: those it has by
  // then. Does nothing if there are none.
  [[nodiscard]] absl::Status start(std::vector<Task*> tasks, Producer& producer);

  // Advances. Returns whether the commit is over.
  [[nodiscard]] absl::StatusOr<bool> step();

  // Forgets a commit that is under way; its outcome is unknown.
  void abandon();

  // The position of this partition is not committed from now on, or is again: nobody knows whose it is.
  void withhold(const TopicPartition& where) { withheld_.insert(where); }
  void release(const TopicPartition& where) { withheld_.erase(where); }

  // The positions of the commit that ended last, if it succeeded.
  [[nodiscard]] const std::vector<PartitionOffset>& committed() const { return sent_; }

  [[nodiscard]] bool running() const { return phase_ != Phase::kIdle; }
  [[nodiscard]] Phase phase() const { return phase_; }

 private:
  [[nodiscard]] absl::StatusOr<bool> advance();
  [[nodiscard]] absl::Status apply();
  [[nodiscard]] std::vector<PartitionOffset> positions() const;

  const Guarantee guarantee_;
  Consumer& consumer_;
  Producer* producer_ = nullptr;
  std::vector<Task*> tasks_;
  std::set<TopicPartition> withheld_;
  std::vector<PartitionOffset> sent_;
  Phase phase_ = Phase::kIdle;
  Pending<> pending_;
};

[[nodiscard]] std::string_view name_of(CommitCycle::Phase phase);

}  // namespace weir
