// A store of pieces of windows: what aggregates in overlapping windows keep when they share slices.
//
// A slice is a stretch of time that lies in several windows; its start names it. A piece is what some records of a key have
// in one slice, and it counts in the windows that have the slice and start at `from` or later: those that were open when the
// records came. So a piece belongs to a window if, and only if,
//
//   from <= start of the window <= slice
//
// Pieces lie as sessions do that last from the one to the other (window_keys.h): bucket · key · slice · from; in the changelog
// without the bucket.
//
// The store has a clock of its own: the largest slice it was ever asked to write. With a retention r, pieces with slice <=
// clock - r are expired: writes to them are refused, and they are given back at a commit. Until then visits still find them,
// so that a window that changed since the last commit can be told of whole, however far time jumped meanwhile.
//
// In all else it is like WindowStore. Thread safety: none; a store belongs to the worker that owns its task.
#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/core/record.h>
#include <weir/core/serde.h>
#include <weir/core/task_store.h>
#include <weir/core/time.h>
#include <weir/state/expiring_store.h>
#include <weir/state/key_encoder.h>
#include <weir/state/store_options.h>

namespace weir {

template <class K, class V>
class SliceStore final : public ExpiringStore<V> {
 public:
  using Row = Timestamped<V>;

  // A piece that changed since the last commit, and by what it was changed last.
  struct Changed {
    K key{};
    Bytes key_bytes;
    Timestamp from = 0;
    Timestamp slice = 0;
    std::optional<Row> before;  // as it was when it was last told of, if that was asked for
    Headers headers;
    Origin origin;
  };
  // Is told of all of them at once, in the order in which they changed last.
  using Listener = std::function<void(std::vector<Changed> changed)>;

  SliceStore(StoreContext context, const StoreOptions& options)
      : ExpiringStore<V>(std::move(context), options, kSessionTail) {}

  // Returns whether a write to such a slice would be taken.
  [[nodiscard]] bool accepts(Timestamp slice) const { return this->clock().accepts(slice); }

  // Changes a piece where it lies, as KeyValueStore::modify. For a slice that is expired `change` is not called and null is
  // returned. Requires 0 <= from <= slice.
  template <class F>
    requires std::invocable<F&, std::optional<Row>&>
  const Row* modify(const K& key, Timestamp from, Timestamp slice, Timestamp timestamp, F&& change,
                    BytesView key_bytes = {}, const RecordInfo* cause = nullptr) {
    if (!this->observe(slice)) return nullptr;
    encode_session_key(this->clock().bucket_of(slice), key_encoder_(key, key_bytes), from, slice,
                       located_buffer_);
    return this->modify_row(located_buffer_, timestamp, std::forward<F>(change), cause);
  }

  // Calls visit(from, slice, row) for each of the key's pieces that count in a window with first <= start <= last; by slice,
  // then by `from`. The row is valid until the visitor returns; the visitor may use the store, and the visit will not notice.
  template <class F>
    requires std::invocable<F&, Timestamp, Timestamp, const Row&>
  void visit(const K& key, Timestamp first, Timestamp last, F&& visit, BytesView key_bytes = {}) {
    const TimeSpan span{.from = first, .to = this->clock().observed(), .latest_start = last};
    if (span.from > span.to) return;
    this->visit_one(key_encoder_(key, key_bytes), span, [&](BytesView bytes, const Row& row) {
      const SessionKey piece = *split_session_key(bytes);
      visit(piece.start, piece.end, row);
    });
  }

  // Calls visit(key bytes, row) for the pieces of all keys that count in the window that starts there, whose last time is
  // `last_time`, as they were before the first call.
  template <class F>
    requires std::invocable<F&, BytesView, const Row&>
  void visit_window(Timestamp start, Timestamp last_time, F&& visit) {
    walk(start, last_time, start, [&](const SessionKey& piece, const Row& row) { visit(piece.key, row); });
  }

  // Returns the slices with pieces that count in a window with first <= start <= last, whose last time is `last_time`; each
  // once, ascending.
  [[nodiscard]] std::vector<Timestamp> slices(Timestamp first, Timestamp last, Timestamp last_time) {
    std::vector<Timestamp> slices;
    walk(first, last_time, last, [&](const SessionKey& piece, const Row&) {
      if (slices.empty() || slices.back() != piece.end) slices.push_back(piece.end);
    });
    std::sort(slices.begin(), slices.end());
    slices.erase(std::unique(slices.begin(), slices.end()), slices.end());
    return slices;
  }

  // Registers who is told at the commit which pieces changed.
  void on_commit(EmitOptions options, Listener listener) {
    this->enable_emission(options);
    listener_ = std::move(listener);
  }

  bool emit_pending() override {
    changed_.clear();
    if (!ExpiringStore<V>::emit_pending()) return false;
    listener_(std::exchange(changed_, {}));
    return true;
  }

 protected:
  void emit(BytesView bytes, const Row*, const Row* before, Timestamp, const Headers& headers,
            const Origin& origin) override {
    const auto piece = split_session_key(bytes);
    Changed changed;
    absl::Status status = piece.ok() ? Serde<K>::decode(piece->key, changed.key) : piece.status();
    if (!status.ok()) {
      this->fail(with_context(status, "a stored key does not decode"));
      return;
    }
    changed.key_bytes = Bytes(piece->key);
    changed.from = piece->start;
    changed.slice = piece->end;
    if (before != nullptr) changed.before = *before;
    changed.headers = headers;
    changed.origin = origin;
    changed_.push_back(std::move(changed));
  }

  BytesView changelog_key(BytesView key, Bytes&) const override { return key.substr(sizeof(Timestamp)); }

  absl::StatusOr<NullableBytes> store_key(BytesView changelog_key, bool look, Bytes& buffer) override {
    const auto piece = split_session_changelog_key(changelog_key);
    if (!piece.ok()) return piece.status();
    if (look) {
      this->clock().observe(piece->end);
      return NullableBytes();
    }
    if (piece->end < this->clock().first_live()) return NullableBytes();
    encode_session_key(this->clock().bucket_of(piece->end), piece->key, piece->start, piece->end, buffer);
    return NullableBytes(buffer);
  }

 private:
  template <class F>
  void walk(Timestamp first_slice, Timestamp last_slice, Timestamp latest_from, F&& take) {
    const TimeSpan span{.from = first_slice,
                        .to = std::min(last_slice, this->clock().observed()),
                        .latest_start = latest_from};
    if (span.from > span.to) return;
    RowCursor<V> rows = this->walk_many(std::nullopt, std::nullopt, span, Direction::kForward);
    while (rows.next()) {
      const auto piece = split_session_key(rows.key_bytes());
      if (!piece.ok()) {
        rows.end(piece.status());
        return;
      }
      take(*piece, rows.row());
    }
  }

  Listener listener_;
  std::vector<Changed> changed_;
  KeyEncoder<K> key_encoder_;
  Bytes located_buffer_;
};

// Describes a slice store to a topology. `windows` says which windows its pieces belong to: it is part of the store's kind,
// since the same pieces mean something else in others. Pieces are kept for `retention` after the store's clock passed their
// slice. `segment` as for window_store_spec, of slices.
template <class K, class V>
[[nodiscard]] StoreSpec slice_store_spec(std::string name, const std::string& windows, Duration retention,
                                         Duration segment = Duration(-1), const StoreOptions& options = {}) {
  StoreSpec spec;
  spec.name = std::move(name);
  spec.kind = "slices of " + windows;
  spec.key_format = std::string(Serde<K>::kFormat);
  spec.value_format = std::string(Serde<V>::kFormat);
  spec.persistent = options.persistent;
  spec.logged = options.logged;
  spec.retention = retention.count() < 0 ? Duration(-1) : retention;
  spec.segment = segment.count() <= 0 ? default_segment(spec.retention) : segment;
  spec.builder = StoreBuilder([options](StoreContext context) {
    return std::make_unique<SliceStore<K, V>>(std::move(context), options);
  });
  return spec;
}

}  // namespace weir
