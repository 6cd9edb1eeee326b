// The records of a left or outer join that wait for a match, in a store of their own, and the join's clock.
//
//   key:    time(8) · side(1) · key                             as Kafka Streams writes them: by time, right before left
//   value:  1 · count(4) · (size(4) · side(1) · value)...       several records of a key and time wait in one row
//
// Thread safety: none; belongs to a join's node.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <absl/container/inlined_vector.h>

#include <weir/core/node.h>
#include <weir/core/serde.h>
#include <weir/core/status.h>
#include <weir/operators/join_windows.h>
#include <weir/operators/store_access.h>
#include <weir/operators/unmatched_times.h>
#include <weir/state/key_value_store.h>

namespace weir {

template <class K>
struct UnmatchedKey {
  Timestamp time = 0;
  JoinSide side = JoinSide::kRight;
  // None in a bound for walks: it comes before all keys of its time.
  std::optional<K> key;
};

// The right side of a left join, none of whose records wait.
using Nobody = std::monostate;

// Records of one side.
template <class L, class R>
struct UnmatchedRow {
  absl::InlinedVector<std::variant<L, R>, 1> records;

  bool operator==(const UnmatchedRow&) const = default;
};

[[nodiscard]] absl::Status not_an_unmatched_row();

template <class K>
struct Serde<UnmatchedKey<K>> {
  static constexpr std::string_view kFormat = Serde<K>::kFormat;
  static constexpr bool kCanonical = Serde<K>::kCanonical;
  static constexpr std::size_t kHead = sizeof(Timestamp) + 1;

  static void encode(const UnmatchedKey<K>& key, Bytes& out) {
    put_big_endian(key.time, out);
    if (!key.key) return;
    out.push_back(static_cast<char>(key.side));
    Serde<K>::encode(*key.key, out);
  }
  static absl::Status decode(BytesView bytes, UnmatchedKey<K>& key) {
    if (bytes.size() < kHead) return wrong_size(kHead, bytes.size());
    key.time = get_big_endian<Timestamp>(bytes.data());
    key.side = bytes[kHead - 1] == 0 ? JoinSide::kRight : JoinSide::kLeft;
    if (!key.key) key.key.emplace();
    return Serde<K>::decode(bytes.substr(kHead), *key.key);
  }
};

template <class L, class R>
struct Serde<UnmatchedRow<L, R>> {
  static constexpr std::string_view kFormat = Serde<L>::kFormat;
  static constexpr bool kCanonical = false;

  static void encode(const UnmatchedRow<L, R>& row, Bytes& out) {
    out.push_back('\1');
    put_big_endian(static_cast<std::int32_t>(row.records.size()), out);
    for (const auto& record : row.records) {
      const std::size_t at = out.size();
      out.append(sizeof(std::int32_t), '\0');
      if (record.index() == 0) {
        encode_record<0>(record, JoinSide::kLeft, out);
      } else {
        encode_record<1>(record, JoinSide::kRight, out);
      }
      Bytes size;  // four bytes: no memory is allocated
      put_big_endian(static_cast<std::int32_t>(out.size() - at - sizeof(std::int32_t)), size);
      out.replace(at, size.size(), size);
    }
  }

  static absl::Status decode(BytesView bytes, UnmatchedRow<L, R>& row) {
    row.records.clear();
    constexpr std::size_t kSize = sizeof(std::int32_t);
    if (bytes.size() < 1 + kSize || bytes[0] != '\1') return not_an_unmatched_row();
    bytes.remove_prefix(1 + kSize);
    while (!bytes.empty()) {
      if (bytes.size() < kSize) return not_an_unmatched_row();
      const auto size = static_cast<std::uint32_t>(get_big_endian<std::int32_t>(bytes.data()));
      bytes.remove_prefix(kSize);
      if (size == 0 || size > bytes.size()) return not_an_unmatched_row();
      const BytesView value = bytes.substr(1, size - 1);
      const absl::Status decoded =
          bytes[0] == 0 ? decode_record<1>(value, row) : decode_record<0>(value, row);
      if (!decoded.ok()) return decoded;
      bytes.remove_prefix(size);
    }
    return absl::OkStatus();
  }

 private:
  using Record = std::variant<L, R>;
  template <std::size_t index>
  static constexpr bool kNobody = std::same_as<std::variant_alternative_t<index, Record>, Nobody>;

  template <std::size_t index>
  static void encode_record(const Record& record, JoinSide side, Bytes& out) {
    out.push_back(static_cast<char>(side));
    if constexpr (!kNobody<index>) {
      Serde<std::variant_alternative_t<index, Record>>::encode(std::get<index>(record), out);
    }
  }
  template <std::size_t index>
  static absl::Status decode_record(BytesView bytes, UnmatchedRow<L, R>& row) {
    if constexpr (kNobody<index>) {
      return not_an_unmatched_row();
    } else {
      return Serde<std::variant_alternative_t<index, Record>>::decode(
          bytes, std::get<index>(row.records.emplace_back(std::in_place_index<index>)));
    }
  }
};

template <class K, class L, class R>
class Unmatched {
 public:
  using Key = UnmatchedKey<K>;
  using Row = UnmatchedRow<L, R>;
  using Store = KeyValueStore<Key, Row>;

  [[nodiscard]] static StoreSpec store_spec(const std::string& name, const StoreOptions& options) {
    StoreSpec spec = key_value_store_spec<Key, Row>(name, options);
    spec.key_format.insert(0, "time, side, ");
    if constexpr (!std::same_as<R, Nobody>) spec.value_format.append(" or ").append(Serde<R>::kFormat);
    return spec;
  }

  explicit Unmatched(const JoinWindows& windows) : windows_(windows) {}

  void open(TaskContext& context, const Node& node, const std::string& store) {
    store_ = &typed_store<Store>(context, node, store);
    seen_ = context.persistent_time(store);
    bound_ = context.persistent_time(store + ".bound");
    typename Store::Cursor rows = store_->all();
    while (rows.next()) times_.add(rows.key().side, rows.key().time);
  }

  // The largest timestamp of either side.
  [[nodiscard]] Timestamp seen() const { return *seen_; }
  void see(Timestamp time) { *seen_ = std::max(*seen_, time); }

  template <JoinSide side, class V>
  void add(const K& key, Timestamp time, const V& value) {
    constexpr auto kWhich = std::in_place_index < side == JoinSide::kLeft ? 0 : 1 > ;
    *bound_ = *bound_ == kNoTimestamp ? time : std::min(*bound_, time);
    const Key& at = located(side, time, key);
    if (times_.has(side, time)) {
      bool is_new = false;
      store_->modify(at, time, [&](std::optional<Timestamped<Row>>& row) {
        is_new = !row;
        if (!row) row.emplace();
        row->timestamp = time;
        row->value.records.emplace_back(kWhich, value);
      });
      if (is_new) times_.add(side, time);
    } else {
      Row row;
      row.records.emplace_back(kWhich, value);
      store_->put(at, std::move(row), time);
      times_.add(side, time);
    }
  }

  void remove(JoinSide side, const K& key, Timestamp time) {
    if (!times_.has(side, time)) return;
    bool was_there = false;
    store_->modify(located(side, time, key), time, [&](std::optional<Timestamped<Row>>& row) {
      was_there = row.has_value();
      row.reset();
    });
    if (was_there) times_.remove(side, time);
  }

  // Takes out what has waited long enough, and calls f(key, time, record) for each: by time, right before left, by key, in
  // the order of arrival. `arriving` is the side of the record that is the reason to look.
  template <class F>
  void expire(JoinSide arriving, F&& f) {
    if (*bound_ == kNoTimestamp || !windows_.expired(arriving, *bound_, *seen_)) return;
    const Timestamp open_left = windows_.first_open(JoinSide::kLeft, *seen_);
    const Timestamp open_right = windows_.first_open(JoinSide::kRight, *seen_);
    *bound_ = times_.bound_after_search(open_left, open_right);

    // Before this time everything has expired, after it one side only.
    const Timestamp open = std::min(open_left, open_right);
    if (const Timestamp first = times_.next(0); first != kNoTimestamp && first < open) {
      take_out(store_->range(Key{first, {}, {}}, Key{open, {}, {}}), f);
    }
    const JoinSide longer = open_left > open ? JoinSide::kLeft : JoinSide::kRight;
    const Timestamp end = std::max(open_left, open_right);
    for (Timestamp time = times_.next(longer, open); time != kNoTimestamp && time < end;
         time = times_.next(longer, time + 1)) {
      Bytes prefix;
      put_big_endian(time, prefix);
      prefix.push_back(static_cast<char>(longer));
      take_out(store_->prefix_bytes(prefix), f);
    }
  }

 private:
  const Key& located(JoinSide side, Timestamp time, const K& key) {
    key_.time = time;
    key_.side = side;
    key_.key = key;
    return key_;
  }

  template <class F>
  void take_out(typename Store::Cursor rows, F& f) {
    while (rows.next()) {
      const Key& key = rows.key();
      times_.remove(key.side, key.time);
      store_->erase(key, key.time);
      for (const auto& record : rows.value().records) f(*key.key, key.time, record);
    }
  }

  const JoinWindows windows_;
  Store* store_ = nullptr;
  Timestamp* seen_ = nullptr;
  Timestamp* bound_ = nullptr;  // Kafka Streams' guess of the earliest time in the store
  UnmatchedTimes times_;        // of the rows in the store
  Key key_;                     // reused, so that its memory is
};

}  // namespace weir
