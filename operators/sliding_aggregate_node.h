// The node under count, reduce and aggregate in sliding windows: one row per key and window.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <weir/operators/late.h>
#include <weir/operators/open_windows.h>
#include <weir/operators/sliding_plan.h>
#include <weir/operators/sliding_windows.h>
#include <weir/operators/store_access.h>
#include <weir/operators/timed_window_node.h>
#include <weir/operators/window_aggregate_node.h>
#include <weir/operators/window_options.h>
#include <weir/operators/windowed.h>

namespace weir {

template <class K, class V, class Step>
class SlidingAggregateNode final : public TimedWindowNode<K, V, typename Step::Value, SlidingWindows> {
 public:
  using Value = typename Step::Value;
  using Row = Timestamped<Value>;

  SlidingAggregateNode(WindowNodeOptions options, SlidingWindows windows,
                       std::shared_ptr<const BeforeWish> before, Step step)
      : TimedWindowNode<K, V, Value, SlidingWindows>(std::move(options), windows, *before),
        step_(std::move(step)) {}

  void open() override {
    store_ = &typed_store<WindowStore<K, Value>>(this->context(), *this, options_.store);
    this->open_time(store_->observed_time());
    if (this->tells_at_commit()) {
      this->tell_commits_of(*store_);
    } else if (closes()) {
      const Timestamp first = std::max<Timestamp>(0, time_.told() - windows_.difference().count());
      auto open = store_->fetch_all(first, kLastTimestamp);
      while (open.next()) open_.add(open.start(), windows_.end_of(open.start()), open.key_bytes());
    }
  }

  void accept(const Record<K, V>& record) override {
    if (is_null(record.value)) {
      this->context().drop(DropReason::kNullValue);
      return;
    }
    idle_.touch();
    time_.see(record.timestamp);
    const Timestamp difference = windows_.difference().count();
    if (windows_.is_closed(record.timestamp, time_.seen())) {
      const Timestamp start = std::max<Timestamp>(0, record.timestamp - difference);
      this->refuse(record, {start, windows_.end_of(start)});
      return;
    }
    if (closes() && record.timestamp >= difference) {
      tell_closed(EmitReason::kClose, record.headers, record.origin);
    }
    update(record);
  }

 private:
  void update(const Record<K, V>& record) {
    const auto taken = record.with_value(non_null(record.value));
    SlidingPlan<K, NonNull<V>, Step> plan(windows_, step_, taken, time_.seen(), options_.like_kafka_streams);
    // If not, the policy has dealt with the failure, and nothing is written.
    if (!this->guarded([&] { plan.make(*store_); })) return;
    for (const Timestamp start : plan.closed) this->refuse(record, {start, windows_.end_of(start)});
    const RecordInfo cause{record.timestamp, record.headers, record.origin};
    if (closes()) {
      key_bytes_.clear();
      Serde<K>::encode(record.key, key_bytes_);
    }
    for (auto& write : plan.writes) {
      if (!store_->accepts(write.start)) {
        this->refuse(record, {write.start, windows_.end_of(write.start)}, LateReason::kExpired);
        continue;
      }
      const Value* now = put(record, write, this->tells_at_commit() ? &cause : nullptr);
      if (!this->tells_updates()) continue;
      tell(record.key, write.start,
           {now, before_wanted_ && write.before ? &*write.before : nullptr, true, EmitReason::kUpdate},
           write.timestamp, record.headers, record.origin);
    }
  }

  // Returns the value written, which is the plan's.
  template <class Write>
  const Value* put(const Record<K, V>& record, const Write& write, const RecordInfo* cause) {
    const Timestamp end = windows_.end_of(write.start);
    if (!write.now) {
      store_->erase(record.key, write.start, write.timestamp, record.key_bytes, cause);
      if (closes()) open_.remove(write.start, end, key_bytes_);
      return nullptr;
    }
    static_cast<void>(  // the store said that it would take it
        store_->put(record.key, write.start, write.now->value, write.timestamp, record.key_bytes, cause));
    if (closes()) open_.add(write.start, end, key_bytes_);
    return &write.now->value;
  }

  void tell_closed(EmitReason reason, const Headers& headers, const Origin& origin) override {
    const Timestamp limit = windows_.limit(time_.seen());
    if (limit <= time_.told()) return;
    time_.tell_until(limit);
    while (const auto window = open_.take_before(limit)) {
      K key{};
      // They were encoded here or came out of the store: they decode.
      if (!Serde<K>::decode(window->key, key).ok()) continue;
      const Row* row = store_->find(key, window->start);
      if (row == nullptr) continue;
      const Row told = *row;
      tell(key, window->start, {&told.value, nullptr, true, reason}, told.timestamp, headers, origin);
    }
  }

  using Base = TimedWindowNode<K, V, Value, SlidingWindows>;
  using Base::before_wanted_;
  using Base::closes;
  using Base::idle_;
  using Base::options_;
  using Base::tell;
  using Base::time_;
  using Base::windows_;

  const Step step_;
  WindowStore<K, Value>* store_ = nullptr;
  OpenWindows open_;  // with kOnWindowClose
  Bytes key_bytes_;
};

template <class K, class V, class Step>
struct WindowNodeOver<K, V, Step, SlidingWindows> {
  using type = SlidingAggregateNode<K, V, Step>;
};

}  // namespace weir
