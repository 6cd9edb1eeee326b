// A join with a table of another key.
// Expected: KTable<std::__cxx11::basic_string
#include <string>

#include <weir/weir.h>

#ifndef WEIR_MISTAKE
using Key = std::string;
#else
using Key = int;
#endif

void program(const weir::KStream<std::string, int>& numbers, const weir::KTable<Key, int>& limits) {
  static_cast<void>(numbers.join(limits, [](int number, int limit) { return number - limit; }));
}
