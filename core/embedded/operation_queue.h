// The one door through which everything a client starts goes to the broker.
//
// An operation is kept until the next poll, where it is attempted and, if the broker has an answer,
// completed. One that has to wait is attempted again with each poll. A consumer's and an administrator's do not
// hold each other up; a producer's are done in the order they were started, as its records and the ends of its
// transactions have to be.
//
// Where the broker has Faults, they stand between the parts of an operation and decide what becomes of it.
//
// Thread safety: none; a queue belongs to the object that started its operations.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/embedded/engine.h>
#include <weir/core/embedded/faults.h>
#include <weir/core/pending.h>

namespace weir::embedded {

// What is known of the broker's answer; nothing if it has not answered yet.
template <class T>
using Answer = std::optional<absl::StatusOr<T>>;

class OperationQueue {
 public:
  // `faults` may be null and outlives the queue. `transaction_timeout` matters to a transactional producer only.
  OperationQueue(ClientName client, const Clock& clock, Faults* faults,
                 Duration transaction_timeout = Duration::zero())
      : client_(std::move(client)),
        clock_(clock),
        faults_(faults),
        transaction_timeout_(transaction_timeout) {}
  OperationQueue(const OperationQueue&) = delete;
  OperationQueue& operator=(const OperationQueue&) = delete;

  // Starts an operation of three parts:
  //   before()          at the client: an Answer<A> if the broker need not be asked
  //   request(engine)   at the broker: an Answer<A>; owns or shares all it touches, so that it could also happen
  //                     late, without its client, or without anybody hearing of it
  //   after(answer)     at the client again: notes the absl::StatusOr<A> and returns the absl::StatusOr<T>
  // Later operations of a producer count on what `after` of earlier ones noted: answers come in order.
  template <class Before, class Request, class After>
  auto start(Operation what, Before before, Request request, After after) {
    using Reply = std::invoke_result_t<Request&, Engine&>;
    using Result = std::invoke_result_t<After&, typename Reply::value_type>;
    Completion<typename Result::value_type> completion;
    auto pending = completion.pending();
    if (faults_ == nullptr) {
      started_.push_back([completion, before = std::move(before), request = std::move(request),
                          after = std::move(after)](Engine& engine) mutable {
        Reply reply = before();
        if (!reply.has_value()) reply = request(engine);
        if (!reply.has_value()) return false;
        completion.complete(after(*std::move(reply)));
        return true;
      });
      return pending;
    }
    // Shared with requests on their way, which may outlive the client.
    struct Cargo {
      Request request;
      Reply reply;
    };
    auto cargo = std::make_shared<Cargo>(Cargo{std::move(request), Reply()});
    started_.push_back([this, completion, cargo, voyage = begin_voyage(what), before = std::move(before),
                        after = std::move(after)](Engine& engine) mutable {
      Reply reply;
      if (!voyage.departed()) {
        reply = before();
        if (!reply.has_value()) {
          voyage.depart(engine, *faults_, [cargo](Engine& at) {
            Reply answer = cargo->request(at);
            if (!cargo->reply.has_value()) cargo->reply = std::move(answer);
          });
        }
      }
      if (!reply.has_value()) {
        if (voyage.answerable(engine, *faults_)) {
          if (!cargo->reply.has_value()) cargo->reply = cargo->request(engine);
          reply = std::move(cargo->reply);
        }
        if (!reply.has_value()) {
          const std::optional<absl::Status> verdict = voyage.verdict(engine, *faults_);
          if (!verdict.has_value()) return false;
          reply = typename Reply::value_type(*verdict);
        }
      }
      completion.complete(after(*std::move(reply)));
      return true;
    });
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
    bool held_up = false;
    std::erase_if(started_, [&](Attempt& attempt) {
      if (held_up) return false;
      const bool over = attempt(engine);
      held_up = !over && client_.kind == ClientName::Kind::kProducer;
      return over;
    });
  }

  [[nodiscard]] bool empty() const { return started_.empty(); }

  // Says whether nothing gets through from or to the client at present. Requires the broker's mutex.
  [[nodiscard]] bool cut_off() const { return faults_ != nullptr && faults_->cut_off(client_); }
  // Says whether the client does not hear yet how a round of its group ended.
  [[nodiscard]] bool assignment_kept() const {
    return faults_ != nullptr && faults_->keeps_assignment(client_);
  }

 private:
  using Attempt = std::function<bool(Engine&)>;  // returns whether it is over

  [[nodiscard]] Voyage begin_voyage(Operation what) {
    const bool transactional = !client_.transactional_id.empty();
    return {what, sent_[static_cast<std::size_t>(what)]++, client_,
            patience_for(what, transactional, transaction_timeout_), clock_.steady()};
  }

  const ClientName client_;
  const Clock& clock_;
  Faults* const faults_;
  const Duration transaction_timeout_;
  std::array<std::uint64_t, kOperations> sent_{};
  std::vector<Attempt> started_;
};

// Makes an answer of a request that yields nothing but its success.
[[nodiscard]] inline Answer<Done> answer_of(const absl::Status& status) {
  if (!status.ok()) return absl::StatusOr<Done>(status);
  return absl::StatusOr<Done>(Done{});
}

}  // namespace weir::embedded
