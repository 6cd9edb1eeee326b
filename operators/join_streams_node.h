// The node of a join of two streams: keeps the records of each side for as long as the other side may have partners for
// them, and for left and outer joins those without a partner.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include <weir/core/node.h>
#include <weir/operators/join_sides.h>
#include <weir/operators/join_windows.h>
#include <weir/operators/store_access.h>
#include <weir/operators/unmatched.h>
#include <weir/state/join_store.h>

namespace weir {

// A value of the right stream, so that one node can take records of both and know which is which.
template <class V>
struct FromRight {
  const V* value = nullptr;
};

// Marks the records of the right stream.
template <class K, class V>
class RightSideNode final : public UnaryNode<K, V, K, FromRight<V>> {
 public:
  void accept(const Record<K, V>& record) override {
    this->emit(record.with_value(FromRight<V>{&record.value}));
  }
};

// Which side has results without a match.
template <JoinKind kind, JoinSide side>
inline constexpr bool kWaits =
    kind == JoinKind::kOuter || (kind == JoinKind::kLeft && side == JoinSide::kLeft);

// What a join of two streams calls its stores.
struct JoinStores {
  std::string left;
  std::string right;
  std::string unmatched;  // empty for an inner join
};

template <JoinKind kind, class LeftK, class L, class RightK, class R, class OutK, class Joiner>
class JoinStreamsNode final
    : public Emitter<OutK, typename SidesJoiner<kind, Joiner, OutK, NonNull<L>, NonNull<R>>::Result>,
      public Inlet<LeftK, L>,
      public Inlet<RightK, FromRight<R>> {
 public:
  using Key = NonNull<OutK>;
  using Left = NonNull<L>;
  using Right = NonNull<R>;
  using Call = SidesJoiner<kind, Joiner, OutK, Left, Right>;
  using Waiting = Unmatched<Key, Left, std::conditional_t<kind == JoinKind::kOuter, Right, Nobody>>;

  JoinStreamsNode(JoinStores stores, JoinWindows windows, Joiner join_values)
      : stores_(std::move(stores)), windows_(windows), join_(std::move(join_values)), unmatched_(windows) {}

  void open() override {
    left_ = &typed_store<JoinStore<Key, Left>>(this->context(), *this, stores_.left);
    right_ = &typed_store<JoinStore<Key, Right>>(this->context(), *this, stores_.right);
    if constexpr (kind != JoinKind::kInner) unmatched_.open(this->context(), *this, stores_.unmatched);
  }

  void accept(const Record<LeftK, L>& record) override { take<JoinSide::kLeft>(record, record.value); }
  void accept(const Record<RightK, FromRight<R>>& record) override {
    take<JoinSide::kRight>(record, *record.value.value);
  }

 private:
  template <JoinSide side, class K, class T, class V>
  void take(const Record<K, T>& record, const V& value) {
    if constexpr (kind != JoinKind::kInner) unmatched_.see(record.timestamp);
    if (is_null(value)) return this->context().drop(DropReason::kNullValue);
    if (is_null(record.key)) {
      if constexpr (kWaits<kind, side>) {
        tell_alone<side>(out_key(record.key), record.timestamp, non_null(value), record, record.key_bytes);
      } else {
        this->context().drop(DropReason::kNullKey);
      }
      return;
    }
    if constexpr (kind != JoinKind::kInner) {
      if (record.timestamp == unmatched_.seen()) expire<side>(record);
    }
    match<side>(record, non_null(record.key), non_null(value));
  }

  template <JoinSide side, class K, class T, class V>
  void match(const Record<K, T>& record, const Key& key, const V& value) {
    constexpr JoinSide kOther = opposite(side);
    const Timestamp time = record.timestamp;
    if (!store<side>().put(key, time, value, record.key_bytes)) this->context().drop(DropReason::kExpired);
    bool any = false;
    bool failed = false;
    const OutK& told_key = out_key(record.key);
    store<kOther>().visit(
        key, windows_.first_partner(side, time), windows_.last_partner(side, time),
        [&](Timestamp partner_time, const auto& partner) {
          any = true;
          if (failed) return;
          if constexpr (kWaits<kind, kOther>) unmatched_.remove(kOther, key, partner_time);
          const auto result = this->guarded([&] {
            if constexpr (side == JoinSide::kLeft) {
              return join_(told_key, &value, &partner);
            } else {
              return join_(told_key, &partner, &value);
            }
          });
          // As with a verb that makes several records of one: what failed is the record.
          failed = !result;
          if (failed) return;
          this->emit({told_key, *result, std::max(time, partner_time), record.headers, record.origin,
                      record.key_bytes});
        },
        record.key_bytes);
    if constexpr (kWaits<kind, side>) {
      if (any) return;
      if (moved(time, windows_.reach(side)) < unmatched_.seen()) {
        tell_alone<side>(told_key, time, value, record, record.key_bytes);
      } else {
        unmatched_.template add<side>(key, time, value);
      }
    }
  }

  template <JoinSide side, class K, class T>
  void expire(const Record<K, T>& cause) {
    unmatched_.expire(side, [&](const Key& key, Timestamp time, const auto& record) {
      const auto& told_key = out_key(key);
      if (record.index() == 0) {
        tell_alone<JoinSide::kLeft>(told_key, time, std::get<0>(record), cause, {});
      } else if constexpr (kind == JoinKind::kOuter) {
        tell_alone<JoinSide::kRight>(told_key, time, std::get<1>(record), cause, {});
      }
    });
  }

  template <JoinSide side, class K, class T, class V>
  void tell_alone(const OutK& key, Timestamp time, const V& value, const Record<K, T>& cause,
                  BytesView key_bytes) {
    const auto result = this->guarded([&] {
      if constexpr (side == JoinSide::kLeft) {
        return join_(key, &value, nullptr);
      } else {
        return join_(key, nullptr, &value);
      }
    });
    if (result) this->emit({key, *result, time, cause.headers, cause.origin, key_bytes});
  }

  // The key as the results have it. A copy is valid until the next call.
  template <class K>
  const OutK& out_key(const K& key) {
    if constexpr (std::same_as<K, OutK>) {
      return key;
    } else if constexpr (std::same_as<Key, OutK>) {
      return non_null(key);
    } else {
      return out_key_ = key;
    }
  }

  template <JoinSide side>
  auto& store() {
    if constexpr (side == JoinSide::kLeft) {
      return *left_;
    } else {
      return *right_;
    }
  }

  const JoinStores stores_;
  const JoinWindows windows_;
  Call join_;
  Waiting unmatched_;  // of no use to an inner join
  JoinStore<Key, Left>* left_ = nullptr;
  JoinStore<Key, Right>* right_ = nullptr;
  OutK out_key_{};  // reused, so that its memory is
};

}  // namespace weir
