// How sessions become one: what count, reduce and aggregate make of two aggregates.
//
// A merge changes a row by a session that is to be part of it; the row is empty at first.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/operators/aggregator.h>
#include <weir/state/timestamped.h>

namespace weir {

// T(T aggregate, T session) or T(key, T aggregate, T session): what both are together. The initial value must change nothing:
// merging begins with it.
template <class F, class K, class Row>
concept MergerOver =
    std::copy_constructible<F> && (std::is_invocable_r_v<Row, const F&, const Row&, const Row&> ||
                                   std::is_invocable_r_v<Row, const F&, const K&, const Row&, const Row&>);

struct CountMerge {
  template <class K>
  void operator()(const K&, const std::int64_t& session,
                  std::optional<Timestamped<std::int64_t>>& row) const {
    detail::set_value(row ? row->value + session : session, row);
  }
};

// V: what the reducer takes, which may be a std::optional<Row>.
template <class Row, class V, class Reducer>
class ReduceMerge {
 public:
  explicit ReduceMerge(Reducer reduce) : reduce_(std::move(reduce)) {}

  template <class K>
  void operator()(const K&, const Row& session, std::optional<Timestamped<Row>>& row) const {
    if (!row) {
      detail::set_value(session, row);
    } else if constexpr (std::same_as<V, Row>) {
      detail::set_result(std::invoke(reduce_, std::as_const(row->value), session), row);
    } else {
      const V value(session);
      detail::set_result(std::invoke(reduce_, std::as_const(row->value), value), row);
    }
  }

 private:
  const Reducer reduce_;
};

template <class Init, class Merger>
class AggregateMerge {
 public:
  using Row = InitialOf<Init>;

  AggregateMerge(Init init, Merger merge) : init_(std::move(init)), merge_(std::move(merge)) {}

  template <class K>
  void operator()(const K& key, const Row& session, std::optional<Timestamped<Row>>& row) const {
    if (!row) detail::set_value(Row(init_()), row);
    if constexpr (std::is_invocable_r_v<Row, const Merger&, const Row&, const Row&>) {
      row->value = std::invoke(merge_, std::as_const(row->value), session);
    } else {
      row->value = std::invoke(merge_, key, std::as_const(row->value), session);
    }
  }

 private:
  const Init init_;
  const Merger merge_;
};

}  // namespace weir
