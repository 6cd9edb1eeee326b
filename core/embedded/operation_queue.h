// The one door through which everything a client starts goes to the broker.
//
// An operation is kept until the next poll, where it is attempted and, if the broker has an answer,
// completed. One that has to wait is attempted again with each poll and does not hold the others up. Whoever
// wants operations to be late, to fail or to lose their answers stands here, between the parts of an
// operation.
//
// Thread safety: none; a queue belongs to the object that started its operations.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <type_traits>
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

// What is known of the broker's answer; nothing if it has not answered yet.
template <class T>
using Answer = std::optional<absl::StatusOr<T>>;

class OperationQueue {
 public:
  // Starts an operation of three parts:
  //   before()          at the client: an Answer<A> if the broker need not be asked
  //   request(engine)   at the broker: an Answer<A>; owns or shares all it touches, so that it could also happen
  //                     late, without its client, or without anybody hearing of it
  //   after(answer)     at the client again: notes the absl::StatusOr<A> and returns the absl::StatusOr<T>
  // Later operations count on what `after` of earlier ones noted: answers come in order.
  template <class Before, class Request, class After>
  auto start(Operation what, Before before, Request request, After after) {
    using Reply = std::invoke_result_t<Request&, Engine&>;
    using Result = std::invoke_result_t<After&, typename Reply::value_type>;
    Completion<typename Result::value_type> completion;
    auto pending = completion.pending();
    started_.push_back({what, [completion, before = std::move(before), request = std::move(request),
                               after = std::move(after)](Engine& engine) mutable {
                          Reply reply = before();
                          if (!reply.has_value()) reply = request(engine);
                          if (!reply.has_value()) return false;
                          completion.complete(after(*std::move(reply)));
                          return true;
                        }});
    return pending;
  }

  // Starts an operation that is all the broker's.
  template <class Request>
  auto start(Operation what, Request request) {
    using Reply = std::invoke_result_t<Request&, Engine&>;
    return start(
        what, [] { return Reply(); }, std::move(request),
        [](typename Reply::value_type answer) { return answer; });
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
