// The one door through which everything a client starts goes to the broker.
//
// An operation is kept until the next poll, where it is attempted and, if the broker has an answer, completed. One that
// has to wait is attempted again with each poll and does not hold the others up. Whoever wants operations to be late, to
// fail or to lose their answers stands here: between `start`, the attempt and the completion.
//
// Thread safety: none; a queue belongs to the object that started its operations.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <weir/core/embedded/engine.h>
#include <weir/core/pending.h>

namespace weir::embedded {

enum class Operation {
  kProduce,
  kInitTransactions,
  kSendOffsets,
  kCommitTransaction,
  kAbortTransaction,
  kCommitOffsets,
  kFetchOffsets,
  kListOffsets,
  kLeaveGroup,
  kDescribeTopics,
  kListTopics,
  kCreateTopics,
  kDeleteTopics,
  kDeleteRecords,
};

// The broker's answer; nothing if it has none yet.
template <class T>
using Answer = std::optional<absl::StatusOr<T>>;

class OperationQueue {
 public:
  // Starts an operation. `attempt(engine)` returns an Answer<T>; what it refers to must live until the operation is over
  // or the queue is gone.
  template <class T = Done, class Attempt>
  Pending<T> start(Operation what, Attempt attempt) {
    Completion<T> completion;
    Pending<T> pending = completion.pending();
    started_.push_back({what, [completion, attempt = std::move(attempt)](Engine& engine) mutable {
                          Answer<T> answer = attempt(engine);
                          if (!answer.has_value()) return false;
                          completion.complete(*std::move(answer));
                          return true;
                        }});
    return pending;
  }

  // Attempts what was started, in that order. An attempt must not start another operation.
  void run(Engine& engine) {
    std::erase_if(started_, [&](Started& started) { return started.attempt(engine); });
  }

  [[nodiscard]] bool empty() const { return started_.empty(); }

 private:
  struct Started {
    Operation what;
    std::function<bool(Engine&)> attempt;  // returns whether it is over
  };

  std::vector<Started> started_;
};

// Makes an answer of a request that yields nothing but its success.
[[nodiscard]] inline Answer<Done> answer_of(const absl::Status& status) {
  if (!status.ok()) return absl::StatusOr<Done>(status);
  return absl::StatusOr<Done>(Done{});
}

}  // namespace weir::embedded
