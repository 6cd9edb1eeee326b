// What stores hold at the end of a run, in the form of the recordings.
#pragma once

#include <absl/status/statusor.h>
#include <nlohmann/json.hpp>

#include <weir/core/testing/topology_driver.h>

namespace weir::oracle {

// Returns the contents of the stores that `wanted` (a recording's list of stores) names, sorted by key, start and end.
// Entries of window stores have no end: a store does not know it. Versioned stores are asked for each key of the scenario as
// of each of its times.
[[nodiscard]] absl::StatusOr<nlohmann::json> contents_of(const TopologyDriver& driver,
                                                         const nlohmann::json& wanted,
                                                         const nlohmann::json& scenario);

// Returns a recording's list of stores in the same form.
[[nodiscard]] nlohmann::json comparable(nlohmann::json stores);

}  // namespace weir::oracle
