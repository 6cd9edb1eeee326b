// What goes wrong between simulated instances and their broker: operations whose fate a plan decides, and times in which an
// instance's clients are slow or cut off.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <weir/core/clock.h>
#include <weir/core/embedded/faults.h>
#include <weir/core/testing/simulation_chance.h>
#include <weir/core/testing/simulation_plan.h>

namespace weir {

// The name of an instance's transport.
[[nodiscard]] std::string host_name(int instance);

class SimulatedFaults final : public Faults {
 public:
  // `struck` hears of each fault of an operation when it strikes. `reason` is what instances end with that cannot go on.
  SimulatedFaults(const Clock& clock, std::uint64_t seed, std::string reason,
                  std::function<void(const SimulationFault&)> struck);

  // From now on, for a fault of an operation, a time in which an instance is slow or cut off, or one in which nobody has a right
  // to the group or to transactions.
  void begin(const SimulationFault& fault);
  // Ends them all. What was sent keeps its fate.
  void heal();

  Fate fate_of(const FaultSite& site) override;
  bool cut_off(const ClientName& client) override;
  bool keeps_assignment(const ClientName& client) override;

 private:
  struct Spell {
    std::string host;
    Duration until{0};
    std::int64_t amount = 0;
  };
  struct Armed {
    SimulationFault fault;
    std::string host;
    int left = 0;
  };

  // What is answered to an operation that is forbidden at present; nothing if it is not.
  [[nodiscard]] std::optional<absl::Status> refusal_of(const FaultSite& site) const;
  [[nodiscard]] Fate fate(const SimulationFault& fault, bool transactional) const;

  const Clock& clock_;
  const std::string reason_;
  const std::function<void(const SimulationFault&)> struck_;
  SimulationChance latency_;
  std::vector<Armed> armed_;
  std::vector<Spell> slow_;
  std::vector<Spell> cut_off_;
  std::vector<Spell> unassigned_;
  std::vector<Spell> forbidden_;
};

}  // namespace weir
