// Where the simulator listens while a worker works, and where it can interfere.
//
// Thread safety: none.
#pragma once

#include <absl/status/status.h>

#include <weir/core/testing/simulation_plan.h>

namespace weir {

// Unwinds the step of an instance that is killed in the middle of it. Not a std::exception, so that nobody on the way takes it
// for a failure of user code.
struct SimulatedCrash {};

class SimulationObserver {
 public:
  virtual ~SimulationObserver() = default;

  // A worker of the instance has come to a point of that phase; several points belong to one phase, some of them before and
  // some after the deed. Returns what the deed must fail with, where it can fail. Throws SimulatedCrash, or, where user code
  // could throw, a std::exception.
  virtual absl::Status reached(int instance, SimulationPhase phase) = 0;

  // Something that must not happen has happened.
  virtual void violated(const std::string& invariant, const std::string& what) = 0;
};

}  // namespace weir
