#include <weir/operators/windowed_by.h>

namespace weir {

TimeWindows checked(const GraphPoint& stream, const TimeWindows& windows, const Location& where) {
  const std::string fault = windows.fault();
  if (fault.empty()) return windows;
  stream.problem("windowed_by: " + fault, where);
  return {Duration(1), Duration(1), Duration(0)};
}

UnlimitedWindows checked(const GraphPoint& stream, const UnlimitedWindows& windows, const Location& where) {
  const std::string fault = windows.fault();
  if (fault.empty()) return windows;
  stream.problem("windowed_by: " + fault, where);
  return UnlimitedWindows(0);
}

SlidingWindows checked(const GraphPoint& stream, const SlidingWindows& windows, const Location& where) {
  const std::string fault = windows.fault();
  if (fault.empty()) return windows;
  stream.problem("windowed_by: " + fault, where);
  return {Duration(1), Duration(0)};
}

}  // namespace weir
