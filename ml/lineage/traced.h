// Values that know which predictions they were made of, through joins, aggregates and topics.
//
//   const auto scored = payments.apply(ml::score(...)).apply(ml::traced());           // KStream<K, Traced<Decision>>
//   const auto risks = visits.apply(ml::score(...)).apply(ml::traced());
//   scored.join(risks, {.store = "pairs", .within = 1min}, ml::with_lineage(decide))  // Decision, Risk -> Verdict
//       .group_by_key()
//       .windowed_by(tumbling({.size = 1h}))
//       .aggregate({.store = "verdicts"}, ml::with_lineage(no_verdicts), ml::with_lineage(add_verdict))
//       .to_stream(window_name)
//       .apply(ml::lineage())                                                         // headers weir.lineage
//       .to("verdicts-per-hour");
//
// Joins and aggregates treat headers as Kafka Streams does: those of the record at hand go on, those of the other side and of
// earlier records are gone. Where all of them are wanted, `traced` takes what the headers say into the value, `with_lineage`
// makes a callable for plain values one for traced ones, and `lineage` writes the headers. In between a value and its lineage
// are one: stores, changelogs and topics between tasks have them, so restarts and replays do not change them. Who does not
// ask for it pays nothing.
//
// with_lineage(f) takes what f takes, with traced values in the place of any of its arguments, also as optional or pointer
// where a side of a join may be missing. What f returns is traced, with the lineage of all arguments together; an optional that
// is empty stays empty. So it does for mappers, joiners, reducers, mergers, aggregators, also in place, and initializers. What
// a subtractor takes out of a row stays in its lineage: the row was made of it.
//
// Beyond `bytes_max` a lineage is a count and a digest (lineage.h); so rows do not grow for ever.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/node.h>
#include <weir/core/serde.h>
#include <weir/ml/lineage/lineage.h>
#include <weir/operators/stream.h>
#include <weir/operators/windowed.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

template <class T>
struct Traced {
  T value{};
  Lineage lineage = {};

  bool operator==(const Traced&) const = default;
};

// ------------------------------------------------------------------------------------------------------------ callables

namespace detail {

template <class T>
inline constexpr bool kIsTraced = false;
template <class T>
inline constexpr bool kIsTraced<Traced<T>> = true;

// A traced value, one that may be missing, or a pointer to one.
template <class T>
inline constexpr bool kHasLineage = kIsTraced<T>;
template <class T>
inline constexpr bool kHasLineage<std::optional<Traced<T>>> = true;
template <class T>
inline constexpr bool kHasLineage<const Traced<T>*> = true;
template <class T>
concept HasLineage = kHasLineage<std::remove_cvref_t<T>>;

// The argument as the plain callable takes it.
template <class T>
[[nodiscard]] decltype(auto) plain(T&& argument) {
  using Argument = std::remove_cvref_t<T>;
  if constexpr (kIsTraced<Argument>) {
    return (std::forward<T>(argument).value);
  } else if constexpr (kHasLineage<Argument> && std::is_pointer_v<Argument>) {
    return argument == nullptr ? nullptr : &argument->value;
  } else if constexpr (kHasLineage<Argument>) {
    using Inner = decltype(argument->value);
    return argument ? std::optional<Inner>(argument->value) : std::optional<Inner>();
  } else {
    return static_cast<T&&>(argument);
  }
}
template <class T>
using PlainOf = decltype(plain(std::declval<T>()));

template <class T>
void gather(const T& argument, Lineage& lineage, std::size_t bytes_max) {
  if constexpr (kIsTraced<T>) {
    if (&argument.lineage != &lineage) lineage.merge(argument.lineage, bytes_max);
  } else if constexpr (kHasLineage<T>) {
    if (argument) lineage.merge(argument->lineage, bytes_max);
  }
}

// The row of an aggregate in place: the one argument that may be changed.
template <class T>
concept TracedRow = std::is_lvalue_reference_v<T> && !std::is_const_v<std::remove_reference_t<T>> &&
                    kIsTraced<std::remove_cvref_t<T>>;

template <class T>
[[nodiscard]] Lineage* lineage_of_row(T& argument) {
  if constexpr (TracedRow<T&>) {
    return &argument.lineage;
  } else {
    return nullptr;
  }
}

}  // namespace detail

template <class F>
class WithLineage {
 public:
  WithLineage(F call, std::size_t bytes_max) : call_(std::move(call)), bytes_max_(bytes_max) {}

  template <class... Args>
    requires((sizeof...(Args) == 0 || (detail::HasLineage<Args> || ...)) &&
             std::invocable<const F&, detail::PlainOf<Args>...>)
  auto operator()(Args&&... arguments) const {
    using Result = std::invoke_result_t<const F&, detail::PlainOf<Args>...>;
    using Made = std::remove_cvref_t<Result>;
    if constexpr (std::is_void_v<Result>) {
      std::invoke(call_, detail::plain(std::forward<Args>(arguments))...);
      Lineage* row = nullptr;
      ((row = row == nullptr ? detail::lineage_of_row(arguments) : row), ...);
      if (row != nullptr) (detail::gather(arguments, *row, bytes_max_), ...);
    } else if constexpr (kIsOptional<Made>) {
      Made value = std::invoke(call_, detail::plain(std::forward<Args>(arguments))...);
      std::optional<Traced<NonNull<Made>>> result;
      if (value) result.emplace(Traced<NonNull<Made>>{*std::move(value), lineage_of(arguments...)});
      return result;
    } else {
      Lineage lineage = lineage_of(arguments...);  // before an argument may be moved from
      return Traced<Made>{std::invoke(call_, detail::plain(std::forward<Args>(arguments))...),
                          std::move(lineage)};
    }
  }

 private:
  template <class... Args>
  [[nodiscard]] Lineage lineage_of(const Args&... arguments) const {
    Lineage lineage;
    (detail::gather(arguments, lineage, bytes_max_), ...);
    return lineage;
  }

  F call_;
  std::size_t bytes_max_;
};

template <class F>
[[nodiscard]] WithLineage<F> with_lineage(F call, std::size_t bytes_max = kLineageBytes) {
  return {std::move(call), bytes_max};
}

// ------------------------------------------------------------------------------------------------------------ operators

// A value, or an optional of one, with its lineage.
template <class V>
using TracedOf = std::conditional_t<kIsOptional<V>, std::optional<Traced<NonNull<V>>>, Traced<NonNull<V>>>;

namespace detail {

template <class V>
struct UntracedOf {};
template <class T>
struct UntracedOf<Traced<T>> {
  using type = T;
};
template <class T>
struct UntracedOf<std::optional<Traced<T>>> {
  using type = std::optional<T>;
};

}  // namespace detail

template <class K, class V>
class TracedNode final : public UnaryNode<K, V, K, TracedOf<V>> {
 public:
  explicit TracedNode(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void accept(const Record<K, V>& record) override {
    TracedOf<V> traced{};
    if constexpr (kIsOptional<V>) {
      if (record.value)
        traced.emplace(Traced<NonNull<V>>{*record.value, Lineage::of(record.headers, bytes_max_)});
    } else {
      traced.value = record.value;
      traced.lineage = Lineage::of(record.headers, bytes_max_);
    }
    this->emit(record.with_value(traced));
  }

 private:
  const std::size_t bytes_max_;
};

template <class K, class V>
class LineageNode final : public UnaryNode<K, V, K, typename detail::UntracedOf<V>::type> {
 public:
  void accept(const Record<K, V>& record) override {
    headers_ = record.headers;
    if constexpr (kIsOptional<V>) {
      typename detail::UntracedOf<V>::type value;
      if (record.value) value = record.value->value;
      (record.value ? record.value->lineage : Lineage()).write_to(headers_);
      this->emit({record.key, value, record.timestamp, headers_, record.origin, record.key_bytes});
    } else {
      record.value.lineage.write_to(headers_);
      this->emit(
          {record.key, record.value.value, record.timestamp, headers_, record.origin, record.key_bytes});
    }
  }

 private:
  Headers headers_;  // reused
};

struct TracedOptions {
  std::string name = {};
  std::size_t bytes_max = kLineageBytes;
};

// For KStream::apply.
class TracedOperator {
 public:
  TracedOperator(TracedOptions options, Location where) : options_(std::move(options)), where_(where) {}

  template <class K, Owning V>
  KStream<K, TracedOf<V>> operator()(const KStream<K, V>& stream) const {
    return KStream<K, TracedOf<V>>(stream.extend("traced", {.name = options_.name},
                                                 node_factory<TracedNode<K, V>>(options_.bytes_max), where_));
  }

 private:
  const TracedOptions options_;
  const Location where_;
};

class LineageOperator {
 public:
  LineageOperator(std::string name, Location where) : name_(std::move(name)), where_(where) {}

  template <class K, detail::HasLineage V>
  KStream<K, typename detail::UntracedOf<V>::type> operator()(const KStream<K, V>& stream) const {
    return KStream<K, typename detail::UntracedOf<V>::type>(
        stream.extend("lineage", {.name = name_}, node_factory<LineageNode<K, V>>(), where_));
  }

 private:
  const std::string name_;
  const Location where_;
};

// Takes what a record's headers say of predictions into its value.
[[nodiscard]] inline TracedOperator traced(TracedOptions options = {}, Location where = Location::current()) {
  return {std::move(options), where};
}

// Writes the lineage of a value into the headers, in the place of what they say of it. Headers of score stay as they are: those
// of the record at hand.
[[nodiscard]] inline LineageOperator lineage(std::string name = {}, Location where = Location::current()) {
  return {std::move(name), where};
}

}  // namespace weir::ml

namespace weir {

// The lineage's size (4 bytes), the lineage, the value.
template <Serializable T>
struct Serde<ml::Traced<T>> {
  struct Prefix {
    static constexpr std::string_view kText = "traced-1-";
  };
  static constexpr std::string_view kFormat = detail::PrefixedFormat<Prefix, T>::kValue;
  static constexpr bool kCanonical = Serde<T>::kCanonical;

  static void encode(const ml::Traced<T>& traced, Bytes& out) {
    Bytes lineage;
    Serde<ml::Lineage>::encode(traced.lineage, lineage);
    put_text(lineage, out);
    Serde<T>::encode(traced.value, out);
  }

  static absl::Status decode(BytesView bytes, ml::Traced<T>& out) {
    ByteReader reader(bytes);
    const BytesView lineage = reader.text();
    if (!reader.ok()) return absl::InvalidArgumentError("a value with its lineage is cut off");
    if (absl::Status status = Serde<ml::Lineage>::decode(lineage, out.lineage); !status.ok()) return status;
    return Serde<T>::decode(bytes.substr(sizeof(std::uint32_t) + lineage.size()), out.value);
  }
};

}  // namespace weir
