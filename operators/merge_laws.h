// Whether an aggregate obeys the laws that slices rest on (sliced_stream.h), tried on values of your choice: for tests.
//
//   const absl::Status laws = weir::check_merge_laws(nothing, added, merged, std::vector<Payment>{{5}, {0}, {-3}});
//   EXPECT_TRUE(laws.ok()) << laws;
//
// The callables are those given to aggregate, or to reduce; where they take a key, give one first. Aggregates are made of each
// value, of each two that follow one another and of all of them, and all ways to combine them are tried, which takes the
// cube of the number of values: choose a dozen that are as different as they can be.
//
// The first violation is returned as FailedPrecondition, with both sides that should be equal:
//
//   the merger is not commutative: merge(a, b) is "xy", merge(b, a) is "yx"; a is made of values {0}, b of {1}
//
// Aggregates are compared by ==, or by their bytes if they have none. Exceptions of the callables pass. Without values
// nothing is tried: InvalidArgument.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include <weir/core/record.h>
#include <weir/core/serde.h>
#include <weir/operators/aggregator.h>
#include <weir/operators/session_step.h>
#include <weir/operators/sliced_rows.h>
#include <weir/state/timestamped.h>

namespace weir {

namespace detail {

// Of a step, which adds a value to a row, and a merger. With `initial`, the row that nothing was added to.
template <class K, class V, class Step, class Merger>
class MergeLaws {
 public:
  using Value = typename Step::Value;

  MergeLaws(const K& key, const Step& step, const Merger& merger, const std::vector<V>& values,
            std::optional<Value> initial)
      : key_(key), step_(step), merger_(merger), values_(values), initial_(std::move(initial)) {}

  [[nodiscard]] absl::Status check() {
    if (values_.empty()) return absl::InvalidArgumentError("no values to try the laws on");
    make_aggregates();
    absl::Status status;
    for (const Aggregate& a : aggregates_) status.Update(identity(a));
    for (const Aggregate& a : aggregates_) {
      for (const Aggregate& b : aggregates_) status.Update(commutative(a, b));
    }
    for (const Aggregate& a : aggregates_) {
      for (const Aggregate& b : aggregates_) {
        for (const Aggregate& c : aggregates_) status.Update(associative(a, b, c));
      }
    }
    for (const Aggregate& a : aggregates_) {
      for (const Aggregate& b : aggregates_) status.Update(goes_with_adder(a, b));
      if (!initial_) status.Update(takes_first_value(a));
    }
    return status;
  }

 private:
  struct Aggregate {
    Value value;
    std::string made_of;
  };
  using Named = std::vector<std::pair<const char*, const Aggregate*>>;

  void make_aggregates() {
    const std::size_t count = values_.size();
    if (initial_) aggregates_.push_back({*initial_, ""});
    for (std::size_t i = 0; i < count; ++i) aggregates_.push_back(aggregate_of(i, i));
    for (std::size_t i = 0; i + 1 < count; ++i) aggregates_.push_back(aggregate_of(i, i + 1));
    if (count > 2) aggregates_.push_back(aggregate_of(0, count - 1));
  }

  [[nodiscard]] Aggregate aggregate_of(std::size_t first, std::size_t last) const {
    std::optional<Timestamped<Value>> row;
    for (std::size_t i = first; i <= last; ++i) add(values_[i], row);
    return {row->value, first == last ? fmt::format("{}", first) : fmt::format("{} to {}", first, last)};
  }

  [[nodiscard]] absl::Status identity(const Aggregate& a) const {
    if (!initial_) return absl::OkStatus();
    const char* law = "changes an aggregate by the initial value";
    absl::Status status =
        compare(law, "a", a.value, "merge(a, initial)", merge(a.value, *initial_), {{"a", &a}});
    status.Update(compare(law, "a", a.value, "merge(initial, a)", merge(*initial_, a.value), {{"a", &a}}));
    return status;
  }

  [[nodiscard]] absl::Status commutative(const Aggregate& a, const Aggregate& b) const {
    return compare("is not commutative", "merge(a, b)", merge(a.value, b.value), "merge(b, a)",
                   merge(b.value, a.value), {{"a", &a}, {"b", &b}});
  }

  [[nodiscard]] absl::Status associative(const Aggregate& a, const Aggregate& b, const Aggregate& c) const {
    return compare("is not associative", "merge(merge(a, b), c)", merge(merge(a.value, b.value), c.value),
                   "merge(a, merge(b, c))", merge(a.value, merge(b.value, c.value)),
                   {{"a", &a}, {"b", &b}, {"c", &c}});
  }

  [[nodiscard]] absl::Status goes_with_adder(const Aggregate& a, const Aggregate& b) const {
    absl::Status status;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      status.Update(compare(does_not_go(), "a value added to merge(a, b)", added(i, merge(a.value, b.value)),
                            "merge(a, b with the value added)", merge(a.value, added(i, b.value)),
                            {{"a", &a}, {"b", &b}}, i));
    }
    return status;
  }

  // A reducer takes the first value as it is.
  [[nodiscard]] absl::Status takes_first_value(const Aggregate& a) const {
    absl::Status status;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      status.Update(compare(does_not_go(), "a value added to a", added(i, a.value), "merge(a, the value)",
                            merge(a.value, aggregate_of(i, i).value), {{"a", &a}}, i));
    }
    return status;
  }

  [[nodiscard]] absl::Status compare(const std::string& law, const char* left_name, const Value& left,
                                     const char* right_name, const Value& right, const Named& names,
                                     std::optional<std::size_t> value = std::nullopt) const {
    if (equal(left, right)) return absl::OkStatus();
    std::string where;
    for (const auto& [name, aggregate] : names) {
      where +=
          fmt::format("{}{} is made of values {{{}}}", where.empty() ? "" : ", ", name, aggregate->made_of);
    }
    if (value) where += fmt::format(", the value is {}", *value);
    return absl::FailedPreconditionError(fmt::format("the merger {}: {} is {}, {} is {}; {}", law, left_name,
                                                     shown(left), right_name, shown(right), where));
  }

  [[nodiscard]] Value merge(const Value& left, const Value& right) const {
    std::optional<Timestamped<Value>> row(Timestamped<Value>{left, 0});
    merge_piece(merger_, key_, Timestamped<Value>{right, 0}, row);
    return std::move(row->value);
  }
  [[nodiscard]] Value added(std::size_t i, const Value& aggregate) const {
    std::optional<Timestamped<Value>> row(Timestamped<Value>{aggregate, 0});
    add(values_[i], row);
    return std::move(row->value);
  }
  void add(const V& value, std::optional<Timestamped<Value>>& row) const {
    const Origin origin;
    step_(Record<K, V>{key_, value, 0, kNoHeaders, origin, {}}, row);
  }

  [[nodiscard]] std::string does_not_go() const {
    return initial_ ? "does not go with the aggregator" : "does not go with the reducer";
  }

  [[nodiscard]] static bool equal(const Value& left, const Value& right) {
    if constexpr (std::equality_comparable<Value>) {
      return left == right;
    } else {
      return bytes_of(left) == bytes_of(right);
    }
  }
  [[nodiscard]] static std::string shown(const Value& value) {
    if constexpr (std::convertible_to<const Value&, std::string>) {
      return fmt::format("\"{}\"", absl::CHexEscape(std::string(value)));
    } else if constexpr (fmt::is_formattable<Value>::value) {
      return fmt::format("{}", value);
    } else {
      return fmt::format("\"{}\" (its bytes)", absl::CHexEscape(bytes_of(value)));
    }
  }
  [[nodiscard]] static Bytes bytes_of(const Value& value) {
    Bytes bytes;
    Serde<Value>::encode(value, bytes);
    return bytes;
  }

  const K& key_;
  const Step& step_;
  const Merger& merger_;
  const std::vector<V>& values_;
  const std::optional<Value> initial_;
  std::vector<Aggregate> aggregates_;
};

struct NoKey {};

}  // namespace detail

// Of aggregate(options, initializer, aggregator, merger).
template <class K, class V, Initializer Init, class Aggregator, class Merger>
  requires StayingAggregatorOver<Aggregator, K, V, InitialOf<Init>> &&
           MergerOver<Merger, K, InitialOf<Init>> && Serializable<InitialOf<Init>>
[[nodiscard]] absl::Status check_merge_laws(const K& key, Init init, Aggregator aggregator, Merger merger,
                                            const std::vector<V>& values) {
  const AggregateStep<Init, Aggregator, K, V> step(init, std::move(aggregator), /*like_kafka_streams=*/false);
  return detail::MergeLaws<K, V, decltype(step), Merger>(key, step, merger, values, init()).check();
}
template <class V, Initializer Init, class Aggregator, class Merger>
[[nodiscard]] absl::Status check_merge_laws(Init init, Aggregator aggregator, Merger merger,
                                            const std::vector<V>& values) {
  return check_merge_laws(detail::NoKey(), std::move(init), std::move(aggregator), std::move(merger), values);
}

// Of reduce(options, reducer, merger).
template <class K, class V, class Reducer, class Merger>
  requires StayingReducerOver<Reducer, V> && MergerOver<Merger, K, V> && Serializable<V>
[[nodiscard]] absl::Status check_reducer_laws(const K& key, Reducer reducer, Merger merger,
                                              const std::vector<V>& values) {
  const ReduceStep<V, V, Reducer> step(std::move(reducer));
  return detail::MergeLaws<K, V, decltype(step), Merger>(key, step, merger, values, std::nullopt).check();
}
template <class V, class Reducer, class Merger>
[[nodiscard]] absl::Status check_reducer_laws(Reducer reducer, Merger merger, const std::vector<V>& values) {
  return check_reducer_laws(detail::NoKey(), std::move(reducer), std::move(merger), values);
}

}  // namespace weir
