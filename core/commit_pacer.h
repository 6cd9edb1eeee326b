// When a worker commits: at a fixed interval, or as often as a latency target asks for.
//
// With a target a record is to be committed that long after it was processed at most. A commit takes time itself, so the next
// one begins so much before the target as the slowest of the last commits took (an older one counts an eighth less with each
// commit). Never more than half of the time goes into commits: when they take longer than half of the target, it is missed.
//
// Thread safety: none; belongs to a worker. Deterministic: it knows no clock.
#pragma once

#include <algorithm>
#include <optional>

#include <weir/core/time.h>

namespace weir {

class CommitPacer {
 public:
  CommitPacer(Duration interval, std::optional<Duration> latency_target)
      : interval_(interval), target_(latency_target) {}

  // A commit was begun; and is over. One that failed is begun again without having been over.
  void begun(Duration now) { begun_ = now; }
  void finished(Duration now) {
    expected_ = std::max(now - begun_, expected_ - expected_ / 8 - Duration{expected_.count() > 0 ? 1 : 0});
  }

  // Returns how long after the last commit the next one is due.
  [[nodiscard]] Duration interval() const {
    if (!target_) return interval_;
    return std::max({*target_ - expected_, expected_, Duration{1}});
  }

  // Returns how long a commit is expected to take.
  [[nodiscard]] Duration expected() const { return expected_; }

 private:
  const Duration interval_;
  const std::optional<Duration> target_;
  Duration begun_{0};
  Duration expected_{0};
};

}  // namespace weir
