// A predicate over rows that asks for time and headers: whoever reads the table has none.
// Expected: RowPredicateOver
// Expected: constraints not satisfied
#include <string>

#include <weir/weir.h>

void program(const weir::KTable<std::string, int>& counts) {
#ifndef WEIR_MISTAKE
  static_cast<void>(counts.filter([](const std::string&, int count) { return count > 1; }));
#else
  static_cast<void>(
      counts.filter([](const std::string&, int count, const weir::RecordInfo&) { return count > 1; }));
#endif
}
