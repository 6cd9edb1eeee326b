// Windows that slide with the records: for each record the one that ends with it, and the one that begins after it; so that
// every set of records that can lie within one difference of time is in some window.
//
//   orders.group_by_key()
//       .windowed_by(weir::sliding({.difference = 5min, .grace = 1min}))
//       .count({.store = "orders-within-5-minutes"});
//
// A window has both its start and its end: [start, start + difference]. There are only windows with records in them, and two
// with the same records do not exist. A record before `difference` cannot have a window that ends with it, which would start
// before the epoch: all such records share the window [0, difference].
//
// A window takes records until the largest timestamp that reached the operator is more than `grace` past its end. Null values
// are dropped and counted.
//
// With emission on window close, records before `difference` close no windows (as in Kafka Streams), and the keys of open
// windows are kept in memory beside the store.
#pragma once

#include <limits>
#include <string>

#include <weir/core/serde.h>
#include <weir/core/time.h>
#include <weir/operators/time_windows.h>
#include <weir/operators/windowed_stream.h>

namespace weir {

struct SlidingOptions {
  RequiredDuration difference;  // > 0: how far apart the records of a window may be
  RequiredDuration grace;       // >= 0
};

class SlidingWindows {
 public:
  SlidingWindows(Duration difference, Duration grace) : difference_(difference), grace_(grace) {}

  [[nodiscard]] Duration difference() const { return difference_; }
  [[nodiscard]] Duration grace() const { return grace_; }

  // Returns how long a window can matter: to place the oldest record that is taken, the windows before it are looked at.
  [[nodiscard]] Duration retention() const { return difference_ * 3 + grace_ + Duration(2); }
  // They lie by key in the store, since that is how they are looked up.
  [[nodiscard]] Duration advance() const { return Duration(-1); }
  [[nodiscard]] static constexpr bool ever_close() { return true; }
  static constexpr bool kHasEnd = true;

  [[nodiscard]] Timestamp end_of(Timestamp start) const { return later(start, difference_); }
  // Returns the time up to which windows have ended for good: those with end < limit.
  [[nodiscard]] Timestamp limit(Timestamp seen) const { return seen - grace_.count(); }
  [[nodiscard]] bool is_closed(Timestamp start, Timestamp seen) const { return end_of(start) < limit(seen); }
  // Returns a time at which every window is closed that an operator can know that has seen `seen`.
  [[nodiscard]] Timestamp all_closed(Timestamp seen) const {
    return later(seen, difference_ + grace_ + Duration(1));
  }

  // Returns what is wrong with the sizes; empty if nothing is.
  [[nodiscard]] std::string fault() const;

 private:
  static Timestamp later(Timestamp time, Duration by) {
    constexpr Timestamp kLast = std::numeric_limits<Timestamp>::max();
    return time > kLast - by.count() ? kLast : time + by.count();
  }

  Duration difference_;
  Duration grace_;
};

[[nodiscard]] inline SlidingWindows sliding(const SlidingOptions& options) {
  return {options.difference.value(), options.grace.value()};
}

template <class V>
struct TakenBy<SlidingWindows, V> {
  using type = NonNull<V>;
};

}  // namespace weir
