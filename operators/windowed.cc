#include <weir/operators/windowed.h>

#include <fmt/format.h>

namespace weir::detail {

absl::Status cut_tail(BytesView bytes, std::size_t size, BytesView& head, BytesView& tail) {
  if (bytes.size() < size) {
    return absl::InvalidArgumentError(
        fmt::format("a key with a window has at least {} bytes, got {}", size, bytes.size()));
  }
  head = bytes.substr(0, bytes.size() - size);
  tail = bytes.substr(bytes.size() - size);
  return absl::OkStatus();
}

absl::Status check_window(const Window& window) {
  if (window.start >= 0 && window.end >= window.start) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("not a window: [{},{})", window.start, window.end));
}

}  // namespace weir::detail
