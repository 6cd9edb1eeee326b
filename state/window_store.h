// A store of rows by key and window start: what windowed aggregates and joins keep.
//
//   weir::WindowStore<std::string, std::int64_t>& counts = ...;
//   if (!counts.put("anna", window_start, 7, timestamp)) ++dropped;      // older than the store keeps
//   for (const auto& window : counts.fetch("anna", from, to)) use(window.start, window.row.value);
//
// The store has a clock of its own: the largest start it was ever asked to write (or told by advance). With a retention r,
// windows with start <= clock - r are expired: writes to them are refused and reads do not find them, in memory and on
// disk alike, from the moment the clock says so. Their memory and files are given back bucket by bucket, at commits. A
// failed commit turns the clock back too.
//
// In all else it is like KeyValueStore: writes stay in memory until the commit, cursors own a snapshot, failed reads fail
// the commit, `key_bytes` are the key as its serde encodes it if the caller has them.
//
// Thread safety: none; a store belongs to the worker that owns its task.
#pragma once

#include <any>
#include <concepts>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/bytes.h>
#include <weir/core/record.h>
#include <weir/core/serde.h>
#include <weir/core/task_store.h>
#include <weir/core/time.h>
#include <weir/state/expiring_store.h>
#include <weir/state/key_encoder.h>
#include <weir/state/store_options.h>
#include <weir/state/window_keys.h>

namespace weir {

// Walks over windows as they were when it was made; the store may be written meanwhile.
template <class K, class V>
class WindowCursor {
 public:
  struct Entry {
    const K& key;
    Timestamp start;
    const Timestamped<V>& row;
  };

  explicit WindowCursor(RowCursor<V> rows) : rows_(std::move(rows)) {}
  // Over nothing.
  WindowCursor() = default;

  // Moves on, the first time to the first window. Returns whether there is one.
  [[nodiscard]] bool next() {
    if (!rows_ || !rows_->next()) return false;
    const auto window = split_window_key(rows_->key_bytes());
    if (!window.ok()) return rows_->end(window.status());
    start_ = window->start;
    key_bytes_ = window->key;
    if (absl::Status status = Serde<K>::decode(window->key, key_); !status.ok()) {
      return rows_->end(with_context(status, "a stored key does not decode"));
    }
    return true;
  }

  // Valid until next(). Require that it returned true.
  [[nodiscard]] const K& key() const { return key_; }
  [[nodiscard]] Timestamp start() const { return start_; }
  [[nodiscard]] const V& value() const { return rows_->row().value; }
  [[nodiscard]] Timestamp timestamp() const { return rows_->row().timestamp; }
  [[nodiscard]] BytesView key_bytes() const { return key_bytes_; }

  // For `for`: a cursor can be walked once.
  class Iterator {
   public:
    explicit Iterator(WindowCursor* cursor) : cursor_(cursor) {}
    Entry operator*() const { return {cursor_->key_, cursor_->start_, cursor_->rows_->row()}; }
    Iterator& operator++() {
      more_ = cursor_->next();
      return *this;
    }
    bool operator==(std::default_sentinel_t) const { return !more_; }

   private:
    WindowCursor* cursor_;
    bool more_ = false;
  };
  [[nodiscard]] Iterator begin() { return ++Iterator(this); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  std::optional<RowCursor<V>> rows_;
  K key_{};
  BytesView key_bytes_;
  Timestamp start_ = 0;
};

template <class K, class V>
class WindowStore final : public ExpiringStore<V> {
 public:
  using Row = Timestamped<V>;
  using Cursor = WindowCursor<K, V>;

  // As KeyValueStore::Listener, with the start of the window.
  using Listener = std::function<void(const K& key, Timestamp start, const Row* now, const Row* before,
                                      Timestamp timestamp, const Headers& headers, const Origin& origin)>;

  WindowStore(StoreContext context, const StoreOptions& options)
      : ExpiringStore<V>(std::move(context), options, kWindowTail) {}

  // Returns whether a write to such a window would be taken.
  [[nodiscard]] bool accepts(Timestamp start) const { return this->clock().accepts(start); }

  // Returns the row, or null. Valid as long as that of KeyValueStore::find.
  [[nodiscard]] const Row* find(const K& key, Timestamp start, BytesView key_bytes = {}) {
    if (start < this->clock().first_live()) return nullptr;
    return this->find_row(located(key, start, key_bytes));
  }

  // Writes a row. Returns false, and writes nothing, if the window is expired (or starts before the epoch).
  [[nodiscard]] bool put(const K& key, Timestamp start, V value, Timestamp timestamp,
                         BytesView key_bytes = {}, const RecordInfo* cause = nullptr) {
    if (!this->observe(start)) return false;
    this->put_row(located(key, start, key_bytes), std::move(value), timestamp, cause);
    return true;
  }

  // Changes a row where it lies, as KeyValueStore::modify. For a window that is expired `change` is not called and null is
  // returned: ask accepts() before, to tell that from a row left empty.
  template <class F>
    requires std::invocable<F&, std::optional<Row>&>
  const Row* modify(const K& key, Timestamp start, Timestamp timestamp, F&& change, BytesView key_bytes = {},
                    const RecordInfo* cause = nullptr) {
    if (!this->observe(start)) return nullptr;
    return this->modify_row(located(key, start, key_bytes), timestamp, std::forward<F>(change), cause);
  }

  // Erases a row. Returns false if the window is expired.
  bool erase(const K& key, Timestamp start, Timestamp timestamp, BytesView key_bytes = {},
             const RecordInfo* cause = nullptr) {
    if (!this->observe(start)) return false;
    this->erase_row(located(key, start, key_bytes), timestamp, cause);
    return true;
  }

  // The windows of one key with from <= start <= to, by ascending or descending start.
  [[nodiscard]] Cursor fetch(const K& key, Timestamp from, Timestamp to, BytesView key_bytes = {}) {
    return walk(key, {from, to}, key_bytes, Direction::kForward);
  }
  [[nodiscard]] Cursor reverse_fetch(const K& key, Timestamp from, Timestamp to, BytesView key_bytes = {}) {
    return walk(key, {from, to}, key_bytes, Direction::kBackward);
  }

  // Calls visit(start, row) for what fetch would yield, without a cursor and its snapshot: for a look per record. The row is
  // valid until the visitor returns or writes it; the visitor may use the store, and the visit will not notice.
  template <class F>
    requires std::invocable<F&, Timestamp, const Row&>
  void visit(const K& key, Timestamp from, Timestamp to, F&& visit, BytesView key_bytes = {}) {
    TimeSpan span{from, to};
    if (!this->clip(span)) return;
    this->visit_one(key_encoder_(key, key_bytes), span,
                    [&](BytesView bytes, const Row& row) { visit(split_window_key(bytes)->start, row); });
  }

  // The windows of the keys from <= k <= to (nothing: open) with from_start <= start <= to_start, ordered by bucket
  // (start / segment), then by the key's bytes, then by start; or the other way round. With a segment as wide as the
  // distance of two windows that is: by start, then by key.
  [[nodiscard]] Cursor fetch_range(const std::optional<K>& from, const std::optional<K>& to,
                                   Timestamp from_start, Timestamp to_start) {
    return walk(from, to, {from_start, to_start}, Direction::kForward);
  }
  [[nodiscard]] Cursor reverse_fetch_range(const std::optional<K>& from, const std::optional<K>& to,
                                           Timestamp from_start, Timestamp to_start) {
    return walk(from, to, {from_start, to_start}, Direction::kBackward);
  }

  // The windows of all keys, in that order.
  [[nodiscard]] Cursor fetch_all(Timestamp from, Timestamp to) { return fetch_range({}, {}, from, to); }
  [[nodiscard]] Cursor reverse_fetch_all(Timestamp from, Timestamp to) {
    return reverse_fetch_range({}, {}, from, to);
  }
  [[nodiscard]] Cursor all() { return fetch_all(0, kLastTimestamp); }
  [[nodiscard]] Cursor reverse_all() { return reverse_fetch_all(0, kLastTimestamp); }

  // Registers who is told at the commit which windows changed, as KeyValueStore::on_commit. Windows that expired after they
  // changed are told as well.
  void on_commit(EmitOptions options, Listener listener) {
    this->enable_emission(options);
    listener_ = std::move(listener);
  }

 protected:
  void emit(BytesView bytes, const Row* now, const Row* before, Timestamp timestamp, const Headers& headers,
            const Origin& origin) override {
    const auto window = split_window_key(bytes);
    K key{};
    absl::Status status = window.ok() ? Serde<K>::decode(window->key, key) : window.status();
    if (!status.ok()) {
      this->fail(with_context(status, "a stored key does not decode"));
      return;
    }
    listener_(key, window->start, now, before, timestamp, headers, origin);
  }

  BytesView changelog_key(BytesView key, Bytes& buffer) const override {
    buffer.assign(key.substr(sizeof(Timestamp)));
    put_big_endian(std::int32_t{0}, buffer);
    return buffer;
  }

  absl::StatusOr<NullableBytes> store_key(BytesView changelog_key, bool look, Bytes& buffer) override {
    const auto window = split_window_changelog_key(changelog_key);
    if (!window.ok()) return window.status();
    if (look) {
      this->clock().observe(window->start);
      return NullableBytes();
    }
    if (window->start < this->clock().first_live()) return NullableBytes();
    encode_window_key(this->clock().bucket_of(window->start), window->key, window->start, buffer);
    return NullableBytes(buffer);
  }

 private:
  // Returns the byte store's key, valid until the next call.
  BytesView located(const K& key, Timestamp start, BytesView key_bytes) {
    encode_window_key(this->clock().bucket_of(start), key_encoder_(key, key_bytes), start, located_buffer_);
    return located_buffer_;
  }

  Cursor walk(const K& key, TimeSpan span, BytesView key_bytes, Direction direction) {
    if (!this->clip(span)) return Cursor();
    return Cursor(this->walk_one(key_encoder_(key, key_bytes), span, direction));
  }
  Cursor walk(const std::optional<K>& from, const std::optional<K>& to, TimeSpan span, Direction direction) {
    if (!this->clip(span)) return Cursor();
    return Cursor(this->walk_many(KeyEncoder<K>::bound(from), KeyEncoder<K>::bound(to), span, direction));
  }

  Listener listener_;
  KeyEncoder<K> key_encoder_;
  Bytes located_buffer_;
};

// Describes a window store to a topology. Windows are kept for `retention` after the store's clock passed their start; a
// negative one keeps them for ever. `segment` is the width of a bucket that is given back at once (default: half of the
// retention, at least a minute): narrow ones free memory sooner, wide ones make walks over long times cheaper.
template <class K, class V>
[[nodiscard]] StoreSpec window_store_spec(std::string name, Duration retention,
                                          Duration segment = Duration(-1), const StoreOptions& options = {}) {
  StoreSpec spec;
  spec.name = std::move(name);
  spec.kind = "window";
  spec.key_format = std::string(Serde<K>::kFormat);
  spec.value_format = std::string(Serde<V>::kFormat);
  spec.persistent = options.persistent;
  spec.logged = options.logged;
  spec.retention = retention.count() < 0 ? Duration(-1) : retention;
  spec.segment = segment.count() <= 0 ? default_segment(spec.retention) : segment;
  spec.builder = StoreBuilder([options](StoreContext context) {
    return std::make_unique<WindowStore<K, V>>(std::move(context), options);
  });
  return spec;
}

}  // namespace weir
