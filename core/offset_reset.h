// Where to begin to read.
#pragma once

namespace weir {

// Where to begin a partition that has no committed position, or one that the broker no longer holds.
enum class OffsetReset { kEarliest, kLatest, kFail };

}  // namespace weir
