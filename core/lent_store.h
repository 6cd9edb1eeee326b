// A task's stores, lent to it, with the way home: whoever has them need not know whom to give them back to.
//
// Thread safety: none; a lent store belongs to the worker that owns its task.
#pragma once

#include <memory>

#include <weir/core/partition_plan.h>
#include <weir/core/task_store.h>

namespace weir {

// Where the stores of an instance are when no task has them.
class StoreHome {
 public:
  virtual ~StoreHome() = default;

  // Any thread. Takes the stores of a task that was closed; what is not applied may still be in them.
  virtual void give_back(TaskId task, std::unique_ptr<TaskStore> store) = 0;
};

// Gives a store back to its home; closes it if it has none.
class GiveBack {
 public:
  GiveBack() = default;
  // Not explicit: a store without a home can be had too.
  GiveBack(std::default_delete<TaskStore>) {}  // NOLINT(google-explicit-constructor)
  // The home outlives the store.
  GiveBack(StoreHome& home, TaskId task) : home_(&home), task_(task) {}

  void operator()(TaskStore* store) const {
    std::unique_ptr<TaskStore> owned(store);
    if (home_ != nullptr) home_->give_back(task_, std::move(owned));
  }

 private:
  StoreHome* home_ = nullptr;
  TaskId task_ = {};
};

using LentStore = std::unique_ptr<TaskStore, GiveBack>;

}  // namespace weir
