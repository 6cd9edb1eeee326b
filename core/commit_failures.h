// How long a worker waits before it tries again to commit what it could not: a group that rebalances, or a broker whose disk
// stands still, refuses until it is done, and is not to be kept from it by more requests. The pause doubles.
//
// Thread safety: none; belongs to a worker.
#pragma once

#include <algorithm>

#include <weir/core/backoff.h>
#include <weir/core/clock.h>

namespace weir {

class CommitFailures {
 public:
  // The clock outlives this.
  explicit CommitFailures(const Clock& clock) : clock_(clock) {}

  // A commit failed once more.
  void failed() { next_ = clock_.steady() + kPauses.after(++failures_); }

  // A commit succeeded.
  void settle() {
    failures_ = 0;
    next_ = {};
  }

  // How many failed since the last that succeeded.
  [[nodiscard]] int count() const { return failures_; }
  // What is left of the pause.
  [[nodiscard]] Duration left() const { return std::max(next_ - clock_.steady(), Duration{0}); }

 private:
  static constexpr Backoff kPauses{Duration{10}, Duration{1000}};

  const Clock& clock_;
  int failures_ = 0;
  Duration next_{0};  // steady
};

}  // namespace weir
