// An application as App runs it, put together without threads: somebody steps its parts, one at a time and in any order.
//
// It can be closed as App is closed, or destroyed at any moment, also in the middle of a step, as a process is by a signal
// that cannot be caught.
//
// Thread safety: none.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/app.h>
#include <weir/core/app_wiring.h>
#include <weir/core/bootstrap.h>
#include <weir/core/global_updater.h>
#include <weir/core/topic_watch.h>
#include <weir/core/worker.h>

namespace weir {

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
  [[nodiscard]] std::size_t parts() const { return 1 + (globals_ != nullptr ? 1 : 0) + workers_.size(); }

  // Advances a part. Returns how long it has nothing to do.
  [[nodiscard]] Duration step(std::size_t part);

  // Asks it to commit, to leave the group, and to end.
  void stop() { stopping_ = true; }

  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] bool running() const;
  // Why it ended; ok if it was asked to.
  [[nodiscard]] const absl::Status& failure() const { return failure_; }
  // By all its workers.
  [[nodiscard]] std::uint64_t commits() const;
  [[nodiscard]] const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
  [[nodiscard]] std::string activity() const;

 private:
  SimulatedInstance(Topology topology, SimulatedInstanceOptions options)
      : topology_(std::move(topology)), options_(std::move(options)) {}

  Duration supervise();
  void prepare();
  void start_workers();
  void follow();
  void fail(const absl::Status& status);

  const Topology topology_;
  SimulatedInstanceOptions options_;
  std::unique_ptr<Bootstrap> bootstrap_;
  PartitionPlan plan_;
  // As in App: the workers use the global stores, and go before them.
  std::unique_ptr<GlobalUpdater> globals_;
  std::unique_ptr<TopicWatch> watch_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::uint64_t past_commits_ = 0;  // of workers that are gone
  bool prepared_ = false;
  bool started_ = false;
  bool stopping_ = false;
  bool renewing_ = false;
  bool told_ = false;
  bool over_ = false;
  absl::Status failure_;
};

}  // namespace weir
