// Runs whole applications with crashes, rebalances and lost time, and says whether the results are right all the same.
//
//   weir::Simulation simulation({
//       .name = "word count",
//       .topology = [] { ... return builder.build(); },
//       .inputs = {{"lines", make_line}},
//       .outputs = {{"counts", weir::OutputRule::kSamePerKey}},
//   });
//   for (std::uint64_t seed = 1; seed <= 200; ++seed) {
//     const weir::SimulationResult result = simulation.run(simulation.draw(seed));
//     ASSERT_TRUE(result.ok()) << simulation.explain(result);
//   }
//
// What runs are the workers, tasks, stores and commits of an App, with several instances on an embedded broker, on one thread
// and in virtual time: an hour takes a moment, and the same plan gives the same run. A plan is drawn from a seed: sizes,
// settings, and faults with their times, of which each seed leaves out about half of the kinds. At some time they are over;
// what is down comes back, the last records come, and within a minute the application must have caught up.
//
// Each run is compared with one without faults, of one instance with one worker.
//
//   invariant           | says
//   outputs             | committed outputs are those of the run without faults, as the rule of the topic has it
//   state-is-fold       | a store has what the committed records of its changelog amount to: all of them when its task
//                       | begins, what it has applied when it is closed. A global store has what its topic amounts to
//   offsets             | committed positions never go back, and never past the end
//   ownership           | of one generation of the group one member commits for a partition, and older ones come first
//   atomicity           | no transaction that wrote is committed without positions, nor without those of all tasks of its worker
//                       | that wrote
//   economy             | what was applied is there after a crash, is not read again, and no store is wiped without need
//   conservation        | without faults every record of a source is processed once
//   progress            | once the faults are over, everything runs, nothing is left to read, no transaction is open
//   explained           | an instance ends only when it is told to, because user code or a disk failed, or because a topic or a
//                       | right was taken from it, which it names
//   memory              | a worker commits before it processes more than may be uncommitted, and buffers what it may
//   paused              | what is paused, all or a sub-topology, takes no record and fires no timer
//   membership          | a member answers what its group asks, once
//   finality            | what is told once is told once
//   closing             | a closed application ends, and leaves no transaction and no store open
//   replay              | a new application that reads the same input again without faults writes the same bytes
//   determinism         | the same plan gives the same run (every 20th seed)
//
// Generators and callables must depend on nothing but their arguments. With at-least-once repeats are fine, and nothing else:
// what comes for the first time comes in its order, nothing is missing, and nothing is there that should not be.
//
// Thread safety: none; several simulations may run on several threads.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/app.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/log.h>
#include <weir/core/task_store.h>
#include <weir/core/testing/simulation_chance.h>
#include <weir/core/testing/simulation_plan.h>
#include <weir/core/topology.h>

namespace weir {

struct SimulatedInput {
  std::string topic;
  // Makes a record. `n` counts the records of all inputs, from 0. The partition is that of the key.
  std::function<NewRecord(SimulationChance& chance, const SimulationPlan& plan, int n)> make;
  // How many of the records are for this topic, in relation to the others.
  int weight = 1;
  // Of the topic; 0: as many as the plan says.
  Partition partitions = 0;
  // In plans whose changelogs forget deletions soon, the topic is compacted and forgets them as soon.
  bool compacts = false;
};

enum class OutputRule {
  kSamePerKey,   // each key has the same values in the same order
  kSameRecords,  // each key has the same values in any order
  kSameLast,  // each key has the same last value; which others it had depends on the order of several inputs
  // As kSamePerKey, of counts: 64-bit integers in big-endian order that grow by one with each record. At least once they grow one
  // by one as well, as far and perhaps further.
  kSameCounts,
  kSameSums,  // each key's values, 64-bit integers in big-endian order, have the same sum. At least once it may be larger
  kNotCompared,  // for the scenario's own check
};

struct SimulatedOutput {
  std::string topic;
  OutputRule rule = OutputRule::kSamePerKey;
  // With exactly-once timestamps, headers and partitions are compared as well: where they do not depend on the order of
  // several inputs.
  bool whole = false;
  std::map<std::string, std::string> config = {};  // of the topic
  bool once = false;                               // a key never comes a second time
  // Records may be too late for it. At least once, one that a topic did not take may be so when it is read again: a store that
  // was restored knows the times of those after it.
  bool closes = false;
};

// Reads the rows of a store with the keys and values of its changelog, and their times. Returns false for a store it cannot
// read so.
using SimulatedReader = std::function<bool(
    StateStore& store,
    const std::function<void(BytesView key, BytesView value, Timestamp timestamp)>& visit)>;

struct SimulatedScenario {
  std::string name;
  std::function<absl::StatusOr<Topology>()> topology;
  std::vector<SimulatedInput> inputs;
  std::vector<SimulatedOutput> outputs;
  SimulationLimits limits = {};
  // Changes what the plan says nothing about; may be empty.
  std::function<void(AppConfig& config)> configure = {};
  // Makes and fills further topics, once those above are there and before anything runs; may be empty.
  std::function<absl::Status(EmbeddedBroker& broker)> prepare = {};
  // Judges what the comparison does not. Called once all is closed; may be empty.
  std::function<absl::Status(EmbeddedBroker& broker, const SimulationPlan& plan)> check = {};
  // The next version of the topology, for upgrades; empty: there is none.
  std::function<absl::StatusOr<Topology>()> next_topology = {};
  // The program once more, writing to other topics; may be empty. With exactly-once it runs when all is over, as a new
  // application on the same broker, without faults and with its stores in memory.
  std::function<absl::StatusOr<Topology>()> replay = {};
  // What it must repeat: each record of these topics with its key, value, time and headers, in the order of its partition.
  // By topic: where the replay writes it.
  std::map<std::string, std::string> replayed = {};
  // Looks into the stores, so that what is found there can be compared with what went into them; may be empty.
  SimulatedReader read = {};
};

// How often a fault of a kind has struck in a phase. Faults that strike at a time count for what was going on then.
using FaultCoverage = std::array<std::array<std::uint64_t, kSimulationPhases>, kFaultKinds>;

struct SimulationResult {
  SimulationPlan plan;
  std::string invariant = {};  // that did not hold; empty if all is well
  std::string what = {};
  std::uint64_t steps = 0;
  Duration virtual_time{0};
  Duration recovery{0};  // from the end of the faults until all had caught up
  std::uint64_t commits = 0;
  std::uint64_t restored = 0;
  std::uint64_t events = 0;  // a digest of all that happened, in order
  FaultCoverage coverage = {};

  [[nodiscard]] bool ok() const { return invariant.empty(); }
};

class Simulation {
 public:
  // `directory` is where plans with real stores keep them; empty: a folder of its own below the temp folder, or below
  // /dev/shm where there is one, that is removed after each run.
  explicit Simulation(SimulatedScenario scenario, std::string directory = {});

  [[nodiscard]] SimulationPlan draw(std::uint64_t seed) const;

  // Runs a plan, and where it is due the same plan again. `log` hears what the workers say, with the virtual time.
  [[nodiscard]] SimulationResult run(const SimulationPlan& plan, const Logger& log = {}) const;

  // Makes a plan that fails smaller as long as the same invariant fails, with at most so many runs.
  [[nodiscard]] SimulationResult shrink(const SimulationResult& failed, int runs_max = 300) const;

  // Returns what failed, and the script that shows it, shrunk.
  [[nodiscard]] std::string explain(const SimulationResult& failed) const;

  [[nodiscard]] const SimulatedScenario& scenario() const { return scenario_; }

 private:
  [[nodiscard]] SimulationResult run_once(const SimulationPlan& plan, const Logger& log) const;

  const SimulatedScenario scenario_;
  const std::string directory_;
};

// The table of faults and phases as text.
[[nodiscard]] std::string coverage_table(const FaultCoverage& coverage);

}  // namespace weir
