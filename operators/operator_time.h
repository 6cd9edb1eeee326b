// The time of an operator over windows, and what happens when it stands still.
//
// Thread safety: none; belongs to a node.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <weir/core/task_context.h>
#include <weir/core/time.h>

namespace weir {

// What an operator knows about time. Both are committed with the task.
class OperatorTime {
 public:
  // `name` is that of the store: unlike the node's it stays the same when verbs are added to the program. No store has a
  // colon in its name.
  void open(TaskContext& context, const std::string& name) {
    seen_ = context.persistent_time(name);
    told_ = context.persistent_time(name + ":closed");
  }

  // When the task came here without what it had committed but the store, which is restored from its changelog: the store
  // had not seen more than the operator. Changes nothing otherwise.
  template <class Windows>
  void recover(Timestamp observed, const Windows& windows) {
    see(observed);
    if (const Timestamp limit = windows.limit(observed); limit > *told_) *told_ = limit;
  }

  // The largest timestamp that came; kNoTimestamp before the first.
  [[nodiscard]] Timestamp seen() const { return *seen_; }
  void see(Timestamp time) {
    if (time > *seen_) *seen_ = time;
  }

  // The limit of the last time that closed windows were told of; kNoTimestamp before the first.
  [[nodiscard]] Timestamp told() const { return *told_; }
  void tell_until(Timestamp limit) { *told_ = limit; }

 private:
  Timestamp* seen_ = nullptr;
  Timestamp* told_ = nullptr;
};

// Calls somebody when no record came for a while by the clock on the wall: once, until the next record comes. It may take a
// quarter longer. A restart begins the while anew.
class IdleWatch {
 public:
  // Does nothing without `idle`.
  void open(TaskContext& context, std::optional<Duration> idle, std::function<void()> act);

  // A record came.
  void touch() {
    if (context_ != nullptr) restart();
  }

 private:
  void restart();
  void look(Timestamp now);

  TaskContext* context_ = nullptr;  // null: nobody wants to know
  Timestamp idle_ = 0;
  Timestamp since_ = 0;
  bool waiting_ = false;  // for the while to be over
  std::function<void()> act_;
};

}  // namespace weir
