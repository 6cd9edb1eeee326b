// An aggregator over another type than the initializer makes.
// Expected: AggregatorOver
// Expected: constraints not satisfied
#include <string>

#include <weir/weir.h>

void program(const weir::KStream<std::string, int>& numbers) {
  static_cast<void>(numbers.group_by_key().aggregate(
      {.store = "lines"}, [] { return std::string(); },
#ifndef WEIR_MISTAKE
      [](int number, const std::string& line) { return line + std::to_string(number); }
#else
      [](int number, int sum) { return sum + number; }
#endif
      ));
}
