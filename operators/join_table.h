// join and left_join look up, for each record of a stream, the row of a table with the same key.
//
//   orders.join(customers, [](const Order& order, const Customer& customer) { return Bill(order, customer); })
//       .to("bills");
//   orders.left_join(vouchers, [](const Order& order, const std::optional<Voucher>& voucher) {
//     return voucher ? order.total - voucher->worth : order.total;
//   });
//
// Only records of the stream make results; a later change of the table changes no earlier result. Which row is there when a
// record comes is decided by timestamps: of its inputs a task takes the record with the lowest one first. Result key, time
// and headers are those of the stream's record.
//
// join: no row, no result; records without key or value are dropped and counted.
// left_join: no row, or no key, joins with nothing; records without value are dropped and counted.
//
// The joiners are a JoinerOver and a LeftJoinerOver. If the stream's keys were changed it first goes through a repartition
// topic called "<name>-repartition": then the join must be given a name. Stream and table must have the same number of
// partitions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/repartition.h>
#include <weir/operators/stream.h>
#include <weir/operators/table.h>

namespace weir {

template <class K, class V, class Right, class Joiner>
class JoinTableNode final : public UnaryNode<K, V, K, JoinedBy<Joiner, K, NonNull<V>, Right>> {
 public:
  using Result = JoinedBy<Joiner, K, NonNull<V>, Right>;

  JoinTableNode(TableAccess<K, Right> access, Joiner join)
      : access_(std::move(access)), join_(std::move(join)) {}

  void open() override { table_ = access_.open_getter(this->context(), *this); }

  void accept(const Record<K, V>& record) override {
    if (is_null(record.value)) {
      this->context().drop(DropReason::kNullValue);
      return;
    }
    const auto result = this->guarded([&]() -> std::optional<Result> {
      const Timestamped<Right>* row = table_->find(record.key, record.key_bytes);
      if (row == nullptr) return std::nullopt;
      return call(record.key, non_null(record.value), row->value);
    });
    if (result && *result) this->emit(record.with_value(**result));
  }

 private:
  [[nodiscard]] Result call(const K& key, const NonNull<V>& left, const Right& right) const {
    if constexpr (std::invocable<const Joiner&, const NonNull<V>&, const Right&>) {
      return std::invoke(join_, left, right);
    } else {
      return std::invoke(join_, key, left, right);
    }
  }

  const TableAccess<K, Right> access_;
  const Joiner join_;
  std::unique_ptr<TableGetter<K, Right>> table_;
};

// K may be optional: the table's key is not.
template <class K, class V, class Right, class Joiner>
class LeftJoinTableNode final : public UnaryNode<K, V, K, LeftJoinedBy<Joiner, K, NonNull<V>, Right>> {
 public:
  using Result = LeftJoinedBy<Joiner, K, NonNull<V>, Right>;

  LeftJoinTableNode(TableAccess<NonNull<K>, Right> access, Joiner join)
      : access_(std::move(access)), join_(std::move(join)) {}

  void open() override { table_ = access_.open_getter(this->context(), *this); }

  void accept(const Record<K, V>& record) override {
    if (is_null(record.value)) {
      this->context().drop(DropReason::kNullValue);
      return;
    }
    const auto result = this->guarded([&]() -> Result {
      const Timestamped<Right>* row =
          is_null(record.key) ? nullptr : table_->find(non_null(record.key), record.key_bytes);
      return call(record.key, non_null(record.value), row == nullptr ? nullptr : &row->value);
    });
    if (result) this->emit(record.with_value(*result));
  }

 private:
  using Side = detail::RightSide<Joiner, K, NonNull<V>, Right>;

  [[nodiscard]] Result call(const K& key, const NonNull<V>& left, const Right* row) {
    if constexpr (std::is_pointer_v<Side>) {
      return call_with_side(key, left, row);
    } else {
      if (row == nullptr) {
        right_.reset();
      } else {
        right_ = *row;
      }
      return call_with_side(key, left, right_);
    }
  }

  template <class Given>
  [[nodiscard]] Result call_with_side(const K& key, const NonNull<V>& left, const Given& right) const {
    if constexpr (std::invocable<const Joiner&, const NonNull<V>&, const Given&>) {
      return std::invoke(join_, left, right);
    } else {
      return std::invoke(join_, key, left, right);
    }
  }

  const TableAccess<NonNull<K>, Right> access_;
  const Joiner join_;
  std::unique_ptr<TableGetter<NonNull<K>, Right>> table_;
  std::conditional_t<std::is_pointer_v<Side>, std::nullptr_t, std::optional<Right>> right_{};  // reused
};

// Notes the problems of a join of a stream with a table, and returns the join's name.
[[nodiscard]] std::string name_for_join(const GraphPoint& stream, const GraphPoint& table,
                                        const std::string& verb, const VerbOptions& options,
                                        const Location& where);

// Adds the join's node and demands that its two sides have the same number of partitions.
[[nodiscard]] GraphPoint add_join(const GraphPoint& stream, const GraphPoint& table, const std::string& name,
                                  const VerbOptions& options, std::vector<std::string> stores,
                                  NodeFactory make, const Location& where);

template <class K, class V>
template <class Right, Rows rows, class Joiner>
  requires JoinerOver<Joiner, NonNull<K>, NonNull<V>, Right>
KStream<NonNull<K>, JoinedBy<Joiner, NonNull<K>, NonNull<V>, Right>> KStream<K, V>::join(
    VerbOptions options, const KTable<NonNull<K>, Right, rows>& table, Joiner join_values,
    Location where) const {
  const std::string name = name_for_join(*this, table, "join", options, where);
  const KStream<NonNull<K>, V> left = keyed(*this, name, where);
  return KStream<NonNull<K>, JoinedBy<Joiner, NonNull<K>, NonNull<V>, Right>>(add_join(
      left, table, name, options, table.access().stores,
      node_factory<JoinTableNode<NonNull<K>, V, Right, Joiner>>(table.access(), std::move(join_values)),
      where));
}

template <class K, class V>
template <class Right, Rows rows, class Joiner>
  requires LeftJoinerOver<Joiner, K, NonNull<V>, Right>
KStream<K, LeftJoinedBy<Joiner, K, NonNull<V>, Right>> KStream<K, V>::left_join(
    VerbOptions options, const KTable<NonNull<K>, Right, rows>& table, Joiner join_values,
    Location where) const {
  const std::string name = name_for_join(*this, table, "left-join", options, where);
  // Records without a key have a result too, so they travel through the repartition topic with the others.
  const KStream<K, V> left = keyed_or_null(*this, name, where);
  return KStream<K, LeftJoinedBy<Joiner, K, NonNull<V>, Right>>(add_join(
      left, table, name, options, table.access().stores,
      node_factory<LeftJoinTableNode<K, V, Right, Joiner>>(table.access(), std::move(join_values)), where));
}

}  // namespace weir
