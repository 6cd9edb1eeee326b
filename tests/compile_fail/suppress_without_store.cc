// What is held back lies in a store, and the store has a name.
// Expected: weir::RequiredName::RequiredName()
#include <chrono>
#include <string>

#include <weir/weir.h>

void program(const weir::KTable<std::string, int>& counts) {
#ifndef WEIR_MISTAKE
  static_cast<void>(
      counts.suppress(weir::until_time_limit({.store = "held", .limit = std::chrono::seconds(1)})));
#else
  static_cast<void>(counts.suppress(weir::until_time_limit({.limit = std::chrono::seconds(1)})));
#endif
}
