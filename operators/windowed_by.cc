#include <weir/operators/windowed_by.h>

#include <fmt/format.h>

namespace weir {

TimeWindows checked(const GraphPoint& stream, const TimeWindows& windows, const Location& where) {
  const std::string fault = windows.fault();
  if (fault.empty()) return windows;
  stream.problem("windowed_by: " + fault, where);
  return {Duration(1), Duration(1), Duration(0)};
}

Duration retention_of(const GraphPoint& stream, const TimeWindows& windows, const WindowOptions& options,
                      const Location& where) {
  if (!options.retention) return windows.retention();
  if (*options.retention < windows.retention()) {
    stream.problem(fmt::format("the store '{}' keeps windows for {} ms, but size and grace need {} ms",
                               options.store.text(), options.retention->count(), windows.retention().count()),
                   where);
  }
  return std::max(*options.retention, windows.retention());
}

}  // namespace weir
