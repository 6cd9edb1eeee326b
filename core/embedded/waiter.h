// What a consumer sleeps on while nothing happens.
//
// Thread safety: guarded by the broker's mutex, which is also the one its condition variable waits with.
#pragma once

#include <condition_variable>
#include <cstdint>

namespace weir::embedded {

struct Waiter {
  // Notes that there may be something to poll or fetch.
  void signal() {
    ++signals;
    if (asleep) changed.notify_one();
  }

  std::condition_variable changed;
  std::uint64_t signals = 0;
  bool asleep = false;
};

}  // namespace weir::embedded
