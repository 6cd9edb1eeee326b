// Which partition a key belongs to: the same one the Java clients choose.
#pragma once

#include <cstdint>

#include <weir/core/bytes.h>
#include <weir/core/topic_partition.h>

namespace weir {

// Returns the 32-bit murmur2 hash as Kafka's Java clients compute it (their int, seen as unsigned).
[[nodiscard]] std::uint32_t murmur2(BytesView key);

// Returns the partition of an already hashed key among `count` (> 0): the sign bit is cleared, then the
// remainder taken.
[[nodiscard]] inline Partition partition_for_hash(std::uint32_t hash, Partition count) {
  return static_cast<Partition>((hash & 0x7fffffffU) % static_cast<std::uint32_t>(count));
}

// Returns the partition of a key among `count` (> 0), Java-compatible.
[[nodiscard]] inline Partition partition_for_key(BytesView key, Partition count) {
  return partition_for_hash(murmur2(key), count);
}

}  // namespace weir
