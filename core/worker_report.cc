#include <weir/core/worker_report.h>

#include <fmt/format.h>

namespace weir {

void WorkerReport::publish(WorkerMetrics& metrics) const {
  TaskCounters total = tasks_.past();
  std::uint64_t lag = 0;
  std::uint64_t bytes = 0;
  std::size_t buffered = 0;
  for (const auto& [token, task] : tasks_.open()) {
    total += task->counters();
    lag += task->lag();
    buffered += task->buffered_bytes();
    if (TaskStore* store = task->task_store(); store != nullptr) bytes += store->stored_bytes();
  }
  std::uint64_t restored = tasks_.past_restored();
  std::uint64_t remaining = 0;
  for (const auto& [token, opening] : tasks_.openings()) {
    restored += opening->restored_records();
    remaining += opening->remaining_records();
  }
  constexpr auto kRelaxed = std::memory_order_relaxed;
  metrics.records_processed.store(total.processed, kRelaxed);
  for (std::size_t i = 0; i < kDropReasons; ++i) metrics.records_dropped[i].store(total.dropped[i], kRelaxed);
  metrics.dead_letters.store(total.dead_letters, kRelaxed);
  metrics.retries.store(total.retries, kRelaxed);
  metrics.tasks.store(tasks_.open().size(), kRelaxed);
  metrics.lag.store(lag, kRelaxed);
  metrics.state_bytes.store(bytes, kRelaxed);
  metrics.uncommitted_bytes.store(tasks_.uncommitted_bytes(), kRelaxed);
  metrics.buffered_bytes.store(buffered, kRelaxed);
  metrics.records_restored.store(restored, kRelaxed);
  metrics.restore_remaining.store(remaining, kRelaxed);
}

std::size_t WorkerReport::watch_progress(Duration now, std::string_view activity) {
  for (const auto& [token, task] : tasks_.open()) {
    const bool paused = options_.pauses != nullptr && options_.pauses->holds(task->id());
    const std::uint64_t mark = task->counters().processed + task->counters().dropped_total();
    if (const auto lasts = progress_.observe(token, mark, !paused && task->lag() > 0, now))
      stalled(task->id(), *lasts, fmt::format("{}: {}", activity, task->describe_inputs()));
  }
  for (const auto& [token, opening] : tasks_.openings()) {
    // Negative marks are those of openings, so that one that ends is progress.
    const std::uint64_t mark = ~opening->restored_records();
    if (const auto lasts = progress_.observe(token, mark, true, now)) {
      std::string sources;
      for (const TopicPartition& source : opening->plan().sources)
        sources += fmt::format(" topic={} partition={}", source.topic, source.partition);
      stalled(
          opening->plan().id, *lasts,
          fmt::format("it does not open, {} records to restore:{}", opening->remaining_records(), sources));
    }
  }
  progress_.keep(
      [this](Partition token) { return tasks_.open().contains(token) || tasks_.openings().contains(token); });
  return progress_.stalled();
}

void WorkerReport::stalled(const TaskId& task, Duration lasts, const std::string& waits_for) const {
  log_(LogLevel::kWarning,
       fmt::format("task {} has not got on for {} ms: {}", task.name(), lasts.count(), waits_for));
  if (options_.on_stall) options_.on_stall({options_.client_id, task.name(), lasts, waits_for});
}

WorkerHoldings WorkerReport::holdings() const {
  WorkerHoldings held;
  held.uncommitted_bytes = tasks_.uncommitted_bytes();
  held.processed = tasks_.processed();
  held.sources = tasks_.source_count();
  for (const auto& [token, task] : tasks_.open()) {
    if (task->dirty()) ++held.dirty_tasks;
    held.buffered_bytes += task->buffered_bytes();
  }
  return held;
}

std::uint64_t WorkerReport::work_of(std::optional<int> sub_topology) const {
  std::uint64_t work = 0;
  for (const auto& [token, task] : tasks_.open()) {
    if (sub_topology && task->id().sub_topology != *sub_topology) continue;
    work += task->counters().processed + task->counters().timers_fired;
  }
  return work;
}

}  // namespace weir
