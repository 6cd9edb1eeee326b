// Calls a user's callable from inside one of ours, for operators that are made of verbs.
//
//   stream.map([choose](const K& key, const V& value, const RecordInfo& info) {
//     return call_user(choose, key, value, info);          // choose(value), choose(key, value) or choose(key, value, info)
//   });
#pragma once

#include <weir/core/callable.h>

namespace weir::ml {

template <class F, class K, class V>
  requires CallableOver<F, K, V>
[[nodiscard]] ResultOver<F, K, V> call_user(const F& callable, const K& key, const V& value,
                                            const RecordInfo& info) {
  return call_with(callable, Record<K, V>{key, value, info.timestamp, info.headers, info.origin});
}

}  // namespace weir::ml
