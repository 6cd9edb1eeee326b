// Real time for deadlines of the client library's own answers, whatever clock the application runs on.
#pragma once

#include <chrono>

#include <weir/core/time.h>

namespace weir::kafka {

[[nodiscard]] inline Duration steady_now() {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace weir::kafka
