// A lambda that changes what it captured: state belongs in a store.
// Expected: PredicateOver
// Expected: constraints not satisfied
#include <string>

#include <weir/weir.h>

void program(const weir::KStream<std::string, int>& numbers) {
#ifndef WEIR_MISTAKE
  static_cast<void>(numbers.filter([limit = 10](int number) { return number > limit; }));
#else
  static_cast<void>(numbers.filter([seen = 0](int number) mutable { return ++seen > number; }));
#endif
}
