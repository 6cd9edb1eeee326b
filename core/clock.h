// Where time comes from. Nothing in weir reads the system's clock by itself.
#pragma once

#include <chrono>

#include <weir/core/time.h>

namespace weir {

// Thread safety: implementations may be asked from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall-clock time. May jump either way.
  [[nodiscard]] virtual Timestamp wall() const = 0;

  // Time since some fixed moment that never goes back: for intervals and deadlines.
  [[nodiscard]] virtual Duration steady() const = 0;
};

// The system's clocks. Lives as long as the program.
[[nodiscard]] const Clock& system_clock();

// A clock that stands still until it is told to move. Not thread-safe while it is being moved.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = 0) : wall_(start) {}

  void advance(Duration by) {
    wall_ += by.count();
    steady_ += by;
  }

  [[nodiscard]] Timestamp wall() const override { return wall_; }
  [[nodiscard]] Duration steady() const override { return steady_; }

 private:
  Timestamp wall_;
  Duration steady_{0};
};

}  // namespace weir
