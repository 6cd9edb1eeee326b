// Whether a scorer is worth asking, by how the last attempts went; see BreakerOptions.
//
// Attempts that were begun before the state changed say nothing about what it is like now, and do not count.
//
// Thread safety: none; belongs to one node.
#pragma once

#include <cstdint>

#include <weir/ml/async/async_options.h>

namespace weir::ml {

class CircuitBreaker {
 public:
  enum class State { kClosed, kOpen, kHalfOpen };

  explicit CircuitBreaker(const BreakerOptions& options) : options_(options) {}

  // Whether an attempt may begin now. One that is open becomes half open when its time is over.
  [[nodiscard]] bool allows(Duration now);
  // Notes that an attempt begins. Returns what to name when it ends.
  [[nodiscard]] std::uint64_t begin();
  void succeeded(std::uint64_t attempt);
  void failed(std::uint64_t attempt, Duration now);

  [[nodiscard]] State state() const { return state_; }
  // When an open breaker becomes half open.
  [[nodiscard]] Duration open_until() const { return open_until_; }
  [[nodiscard]] std::uint64_t times_opened() const { return times_opened_; }

 private:
  void enter(State state);

  const BreakerOptions options_;
  State state_ = State::kClosed;
  std::uint64_t era_ = 0;       // grows with each change of the state
  bool probing_ = false;        // half open, and an attempt is under way
  std::uint64_t failures_ = 0;  // of the last attempts, a bit each, the latest lowest
  Duration open_until_{0};
  std::uint64_t times_opened_ = 0;
};

}  // namespace weir::ml
