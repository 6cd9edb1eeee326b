// Programs that score with models of a registry, for the simulator.
#pragma once

#include <weir/core/testing/simulation.h>

namespace weir {

// The model is a function of the record's time: the results are those of a run without faults, byte for byte.
[[nodiscard]] SimulatedScenario models_as_of();

// Models are published while the application runs, and change where it is: each record has one committed score, by the model
// that its headers name, and no partition goes back to an earlier model.
[[nodiscard]] SimulatedScenario models_at_a_barrier();

}  // namespace weir
