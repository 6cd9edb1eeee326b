// What the verbs of a stream ask of the callables they are given, beside the general forms of <weir/core/callable.h>.
//
// A program that hands over something else stops at one of these: each lists what it accepts.
#pragma once

#include <concepts>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/callable.h>
#include <weir/core/serde.h>
#include <weir/core/task_store.h>
#include <weir/operators/processor.h>

namespace weir {

// A key or value that a store can keep: it owns its memory, has a Serde, and can be copied and made empty.
template <class T>
concept Storable =
    Owning<T> && Serializable<T> && std::copy_constructible<T> && std::default_initializable<T>;

// ------------------------------------------------------------------------------------------------------------- pairs

// A std::pair, or anything with `first` and `second`.
template <class T>
concept PairLike = requires(const T& pair) {
  pair.first;
  pair.second;
};
template <PairLike T>
using FirstOf = std::remove_cvref_t<decltype(std::declval<const T&>().first)>;
template <PairLike T>
using SecondOf = std::remove_cvref_t<decltype(std::declval<const T&>().second)>;

// pair(value), pair(key, value) or pair(key, value, info): new key and new value.
template <class F, class K, class V>
concept PairMapperOver = MapperOver<F, K, V> && PairLike<ResultOver<F, K, V>>;

// ---------------------------------------------------------------------------------------------------------- attempts

namespace detail {

template <class T>
struct Tried {
  using type = T;
};
template <class T>
struct Tried<absl::StatusOr<T>> {
  using type = T;
};

}  // namespace detail

// T(value), T(key, value) or T(key, value, info), where an absl::StatusOr<T> that is not ok, and an exception, is a failure.
template <class F, class K, class V>
concept TryMapperOver =
    MapperOver<F, K, V> && !std::is_void_v<typename detail::Tried<ResultOver<F, K, V>>::type>;
template <class F, class K, class V>
using TriedOver = typename detail::Tried<ResultOver<F, K, V>>::type;

// text(value), text(key, value) or text(key, value, info): a line to be printed.
template <class F, class K, class V>
concept LineMapperOver = CallableOver<F, K, V> && std::convertible_to<ResultOver<F, K, V>, std::string>;

// ------------------------------------------------------------------------------------------------------------ ranges

// Anything a range-based for can walk over.
template <class T>
concept Iterable = requires(const T& range) {
  { std::begin(range) != std::end(range) } -> std::convertible_to<bool>;
  *std::begin(range);
};

// range(value), range(key, value) or range(key, value, info): zero or more of something, for example a std::vector.
template <class F, class K, class V>
concept RangeMapperOver = MapperOver<F, K, V> && Iterable<ResultOver<F, K, V>>;

// What the range has.
template <class F, class K, class V>
  requires RangeMapperOver<F, K, V>
using ElementOver = std::remove_cvref_t<decltype(*std::begin(std::declval<const ResultOver<F, K, V>&>()))>;

// As RangeMapperOver, a range of pairs: keys and values.
template <class F, class K, class V>
concept PairRangeMapperOver = RangeMapperOver<F, K, V> && PairLike<ElementOver<F, K, V>>;

// ------------------------------------------------------------------------------------------------------------- sinks

// text(value), text(key, value) or text(key, value, info): the topic that the record goes to. It must exist.
template <class F, class K, class V>
concept TopicChooserOver = CallableOver<F, K, V> && std::convertible_to<ResultOver<F, K, V>, std::string>;

namespace detail {

template <class T>
struct IsPartitionChoice : std::bool_constant<std::convertible_to<T, Partition>> {};
template <Iterable T>
struct IsPartitionChoice<T>
    : std::is_same<std::remove_cvref_t<decltype(*std::begin(std::declval<const T&>()))>, Partition> {};
template <class T>
struct IsPartitionChoice<std::optional<T>> : IsPartitionChoice<T> {};

}  // namespace detail

// partition(key, value, count): which of the topic's `count` partitions the record goes to. A std::optional leaves an empty
// one to Kafka's own rule; a range (a std::vector, say) sends the record to each of its partitions, and with none of them
// drops and counts it.
template <class F, class K, class V>
concept PartitionerOver =
    std::copy_constructible<F> && std::invocable<const F&, const K&, const V&, Partition> &&
    detail::IsPartitionChoice<
        std::remove_cvref_t<std::invoke_result_t<const F&, const K&, const V&, Partition>>>::value;

// ------------------------------------------------------------------------------------------------------------- joins

namespace detail {

template <class F, class K, class Left, class Right>
struct Joined {
  using type = void;
};
template <class F, class K, class Left, class Right>
  requires std::invocable<const F&, const Left&, const Right&>
struct Joined<F, K, Left, Right> {
  using type = std::remove_cvref_t<std::invoke_result_t<const F&, const Left&, const Right&>>;
};
template <class F, class K, class Left, class Right>
  requires(!std::invocable<const F&, const Left&, const Right&> &&
           std::invocable<const F&, const K&, const Left&, const Right&>)
struct Joined<F, K, Left, Right> {
  using type = std::remove_cvref_t<std::invoke_result_t<const F&, const K&, const Left&, const Right&>>;
};

// A row of the table, or none: an optional of it (a copy) or, if the callable wants that, a pointer.
template <class F, class K, class Left, class Right>
using RightSide =
    std::conditional_t<std::invocable<const F&, const Left&, const std::optional<Right>&> ||
                           std::invocable<const F&, const K&, const Left&, const std::optional<Right>&>,
                       std::optional<Right>, const Right*>;

}  // namespace detail

// What a joiner returns; void if it is none.
template <class F, class K, class Left, class Right>
using JoinedBy = typename detail::Joined<F, K, Left, Right>::type;
template <class F, class K, class Left, class Right>
using LeftJoinedBy = JoinedBy<F, K, Left, detail::RightSide<F, K, Left, Right>>;

// T(left value, right value) or T(key, left value, right value): a T that owns its memory.
template <class F, class K, class Left, class Right>
concept JoinerOver = std::copy_constructible<F> && !std::is_void_v<JoinedBy<F, K, Left, Right>> &&
                     Owning<JoinedBy<F, K, Left, Right>>;

// T(left value, std::optional<right value>) or T(key, left value, std::optional<right value>): a T that owns its memory.
// A joiner may take `const Right*` instead of the optional, null for no row, which saves a copy.
template <class F, class K, class Left, class Right>
concept LeftJoinerOver = std::copy_constructible<F> && !std::is_void_v<LeftJoinedBy<F, K, Left, Right>> &&
                         Owning<LeftJoinedBy<F, K, Left, Right>>;

namespace detail {

// The two sides of an outer join, either of which may be missing: both optionals, or both pointers.
template <class F, class K, class Left, class Right>
inline constexpr bool kTakesOptionals =
    std::invocable<const F&, const std::optional<Left>&, const std::optional<Right>&> ||
    std::invocable<const F&, const K&, const std::optional<Left>&, const std::optional<Right>&>;
template <class F, class K, class Left, class Right, class Side>
using OuterSide = std::conditional_t<kTakesOptionals<F, K, Left, Right>, std::optional<Side>, const Side*>;

}  // namespace detail

template <class F, class K, class Left, class Right>
using OuterJoinedBy =
    JoinedBy<F, K, detail::OuterSide<F, K, Left, Right, Left>, detail::OuterSide<F, K, Left, Right, Right>>;

// T(std::optional<left value>, std::optional<right value>), or with the key in front: a T that owns its memory. One of the
// two is always there. A joiner may take `const Left*` and `const Right*` instead of the optionals, which saves copies.
template <class F, class K, class Left, class Right>
concept OuterJoinerOver = std::copy_constructible<F> && !std::is_void_v<OuterJoinedBy<F, K, Left, Right>> &&
                          Owning<OuterJoinedBy<F, K, Left, Right>>;

// Two streams that can be joined: of the same key, and all that they have can be kept.
template <class K, class V, class RightK, class RightV>
concept JoinableStreams = std::same_as<NonNull<K>, NonNull<RightK>> && Storable<NonNull<K>> &&
                          Storable<NonNull<V>> && Storable<NonNull<RightV>>;

// The key of an outer join's results: one that can be null if that of either side can.
template <class K, class RightK>
using OuterKey = std::conditional_t<std::same_as<K, RightK>, K, std::optional<NonNull<K>>>;

// key(value), key(key, value) or key(key, value, info): which row of a table of other keys belongs to the record. A
// std::optional says with an empty one that none does.
template <class F, class K, class V, class TableKey>
concept KeySelectorOver =
    CallableOver<F, K, V> && std::convertible_to<ResultOver<F, K, V>, std::optional<TableKey>>;

// -------------------------------------------------------------------------------------------------------- processors

namespace detail {

template <class F>
struct Made {};
template <class F>
  requires requires { typename std::invoke_result_t<const F&>::element_type; }
struct Made<F> {
  using type = typename std::invoke_result_t<const F&>::element_type;
};

}  // namespace detail

// The processor type that a factory makes.
template <class F>
using ProcessorOf = typename detail::Made<F>::type;
template <class F>
using OutKeyOf = typename ProcessorOf<F>::OutKey;
template <class F>
using OutValueOf = typename ProcessorOf<F>::OutValue;

// A callable without arguments that returns a std::unique_ptr to a new processor each time; its type is derived from
// Processor<K, V, OutKey, OutValue>, where K and V are those of the stream.
template <class F, class K, class V>
concept ProcessorFactoryFor = std::copy_constructible<F> && std::invocable<const F&> && requires {
  typename OutKeyOf<F>;
  typename OutValueOf<F>;
} && std::derived_from<ProcessorOf<F>, Processor<K, V, OutKeyOf<F>, OutValueOf<F>>>;

// A factory that says which stores its processors need: they are added to the topology with it.
template <class F>
concept BringsStores = requires(const F& factory) {
  { factory.stores() } -> std::convertible_to<std::vector<StoreSpec>>;
};

// The same for a ValueProcessor<K, V, OutValue>.
template <class F, class K, class V>
concept ValueProcessorFactoryFor = std::copy_constructible<F> && std::invocable<const F&> && requires {
  typename OutValueOf<F>;
} && std::derived_from<ProcessorOf<F>, ValueProcessor<K, V, OutValueOf<F>>>;

}  // namespace weir
