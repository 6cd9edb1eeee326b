// What a simulated run does, decided before it begins: sizes, settings, and the faults with their times. A plan is drawn from
// a seed, or read from a script; a script is the text of a plan and replays it exactly.
//
//   seed 412
//   scenario count
//   instances 2
//   ...
//   at 5200 kill instance 1 during applying skip 1 for 300
//   then 20 pause instance 0 for 4000
//
// A line that is not there leaves the default. Times are virtual milliseconds from the start, behind `then` from when the fault
// in the line before has struck.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/embedded/faults.h>
#include <weir/core/time.h>
#include <weir/core/topic_partition.h>
#include <weir/core/worker_options.h>

namespace weir {

// What a worker is busy with when something befalls it.
enum class SimulationPhase {
  kStarting,
  kPolling,
  kProcessing,
  kEncoding,
  kDraining,
  kSendingOffsets,
  kCommitting,
  kStoringPositions,
  kApplying,
  kAborting,
  kRewinding,
  kRestoring,
  kReleasing,
  kClosing,
  kStandingBy,  // restoring what no task waits for
};
inline constexpr std::size_t kSimulationPhases = 15;
[[nodiscard]] std::string_view name_of(SimulationPhase phase);

enum class FaultKind {
  kKill,        // destroys an instance without a word to anybody; it comes back after `lasts`
  kPause,       // stops stepping an instance for `lasts`
  kStop,        // closes an instance as its user would; it comes back after `lasts`
  kKick,        // the group drops the members of an instance
  kFence,       // somebody takes over the transactional ids of an instance
  kThrow,       // user code throws
  kStoreError,  // the store refuses; for `amount` ms all stores of the instance do, as on a full disk
  kClockJump,   // the wall clock of an instance jumps by `amount` ms
  kCompact,     // compacts what is compacted
  kPin,         // a foreign transaction holds the last stable offset of a topic for `lasts`
  // Of an operation; unless said otherwise the client gives up after `lasts`.
  kLostAnswer,   // done, and the client does not hear of it
  kLostRequest,  // not done, and the client does not hear of it
  kOverdue,      // done `amount` ms after the client has given up
  kTwice,        // done twice, the second time `amount` ms later, and the client does not hear of it
  kRefused,      // not done, and answered with an error after `lasts`
  kLateRequest,  // takes `lasts` to the broker
  kLateAnswer,   // its answer takes `lasts`
  // Of an instance or of the broker, for `lasts`.
  kSlow,  // every operation of an instance takes up to `amount` ms each way, some ten times that
  kCutOff,  // nothing gets through; `amount`: of all clients (0), consumers (1), producers (2), administrators (3),
            // consumers that are no members, which restore stores and fill global ones (4)
  kCoordinator,  // the coordinator of the group is away
  kUnreadable,   // a topic cannot be fetched from
  kUnwritable,   // what is written to a topic times out
  kLateMarkers,  // markers of transactions come `amount` ms late to a topic
  // At once.
  kRebalance,  // the group rebalances for no reason
  kExhaust,    // as a fence, and the next producers get new producer ids
  // Of an instance, for `lasts`.
  kLateAssignment,  // the coordinator has ended a round, and the members do not hear of it yet
  kHold,            // tasks are paused; `amount`: all (0), or those of the sub-topology of that number - 1
  // At once.
  kAddWorker,
  kRemoveWorker,  // one of an instance that has several
  kUpgrade,       // as a stop; what comes back has the next version of the topology
  kTrim,          // what was processed of internal topics is deleted
  kGrow,          // a source topic gets one more partition
  // Of the broker, for `lasts`.
  kForbid,  // a right is withdrawn; `amount`: to read a topic (0), to write it (1), to the group (2), to transactions (3)
  kTooFewReplicas,  // what is written to a topic waits
  kLimit,           // a topic takes no records larger than `amount` bytes
  kRecreate,        // a source topic is deleted, and made anew after that time
};
inline constexpr std::size_t kFaultKinds = 36;
// Whether a fault of that kind befalls an operation.
[[nodiscard]] bool is_of_operation(FaultKind kind);
[[nodiscard]] std::string_view name_of(FaultKind kind);

struct SimulationFault {
  FaultKind kind = FaultKind::kKill;
  Duration at{0};
  int instance = 0;
  // Strikes when the instance gets into that phase after `at`, the (skip + 1)-th time; without one, at once.
  std::optional<SimulationPhase> during = std::nullopt;
  int skip = 0;
  // Of a fault of an operation: strikes the (skip + 1)-th of that kind after `at`.
  std::optional<embedded::Operation> operation = std::nullopt;
  // Of a fault of a topic: which of those there are, in the order of their names, from the first again.
  int topic = 0;
  Duration lasts{0};
  bool lose_directory = false;  // of a kill
  std::int64_t amount = 0;
  // `at` counts from when the fault before it in the plan has struck; if that never does, this one does not either.
  bool follows = false;

  bool operator==(const SimulationFault&) const = default;
};

// In which order the simulator steps those who could go on.
enum class SimulationSchedule {
  kUniform,     // anybody
  kPriority,    // by rank; ranks change now and then
  kStarve,      // one of them only when nobody else can
  kRunToBlock,  // the same one until it waits
};
[[nodiscard]] std::string_view name_of(SimulationSchedule schedule);

struct SimulationPlan {
  std::uint64_t seed = 0;
  std::string scenario = {};
  Guarantee guarantee = Guarantee::kExactlyOnce;
  int instances = 1;
  int workers = 1;           // of each instance
  Partition partitions = 1;  // of each input and output topic
  int records = 100;
  int keys = 10;
  Duration input_time{5'000};  // the records come within it
  Duration commit_interval{100};
  Duration session_timeout{3'000};
  Duration max_task_idle{0};
  std::size_t buffered_records = 1000;
  std::size_t fetched_records =
      0;  // at most so many come at once from a partition; 0: as many as are asked for
  std::size_t uncommitted_bytes_max = std::size_t{64} << 20;
  std::size_t buffered_bytes = std::size_t{16} << 20;
  int standbys = 0;  // of each task; -1: one on every instance
  // For so long nothing comes once the faults are over; then the group forgets the positions that nobody has committed
  // within half a minute, and all instances are killed. They commit theirs every two seconds in such a plan.
  Duration quiet{0};
  bool on_disk = false;    // with RocksDB; otherwise disks are simulated as well
  bool in_memory = false;  // no store is persistent, whatever the topology says
  SimulationSchedule schedule = SimulationSchedule::kUniform;
  // Tombstones stay that long in changelogs that are compacted; 0: as long as the broker's default has it.
  Duration tombstones{0};
  std::vector<SimulationFault> faults = {};  // ascending by time, each before those that follow it

  [[nodiscard]] std::string script() const;
  // InvalidArgument names the line that cannot be read.
  [[nodiscard]] static absl::StatusOr<SimulationPlan> parse(const std::string& script);
};

// Which of the things that a plan can do make sense for a scenario.
struct SimulationLimits {
  int records_max = 1500;
  bool at_least_once = true;
  bool on_disk = true;     // it has persistent stores
  bool growing = false;    // its sources may get more partitions, and keys move
  bool upgrading = false;  // it has another version
  // Its sources may be deleted and made anew. What was in them goes to a topic "<source>-deleted" of one partition, each record
  // with a header "processed" if the group's position was behind it.
  bool recreating = false;
  // It depends on topics beside its sources: instances are cut off more often, and for long.
  bool beside = false;
  // Records reach several sources in the order of their times, more or less: nothing keeps one of them back.
  bool abreast = false;
};

// Draws a plan. Each seed leaves out about half of the kinds of faults.
[[nodiscard]] SimulationPlan draw_plan(std::uint64_t seed, const std::string& scenario,
                                       const SimulationLimits& limits);

}  // namespace weir
