// What a worker tells of itself in numbers.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <weir/core/task_context.h>

namespace weir {

// Counters with one writer, the worker; anybody may read them.
struct WorkerMetrics {
  std::atomic<std::uint64_t> records_processed{0};
  std::array<std::atomic<std::uint64_t>, kDropReasons> records_dropped{};
  std::atomic<std::uint64_t> dead_letters{0};
  std::atomic<std::uint64_t> retries{0};
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> transactions_aborted{0};
  // How often a partition could not be read on where it had been read to; see the log.
  std::atomic<std::uint64_t> positions_lost{0};
  std::atomic<std::uint64_t> records_restored{0};
  std::atomic<std::uint64_t> restore_remaining{0};
  std::atomic<std::uint64_t> tasks{0};
  std::atomic<std::uint64_t> tasks_stalled{0};
  std::atomic<std::uint64_t> lag{0};
  std::atomic<std::uint64_t> state_bytes{0};
  std::atomic<std::uint64_t> uncommitted_bytes{0};
  std::atomic<std::uint64_t> buffered_bytes{0};
  // Records processed and committed.
  std::atomic<std::uint64_t> records_committed{0};
};

// What the tasks of a worker hold in memory.
struct WorkerHoldings {
  std::size_t uncommitted_bytes = 0;
  std::size_t buffered_bytes = 0;
  std::size_t sources = 0;
  std::uint64_t processed = 0;  // records, since the worker began
  std::uint64_t commits = 0;    // since the worker began
  std::size_t dirty_tasks = 0;  // which have done something since they were committed
  bool committing = false;
};

}  // namespace weir
