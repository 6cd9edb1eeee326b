// An outer join whose joiner does not expect that a side may be missing.
// Expected: OuterJoinerOver
#include <optional>
#include <string>

#include <weir/weir.h>

#ifndef WEIR_MISTAKE
using Side = std::optional<int>;
#else
using Side = int;
#endif

void program(const weir::KTable<std::string, int>& left, const weir::KTable<std::string, int>& right) {
  static_cast<void>(left.outer_join(right, [](const Side&, const Side&) { return 1; }));
}
