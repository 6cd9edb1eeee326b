#include <weir/operators/sliding_windows.h>

#include <fmt/format.h>

namespace weir {

std::string SlidingWindows::fault() const {
  if (difference_.count() <= 0) {
    return fmt::format("the difference of sliding windows must be positive: difference={} ms",
                       difference_.count());
  }
  if (grace_.count() < 0) return fmt::format("grace must not be negative: grace={} ms", grace_.count());
  if (difference_ > Duration::max() / 8 || grace_ > Duration::max() / 8) {
    return fmt::format("difference and grace are too large: difference={} ms grace={} ms",
                       difference_.count(), grace_.count());
  }
  return "";
}

}  // namespace weir
