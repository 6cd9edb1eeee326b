// Where the answers to one node's questions arrive, from any thread. It outlives the node as long as somebody may still answer;
// what comes then is dropped.
//
// Thread safety: put may be called from any thread; everything else belongs to the node's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <weir/core/in_flight.h>
#include <weir/ml/async/async_scorer.h>

namespace weir::ml {

class Mailbox {
 public:
  struct Letter {
    std::uint64_t question = 0;
    int attempt = 0;
    absl::StatusOr<ScoreAnswer> answer;
  };

  explicit Mailbox(std::shared_ptr<WakeUp> wake_up) : wake_up_(std::move(wake_up)) {}

  void put(Letter letter);
  // Takes what has come. Costs no lock where nothing has.
  void take(std::vector<Letter>& letters);
  [[nodiscard]] bool empty() const { return !filled_.load(std::memory_order_acquire); }
  // Nothing is taken any more.
  void close();

 private:
  const std::shared_ptr<WakeUp> wake_up_;  // the worker's
  std::atomic<bool> filled_{false};
  std::mutex mutex_;  // of those below
  bool closed_ = false;
  std::vector<Letter> letters_;
};

}  // namespace weir::ml
