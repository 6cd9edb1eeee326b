#include <weir/operators/distinct.h>

#include <fmt/format.h>

namespace weir {

DistinctOptions checked(const GraphPoint& stream, DistinctOptions options, const Location& where) {
  constexpr Duration kLongest = Duration::max() / 4;
  const Duration window = options.window.value();
  const Duration grace = options.grace.value();
  if (window.count() > 0 && grace.count() >= 0 && window <= kLongest && grace <= kLongest) return options;
  stream.problem(
      fmt::format("distinct: the window must be positive and the grace not negative, nor be too large: "
                  "window={} ms grace={} ms",
                  window.count(), grace.count()),
      where);
  options.window = Duration(1);
  options.grace = Duration(0);
  return options;
}

}  // namespace weir
