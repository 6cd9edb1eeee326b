// A task that writes a global store: it belongs to the instance, and only what maintains it may.
// Expected: GlobalStore
// Expected: has no member named
#include <string>

#include <weir/weir.h>

void program(weir::GlobalStore<std::string, int>& rates) {
#ifndef WEIR_MISTAKE
  static_cast<void>(rates.find("EUR"));
#else
  rates.put("EUR", 1, 0);
#endif
}
