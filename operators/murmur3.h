// A 128-bit hash that tells two versions of a row apart, as Kafka Streams computes it.
#pragma once

#include <cstdint>

#include <weir/core/bytes.h>

namespace weir {

struct Hash128 {
  std::uint64_t first = 0;
  std::uint64_t second = 0;

  bool operator==(const Hash128&) const = default;
};

// Returns MurmurHash3 (x64, 128 bits) with the seed that Kafka Streams uses.
[[nodiscard]] Hash128 murmur3(BytesView bytes);

}  // namespace weir
