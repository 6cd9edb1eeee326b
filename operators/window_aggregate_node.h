// The node under count, reduce and aggregate in windows that lie on the time line: one row per key and window.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/late.h>
#include <weir/operators/store_access.h>
#include <weir/operators/table.h>
#include <weir/operators/timed_window_node.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/window_options.h>
#include <weir/operators/windowed.h>
#include <weir/operators/windowed_stream.h>
#include <weir/state/window_store.h>

namespace weir {

// `Windows` is TimeWindows or answers as it does.
template <class K, class V, class Step, class Windows>
class WindowAggregateNode final : public TimedWindowNode<K, V, typename Step::Value, Windows> {
 public:
  using Value = typename Step::Value;
  using Row = Timestamped<Value>;

  WindowAggregateNode(WindowNodeOptions options, Windows windows, std::shared_ptr<const BeforeWish> before,
                      Step step)
      : TimedWindowNode<K, V, Value, Windows>(std::move(options), std::move(windows), *before),
        step_(std::move(step)) {}

  void open() override {
    store_ = &typed_store<WindowStore<K, Value>>(this->context(), *this, options_.store);
    this->open_time(store_->observed_time());
    if (this->tells_at_commit()) this->tell_commits_of(*store_);
  }

  void accept(const Record<K, V>& record) override {
    idle_.touch();
    time_.see(record.timestamp);
    // Before the record is in the store, which hides old windows when it sees a new one.
    if (closes()) tell_closed(EmitReason::kClose, record.headers, record.origin);
    windows_.for_each_start(record.timestamp, [&](Timestamp start) {
      if (windows_.is_closed(start, time_.seen())) {
        this->refuse(record, {start, windows_.end_of(start)});
      } else if (!store_->accepts(start)) {
        this->refuse(record, {start, windows_.end_of(start)}, LateReason::kExpired);
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
    const bool tells = this->tells_updates();
    const RecordInfo cause{record.timestamp, record.headers, record.origin};
    const Row* now = nullptr;
    std::optional<Value> before;
    const bool done = this->guarded([&] {
      now = store_->modify(
          record.key, start, timestamp,
          [&](std::optional<Row>& row) {
            if (before_wanted_ && tells)
              before = row ? std::optional<Value>(row->value) : step_.first_before();
            change(record, row);
          },
          record.key_bytes, this->tells_at_commit() ? &cause : nullptr);
    });
    // If not, the policy has dealt with the failure, and the row is as it was.
    if (!done || !tells) return;
    tell(record.key, start, {value_of(now), before ? &*before : nullptr, true, EmitReason::kUpdate},
         now != nullptr ? now->timestamp : timestamp, record.headers, record.origin);
  }

  void change(const Record<K, V>& record, std::optional<Row>& row) const {
    const Timestamp timestamp = row ? std::max(record.timestamp, row->timestamp) : record.timestamp;
    step_(record, row);
    if (row) row->timestamp = timestamp;
  }

  void tell_closed(EmitReason reason, const Headers& headers, const Origin& origin) override {
    const Timestamp limit = windows_.limit(time_.seen());
    if (limit <= time_.told()) return;
    const auto starts = windows_.ended_between(time_.told(), limit);
    time_.tell_until(limit);
    if (!starts) return;
    for (const auto& window : store_->fetch_all(starts->first, starts->second)) {
      tell(window.key, window.start, {&window.row.value, nullptr, true, reason}, window.row.timestamp,
           headers, origin);
    }
  }

  using Base = TimedWindowNode<K, V, Value, Windows>;
  using Base::before_wanted_;
  using Base::closes;
  using Base::idle_;
  using Base::options_;
  using Base::tell;
  using Base::time_;
  using Base::value_of;
  using Base::windows_;

  const Step step_;
  WindowStore<K, Value>* store_ = nullptr;
};

// Which node aggregates in such windows.
template <class K, class V, class Step, class Windows>
struct WindowNodeOver {
  using type = WindowAggregateNode<K, V, Step, Windows>;
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

// Adds a window store, and returns how to read the table in it.
template <class K, class Value, class Windows>
[[nodiscard]] TableAccess<Windowed<K>, Value> add_windows(const GraphPoint& stream, const Windows& windows,
                                                          const WindowOptions& options,
                                                          const Location& where) {
  const std::string& store = options.store.text();
  check_options(stream, options, windows.ever_close(), where);
  // Told of by time: then they lie by time, one bucket for each start.
  const Duration segment = options.emit == WindowEmit::kOnWindowClose ? windows.advance() : Duration(-1);
  stream.graph()->topology().add_store(
      window_store_spec<K, Value>(store, retention_of(stream, windows.retention(), options, where), segment,
                                  store_options(options)),
      state_engine(), where);

  TableAccess<Windowed<K>, Value> access;
  access.stores = {store};
  access.open_getter = [store](TaskContext& context,
                               const Node& reader) -> std::unique_ptr<TableGetter<Windowed<K>, Value>> {
    return std::make_unique<WindowGetter<K, Value>>(
        typed_store<WindowStore<K, Value>>(context, reader, store));
  };
  access.before = std::make_shared<BeforeWish>();
  if constexpr (Windows::ever_close()) {
    // Kafka Streams tells of windows that have their end a millisecond before they close.
    const bool late = Windows::kHasEnd && !stream.graph()->like_kafka_streams();
    access.window_grace = windows.grace() + Duration(late ? 1 : 0);
  }
  return access;
}

// Adds a node over such a store. `clock`: the name of its time.
template <class K, class V, class Windows, class Step>
[[nodiscard]] GraphPoint add_window_node(const KStream<K, V>& stream, const std::string& name,
                                         const std::string& clock, const Windows& windows,
                                         const WindowOptions& options,
                                         const std::shared_ptr<BeforeWish>& before, Step step,
                                         const Location& where) {
  return stream.extend_named(name, options.on_error,
                             [options = node_options(stream, options, clock), windows, before,
                              step = std::move(step)]() -> std::unique_ptr<Node> {
                               return std::make_unique<typename WindowNodeOver<K, V, Step, Windows>::type>(
                                   options, windows, before, step);
                             },
                             where, {options.store.text()});
}

// Adds store and node below a group.
template <class K, class V, class Windows, class Step>
[[nodiscard]] auto add_window_aggregate(const KWindowedStream<K, V, Windows>& windowed,
                                        const std::string& verb, const WindowOptions& options, Step step,
                                        const Location& where) {
  using Key = NonNull<K>;
  using Value = typename Step::Value;
  const std::string& store = options.store.text();
  const KStream<Key, V> stream = windowed.group().keyed_stream(store, where);
  TableAccess<Windowed<Key>, Value> access =
      add_windows<Key, Value>(stream, windowed.windows(), options, where);
  GraphPoint point = add_window_node(stream, stream.name_for(verb, options.name), store, windowed.windows(),
                                     options, access.before, std::move(step), where);
  offer_late<Key, V>(point, windowed.late_taker());
  return KTable<Windowed<Key>, Value, Step::kRows>(std::move(point), std::move(access));
}

}  // namespace weir
