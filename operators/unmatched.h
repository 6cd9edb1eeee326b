// The records of a left or outer join that wait for a match, in a store of their own, and the join's clock.
//
// Thread safety: none; belongs to a join's node.
#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/operators/join_windows.h>
#include <weir/operators/store_access.h>
#include <weir/operators/unmatched_rows.h>
#include <weir/operators/unmatched_times.h>
#include <weir/state/key_value_store.h>

namespace weir {

template <class K, class L, class R>
class Unmatched {
 public:
  using Key = UnmatchedKey<K>;
  using Row = UnmatchedRow<L, R>;
  using Store = KeyValueStore<Key, Row>;

  [[nodiscard]] static StoreSpec store_spec(const std::string& name, const StoreOptions& options) {
    StoreSpec spec = key_value_store_spec<Key, Row>(name, options);
    spec.key_format.insert(0, "time, side, ");
    if constexpr (!std::same_as<R, Nobody>) spec.value_format.append(" or ").append(Serde<R>::kFormat);
    return spec;
  }

  explicit Unmatched(const JoinWindows& windows) : windows_(windows) {}

  void open(TaskContext& context, const Node& node, const std::string& store) {
    store_ = &typed_store<Store>(context, node, store);
    seen_ = context.persistent_time(store);
    bound_ = context.persistent_time(store + ".bound");
    typename Store::Cursor rows = store_->all();
    while (rows.next()) times_.add(rows.key().side, rows.key().time);
  }

  // The largest timestamp of either side.
  [[nodiscard]] Timestamp seen() const { return *seen_; }
  void see(Timestamp time) { *seen_ = std::max(*seen_, time); }

  template <JoinSide side, class V>
  void add(const K& key, Timestamp time, const V& value) {
    constexpr std::size_t kIndex = side == JoinSide::kLeft ? 0 : 1;
    *bound_ = *bound_ == kNoTimestamp ? time : std::min(*bound_, time);
    const Key& at = located(side, time, key);
    if (times_.has(side, time)) {
      bool is_new = false;
      store_->modify(at, time, [&](std::optional<Timestamped<Row>>& row) {
        is_new = !row;
        if (!row) row.emplace();
        row->timestamp = time;
        row->value.records.emplace_back(std::in_place_index<kIndex>, value);
      });
      if (is_new) times_.add(side, time);
    } else {
      Row row;
      row.records.emplace_back(std::in_place_index<kIndex>, value);
      store_->put_new(at, std::move(row), time);
      times_.add(side, time);
    }
  }

  void remove(JoinSide side, const K& key, Timestamp time) {
    if (times_.has(side, time) && store_->remove(located(side, time, key), time)) times_.remove(side, time);
  }

  // Takes out what has waited long enough, and calls f(key, time, record) for each: by time, right before left, by key, in
  // the order of arrival. `arriving` is the side of the record that is the reason to look.
  template <class F>
  void expire(JoinSide arriving, F&& f) {
    if (*bound_ == kNoTimestamp || !windows_.expired(arriving, *bound_, *seen_)) return;
    const Timestamp open_left = windows_.first_open(JoinSide::kLeft, *seen_);
    const Timestamp open_right = windows_.first_open(JoinSide::kRight, *seen_);
    *bound_ = times_.bound_after_search(open_left, open_right);

    // Before this time everything has expired, after it one side only.
    const Timestamp open = std::min(open_left, open_right);
    if (const Timestamp first = times_.next(0); first != kNoTimestamp && first < open) {
      take_out(first, open, std::nullopt, f);
    }
    const JoinSide longer = open_left > open ? JoinSide::kLeft : JoinSide::kRight;
    const Timestamp end = std::max(open_left, open_right);
    for (Timestamp time = times_.next(longer, open); time != kNoTimestamp && time < end;
         time = times_.next(longer, time + 1)) {
      take_out(time, time + 1, longer, f);
    }
  }

 private:
  const Key& located(JoinSide side, Timestamp time, const K& key) {
    key_.time = time;
    key_.side = side;
    key_.key = key;
    return key_;
  }

  // Takes out the rows with from <= time < until, perhaps of one side only.
  template <class F>
  void take_out(Timestamp from, Timestamp until, std::optional<JoinSide> only, F& f) {
    taken_.clear();
    store_->visit(Key{from, {}, {}}, Key{until, {}, {}}, [&](const Key& key, const Timestamped<Row>& row) {
      if (only && key.side != *only) return;
      taken_.push_back(key);
      for (const auto& record : row.value.records) f(*key.key, key.time, record);
    });
    for (const Key& key : taken_) {
      if (store_->remove(key, key.time)) times_.remove(key.side, key.time);
    }
  }

  const JoinWindows windows_;
  Store* store_ = nullptr;
  Timestamp* seen_ = nullptr;
  Timestamp* bound_ = nullptr;  // Kafka Streams' guess of the earliest time in the store
  UnmatchedTimes times_;        // of the rows in the store
  Key key_;                     // reused, so that its memory is
  std::vector<Key> taken_;      // likewise
};

}  // namespace weir
