// A reducer in slices that is not said to be a merger, too: it may not be commutative.
// Expected: slices need a merger
// Expected: reduce(options, reducer, merger)
#include <cstdint>
#include <functional>
#include <string>

#include <weir/weir.h>

void program(const weir::KStream<std::string, std::int64_t>& numbers) {
  using std::chrono_literals::operator""min;
  const auto windows =
      numbers.group_by_key().windowed_by(weir::hopping({.size = 60min, .advance = 5min, .grace = 0min}));
  const auto add = std::plus<std::int64_t>();
#ifndef WEIR_MISTAKE
  static_cast<void>(windows.slices().reduce({.store = "sums"}, add, add));
#else
  windows.slices().reduce({.store = "sums"}, add);
#endif
}
