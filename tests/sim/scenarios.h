// The programs that the project simulates: one of each kind of state and of way between tasks.
#pragma once

#include <vector>

#include <weir/core/testing/simulation.h>

namespace weir {

[[nodiscard]] std::vector<SimulatedScenario> scenarios();

}  // namespace weir
