// Time as Kafka counts it.
#pragma once

#include <chrono>
#include <cstdint>

namespace weir {

// Milliseconds since the Unix epoch, as in a Kafka record. Negative is invalid.
using Timestamp = std::int64_t;

inline constexpr Timestamp kNoTimestamp = -1;

using Duration = std::chrono::milliseconds;

}  // namespace weir
