// The program itself: from clicks to what a user may want next.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/topology.h>

#include "shop_records.h"

namespace recommendation {

// A session ends after that long without a click.
inline constexpr weir::Duration kSessionGap{1'800'000};
// Clicks of a session that are remembered, and items that are recommended.
inline constexpr std::size_t kRecentItems = 6;
inline constexpr std::size_t kRecommended = 10;
// Neighbours of an item that are remembered: beyond them those seen least go.
inline constexpr std::size_t kMostNeighbours = 100;

// Makes of each click ten recommendations, from what others clicked in the same session; and tells how long sessions were.
[[nodiscard]] absl::StatusOr<weir::Topology> make_topology();

// Adds a click to a session, or begins another one.
void remember(Recent& recent, const std::string& item, weir::Timestamp time);

// Counts an item that was seen with another one.
void count_neighbour(Neighbours& neighbours, const std::string& item);

// Turns wishes to what the latest click says: half of what was wished before, and the shares of the neighbours. Returns the best
// that were not seen, by score, then name.
[[nodiscard]] std::vector<std::string> wish(Wishes& wishes, const Offer& offer);

}  // namespace recommendation
