// Which tasks are left alone for a while because what they did failed and may go well later (a store that is busy, a broker
// that is away): they are opened again after a pause that doubles, while the worker's other tasks go on. The pauses of records
// that are tried again are record_retries.h.
//
// Thread safety: none; belongs to a worker.
#pragma once

#include <map>

#include <weir/core/backoff.h>
#include <weir/core/clock.h>
#include <weir/core/topic_partition.h>

namespace weir {

class TaskBackoffs {
 public:
  // The clock outlives this.
  explicit TaskBackoffs(const Clock& clock) : clock_(clock) {}

  // The task with that token failed once more.
  void failed(Partition token) {
    Failing& failing = failing_[token];
    failing.next = clock_.steady() + kPauses.after(++failing.failures);
  }

  // Whether the task's pause is not over.
  [[nodiscard]] bool waits(Partition token) const {
    const auto found = failing_.find(token);
    return found != failing_.end() && clock_.steady() < found->second.next;
  }

  // What tasks did is committed: all count from the start again.
  void settle() { failing_.clear(); }

 private:
  struct Failing {
    int failures = 0;
    Duration next{0};  // steady
  };
  static constexpr Backoff kPauses{Duration{100}, Duration{10'000}};

  const Clock& clock_;
  std::map<Partition, Failing> failing_;
};

}  // namespace weir
