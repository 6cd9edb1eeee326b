#include <weir/core/task_timers.h>

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <weir/core/planted.h>

namespace weir {
namespace {

// Stops at the end of time.
Timestamp added(Timestamp time, Timestamp interval) {
  constexpr Timestamp kEnd = std::numeric_limits<Timestamp>::max();
  return time > kEnd - interval ? kEnd : time + interval;
}

}  // namespace

Timestamp TaskTimers::now(TimerClock clock) const {
  return clock == TimerClock::kStreamTime ? current_.stream_time : environment_.clock->wall();
}

Cancellable TaskTimers::schedule(Duration interval, TimerClock clock, std::function<void(Timestamp)> fire) {
  const Timestamp first = clock == TimerClock::kStreamTime ? 0 : added(now(clock), interval.count());
  return add(first, interval, clock, std::move(fire));
}

Cancellable TaskTimers::schedule_from(Timestamp start, Duration interval, TimerClock clock,
                                      std::function<void(Timestamp)> fire) {
  const Timestamp now = this->now(clock);
  if (start < now && interval.count() >= 1) {
    start = added(now, interval.count() - (now - start) % interval.count());
  }
  return add(start, interval, clock, std::move(fire));
}

Cancellable TaskTimers::add(Timestamp first, Duration interval, TimerClock clock,
                            std::function<void(Timestamp)> fire) {
  if (interval.count() < 1) {
    throw ProcessingFailure{fatal_error(
        fmt::format("a timer of task {} has an interval of {} ms", task_name_, interval.count()))};
  }
  auto cancelled = std::make_shared<bool>(false);
  timers_.push_back({interval, clock, first, now(clock), std::move(fire), cancelled});
  return Cancellable(std::move(cancelled));
}

// One that waits for its first time, further away than its interval, does so still.
void TaskTimers::wall_clock_is(Timestamp now) {
  for (Timer& timer : timers_) {
    const Timestamp interval = timer.interval.count();
    if (timer.clock != TimerClock::kWallClock || now >= timer.last || timer.next - interval > timer.last)
      continue;
    timer.next -= (timer.next - now - 1) / interval * interval;
    timer.last = now;
  }
}

TaskTimers::Due TaskTimers::due(TimerClock clock, Timestamp now) const {
  Due due;
  if (now < 0) return due;
  for (std::size_t i = 0; i < timers_.size(); ++i) {
    if (timers_[i].clock == clock && timers_[i].next <= now) due.emplace_back(timers_[i].next, i);
  }
  std::sort(due.begin(), due.end());
  return due;
}

void TaskTimers::fire(const Due& due, Timestamp now) {
  for (const auto& [next, i] : due) {
    if (*timers_[i].cancelled) continue;
    const Timestamp interval = timers_[i].interval.count();
    timers_[i].next = added(now, interval - (now - next) % interval);
    if (WEIR_PLANTED("timer-too-soon")) timers_[i].next = now + interval / 2;
    timers_[i].last = now;
    ++work_.counters.timers_fired;
    work_.dirty = work_.dirty || !WEIR_PLANTED("timers-not-committed");
    // A copy: the callback may schedule a timer, which moves the others.
    const auto fire = timers_[i].fire;
    fire(now);
  }
  std::erase_if(timers_, [](const Timer& timer) { return *timer.cancelled; });
}

}  // namespace weir
