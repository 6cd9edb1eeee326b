// A store of rows by key and session: what session aggregates keep.
//
//   weir::SessionStore<std::string, std::int64_t>& sessions = ...;
//   std::int64_t sum = 1;
//   for (const auto& session : sessions.find_sessions("anna", time - gap, time + gap)) sum += session.row.value;
//   if (!sessions.put("anna", start, end, sum, timestamp)) ++dropped;      // older than the store keeps
//
// A session lasts from its start to its end, both included. The store has a clock of its own: the largest end it was ever
// asked to write (or told by advance). With a retention r, sessions with end <= clock - r are expired: writes to them are
// refused and reads do not find them. In that, and in all else, it is like WindowStore.
//
// Thread safety: none; a store belongs to the worker that owns its task.
#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
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

// Walks over sessions as they were when it was made; the store may be written meanwhile.
template <class K, class V>
class SessionCursor {
 public:
  struct Entry {
    const K& key;
    Timestamp start;
    Timestamp end;
    const Timestamped<V>& row;
  };

  explicit SessionCursor(RowCursor<V> rows) : rows_(std::move(rows)) {}
  // Over nothing.
  SessionCursor() = default;

  // Moves on, the first time to the first session. Returns whether there is one.
  [[nodiscard]] bool next() {
    if (!rows_ || !rows_->next()) return false;
    const auto session = split_session_key(rows_->key_bytes());
    if (!session.ok()) return rows_->end(session.status());
    session_ = *session;
    if (absl::Status status = Serde<K>::decode(session_.key, key_); !status.ok()) {
      return rows_->end(with_context(status, "a stored key does not decode"));
    }
    return true;
  }

  // Valid until next(). Require that it returned true.
  [[nodiscard]] const K& key() const { return key_; }
  [[nodiscard]] Timestamp start() const { return session_.start; }
  [[nodiscard]] Timestamp end_time() const { return session_.end; }
  [[nodiscard]] const V& value() const { return rows_->row().value; }
  [[nodiscard]] Timestamp timestamp() const { return rows_->row().timestamp; }
  [[nodiscard]] BytesView key_bytes() const { return session_.key; }

  // For `for`: a cursor can be walked once.
  class Iterator {
   public:
    explicit Iterator(SessionCursor* cursor) : cursor_(cursor) {}
    Entry operator*() const {
      return {cursor_->key_, cursor_->start(), cursor_->end_time(), cursor_->rows_->row()};
    }
    Iterator& operator++() {
      more_ = cursor_->next();
      return *this;
    }
    bool operator==(std::default_sentinel_t) const { return !more_; }

   private:
    SessionCursor* cursor_;
    bool more_ = false;
  };
  [[nodiscard]] Iterator begin() { return ++Iterator(this); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  std::optional<RowCursor<V>> rows_;
  K key_{};
  SessionKey session_;  // its key borrows from rows_
};

template <class K, class V>
class SessionStore final : public ExpiringStore<V> {
 public:
  using Row = Timestamped<V>;
  using Cursor = SessionCursor<K, V>;

  // A session of its own, as find_sessions_all returns it.
  struct Session {
    K key{};
    Timestamp start = 0;
    Timestamp end = 0;
    Row row;
    Bytes key_bytes;
  };

  // As KeyValueStore::Listener, with the bounds of the session.
  using Listener =
      std::function<void(const K& key, Timestamp start, Timestamp end, const Row* now, const Row* before,
                         Timestamp timestamp, const Headers& headers, const Origin& origin)>;

  SessionStore(StoreContext context, const StoreOptions& options)
      : ExpiringStore<V>(std::move(context), options, kSessionTail) {}

  // Returns whether a write to a session with that end would be taken.
  [[nodiscard]] bool accepts(Timestamp end) const { return this->clock().accepts(end); }

  // Returns the row, or null. Valid as long as that of KeyValueStore::find.
  [[nodiscard]] const Row* find(const K& key, Timestamp start, Timestamp end, BytesView key_bytes = {}) {
    if (end < this->clock().first_live()) return nullptr;
    return this->find_row(located(key, start, end, key_bytes));
  }

  // Writes a row. Returns false, and writes nothing, if the session is expired (or starts before the epoch, or ends before
  // it starts).
  [[nodiscard]] bool put(const K& key, Timestamp start, Timestamp end, V value, Timestamp timestamp,
                         BytesView key_bytes = {}, const RecordInfo* cause = nullptr) {
    if (!observe_session(start, end)) return false;
    this->put_row(located(key, start, end, key_bytes), std::move(value), timestamp, cause);
    return true;
  }

  // Erases a row. Returns false if the session is expired.
  bool erase(const K& key, Timestamp start, Timestamp end, Timestamp timestamp, BytesView key_bytes = {},
             const RecordInfo* cause = nullptr) {
    if (!observe_session(start, end)) return false;
    this->erase_row(located(key, start, end, key_bytes), timestamp, cause);
    return true;
  }

  // The sessions of one key with end >= earliest_end and start <= latest_start, by end, then by start; or the other way
  // round. Those that touch a record at t within a gap: (t - gap, t + gap).
  [[nodiscard]] Cursor find_sessions(const K& key, Timestamp earliest_end, Timestamp latest_start,
                                     BytesView key_bytes = {}) {
    return walk(key, {.from = earliest_end, .latest_start = latest_start}, key_bytes, Direction::kForward);
  }
  [[nodiscard]] Cursor reverse_find_sessions(const K& key, Timestamp earliest_end, Timestamp latest_start,
                                             BytesView key_bytes = {}) {
    return walk(key, {.from = earliest_end, .latest_start = latest_start}, key_bytes, Direction::kBackward);
  }
  [[nodiscard]] Cursor fetch(const K& key, BytesView key_bytes = {}) {
    return walk(key, {}, key_bytes, Direction::kForward);
  }
  [[nodiscard]] Cursor reverse_fetch(const K& key, BytesView key_bytes = {}) {
    return walk(key, {}, key_bytes, Direction::kBackward);
  }

  // Calls visit(start, end, row) for what find_sessions would yield, as WindowStore::visit does.
  template <class F>
    requires std::invocable<F&, Timestamp, Timestamp, const Row&>
  void visit_sessions(const K& key, Timestamp earliest_end, Timestamp latest_start, F&& visit,
                      BytesView key_bytes = {}) {
    TimeSpan span{.from = earliest_end, .latest_start = latest_start};
    if (!this->clip(span)) return;
    this->visit_one(key_encoder_(key, key_bytes), span, [&](BytesView bytes, const Row& row) {
      const SessionKey session = *split_session_key(bytes);
      visit(session.start, session.end, row);
    });
  }

  // The sessions of the keys from <= k <= to (nothing: open), ordered by bucket (end / segment), then by the key's bytes,
  // then by end and start; or the other way round.
  [[nodiscard]] Cursor find_sessions_range(const std::optional<K>& from, const std::optional<K>& to,
                                           Timestamp earliest_end, Timestamp latest_start) {
    return walk(from, to, {.from = earliest_end, .latest_start = latest_start}, Direction::kForward);
  }
  [[nodiscard]] Cursor reverse_find_sessions_range(const std::optional<K>& from, const std::optional<K>& to,
                                                   Timestamp earliest_end, Timestamp latest_start) {
    return walk(from, to, {.from = earliest_end, .latest_start = latest_start}, Direction::kBackward);
  }
  [[nodiscard]] Cursor all() { return find_sessions_range({}, {}, 0, kLastTimestamp); }
  [[nodiscard]] Cursor reverse_all() { return reverse_find_sessions_range({}, {}, 0, kLastTimestamp); }

  // Returns the sessions of all keys with from_end <= end <= to_end, by end, then start, then the key's bytes: the order in
  // which they close. Reads the buckets that those ends lie in.
  [[nodiscard]] std::vector<Session> find_sessions_all(Timestamp from_end, Timestamp to_end) {
    TimeSpan span{.from = from_end, .to = to_end};
    if (!this->clip(span)) return {};
    std::vector<Session> sessions;
    for (Cursor cursor(this->walk_many(std::nullopt, std::nullopt, span, Direction::kForward));
         cursor.next();) {
      sessions.push_back({cursor.key(),
                          cursor.start(),
                          cursor.end_time(),
                          {cursor.value(), cursor.timestamp()},
                          Bytes(cursor.key_bytes())});
    }
    std::sort(sessions.begin(), sessions.end(), [](const Session& left, const Session& right) {
      return std::tie(left.end, left.start, left.key_bytes) <
             std::tie(right.end, right.start, right.key_bytes);
    });
    return sessions;
  }

  // Registers who is told at the commit which sessions changed, as KeyValueStore::on_commit. Sessions that expired after
  // they changed are told as well.
  void on_commit(EmitOptions options, Listener listener) {
    this->enable_emission(options);
    listener_ = std::move(listener);
  }

 protected:
  void emit(BytesView bytes, const Row* now, const Row* before, Timestamp timestamp, const Headers& headers,
            const Origin& origin) override {
    const auto session = split_session_key(bytes);
    K key{};
    absl::Status status = session.ok() ? Serde<K>::decode(session->key, key) : session.status();
    if (!status.ok()) {
      this->fail(with_context(status, "a stored key does not decode"));
      return;
    }
    listener_(key, session->start, session->end, now, before, timestamp, headers, origin);
  }

  BytesView changelog_key(BytesView key, Bytes&) const override { return key.substr(sizeof(Timestamp)); }

  absl::StatusOr<NullableBytes> store_key(BytesView changelog_key, bool look, Bytes& buffer) override {
    const auto session = split_session_changelog_key(changelog_key);
    if (!session.ok()) return session.status();
    if (look) {
      this->clock().observe(session->end);
      return NullableBytes();
    }
    if (session->end < this->clock().first_live()) return NullableBytes();
    encode_session_key(this->clock().bucket_of(session->end), session->key, session->start, session->end,
                       buffer);
    return NullableBytes(buffer);
  }

 private:
  bool observe_session(Timestamp start, Timestamp end) {
    return start >= 0 && end >= start && this->observe(end);
  }

  // Returns the byte store's key, valid until the next call.
  BytesView located(const K& key, Timestamp start, Timestamp end, BytesView key_bytes) {
    encode_session_key(this->clock().bucket_of(end), key_encoder_(key, key_bytes), start, end,
                       located_buffer_);
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

// Describes a session store to a topology. Sessions are kept for `retention` after the store's clock passed their end; a
// negative one keeps them for ever. `segment` as for window_store_spec, of ends.
template <class K, class V>
[[nodiscard]] StoreSpec session_store_spec(std::string name, Duration retention,
                                           Duration segment = Duration(-1),
                                           const StoreOptions& options = {}) {
  StoreSpec spec;
  spec.name = std::move(name);
  spec.kind = "session";
  spec.key_format = std::string(Serde<K>::kFormat);
  spec.value_format = std::string(Serde<V>::kFormat);
  spec.persistent = options.persistent;
  spec.logged = options.logged;
  spec.retention = retention.count() < 0 ? Duration(-1) : retention;
  spec.segment = segment.count() <= 0 ? default_segment(spec.retention) : segment;
  spec.builder = StoreBuilder([options](StoreContext context) {
    return std::make_unique<SessionStore<K, V>>(std::move(context), options);
  });
  return spec;
}

}  // namespace weir
