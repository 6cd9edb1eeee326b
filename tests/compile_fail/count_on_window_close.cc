// Emission on window close where there are no windows: a table without them has nothing that closes.
// Expected: cannot convert
// Expected: weir::TableOptions
#include <string>

#include <weir/weir.h>

void describe(weir::StreamBuilder& builder) {
  const auto numbers = builder.stream<std::string, int>("numbers").group_by_key();
#ifndef WEIR_MISTAKE
  static_cast<void>(numbers.count({.store = "counts", .emit = weir::Emit::kOnCommit}));
#else
  static_cast<void>(numbers.count({.store = "counts", .emit = weir::WindowEmit::kOnWindowClose}));
#endif
}
