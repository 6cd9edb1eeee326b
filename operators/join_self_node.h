// The node of an inner join of a stream with itself: one store serves both sides. Each record comes first as a left one,
// which joins those before it, and then as a right one, which those before it and it itself join; what comes out is the
// same as with a store for each side.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/join_sides.h>
#include <weir/operators/join_windows.h>
#include <weir/operators/store_access.h>
#include <weir/state/join_store.h>

namespace weir {

template <class K, class V, class Joiner>
class JoinSelfNode final
    : public UnaryNode<K, V, K,
                       typename SidesJoiner<JoinKind::kInner, Joiner, K, NonNull<V>, NonNull<V>>::Result> {
 public:
  using Value = NonNull<V>;
  using Call = SidesJoiner<JoinKind::kInner, Joiner, K, Value, Value>;

  // `optimized`: see StreamJoinOptions::optimized_self_join.
  JoinSelfNode(std::string store, JoinWindows windows, bool optimized, Joiner join_values)
      : store_name_(std::move(store)),
        windows_(windows),
        optimized_(optimized),
        join_(std::move(join_values)) {}

  void open() override { store_ = &typed_store<JoinStore<K, Value>>(this->context(), *this, store_name_); }

  void accept(const Record<K, V>& record) override {
    if (is_null(record.value)) return this->context().drop(DropReason::kNullValue);
    const Timestamp time = record.timestamp;
    failed_ = false;
    visit<JoinSide::kLeft>(record, 0, std::numeric_limits<Timestamp>::max());
    if (optimized_) {
      // The record stands among those of its time, as if it was in the store already, unless it is too old.
      const Timestamp now = std::max(time, store_->observed_time());
      visit<JoinSide::kRight>(record, 0, time);
      if (time > moved(moved(now, -windows_.retention().count()), 1))
        tell(record, time, non_null(record.value), non_null(record.value));
      visit<JoinSide::kRight>(record, moved(time, 1), std::numeric_limits<Timestamp>::max());
      keep(record);
    } else {
      keep(record);
      visit<JoinSide::kRight>(record, 0, std::numeric_limits<Timestamp>::max());
    }
  }

 private:
  void keep(const Record<K, V>& record) {
    if (!store_->put(record.key, record.timestamp, non_null(record.value), record.key_bytes)) {
      this->context().drop(DropReason::kExpired);
    }
  }

  // Joins the record, as one of that side, with what the store has between two times.
  template <JoinSide side>
  void visit(const Record<K, V>& record, Timestamp from, Timestamp to) {
    from = std::max(from, windows_.first_partner(side, record.timestamp));
    to = std::min(to, windows_.last_partner(side, record.timestamp));
    store_->visit(
        record.key, from, to,
        [&](Timestamp partner_time, const Value& partner) {
          const Timestamp time = std::max(record.timestamp, partner_time);
          if constexpr (side == JoinSide::kLeft) {
            tell(record, time, non_null(record.value), partner);
          } else {
            tell(record, time, partner, non_null(record.value));
          }
        },
        record.key_bytes);
  }

  void tell(const Record<K, V>& record, Timestamp time, const Value& left, const Value& right) {
    if (failed_) return;
    const auto result = this->guarded([&] { return join_(record.key, &left, &right); });
    failed_ = !result;
    if (result) this->emit({record.key, *result, time, record.headers, record.origin, record.key_bytes});
  }

  const std::string store_name_;
  const JoinWindows windows_;
  const bool optimized_;
  Call join_;
  bool failed_ = false;  // the running record has failed
  JoinStore<K, Value>* store_ = nullptr;
};

}  // namespace weir
