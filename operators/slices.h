// How windows that overlap are cut into slices: stretches of time so wide that every window is a row of whole ones.
//
//   |slice|slice|slice|slice|slice|        windows of 3 slices that advance by one: a record is in 3 windows
//   [  window one     )                    and in 1 slice
//         [  window two     )
//
// A slice is named by its start. Its width is the greatest common divisor of the windows' size and advance.
#pragma once

#include <cstdint>
#include <string>

#include <weir/core/time.h>
#include <weir/operators/time_windows.h>

namespace weir {

// The most slices that a window may have; see operators/sliced_stream.h. A day by the minute has 1440. To tell of a window
// is to read all its slices, at about 0.1 us each in memory: a fifth of a millisecond for this many.
inline constexpr std::int64_t kSlicesPerWindowMax = 2048;

class Slices {
 public:
  explicit Slices(const TimeWindows& windows);

  [[nodiscard]] Duration width() const { return Duration(width_); }
  [[nodiscard]] std::int64_t per_window() const { return size_ / width_; }

  // Returns whether it is worth while: windows that do not overlap are slices themselves, and of very many slices a window
  // would be slow to read.
  [[nodiscard]] bool worthwhile() const { return per_window() > 1 && per_window() <= kSlicesPerWindowMax; }

  // Returns the slice that has a time (>= 0).
  [[nodiscard]] Timestamp of(Timestamp time) const { return time / width_ * width_; }

  // Returns the starts of the first and the last window that have a slice.
  [[nodiscard]] Timestamp first_window(Timestamp slice) const {
    const Timestamp earliest = slice - size_ + advance_;
    return earliest <= 0 ? 0 : earliest / advance_ * advance_;
  }
  [[nodiscard]] Timestamp last_window(Timestamp slice) const { return slice / advance_ * advance_; }

  // Returns whether a window starts there.
  [[nodiscard]] bool starts_window(Timestamp time) const { return time >= 0 && time % advance_ == 0; }

  // Returns which windows these are, in words.
  [[nodiscard]] std::string windows_text() const;

 private:
  Timestamp size_;
  Timestamp advance_;
  Timestamp width_;
};

}  // namespace weir
