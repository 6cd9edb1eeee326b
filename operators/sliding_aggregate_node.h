// The node under count, reduce and aggregate in sliding windows: one row per key and window.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <weir/operators/late.h>
#include <weir/operators/open_windows.h>
#include <weir/operators/operator_time.h>
#include <weir/operators/sliding_plan.h>
#include <weir/operators/sliding_windows.h>
#include <weir/operators/store_access.h>
#include <weir/operators/window_aggregate_node.h>
#include <weir/operators/window_options.h>
#include <weir/operators/windowed.h>

namespace weir {

template <class K, class V, class Step>
class SlidingAggregateNode final : public WindowNode<K, V, Windowed<K>, typename Step::Value> {
 public:
  using Value = typename Step::Value;
  using Row = Timestamped<Value>;

  SlidingAggregateNode(WindowNodeOptions options, SlidingWindows windows,
                       std::shared_ptr<const BeforeWish> before, Step step)
      : options_(std::move(options)),
        windows_(windows),
        before_wanted_(before->wanted()),
        step_(std::move(step)) {}

  void open() override {
    store_ = &typed_store<WindowStore<K, Value>>(this->context(), *this, options_.store);
    time_.open(this->context(), options_.clock);
    if (options_.clock == options_.store) time_.recover(store_->observed_time(), windows_);
    idle_.open(this->context(), options_.close_when_idle, [this] { close_all(); });
    if (options_.emit == WindowEmit::kOnCommit) {
      store_->on_commit({.before = before_wanted_},
                        [this](const K& key, Timestamp start, const Row* now, const Row* before,
                               Timestamp timestamp, const Headers& headers, const Origin& origin) {
                          tell(key, start, {value_of(now), value_of(before), true, EmitReason::kCommit},
                               timestamp, headers, origin);
                        });
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
      const Value* now = put(record, write, options_.emit == WindowEmit::kOnCommit ? &cause : nullptr);
      if (options_.emit != WindowEmit::kEveryUpdate) continue;
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

  [[nodiscard]] bool closes() const { return options_.emit == WindowEmit::kOnWindowClose; }

  // Tells of the windows that time has closed since the last call.
  void tell_closed(EmitReason reason, const Headers& headers, const Origin& origin) {
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

  void close_all() {
    if (time_.seen() == kNoTimestamp) return;
    time_.see(windows_.all_closed(time_.seen()));
    tell_closed(EmitReason::kIdle, kNoHeaders, this->context().origin());
  }

  void tell(const K& key, Timestamp start, const Change<Value>& change, Timestamp timestamp,
            const Headers& headers, const Origin& origin) {
    key_.key = key;
    key_.window = {start, windows_.end_of(start)};
    this->emit({key_, change, timestamp, headers, origin, {}});
  }

  [[nodiscard]] static const Value* value_of(const Row* row) {
    return row == nullptr ? nullptr : &row->value;
  }

  const WindowNodeOptions options_;
  const SlidingWindows windows_;
  const bool before_wanted_;
  const Step step_;
  WindowStore<K, Value>* store_ = nullptr;
  OperatorTime time_;
  IdleWatch idle_;
  OpenWindows open_;  // with kOnWindowClose
  Bytes key_bytes_;
  Windowed<K> key_;  // reused, so that its memory is
};

template <class K, class V, class Step>
struct WindowNodeOver<K, V, Step, SlidingWindows> {
  using type = SlidingAggregateNode<K, V, Step>;
};

}  // namespace weir
