// Nodes that answer later than they were asked: what becomes of a record is known when a service or another thread has said so.
//
// Meanwhile the record is under way. The task keeps what it was read from, so that one that fails still meets its policy with
// its own topic, offset and bytes; further records are processed; and the task's position does not move past it. A commit waits
// until nothing is under way: what records did before they departed and what they do when they are back belong to one commit.
// A task that is set back, or lost, forgets what is under way: whoever continues it asks again.
//
// In a task with such a node no other node holds records back (see record_holder.h).
//
// Thread safety: as for nodes, but for WakeUp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include <weir/core/time.h>

namespace weir {

// Makes the worker look for answers now instead of when it would have looked. Shared by the worker and by whoever may have
// an answer, and outlives the worker if it must; then it wakes nobody.
//
// Thread safety: any thread.
class WakeUp {
 public:
  void ring() {
    const std::lock_guard lock(mutex_);
    if (bell_) bell_();
  }
  // Null: nobody. `bell` may be called by any thread until the next call of this function has returned.
  void hang(std::function<void()> bell) {
    const std::lock_guard lock(mutex_);
    bell_ = std::move(bell);
  }

 private:
  std::mutex mutex_;  // of bell_
  std::function<void()> bell_;
};

// What a task does for such nodes.
class FlightDesk {
 public:
  // Stands for what was read from nowhere: a timer's or a commit's.
  static constexpr std::uint64_t kNobody = UINT64_MAX;

  virtual ~FlightDesk() = default;

  // Notes that the running record is under way, once more if it is already. Returns a number for it.
  [[nodiscard]] virtual std::uint64_t depart() = 0;

  // Makes a record that is under way the running one, while its node passes on what became of it. Only inside FlightNode::land.
  virtual void take_up(std::uint64_t number) = 0;
  // Ends what one depart() began, and the running record. Only inside FlightNode::land.
  virtual void arrive(std::uint64_t number) = 0;

  // Never null.
  [[nodiscard]] virtual std::shared_ptr<WakeUp> wake_up() const = 0;
};

class FlightNode {
 public:
  virtual ~FlightNode() = default;

  // Called before the node is opened. `desk` lives as long as the node.
  virtual void attach(FlightDesk& desk) = 0;

  // Asked between records: whether another may be taken up. The task leaves its input where it is otherwise.
  [[nodiscard]] virtual bool has_room() const = 0;
  [[nodiscard]] virtual bool under_way() const = 0;
  // After how long land() has something to do though nobody rings; zero or less: now. Asked only while something is under way
  // or there is no room.
  [[nodiscard]] virtual Duration due_in() const = 0;

  // Passes on what is known by now, each record between desk.take_up and desk.arrive. Returns whether there was any. Called
  // between records, and often: it should cost little where there is nothing.
  virtual bool land() = 0;
};

}  // namespace weir
