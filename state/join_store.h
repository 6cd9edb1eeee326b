// A store of rows by key and time that keeps several rows of one key and time, in the order in which they came: what
// joins of two streams keep of each side.
//
//   weir::JoinStore<std::string, Order>& orders = ...;
//   if (!orders.put("anna", timestamp, order)) ++dropped;                  // older than the store keeps
//   payments.visit("anna", timestamp - before, timestamp + after,
//                  [&](weir::Timestamp time, const Payment& payment) { pairs.emplace_back(time, payment); });
//
// Rows come by ascending time, those of one time in the order of arrival. They are never changed or erased: with a
// retention r, rows with time <= clock - r are expired, where the clock is the largest time the store was ever asked to
// write (or told by advance). Expired rows are refused by put and not found by reads; their space is given back bucket by
// bucket, at commits. A row's timestamp is its time.
//
// The order of arrival is a number that counts the store's puts modulo 2^31, starts at 1, and goes on where it was after
// a restart.
//
// In all else it is like WindowStore. Thread safety: none; a store belongs to the worker that owns its task.
#pragma once

#include <concepts>
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

namespace weir {

// Walks over rows as they were when it was made; the store may be written meanwhile.
template <class K, class V>
class JoinCursor {
 public:
  struct Entry {
    const K& key;
    Timestamp time;
    const V& value;
  };

  explicit JoinCursor(RowCursor<V> rows) : rows_(std::move(rows)) {}
  // Over nothing.
  JoinCursor() = default;

  // Moves on, the first time to the first row. Returns whether there is one.
  [[nodiscard]] bool next() {
    if (!rows_ || !rows_->next()) return false;
    const auto row = split_join_key(rows_->key_bytes());
    if (!row.ok()) return rows_->end(row.status());
    time_ = row->time;
    key_bytes_ = row->key;
    if (absl::Status status = Serde<K>::decode(row->key, key_); !status.ok()) {
      return rows_->end(with_context(status, "a stored key does not decode"));
    }
    return true;
  }

  // Valid until next(). Require that it returned true.
  [[nodiscard]] const K& key() const { return key_; }
  [[nodiscard]] Timestamp time() const { return time_; }
  [[nodiscard]] const V& value() const { return rows_->row().value; }
  [[nodiscard]] BytesView key_bytes() const { return key_bytes_; }

  // For `for`: a cursor can be walked once.
  class Iterator {
   public:
    explicit Iterator(JoinCursor* cursor) : cursor_(cursor) {}
    Entry operator*() const { return {cursor_->key_, cursor_->time_, cursor_->value()}; }
    Iterator& operator++() {
      more_ = cursor_->next();
      return *this;
    }
    bool operator==(std::default_sentinel_t) const { return !more_; }

   private:
    JoinCursor* cursor_;
    bool more_ = false;
  };
  [[nodiscard]] Iterator begin() { return ++Iterator(this); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  std::optional<RowCursor<V>> rows_;
  K key_{};
  BytesView key_bytes_;
  Timestamp time_ = 0;
};

template <class K, class V>
class JoinStore final : public ExpiringStore<V> {
 public:
  using Cursor = JoinCursor<K, V>;

  JoinStore(StoreContext context, const StoreOptions& options)
      : ExpiringStore<V>(std::move(context), options, kJoinTail, /*has_extra=*/true) {}

  // Returns whether a row of that time would be taken.
  [[nodiscard]] bool accepts(Timestamp time) const { return this->clock().accepts(time); }

  // Adds a row. Returns false, and adds nothing, if it is expired (or before the epoch).
  [[nodiscard]] bool put(const K& key, Timestamp time, V value, BytesView key_bytes = {}) {
    if (!this->observe(time)) return false;
    abandon_expired();
    std::uint64_t& sequence = this->extra();
    sequence = (sequence + 1) & kLastSequence;
    encode_join_key(this->clock().bucket_of(time), key_encoder_(key, key_bytes), time,
                    static_cast<std::uint32_t>(sequence), located_buffer_);
    this->put_row(located_buffer_, std::move(value), time, nullptr);
    return true;
  }

  // Calls visit(time, value) for the rows of one key with from <= time <= to, by ascending time, then in the order of
  // arrival. No cursor and no snapshot is made, and a visit that finds little allocates nothing. The value is valid until
  // the visitor returns; the visitor may use the store, also put, and the visit will not notice.
  template <class F>
    requires std::invocable<F&, Timestamp, const V&>
  void visit(const K& key, Timestamp from, Timestamp to, F&& visit, BytesView key_bytes = {}) {
    TimeSpan span{from, to};
    if (!this->clip(span)) return;
    this->visit_one(key_encoder_(key, key_bytes), span,
                    [&](BytesView, const Timestamped<V>& row) { visit(row.timestamp, row.value); });
  }

  // The same rows in the same order, or the other way round, as a cursor.
  [[nodiscard]] Cursor fetch(const K& key, Timestamp from, Timestamp to, BytesView key_bytes = {}) {
    return walk(key, {from, to}, key_bytes, Direction::kForward);
  }
  [[nodiscard]] Cursor reverse_fetch(const K& key, Timestamp from, Timestamp to, BytesView key_bytes = {}) {
    return walk(key, {from, to}, key_bytes, Direction::kBackward);
  }

  // The rows of the keys from <= k <= to (nothing: open) with from_time <= time <= to_time, ordered by bucket
  // (time / segment), then by the key's bytes, then as above; or the other way round.
  [[nodiscard]] Cursor fetch_range(const std::optional<K>& from, const std::optional<K>& to,
                                   Timestamp from_time, Timestamp to_time) {
    return walk(from, to, {from_time, to_time}, Direction::kForward);
  }
  [[nodiscard]] Cursor reverse_fetch_range(const std::optional<K>& from, const std::optional<K>& to,
                                           Timestamp from_time, Timestamp to_time) {
    return walk(from, to, {from_time, to_time}, Direction::kBackward);
  }
  [[nodiscard]] Cursor fetch_all(Timestamp from, Timestamp to) { return fetch_range({}, {}, from, to); }
  [[nodiscard]] Cursor reverse_fetch_all(Timestamp from, Timestamp to) {
    return reverse_fetch_range({}, {}, from, to);
  }
  [[nodiscard]] Cursor all() { return fetch_all(0, kLastTimestamp); }
  [[nodiscard]] Cursor reverse_all() { return reverse_fetch_all(0, kLastTimestamp); }

 protected:
  // Nobody can listen: what a join emits does not depend on commits.
  void emit(BytesView, const Timestamped<V>*, const Timestamped<V>*, Timestamp, const Headers&,
            const Origin&) override {}

  BytesView changelog_key(BytesView key, Bytes&) const override { return key.substr(sizeof(Timestamp)); }

  absl::StatusOr<NullableBytes> store_key(BytesView changelog_key, bool look, Bytes& buffer) override {
    const auto row = split_join_changelog_key(changelog_key);
    if (!row.ok()) return row.status();
    if (row->time < 0) return absl::DataLossError("a row of a join is from before the epoch");
    if (look) {
      this->clock().observe(row->time);
      this->extra() = row->sequence;  // rows are logged as they came
      return NullableBytes();
    }
    if (row->time < this->clock().first_live()) return NullableBytes();
    encode_join_key(this->clock().bucket_of(row->time), row->key, row->time, row->sequence, buffer);
    return NullableBytes(buffer);
  }

 private:
  static constexpr std::uint64_t kLastSequence = 0x7fffffff;

  // Forgets uncommitted rows that have expired, the oldest first: whoever keeps rows for a shorter time than lies between
  // two commits writes few of them. Two for a new one keep up.
  void abandon_expired() {
    if (this->visiting()) return;
    for (int i = 0; i < 2; ++i) {
      const Slot oldest = this->overlay().first_dirty();
      if (oldest == kNoSlot || this->overlay().timestamp(oldest) >= this->clock().first_live()) return;
      this->overlay().abandon(oldest);
    }
  }

  Cursor walk(const K& key, TimeSpan span, BytesView key_bytes, Direction direction) {
    if (!this->clip(span)) return Cursor();
    return Cursor(this->walk_one(key_encoder_(key, key_bytes), span, direction));
  }
  Cursor walk(const std::optional<K>& from, const std::optional<K>& to, TimeSpan span, Direction direction) {
    if (!this->clip(span)) return Cursor();
    return Cursor(this->walk_many(KeyEncoder<K>::bound(from), KeyEncoder<K>::bound(to), span, direction));
  }

  KeyEncoder<K> key_encoder_;
  Bytes located_buffer_;
};

// Describes a join store to a topology. Rows are kept for `retention` after the store's clock passed their time; a negative
// one keeps them for ever. `segment` as for window_store_spec.
template <class K, class V>
[[nodiscard]] StoreSpec join_store_spec(std::string name, Duration retention, Duration segment = Duration(-1),
                                        const StoreOptions& options = {}) {
  StoreSpec spec;
  spec.name = std::move(name);
  spec.kind = "join";
  spec.key_format = std::string(Serde<K>::kFormat);
  spec.value_format = std::string(Serde<V>::kFormat);
  spec.persistent = options.persistent;
  spec.logged = options.logged;
  spec.retention = retention.count() < 0 ? Duration(-1) : retention;
  spec.segment = segment.count() <= 0 ? default_segment(spec.retention) : segment;
  spec.builder = StoreBuilder([options](StoreContext context) {
    return std::make_unique<JoinStore<K, V>>(std::move(context), options);
  });
  return spec;
}

}  // namespace weir
