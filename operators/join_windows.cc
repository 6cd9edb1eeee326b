#include <weir/operators/join_windows.h>

#include <fmt/format.h>

namespace weir {
namespace {

// Far enough for anybody, and sums of three of them fit.
constexpr Duration kLongest = Duration::max() / 4;

}  // namespace

std::string JoinWindows::fault() const {
  if (grace_.count() < 0) return fmt::format("grace must not be negative: grace={} ms", grace_.count());
  for (const Duration duration : {before_, after_, grace_}) {
    if (duration > kLongest || duration < -kLongest) {
      return fmt::format("before, after and grace are too large: before={} ms after={} ms grace={} ms",
                         before_.count(), after_.count(), grace_.count());
    }
  }
  if (before_ + after_ < Duration(0)) {
    return fmt::format(
        "no record can match: before and after must not be negative together: before={} ms after={} ms",
        before_.count(), after_.count());
  }
  return "";
}

JoinWindows join_windows(const GraphPoint& stream, const std::string& verb, const StreamJoinOptions& options,
                         const Location& where) {
  const JoinWindows nothing(Duration(0), Duration(0), Duration(0));
  const std::optional<Duration> before = options.before ? options.before : options.within;
  const std::optional<Duration> after = options.after ? options.after : options.within;
  if (!before || !after) {
    stream.problem(verb + ": how far apart may two records be? Give .within, or .before and .after", where);
    return nothing;
  }
  const JoinWindows windows(*before, *after, options.grace.value());
  const std::string fault = windows.fault();
  if (fault.empty()) return windows;
  stream.problem(verb + ": " + fault, where);
  return nothing;
}

}  // namespace weir
