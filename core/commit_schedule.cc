#include <weir/core/commit_schedule.h>

#include <cstdint>

#include <weir/core/planted.h>

namespace weir {

CommitSchedule::CommitSchedule(const WorkerTasks& tasks, const WorkerOptions& options, const Clock& clock)
    : tasks_(tasks),
      options_(options),
      clock_(clock),
      pacer_(options.commit_interval, options.commit_latency_target),
      failures_(clock) {}

bool CommitSchedule::of_all() const {
  return forced_ || clock_.steady() - last_of_all_ >= options_.positions_interval;
}

bool CommitSchedule::due(bool in_transaction, std::size_t uncommitted_bytes_max) const {
  if (tasks_.open().empty() || pause_left().count() > 0) return false;
  if (forced_ || (of_all() && !WEIR_PLANTED("positions-at-rest-forgotten"))) return true;
  std::uint64_t sent_records = 0;
  std::uint64_t sent_bytes = 0;
  bool dirty = false;
  for (const auto& [token, task] : tasks_.open()) {
    if (task->commit_requested()) return true;
    dirty |= task->dirty();
    sent_records += task->unapplied_records();
    sent_bytes += task->unapplied_bytes();
  }
  const auto full = [](std::uint64_t sent, std::uint64_t most) { return most > 0 && sent >= most; };
  return dirty && (left().count() <= 0 || tasks_.uncommitted_bytes() >= uncommitted_bytes_max ||
                   (in_transaction && (full(sent_records, options_.transaction_records_max) ||
                                       full(sent_bytes, options_.transaction_bytes_max))));
}

// At least once, tasks whose positions could not be committed have nothing left to apply, but owe the positions.
bool CommitSchedule::owed() const { return (forced_ && !tasks_.open().empty()) || tasks_.dirty(); }

void CommitSchedule::begun() {
  const Duration now = clock_.steady();
  if (of_all()) last_of_all_ = now;
  forced_ = false;
  last_ = now;
  pacer_.begun(now);
}

void CommitSchedule::finished() {
  last_ = clock_.steady();
  pacer_.finished(last_);
  failures_.settle();
}

}  // namespace weir
