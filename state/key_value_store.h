// A store of rows by key: what tables and aggregates keep, and what a processor of your own may keep.
//
//   weir::KeyValueStore<std::string, std::int64_t>& counts = ...;
//   counts.put("anna", 7, timestamp);
//   if (const auto* row = counts.find("anna")) use(row->value, row->timestamp);
//   for (const auto& [key, row] : counts.range("a", "m")) use(key, row.value);
//
// Writes stay in memory until the task commits; reads see them at once. A failed commit takes them all back. A read that
// fails (the disk, bytes that no longer decode) answers that there is nothing, and the commit then fails with the reason.
//
// `key_bytes` are the key as Serde<K> encodes it, for callers that have them at hand (Record::key_bytes); they are used
// only where the serde is canonical. A null data() says that they are not known.
//
// Thread safety: none; a store belongs to the worker that owns its task.
#pragma once

#include <algorithm>
#include <any>
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
#include <weir/state/key_encoder.h>
#include <weir/state/recency.h>
#include <weir/state/store_options.h>
#include <weir/state/typed_store.h>

namespace weir {

// Walks over rows in the order of their keys' bytes, as they were when it was made; the store may be written meanwhile.
template <class K, class V>
class KeyValueCursor {
 public:
  struct Entry {
    const K& key;
    const Timestamped<V>& row;
  };

  // `prefix`: how many bytes stand before the key in the byte store.
  explicit KeyValueCursor(RowCursor<V> rows, std::size_t prefix = 0)
      : rows_(std::move(rows)), prefix_(prefix) {}

  // Moves on, the first time to the first row. Returns whether there is one.
  [[nodiscard]] bool next() {
    if (!rows_.next()) return false;
    if (absl::Status status = Serde<K>::decode(key_bytes(), key_); !status.ok()) {
      return rows_.end(with_context(status, "a stored key does not decode"));
    }
    return true;
  }

  // Valid until next(). Require that it returned true.
  [[nodiscard]] const K& key() const { return key_; }
  [[nodiscard]] const V& value() const { return rows_.row().value; }
  [[nodiscard]] Timestamp timestamp() const { return rows_.row().timestamp; }
  [[nodiscard]] BytesView key_bytes() const { return rows_.key_bytes().substr(prefix_); }

  // For `for`: a cursor can be walked once.
  class Iterator {
   public:
    explicit Iterator(KeyValueCursor* cursor) : cursor_(cursor) {}
    Entry operator*() const { return {cursor_->key_, cursor_->rows_.row()}; }
    Iterator& operator++() {
      more_ = cursor_->next();
      return *this;
    }
    bool operator==(std::default_sentinel_t) const { return !more_; }

   private:
    friend class KeyValueCursor;
    KeyValueCursor* cursor_;
    bool more_ = false;
  };
  [[nodiscard]] Iterator begin() { return ++Iterator(this); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  RowCursor<V> rows_;
  std::size_t prefix_;
  K key_{};
};

template <class K, class V>
class KeyValueStore final : public TypedStore<V> {
 public:
  using Row = Timestamped<V>;
  using Cursor = KeyValueCursor<K, V>;

  // `now` is null if the row was erased. `before`, if asked for, is the row emitted last, null if there was none.
  // Headers and origin are those of the record that wrote last.
  using Listener = std::function<void(const K& key, const Row* now, const Row* before, Timestamp timestamp,
                                      const Headers& headers, const Origin& origin)>;

  KeyValueStore(StoreContext context, const StoreOptions& options)
      : TypedStore<V>(std::move(context), options.cache_bytes) {
    if (options.max_rows > 0) recency_ = std::make_unique<Recency>(options.max_rows);
  }

  // Returns the row, or null. Valid until the next call on the store; a row that was changed since the last commit lies
  // still until it is changed again or the next commit ends.
  [[nodiscard]] const Row* find(const K& key, BytesView key_bytes = {}) {
    const BytesView bytes = key_encoder_(key, key_bytes);
    const Row* row = this->find_row(bytes);
    if (recency_ != nullptr && row != nullptr) note_use(bytes);
    return row;
  }

  // Writes a row. `cause` is the record that made the caller do so; a listener hears of its headers and origin.
  void put(const K& key, V value, Timestamp timestamp, BytesView key_bytes = {},
           const RecordInfo* cause = nullptr) {
    const BytesView bytes = key_encoder_(key, key_bytes);
    this->put_row(bytes, std::move(value), timestamp, cause);
    if (recency_ != nullptr) keep_to_limit(bytes, timestamp);
  }

  // Writes rows, in their order.
  template <class Rows>
  void put_all(const Rows& rows, Timestamp timestamp) {
    for (const auto& [key, value] : rows) put(key, value, timestamp);
  }

  // The same where the caller knows that there is no row. One that is erased before the next commit then leaves no trace.
  void put_new(const K& key, V value, Timestamp timestamp, BytesView key_bytes = {}) {
    this->put_new_row(key_encoder_(key, key_bytes), std::move(value), timestamp);
  }

  // Writes a row if there is none. Returns the one that is there already, or null if it wrote.
  const Row* put_if_absent(const K& key, V value, Timestamp timestamp, BytesView key_bytes = {},
                           const RecordInfo* cause = nullptr) {
    const BytesView bytes = key_encoder_(key, key_bytes);
    if (const Row* row = this->find_row(bytes)) {
      if (recency_ != nullptr) note_use(bytes);
      return row;
    }
    this->put_row(bytes, std::move(value), timestamp, cause);
    if (recency_ != nullptr) keep_to_limit(bytes, timestamp);
    return nullptr;
  }

  // Changes a row where it lies, with one look-up: change(std::optional<Timestamped<V>>& row) finds it empty if there is no
  // row, and what it leaves is written; leaving it empty erases, with `timestamp`. Returns the new row, or null. `change`
  // must not call the store, and if it throws it must have left the row alone.
  //
  //   counts.modify(key, timestamp, [&](auto& row) {
  //     if (!row) row.emplace();
  //     ++row->value;
  //     row->timestamp = timestamp;
  //   });
  template <class F>
    requires std::invocable<F&, std::optional<Row>&>
  const Row* modify(const K& key, Timestamp timestamp, F&& change, BytesView key_bytes = {},
                    const RecordInfo* cause = nullptr) {
    const BytesView bytes = key_encoder_(key, key_bytes);
    const Row* row = this->modify_row(bytes, timestamp, std::forward<F>(change), cause);
    if (recency_ != nullptr) {
      if (row != nullptr) {
        keep_to_limit(bytes, row->timestamp);
      } else {
        recency_->forget(bytes);
      }
    }
    return row;
  }

  // Erases a row; nothing happens if there is none. The timestamp is that of the tombstone.
  void erase(const K& key, Timestamp timestamp, BytesView key_bytes = {}, const RecordInfo* cause = nullptr) {
    const BytesView bytes = key_encoder_(key, key_bytes);
    this->erase_row(bytes, timestamp, cause);
    if (recency_ != nullptr) recency_->forget(bytes);
  }

  // The same, and returns whether there was one: it is read if need be. A row that was written by put_new since the last
  // commit leaves no trace.
  bool remove(const K& key, Timestamp timestamp, BytesView key_bytes = {}) {
    return this->remove_row(key_encoder_(key, key_bytes), timestamp);
  }

  // Calls visit(key, row) for what range(from, to) would yield, without a cursor and its snapshot. Key and row are valid
  // until the visitor returns; the visitor may use the store, and the visit will not notice.
  template <class F>
    requires std::invocable<F&, const K&, const Row&>
  void visit(const K& from, const K& to, F&& visit) {
    K key{};
    const auto set_range = [&](ByteRange& range) {
      range.from.clear();
      Serde<K>::encode(from, range.from);
      if (!range.until) range.until.emplace();
      range.until->clear();
      Serde<K>::encode(to, *range.until);
      range.until->push_back('\0');
    };
    this->visit_rows(
        set_range, EveryKey(),
        [&](BytesView bytes, const Row& row) {
          if (absl::Status status = Serde<K>::decode(bytes, key); !status.ok()) {
            this->fail(with_context(status, "a stored key does not decode"));
          } else {
            visit(std::as_const(key), row);
          }
        },
        std::numeric_limits<std::size_t>::max(), /*committed_too=*/true);
  }

  // Rows in the order of their keys' bytes. Bounds are inclusive; a missing one is open; from > to is empty.
  [[nodiscard]] Cursor range(const std::optional<K>& from, const std::optional<K>& to) {
    return walk(from, to, Direction::kForward);
  }
  [[nodiscard]] Cursor reverse_range(const std::optional<K>& from, const std::optional<K>& to) {
    return walk(from, to, Direction::kBackward);
  }
  [[nodiscard]] Cursor all() { return walk(std::nullopt, std::nullopt, Direction::kForward); }
  [[nodiscard]] Cursor reverse_all() { return walk(std::nullopt, std::nullopt, Direction::kBackward); }

  // Rows whose keys' bytes begin with those of `prefix`, which may be of another type than the key.
  template <Serializable P>
  [[nodiscard]] Cursor prefix(const P& prefix) {
    Bytes bytes;
    Serde<P>::encode(prefix, bytes);
    return prefix_bytes(bytes);
  }
  [[nodiscard]] Cursor prefix_bytes(BytesView prefix) {
    return Cursor(this->cursor({Bytes(prefix), end_of_prefix(prefix)}, nullptr, Direction::kForward));
  }

  // Registers who is told, when the task commits, which rows changed since the last time, in the order of their last
  // write. A row made and erased in between is not mentioned. Replaces an earlier listener. Call before the first write.
  void on_commit(EmitOptions options, Listener listener) {
    this->enable_emission(options);
    listener_ = std::move(listener);
  }

  // -------------------------------------------------------------------------------------- what the task store calls

  void drop() override {
    TypedStore<V>::drop();
    if (recency_ != nullptr) recency_->forget_all();
  }
  void restored() override {
    TypedStore<V>::restored();
    if (recency_ != nullptr) recency_->forget_all();
  }

 protected:
  void emit(BytesView key_bytes, const Row* now, const Row* before, Timestamp timestamp,
            const Headers& headers, const Origin& origin) override {
    K key{};
    if (absl::Status status = Serde<K>::decode(key_bytes, key); !status.ok()) {
      this->fail(with_context(status, "a stored key does not decode"));
      return;
    }
    listener_(key, now, before, timestamp, headers, origin);
  }

 private:
  Cursor walk(const std::optional<K>& from, const std::optional<K>& to, Direction direction) {
    ByteRange range;
    if (from) range.from = *KeyEncoder<K>::bound(from);
    if (to) range.until = successor(*KeyEncoder<K>::bound(to));
    return Cursor(this->cursor(range, nullptr, direction));
  }

  void note_use(BytesView key) {
    load_recency();
    recency_->use(key);
  }

  void keep_to_limit(BytesView key, Timestamp timestamp) {
    note_use(key);
    while (const auto surplus = recency_->surplus()) {
      this->erase_row_quietly(*surplus, timestamp);
      recency_->forget(*surplus);
    }
  }

  void load_recency() {
    if (recency_->loaded()) return;
    recency_->set_loaded();
    std::vector<std::pair<Timestamp, Bytes>> rows;
    for (Cursor cursor = all(); cursor.next();) rows.emplace_back(cursor.timestamp(), cursor.key_bytes());
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto& left, const auto& right) { return left.first < right.first; });
    for (const auto& [timestamp, key] : rows) recency_->use(key);
  }

  Listener listener_;
  std::unique_ptr<Recency> recency_;  // null: all rows are kept
  KeyEncoder<K> key_encoder_;
};

// Describes a key-value store to a topology.
template <class K, class V>
[[nodiscard]] StoreSpec key_value_store_spec(std::string name, const StoreOptions& options = {}) {
  StoreSpec spec;
  spec.name = std::move(name);
  spec.kind = "key-value";
  spec.key_format = std::string(Serde<K>::kFormat);
  spec.value_format = std::string(Serde<V>::kFormat);
  spec.persistent = options.persistent;
  spec.logged = options.logged;
  spec.builder = StoreBuilder([options](StoreContext context) {
    return std::make_unique<KeyValueStore<K, V>>(std::move(context), options);
  });
  return spec;
}

}  // namespace weir
