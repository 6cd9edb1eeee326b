#include <weir/core/worker_pool.h>

#include <algorithm>
#include <utility>

namespace weir {

namespace {

void add_counters(AppMetrics& sum, const WorkerMetrics& one) {
  sum.records_processed += one.records_processed;
  sum.records_committed += one.records_committed;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    if (const std::uint64_t count = one.records_dropped[i]; count > 0) {
      sum.records_dropped[static_cast<DropReason>(i)] += count;
    }
  }
  sum.dead_letters += one.dead_letters;
  sum.retries += one.retries;
  sum.commits += one.commits;
  sum.transactions_aborted += one.transactions_aborted;
  sum.records_restored += one.records_restored;
  sum.positions_lost += one.positions_lost;
}

}  // namespace

WorkerPool::~WorkerPool() {
  abandon_all();
  for (auto& [slot, seat] : seats_) {
    if (seat.thread.joinable()) seat.thread.join();
  }
}

void WorkerPool::start(int slot) {
  const std::lock_guard lock(mutex_);
  start_locked(slot);
}

void WorkerPool::start_locked(int slot) {
  Seat& seat = seats_[slot];
  seat.worker = make_(slot);
  started_[slot] = clock_.steady();
  seat.thread = std::thread([&worker = *seat.worker] {
    while (!worker.over()) worker.idle_wait(worker.run_once());
  });
}

void WorkerPool::replace(int slot) {
  const std::lock_guard lock(mutex_);
  Replacement& replacement = replacements_[slot];
  const Duration now = clock_.steady();
  if (now - started_[slot] > kPauses.longest) replacement.failures = 0;
  replacement.due = now + kPauses.after(++replacement.failures);
  replacement.waiting = true;
}

void WorkerPool::stop(int slot, bool leave_group) {
  const std::lock_guard lock(mutex_);
  replacements_.erase(slot);
  if (const auto seat = seats_.find(slot); seat != seats_.end()) seat->second.worker->stop(leave_group);
}

void WorkerPool::stop_all(bool leave_group) {
  const std::lock_guard lock(mutex_);
  replacements_.clear();
  for (auto& [slot, seat] : seats_) seat.worker->stop(leave_group);
}

void WorkerPool::abandon_all() {
  const std::lock_guard lock(mutex_);
  replacements_.clear();
  for (auto& [slot, seat] : seats_) seat.worker->abandon();
}

std::vector<WorkerPool::Ended> WorkerPool::step() {
  std::vector<Ended> ended;
  std::vector<Seat> gone;  // end outside of the lock
  {
    const std::lock_guard lock(mutex_);
    for (auto seat = seats_.begin(); seat != seats_.end();) {
      const Worker& worker = *seat->second.worker;
      if (!worker.over()) {
        ++seat;
        continue;
      }
      const bool failed = worker.state() == WorkerState::kFailed;
      ended.push_back({seat->first, failed ? worker.failure() : absl::OkStatus()});
      add_counters(past_, worker.metrics());
      gone.push_back(std::move(seat->second));
      seat = seats_.erase(seat);
    }
    for (auto& [slot, replacement] : replacements_) {
      if (!replacement.waiting || clock_.steady() < replacement.due || seats_.contains(slot)) continue;
      replacement.waiting = false;
      ++past_.workers_replaced;
      start_locked(slot);
    }
  }
  for (Seat& seat : gone) seat.thread.join();
  return ended;
}

bool WorkerPool::empty() const {
  const std::lock_guard lock(mutex_);
  return seats_.empty() && std::none_of(replacements_.begin(), replacements_.end(),
                                        [](const auto& entry) { return entry.second.waiting; });
}

bool WorkerPool::all_running() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(
             seats_.begin(), seats_.end(),
             [](const auto& entry) { return entry.second.worker->state() == WorkerState::kRunning; }) &&
         std::none_of(replacements_.begin(), replacements_.end(),
                      [](const auto& entry) { return entry.second.waiting; });
}

bool WorkerPool::plan_outdated() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(seats_.begin(), seats_.end(),
                     [](const auto& seat) { return seat.second.worker->plan_outdated(); });
}

bool WorkerPool::has(int slot) const {
  const std::lock_guard lock(mutex_);
  const auto replacement = replacements_.find(slot);
  return seats_.contains(slot) || (replacement != replacements_.end() && replacement->second.waiting);
}

std::size_t WorkerPool::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      seats_.begin(), seats_.end(), [](const auto& entry) { return !entry.second.worker->over(); }));
}

void WorkerPool::add_to(AppMetrics& sum) const {
  const std::lock_guard lock(mutex_);
  sum.records_processed += past_.records_processed;
  sum.records_committed += past_.records_committed;
  for (const auto& [reason, count] : past_.records_dropped) sum.records_dropped[reason] += count;
  sum.dead_letters += past_.dead_letters;
  sum.retries += past_.retries;
  sum.commits += past_.commits;
  sum.transactions_aborted += past_.transactions_aborted;
  sum.records_restored += past_.records_restored;
  sum.workers_replaced += past_.workers_replaced;
  for (const auto& [slot, seat] : seats_) {
    const WorkerMetrics& one = seat.worker->metrics();
    add_counters(sum, one);
    if (!seat.worker->over()) ++sum.workers;
    sum.restore_remaining += one.restore_remaining;
    sum.tasks += one.tasks;
    sum.tasks_stalled += one.tasks_stalled;
    sum.lag += one.lag;
    sum.state_bytes += one.state_bytes;
    sum.memory.uncommitted += one.uncommitted_bytes;
    sum.memory.buffered += one.buffered_bytes;
  }
}

void WorkerPool::for_each(const std::function<void(int slot, const Worker& worker)>& visit) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [slot, seat] : seats_) visit(slot, *seat.worker);
}

}  // namespace weir
