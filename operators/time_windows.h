// Windows in time: which of them a record belongs to, and until when they take records.
//
//   orders.group_by_key().windowed_by(weir::tumbling({.size = 5min, .grace = 1min})).count({.store = "orders-per-5-minutes"});
//
// Windows are aligned to the epoch and never start before it. A window has its start but not its end: [start, end).
//
// A window takes records until the largest timestamp that reached the operator is at least `grace` past its end; what comes
// later is dropped and counted as late. With several windows for a record each is judged by itself.
#pragma once

#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/time.h>

namespace weir {

// A duration that must be given: leaving it out does not compile.
class RequiredDuration {
 public:
  RequiredDuration() = delete;
  template <class Rep, class Period>
  RequiredDuration(std::chrono::duration<Rep, Period> value)
      : value_(value) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] Duration value() const { return value_; }

 private:
  Duration value_;
};

struct TumblingOptions {
  RequiredDuration size;   // > 0
  RequiredDuration grace;  // >= 0: how long after its end a window waits for records that are late
};

struct HoppingOptions {
  RequiredDuration size;     // > 0
  RequiredDuration advance;  // 0 < advance <= size: a window starts at every multiple of it
  RequiredDuration grace;    // >= 0
};

class TimeWindows {
 public:
  TimeWindows(Duration size, Duration advance, Duration grace)
      : size_(size), advance_(advance), grace_(grace) {}

  [[nodiscard]] Duration size() const { return size_; }
  [[nodiscard]] Duration advance() const { return advance_; }
  [[nodiscard]] Duration grace() const { return grace_; }

  // Returns how long a window can matter: size and grace.
  [[nodiscard]] Duration retention() const { return size_ + grace_; }

  // Calls f(start) for each window that a time (>= 0) belongs to, in ascending order.
  template <class F>
  void for_each_start(Timestamp time, F&& f) const {
    const Timestamp advance = advance_.count();
    const Timestamp earliest = time - size_.count() + advance;
    for (Timestamp start = earliest <= 0 ? 0 : earliest / advance * advance;; start += advance) {
      f(start);
      if (time - start < advance) return;
    }
  }

  // Returns the end of the window that starts there.
  [[nodiscard]] Timestamp end_of(Timestamp start) const {
    constexpr Timestamp kLast = std::numeric_limits<Timestamp>::max();
    return start > kLast - size_.count() ? kLast : start + size_.count();
  }

  // Returns whether a window that starts there takes no more records when the operator has seen that time.
  [[nodiscard]] bool is_closed(Timestamp start, Timestamp seen) const {
    return end_of(start) <= seen - grace_.count();
  }

  // Returns the time up to which windows have ended for good when the operator has seen `seen`: those with end <= limit.
  [[nodiscard]] Timestamp limit(Timestamp seen) const { return seen - grace_.count(); }

  // Returns the first and the last start of windows with after < end <= until, if there are any.
  [[nodiscard]] std::optional<std::pair<Timestamp, Timestamp>> ended_between(Timestamp after,
                                                                             Timestamp until) const;

  // Returns a time at which every window is closed that an operator can know that has seen `seen`.
  [[nodiscard]] Timestamp all_closed(Timestamp seen) const;
  [[nodiscard]] static constexpr bool ever_close() { return true; }
  // Whether a window's end belongs to it.
  static constexpr bool kHasEnd = false;

  // Returns what is wrong with the sizes; empty if nothing is.
  [[nodiscard]] std::string fault() const;

 private:
  Duration size_;
  Duration advance_;
  Duration grace_;
};

// Windows that follow one another: each record belongs to one.
[[nodiscard]] TimeWindows tumbling(const TumblingOptions& options);

// Windows that overlap: each record belongs to about size / advance of them.
[[nodiscard]] TimeWindows hopping(const HoppingOptions& options);

}  // namespace weir
