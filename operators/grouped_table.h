// A table whose rows are to be taken together by another key. See table_group_by.h.
//
// Every verb makes a table in a store. Changes first go through a repartition topic, called after the group if that has a
// name (then all verbs on the group share the topic), and after the store otherwise.
//
// A row that changes is taken out of the group it was in, by the subtractor, and put into the group it is in now, by the
// adder. Both are called as those of count, reduce and aggregate on streams. The result's time is the largest of the changes
// that went into it. A callable that throws leaves the group as it was.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/operators/aggregate_node.h>
#include <weir/operators/aggregator.h>
#include <weir/operators/regroup.h>
#include <weir/operators/repartition.h>
#include <weir/operators/stream.h>
#include <weir/operators/table.h>

namespace weir {

[[nodiscard]] constexpr Rows rows_of_both(Rows one, Rows other) {
  return one == Rows::kMayVanish || other == Rows::kMayVanish ? Rows::kMayVanish : Rows::kStay;
}

// Changes a group's row by a change of one of its rows: with `Subtract` what was there before, with `Add` what is now.
template <class Add, class Subtract>
class RegroupStep {
 public:
  using Value = typename Add::Value;
  static constexpr Rows kRows = rows_of_both(Add::kRows, Subtract::kRows);

  RegroupStep(Add add, Subtract subtract) : add_(std::move(add)), subtract_(std::move(subtract)) {}

  [[nodiscard]] std::optional<Value> first_before() const { return std::nullopt; }

  template <class K, class V>
  void operator()(const Record<K, GroupChange<V>>& record, std::optional<Timestamped<Value>>& row) const {
    const GroupChange<V>& change = record.value;
    if (change.now && change.before && row) {
      std::optional<Timestamped<Value>> both = row;  // for the adder may throw
      subtract_(record.with_value(*change.before), both);
      add_(record.with_value(*change.now), both);
      row = std::move(both);
    } else if (change.now) {
      add_(record.with_value(*change.now), row);
    } else if (row) {
      subtract_(record.with_value(*change.before), row);
    }
  }

 private:
  const Add add_;
  const Subtract subtract_;
};

struct UncountStep {
  static constexpr Rows kRows = Rows::kStay;

  template <class K, class V>
  void operator()(const Record<K, V>&, std::optional<Timestamped<std::int64_t>>& row) const {
    --row->value;
  }
};

template <class K, class V>
class KGroupedTable {
 public:
  using Key = K;
  using Value = V;

  // `name`: of the group; may be empty.
  KGroupedTable(KStream<K, GroupChange<V>> changes, std::string name)
      : changes_(std::move(changes)), name_(std::move(name)) {}

  // How many rows are in the group. A group that all rows have left stays, with 0.
  KTable<K, std::int64_t, Rows::kStay> count(TableOptions options, Location where = Location::current()) const
    requires Storable<K>
  {
    return add_aggregate(*this, "count", options, RegroupStep(CountStep(), UncountStep()), where);
  }

  // The first value of a group is taken as it is.
  template <class Adder, class Subtractor>
    requires ReducerOver<Adder, V, V> && ReducerOver<Subtractor, V, V> && Storable<K> && Storable<V>
  auto reduce(TableOptions options, Adder add, Subtractor subtract,
              Location where = Location::current()) const
      -> KTable<K, V, rows_of_both(kRowsReducedBy<Adder, V, V>, kRowsReducedBy<Subtractor, V, V>)> {
    return add_aggregate(*this, "reduce", options,
                         RegroupStep(ReduceStep<V, V, Adder>(std::move(add)),
                                     ReduceStep<V, V, Subtractor>(std::move(subtract))),
                         where);
  }

  template <Initializer Init, class Adder, class Subtractor>
    requires AggregatorOver<Adder, K, V, InitialOf<Init>> &&
             AggregatorOver<Subtractor, K, V, InitialOf<Init>> && Storable<K> && Storable<InitialOf<Init>>
  auto aggregate(TableOptions options, Init init, Adder add, Subtractor subtract,
                 Location where = Location::current()) const
      -> KTable<K, InitialOf<Init>,
                rows_of_both(kRowsAggregatedBy<Adder, K, V, InitialOf<Init>>,
                             kRowsAggregatedBy<Subtractor, K, V, InitialOf<Init>>)> {
    return add_aggregate(
        *this, "aggregate", options,
        RegroupStep(AggregateStep<Init, Adder, K, V>(init, std::move(add), /*like_kafka_streams=*/false),
                    AggregateStep<Init, Subtractor, K, V>(init, std::move(subtract), false)),
        where);
  }

  // For those who write verbs: returns the changes where their groups belong. `base` names what is added unless the group
  // has a name.
  [[nodiscard]] KStream<K, GroupChange<V>> keyed_stream(const std::string& base,
                                                        const Location& where) const {
    if (name_.empty()) return keyed(changes_, base, where);
    if (!*shared_) *shared_ = keyed(changes_, name_, where);
    return KStream<K, GroupChange<V>>(**shared_);
  }

 private:
  KStream<K, GroupChange<V>> changes_;
  std::string name_;
  // Where the keyed stream of a named group is; shared by the copies of this handle.
  std::shared_ptr<std::optional<GraphPoint>> shared_ = std::make_shared<std::optional<GraphPoint>>();
};

}  // namespace weir
