// The nodes that look rows of a table up for the records of a stream.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/concepts.h>
#include <weir/operators/table_access.h>

namespace weir {

// Returns the row of a key as it is, or as it was at the record's time if the table knows.
template <class Key, class Right, class K, class V>
[[nodiscard]] const Timestamped<Right>* look_up(const TableAccess<Key, Right>& access,
                                                TableGetter<Key, Right>& table, const Key& key,
                                                const Record<K, V>& record) {
  if (access.history) return table.find_as_of(key, record.timestamp, record.key_bytes);
  return table.find(key, record.key_bytes);
}

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
      const Timestamped<Right>* row = look_up(access_, *table_, record.key, record);
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
          is_null(record.key) ? nullptr : look_up(access_, *table_, non_null(record.key), record);
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

}  // namespace weir
