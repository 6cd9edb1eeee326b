// Patience with other threads.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace weir {

// Waits until `holds`. Returns whether it did within `at_most`, which is long because tests share their machine.
inline bool eventually(const std::function<bool()>& holds,
                       std::chrono::seconds at_most = std::chrono::seconds(90)) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace weir
