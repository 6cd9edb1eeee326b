// A table without the name of its store, which its changelog topic is called after.
// Expected: StoreName
// Expected: deleted
#include <string>

#include <weir/weir.h>

void program(const weir::KStream<std::string, int>& numbers) {
#ifndef WEIR_MISTAKE
  static_cast<void>(numbers.group_by_key().count({.store = "counts", .emit = weir::Emit::kOnCommit}));
#else
  static_cast<void>(numbers.group_by_key().count({.emit = weir::Emit::kOnCommit}));
#endif
}
