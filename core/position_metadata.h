// What a task writes beside the positions it commits: its times.
//
// A store on disk keeps the times of its task; a task whose stores are in memory, and one that moves to another instance, find
// them in the group. Each position has room for a little text, which the broker limits (offset.metadata.max.bytes, 4096 bytes
// by default):
//
//   weir1 <name>=<time> <name>=<time> ...
//
// In a name '%', '=', spaces and what is not printable ASCII are written as %xx.
//
// Thread safety: all functions may be called from any thread.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/time.h>
#include <weir/core/topic_partition.h>

namespace weir {

// Names and times in milliseconds.
using NamedTimes = std::map<std::string, Timestamp, std::less<>>;

// The most that is written beside one position: what any broker accepts, with some room.
inline constexpr std::size_t kPositionMetadataBytes = 4000;

// Appends a time to the text beside a position. Returns false, and changes nothing, if there is no room.
[[nodiscard]] bool add_time(std::string_view name, Timestamp time, std::string& metadata,
                            std::size_t bytes_max = kPositionMetadataBytes);

// Returns the times in the text beside a position; none if the text is empty or was written by somebody else.
[[nodiscard]] NamedTimes times_in(std::string_view metadata);

}  // namespace weir
