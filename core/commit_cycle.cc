#include <weir/core/commit_cycle.h>
#include <weir/core/planted.h>

#include <algorithm>
#include <utility>

namespace weir {

std::string_view name_of(CommitCycle::Phase phase) {
  switch (phase) {
    case CommitCycle::Phase::kIdle:
      return "idle";
    case CommitCycle::Phase::kDraining:
      return "waiting for acknowledgements";
    case CommitCycle::Phase::kSendingOffsets:
      return "sending offsets to the transaction";
    case CommitCycle::Phase::kCommitting:
      return "committing the transaction";
    case CommitCycle::Phase::kStoringPositions:
      return "committing positions";
  }
  return "";
}

absl::Status CommitCycle::start(std::vector<Task*> tasks, Producer& producer) {
  if (tasks.empty()) return absl::OkStatus();
  for (Task* task : tasks) WEIR_RETURN_IF_ERROR(task->prepare_commit());
  tasks_ = std::move(tasks);
  producer_ = &producer;
  producer_->flush();
  phase_ = Phase::kDraining;
  return absl::OkStatus();
}

void CommitCycle::abandon() {
  phase_ = Phase::kIdle;
  pending_.abandon();
  tasks_.clear();
}

absl::StatusOr<bool> CommitCycle::step() {
  auto over = advance();
  if (!over.ok() || *over) abandon();
  return over;
}

absl::StatusOr<bool> CommitCycle::advance() {
  switch (phase_) {
    case Phase::kIdle:
      return true;
    case Phase::kDraining:
      if (!WEIR_PLANTED("failure-ignored")) WEIR_RETURN_IF_ERROR(producer_->failure());
      if (producer_->in_flight() > 0 && !WEIR_PLANTED("acks-not-awaited")) return false;
      if (guarantee_ == Guarantee::kExactlyOnce) {
        if (WEIR_PLANTED("apply-before-commit")) WEIR_RETURN_IF_ERROR(apply());
        sent_ = positions();
        pending_ = producer_->send_offsets(sent_, consumer_.group_metadata());
        phase_ = Phase::kSendingOffsets;
      } else {
        WEIR_RETURN_IF_ERROR(apply());
        sent_ = positions();
        tasks_.clear();
        pending_ = consumer_.commit(sent_);
        phase_ = Phase::kStoringPositions;
      }
      return false;
    case Phase::kSendingOffsets:
      if (!pending_.ready()) return false;
      if (const absl::Status sent = pending_.take().status();
          !sent.ok() && !(WEIR_PLANTED("offsets-unknown-goes-on") && class_of(sent) == ErrorClass::kUnknown))
        return sent;
      pending_ = producer_->commit_transaction();
      phase_ = Phase::kCommitting;
      if (WEIR_PLANTED("apply-before-outcome")) WEIR_RETURN_IF_ERROR(apply());
      return false;
    case Phase::kCommitting:
      if (!pending_.ready()) return false;
      if (const absl::Status committed = pending_.take().status(); !committed.ok()) {
        if (WEIR_PLANTED("unknown-asked-again") && class_of(committed) == ErrorClass::kUnknown) {
          pending_ = producer_->commit_transaction();
          return false;
        }
        if (WEIR_PLANTED("unknown-is-committed") && class_of(committed) == ErrorClass::kUnknown)
          WEIR_RETURN_IF_ERROR(apply());
        return committed;
      }
      WEIR_RETURN_IF_ERROR(apply());
      return true;
    case Phase::kStoringPositions:
      if (!pending_.ready()) return false;
      WEIR_RETURN_IF_ERROR(pending_.take().status());
      return true;
  }
  return true;
}

absl::Status CommitCycle::apply() {
  for (Task* task : tasks_) {
    if (WEIR_PLANTED("applied-of-first-task") && task != tasks_.front()) continue;
    WEIR_RETURN_IF_ERROR(with_context(task->apply(), "task " + task->id().name()));
  }
  return absl::OkStatus();
}

std::vector<PartitionOffset> CommitCycle::positions() const {
  std::vector<PartitionOffset> all;
  for (const Task* task : tasks_) {
    if (WEIR_PLANTED("positions-of-first-task") && task != tasks_.front()) continue;
    for (PartitionOffset& position : task->positions_to_commit()) {
      if (WEIR_PLANTED("position-one-ahead")) ++position.offset;
      if (WEIR_PLANTED("position-one-behind")) position.offset = std::max<Offset>(position.offset - 1, 0);
      if (!withheld_.contains(position.where)) all.push_back(std::move(position));
    }
  }
  return all;
}

}  // namespace weir
