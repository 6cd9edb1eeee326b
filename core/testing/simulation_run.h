// One run of a plan: the world, its time, the order of steps, and what strikes when.
//
// Thread safety: none.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <weir/core/clock.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/testing/simulated_disk.h>
#include <weir/core/testing/simulated_faults.h>
#include <weir/core/testing/simulated_instance.h>
#include <weir/core/testing/simulation.h>

namespace weir {

// What became of a key's value.
struct SimulatedValue {
  std::optional<Bytes> value;
  Partition partition = 0;
  Timestamp timestamp = 0;
  std::vector<std::pair<std::string, std::optional<Bytes>>> headers = {};

  auto operator<=>(const SimulatedValue&) const = default;
};

// Values by output topic and key, in the order of the log; the rest only where it is to be compared.
using SimulatedOutputs = std::map<std::string, std::map<Bytes, std::vector<SimulatedValue>>>;

class SimulationRun final : private SimulationObserver {
 public:
  SimulationRun(const SimulatedScenario& scenario, const SimulationPlan& plan, std::string directory,
                Logger log);
  ~SimulationRun() override;

  // Runs it all, once. What is found first is in the result.
  [[nodiscard]] SimulationResult go();

  // What the outputs have, after go.
  [[nodiscard]] SimulatedOutputs outputs();

 private:
  // A clock of an instance: the world's, but for jumps of the wall clock.
  class ShiftedClock final : public Clock {
   public:
    explicit ShiftedClock(const Clock& world) : world_(world) {}
    [[nodiscard]] Timestamp wall() const override { return world_.wall() + shift; }
    [[nodiscard]] Duration steady() const override { return world_.steady(); }
    Timestamp shift = 0;

   private:
    const Clock& world_;
  };

  // Where an instance runs, through all its lives.
  struct Host {
    explicit Host(const Clock& world) : clock(world) {}
    ShiftedClock clock;
    int lives = 0;
    bool upgraded = false;
    std::vector<std::pair<Duration, std::int64_t>> holds;  // until when, which tasks
    int directories = 0;                                   // lost so far
    // Its transactions when it ended unasked, which may still be open, or be opened by what was on its way.
    std::map<std::string, TransactionDescription> orphans;
    SimulationPhase last_phase = SimulationPhase::kStarting;
    Duration paused_until{0};
    Duration no_disk_before{0};
    Duration back_at{0};                          // when there is no instance
    Duration away_for{0};                         // after it will have stopped
    std::vector<Duration> ready;                  // by part: when it goes on
    std::unique_ptr<SimulatedInstance> instance;  // null: not running; uses the clock
  };
  struct Armed {
    SimulationFault fault;
    int left = 0;
  };

  absl::Status reached(int instance, SimulationPhase phase) override;
  void committed(const embedded::MemberIdentity& member,
                 const std::vector<PartitionOffset>& positions) override;
  bool owns(int instance, const std::string& task) override;
  void violated(const std::string& invariant, const std::string& what) override;

  void begin();
  void start(int index);
  void run_topology(int index, Topology topology);
  void crash(int index);
  [[nodiscard]] std::string directory_of(int index) const;
  void feed(int first, int count, Duration from, Duration within);
  void pass_time();
  void happen();
  [[nodiscard]] std::vector<std::pair<int, std::size_t>> steppable() const;
  [[nodiscard]] std::size_t choose(const std::vector<std::pair<int, std::size_t>>& parts);
  void step(int index, std::size_t part);
  // Lets a fault strike, or wait for its operation or its phase.
  void bring(const SimulationFault& fault);
  [[nodiscard]] absl::Status strike(const SimulationFault& fault, SimulationPhase phase);
  void struck(const SimulationFault& fault, SimulationPhase phase);
  void kick(int index);
  void fence(int index);
  void exhaust(int index);
  void trim();
  void grow(int number);
  void forbid(const SimulationFault& fault);
  void limit(const SimulationFault& fault);
  void recreate(const SimulationFault& fault);
  // Does now what is due of what ends after a while: limits, topics that are gone.
  void restore_topics(Duration now);
  // Whether an instance may end so: by a fault, or naming what was taken from it.
  [[nodiscard]] bool explained(const absl::Status& failure) const;
  // Returns the last transactions of an instance, by their ids.
  [[nodiscard]] std::map<std::string, TransactionDescription> transactions_of(int index) const;
  void judge_farewell(int index);
  void judge_buffers(int index, const WorkerHoldings& after);
  void judge_memory(int index, const WorkerHoldings& before, const WorkerHoldings& after);
  void hold(Host& host, std::int64_t which, bool on);
  // How much a worker has done of what is paused: of all (0), or of the sub-topology of that number - 1.
  [[nodiscard]] static std::map<std::int64_t, std::uint64_t> work_of_held(const Host& host,
                                                                          const Worker* worker);
  void judge_held(int index, const std::map<std::int64_t, std::uint64_t>& before,
                  const std::map<std::int64_t, std::uint64_t>& after);
  // A long time in which nothing happens, and then a new beginning.
  void be_quiet();
  // Does something to each partition of the topic of a fault.
  void to_topic(const SimulationFault& fault,
                const std::function<absl::Status(const TopicPartition& where)>& what);
  void heal();
  // How long it may take to catch up.
  [[nodiscard]] Duration patience() const;
  [[nodiscard]] bool caught_up();
  void watch_positions();
  void judge_commits();
  void judge_conservation();
  void close();
  void replay();
  template <class Done>
  bool advance_until(Duration deadline, Done done);
  void note(std::uint64_t what) { events_ = (events_ ^ what) * 0x100000001b3U + (events_ >> 47); }
  [[nodiscard]] std::string activities() const;

  const SimulatedScenario& scenario_;
  const SimulationPlan plan_;
  const std::string directory_;
  const Logger log_;

  ManualClock clock_;
  const std::shared_ptr<SimulatedFaults> faults_;  // shared with the broker
  const std::shared_ptr<EmbeddedBroker> broker_;   // shared with the clients
  SimulatedDisk disk_;
  std::vector<std::unique_ptr<Host>> hosts_;  // use all of the above
  std::string application_;                   // that runs now
  std::vector<TopicPartition> consumed_;
  std::map<TopicPartition, Offset> positions_;  // as last seen
  // Who committed which positions, in which generation, by position.
  std::map<TopicPartition, std::map<Offset, std::pair<std::int32_t, std::string>>> committers_;
  // By instances that are gone.
  std::uint64_t processed_ = 0;
  std::uint64_t aborted_ = 0;
  std::vector<std::pair<Duration, std::function<void()>>> agenda_;  // ascending; from next_ on
  std::size_t next_ = 0;
  std::vector<Armed> armed_;
  std::vector<std::pair<Duration, TopicPartition>> late_markers_;  // until when
  std::vector<std::pair<std::string, std::string>>
      excuses_;  // what failures of instances may say, and of what
  // Topics with a limit: until when, and what they had before. Topics that are gone: until when, and their partitions.
  std::map<std::string, std::pair<Duration, std::string>> limited_;
  std::map<std::string, std::pair<Duration, Partition>> gone_;
  std::set<std::size_t> begun_;      // faults that struck, by their places in the plan
  std::set<std::string> recreated_;  // topics; their positions begin anew
  bool begins_late_ = false;         // what is in the sources before is not all processed
  bool healed_ = false;
  const Worker* stepped_ = nullptr;  // the worker whose step it is
  std::uint64_t looks_ = 0;
  std::optional<SimulationFault> killed_;  // by what the instance was killed whose step is being unwound
  bool tearing_down_ = false;
  Duration next_look_{0};
  Duration last_strike_{0};

  SimulationChance order_;
  SimulationChance cost_;
  SimulationChance generator_;
  std::size_t last_part_ = 0;
  std::uint64_t events_ = 0xcbf29ce484222325U;
  SimulationResult result_;
};

}  // namespace weir
