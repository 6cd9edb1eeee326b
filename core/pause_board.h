// What of an application is paused. Paused tasks keep their place and their partitions, commit what they have done, and take
// no further record nor fire timers; restoring goes on.
//
// Thread safety: all functions may be called from any thread.
#pragma once

#include <atomic>
#include <mutex>
#include <set>

#include <weir/core/partition_plan.h>

namespace weir {

class PauseBoard {
 public:
  // All tasks. What was paused by part or by task stays so when the whole is resumed.
  void pause_all() {
    set([this] { all_ = true; });
  }
  void resume_all() {
    set([this] { all_ = false; });
  }

  // The tasks of a sub-topology, by the number that Topology::describe shows.
  void pause_part(int sub_topology) {
    set([&] { parts_.insert(sub_topology); });
  }
  void resume_part(int sub_topology) {
    set([&] { parts_.erase(sub_topology); });
  }

  void pause_task(const TaskId& task) {
    set([&] { tasks_.insert(task); });
  }
  void resume_task(const TaskId& task) {
    set([&] { tasks_.erase(task); });
  }

  // Whether the whole is paused.
  [[nodiscard]] bool all_paused() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }

  // Whether this task is, for whichever reason.
  [[nodiscard]] bool holds(const TaskId& task) const {
    if (!any_.load(std::memory_order_acquire)) return false;
    const std::lock_guard lock(mutex_);
    return all_ || parts_.contains(task.sub_topology) || tasks_.contains(task);
  }

 private:
  template <class Change>
  void set(Change change) {
    const std::lock_guard lock(mutex_);
    change();
    any_.store(all_ || !parts_.empty() || !tasks_.empty(), std::memory_order_release);
  }

  std::atomic<bool> any_{false};  // so that workers of an application that is not paused take no lock
  mutable std::mutex mutex_;      // guards what follows
  bool all_ = false;
  std::set<int> parts_;
  std::set<TaskId> tasks_;
};

}  // namespace weir
