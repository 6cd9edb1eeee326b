// Programs that make features and score them with models that are published meanwhile, for the simulator.
#pragma once

#include <weir/core/testing/simulation.h>

namespace weir {

// Features, their log, and scores by models that come and go while the application runs: scores are those of a run without
// faults, and a replay by a new application gives both topics again, byte for byte.
[[nodiscard]] SimulatedScenario replayed_features();

}  // namespace weir
