// Programs that make features and score them with models that are published meanwhile, for the simulator.
#pragma once

#include <weir/core/testing/simulation.h>

namespace weir {

// Features, their log, scores by models that come and go while the application runs, and sums of them that know which scores
// they are made of: scores and sums are those of a run without faults, and a replay by a new application gives all three topics
// again, byte for byte.
[[nodiscard]] SimulatedScenario replayed_features();

}  // namespace weir
