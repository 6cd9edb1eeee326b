// What users may hand to a verb, and how it is called.
//
// Arity decides. A callable over a record takes its value; or its key and value; or key, value and a RecordInfo with
// timestamp, headers and origin; all by const reference (or by value). Callables are called as const: hidden state in a
// lambda does not compile; state belongs in a store.
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>

#include <weir/core/record.h>

namespace weir {

template <class F, class K, class V>
concept TakesValue = std::invocable<const F&, const V&>;
template <class F, class K, class V>
concept TakesKeyAndValue = std::invocable<const F&, const K&, const V&>;
template <class F, class K, class V>
concept TakesKeyValueAndInfo = std::invocable<const F&, const K&, const V&, const RecordInfo&>;

// A callable over a record: f(value), f(key, value) or f(key, value, info), const. It is copied for each task.
template <class F, class K, class V>
concept CallableOver = std::copy_constructible<F> &&
                       (TakesValue<F, K, V> || TakesKeyAndValue<F, K, V> || TakesKeyValueAndInfo<F, K, V>);

template <class F, class K, class V>
  requires CallableOver<F, K, V>
decltype(auto) call_with(const F& callable, const Record<K, V>& record) {
  if constexpr (TakesValue<F, K, V>) {
    return std::invoke(callable, record.value);
  } else if constexpr (TakesKeyAndValue<F, K, V>) {
    return std::invoke(callable, record.key, record.value);
  } else {
    return std::invoke(callable, record.key, record.value,
                       RecordInfo{record.timestamp, record.headers, record.origin});
  }
}

// What the callable returns for such a record, without reference and const.
template <class F, class K, class V>
using ResultOver =
    std::remove_cvref_t<decltype(call_with(std::declval<const F&>(), std::declval<const Record<K, V>&>()))>;

// bool(value), bool(key, value) or bool(key, value, info).
template <class F, class K, class V>
concept PredicateOver = CallableOver<F, K, V> && std::convertible_to<ResultOver<F, K, V>, bool>;

// T(value), T(key, value) or T(key, value, info): any T but void.
template <class F, class K, class V>
concept MapperOver = CallableOver<F, K, V> && !std::is_void_v<ResultOver<F, K, V>>;

// As a mapper; what it returns is ignored.
template <class F, class K, class V>
concept ActionOver = CallableOver<F, K, V>;

}  // namespace weir
