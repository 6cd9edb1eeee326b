// The nodes of a join of two tables, one for each side, and how to read the rows of such a join without a store.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/join_sides.h>
#include <weir/operators/table.h>

namespace weir {

// What a join of two tables has for a key, given what its sides have.
template <JoinKind kind, class F, class K, class L, class R>
class JoinedRow {
 public:
  using Value = NonNull<SidesJoinedBy<kind, F, K, L, R>>;

  explicit JoinedRow(F join) : join_(std::move(join)) {}

  // A side that has no row is null.
  [[nodiscard]] std::optional<Value> operator()(const K& key, const L* left, const R* right) {
    const bool exists = kind == JoinKind::kInner  ? left != nullptr && right != nullptr
                        : kind == JoinKind::kLeft ? left != nullptr
                                                  : left != nullptr || right != nullptr;
    if (!exists) return std::nullopt;
    return join_(key, left, right);
  }

 private:
  SidesJoiner<kind, F, K, L, R> join_;
};

// Takes the changes of one side, and looks up the other.
template <JoinKind kind, JoinSide side, class F, class K, class L, class R>
class JoinTablesNode final : public UnaryNode<K, Change<std::conditional_t<side == JoinSide::kLeft, L, R>>, K,
                                              Change<typename JoinedRow<kind, F, K, L, R>::Value>> {
 public:
  using This = std::conditional_t<side == JoinSide::kLeft, L, R>;
  using Other = std::conditional_t<side == JoinSide::kLeft, R, L>;
  using Value = typename JoinedRow<kind, F, K, L, R>::Value;

  JoinTablesNode(TableAccess<K, Other> other, std::shared_ptr<const BeforeWish> before, F join)
      : access_(std::move(other)), before_wanted_(before->wanted()), join_(std::move(join)) {}

  void open() override { other_ = access_.open_getter(this->context(), *this); }

  void accept(const Record<K, Change<This>>& record) override {
    if (!record.value.latest) {
      this->context().drop(DropReason::kLate);
      return;
    }
    Timestamp timestamp = record.timestamp;
    const std::optional<bool> tell = this->guarded([&] { return combine(record, timestamp); });
    if (!tell.value_or(false)) return;
    const Change<Value> change{now_ ? &*now_ : nullptr, before_ ? &*before_ : nullptr, true};
    this->emit({record.key, change, timestamp, record.headers, record.origin, record.key_bytes});
  }

 private:
  // Whether a row of this side means nothing without one of the other.
  static constexpr bool kNeedsOther =
      kind == JoinKind::kInner || (kind == JoinKind::kLeft && side == JoinSide::kRight);

  // Returns whether there is something to tell. Deleting what may not have been there is.
  [[nodiscard]] bool combine(const Record<K, Change<This>>& record, Timestamp& timestamp) {
    const Change<This>& change = record.value;
    const Timestamped<Other>* row = other_->find(record.key, record.key_bytes);
    if (row == nullptr && (kNeedsOther || (change.now == nullptr && change.before == nullptr))) return false;
    if (row != nullptr) timestamp = std::max(timestamp, row->timestamp);
    const Other* other = row == nullptr ? nullptr : &row->value;
    now_ = joined(record.key, change.now, other);
    if (before_wanted_) before_ = joined(record.key, change.before, other);
    return true;
  }

  [[nodiscard]] std::optional<Value> joined(const K& key, const This* mine, const Other* other) {
    if constexpr (side == JoinSide::kLeft) {
      return join_(key, mine, other);
    } else {
      return join_(key, other, mine);
    }
  }

  const TableAccess<K, Other> access_;
  const bool before_wanted_;
  JoinedRow<kind, F, K, L, R> join_;
  std::unique_ptr<TableGetter<K, Other>> other_;
  std::optional<Value> now_;
  std::optional<Value> before_;
};

// Computes rows of a join from those of its sides.
template <JoinKind kind, class F, class K, class L, class R>
class JoinedGetter final : public TableGetter<K, typename JoinedRow<kind, F, K, L, R>::Value> {
 public:
  using Value = typename JoinedRow<kind, F, K, L, R>::Value;

  // `copies`: the sides lie in the same store, so that reading the right one may move the left one's row.
  JoinedGetter(std::unique_ptr<TableGetter<K, L>> left, std::unique_ptr<TableGetter<K, R>> right, bool copies,
               F join)
      : left_(std::move(left)), right_(std::move(right)), copies_(copies), join_(std::move(join)) {}

  const Timestamped<Value>* find(const K& key, BytesView key_bytes) override {
    const Timestamped<L>* left = left_->find(key, key_bytes);
    if (left != nullptr && copies_) {
      left_row_ = *left;
      left = &left_row_;
    }
    const Timestamped<R>* right = right_->find(key, key_bytes);
    auto value =
        join_(key, left == nullptr ? nullptr : &left->value, right == nullptr ? nullptr : &right->value);
    if (!value) return nullptr;
    row_.value = *std::move(value);
    row_.timestamp = std::max(left == nullptr ? kNoTimestamp : left->timestamp,
                              right == nullptr ? kNoTimestamp : right->timestamp);
    return &row_;
  }

 private:
  const std::unique_ptr<TableGetter<K, L>> left_;
  const std::unique_ptr<TableGetter<K, R>> right_;
  const bool copies_;
  JoinedRow<kind, F, K, L, R> join_;
  Timestamped<L> left_row_;  // reused, so that its memory is
  Timestamped<Value> row_;
};

}  // namespace weir
