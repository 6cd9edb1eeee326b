#include <weir/operators/session_windows.h>

#include <fmt/format.h>

namespace weir {

std::string SessionWindows::fault() const {
  if (gap_.count() <= 0) {
    return fmt::format("the gap between sessions must be positive: gap={} ms", gap_.count());
  }
  if (grace_.count() < 0) return fmt::format("grace must not be negative: grace={} ms", grace_.count());
  if (gap_ > Duration::max() / 4 || grace_ > Duration::max() / 4) {
    return fmt::format("gap and grace are too large: gap={} ms grace={} ms", gap_.count(), grace_.count());
  }
  return "";
}

}  // namespace weir
