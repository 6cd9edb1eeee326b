// A stream of records, and everything that can be done with it.
//
//   builder.stream<std::string, Order>("orders")
//       .filter(is_paid)
//       .group_by([](const Order& order) { return order.customer; })
//       .count({.store = "orders-per-customer"})
//       .to_stream()
//       .to("order-counts");
//
// A KStream is a handle: cheap to copy, and a verb changes nothing but the description that all handles of one
// StreamBuilder share. Each verb has a header of its own that says what it does and defines it; <weir/weir.h> has them all.
// A program that includes only some headers and uses another verb does not link.
//
// Callables come last. They are called as const, so a lambda cannot hide state; a type with state belongs in a store,
// see process.h. They are copied once per task and may run on several threads, one task each. What a callable may take is
// said by the concept on its verb; for most that is the value, or key and value, or key, value and a RecordInfo.
//
// Null keys and values exist only where the type says so, as in KStream<K, std::optional<V>>.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/callable.h>
#include <weir/core/serde.h>
#include <weir/operators/concepts.h>
#include <weir/operators/graph.h>
#include <weir/operators/join_windows.h>
#include <weir/operators/options.h>
#include <weir/operators/rows.h>

namespace weir {

template <class K, class V, Rows rows = Rows::kMayVanish>
class KTable;
template <class K, class V>
class GlobalKTable;
template <class K, class V>
class KGroupedStream;
template <class K, class V, class... Predicates>
class KSplitStream;
template <class K, class T, class V>
struct TryResult;

template <class K, class V>
class KStream : public GraphPoint {
 public:
  using Key = K;
  using Value = V;

  explicit KStream(GraphPoint point) : GraphPoint(std::move(point)) {}

  // ----------------------------------------------------------------------------------- record by record, key untouched

  template <class Predicate>
    requires PredicateOver<Predicate, K, V>
  KStream filter(Predicate keep, Location where = Location::current()) const {
    return filter({}, std::move(keep), where);
  }
  template <class Predicate>
    requires PredicateOver<Predicate, K, V>
  KStream filter(VerbOptions options, Predicate keep, Location where = Location::current()) const;

  template <class Predicate>
    requires PredicateOver<Predicate, K, V>
  KStream filter_not(Predicate drop, Location where = Location::current()) const {
    return filter_not({}, std::move(drop), where);
  }
  template <class Predicate>
    requires PredicateOver<Predicate, K, V>
  KStream filter_not(VerbOptions options, Predicate drop, Location where = Location::current()) const;

  template <class Mapper>
    requires MapperOver<Mapper, K, V>
  KStream<K, ResultOver<Mapper, K, V>> map_values(Mapper mapper, Location where = Location::current()) const {
    return map_values({}, std::move(mapper), where);
  }
  template <class Mapper>
    requires MapperOver<Mapper, K, V>
  KStream<K, ResultOver<Mapper, K, V>> map_values(VerbOptions options, Mapper mapper,
                                                  Location where = Location::current()) const;

  template <class Mapper>
    requires TryMapperOver<Mapper, K, V>
  TryResult<K, TriedOver<Mapper, K, V>, V> try_map_values(Mapper mapper,
                                                          Location where = Location::current()) const {
    return try_map_values({}, std::move(mapper), where);
  }
  template <class Mapper>
    requires TryMapperOver<Mapper, K, V>
  TryResult<K, TriedOver<Mapper, K, V>, V> try_map_values(VerbOptions options, Mapper mapper,
                                                          Location where = Location::current()) const;

  template <class Mapper>
    requires RangeMapperOver<Mapper, K, V>
  KStream<K, ElementOver<Mapper, K, V>> flat_map_values(Mapper mapper,
                                                        Location where = Location::current()) const {
    return flat_map_values({}, std::move(mapper), where);
  }
  template <class Mapper>
    requires RangeMapperOver<Mapper, K, V>
  KStream<K, ElementOver<Mapper, K, V>> flat_map_values(VerbOptions options, Mapper mapper,
                                                        Location where = Location::current()) const;

  template <class Action>
    requires ActionOver<Action, K, V>
  KStream peek(Action look, Location where = Location::current()) const {
    return peek({}, std::move(look), where);
  }
  template <class Action>
    requires ActionOver<Action, K, V>
  KStream peek(VerbOptions options, Action look, Location where = Location::current()) const;

  template <class Action>
    requires ActionOver<Action, K, V>
  void for_each(Action act, Location where = Location::current()) const {
    for_each({}, std::move(act), where);
  }
  template <class Action>
    requires ActionOver<Action, K, V>
  void for_each(VerbOptions options, Action act, Location where = Location::current()) const;

  // Without a selector the key is the id.
  KStream<NonNull<K>, V> distinct(DistinctOptions options, Location where = Location::current()) const
    requires Storable<NonNull<K>>;

  template <class Select>
    requires MapperOver<Select, K, V> && Storable<NonNull<ResultOver<Select, K, V>>>
  KStream distinct(DistinctOptions options, Select select_id, Location where = Location::current()) const;

  // ------------------------------------------------------------------------------------------------------ a new key

  template <class Mapper>
    requires MapperOver<Mapper, K, V>
  KStream<ResultOver<Mapper, K, V>, V> select_key(Mapper select, Location where = Location::current()) const {
    return select_key({}, std::move(select), where);
  }
  template <class Mapper>
    requires MapperOver<Mapper, K, V>
  KStream<ResultOver<Mapper, K, V>, V> select_key(VerbOptions options, Mapper select,
                                                  Location where = Location::current()) const;

  template <class Mapper>
    requires PairMapperOver<Mapper, K, V>
  KStream<FirstOf<ResultOver<Mapper, K, V>>, SecondOf<ResultOver<Mapper, K, V>>> map(
      Mapper mapper, Location where = Location::current()) const {
    return this->map({}, std::move(mapper), where);
  }
  template <class Mapper>
    requires PairMapperOver<Mapper, K, V>
  KStream<FirstOf<ResultOver<Mapper, K, V>>, SecondOf<ResultOver<Mapper, K, V>>> map(
      VerbOptions options, Mapper mapper, Location where = Location::current()) const;

  template <class Mapper>
    requires PairRangeMapperOver<Mapper, K, V>
  KStream<FirstOf<ElementOver<Mapper, K, V>>, SecondOf<ElementOver<Mapper, K, V>>> flat_map(
      Mapper mapper, Location where = Location::current()) const {
    return flat_map({}, std::move(mapper), where);
  }
  template <class Mapper>
    requires PairRangeMapperOver<Mapper, K, V>
  KStream<FirstOf<ElementOver<Mapper, K, V>>, SecondOf<ElementOver<Mapper, K, V>>> flat_map(
      VerbOptions options, Mapper mapper, Location where = Location::current()) const;

  // --------------------------------------------------------------------------------------------- apart and together

  [[nodiscard]] KStream merge(const KStream& other, Location where = Location::current()) const {
    return merge({}, other, where);
  }
  [[nodiscard]] KStream merge(VerbOptions options, const KStream& other,
                              Location where = Location::current()) const;

  // To be followed by branch(...)... and default_branch(...) or no_default().
  [[nodiscard]] KSplitStream<K, V> split(Location where = Location::current()) const {
    return split({}, where);
  }
  [[nodiscard]] KSplitStream<K, V> split(VerbOptions options, Location where = Location::current()) const;

  // ---------------------------------------------------------------------------------------------------- to be counted

  [[nodiscard]] KGroupedStream<K, V> group_by_key() const { return group_by_key({}); }
  [[nodiscard]] KGroupedStream<K, V> group_by_key(VerbOptions options) const;

  template <class Mapper>
    requires MapperOver<Mapper, K, V>
  [[nodiscard]] KGroupedStream<ResultOver<Mapper, K, V>, V> group_by(
      Mapper select, Location where = Location::current()) const {
    return group_by({}, std::move(select), where);
  }
  template <class Mapper>
    requires MapperOver<Mapper, K, V>
  [[nodiscard]] KGroupedStream<ResultOver<Mapper, K, V>, V> group_by(
      VerbOptions options, Mapper select, Location where = Location::current()) const;

  KTable<NonNull<K>, NonNull<V>, kIsOptional<V> ? Rows::kMayVanish : Rows::kStay> to_table(
      TableOptions options, Location where = Location::current()) const
    requires Storable<NonNull<K>> && Storable<NonNull<V>>;

  // ------------------------------------------------------------------------------------------------- with a table

  template <class Right, Rows rows, class Joiner>
    requires JoinerOver<Joiner, NonNull<K>, NonNull<V>, Right>
  KStream<NonNull<K>, JoinedBy<Joiner, NonNull<K>, NonNull<V>, Right>> join(
      const KTable<NonNull<K>, Right, rows>& table, Joiner join_values,
      Location where = Location::current()) const {
    return join({}, table, std::move(join_values), where);
  }
  template <class Right, Rows rows, class Joiner>
    requires JoinerOver<Joiner, NonNull<K>, NonNull<V>, Right>
  KStream<NonNull<K>, JoinedBy<Joiner, NonNull<K>, NonNull<V>, Right>> join(
      JoinTableOptions options, const KTable<NonNull<K>, Right, rows>& table, Joiner join_values,
      Location where = Location::current()) const;

  template <class Right, Rows rows, class Joiner>
    requires LeftJoinerOver<Joiner, K, NonNull<V>, Right>
  KStream<K, LeftJoinedBy<Joiner, K, NonNull<V>, Right>> left_join(
      const KTable<NonNull<K>, Right, rows>& table, Joiner join_values,
      Location where = Location::current()) const {
    return left_join({}, table, std::move(join_values), where);
  }
  template <class Right, Rows rows, class Joiner>
    requires LeftJoinerOver<Joiner, K, NonNull<V>, Right>
  KStream<K, LeftJoinedBy<Joiner, K, NonNull<V>, Right>> left_join(
      JoinTableOptions options, const KTable<NonNull<K>, Right, rows>& table, Joiner join_values,
      Location where = Location::current()) const;

  // ------------------------------------------------------------------------------------------- with another stream

  template <class RightK, class RightV, class Joiner>
    requires JoinableStreams<K, V, RightK, RightV> &&
             JoinerOver<Joiner, NonNull<K>, NonNull<V>, NonNull<RightV>>
  KStream<NonNull<K>, JoinedBy<Joiner, NonNull<K>, NonNull<V>, NonNull<RightV>>> join(
      const KStream<RightK, RightV>& other, StreamJoinOptions options, Joiner join_values,
      Location where = Location::current()) const;

  template <class RightK, class RightV, class Joiner>
    requires JoinableStreams<K, V, RightK, RightV> && LeftJoinerOver<Joiner, K, NonNull<V>, NonNull<RightV>>
  KStream<K, LeftJoinedBy<Joiner, K, NonNull<V>, NonNull<RightV>>> left_join(
      const KStream<RightK, RightV>& other, StreamJoinOptions options, Joiner join_values,
      Location where = Location::current()) const;

  template <class RightK, class RightV, class Joiner>
    requires JoinableStreams<K, V, RightK, RightV> &&
             OuterJoinerOver<Joiner, OuterKey<K, RightK>, NonNull<V>, NonNull<RightV>>
  KStream<OuterKey<K, RightK>, OuterJoinedBy<Joiner, OuterKey<K, RightK>, NonNull<V>, NonNull<RightV>>>
  outer_join(const KStream<RightK, RightV>& other, StreamJoinOptions options, Joiner join_values,
             Location where = Location::current()) const;

  // ------------------------------------------------------------------------------------------ with a global table

  template <class TableKey, class Right, class Selector, class Joiner>
    requires KeySelectorOver<Selector, K, V, TableKey> && JoinerOver<Joiner, K, NonNull<V>, Right>
  KStream<K, JoinedBy<Joiner, K, NonNull<V>, Right>> join(const GlobalKTable<TableKey, Right>& table,
                                                          Selector select, Joiner join_values,
                                                          Location where = Location::current()) const {
    return join({}, table, std::move(select), std::move(join_values), where);
  }
  template <class TableKey, class Right, class Selector, class Joiner>
    requires KeySelectorOver<Selector, K, V, TableKey> && JoinerOver<Joiner, K, NonNull<V>, Right>
  KStream<K, JoinedBy<Joiner, K, NonNull<V>, Right>> join(VerbOptions options,
                                                          const GlobalKTable<TableKey, Right>& table,
                                                          Selector select, Joiner join_values,
                                                          Location where = Location::current()) const;

  template <class TableKey, class Right, class Selector, class Joiner>
    requires KeySelectorOver<Selector, K, V, TableKey> && LeftJoinerOver<Joiner, K, NonNull<V>, Right>
  KStream<K, LeftJoinedBy<Joiner, K, NonNull<V>, Right>> left_join(
      const GlobalKTable<TableKey, Right>& table, Selector select, Joiner join_values,
      Location where = Location::current()) const {
    return left_join({}, table, std::move(select), std::move(join_values), where);
  }
  template <class TableKey, class Right, class Selector, class Joiner>
    requires KeySelectorOver<Selector, K, V, TableKey> && LeftJoinerOver<Joiner, K, NonNull<V>, Right>
  KStream<K, LeftJoinedBy<Joiner, K, NonNull<V>, Right>> left_join(
      VerbOptions options, const GlobalKTable<TableKey, Right>& table, Selector select, Joiner join_values,
      Location where = Location::current()) const;

  // ------------------------------------------------------------------------------------------------ through a topic

  void to(std::string topic, Location where = Location::current()) const
    requires Transportable<K> && Transportable<V>
  {
    to(std::move(topic), {}, where);
  }
  void to(std::string topic, VerbOptions options, Location where = Location::current()) const
    requires Transportable<K> && Transportable<V>;

  template <class Chooser>
    requires Transportable<K> && Transportable<V> && TopicChooserOver<Chooser, K, V>
  void to(Chooser choose_topic, Location where = Location::current()) const {
    to({}, std::move(choose_topic), where);
  }
  template <class Chooser>
    requires Transportable<K> && Transportable<V> && TopicChooserOver<Chooser, K, V>
  void to(VerbOptions options, Chooser choose_topic, Location where = Location::current()) const;

  template <class Partitioner>
    requires Transportable<K> && Transportable<V> && PartitionerOver<Partitioner, K, V>
  void to(std::string topic, Partitioner choose_partition, Location where = Location::current()) const {
    to(std::move(topic), {}, std::move(choose_partition), where);
  }
  template <class Partitioner>
    requires Transportable<K> && Transportable<V> && PartitionerOver<Partitioner, K, V>
  void to(std::string topic, VerbOptions options, Partitioner choose_partition,
          Location where = Location::current()) const;
  template <class Chooser, class Partitioner>
    requires Transportable<K> && Transportable<V> && TopicChooserOver<Chooser, K, V> &&
             PartitionerOver<Partitioner, K, V>
  void to(VerbOptions options, Chooser choose_topic, Partitioner choose_partition,
          Location where = Location::current()) const;

  [[nodiscard]] KStream<NonNull<K>, V> repartition(RepartitionOptions options,
                                                   Location where = Location::current()) const
    requires Transportable<K> && Transportable<V>;
  template <class Partitioner>
    requires Transportable<K> && Transportable<V> && PartitionerOver<Partitioner, NonNull<K>, V>
  [[nodiscard]] KStream<NonNull<K>, V> repartition(RepartitionOptions options, Partitioner choose_partition,
                                                   Location where = Location::current()) const;

  // Prints each record as a line: "[label]: key, value", or "[label]: " and what the mapper says.
  void print(PrintOptions options = {}, Location where = Location::current()) const;
  template <class Mapper>
    requires LineMapperOver<Mapper, K, V>
  void print(PrintOptions options, Mapper show, Location where = Location::current()) const;

  // ----------------------------------------------------------------------------------------------- whatever you need

  template <class Factory>
    requires ProcessorFactoryFor<Factory, K, V>
  KStream<OutKeyOf<Factory>, OutValueOf<Factory>> process(Factory make_processor,
                                                          Location where = Location::current()) const {
    return process({}, std::move(make_processor), where);
  }
  template <class Factory>
    requires ProcessorFactoryFor<Factory, K, V>
  KStream<OutKeyOf<Factory>, OutValueOf<Factory>> process(ProcessOptions options, Factory make_processor,
                                                          Location where = Location::current()) const;

  template <class Factory>
    requires ValueProcessorFactoryFor<Factory, K, V>
  KStream<K, OutValueOf<Factory>> process_values(Factory make_processor,
                                                 Location where = Location::current()) const {
    return process_values({}, std::move(make_processor), where);
  }
  template <class Factory>
    requires ValueProcessorFactoryFor<Factory, K, V>
  KStream<K, OutValueOf<Factory>> process_values(ProcessOptions options, Factory make_processor,
                                                 Location where = Location::current()) const;

  // Returns op(*this): how families of verbs that live elsewhere join the chain.
  template <std::invocable<const KStream&> Op>
  decltype(auto) apply(Op&& op) const {
    return std::invoke(std::forward<Op>(op), *this);
  }
};

}  // namespace weir
