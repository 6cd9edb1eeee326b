// The timers of a task's nodes, of stream time and of wall time.
//
// Thread safety: none; belongs to one task.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/current_record.h>
#include <weir/core/task_context.h>
#include <weir/core/task_environment.h>
#include <weir/core/task_work.h>

namespace weir {

class TaskTimers {
 public:
  // Timers that are to fire, the longest overdue first: when, and which.
  using Due = std::vector<std::pair<Timestamp, std::size_t>>;

  // References outlive the timers.
  TaskTimers(const std::string& task_name, const TaskEnvironment& environment, const CurrentRecord& current,
             TaskWork& work)
      : task_name_(task_name), environment_(environment), current_(current), work_(work) {}

  // Both as in TaskContext. They throw ProcessingFailure where the interval is less than 1 ms.
  Cancellable schedule(Duration interval, TimerClock clock, std::function<void(Timestamp)> fire);
  Cancellable schedule_from(Timestamp start, Duration interval, TimerClock clock,
                            std::function<void(Timestamp)> fire);

  [[nodiscard]] bool empty() const { return timers_.empty(); }
  void clear() { timers_.clear(); }

  // Keeps timers of a wall clock that was set back from waiting until it is again as late as it was.
  void wall_clock_is(Timestamp now);

  [[nodiscard]] Due due(TimerClock clock, Timestamp now) const;

  // Fires what was due, each timer once. One that is scheduled meanwhile waits for the next time: a timer that replaces itself
  // must not fire for ever. Throws as what they call does.
  void fire(const Due& due, Timestamp now);

 private:
  struct Timer {
    Duration interval;
    TimerClock clock;
    Timestamp next;
    Timestamp last;  // when it was made or fired last
    std::function<void(Timestamp)> fire;
    std::shared_ptr<bool> cancelled;  // shared with the Cancellable handed out
  };

  Cancellable add(Timestamp first, Duration interval, TimerClock clock, std::function<void(Timestamp)> fire);
  [[nodiscard]] Timestamp now(TimerClock clock) const;

  const std::string& task_name_;
  const TaskEnvironment& environment_;
  const CurrentRecord& current_;
  TaskWork& work_;
  std::vector<Timer> timers_;
};

}  // namespace weir
