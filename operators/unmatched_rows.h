// What the store of unmatched records holds.
//
//   key:    time(8) · side(1) · key                             as Kafka Streams writes them: by time, right before left
//   value:  1 · count(4) · (size(4) · side(1) · value)...       several records of a key and time wait in one row
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include <absl/container/inlined_vector.h>
#include <absl/status/status.h>

#include <weir/core/serde.h>
#include <weir/operators/join_windows.h>

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

}  // namespace weir
