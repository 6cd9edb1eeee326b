// One window without an end: everything from a time on.
//
//   orders.group_by_key().windowed_by(weir::unlimited({.start = opening})).count({.store = "orders-since-opening"});
//
// A record before the start belongs to no window and is passed over, without being counted as dropped. The window never
// closes and is never given back; its end is kUnknownEnd.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <weir/core/time.h>
#include <weir/operators/windowed.h>

namespace weir {

struct UnlimitedOptions {
  Timestamp start = 0;  // >= 0
};

// Answers as TimeWindows does.
class UnlimitedWindows {
 public:
  explicit UnlimitedWindows(Timestamp start) : start_(start) {}

  [[nodiscard]] Duration retention() const { return Duration(-1); }
  // All windows lie in one bucket of the store anyway.
  [[nodiscard]] Duration advance() const { return Duration(-1); }
  [[nodiscard]] static constexpr bool ever_close() { return false; }

  template <class F>
  void for_each_start(Timestamp time, F&& f) const {
    if (time >= start_) f(start_);
  }
  [[nodiscard]] Timestamp end_of(Timestamp) const { return kUnknownEnd; }
  [[nodiscard]] bool is_closed(Timestamp, Timestamp) const { return false; }
  [[nodiscard]] Timestamp limit(Timestamp) const { return kNoTimestamp; }
  [[nodiscard]] std::optional<std::pair<Timestamp, Timestamp>> ended_between(Timestamp, Timestamp) const {
    return std::nullopt;
  }
  [[nodiscard]] Timestamp all_closed(Timestamp seen) const { return seen; }
  [[nodiscard]] std::string fault() const { return start_ < 0 ? "a window cannot start before 0" : ""; }

 private:
  Timestamp start_;
};

[[nodiscard]] inline UnlimitedWindows unlimited(const UnlimitedOptions& options = {}) {
  return UnlimitedWindows(options.start);
}

}  // namespace weir
