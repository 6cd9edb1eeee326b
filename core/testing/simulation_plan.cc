#include <weir/core/testing/simulation_plan.h>

#include <algorithm>
#include <array>
#include <sstream>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/core/testing/simulation_chance.h>

namespace weir {
namespace {

constexpr std::array<std::string_view, kSimulationPhases> kPhaseNames{
    "starting",        "polling",    "processing",        "encoding", "draining",
    "sending-offsets", "committing", "storing-positions", "applying", "aborting",
    "rewinding",       "restoring",  "releasing",         "closing",  "standing-by"};
constexpr std::array<std::string_view, kFaultKinds> kFaultNames{"kill",          "pause",
                                                                "stop",          "kick",
                                                                "fence",         "throw",
                                                                "store-error",   "clock-jump",
                                                                "compact",       "pin",
                                                                "lost-answer",   "lost-request",
                                                                "overdue",       "twice",
                                                                "refused",       "late-request",
                                                                "late-answer",   "slow",
                                                                "cut-off",       "coordinator",
                                                                "unreadable",    "unwritable",
                                                                "late-markers",  "rebalance",
                                                                "exhaust",       "late-assignment",
                                                                "hold",          "add-worker",
                                                                "remove-worker", "upgrade",
                                                                "trim",          "grow",
                                                                "forbid",        "too-few-replicas",
                                                                "limit",         "recreate"};
constexpr std::array<std::string_view, embedded::kOperations> kOperationNames{
    "produce",        "init_transactions", "send_offsets",  "commit_transaction", "abort_transaction",
    "commit_offsets", "fetch_offsets",     "list_offsets",  "leave_group",        "describe_topics",
    "list_topics",    "create_topics",     "delete_topics", "delete_records"};
constexpr std::array<std::string_view, 4> kScheduleNames{"uniform", "priority", "starve", "run-to-block"};

template <class Enum, std::size_t N>
std::optional<Enum> find(const std::array<std::string_view, N>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

std::string line_of(const SimulationFault& fault) {
  std::string line = fmt::format("{} {} {} instance {}", fault.follows ? "then" : "at", fault.at.count(),
                                 name_of(fault.kind), fault.instance);
  if (fault.during) line += fmt::format(" during {} skip {}", name_of(*fault.during), fault.skip);
  if (fault.operation) line += fmt::format(" of {} skip {}", name_of(*fault.operation), fault.skip);
  if (fault.topic != 0) line += fmt::format(" topic {}", fault.topic);
  if (fault.lasts.count() > 0) line += fmt::format(" for {}", fault.lasts.count());
  if (fault.lose_directory) line += " losing-directory";
  if (fault.amount != 0) line += fmt::format(" by {}", fault.amount);
  return line;
}

absl::StatusOr<SimulationFault> parse_fault(std::istringstream& in, bool follows) {
  SimulationFault fault;
  fault.follows = follows;
  std::int64_t at = 0;
  std::string word;
  if (!(in >> at >> word)) return absl::InvalidArgumentError("a time and a fault are expected");
  fault.at = Duration{at};
  const auto kind = find<FaultKind>(kFaultNames, word);
  if (!kind) return absl::InvalidArgumentError(fmt::format("there is no fault '{}'", word));
  fault.kind = *kind;
  while (in >> word) {
    std::int64_t number = 0;
    bool read = true;
    if (word == "instance") {
      read = static_cast<bool>(in >> fault.instance);
    } else if (word == "during") {
      std::string phase;
      in >> phase;
      fault.during = find<SimulationPhase>(kPhaseNames, phase);
      read = fault.during.has_value();
    } else if (word == "of") {
      std::string operation;
      in >> operation;
      fault.operation = find<embedded::Operation>(kOperationNames, operation);
      read = fault.operation.has_value();
    } else if (word == "topic") {
      read = static_cast<bool>(in >> fault.topic);
    } else if (word == "skip") {
      read = static_cast<bool>(in >> fault.skip);
    } else if (word == "for") {
      read = static_cast<bool>(in >> number);
      fault.lasts = Duration{number};
    } else if (word == "by") {
      read = static_cast<bool>(in >> fault.amount);
    } else if (word == "losing-directory") {
      fault.lose_directory = true;
    } else {
      read = false;
    }
    if (!read) return absl::InvalidArgumentError(fmt::format("'{}' is not understood here", word));
  }
  if (fault.operation.has_value() != is_of_operation(fault.kind)) {
    return absl::InvalidArgumentError(
        fmt::format("{} {} an operation", name_of(fault.kind), fault.operation ? "is not of" : "is of"));
  }
  return fault;
}

// Faults of one kind, over the time in which records come.
class FaultDraw {
 public:
  FaultDraw(const SimulationPlan& plan, FaultKind kind)
      : plan_(plan), kind_(kind), chance_(plan.seed, fmt::format("fault/{}", name_of(kind))) {}

  [[nodiscard]] bool active(std::uint64_t likely) { return chance_.percent(likely); }

  SimulationFault make() {
    SimulationFault fault;
    fault.kind = kind_;
    fault.at = Duration{chance_.between(100, plan_.input_time.count())};
    fault.instance = static_cast<int>(chance_.below(static_cast<std::uint64_t>(plan_.instances)));
    return fault;
  }
  void during(SimulationFault& fault, std::initializer_list<SimulationPhase> phases, std::int64_t skips) {
    fault.during = *(phases.begin() + chance_.below(phases.size()));
    fault.skip = static_cast<int>(chance_.between(0, skips));
  }
  SimulationChance& chance() { return chance_; }

 private:
  const SimulationPlan& plan_;
  const FaultKind kind_;
  SimulationChance chance_;
};

using Phase = SimulationPhase;

void draw_kills(SimulationPlan& plan) {
  FaultDraw draw(plan, FaultKind::kKill);
  if (!draw.active(65)) return;
  for (std::int64_t left = draw.chance().between(1, 6); left > 0; --left) {
    SimulationFault fault = draw.make();
    if (!draw.chance().percent(15)) {
      draw.during(
          fault,
          {Phase::kStarting, Phase::kPolling, Phase::kProcessing, Phase::kProcessing, Phase::kEncoding,
           Phase::kDraining, Phase::kSendingOffsets, Phase::kCommitting, Phase::kCommitting,
           Phase::kStoringPositions, Phase::kApplying, Phase::kApplying, Phase::kAborting, Phase::kRewinding,
           Phase::kRestoring, Phase::kRestoring, Phase::kReleasing, Phase::kClosing, Phase::kStandingBy},
          3);
      if (*fault.during == Phase::kProcessing) fault.skip *= static_cast<int>(draw.chance().between(1, 30));
    }
    fault.lasts = Duration{draw.chance().percent(50) ? draw.chance().between(1, 300)
                                                     : draw.chance().between(300, 15'000)};
    fault.lose_directory = draw.chance().percent(25);
    plan.faults.push_back(fault);
  }
}

void draw_pauses(SimulationPlan& plan) {
  FaultDraw draw(plan, FaultKind::kPause);
  if (!draw.active(50)) return;
  for (std::int64_t left = draw.chance().between(1, 4); left > 0; --left) {
    SimulationFault fault = draw.make();
    if (draw.chance().percent(70)) {
      draw.during(fault,
                  {Phase::kProcessing, Phase::kEncoding, Phase::kDraining, Phase::kSendingOffsets,
                   Phase::kCommitting, Phase::kCommitting, Phase::kStoringPositions, Phase::kApplying,
                   Phase::kAborting, Phase::kRewinding, Phase::kRestoring, Phase::kReleasing},
                  3);
    }
    // Shorter than a session, longer than one, longer than a transaction may last.
    const std::int64_t session = plan.session_timeout.count();
    const std::array<std::int64_t, 4> lengths{session / 4, session, session * 2, 11'000};
    fault.lasts = Duration{lengths[draw.chance().below(lengths.size())] + draw.chance().between(1, 500)};
    plan.faults.push_back(fault);
  }
}

void draw_stops(SimulationPlan& plan) {
  FaultDraw draw(plan, FaultKind::kStop);
  if (!draw.active(50)) return;
  for (std::int64_t left = draw.chance().between(1, 4); left > 0; --left) {
    SimulationFault fault = draw.make();
    fault.lasts = Duration{draw.chance().magnitude(1, 8'000)};
    plan.faults.push_back(fault);
  }
}

void draw_swizzle(SimulationPlan& plan) {
  FaultDraw draw(plan, FaultKind::kKick);
  if (!draw.active(50)) return;
  for (std::int64_t left = draw.chance().between(1, 4); left > 0; --left) {
    SimulationFault fault = draw.make();
    if (draw.chance().percent(60)) {
      draw.during(fault,
                  {Phase::kProcessing, Phase::kEncoding, Phase::kDraining, Phase::kSendingOffsets,
                   Phase::kCommitting, Phase::kApplying, Phase::kAborting, Phase::kRewinding,
                   Phase::kRestoring, Phase::kReleasing, Phase::kStandingBy},
                  2);
    }
    plan.faults.push_back(fault);
  }
}

void draw_others(SimulationPlan& plan) {
  FaultDraw fence(plan, FaultKind::kFence);
  if (plan.guarantee == Guarantee::kExactlyOnce && fence.active(40)) {
    for (std::int64_t left = fence.chance().between(1, 3); left > 0; --left) {
      SimulationFault fault = fence.make();
      fence.during(
          fault,
          {Phase::kStarting, Phase::kProcessing, Phase::kEncoding, Phase::kDraining, Phase::kSendingOffsets,
           Phase::kCommitting, Phase::kAborting, Phase::kRewinding, Phase::kRestoring, Phase::kReleasing},
          2);
      plan.faults.push_back(fault);
    }
  }
  FaultDraw thrown(plan, FaultKind::kThrow);
  if (thrown.active(30)) {
    SimulationFault fault = thrown.make();
    thrown.during(fault, {Phase::kProcessing, Phase::kEncoding}, 20);
    fault.lasts = Duration{thrown.chance().between(1, 3'000)};
    plan.faults.push_back(fault);
  }
  FaultDraw store(plan, FaultKind::kStoreError);
  if (store.active(30)) {
    SimulationFault fault = store.make();
    store.during(fault, {Phase::kEncoding, Phase::kApplying, Phase::kRestoring, Phase::kStandingBy}, 3);
    fault.lasts = Duration{store.chance().between(1, 3'000)};
    if (store.chance().percent(50)) fault.amount = store.chance().magnitude(50, 6'000);
    plan.faults.push_back(fault);
  }
  FaultDraw jump(plan, FaultKind::kClockJump);
  if (jump.active(40)) {
    for (std::int64_t left = jump.chance().between(1, 3); left > 0; --left) {
      SimulationFault fault = jump.make();
      fault.amount = jump.chance().magnitude(1, std::int64_t{365} * 24 * 3600 * 1000);
      if (jump.chance().percent(50)) fault.amount = -fault.amount;
      plan.faults.push_back(fault);
    }
  }
  FaultDraw compact(plan, FaultKind::kCompact);
  if (compact.active(50)) {
    for (std::int64_t left = compact.chance().between(1, 5); left > 0; --left)
      plan.faults.push_back(compact.make());
  }
  FaultDraw pin(plan, FaultKind::kPin);
  // Who reads what is not committed reads what a foreign transaction writes.
  if (plan.guarantee == Guarantee::kExactlyOnce && pin.active(40)) {
    for (std::int64_t left = pin.chance().between(1, 4); left > 0; --left) {
      SimulationFault fault = pin.make();
      fault.lasts = Duration{pin.chance().magnitude(50, 9'000)};
      fault.topic = static_cast<int>(pin.chance().below(12));
      plan.faults.push_back(fault);
    }
  }
}

using embedded::Operation;

// What a worker or an application asks of its broker, the more telling the more often.
constexpr std::array kOperations{
    Operation::kProduce,           Operation::kProduce,           Operation::kProduce,
    Operation::kSendOffsets,       Operation::kSendOffsets,       Operation::kCommitTransaction,
    Operation::kCommitTransaction, Operation::kCommitTransaction, Operation::kCommitTransaction,
    Operation::kAbortTransaction,  Operation::kAbortTransaction,  Operation::kInitTransactions,
    Operation::kInitTransactions,  Operation::kCommitOffsets,     Operation::kCommitOffsets,
    Operation::kFetchOffsets,      Operation::kListOffsets,       Operation::kDescribeTopics,
    Operation::kCreateTopics,      Operation::kLeaveGroup};

// Of which there are few in a run.
bool is_rare(Operation operation) {
  return operation == Operation::kAbortTransaction || operation == Operation::kInitTransactions ||
         operation == Operation::kLeaveGroup || operation == Operation::kCreateTopics;
}

void draw_operations(SimulationPlan& plan) {
  for (const FaultKind kind :
       {FaultKind::kLostAnswer, FaultKind::kLostRequest, FaultKind::kOverdue, FaultKind::kTwice,
        FaultKind::kRefused, FaultKind::kLateRequest, FaultKind::kLateAnswer}) {
    FaultDraw draw(plan, kind);
    if (!draw.active(25)) continue;
    for (std::int64_t left = draw.chance().between(1, 4); left > 0; --left) {
      SimulationFault fault = draw.make();
      fault.operation = kOperations[draw.chance().below(kOperations.size())];
      fault.skip = static_cast<int>(draw.chance().between(0, is_rare(*fault.operation) ? 1 : 5));
      fault.lasts = Duration{draw.chance().magnitude(1, 12'000)};
      if (kind == FaultKind::kOverdue || kind == FaultKind::kTwice)
        fault.amount = draw.chance().magnitude(1, 4'000);
      // The end of a transaction and its offsets are never refused for the moment only, nor is an abort.
      if (kind == FaultKind::kRefused && fault.operation == Operation::kAbortTransaction) continue;
      plan.faults.push_back(fault);
    }
  }
}

// Ends of transactions whose outcome nobody hears of, and that come to the broker when the next one is open.
void draw_late_ends(SimulationPlan& plan) {
  SimulationChance chance(plan.seed, "late-ends");
  if (plan.guarantee == Guarantee::kAtLeastOnce || !chance.percent(30)) return;
  for (std::int64_t left = chance.between(1, 4); left > 0; --left) {
    SimulationFault fault;
    fault.kind = chance.percent(70) ? FaultKind::kOverdue : FaultKind::kTwice;
    fault.at = Duration{chance.between(100, plan.input_time.count())};
    fault.instance = static_cast<int>(chance.below(static_cast<std::uint64_t>(plan.instances)));
    fault.operation = chance.percent(80) ? Operation::kCommitTransaction : Operation::kAbortTransaction;
    fault.skip = static_cast<int>(chance.between(0, 5));
    fault.lasts = Duration{chance.magnitude(1, 500)};
    fault.amount = chance.between(1, plan.commit_interval.count() + 100);
    plan.faults.push_back(fault);
  }
}

// Of a program that depends on topics beside its sources, what reads those is cut off most often.
constexpr std::array<std::int64_t, 4> kCutOffBeside{0, 1, 4, 4};

void draw_outages(SimulationPlan& plan, const SimulationLimits& limits) {
  const bool exactly_once = plan.guarantee == Guarantee::kExactlyOnce;
  for (const FaultKind kind :
       {FaultKind::kSlow, FaultKind::kCutOff, FaultKind::kCoordinator, FaultKind::kUnreadable,
        FaultKind::kUnwritable, FaultKind::kLateMarkers, FaultKind::kRebalance, FaultKind::kExhaust}) {
    FaultDraw draw(plan, kind);
    const bool often = kind == FaultKind::kCutOff && limits.beside;
    if (!draw.active(often ? 90 : 20)) continue;
    // At least once a record that cannot be written ends the instance, and there are no markers.
    if (!exactly_once &&
        (kind == FaultKind::kUnwritable || kind == FaultKind::kLateMarkers || kind == FaultKind::kExhaust))
      continue;
    for (std::int64_t left = draw.chance().between(1, 3); left > 0; --left) {
      SimulationFault fault = draw.make();
      fault.lasts = Duration{draw.chance().magnitude(often ? 2'500 : 50, 15'000)};
      if (kind == FaultKind::kSlow) fault.amount = draw.chance().magnitude(1, 500);
      if (kind == FaultKind::kCutOff)
        fault.amount =
            often ? kCutOffBeside[draw.chance().below(kCutOffBeside.size())] : draw.chance().between(0, 4);
      if (kind == FaultKind::kLateMarkers) fault.amount = draw.chance().magnitude(1, 3'000);
      if (kind == FaultKind::kUnreadable || kind == FaultKind::kUnwritable || kind == FaultKind::kLateMarkers)
        fault.topic = static_cast<int>(draw.chance().below(12));
      if (kind == FaultKind::kRebalance && draw.chance().percent(60)) {
        draw.during(
            fault,
            {Phase::kProcessing, Phase::kEncoding, Phase::kDraining, Phase::kSendingOffsets,
             Phase::kCommitting, Phase::kApplying, Phase::kAborting, Phase::kRestoring, Phase::kReleasing},
            2);
      }
      if (kind == FaultKind::kRebalance || kind == FaultKind::kExhaust) fault.lasts = Duration{0};
      plan.faults.push_back(fault);
    }
  }
}

// Somebody goes on with its sources and hears nothing of the topics beside them, while much comes in all of them.
void draw_beside(SimulationPlan& plan) {
  SimulationChance chance(plan.seed, "beside");
  if (!chance.percent(70)) return;
  // So much that what is missed is missed soon.
  plan.records = std::max(plan.records, static_cast<int>(chance.between(500, 1'000)));
  plan.input_time = Duration{chance.between(5'000, 8'000)};
  plan.faults.push_back(
      {.kind = FaultKind::kCutOff,
       .at = Duration{chance.between(500, plan.input_time.count() / 3)},
       .instance = static_cast<int>(chance.below(static_cast<std::uint64_t>(plan.instances))),
       .lasts = Duration{chance.between(4'000, 9'000)},
       .amount = kCutOffBeside.back()});
}

// What administrators do to topics and rights.
void draw_administration(SimulationPlan& plan, const SimulationLimits& limits) {
  for (const FaultKind kind : {FaultKind::kForbid, FaultKind::kTooFewReplicas, FaultKind::kLimit}) {
    FaultDraw draw(plan, kind);
    if (!draw.active(15)) continue;
    for (std::int64_t left = draw.chance().between(1, 2); left > 0; --left) {
      SimulationFault fault = draw.make();
      fault.lasts = Duration{draw.chance().magnitude(20, 12'000)};
      fault.topic = static_cast<int>(draw.chance().below(12));
      if (kind == FaultKind::kForbid) fault.amount = draw.chance().between(0, 3);
      if (kind == FaultKind::kLimit) fault.amount = draw.chance().magnitude(1, 150);
      plan.faults.push_back(fault);
    }
  }
  FaultDraw recreate(plan, FaultKind::kRecreate);
  if (!limits.recreating || !recreate.active(90)) return;
  for (std::int64_t left = recreate.chance().between(1, 2); left > 0; --left) {
    SimulationFault fault = recreate.make();
    fault.lasts = Duration{recreate.chance().magnitude(1, 6'000)};
    plan.faults.push_back(fault);
  }
}

// Positions are committed by a topic's name. One that is on its way while a topic of that name is made anew is taken for a
// position of the new one, which no client can help: what takes its time stays away from plans in which that happens.
bool delays_commits(const SimulationFault& fault) {
  switch (fault.kind) {
    case FaultKind::kPause:
    case FaultKind::kSlow:
    case FaultKind::kCutOff:
    case FaultKind::kCoordinator:
    case FaultKind::kLateMarkers:
    case FaultKind::kTooFewReplicas:
      return true;
    default:
      return is_of_operation(fault.kind);
  }
}

bool moves_tasks(const SimulationFault& fault) {
  switch (fault.kind) {
    case FaultKind::kStop:
    case FaultKind::kKick:
    case FaultKind::kAddWorker:
    case FaultKind::kRemoveWorker:
    case FaultKind::kRebalance:
      return true;
    default:
      return false;
  }
}

// Changelogs whose end cannot be read while tasks move: standbys have not everything then. Changelogs are most often the first of
// the topics, which are in the order of their names.
void draw_standbys_behind(SimulationPlan& plan) {
  SimulationChance chance(plan.seed, "standbys-behind");
  constexpr std::array kKinds{FaultKind::kUnreadable, FaultKind::kPin, FaultKind::kLateMarkers};
  std::vector<SimulationFault> added;
  for (const SimulationFault& fault : plan.faults) {
    if (!moves_tasks(fault) || chance.percent(40)) continue;
    const FaultKind kind = plan.guarantee == Guarantee::kExactlyOnce ? kKinds[chance.below(kKinds.size())]
                                                                     : FaultKind::kUnreadable;
    added.push_back({.kind = kind,
                     .at = std::max(fault.at - Duration{chance.between(0, 300)}, Duration{0}),
                     .topic = static_cast<int>(chance.below(3)),
                     .lasts = Duration{chance.between(200, 3'000)},
                     .amount = kind == FaultKind::kLateMarkers ? chance.magnitude(50, 2'000) : 0});
  }
  plan.faults.insert(plan.faults.end(), added.begin(), added.end());
}

// Changelogs that forget deletions soon, so that who was away for a while has to begin anew. How old a store is counts from
// when it was last up to date by the wall clock of its instance; one that is read into for longer than tombstones live may miss
// some. So here clocks do not jump, and nothing keeps readers behind.
void draw_tombstones(SimulationPlan& plan, std::vector<SimulationFault>& naps) {
  SimulationChance chance(plan.seed, "tombstones");
  plan.tombstones = Duration{chance.between(1'000, 4'000)};
  plan.standbys = 0;
  plan.fetched_records = 0;
  std::erase_if(plan.faults, [](const SimulationFault& fault) {
    return fault.kind == FaultKind::kClockJump || fault.kind == FaultKind::kUnreadable ||
           fault.kind == FaultKind::kCutOff || fault.kind == FaultKind::kPin ||
           fault.kind == FaultKind::kLateMarkers || fault.kind == FaultKind::kPause ||
           fault.kind == FaultKind::kForbid;
  });
  // What is deleted soon after somebody went is compacted then; the first time compaction meets a tombstone, a later time it may
  // take it.
  plan.instances = std::max(plan.instances, 2);
  const auto compact = [&](Duration at) { plan.faults.push_back({.kind = FaultKind::kCompact, .at = at}); };
  const auto somebody = [&] {
    return static_cast<int>(chance.below(static_cast<std::uint64_t>(plan.instances)));
  };
  if (chance.percent(40)) {
    // Somebody is away twice, neither time for too long, and dies when it has just begun to read what it missed: it is as old as
    // before. The others have its tasks meanwhile, and it gets its share of them back.
    plan.guarantee = Guarantee::kExactlyOnce;
    plan.instances = 2;
    plan.partitions = std::clamp(plan.partitions, 2, 6);
    plan.keys = std::max(plan.keys, 16);
    plan.in_memory = false;
    plan.session_timeout = Duration{1'000};
    plan.tombstones = Duration{chance.between(3'000, 6'000)};
    plan.input_time = std::max(plan.input_time, 3 * plan.tombstones);
    plan.faults.clear();
    const auto nap = [&] { return plan.tombstones * chance.between(70, 95) / 100; };
    SimulationFault first;
    first.at = Duration{chance.between(500, plan.input_time.count() / 3)};
    first.instance = somebody();
    first.lasts = nap();
    SimulationFault second = first;
    second.follows = true;
    second.at = first.lasts;
    second.during = chance.percent(50) ? Phase::kRestoring : Phase::kApplying;
    second.skip = static_cast<int>(second.during == Phase::kRestoring ? chance.magnitude(2, 100)
                                                                      : chance.between(1, 8));
    second.lasts = nap();
    naps = {first, second};
    for (const int percent : {25, 32, 40, 48, 56, 64, 72, 95})
      compact(first.at + plan.tombstones * percent / 100);
    for (int percent = 120; percent < 220; percent += 6) compact(first.at + plan.tombstones * percent / 100);
  } else {
    // Somebody is away for longer, and comes back with what it had.
    plan.input_time = std::max(plan.input_time, plan.tombstones + Duration{4'000});
    for (std::int64_t left = chance.between(1, 3); left > 0; --left) {
      SimulationFault away;
      away.kind = chance.percent(50) ? FaultKind::kKill : FaultKind::kStop;
      away.at = Duration{chance.between(100, plan.input_time.count() / 2)};
      away.instance = somebody();
      away.lasts = plan.tombstones + Duration{chance.between(1'000, 6'000)};
      plan.faults.push_back(away);
      for (const int after : {300, 600, 900}) compact(away.at + Duration{after});
      for (const int before : {1, 100}) compact(away.at + away.lasts - Duration{before});
    }
  }
  for (std::int64_t left = chance.between(2, 6); left > 0; --left)
    compact(Duration{chance.between(100, plan.input_time.count())});
}

// Puts a fault and those that follow it into the plan.
void insert(SimulationPlan& plan, const std::vector<SimulationFault>& chain) {
  if (chain.empty()) return;
  const auto after = std::find_if(plan.faults.begin(), plan.faults.end(), [&](const SimulationFault& fault) {
    return !fault.follows && fault.at > chain.front().at;
  });
  plan.faults.insert(after, chain.begin(), chain.end());
}

// What goes wrong while the application is busy with what went wrong before.
void draw_followers(SimulationPlan& plan) {
  SimulationChance chance(plan.seed, "followers");
  // Somebody dies when tasks have just moved, or are about to.
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    if (!moves_tasks(plan.faults[i]) || !chance.percent(40)) continue;
    SimulationFault fault;
    fault.follows = true;
    fault.at = Duration{chance.magnitude(1, 400)};
    fault.instance = static_cast<int>(chance.below(static_cast<std::uint64_t>(plan.instances)));
    fault.lasts = Duration{chance.magnitude(1, 3'000)};
    fault.lose_directory = chance.percent(30);
    if (chance.percent(60)) {
      fault.during = Phase::kReleasing;
      fault.skip = static_cast<int>(chance.between(0, 3));
    }
    plan.faults.insert(plan.faults.begin() + static_cast<std::ptrdiff_t>(++i), fault);
  }
  // Tasks move while they are paused, with what they have read and not processed.
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    if (plan.faults[i].kind != FaultKind::kHold || !chance.percent(70)) continue;
    SimulationFault fault;
    fault.kind = chance.percent(70) ? FaultKind::kAddWorker : FaultKind::kRebalance;
    fault.follows = true;
    fault.at = Duration{chance.magnitude(1, 800)};
    fault.instance = plan.faults[i].instance;
    plan.faults.insert(plan.faults.begin() + static_cast<std::ptrdiff_t>(++i), fault);
  }
  if (plan.faults.empty() || !chance.percent(60)) return;
  for (std::int64_t left = chance.between(1, 4); left > 0; --left) {
    const auto leader = static_cast<std::ptrdiff_t>(chance.below(plan.faults.size()));
    SimulationFault fault;
    fault.follows = true;
    fault.at = Duration{chance.magnitude(1, 1'500)};
    fault.instance = chance.percent(50)
                         ? plan.faults[static_cast<std::size_t>(leader)].instance
                         : static_cast<int>(chance.below(static_cast<std::uint64_t>(plan.instances)));
    switch (chance.below(8)) {
      case 0:
        fault.kind = FaultKind::kFence;
        if (plan.guarantee == Guarantee::kAtLeastOnce) fault.kind = FaultKind::kKick;
        break;
      case 1:
        if (plan.tombstones.count() > 0) continue;
        fault.kind = FaultKind::kPause;
        fault.lasts = Duration{chance.magnitude(50, 12'000)};
        break;
      case 2:
        fault.kind = chance.percent(50) ? FaultKind::kStop : FaultKind::kRebalance;
        fault.lasts = Duration{fault.kind == FaultKind::kStop ? chance.magnitude(1, 4'000) : 0};
        break;
      case 3:
        fault.kind = chance.percent(50) ? FaultKind::kLostAnswer : FaultKind::kLostRequest;
        fault.operation = kOperations[chance.below(kOperations.size())];
        fault.lasts = Duration{chance.magnitude(1, 12'000)};
        break;
      default:
        fault.kind = FaultKind::kKill;
        fault.lasts = Duration{chance.magnitude(1, 6'000)};
        fault.lose_directory = chance.percent(30);
        break;
    }
    const bool somewhere = fault.kind != FaultKind::kStop && !fault.operation && chance.percent(50);
    if (somewhere) {
      constexpr std::array kBusy{Phase::kProcessing,     Phase::kEncoding,   Phase::kDraining,
                                 Phase::kSendingOffsets, Phase::kCommitting, Phase::kApplying,
                                 Phase::kAborting,       Phase::kRewinding,  Phase::kRestoring,
                                 Phase::kReleasing,      Phase::kPolling};
      fault.during = kBusy[chance.below(kBusy.size())];
      fault.skip = static_cast<int>(chance.between(0, 3));
    }
    plan.faults.insert(plan.faults.begin() + leader + 1, fault);
  }
}

// Has some of the faults that strike at a time strike in a phase instead, whichever.
void place(SimulationPlan& plan) {
  if (plan.tombstones.count() > 0) return;  // compaction is to come when somebody is away
  SimulationChance chance(plan.seed, "places");
  for (SimulationFault& fault : plan.faults) {
    const bool fixed = fault.during || fault.operation || fault.kind == FaultKind::kThrow ||
                       fault.kind == FaultKind::kStoreError || fault.kind == FaultKind::kRecreate;
    if (fixed || !chance.percent(25)) continue;
    fault.during = static_cast<Phase>(chance.below(kSimulationPhases));
    fault.skip = static_cast<int>(chance.between(0, 2));
  }
}

// At least once, positions that are not committed when hardly anything comes any more.
void draw_lost_positions(SimulationPlan& plan) {
  SimulationChance chance(plan.seed, "lost-positions");
  if (plan.guarantee == Guarantee::kExactlyOnce || !chance.percent(50)) return;
  for (std::int64_t left = chance.between(1, 4); left > 0; --left) {
    SimulationFault fault;
    fault.kind = chance.percent(50) ? FaultKind::kLostRequest : FaultKind::kRefused;
    fault.at = Duration{chance.between(plan.input_time.count() * 3 / 4, plan.input_time.count())};
    fault.instance = static_cast<int>(chance.below(static_cast<std::uint64_t>(plan.instances)));
    fault.operation = Operation::kCommitOffsets;
    fault.lasts = Duration{chance.magnitude(1, 500)};
    plan.faults.push_back(fault);
  }
}

// A commit, or its positions, that comes to the broker when its worker has lost its tasks to others.
void draw_zombies(SimulationPlan& plan) {
  SimulationChance chance(plan.seed, "zombies");
  if (plan.guarantee == Guarantee::kAtLeastOnce || !chance.percent(35)) return;
  for (std::int64_t left = chance.between(1, 3); left > 0; --left) {
    SimulationFault late;
    late.kind = FaultKind::kLateRequest;
    late.at = Duration{chance.between(100, plan.input_time.count())};
    late.instance = static_cast<int>(chance.below(static_cast<std::uint64_t>(plan.instances)));
    late.operation = chance.percent(65) ? Operation::kCommitTransaction : Operation::kSendOffsets;
    late.skip = static_cast<int>(chance.between(0, 5));
    late.lasts = Duration{chance.magnitude(100, 8'000)};
    SimulationFault gone;
    gone.kind = chance.percent(70) ? FaultKind::kKick : FaultKind::kKill;
    gone.follows = true;
    gone.at = Duration{chance.magnitude(1, 100)};
    gone.instance = late.instance;
    if (gone.kind == FaultKind::kKill) gone.lasts = Duration{chance.magnitude(1, 6'000)};
    insert(plan, {late, gone});
  }
}

// At least once nobody is fenced: who sleeps through its session with a changelog on its way writes it behind what its successor
// wrote, over newer rows. That is so with any application of that guarantee. Here sleeps are short in steps that may get there.
void spare_changelogs(SimulationPlan& plan) {
  if (plan.guarantee == Guarantee::kExactlyOnce) return;
  for (SimulationFault& fault : plan.faults) {
    if (fault.kind != FaultKind::kPause || !fault.during) continue;
    if (*fault.during == Phase::kPolling || *fault.during == Phase::kProcessing ||
        *fault.during == Phase::kEncoding || *fault.during == Phase::kDraining)
      fault.lasts = std::min(fault.lasts, plan.session_timeout / 4);
  }
}

// What the instances' users and administrators do.
void draw_control(SimulationPlan& plan, const SimulationLimits& limits) {
  for (const FaultKind kind : {FaultKind::kLateAssignment, FaultKind::kHold, FaultKind::kAddWorker,
                               FaultKind::kRemoveWorker, FaultKind::kTrim}) {
    FaultDraw draw(plan, kind);
    if (!draw.active(20)) continue;
    for (std::int64_t left = draw.chance().between(1, 3); left > 0; --left) {
      SimulationFault fault = draw.make();
      if (kind == FaultKind::kLateAssignment || kind == FaultKind::kHold)
        fault.lasts = Duration{draw.chance().magnitude(50, 8'000)};
      if (kind == FaultKind::kHold) fault.amount = draw.chance().between(0, 2);
      if (kind != FaultKind::kTrim && kind != FaultKind::kLateAssignment && draw.chance().percent(50)) {
        draw.during(
            fault,
            {Phase::kProcessing, Phase::kEncoding, Phase::kDraining, Phase::kSendingOffsets,
             Phase::kCommitting, Phase::kApplying, Phase::kAborting, Phase::kRestoring, Phase::kReleasing},
            2);
      }
      plan.faults.push_back(fault);
    }
  }
  FaultDraw upgrade(plan, FaultKind::kUpgrade);
  if (limits.upgrading && upgrade.active(80)) {
    // One after the other, or some of them.
    for (int instance = 0; instance < plan.instances; ++instance) {
      SimulationFault fault = upgrade.make();
      fault.instance = instance;
      fault.lasts = Duration{upgrade.chance().magnitude(1, 3'000)};
      if (upgrade.chance().percent(80)) plan.faults.push_back(fault);
    }
  }
  FaultDraw grow(plan, FaultKind::kGrow);
  if (limits.growing && grow.active(80)) {
    for (std::int64_t left = grow.chance().between(1, 2); left > 0; --left)
      plan.faults.push_back(grow.make());
  }
}

}  // namespace

bool is_of_operation(FaultKind kind) {
  return kind >= FaultKind::kLostAnswer && kind <= FaultKind::kLateAnswer;
}

std::string_view name_of(SimulationPhase phase) { return kPhaseNames[static_cast<std::size_t>(phase)]; }
std::string_view name_of(FaultKind kind) { return kFaultNames[static_cast<std::size_t>(kind)]; }
std::string_view name_of(SimulationSchedule schedule) {
  return kScheduleNames[static_cast<std::size_t>(schedule)];
}

SimulationPlan draw_plan(std::uint64_t seed, const std::string& scenario, const SimulationLimits& limits) {
  SimulationPlan plan;
  plan.seed = seed;
  plan.scenario = scenario;
  SimulationChance chance(seed, "plan/" + scenario);
  plan.guarantee =
      limits.at_least_once && chance.percent(20) ? Guarantee::kAtLeastOnce : Guarantee::kExactlyOnce;
  plan.instances = static_cast<int>(chance.between(1, 4));
  // Who is cut off and not alone loses its tasks.
  if (limits.beside && chance.percent(50)) plan.instances = 1;
  plan.workers = static_cast<int>(chance.between(1, 3));
  plan.partitions = static_cast<Partition>(chance.magnitude(1, 12));
  plan.records = static_cast<int>(chance.magnitude(50, limits.records_max));
  plan.keys = static_cast<int>(chance.magnitude(1, 64));
  plan.input_time = Duration{chance.magnitude(1'000, 20'000)};
  plan.commit_interval = Duration{chance.magnitude(1, 2'000)};
  plan.session_timeout = Duration{chance.magnitude(1'000, 8'000)};
  plan.max_task_idle = chance.percent(50) ? Duration{0} : Duration{chance.between(1, 500)};
  plan.buffered_records = static_cast<std::size_t>(chance.magnitude(1, 1'000));
  if (chance.percent(30)) plan.uncommitted_bytes_max = static_cast<std::size_t>(chance.magnitude(64, 65'536));
  if (chance.percent(30)) plan.buffered_bytes = static_cast<std::size_t>(chance.magnitude(64, 65'536));
  plan.on_disk = limits.on_disk && chance.percent(8);
  plan.schedule = static_cast<SimulationSchedule>(chance.below(kScheduleNames.size()));
  draw_kills(plan);
  draw_pauses(plan);
  draw_stops(plan);
  draw_swizzle(plan);
  draw_others(plan);
  draw_operations(plan);
  draw_late_ends(plan);
  draw_lost_positions(plan);
  draw_outages(plan, limits);
  if (limits.beside) draw_beside(plan);
  draw_control(plan, limits);
  draw_administration(plan, limits);
  SimulationChance more(seed, "plan-more/" + scenario);
  if (more.percent(40)) plan.standbys = more.percent(30) ? -1 : static_cast<int>(more.between(1, 2));
  if (plan.standbys != 0 && more.percent(60)) draw_standbys_behind(plan);
  if (more.percent(10)) plan.quiet = Duration{more.between(35'000, 50'000)};
  if (more.percent(25)) plan.fetched_records = static_cast<std::size_t>(more.magnitude(1, 16));
  // What is in memory stays there when its task goes, if it may be a standby.
  if (more.percent(plan.standbys != 0 ? 40 : 8)) plan.in_memory = true;
  std::vector<SimulationFault> naps;  // one after the other
  if (more.percent(25)) draw_tombstones(plan, naps);
  if (limits.abreast) {
    std::erase_if(plan.faults, [](const SimulationFault& fault) {
      return fault.kind == FaultKind::kUnreadable || fault.kind == FaultKind::kPin ||
             fault.kind == FaultKind::kLateMarkers || fault.kind == FaultKind::kCutOff;
    });
  }
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const SimulationFault& a, const SimulationFault& b) { return a.at < b.at; });
  place(plan);
  insert(plan, naps);
  draw_zombies(plan);
  draw_followers(plan);
  spare_changelogs(plan);
  if (limits.recreating) std::erase_if(plan.faults, delays_commits);
  return plan;
}

std::string SimulationPlan::script() const {
  const SimulationPlan defaults;
  std::string text = fmt::format("seed {}\nscenario {}\n", seed, scenario);
  const auto add = [&](std::string_view name, const auto& value, const auto& otherwise) {
    if (value != otherwise) text += fmt::format("{} {}\n", name, value);
  };
  if (guarantee == Guarantee::kAtLeastOnce) text += "guarantee at-least-once\n";
  add("instances", instances, defaults.instances);
  add("workers", workers, defaults.workers);
  add("partitions", partitions, defaults.partitions);
  add("records", records, defaults.records);
  add("keys", keys, defaults.keys);
  add("input-time", input_time.count(), defaults.input_time.count());
  add("commit-interval", commit_interval.count(), defaults.commit_interval.count());
  add("session-timeout", session_timeout.count(), defaults.session_timeout.count());
  add("max-task-idle", max_task_idle.count(), defaults.max_task_idle.count());
  add("buffered-records", buffered_records, defaults.buffered_records);
  add("fetched-records", fetched_records, defaults.fetched_records);
  add("uncommitted-bytes", uncommitted_bytes_max, defaults.uncommitted_bytes_max);
  add("buffered-bytes", buffered_bytes, defaults.buffered_bytes);
  if (standbys < 0) text += "standbys all\n";
  if (standbys > 0) add("standbys", standbys, 0);
  add("quiet", quiet.count(), defaults.quiet.count());
  add("tombstones", tombstones.count(), defaults.tombstones.count());
  if (on_disk) text += "on-disk yes\n";
  if (in_memory) text += "in-memory yes\n";
  if (schedule != defaults.schedule) text += fmt::format("schedule {}\n", name_of(schedule));
  for (const SimulationFault& fault : faults) text += line_of(fault) + "\n";
  return text;
}

absl::StatusOr<SimulationPlan> SimulationPlan::parse(const std::string& script) {
  SimulationPlan plan;
  std::istringstream lines(script);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream in(line);
    std::string name;
    if (!(in >> name) || name.front() == '#') continue;
    const auto wrong = [&](std::string_view what) {
      return absl::InvalidArgumentError(fmt::format("line {}: '{}': {}", number, line, what));
    };
    if (name == "at" || name == "then") {
      auto fault = parse_fault(in, name == "then");
      if (!fault.ok()) return wrong(message_of(fault.status()));
      plan.faults.push_back(*fault);
      continue;
    }
    std::string value;
    if (!(in >> value)) return wrong("a value is missing");
    std::istringstream digits(value);
    std::int64_t count = 0;
    const bool numeric = static_cast<bool>(digits >> count) && digits.eof() && count >= 0;
    if (name == "scenario") {
      plan.scenario = value;
    } else if (name == "guarantee") {
      if (value != "at-least-once" && value != "exactly-once") return wrong("there is no such guarantee");
      plan.guarantee = value == "at-least-once" ? Guarantee::kAtLeastOnce : Guarantee::kExactlyOnce;
    } else if (name == "standbys" && value == "all") {
      plan.standbys = -1;
    } else if (name == "on-disk") {
      plan.on_disk = value == "yes";
    } else if (name == "in-memory") {
      plan.in_memory = value == "yes";
    } else if (name == "schedule") {
      const auto schedule = find<SimulationSchedule>(kScheduleNames, value);
      if (!schedule) return wrong("there is no such schedule");
      plan.schedule = *schedule;
    } else if (name == "seed") {
      std::istringstream(value) >> plan.seed;
    } else if (!numeric) {
      return wrong("a number is expected");
    } else if (name == "instances") {
      plan.instances = static_cast<int>(count);
    } else if (name == "workers") {
      plan.workers = static_cast<int>(count);
    } else if (name == "partitions") {
      plan.partitions = static_cast<Partition>(count);
    } else if (name == "records") {
      plan.records = static_cast<int>(count);
    } else if (name == "keys") {
      plan.keys = static_cast<int>(count);
    } else if (name == "input-time") {
      plan.input_time = Duration{count};
    } else if (name == "commit-interval") {
      plan.commit_interval = Duration{count};
    } else if (name == "session-timeout") {
      plan.session_timeout = Duration{count};
    } else if (name == "max-task-idle") {
      plan.max_task_idle = Duration{count};
    } else if (name == "buffered-records") {
      plan.buffered_records = static_cast<std::size_t>(count);
    } else if (name == "fetched-records") {
      plan.fetched_records = static_cast<std::size_t>(count);
    } else if (name == "buffered-bytes") {
      plan.buffered_bytes = static_cast<std::size_t>(count);
    } else if (name == "standbys") {
      plan.standbys = static_cast<int>(count);
    } else if (name == "quiet") {
      plan.quiet = Duration{count};
    } else if (name == "tombstones") {
      plan.tombstones = Duration{count};
    } else if (name == "uncommitted-bytes") {
      plan.uncommitted_bytes_max = static_cast<std::size_t>(count);
    } else {
      return wrong("there is no such setting");
    }
  }
  if (plan.instances < 1 || plan.workers < 1 || plan.partitions < 1 || plan.keys < 1) {
    return absl::InvalidArgumentError("instances, workers, partitions and keys must be at least 1");
  }
  if (plan.commit_interval.count() < 1 || plan.session_timeout.count() < 1 || plan.buffered_records < 1) {
    return absl::InvalidArgumentError(
        "commit-interval, session-timeout and buffered-records must be at least 1");
  }
  for (const SimulationFault& fault : plan.faults) {
    if (fault.instance < 0 || fault.instance >= plan.instances) {
      return absl::InvalidArgumentError(
          fmt::format("there is no instance {}: {}", fault.instance, line_of(fault)));
    }
  }
  return plan;
}

}  // namespace weir
