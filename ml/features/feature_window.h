// Which records a feature of a record at time t is made of. t is the record's own time; never a clock's.
//
//   1h               as the view says: sawtooth(1h) or exact(1h), with the view's delay
//   sawtooth(w)      [floor(t - w, hop), t): whole tiles, so up to a hop more than w at the old end
//   exact(w)         [t - w, t), to the millisecond: keeps each record of the window
//   delayed(w, d)    the same as of t - d: for what is known only later. A sawtooth ends at floor(t - d, hop)
//   tumbling(w)      [floor(t, w), t)
//   lifetime()       everything so far
//   last(n)          the last n records, in the order in which they came
//   session(gap)     the run of records without a pause longer than `gap` that t lies in or follows
//
// "Before t" means before the record: those of the same time that came earlier count. Tiles know no order inside: a record
// that comes out of order is given the whole tile that its time is in, so up to a hop of what came after it; exact and last
// are right to the record. A view that includes the current record adds it to each of these but those that are delayed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <weir/core/time.h>

namespace weir::ml {

enum class WindowKind { kAsView, kSawtooth, kExact, kTumbling, kLifetime, kLast, kSession };

struct FeatureWindow {
  template <class Rep, class Period>
  FeatureWindow(std::chrono::duration<Rep, Period> time)  // NOLINT(google-explicit-constructor)
      : length(std::chrono::duration_cast<Duration>(time)) {}
  FeatureWindow(WindowKind what, Duration time, std::int64_t row_count = 0)
      : kind(what), length(time), rows(row_count) {}

  // Returns what ends the names of its features: "1h", "7d_delay1d", "last5", "session30min"; empty for a lifetime.
  [[nodiscard]] std::string name() const;

  WindowKind kind = WindowKind::kAsView;
  Duration length{0};  // of a session: the gap
  std::int64_t rows = 0;
  Duration delay{-1};  // negative: the view's
};

[[nodiscard]] inline FeatureWindow sawtooth(Duration length) { return {WindowKind::kSawtooth, length}; }
[[nodiscard]] inline FeatureWindow exact(Duration length) { return {WindowKind::kExact, length}; }
[[nodiscard]] inline FeatureWindow tumbling_window(Duration length) {
  return {WindowKind::kTumbling, length};
}
[[nodiscard]] inline FeatureWindow lifetime() { return {WindowKind::kLifetime, Duration(0)}; }
[[nodiscard]] inline FeatureWindow last(std::int64_t rows) { return {WindowKind::kLast, Duration(0), rows}; }
[[nodiscard]] inline FeatureWindow session(Duration gap) { return {WindowKind::kSession, gap}; }
[[nodiscard]] inline FeatureWindow delayed(FeatureWindow window, Duration delay) {
  window.delay = delay;
  return window;
}

// Returns a duration in the largest unit that divides it: "90min", "7d", "1500ms".
[[nodiscard]] std::string duration_text(Duration duration);

}  // namespace weir::ml
