// What the group has said of a worker's tokens and the worker has not answered yet, in order.
//
// Thread safety: none; belongs to a worker.
#pragma once

#include <deque>
#include <utility>

#include <weir/core/transport.h>

namespace weir {

class RebalanceQueue {
 public:
  void push(RebalanceEvent event) {
    // What the group said before a loss is void, and it waits for no answer to it.
    if (event.kind == RebalanceEvent::Kind::kLost) events_.clear();
    events_.push_back(std::move(event));
  }

  [[nodiscard]] bool empty() const { return events_.empty(); }
  // Requires that there is one.
  [[nodiscard]] const RebalanceEvent& front() const { return events_.front(); }
  // Whether the next one is the loss of all tokens.
  [[nodiscard]] bool lost() const {
    return !events_.empty() && events_.front().kind == RebalanceEvent::Kind::kLost;
  }

  // Answers the next one, which was obeyed. A loss needs no answer; one more would count for the event after it.
  void answer(Consumer& consumer) {
    if (!lost()) consumer.complete_rebalance();
    events_.pop_front();
  }

 private:
  std::deque<RebalanceEvent> events_;
};

}  // namespace weir
