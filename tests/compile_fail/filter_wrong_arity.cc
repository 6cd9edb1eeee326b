// A predicate that wants more than there is.
// Expected: PredicateOver
// Expected: constraints not satisfied
#include <string>

#include <weir/weir.h>

void program(const weir::KStream<std::string, int>& numbers) {
#ifndef WEIR_MISTAKE
  static_cast<void>(numbers.filter([](const std::string&, int number) { return number > 10; }));
#else
  static_cast<void>(numbers.filter([](const std::string&, int number, int, int) { return number > 10; }));
#endif
}
