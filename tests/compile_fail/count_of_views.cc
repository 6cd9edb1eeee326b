// A view as the key of a store: it would dangle.
// Expected: Owning
// Expected: constraints not satisfied
#include <string>
#include <string_view>

#include <weir/weir.h>

#ifndef WEIR_MISTAKE
using Key = std::string;
#else
using Key = std::string_view;
#endif

void program(const weir::KStream<Key, int>& numbers) {
  static_cast<void>(numbers.group_by_key().count({.store = "counts"}));
}
