// The node under count, reduce and aggregate in windows that share slices: one row per key and slice (and for late records
// one more, see state/slice_store.h), of which the rows of windows are made when they are told of or read.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/operators/sliced_rows.h>
#include <weir/operators/slices.h>
#include <weir/operators/store_access.h>
#include <weir/operators/time_windows.h>
#include <weir/operators/timed_window_node.h>
#include <weir/operators/window_options.h>
#include <weir/operators/windowed.h>
#include <weir/state/slice_store.h>

namespace weir {

template <class K, class V, class Step, class Merger>
class SliceAggregateNode final : public TimedWindowNode<K, V, typename Step::Value, TimeWindows> {
 public:
  using Value = typename Step::Value;
  using Row = Timestamped<Value>;
  using Store = SliceStore<K, Value>;
  using Changed = typename Store::Changed;

  SliceAggregateNode(WindowNodeOptions options, TimeWindows windows, std::shared_ptr<const BeforeWish> before,
                     Step step, Merger merger)
      : TimedWindowNode<K, V, Value, TimeWindows>(std::move(options), windows, *before),
        slices_(windows),
        step_(std::move(step)),
        merger_(std::move(merger)),
        rows_(slices_, merger_) {}

  void open() override {
    store_ = &typed_store<Store>(this->context(), *this, options_.store);
    const Timestamp observed = store_->observed_time();
    this->open_time(observed == kNoTimestamp ? observed : slices_.last_window(observed));
    if (!this->tells_at_commit()) return;
    store_->on_commit({.before = before_wanted_},
                      [this](const std::vector<Changed>& changed) { tell_changed(changed); });
  }

  void accept(const Record<K, V>& record) override {
    idle_.touch();
    time_.see(record.timestamp);
    // Before the record is in the store: it is not in these windows.
    if (closes()) tell_closed(EmitReason::kClose, record.headers, record.origin);
    const Timestamp slice = slices_.of(record.timestamp);
    const std::optional<Timestamp> from = first_open(record, slice);
    if (!from) return;
    if (store_->accepts(slice)) {
      update(record, *from, slice);
    } else {
      refuse_from(*from, record, LateReason::kExpired);
    }
  }

 private:
  // A window to be told of.
  struct News {
    Timestamp start = 0;
    Row now;
  };

  // Returns the first window that takes the record, and refuses it for those before.
  std::optional<Timestamp> first_open(const Record<K, V>& record, Timestamp slice) {
    const Timestamp first = slices_.first_window(slice);
    if (!windows_.is_closed(first, time_.seen())) return first;
    std::optional<Timestamp> open;
    windows_.for_each_start(record.timestamp, [&](Timestamp start) {
      if (open) return;
      if (windows_.is_closed(start, time_.seen())) {
        this->refuse(record, {start, windows_.end_of(start)});
      } else {
        open = start;
      }
    });
    return open;
  }

  void refuse_from(Timestamp first, const Record<K, V>& record, LateReason reason) {
    windows_.for_each_start(record.timestamp, [&](Timestamp start) {
      if (start >= first) this->refuse(record, {start, windows_.end_of(start)}, reason);
    });
  }

  void update(const Record<K, V>& record, Timestamp from, Timestamp slice) {
    const Timestamp last = slices_.last_window(slice);
    const bool tells = this->tells_updates();
    const RecordInfo cause{record.timestamp, record.headers, record.origin};
    const bool done = this->guarded([&] {
      if (tells && before_wanted_) read_before(record, from, last);
      store_->modify(
          record.key, from, slice, record.timestamp, [&](std::optional<Row>& row) { change(record, row); },
          record.key_bytes, this->tells_at_commit() ? &cause : nullptr);
    });
    // If not, the policy has dealt with the failure, and the piece is as it was.
    if (!done || !tells) return;
    if (!this->guarded([&] { read_now(record, from, last); })) return;
    for (std::size_t i = 0; i < news_.size(); ++i) {
      const News& window = news_[i];
      const std::optional<Value>* before = before_wanted_ ? &before_[i] : nullptr;
      tell(record.key, window.start,
           {&window.now.value, before != nullptr && *before ? &**before : nullptr, true, EmitReason::kUpdate},
           window.now.timestamp, record.headers, record.origin);
    }
  }

  void change(const Record<K, V>& record, std::optional<Row>& row) const {
    const Timestamp timestamp = row ? std::max(record.timestamp, row->timestamp) : record.timestamp;
    step_(record, row);
    if (row) row->timestamp = timestamp;
  }

  // Puts the windows of a record that is in its piece together.
  void read_now(const Record<K, V>& record, Timestamp from, Timestamp last) {
    news_.clear();
    read(record.key, from, last, record.key_bytes);
    for (Timestamp start = from;; start += advance()) {
      // The record is in all of them.
      if (std::optional<Row> row = rows_.at(record.key, start)) news_.push_back({start, *std::move(row)});
      if (start == last) return;
    }
  }
  // The same before it is.
  void read_before(const Record<K, V>& record, Timestamp from, Timestamp last) {
    before_.clear();
    read(record.key, from, last, record.key_bytes);
    for (Timestamp start = from;; start += advance()) {
      std::optional<Row> row = rows_.at(record.key, start);
      before_.push_back(row ? std::optional<Value>(std::move(row->value)) : step_.first_before());
      if (start == last) return;
    }
  }

  void read(const K& key, Timestamp first, Timestamp last, BytesView key_bytes) {
    rows_.clear();
    store_->visit(
        key, first, last,
        [&](Timestamp from, Timestamp slice, const Row& row) { rows_.add(from, slice, row); }, key_bytes);
  }

  // ------------------------------------------------------------------------------------------------ at the commit

  // A window that changed since the last commit. Headers and origin are those of the piece that changed last.
  struct Pending {
    const Changed* cause = nullptr;
    Timestamp start = 0;
    std::optional<Row> now = {};
    std::optional<Row> before = {};
  };
  // What of a key changed.
  struct Changes {
    std::map<Timestamp, std::size_t> windows;  // by start: where they are in the list of all
    std::map<std::pair<Timestamp, Timestamp>, const Changed*> pieces;
  };

  // Tells of the windows in the order in which they changed last, as if they were rows of the store.
  void tell_changed(const std::vector<Changed>& changed) {
    std::vector<Pending> pending;  // from the last to the first
    std::unordered_map<BytesView, Changes> by_key;
    for (auto piece = changed.rbegin(); piece != changed.rend(); ++piece) {
      Changes& of_key = by_key[piece->key_bytes];
      of_key.pieces[{piece->from, piece->slice}] = &*piece;
      for (Timestamp start = slices_.last_window(piece->slice); start >= piece->from; start -= advance()) {
        if (of_key.windows.try_emplace(start, pending.size()).second) pending.push_back({&*piece, start});
      }
    }
    for (const auto& [key, of_key] : by_key) {
      // If it fails the policy has dealt with it, and the windows of the key are not told of.
      static_cast<void>(this->guarded([&] { read_changed(of_key, pending); }));
    }
    for (auto window = pending.rbegin(); window != pending.rend(); ++window) {
      if (!window->now) continue;
      const Row& now = *window->now;
      tell(window->cause->key, window->start,
           {&now.value, value_of(window->before ? &*window->before : nullptr), true, EmitReason::kCommit},
           now.timestamp, window->cause->headers, window->cause->origin);
    }
  }

  void read_changed(const Changes& changes, std::vector<Pending>& pending) {
    const Changed& any = *changes.pieces.begin()->second;
    const Timestamp first = changes.windows.begin()->first;
    const Timestamp last = changes.windows.rbegin()->first;
    if (before_wanted_) {
      rows_.clear();
      store_->visit(
          any.key, first, last,
          [&](Timestamp from, Timestamp slice, const Row& row) {
            const auto found = changes.pieces.find({from, slice});
            if (found == changes.pieces.end()) {
              rows_.add(from, slice, row);
            } else if (found->second->before) {
              rows_.add(from, slice, *found->second->before);
            }
          },
          any.key_bytes);
      for (const auto& [start, at] : changes.windows) pending[at].before = rows_.at(any.key, start);
    }
    read(any.key, first, last, any.key_bytes);
    for (const auto& [start, at] : changes.windows) pending[at].now = rows_.at(any.key, start);
  }

  // ----------------------------------------------------------------------------------------------- on window close

  // The row of a key in a window that is closed.
  struct Closed {
    K key{};
    std::optional<Row> row;
    bool failed = false;
  };

  void tell_closed(EmitReason reason, const Headers& headers, const Origin& origin) override {
    const Timestamp limit = windows_.limit(time_.seen());
    if (limit <= time_.told()) return;
    const auto starts = windows_.ended_between(time_.told(), limit);
    time_.tell_until(limit);
    if (!starts) return;
    for (const Timestamp start : windows_between(starts->first, starts->second)) {
      for (const Closed& window : closed_rows(start)) {
        if (window.failed || !window.row) continue;
        tell(window.key, start, {&window.row->value, nullptr, true, reason}, window.row->timestamp, headers,
             origin);
      }
    }
  }

  // Returns the windows with something in them, of those with first <= start <= last, which may be very many.
  [[nodiscard]] std::vector<Timestamp> windows_between(Timestamp first, Timestamp last) {
    if (first == last) return {first};
    std::vector<Timestamp> starts;
    for (const Timestamp slice : store_->slices(first, last, last_time(last))) {
      Timestamp start = std::max(slices_.first_window(slice), first);
      if (!starts.empty()) start = std::max(start, starts.back() + advance());
      for (; start <= std::min(slices_.last_window(slice), last); start += advance()) starts.push_back(start);
    }
    return starts;
  }

  // Returns the rows of a window by the bytes of key and start, as they would lie in a store.
  [[nodiscard]] std::vector<Closed> closed_rows(Timestamp start) {
    std::unordered_map<Bytes, Closed> rows;
    Bytes run;
    store_->visit_window(start, last_time(start), [&](BytesView key, const Row& piece) {
      run.assign(key);
      put_big_endian(start, run);
      const auto [found, is_new] = rows.try_emplace(run);
      Closed& closed = found->second;
      // It was encoded here or came out of the store: it decodes.
      if (is_new) closed.failed = !Serde<K>::decode(key, closed.key).ok();
      if (closed.failed) return;
      // If it fails the policy has dealt with it, and the window is not told of for this key.
      closed.failed = !this->guarded([&] { merge_piece(merger_, closed.key, piece, closed.row); });
    });
    std::vector<std::pair<const Bytes, Closed>*> order;
    order.reserve(rows.size());
    for (auto& row : rows) order.push_back(&row);
    std::sort(order.begin(), order.end(),
              [](const auto* left, const auto* right) { return left->first < right->first; });
    std::vector<Closed> sorted;
    sorted.reserve(order.size());
    for (auto* row : order) sorted.push_back(std::move(row->second));
    return sorted;
  }

  [[nodiscard]] Timestamp last_time(Timestamp start) const { return windows_.end_of(start) - 1; }
  [[nodiscard]] Timestamp advance() const { return windows_.advance().count(); }

  using Base = TimedWindowNode<K, V, Value, TimeWindows>;
  using Base::before_wanted_;
  using Base::closes;
  using Base::idle_;
  using Base::options_;
  using Base::tell;
  using Base::time_;
  using Base::value_of;
  using Base::windows_;

  const Slices slices_;
  const Step step_;
  const Merger merger_;
  SlicedRows<K, Value, Merger> rows_;
  Store* store_ = nullptr;
  // Scratch of one record.
  std::vector<News> news_;
  std::vector<std::optional<Value>> before_;
};

}  // namespace weir
