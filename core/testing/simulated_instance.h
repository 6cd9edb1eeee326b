// An application as App runs it, put together without threads: somebody steps its parts, one at a time and in any order.
//
// It can be closed as App is closed, or destroyed at any moment, also in the middle of a step, as a process is by a signal
// that cannot be caught.
//
// Thread safety: none.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include <absl/status/statusor.h>

#include <weir/core/app.h>
#include <weir/core/app_wiring.h>
#include <weir/core/bootstrap.h>
#include <weir/core/global_updater.h>
#include <weir/core/pause_board.h>
#include <weir/core/store_keeper.h>
#include <weir/core/topic_watch.h>
#include <weir/core/worker.h>

namespace weir {

inline constexpr std::size_t kSimulatedWorkers = 5;

struct SimulatedInstanceOptions {
  AppConfig config;  // its transport and clock are set
  InstanceState state;
  // Of each worker, whatever the application's memory would give it.
  std::size_t uncommitted_bytes_max = std::size_t{64} << 20;
  std::size_t buffered_bytes = std::size_t{16} << 20;
};

class SimulatedInstance {
 public:
  // The topology's engine is the one its stores are opened with. InvalidArgument if App would refuse the configuration.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SimulatedInstance>> create(
      Topology topology, SimulatedInstanceOptions options);

  // The parts that can be stepped: what supervises is the first, then whatever there is. Their number changes only when the
  // supervisor is stepped.
  [[nodiscard]] std::size_t parts() const {
    return 1 + (globals_ != nullptr ? 1 : 0) + (keeper_ != nullptr ? 1 : 0) + workers_.size();
  }

  // Returns the worker that a part is; null if it is none.
  [[nodiscard]] const Worker* worker_at(std::size_t part) const;

  // Advances a part. Returns how long it has nothing to do.
  [[nodiscard]] Duration step(std::size_t part);

  // As App's functions. A worker is not added where there are kSimulatedWorkers, and the last one is not removed.
  void add_worker();
  void remove_worker();
  PauseBoard& pauses() { return pauses_; }

  // Asks it to commit, to leave the group, and to end.
  void stop() { stopping_ = true; }

  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] bool running() const;
  // Why it ended; ok if it was asked to.
  [[nodiscard]] const absl::Status& failure() const { return failure_; }
  // By all its workers.
  [[nodiscard]] std::uint64_t commits() const;
  [[nodiscard]] std::string activity() const;
  // Whether its topics are there, and workers are made or to be made.
  [[nodiscard]] bool started() const { return started_; }
  // Whether a task of this instance waits for its stores.
  [[nodiscard]] bool opening() const;
  // By all its workers.
  [[nodiscard]] std::uint64_t processed() const;
  [[nodiscard]] std::uint64_t aborted() const;
  // What it works on; empty while it is made.
  [[nodiscard]] const PartitionPlan& plan() const { return plan_; }

 private:
  SimulatedInstance(Topology topology, SimulatedInstanceOptions options);

  Duration supervise();
  void prepare();
  void start_workers();
  [[nodiscard]] std::unique_ptr<Worker> make_worker(int slot);
  void follow();
  void bury(const Worker& worker);
  void fail(const absl::Status& status);

  const Topology topology_;
  SimulatedInstanceOptions options_;
  std::unique_ptr<Bootstrap> bootstrap_;
  PartitionPlan plan_;
  // As in App: the workers use the global stores, and go before them.
  std::unique_ptr<GlobalUpdater> globals_;
  PauseBoard pauses_;                    // read by the workers
  std::unique_ptr<StoreKeeper> keeper_;  // null before the topics are there, and without stores
  std::unique_ptr<TopicWatch> watch_;
  std::set<int> slots_;                             // in which there are to be workers
  std::map<int, std::unique_ptr<Worker>> workers_;  // by slot
  std::uint64_t past_commits_ = 0;                  // of workers that are gone
  std::uint64_t past_processed_ = 0;
  std::uint64_t past_aborted_ = 0;
  bool prepared_ = false;
  bool started_ = false;
  bool stopping_ = false;
  bool renewing_ = false;
  bool told_ = false;
  bool over_ = false;
  absl::Status failure_;
};

}  // namespace weir
