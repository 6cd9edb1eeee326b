// Scenarios in which answers come later than the records they are for, or go to who asked.
#pragma once

#include <weir/core/testing/simulation.h>

namespace weir {

// Scores that others give, in the order of keys and in any order.
[[nodiscard]] SimulatedScenario scores_from_elsewhere();
// Each request has its reply, with scores or with the reason why not.
[[nodiscard]] SimulatedScenario requests();

}  // namespace weir
