// Where the simulator listens while a worker works, and where it can interfere.
//
// Thread safety: none.
#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/embedded/group.h>
#include <weir/core/testing/simulation_plan.h>
#include <weir/core/topic_partition.h>

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

  // A transaction with these positions, which were sent by that member, is committed as far as its worker knows.
  virtual void committed(const embedded::MemberIdentity& member,
                         const std::vector<PartitionOffset>& positions) = 0;

  // Whether the task is that instance's, as the group has it and it has heard.
  [[nodiscard]] virtual bool owns(int instance, const std::string& task) = 0;

  // Something that must not happen has happened.
  virtual void violated(const std::string& invariant, const std::string& what) = 0;
};

}  // namespace weir
