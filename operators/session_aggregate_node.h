// The node under count, reduce and aggregate in sessions: one row per key and session.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/operators/late.h>
#include <weir/operators/open_windows.h>
#include <weir/operators/operator_time.h>
#include <weir/operators/session_windowed.h>
#include <weir/operators/session_windows.h>
#include <weir/operators/store_access.h>
#include <weir/operators/table.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/window_options.h>
#include <weir/state/session_store.h>

namespace weir {

template <class K, class V, class Step, class Merge>
class SessionAggregateNode final : public WindowNode<K, V, SessionWindowed<K>, typename Step::Value> {
 public:
  using Value = typename Step::Value;
  using Row = Timestamped<Value>;

  SessionAggregateNode(WindowNodeOptions options, SessionWindows windows,
                       std::shared_ptr<const BeforeWish> before, Step step, Merge merge)
      : options_(std::move(options)),
        windows_(windows),
        before_wanted_(before->wanted()),
        step_(std::move(step)),
        merge_(std::move(merge)) {}

  void open() override {
    store_ = &typed_store<SessionStore<K, Value>>(this->context(), *this, options_.store);
    time_.open(this->context(), options_.clock);
    if (options_.clock == options_.store) time_.recover(store_->observed_time(), windows_);
    idle_.open(this->context(), options_.close_when_idle, [this] { close_all(); });
    if (options_.emit == WindowEmit::kOnCommit) {
      store_->on_commit(
          {.before = before_wanted_},
          [this](const K& key, Timestamp start, Timestamp end, const Row* now, const Row* before,
                 Timestamp timestamp, const Headers& headers, const Origin& origin) {
            tell(key, {start, end}, {value_of(now), value_of(before), true, EmitReason::kCommit}, timestamp,
                 headers, origin);
          });
    } else if (closes()) {
      for (auto all = store_->all(); all.next();) {
        if (all.end_time() >= time_.told()) open_.add(all.start(), all.end_time(), all.key_bytes());
      }
    }
  }

  void accept(const Record<K, V>& record) override {
    idle_.touch();
    time_.see(record.timestamp);
    if (closes()) tell_closed(EmitReason::kClose, record.headers, record.origin);

    const Window merged = find(record);
    if (windows_.is_closed(merged.end, time_.seen())) {
      this->refuse(record, merged);
    } else if (!store_->accepts(merged.end)) {
      this->refuse(record, merged, LateReason::kExpired);
    } else {
      update(record, merged);
    }
  }

 private:
  struct Found {
    Window window;
    Value value;
  };

  // Finds the sessions that the record touches; returns what they are together with it.
  [[nodiscard]] Window find(const Record<K, V>& record) {
    found_.clear();
    Window merged{record.timestamp, record.timestamp};
    store_->visit_sessions(
        record.key, windows_.earliest_end(record.timestamp), windows_.latest_start(record.timestamp),
        [&](Timestamp start, Timestamp end, const Row& row) {
          found_.push_back({{start, end}, row.value});
          merged.start = std::min(merged.start, start);
          merged.end = std::max(merged.end, end);
        },
        record.key_bytes);
    return merged;
  }

  void update(const Record<K, V>& record, const Window& merged) {
    std::optional<Row> row;
    const bool done = this->guarded([&] {
      for (const Found& session : found_) merge_(record.key, session.value, row);
      step_(record, row);
    });
    // If not, the policy has dealt with the failure, and the sessions are as they were.
    if (!done) return;

    const RecordInfo info{record.timestamp, record.headers, record.origin};
    const RecordInfo* cause = options_.emit == WindowEmit::kOnCommit ? &info : nullptr;
    if (closes()) {
      key_bytes_.clear();
      Serde<K>::encode(record.key, key_bytes_);
    }
    const Value* before = nullptr;
    if (merged == Window{record.timestamp, record.timestamp}) {
      if (!found_.empty()) before = &found_.back().value;  // it stays, and is changed
    } else {
      for (const Found& session : found_) {
        erase(record, session.window, cause);
        tell_update(record, session.window, nullptr, &session.value);
      }
    }
    if (row) {
      static_cast<void>(  // the store said that it would take it
          store_->put(record.key, merged.start, merged.end, row->value, merged.end, record.key_bytes, cause));
      if (closes()) open_.add(merged.start, merged.end, key_bytes_);
    } else {
      erase(record, merged, cause);
    }
    tell_update(record, merged, value_of(row ? &*row : nullptr), before);
  }

  void erase(const Record<K, V>& record, const Window& window, const RecordInfo* cause) {
    store_->erase(record.key, window.start, window.end, window.end, record.key_bytes, cause);
    if (closes()) open_.remove(window.start, window.end, key_bytes_);
  }

  // Kafka Streams leaves the headers out here.
  void tell_update(const Record<K, V>& record, const Window& window, const Value* now, const Value* before) {
    if (options_.emit != WindowEmit::kEveryUpdate) return;
    tell(record.key, window, {now, before_wanted_ ? before : nullptr, true, EmitReason::kUpdate}, window.end,
         kNoHeaders, record.origin);
  }

  [[nodiscard]] bool closes() const { return options_.emit == WindowEmit::kOnWindowClose; }

  // Tells of the sessions that time has closed since the last call.
  void tell_closed(EmitReason reason, const Headers& headers, const Origin& origin) {
    const Timestamp limit = windows_.limit(time_.seen());
    if (limit <= time_.told()) return;
    time_.tell_until(limit);
    while (const auto session = open_.take_before(limit)) {
      K key{};
      // They were encoded here or came out of the store: they decode.
      if (!Serde<K>::decode(session->key, key).ok()) continue;
      const Row* row = store_->find(key, session->start, session->end);
      if (row == nullptr) continue;
      const Row told = *row;
      tell(key, {session->start, session->end}, {&told.value, nullptr, true, reason}, session->end, headers,
           origin);
    }
  }

  void close_all() {
    if (time_.seen() == kNoTimestamp) return;
    time_.see(windows_.all_closed(time_.seen()));
    tell_closed(EmitReason::kIdle, kNoHeaders, this->context().origin());
  }

  void tell(const K& key, const Window& window, const Change<Value>& change, Timestamp timestamp,
            const Headers& headers, const Origin& origin) {
    key_.key = key;
    key_.window = window;
    this->emit({key_, change, timestamp, headers, origin, {}});
  }

  [[nodiscard]] static const Value* value_of(const Row* row) {
    return row == nullptr ? nullptr : &row->value;
  }

  const WindowNodeOptions options_;
  const SessionWindows windows_;
  const bool before_wanted_;
  const Step step_;
  const Merge merge_;
  SessionStore<K, Value>* store_ = nullptr;
  OperatorTime time_;
  IdleWatch idle_;
  OpenWindows open_;  // with kOnWindowClose
  std::vector<Found> found_;
  Bytes key_bytes_;
  SessionWindowed<K> key_;  // reused, so that its memory is
};

}  // namespace weir
