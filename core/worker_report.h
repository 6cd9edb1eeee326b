// Tells how the tasks of a worker are: its metrics, what they hold, and which of them do not get on.
//
// Thread safety: none; belongs to a worker. Others read the metrics.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <weir/core/log.h>
#include <weir/core/progress_watch.h>
#include <weir/core/worker_metrics.h>
#include <weir/core/worker_options.h>
#include <weir/core/worker_tasks.h>

namespace weir {

class WorkerReport {
 public:
  // References outlive this.
  WorkerReport(const WorkerTasks& tasks, const WorkerOptions& options, const Logger& log)
      : tasks_(tasks), options_(options), log_(log), progress_(options.stall_limit) {}

  // Writes what the tasks are and did into the metrics.
  void publish(WorkerMetrics& metrics) const;

  // Reports tasks that have work and do not get on, once each time. `activity`: what the worker is busy with. Returns how many
  // those are now.
  std::size_t watch_progress(Duration now, std::string_view activity);

  // What of it is the tasks'; the rest is the worker's to add.
  [[nodiscard]] WorkerHoldings holdings() const;

  // Records that tasks have processed and timers that have fired, since they were opened; of one sub-topology if any.
  [[nodiscard]] std::uint64_t work_of(std::optional<int> sub_topology) const;

 private:
  void stalled(const TaskId& task, Duration lasts, const std::string& waits_for) const;

  const WorkerTasks& tasks_;
  const WorkerOptions& options_;
  const Logger& log_;
  ProgressWatch progress_;
};

}  // namespace weir
