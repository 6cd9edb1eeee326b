// An aggregate in slices without a merger: nothing could make windows of the slices.
// Expected: slices need a merger
// Expected: aggregate(options, initializer, aggregator, merger)
#include <cstdint>
#include <string>

#include <weir/weir.h>

void program(const weir::KStream<std::string, std::int64_t>& numbers) {
  using std::chrono_literals::operator""min;
  static_cast<void>(numbers.group_by_key()
                        .windowed_by(weir::hopping({.size = 60min, .advance = 5min, .grace = 0min}))
                        .slices()
                        .aggregate(
                            {.store = "sums"}, [] { return std::int64_t{0}; },
                            [](std::int64_t number, std::int64_t sum) { return sum + number; }
#ifndef WEIR_MISTAKE
                            ,
                            [](std::int64_t left, std::int64_t right) { return left + right; }
#endif
                            ));
}
