// A store of rows by key that remembers what they were: what versioned tables keep.
//
//   weir::VersionedStore<std::string, Price>& prices = ...;
//   if (!prices.put("anna", price, timestamp).accepted) ++dropped;          // older than the history
//   if (const auto* row = prices.find("anna")) use(row->value);             // the latest version
//   if (const auto* row = prices.find_as_of("anna", order_time)) use(row->value);
//
// A version is valid from its own timestamp until that of the next one. Versions may come out of order. An absent value is
// a tombstone: from then on there is no row. The store's clock is the largest timestamp ever put under any key; with a
// history h, puts with timestamp < clock - h are refused, and reads as of such a time find the latest version only if it
// was valid already then. The latest version of a key never expires. A history that is negative is kept for ever.
//
// How it lies in the byte store (integers big-endian):
//
//   the latest version       0xff · key                       its timestamp, value
//   an older one             bucket(8) · key · valid to(8)    its timestamp, value        bucket = valid to / segment
//   end of what is not there bucket(8) · key · valid to(8)    the same time, any value
//
// So a version as of t is the first of its key whose end is beyond t, if it began by then, and old versions expire like
// windows. What lies between the end of one version and the timestamp of the next was deleted. Where a tombstone ends no
// version, a row that begins where it ends marks it; only such rows stand for themselves in "valid to".
//
// The changelog has a record (key, value, timestamp) per put, as Kafka Streams writes it. A put out of order is followed by
// the latest version once more, so that compaction, which keeps a key's last record, keeps that one.
//
// In all else it is like KeyValueStore, except that nobody can listen to its commits: what is downstream of a versioned
// table wants every version. Thread safety: none; a store belongs to the worker that owns its task.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/core/bytes.h>
#include <weir/core/raw_record.h>
#include <weir/core/record.h>
#include <weir/core/serde.h>
#include <weir/core/task_store.h>
#include <weir/core/time.h>
#include <weir/state/expiring_store.h>
#include <weir/state/key_encoder.h>
#include <weir/state/key_value_store.h>
#include <weir/state/put_log.h>
#include <weir/state/store_options.h>

namespace weir {

// What became of a put.
struct VersionPut {
  bool accepted = false;
  // When the next version, or tombstone, takes over; nothing if this is the latest.
  std::optional<Timestamp> valid_to = std::nullopt;

  [[nodiscard]] bool latest() const { return accepted && !valid_to; }
};

// A version of its own.
template <class V>
struct Version {
  V value{};
  Timestamp valid_from = 0;
  std::optional<Timestamp> valid_to = std::nullopt;

  bool operator==(const Version&) const = default;
};

template <class K, class V>
class VersionedStore final : public ExpiringStore<V> {
 public:
  using Row = Timestamped<V>;
  using Cursor = KeyValueCursor<K, V>;

  VersionedStore(StoreContext context, const StoreOptions& options)
      : ExpiringStore<V>(std::move(context), options, kWindowTail) {}

  // Returns whether a put with that timestamp would be taken.
  [[nodiscard]] bool accepts(Timestamp timestamp) const { return timestamp >= oldest_known(timestamp); }

  // Returns the latest version, null if there is none or it is a tombstone. Valid until the next call on the store.
  [[nodiscard]] const Row* find(const K& key, BytesView key_bytes = {}) {
    return this->find_row(latest_key(key_encoder_(key, key_bytes)));
  }

  // Returns the version that was valid at a time, or null. Valid until the next call on the store.
  [[nodiscard]] const Row* find_as_of(const K& key, Timestamp time, BytesView key_bytes = {}) {
    const BytesView bytes = key_encoder_(key, key_bytes);
    const Row* latest = this->find_row(latest_key(bytes));
    if (latest != nullptr && latest->timestamp <= time) return latest;
    if (time < oldest_known()) return nullptr;
    std::optional<Old> found = first_ended_after(bytes, time);
    if (!found || found->row.timestamp > time) return nullptr;
    as_of_ = std::move(found->row);
    return &as_of_;
  }

  // Returns the versions of a key that were valid at any time from <= t <= to, oldest first.
  [[nodiscard]] std::vector<Version<V>> versions(const K& key, Timestamp from, Timestamp to,
                                                 BytesView key_bytes = {}) {
    const BytesView bytes = key_encoder_(key, key_bytes);
    std::vector<Version<V>> versions;
    TimeSpan span{.from = from < kLastTimestamp ? from + 1 : from};
    if (this->clip(span)) {
      this->visit_one(bytes, span, [&](BytesView row_key, const Row& row) {
        const Timestamp valid_to = split_window_key(row_key)->start;
        if (row.timestamp <= to && row.timestamp < valid_to)
          versions.push_back({row.value, row.timestamp, valid_to});
      });
    }
    const Row* latest = this->find_row(latest_key(bytes));
    if (latest != nullptr && latest->timestamp <= to)
      versions.push_back({latest->value, latest->timestamp, std::nullopt});
    return versions;
  }

  // Adds a version, or a tombstone; replaces one of the same timestamp.
  VersionPut put(const K& key, std::optional<V> value, Timestamp timestamp, BytesView key_bytes = {}) {
    if (!accepts(timestamp)) return {};
    const BytesView bytes = key_encoder_(key, key_bytes);
    const bool logged = this->spec().logged;
    if (logged) {
      log_.append(bytes, timestamp, value.has_value(), [&](Bytes& out) { Serde<V>::encode(*value, out); });
    }
    const std::optional<Timestamp> valid_to = insert(bytes, std::move(value), timestamp);
    if (logged && valid_to) log_latest(bytes);
    return {.accepted = true, .valid_to = valid_to};
  }

  // Adds a tombstone. Returns the version that was valid then; nothing if there was none, or if the tombstone was refused.
  std::optional<Row> erase(const K& key, Timestamp timestamp, BytesView key_bytes = {}) {
    if (!accepts(timestamp)) return std::nullopt;
    std::optional<Row> before;
    if (const Row* row = find_as_of(key, timestamp, key_bytes)) before = *row;
    put(key, std::nullopt, timestamp, key_bytes);
    return before;
  }

  // Latest versions in the order of their keys' bytes, as KeyValueStore has them.
  [[nodiscard]] Cursor range(const std::optional<K>& from, const std::optional<K>& to) {
    return walk(from, to, Direction::kForward);
  }
  [[nodiscard]] Cursor reverse_range(const std::optional<K>& from, const std::optional<K>& to) {
    return walk(from, to, Direction::kBackward);
  }
  [[nodiscard]] Cursor all() { return walk(std::nullopt, std::nullopt, Direction::kForward); }
  [[nodiscard]] Cursor reverse_all() { return walk(std::nullopt, std::nullopt, Direction::kBackward); }

  // -------------------------------------------------------------------------------------- what the task store calls

  void drop() override {
    ExpiringStore<V>::drop();
    log_.clear();
  }

  [[nodiscard]] std::size_t uncommitted_bytes() const override {
    return ExpiringStore<V>::uncommitted_bytes() + log_.size_bytes();
  }

  // Puts one by one: where a version goes depends on those before it. Nothing is refused, since what was logged was
  // accepted once.
  [[nodiscard]] absl::Status stage_restore(std::span<const RawRecord> records) override {
    for (const RawRecord& record : records) {
      if (!record.key) continue;
      std::optional<V> value;
      if (record.value) {
        if (absl::Status status = Serde<V>::decode(*record.value, value.emplace()); !status.ok()) {
          return with_context(
              status, fmt::format("changelog of store '{}', offset {}", this->spec().name, record.offset));
        }
      }
      insert(*record.key, std::move(value), record.timestamp);
    }
    if (absl::Status status = this->failure(); !status.ok()) return status;
    return this->stage(nullptr);
  }
  void restored() override { this->applied(); }

 protected:
  // Nobody can listen.
  void emit(BytesView, const Row*, const Row*, Timestamp, const Headers&, const Origin&) override {}

  bool logs_rows() const override { return false; }
  void encode_log(ChangelogWriter& changelog) override {
    log_.write(this->spec(), changelog);
    log_.clear();
  }

  ByteRange live_range() const override { return {Bytes(1, kLatest), std::nullopt}; }
  std::shared_ptr<const KeyFilter> live_filter() const override { return nullptr; }
  BytesView query_key(BytesView key) const override {
    return key.substr(std::min<std::size_t>(key.size(), 1));
  }

 private:
  static constexpr char kLatest = '\xff';  // beyond all buckets

  // An older version, or the mark of a tombstone: then it has no length.
  struct Old {
    Row row;
    Timestamp valid_to = 0;
  };

  // Returns the oldest time the history tells of, if the clock had also seen `timestamp`.
  [[nodiscard]] Timestamp oldest_known(Timestamp timestamp = kNoTimestamp) const {
    return std::max<Timestamp>(this->clock().first_live(timestamp) - 1, 0);
  }

  BytesView latest_key(BytesView key) {
    latest_buffer_.assign(1, kLatest);
    latest_buffer_.append(key);
    return latest_buffer_;
  }
  BytesView old_key(BytesView key, Timestamp valid_to) {
    encode_window_key(this->clock().bucket_of(valid_to), key, valid_to, old_buffer_);
    return old_buffer_;
  }

  std::optional<Old> first_ended_after(BytesView key, Timestamp time) {
    std::optional<Old> found;
    if (time >= this->clock().observed()) return found;  // the usual case: nothing has ended after it
    TimeSpan span{.from = time + 1};
    if (!this->clip(span)) return found;
    this->visit_one(
        key, span,
        [&](BytesView row_key, const Row& row) {
          found = Old{row, split_window_key(row_key)->start};
        },
        1);
    return found;
  }

  // Returns when the version ends; nothing if it is the latest.
  std::optional<Timestamp> insert(BytesView key, std::optional<V> value, Timestamp timestamp) {
    this->clock().observe(timestamp);
    const Row* latest = this->find_row(latest_key(key));
    if (latest != nullptr && latest->timestamp <= timestamp) {
      replace_latest(key, std::move(value), timestamp);
      return std::nullopt;
    }
    std::optional<Timestamp> valid_to;
    if (latest != nullptr) valid_to = latest->timestamp;
    std::optional<Old> next = first_ended_after(key, timestamp);
    if (!next && !valid_to) {
      replace_latest(key, std::move(value), timestamp);
      return std::nullopt;
    }
    const bool inside = next && next->row.timestamp <= timestamp;
    if (next) valid_to = inside ? next->valid_to : next->row.timestamp;
    if (inside && next->row.timestamp < timestamp) put_old(key, std::move(next->row), timestamp);
    if (value) {
      put_old(key, {std::move(*value), timestamp}, *valid_to);
    } else {
      if (inside) mark(key, *valid_to);
      if (this->clock().accepts(timestamp) && this->find_row(old_key(key, timestamp)) == nullptr)
        mark(key, timestamp);
    }
    return valid_to;
  }

  // Makes a version the latest one; the one before it, if any, is older or has the same timestamp.
  void replace_latest(BytesView key, std::optional<V> value, Timestamp timestamp) {
    const bool tombstone = !value;
    std::optional<Row> before;
    this->modify_row(
        latest_key(key), timestamp,
        [&](std::optional<Row>& row) {
          if (row && row->timestamp < timestamp) before = std::move(row);
          row.reset();
          if (value) row.emplace(Row{std::move(*value), timestamp});
        },
        nullptr);
    if (before) {
      put_old(key, *std::move(before), timestamp);
    } else if (tombstone && this->clock().accepts(timestamp) &&
               this->find_row(old_key(key, timestamp)) == nullptr) {
      mark(key, timestamp);
    }
  }

  void put_old(BytesView key, Row row, Timestamp valid_to) {
    if (!this->clock().accepts(valid_to)) return;
    const Timestamp valid_from = row.timestamp;
    this->put_row(old_key(key, valid_to), std::move(row.value), valid_from, nullptr);
  }
  void mark(BytesView key, Timestamp time) { put_old(key, {V{}, time}, time); }

  void log_latest(BytesView key) {
    if (const Row* latest = this->find_row(latest_key(key))) {
      log_.append(key, latest->timestamp, true, [&](Bytes& out) { Serde<V>::encode(latest->value, out); });
      return;
    }
    TimeSpan span;
    if (!this->clip(span)) return;
    RowCursor<V> newest = this->walk_one(key, span, Direction::kBackward);
    if (!newest.next()) return;
    const auto deleted = split_window_key(newest.key_bytes());
    if (deleted.ok()) log_.append(key, deleted->start, false, [](Bytes&) {});
  }

  Cursor walk(const std::optional<K>& from, const std::optional<K>& to, Direction direction) {
    ByteRange range{Bytes(1, kLatest), std::nullopt};
    if (from) range.from += *KeyEncoder<K>::bound(from);
    if (to) range.until = successor(kLatest + *KeyEncoder<K>::bound(to));
    return Cursor(this->cursor(range, nullptr, direction), /*prefix=*/1);
  }

  PutLog log_;
  Row as_of_;
  KeyEncoder<K> key_encoder_;
  Bytes latest_buffer_;
  Bytes old_buffer_;
};

// Describes a versioned store to a topology. `history`: how long a version can be found after the next one came. `segment`
// is the width of a bucket of versions that is given back at once, as for window_store_spec.
template <class K, class V>
[[nodiscard]] StoreSpec versioned_store_spec(std::string name, Duration history,
                                             Duration segment = Duration(-1),
                                             const StoreOptions& options = {}) {
  StoreSpec spec;
  spec.name = std::move(name);
  spec.kind = "versioned key-value";
  spec.key_format = std::string(Serde<K>::kFormat);
  spec.value_format = std::string(Serde<V>::kFormat);
  spec.persistent = options.persistent;
  spec.logged = options.logged;
  spec.versioned = true;
  spec.retention = history.count() < 0 ? Duration(-1) : history;
  spec.segment = segment.count() <= 0 ? default_segment(spec.retention) : segment;
  spec.builder = StoreBuilder([options](StoreContext context) {
    return std::make_unique<VersionedStore<K, V>>(std::move(context), options);
  });
  return spec;
}

}  // namespace weir
