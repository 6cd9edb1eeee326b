// What a task has done, since its last commit and ever: its parts share one of these, and each adds what it does.
//
// Thread safety: none; belongs to one task.
#pragma once

#include <array>
#include <cstdint>

#include <weir/core/task_context.h>

namespace weir {

// Since the task was made. The parts of a sum are those of tasks.
struct TaskCounters {
  std::uint64_t processed = 0;
  std::array<std::uint64_t, kDropReasons> dropped{};
  std::uint64_t dead_letters = 0;
  std::uint64_t retries = 0;  // attempts that failed and are followed by another
  std::uint64_t timers_fired = 0;

  [[nodiscard]] std::uint64_t dropped_total() const;

  TaskCounters& operator+=(const TaskCounters& more);
};

struct TaskWork {
  // Something happened since the last apply that a commit would keep.
  bool dirty = false;
  // Rises with whatever a record leaves behind outside of the stores: one that is sent, held back or under way.
  std::uint64_t traces = 0;
  // Sent since the last apply, without changelogs and dead letters.
  std::uint64_t unapplied_records = 0;
  std::uint64_t unapplied_bytes = 0;
  TaskCounters counters = {};

  void drop(DropReason reason) { ++counters.dropped[static_cast<std::size_t>(reason)]; }

  // A commit has kept what was done, or a rewind has undone it.
  void settle() {
    dirty = false;
    unapplied_records = 0;
    unapplied_bytes = 0;
  }
};

}  // namespace weir
