// What the verbs of a table that work row by row ask of the callables they are given.
//
// A row has a key and a value, and the same callable is asked when the row changes and when somebody reads it. So it takes
// the value, or key and value, and never time or headers; and it gives the same answer each time.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/callable.h>
#include <weir/core/serde.h>
#include <weir/operators/concepts.h>
#include <weir/operators/options.h>

namespace weir {

template <class F, class K, class V>
concept RowCallableOver = std::copy_constructible<F> && (TakesValue<F, K, V> || TakesKeyAndValue<F, K, V>);

template <class F, class K, class V>
  requires RowCallableOver<F, K, V>
decltype(auto) call_with_row(const F& callable, const K& key, const V& value) {
  if constexpr (TakesValue<F, K, V>) {
    return std::invoke(callable, value);
  } else {
    return std::invoke(callable, key, value);
  }
}

// What the callable returns for a row, without reference and const.
template <class F, class K, class V>
using RowResultOver = std::remove_cvref_t<decltype(call_with_row(
    std::declval<const F&>(), std::declval<const K&>(), std::declval<const V&>()))>;

// bool(value) or bool(key, value).
template <class F, class K, class V>
concept RowPredicateOver = RowCallableOver<F, K, V> && std::convertible_to<RowResultOver<F, K, V>, bool>;

// T(value) or T(key, value): a T that owns its memory; a std::optional<T> to be able to leave a row out.
template <class F, class K, class V>
concept RowMapperOver =
    RowCallableOver<F, K, V> && !std::is_void_v<RowResultOver<F, K, V>> && Owning<RowResultOver<F, K, V>>;

// pair(value) or pair(key, value): a key and a value that can be sent through a topic, either perhaps as a std::optional.
template <class F, class K, class V>
concept RowPairMapperOver =
    RowMapperOver<F, K, V> && PairLike<RowResultOver<F, K, V>> &&
    Storable<NonNull<FirstOf<RowResultOver<F, K, V>>>> && Storable<NonNull<SecondOf<RowResultOver<F, K, V>>>>;

template <class K, class V, class Out>
class TableTransformer;

// A callable without arguments that returns a std::unique_ptr to a new transformer each time; its type is derived from
// TableTransformer<K, V, Out>, where K and V are those of the table.
template <class F, class K, class V>
concept TableTransformerFactoryFor = std::copy_constructible<F> && std::invocable<const F&> && requires {
  typename OutValueOf<F>;
} && std::derived_from<ProcessorOf<F>, TableTransformer<K, V, OutValueOf<F>>>;

// As ViewOptions.
struct TransformOptions {
  std::optional<StoreName> store = std::nullopt;
  std::string name = {};
  // The stores the transformer asks its context for.
  std::vector<StoreReference> uses = {};
  Emit emit = Emit::kEveryUpdate;
  bool persistent = true;
  bool logged = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

}  // namespace weir
