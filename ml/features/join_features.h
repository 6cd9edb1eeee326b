// join_features attaches the features of another entity to each record, as of the record's time.
//
//   const auto shops = payments.apply(shop_view);                    // of the shop, see feature_view.h
//   payments.apply(card_view)
//       .apply(weir::ml::join_features({.name = "shop-of-payment"}, shops,
//                                      [](const Featured<Payment>& payment) { return payment.value.shop; },
//                                      [](const Featured<Payment>& payment, const FeatureRow& shop) {
//                                        return both(payment.row, shop);
//                                      }))
//
// The selector tells the other entity; the stream goes through a repartition topic called after `name`, to where that entity's
// features are, and its keys are the entity's from then on. The row is made as of the record's time, or what `.as_of(...)`
// tells, by the windows of the view: what ran out until then is not in it, and own values are null. An entity that was never
// seen, or none at all (the selector may return a std::optional), has the row of an empty history: counts of 0, and what
// or_else and on_empty declare.
//
// With a table instead of a view's stream the row is that of the table: as it was at that time if the table keeps its history,
// as it is otherwise. Where it has none the record is joined with the value that `otherwise` declares; without `otherwise`
// there must be a default constructor.
//
// Which records of the other stream are in the row is decided by time: of its inputs a task takes the record with the lowest
// timestamp first. What is out of order, and what has the same time, may have come or not; with `grace` a record waits, in
// `store`, until time is so much past its own, and then it does not matter who came first (join_table.h says how). In a view's tiles a
// record that waited finds what came in its own tile meanwhile too, up to a hop; `exact` windows are right to the record. With
// a grace the view's own must not be shorter, or what it waits for is late there.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/node.h>
#include <weir/ml/features/feature_stream.h>
#include <weir/operators/join_table.h>
#include <weir/operators/select_key.h>
#include <weir/operators/stream.h>
#include <weir/operators/table.h>

namespace weir::ml {

struct JoinFeaturesOptions {
  RequiredName name;  // of the node, and of the repartition topic
  // Of the records that wait; only with a grace, and then it must be there.
  std::optional<StoreName> store = std::nullopt;
  std::optional<Duration> grace = std::nullopt;
  // The next two are the store's.
  bool persistent = true;
  bool logged = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// In place of a selector: the stream has the entity's keys already, and goes through no topic.
struct SameKey {};

// Takes the record's own time.
struct AsOfRecord {};

// joiner(value, row) or joiner(key, value, row).
template <class K, class V, class Right, class Joiner, class AsOf>
class JoinFeaturesNode final : public UnaryNode<K, V, K, JoinedBy<Joiner, K, V, Right>> {
 public:
  JoinFeaturesNode(TableAccess<NonNull<K>, Right> access, Right otherwise, Joiner join, AsOf as_of)
      : access_(std::move(access)),
        otherwise_(std::move(otherwise)),
        join_(std::move(join)),
        as_of_(std::move(as_of)) {}

  void open() override { table_ = access_.open_getter(this->context(), *this); }

  void accept(const Record<K, V>& record) override {
    const auto result = this->guarded([&] {
      const Timestamped<Right>* row = is_null(record.key) ? nullptr : find(record);
      return joined(record, row == nullptr ? otherwise_ : row->value);
    });
    if (result) this->emit(record.with_value(*result));
  }

 private:
  [[nodiscard]] const Timestamped<Right>* find(const Record<K, V>& record) {
    const NonNull<K>& key = non_null(record.key);
    if constexpr (std::same_as<AsOf, AsOfRecord>) {
      return look_up(access_, *table_, key, record);
    } else {
      const Timestamp time = call_with(as_of_, record);
      return look_up(access_, *table_, key, record.with_timestamp(time));
    }
  }
  [[nodiscard]] auto joined(const Record<K, V>& record, const Right& row) const
      -> JoinedBy<Joiner, K, V, Right> {
    if constexpr (std::invocable<const Joiner&, const V&, const Right&>) {
      return std::invoke(join_, record.value, row);
    } else {
      return std::invoke(join_, record.key, record.value, row);
    }
  }

  const TableAccess<NonNull<K>, Right> access_;
  const Right otherwise_;
  const Joiner join_;
  [[no_unique_address]] const AsOf as_of_;
  std::unique_ptr<TableGetter<NonNull<K>, Right>> table_;
};

// For KStream::apply.
template <class Entity, class Right, class Select, class Joiner, class AsOf = AsOfRecord>
class JoinFeaturesOperator {
 public:
  JoinFeaturesOperator(JoinFeaturesOptions options, GraphPoint features, TableAccess<Entity, Right> access,
                       Right otherwise, Select select, Joiner join, AsOf as_of, Location where)
      : options_(std::move(options)),
        features_(std::move(features)),
        access_(std::move(access)),
        otherwise_(std::move(otherwise)),
        select_(std::move(select)),
        join_(std::move(join)),
        as_of_(std::move(as_of)),
        where_(where) {}

  // The time of the features: a MapperOver the record, under the entity's key, that gives a Timestamp.
  template <class F>
  [[nodiscard]] JoinFeaturesOperator<Entity, Right, Select, Joiner, F> as_of(F time) const {
    return {options_, features_, access_, otherwise_, select_, join_, std::move(time), where_};
  }
  // The row of an entity that has none.
  [[nodiscard]] JoinFeaturesOperator otherwise(Right row) const {
    return {options_, features_, access_, std::move(row), select_, join_, as_of_, where_};
  }

  template <class K, class V>
    requires MapperOver<Select, K, V> && std::same_as<NonNull<ResultOver<Select, K, V>>, Entity>
  auto operator()(const KStream<K, V>& stream) const {
    return joined(stream.select_key({.name = options_.name.text() + "-key", .on_error = options_.on_error},
                                    select_, where_));
  }
  template <class K, class V>
    requires std::same_as<Select, SameKey> && std::same_as<NonNull<K>, Entity>
  auto operator()(const KStream<K, V>& stream) const {
    return joined(stream);
  }

 private:
  template <class Key, class V>
  KStream<Key, JoinedBy<Joiner, Key, V, Right>> joined(const KStream<Key, V>& selected) const {
    using JoinNode = JoinFeaturesNode<Key, V, Right, Joiner, AsOf>;
    const JoinTableOptions options{.store = options_.store,
                                   .name = options_.name.text(),
                                   .grace = options_.grace,
                                   .persistent = options_.persistent,
                                   .logged = options_.logged,
                                   .on_error = options_.on_error};
    const std::string name = name_for_join(selected, features_, "join_features", options, where_);
    demand_rows(access_, selected, "join_features", where_);
    check_join(selected, "join_features", options, access_.history, where_);
    const KStream<Key, V> left = waiting(keyed_or_null(selected, name, where_), name, options, where_);
    return KStream<Key, JoinedBy<Joiner, Key, V, Right>>(
        add_join(left, features_, name, options, access_.stores,
                 node_factory<JoinNode>(access_, otherwise_, join_, as_of_), where_));
  }

  const JoinFeaturesOptions options_;
  const GraphPoint features_;
  const TableAccess<Entity, Right> access_;
  const Right otherwise_;
  const Select select_;
  const Joiner join_;
  const AsOf as_of_;
  const Location where_;
};

template <class Entity, class T, class Scalar, class Select, class Joiner>
[[nodiscard]] JoinFeaturesOperator<Entity, BasicFeatureRow<Scalar>, Select, Joiner> join_features(
    JoinFeaturesOptions options, const FeatureStream<Entity, T, Scalar>& features, Select entity,
    Joiner join_row, Location where = Location::current()) {
  return {std::move(options), features,
          features.look_up(), features.empty_row(),
          std::move(entity),  std::move(join_row),
          AsOfRecord(),       where};
}

template <class Entity, class Right, Rows rows, class Select, class Joiner>
[[nodiscard]] JoinFeaturesOperator<Entity, Right, Select, Joiner> join_features(
    JoinFeaturesOptions options, const KTable<Entity, Right, rows>& table, Select entity, Joiner join_row,
    Location where = Location::current())
  requires std::default_initializable<Right>
{
  return {std::move(options),  table,        table.access(), Right{}, std::move(entity),
          std::move(join_row), AsOfRecord(), where};
}

}  // namespace weir::ml
