// For how long a topic remembers deletions. Who has read it up to a moment that is longer ago may have missed one for good:
// compaction has taken the deleted row and its tombstone.
//
// Thread safety: values and functions without state.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <weir/core/clock.h>
#include <weir/core/transport.h>

namespace weir {

// How long each topic keeps a tombstone; one that is not there keeps all it was told.
using TombstoneLifetimes = std::map<std::string, Duration, std::less<>>;

// As brokers have it where a topic says nothing else.
inline constexpr Duration kDefaultTombstoneLifetime = std::chrono::hours{24};

// Returns nothing for a topic that is known not to be compacted.
[[nodiscard]] std::optional<Duration> tombstone_lifetime(const TopicDescription& topic);

}  // namespace weir
