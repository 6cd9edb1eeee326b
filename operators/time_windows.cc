#include <weir/operators/time_windows.h>

#include <fmt/format.h>

namespace weir {

std::string TimeWindows::fault() const {
  if (size_.count() <= 0) return fmt::format("a window's size must be positive: size={} ms", size_.count());
  if (advance_.count() <= 0 || advance_ > size_) {
    return fmt::format("windows must advance by more than 0 and at most their size: advance={} ms size={} ms",
                       advance_.count(), size_.count());
  }
  if (grace_.count() < 0) return fmt::format("grace must not be negative: grace={} ms", grace_.count());
  if (size_ > Duration::max() - grace_) {
    return fmt::format("size and grace are too large: size={} ms grace={} ms", size_.count(), grace_.count());
  }
  return "";
}

std::optional<std::pair<Timestamp, Timestamp>> TimeWindows::ended_between(Timestamp after,
                                                                          Timestamp until) const {
  const Timestamp size = size_.count();
  const Timestamp advance = advance_.count();
  if (until < size) return std::nullopt;
  const Timestamp first = after < size ? 0 : ((after - size) / advance + 1) * advance;
  const Timestamp last = (until - size) / advance * advance;
  if (first > last) return std::nullopt;
  return std::pair(first, last);
}

Timestamp TimeWindows::all_closed(Timestamp seen) const {
  const Timestamp end = end_of(seen);
  constexpr Timestamp kLast = std::numeric_limits<Timestamp>::max();
  return end > kLast - grace_.count() ? kLast : end + grace_.count();
}

TimeWindows tumbling(const TumblingOptions& options) {
  return {options.size.value(), options.size.value(), options.grace.value()};
}

TimeWindows hopping(const HoppingOptions& options) {
  return {options.size.value(), options.advance.value(), options.grace.value()};
}

}  // namespace weir
