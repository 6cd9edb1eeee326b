// Notices tasks that have something to do and do not get on, and steps that do not end: silence that nobody reports otherwise.
//
// Thread safety: ProgressWatch none, it belongs to a worker. StepWatch: begin and end belong to the worker's thread, the rest
// may be called from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include <weir/core/time.h>
#include <weir/core/topic_partition.h>

namespace weir {

struct Stall {
  std::string worker = {};  // its client id, or "worker-<n>"
  std::string task = {};    // "0_1"; empty if none was running
  Duration lasts{0};
  // What is waited for, with topic, partition and offsets where there are any.
  std::string waits_for = {};
};

// Called once for each stall, from one of the application's threads: must be quick and must not call close.
using StallListener = std::function<void(const Stall& stall)>;

// By token: since when a task has had work without getting on.
class ProgressWatch {
 public:
  // 0: nothing is ever a stall.
  explicit ProgressWatch(Duration limit) : limit_(limit) {}

  // `mark` is anything that changes when the task gets on. Returns for how long it has not, once per stall.
  [[nodiscard]] std::optional<Duration> observe(Partition token, std::uint64_t mark, bool has_work,
                                                Duration now) {
    if (limit_.count() == 0) return std::nullopt;
    Seen& seen = seen_.try_emplace(token, Seen{mark, now, false}).first->second;
    if (!has_work || seen.mark != mark) {
      seen = {mark, now, false};
      return std::nullopt;
    }
    if (seen.reported || now - seen.since < limit_) return std::nullopt;
    seen.reported = true;
    return now - seen.since;
  }

  // Forgets tasks that are gone.
  template <class IsHere>
  void keep(IsHere is_here) {
    std::erase_if(seen_, [&](const auto& entry) { return !is_here(entry.first); });
  }

  // Returns how many tasks are stalled now.
  [[nodiscard]] std::size_t stalled() const {
    std::size_t count = 0;
    for (const auto& [token, seen] : seen_) count += seen.reported ? 1 : 0;
    return count;
  }

 private:
  struct Seen {
    std::uint64_t mark = 0;
    Duration since{0};
    bool reported = false;
  };

  const Duration limit_;
  std::map<Partition, Seen> seen_;
};

// The step that a worker is in, and the task that it works on: for the one who asks why it does not end.
class StepWatch {
 public:
  static constexpr std::int64_t kIdle = -1;

  void begin(Duration now) { since_.store(now.count(), std::memory_order_release); }
  void working_on(Partition token) { token_.store(token, std::memory_order_release); }
  void end() {
    token_.store(kAnyPartition, std::memory_order_release);
    since_.store(kIdle, std::memory_order_release);
  }

  // When the running step began (steady); nothing between steps.
  [[nodiscard]] std::optional<Duration> since() const {
    const std::int64_t since = since_.load(std::memory_order_acquire);
    if (since == kIdle) return std::nullopt;
    return Duration{since};
  }
  // The token of the task it works on; kAnyPartition if none.
  [[nodiscard]] Partition token() const { return token_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::int64_t> since_{kIdle};
  std::atomic<Partition> token_{kAnyPartition};
};

}  // namespace weir
