#include <weir/operators/session_by.h>

namespace weir {

SessionWindows checked(const GraphPoint& stream, const SessionWindows& windows, const Location& where) {
  const std::string fault = windows.fault();
  if (fault.empty()) return windows;
  stream.problem("windowed_by: " + fault, where);
  return {Duration(1), Duration(0)};
}

}  // namespace weir
