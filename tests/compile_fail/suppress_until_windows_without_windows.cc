// Final results of a table that has no windows.
// Expected: kIsWindowed
#include <string>

#include <weir/weir.h>

#ifndef WEIR_MISTAKE
using Key = weir::Windowed<std::string>;
#else
using Key = std::string;
#endif

void program(const weir::KTable<Key, int>& counts) {
  static_cast<void>(counts.suppress(weir::until_window_closes({.store = "final"})));
}
