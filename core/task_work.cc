#include <weir/core/task_work.h>

#include <numeric>

namespace weir {

std::uint64_t TaskCounters::dropped_total() const {
  return std::accumulate(dropped.begin(), dropped.end(), std::uint64_t{0});
}

TaskCounters& TaskCounters::operator+=(const TaskCounters& more) {
  processed += more.processed;
  dead_letters += more.dead_letters;
  retries += more.retries;
  timers_fired += more.timers_fired;
  for (std::size_t i = 0; i < kDropReasons; ++i) dropped[i] += more.dropped[i];
  return *this;
}

}  // namespace weir
