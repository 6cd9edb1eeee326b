// A record that owns its bytes, for those who make records by hand.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <weir/core/bytes.h>
#include <weir/core/headers.h>
#include <weir/core/raw_record.h>
#include <weir/core/time.h>
#include <weir/core/topic_partition.h>

namespace weir {

struct OwnedRecord {
  std::optional<Bytes> key = {};
  std::optional<Bytes> value = {};
  Timestamp timestamp = 0;
  Headers headers = {};
  Offset offset = kNoOffset;

  bool operator==(const OwnedRecord&) const = default;
};

// Returns owned bytes as a view that may be null.
[[nodiscard]] inline NullableBytes view_of(const std::optional<Bytes>& bytes) {
  return bytes ? NullableBytes(*bytes) : std::nullopt;
}

// Returns a copy of bytes that may be null.
[[nodiscard]] inline std::optional<Bytes> copy_of(const NullableBytes& bytes) {
  return bytes ? std::optional<Bytes>(*bytes) : std::nullopt;
}

// Returns the record in the form in which a transport delivers it; the result owns everything.
[[nodiscard]] inline RawRecord to_raw(OwnedRecord record) {
  static constexpr RawRecord::Backing kBacking{
      .release = [](void* owner) noexcept { delete static_cast<OwnedRecord*>(owner); },
      .read_headers =
          [](const void* owner, Headers& headers) {
            for (const Header& header : static_cast<const OwnedRecord*>(owner)->headers) {
              headers.add(header.name, header.value);
            }
          },
  };
  auto owned = std::make_unique<OwnedRecord>(std::move(record));
  const OwnedRecord& kept = *owned;
  RawRecord raw(&kBacking, owned.release());
  raw.key = view_of(kept.key);
  raw.value = view_of(kept.value);
  raw.timestamp = kept.timestamp;
  raw.offset = kept.offset;
  return raw;
}

}  // namespace weir
