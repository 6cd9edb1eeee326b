#include <weir/operators/slices.h>

#include <numeric>

#include <fmt/format.h>

namespace weir {

Slices::Slices(const TimeWindows& windows)
    : size_(windows.size().count()),
      advance_(windows.advance().count()),
      width_(std::gcd(windows.size().count(), windows.advance().count())) {}

std::string Slices::windows_text() const { return fmt::format("windows of {} ms by {} ms", size_, advance_); }

}  // namespace weir
