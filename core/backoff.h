// Pauses that double: for what fails again and again.
#pragma once

#include <algorithm>

#include <weir/core/time.h>

namespace weir {

struct Backoff {
  Duration first{100};
  Duration longest{10'000};

  // Returns the pause after that many failures in a row (>= 1).
  [[nodiscard]] Duration after(int failures) const {
    Duration pause = first;
    for (int i = 1; i < failures && pause < longest; ++i) pause *= 2;
    return std::min(pause, longest);
  }
};

}  // namespace weir
