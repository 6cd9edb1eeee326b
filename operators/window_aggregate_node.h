// The node under count, reduce and aggregate in windows: one row per key and window.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/options.h>
#include <weir/operators/store_access.h>
#include <weir/operators/table.h>
#include <weir/operators/time_windows.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/windowed.h>
#include <weir/operators/windowed_stream.h>
#include <weir/state/window_store.h>

namespace weir {

template <class K, class V, class Step>
class WindowAggregateNode final : public UnaryNode<K, V, Windowed<K>, Change<typename Step::Value>> {
 public:
  using Value = typename Step::Value;
  using Row = Timestamped<Value>;

  WindowAggregateNode(std::string store, Emit emit, TimeWindows windows,
                      std::shared_ptr<const BeforeWish> before, Step step)
      : store_name_(std::move(store)),
        emit_(emit),
        windows_(std::move(windows)),
        before_wanted_(before->wanted()),
        step_(std::move(step)) {}

  void open() override {
    store_ = &typed_store<WindowStore<K, Value>>(this->context(), *this, store_name_);
    // By the store's name: unlike the node's it stays the same when verbs are added to the program.
    seen_ = this->context().persistent_time(store_name_);
    if (emit_ == Emit::kEveryUpdate) return;
    store_->on_commit({.before = before_wanted_},
                      [this](const K& key, Timestamp start, const Row* now, const Row* before,
                             Timestamp timestamp, const Headers& headers, const Origin& origin) {
                        tell(key, start, value_of(now), value_of(before), timestamp, headers, origin);
                      });
  }

  void accept(const Record<K, V>& record) override {
    *seen_ = std::max(*seen_, record.timestamp);
    windows_.for_each_start(record.timestamp, [&](Timestamp start) {
      if (windows_.is_closed(start, *seen_)) {
        this->context().drop(DropReason::kLate);
      } else {
        update(record, start);
      }
    });
  }

 private:
  void update(const Record<K, V>& record, Timestamp start) {
    Timestamp timestamp = record.timestamp;
    if constexpr (Step::kRows == Rows::kMayVanish) {
      if (const Row* row = store_->find(record.key, start, record.key_bytes)) {
        timestamp = std::max(timestamp, row->timestamp);
      }
    }
    const RecordInfo cause{record.timestamp, record.headers, record.origin};
    const Row* now = nullptr;
    std::optional<Value> before;
    const bool done = this->guarded([&] {
      now = store_->modify(
          record.key, start, timestamp,
          [&](std::optional<Row>& row) {
            if (before_wanted_ && emit_ == Emit::kEveryUpdate && row) before = row->value;
            change(record, row);
          },
          record.key_bytes, emit_ == Emit::kOnCommit ? &cause : nullptr);
    });
    // The policy has dealt with a failure, and the row is as it was.
    if (!done || emit_ == Emit::kOnCommit) return;
    tell(record.key, start, value_of(now), before ? &*before : nullptr,
         now != nullptr ? now->timestamp : timestamp, record.headers, record.origin);
  }

  void change(const Record<K, V>& record, std::optional<Row>& row) const {
    const Timestamp timestamp = row ? std::max(record.timestamp, row->timestamp) : record.timestamp;
    step_(record, row);
    if (row) row->timestamp = timestamp;
  }

  void tell(const K& key, Timestamp start, const Value* now, const Value* before, Timestamp timestamp,
            const Headers& headers, const Origin& origin) {
    key_.key = key;
    key_.window = {start, windows_.end_of(start)};
    const Change<Value> change{now, before, true};
    this->emit({key_, change, timestamp, headers, origin, {}});
  }

  [[nodiscard]] static const Value* value_of(const Row* row) {
    return row == nullptr ? nullptr : &row->value;
  }

  const std::string store_name_;
  const Emit emit_;
  const TimeWindows windows_;
  const bool before_wanted_;
  const Step step_;
  WindowStore<K, Value>* store_ = nullptr;
  Timestamp* seen_ = nullptr;  // the largest timestamp that came; committed with the task
  Windowed<K> key_;            // reused, so that its memory is
};

// The rows of a window store.
template <class K, class V>
class WindowGetter final : public TableGetter<Windowed<K>, V> {
 public:
  explicit WindowGetter(WindowStore<K, V>& store) : store_(store) {}
  const Timestamped<V>* find(const Windowed<K>& key, BytesView) override {
    return store_.find(key.key, key.window.start);
  }

 private:
  WindowStore<K, V>& store_;
};

// Returns for how long the store keeps windows; a problem is noted if the user asked for too little.
[[nodiscard]] Duration retention_of(const GraphPoint& stream, const TimeWindows& windows,
                                    const WindowOptions& options, const Location& where);

// Adds such a node, and its store, below a group.
template <class K, class V, class Step>
[[nodiscard]] auto add_window_aggregate(const KWindowedStream<K, V>& windowed, const std::string& verb,
                                        const WindowOptions& options, Step step, const Location& where) {
  using Key = NonNull<K>;
  using Value = typename Step::Value;
  const std::string& store = options.store.text();
  const KStream<Key, V> stream = windowed.group().keyed_stream(store, where);
  const Duration retention = retention_of(stream, windowed.windows(), options, where);
  stream.graph()->topology().add_store(
      window_store_spec<Key, Value>(store, retention, Duration(-1), store_options(options)), state_engine(),
      where);

  TableAccess<Windowed<Key>, Value> access;
  access.stores = {store};
  access.open_getter = [store](TaskContext& context,
                               const Node& reader) -> std::unique_ptr<TableGetter<Windowed<Key>, Value>> {
    return std::make_unique<WindowGetter<Key, Value>>(
        typed_store<WindowStore<Key, Value>>(context, reader, store));
  };
  access.before = std::make_shared<BeforeWish>();
  GraphPoint point = stream.extend_named(
      stream.name_for(verb, options.name), options.on_error,
      [store, emit = options.emit, windows = windowed.windows(), before = access.before,
       step = std::move(step)]() -> std::unique_ptr<Node> {
        return std::make_unique<WindowAggregateNode<Key, V, Step>>(store, emit, windows, before, step);
      },
      where, {store});
  return KTable<Windowed<Key>, Value, Step::kRows>(std::move(point), std::move(access));
}

}  // namespace weir
