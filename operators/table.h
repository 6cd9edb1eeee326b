// A table: the latest value of each key, and the stream of its changes.
//
//   const auto profiles = builder.table<std::string, Profile>("profiles", {.store = "profiles"});
//   orders.join(profiles, [](const Order& order, const Profile& profile) { return invoice(order, profile); });
//
// A KTable is a handle, as cheap as a KStream. Its changes flow as Record<K, Change<V>>; its rows can be read by key from
// nodes of the same task, whether they lie in a store or are computed from one.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/serde.h>
#include <weir/operators/graph.h>
#include <weir/operators/join_sides.h>
#include <weir/operators/row_callable.h>
#include <weir/operators/rows.h>
#include <weir/operators/stream.h>
#include <weir/operators/suppression.h>
#include <weir/operators/table_access.h>
#include <weir/operators/windowed.h>

namespace weir {

template <class V>
struct Told;

// What a join of two tables is, by its kind and its joiner. A joiner that returns a std::optional can leave a row out.
template <JoinKind kind, Rows rows, Rows right_rows, class Joiner, class K, class V, class Right>
using JoinedTable =
    KTable<K, NonNull<SidesJoinedBy<kind, Joiner, K, V, Right>>,
           kIsOptional<SidesJoinedBy<kind, Joiner, K, V, Right>> || rows == Rows::kMayVanish ||
                   (kind != JoinKind::kLeft && right_rows == Rows::kMayVanish)
               ? Rows::kMayVanish
               : Rows::kStay>;

// What map_values makes of a table: a mapper that returns a std::optional can leave a row out.
template <class K, class Result, Rows rows>
using MappedTable = KTable<K, NonNull<Result>, kIsOptional<Result> ? Rows::kMayVanish : rows>;

template <class K, class V>
class KGroupedTable;
template <class Mapper, class K, class V>
using TableGroupedBy = KGroupedTable<NonNull<FirstOf<RowResultOver<Mapper, K, V>>>,
                                     NonNull<SecondOf<RowResultOver<Mapper, K, V>>>>;

// The same for a join by a foreign key. A row may lose its partner without being deleted itself.
template <JoinKind kind, Rows rows, class Joiner, class K, class V, class Right>
using ForeignKeyJoined =
    KTable<K, NonNull<SidesJoinedBy<kind, Joiner, K, V, Right>>,
           kind == JoinKind::kInner || kIsOptional<SidesJoinedBy<kind, Joiner, K, V, Right>> ||
                   rows == Rows::kMayVanish
               ? Rows::kMayVanish
               : Rows::kStay>;

template <class K, class V, Rows rows>
class KTable : public GraphPoint {
 public:
  using Key = K;
  using Value = V;
  // What the stream of changes has: optional where a row can vanish.
  using StreamValue = std::conditional_t<rows == Rows::kMayVanish, std::optional<V>, V>;

  KTable(GraphPoint point, TableAccess<K, V> access)
      : GraphPoint(std::move(point)), access_(std::move(access)) {}

  // Returns the stream of changes.
  [[nodiscard]] KStream<K, StreamValue> to_stream(Location where = Location::current()) const {
    return to_stream({}, where);
  }
  [[nodiscard]] KStream<K, StreamValue> to_stream(VerbOptions options,
                                                  Location where = Location::current()) const;

  // The same under new keys. What groups, joins or makes a table of it repartitions first.
  template <class Mapper>
    requires MapperOver<Mapper, K, StreamValue>
  KStream<ResultOver<Mapper, K, StreamValue>, StreamValue> to_stream(
      Mapper select, Location where = Location::current()) const {
    return to_stream({}, std::move(select), where);
  }
  template <class Mapper>
    requires MapperOver<Mapper, K, StreamValue>
  KStream<ResultOver<Mapper, K, StreamValue>, StreamValue> to_stream(
      VerbOptions options, Mapper select, Location where = Location::current()) const {
    return to_stream(where).select_key(std::move(options), std::move(select), where);
  }

  // The same, with why each change was told.
  [[nodiscard]] KStream<K, Told<StreamValue>> to_stream_with_reason(
      VerbOptions options = {}, Location where = Location::current()) const;

  // ------------------------------------------------------------------------------------------ row by row, see table_view.h

  template <class Predicate>
    requires RowPredicateOver<Predicate, K, V>
  KTable<K, V> filter(Predicate keep, Location where = Location::current()) const {
    return filter({}, std::move(keep), where);
  }
  template <class Predicate>
    requires RowPredicateOver<Predicate, K, V>
  KTable<K, V> filter(ViewOptions options, Predicate keep, Location where = Location::current()) const;

  template <class Predicate>
    requires RowPredicateOver<Predicate, K, V>
  KTable<K, V> filter_not(Predicate drop, Location where = Location::current()) const {
    return filter_not({}, std::move(drop), where);
  }
  template <class Predicate>
    requires RowPredicateOver<Predicate, K, V>
  KTable<K, V> filter_not(ViewOptions options, Predicate drop, Location where = Location::current()) const;

  template <class Mapper>
    requires RowMapperOver<Mapper, K, V>
  MappedTable<K, RowResultOver<Mapper, K, V>, rows> map_values(Mapper mapper,
                                                               Location where = Location::current()) const {
    return map_values({}, std::move(mapper), where);
  }
  template <class Mapper>
    requires RowMapperOver<Mapper, K, V>
  MappedTable<K, RowResultOver<Mapper, K, V>, rows> map_values(ViewOptions options, Mapper mapper,
                                                               Location where = Location::current()) const;

  template <class Factory>
    requires TableTransformerFactoryFor<Factory, K, V>
  KTable<K, OutValueOf<Factory>> transform_values(Factory make_transformer,
                                                  Location where = Location::current()) const {
    return transform_values({}, std::move(make_transformer), where);
  }
  template <class Factory>
    requires TableTransformerFactoryFor<Factory, K, V>
  KTable<K, OutValueOf<Factory>> transform_values(TransformOptions options, Factory make_transformer,
                                                  Location where = Location::current()) const;

  // Holds changes back, see suppress.h.
  KTable<K, V, Rows::kStay> suppress(const UntilWindowCloses& how, Location where = Location::current()) const
    requires kIsWindowed<K> && Storable<V>;
  KTable suppress(const UntilTimeLimit& how, Location where = Location::current()) const
    requires Storable<K> && Storable<V>;

  // ------------------------------------------------------------------------------------- in groups, see table_group_by.h

  template <class Mapper>
    requires RowPairMapperOver<Mapper, K, V>
  [[nodiscard]] TableGroupedBy<Mapper, K, V> group_by(Mapper mapper,
                                                      Location where = Location::current()) const {
    return group_by({}, std::move(mapper), where);
  }
  template <class Mapper>
    requires RowPairMapperOver<Mapper, K, V>
  [[nodiscard]] TableGroupedBy<Mapper, K, V> group_by(VerbOptions options, Mapper mapper,
                                                      Location where = Location::current()) const;

  // ------------------------------------------------------------------------------------- with another table, see join_tables.h

  template <class Right, Rows right_rows, class Joiner>
    requires JoinerOver<Joiner, K, V, Right>
  JoinedTable<JoinKind::kInner, rows, right_rows, Joiner, K, V, Right> join(
      const KTable<K, Right, right_rows>& right, Joiner join_values,
      Location where = Location::current()) const {
    return join({}, right, std::move(join_values), where);
  }
  template <class Right, Rows right_rows, class Joiner>
    requires JoinerOver<Joiner, K, V, Right>
  JoinedTable<JoinKind::kInner, rows, right_rows, Joiner, K, V, Right> join(
      ViewOptions options, const KTable<K, Right, right_rows>& right, Joiner join_values,
      Location where = Location::current()) const;

  template <class Right, Rows right_rows, class Joiner>
    requires LeftJoinerOver<Joiner, K, V, Right>
  JoinedTable<JoinKind::kLeft, rows, right_rows, Joiner, K, V, Right> left_join(
      const KTable<K, Right, right_rows>& right, Joiner join_values,
      Location where = Location::current()) const {
    return left_join({}, right, std::move(join_values), where);
  }
  template <class Right, Rows right_rows, class Joiner>
    requires LeftJoinerOver<Joiner, K, V, Right>
  JoinedTable<JoinKind::kLeft, rows, right_rows, Joiner, K, V, Right> left_join(
      ViewOptions options, const KTable<K, Right, right_rows>& right, Joiner join_values,
      Location where = Location::current()) const;

  template <class Right, Rows right_rows, class Joiner>
    requires OuterJoinerOver<Joiner, K, V, Right>
  JoinedTable<JoinKind::kOuter, rows, right_rows, Joiner, K, V, Right> outer_join(
      const KTable<K, Right, right_rows>& right, Joiner join_values,
      Location where = Location::current()) const {
    return outer_join({}, right, std::move(join_values), where);
  }
  template <class Right, Rows right_rows, class Joiner>
    requires OuterJoinerOver<Joiner, K, V, Right>
  JoinedTable<JoinKind::kOuter, rows, right_rows, Joiner, K, V, Right> outer_join(
      ViewOptions options, const KTable<K, Right, right_rows>& right, Joiner join_values,
      Location where = Location::current()) const;

  // -------------------------------------------------------------------- by a foreign key, see join_foreign_key.h

  template <class RightKey, class Right, Rows right_rows, class Extractor, class Joiner>
    requires KeySelectorOver<Extractor, K, V, RightKey> && JoinerOver<Joiner, K, V, Right>
  ForeignKeyJoined<JoinKind::kInner, rows, Joiner, K, V, Right> join(
      ForeignKeyOptions options, const KTable<RightKey, Right, right_rows>& right, Extractor foreign_key,
      Joiner join_values, Location where = Location::current()) const;

  template <class RightKey, class Right, Rows right_rows, class Extractor, class Joiner>
    requires KeySelectorOver<Extractor, K, V, RightKey> && LeftJoinerOver<Joiner, K, V, Right>
  ForeignKeyJoined<JoinKind::kLeft, rows, Joiner, K, V, Right> left_join(
      ForeignKeyOptions options, const KTable<RightKey, Right, right_rows>& right, Extractor foreign_key,
      Joiner join_values, Location where = Location::current()) const;

  // Returns op(*this), as KStream::apply.
  template <std::invocable<const KTable&> Op>
  decltype(auto) apply(Op&& op) const {
    return std::invoke(std::forward<Op>(op), *this);
  }

  // For those who write verbs.
  [[nodiscard]] const TableAccess<K, V>& access() const { return access_; }

 private:
  TableAccess<K, V> access_;
};

}  // namespace weir
