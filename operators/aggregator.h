// What reduce and aggregate may be given, and how a row changes by a record.
//
// A step changes one row: it sets the value, and leaves the row alone if the user's callable throws.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/record.h>
#include <weir/core/serde.h>
#include <weir/operators/concepts.h>
#include <weir/operators/rows.h>
#include <weir/state/timestamped.h>

namespace weir {

// ------------------------------------------------------------------------------------------------------------ concepts

namespace detail {

enum class AggregatorForm { kNone, kValue, kKeyAndValue, kValueInPlace, kKeyAndValueInPlace };

template <class F, class K, class V, class Row>
constexpr AggregatorForm aggregator_form() {
  if constexpr (std::invocable<const F&, const V&, Row&>) {
    if constexpr (std::is_void_v<std::invoke_result_t<const F&, const V&, Row&>>) {
      // One that takes a temporary too changes nothing, and returns nothing.
      return std::invocable<const F&, const V&, Row> ? AggregatorForm::kNone : AggregatorForm::kValueInPlace;
    } else if constexpr (std::invocable<const F&, const V&, const Row&>) {
      return AggregatorForm::kValue;
    } else {
      return AggregatorForm::kNone;
    }
  } else if constexpr (std::invocable<const F&, const K&, const V&, Row&>) {
    if constexpr (std::is_void_v<std::invoke_result_t<const F&, const K&, const V&, Row&>>) {
      return std::invocable<const F&, const K&, const V&, Row> ? AggregatorForm::kNone
                                                               : AggregatorForm::kKeyAndValueInPlace;
    } else if constexpr (std::invocable<const F&, const K&, const V&, const Row&>) {
      return AggregatorForm::kKeyAndValue;
    } else {
      return AggregatorForm::kNone;
    }
  } else {
    return AggregatorForm::kNone;
  }
}

template <class F, class K, class V, class Row>
struct Aggregated {
  using type = void;
};
template <class F, class K, class V, class Row>
  requires(aggregator_form<F, K, V, Row>() == AggregatorForm::kValue)
struct Aggregated<F, K, V, Row> {
  using type = std::remove_cvref_t<std::invoke_result_t<const F&, const V&, const Row&>>;
};
template <class F, class K, class V, class Row>
  requires(aggregator_form<F, K, V, Row>() == AggregatorForm::kKeyAndValue)
struct Aggregated<F, K, V, Row> {
  using type = std::remove_cvref_t<std::invoke_result_t<const F&, const K&, const V&, const Row&>>;
};
template <class F, class K, class V, class Row>
  requires(aggregator_form<F, K, V, Row>() == AggregatorForm::kValueInPlace ||
           aggregator_form<F, K, V, Row>() == AggregatorForm::kKeyAndValueInPlace)
struct Aggregated<F, K, V, Row> {
  using type = Row;
};

// A value, or an optional of one where a row may vanish.
template <class Result, class Row>
concept RowResult =
    std::convertible_to<Result, Row> || (kIsOptional<Result> && std::convertible_to<NonNull<Result>, Row>);

template <class Result, class Row>
inline constexpr Rows kRowsOf =
    kIsOptional<Result> && !std::same_as<Result, Row> ? Rows::kMayVanish : Rows::kStay;

}  // namespace detail

// T(): the value of a row before its first record.
template <class F>
concept Initializer =
    std::copy_constructible<F> && std::invocable<const F&> && !std::is_void_v<std::invoke_result_t<const F&>>;

// What an initializer makes: the type of the table's values.
template <Initializer F>
using InitialOf = std::remove_cvref_t<std::invoke_result_t<const F&>>;

// T(value, T aggregate) or T(key, value, T aggregate): the new aggregate; std::optional<T> to be able to delete the row.
// Or in place: void(value, T& aggregate) or void(key, value, T& aggregate).
template <class F, class K, class V, class Row>
concept AggregatorOver =
    std::copy_constructible<F> && detail::aggregator_form<F, K, V, Row>() != detail::AggregatorForm::kNone &&
    detail::RowResult<typename detail::Aggregated<F, K, V, Row>::type, Row>;

// T(T aggregate, value): the new aggregate; std::optional<T> to be able to delete the row. The value is a T, or an
// std::optional<T> in windows over a stream whose values may be null.
template <class F, class Row, class V>
concept ReducerOver =
    std::copy_constructible<F> && std::invocable<const F&, const Row&, const V&> &&
    detail::RowResult<std::remove_cvref_t<std::invoke_result_t<const F&, const Row&, const V&>>, Row>;

// Whether rows can vanish. (A null that comes first in a window makes no row, but is told of.)
template <class F, class Row, class V>
inline constexpr Rows kRowsReducedBy =
    kIsOptional<V>
        ? Rows::kMayVanish
        : detail::kRowsOf<std::remove_cvref_t<std::invoke_result_t<const F&, const Row&, const V&>>, Row>;

template <class F, class K, class V, class Row>
inline constexpr Rows kRowsAggregatedBy =
    detail::kRowsOf<typename detail::Aggregated<F, K, V, Row>::type, Row>;

// --------------------------------------------------------------------------------------------------------------- steps

namespace detail {

template <class Value, class Row>
void set_value(Value&& value, std::optional<Timestamped<Row>>& row) {
  if (row) {
    row->value = std::forward<Value>(value);
  } else {
    row.emplace(Timestamped<Row>{std::forward<Value>(value), 0});
  }
}

// Takes a callable's result: a value, or an optional that deletes when it is empty.
template <class Result, class Row>
void set_result(Result&& result, std::optional<Timestamped<Row>>& row) {
  using Plain = std::remove_cvref_t<Result>;
  if constexpr (kRowsOf<Plain, Row> == Rows::kMayVanish) {
    if (result) {
      set_value(static_cast<Row>(*std::forward<Result>(result)), row);
    } else {
      row.reset();
    }
  } else {
    set_value(static_cast<Row>(std::forward<Result>(result)), row);
  }
}

}  // namespace detail

// Every step also says what Change::before is when a row is made: nothing or, where the graph is to be like Kafka Streams,
// the initial value.
struct CountStep {
  using Value = std::int64_t;
  static constexpr Rows kRows = Rows::kStay;

  bool like_kafka_streams = false;

  [[nodiscard]] std::optional<Value> first_before() const {
    return like_kafka_streams ? std::optional<Value>(0) : std::nullopt;
  }

  template <class K, class V>
  void operator()(const Record<K, V>&, std::optional<Timestamped<Value>>& row) const {
    detail::set_value(row ? row->value + 1 : Value{1}, row);
  }
};

// The first value of a key is taken as it is.
template <class Row, class V, class Reducer>
class ReduceStep {
 public:
  using Value = Row;
  static constexpr Rows kRows = kRowsReducedBy<Reducer, Row, V>;

  explicit ReduceStep(Reducer reduce) : reduce_(std::move(reduce)) {}

  [[nodiscard]] std::optional<Row> first_before() const { return std::nullopt; }

  template <class K>
  void operator()(const Record<K, V>& record, std::optional<Timestamped<Row>>& row) const {
    if (row) {
      detail::set_result(std::invoke(reduce_, std::as_const(row->value), record.value), row);
    } else if (!is_null(record.value)) {
      detail::set_value(non_null(record.value), row);
    }
  }

 private:
  const Reducer reduce_;
};

template <class Init, class Aggregator, class K, class V>
class AggregateStep {
 public:
  using Value = InitialOf<Init>;
  static constexpr Rows kRows = kRowsAggregatedBy<Aggregator, K, V, Value>;

  AggregateStep(Init init, Aggregator aggregate, bool like_kafka_streams)
      : init_(std::move(init)), aggregate_(std::move(aggregate)), like_kafka_streams_(like_kafka_streams) {}

  [[nodiscard]] std::optional<Value> first_before() const {
    return like_kafka_streams_ ? std::optional<Value>(init_()) : std::nullopt;
  }

  void operator()(const Record<K, V>& record, std::optional<Timestamped<Value>>& row) const {
    if constexpr (kForm == Form::kValue || kForm == Form::kKeyAndValue) {
      if (row) {
        detail::set_result(ask(record, std::as_const(row->value)), row);
      } else {
        const Value initial = init_();
        detail::set_result(ask(record, initial), row);
      }
    } else if (!row) {
      Value fresh = init_();
      ask(record, fresh);
      detail::set_value(std::move(fresh), row);
    } else if constexpr (kCannotThrow) {
      ask(record, row->value);
    } else {
      // A callable that throws halfway must not leave a row that is half changed. One declared noexcept saves the copy.
      Value copy = row->value;
      ask(record, copy);
      row->value = std::move(copy);
    }
  }

 private:
  using Form = detail::AggregatorForm;
  static constexpr Form kForm = detail::aggregator_form<Aggregator, K, V, Value>();
  static constexpr bool kCannotThrow =
      std::is_nothrow_invocable_v<const Aggregator&, const V&, Value&> ||
      std::is_nothrow_invocable_v<const Aggregator&, const K&, const V&, Value&>;

  template <class Row>
  decltype(auto) ask(const Record<K, V>& record, Row& row) const {
    if constexpr (kForm == Form::kValue || kForm == Form::kValueInPlace) {
      return std::invoke(aggregate_, record.value, row);
    } else {
      return std::invoke(aggregate_, record.key, record.value, row);
    }
  }

  const Init init_;
  const Aggregator aggregate_;
  const bool like_kafka_streams_;
};

}  // namespace weir
