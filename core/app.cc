#include <weir/core/app.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/app_wiring.h>
#include <weir/core/bootstrap.h>
#include <weir/core/global_updater.h>
#include <weir/core/memory_budget.h>
#include <weir/core/state_directory.h>
#include <weir/core/topic_watch.h>
#include <weir/core/topology_diff.h>
#include <weir/core/worker.h>

namespace weir {
namespace {

constexpr std::chrono::milliseconds kSupervision{10};

}  // namespace

std::string_view name_of(AppState state) {
  switch (state) {
    case AppState::kCreated:
      return "created";
    case AppState::kRebalancing:
      return "rebalancing";
    case AppState::kRunning:
      return "running";
    case AppState::kPendingShutdown:
      return "pending shutdown";
    case AppState::kNotRunning:
      return "not running";
    case AppState::kPendingError:
      return "pending error";
    case AppState::kError:
      return "error";
  }
  return "";
}

namespace {

void add_counters(AppMetrics& sum, const WorkerMetrics& one) {
  sum.records_processed += one.records_processed;
  sum.records_committed += one.records_committed;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    if (const std::uint64_t count = one.records_dropped[i]; count > 0) {
      sum.records_dropped[static_cast<DropReason>(i)] += count;
    }
  }
  sum.dead_letters += one.dead_letters;
  sum.retries += one.retries;
  sum.commits += one.commits;
  sum.transactions_aborted += one.transactions_aborted;
  sum.records_restored += one.records_restored;
}

}  // namespace

// One supervisor thread prepares the topics, starts a thread per worker and follows their states.
class App::Impl {
 public:
  Impl(Topology topology, AppConfig config, StateDirectory directory,
       std::shared_ptr<StateResources> resources)
      : topology_(std::move(topology)),
        config_(std::move(config)),
        clock_(config_.clock != nullptr ? *config_.clock : system_clock()),
        log_(logger_of(config_)),
        directory_(std::move(directory)),
        resources_(std::move(resources)),
        instance_id_(directory_.instance_id().empty() ? draw_instance_id() : directory_.instance_id()) {}

  ~Impl() {
    abandon_.store(true);
    stop_.store(true);
    if (supervisor_.joinable()) supervisor_.join();
  }

  void set_listener(StateListener listener) {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
  }

  absl::Status start() {
    {
      const std::lock_guard lock(mutex_);
      if (state_ != AppState::kCreated) {
        return absl::FailedPreconditionError(
            fmt::format("the application is {}, not created", name_of(state_)));
      }
    }
    change(AppState::kRebalancing);
    supervisor_ = std::thread([this] {
      supervise();
      const std::lock_guard lock(mutex_);
      supervised_ = true;
      changed_.notify_all();
    });
    return absl::OkStatus();
  }

  absl::Status close(Duration deadline, bool leave_group) {
    leave_group_.store(leave_group);
    stop_.store(true);
    if (!supervisor_.joinable()) {
      change(AppState::kNotRunning);
      return absl::OkStatus();
    }
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, deadline, [this] { return supervised_; })) {
      return state_ == AppState::kError ? failure_ : absl::OkStatus();
    }
    abandon_.store(true);
    return absl::DeadlineExceededError(
        fmt::format("not closed within {} ms: {}", deadline.count(), fmt::join(activities_locked(), "; ")));
  }

  AppState state() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }

  bool wait_for(AppState state, Duration at_most) const {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, at_most, [this, state] { return state_ == state || final_locked(); });
    return state_ == state;
  }

  absl::Status failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

  AppMetrics metrics() const {
    const std::lock_guard lock(mutex_);
    AppMetrics sum = past_;
    for (const auto& worker : workers_) {
      const WorkerMetrics& one = worker->metrics();
      add_counters(sum, one);
      sum.restore_remaining += one.restore_remaining;
      sum.tasks += one.tasks;
      sum.lag += one.lag;
      sum.state_bytes += one.state_bytes;
      sum.memory.uncommitted += one.uncommitted_bytes;
      sum.memory.buffered += one.buffered_bytes;
    }
    if (resources_ != nullptr) {
      const StateResources::Use use = resources_->use();
      sum.memory.block_cache = use.block_cache;
      sum.memory.memtables = use.memtables;
    }
    if (globals_ != nullptr) {
      sum.global_records_read = globals_->records_read();
      sum.restore_remaining += globals_->records_remaining();
      for (std::size_t i = 0; i < kDropReasons; ++i) {
        const auto reason = static_cast<DropReason>(i);
        if (const auto count = globals_->records_dropped(reason); count > 0)
          sum.records_dropped[reason] += count;
      }
    }
    return sum;
  }

  const Topology& topology() const { return topology_; }

 private:
  bool final_locked() const { return state_ == AppState::kNotRunning || state_ == AppState::kError; }

  std::vector<std::string> activities_locked() const {
    std::vector<std::string> result;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (!workers_[i]->over())
        result.push_back(fmt::format("worker {} is busy with {}", i, workers_[i]->activity()));
    }
    if (result.empty()) {
      result.push_back(globals_ != nullptr && !globals_->complete() ? "the global stores are still being read"
                                                                    : "the topics are still being prepared");
    }
    return result;
  }

  void change(AppState next) {
    StateListener listener;
    AppState before;
    {
      const std::lock_guard lock(mutex_);
      if (state_ == next || final_locked()) return;
      before = state_;
      state_ = next;
      listener = listener_;
    }
    changed_.notify_all();
    if (listener) listener(next, before);
  }

  void fail(const absl::Status& status) {
    {
      const std::lock_guard lock(mutex_);
      if (failure_.ok()) failure_ = status;
    }
    change(AppState::kPendingError);
  }

  void supervise() {
    do {
      if (const absl::Status prepared = prepare(); !prepared.ok() && !stop_.load()) {
        log_(LogLevel::kError, message_of(prepared));
        fail(prepared);
      }
      if (failure().ok() && !stop_.load()) read_globals();
      if (failure().ok() && !stop_.load()) run_workers();
    } while (failure().ok() && !stop_.load());
    stop_globals_.store(true);
    if (global_thread_.joinable()) global_thread_.join();
    change(failure().ok() ? AppState::kNotRunning : AppState::kError);
  }

  // Starts what keeps the global stores, once, and waits until they have all that their topics have now.
  void read_globals() {
    if (topology_.globals.empty()) return;
    if (globals_ == nullptr) {
      auto updater = std::make_unique<GlobalUpdater>(topology_, plan_, *config_.transport, clock_,
                                                     options_for("global"));
      {
        const std::lock_guard lock(mutex_);
        globals_ = std::move(updater);
      }
      global_thread_ = std::thread([this] {
        while (!stop_globals_.load()) globals_->idle_wait(globals_->run_once());
      });
    }
    while (!globals_->complete() && !stop_.load()) {
      if (globals_->failed()) return fail(globals_->failure());
      std::this_thread::sleep_for(kSupervision);
    }
  }

  // Runs a generation of workers until the application stops, or until the plan they work on is out of date.
  void run_workers() {
    renew_.store(false);
    {
      const std::lock_guard lock(mutex_);
      // A topology that only maintains global stores has no tasks, and nothing for workers to do.
      for (int slot = 0; slot < config_.workers && !plan_.tasks.empty(); ++slot) {
        workers_.push_back(std::make_unique<Worker>(topology_, plan_, *config_.transport, clock_,
                                                    options_for(fmt::format("worker-{}", slot), slot)));
      }
    }
    std::vector<std::thread> threads;
    for (const auto& worker : workers_) threads.emplace_back([this, &worker = *worker] { run(worker); });
    follow();
    for (std::thread& thread : threads) thread.join();
    const std::lock_guard lock(mutex_);
    for (const auto& worker : workers_) add_counters(past_, worker->metrics());
    workers_.clear();
  }

  absl::Status prepare() {
    Bootstrap bootstrap(topology_, config_.application_id, config_.dead_letter_topic, *config_.transport,
                        clock_, clock_.steady() + config_.start_timeout);
    while (!stop_.load()) {
      const auto ready = bootstrap.step();
      if (!ready.ok()) return ready.status();
      if (*ready) {
        plan_ = bootstrap.take();
        return absl::OkStatus();
      }
      std::this_thread::sleep_for(kSupervision);
    }
    return absl::CancelledError("closed before it had started");
  }

  WorkerOptions options_for(const std::string& role, int slot = 0) const {
    std::size_t partitions = 0;
    for (const TaskPlan& task : plan_.tasks) partitions += task.sources.size();
    return worker_options(config_, {instance_id_, directory_.path(), resources_, partitions}, role, slot,
                          globals_ != nullptr ? globals_->store() : nullptr);
  }

  void run(Worker& worker) {
    bool told = false;
    while (!worker.over()) {
      if (abandon_.load()) worker.abandon();
      if (!told && (stop_.load() || renew_.load())) {
        worker.stop(renew_.load() || leave_group_.load());
        told = true;
      }
      worker.idle_wait(worker.run_once());
    }
  }

  // Turns the workers' states into the application's until all are over.
  void follow() {
    TopicWatch watch(topology_, config_.application_id, plan_.matched, *config_.transport, clock_,
                     config_.topic_refresh_interval, log_);
    while (true) {
      if (!renew_.load() && watch.changed()) {
        log_(LogLevel::kInfo, "the topics that match have changed: the workers start again");
        renew_.store(true);
      }
      if (globals_ != nullptr && globals_->failed() && failure().ok()) {
        fail(globals_->failure());
        stop_.store(true);
      }
      bool all_over = !workers_.empty() || stop_.load() || renew_.load();
      bool all_running = true;
      for (const auto& worker : workers_) {
        const WorkerState state = worker->state();
        all_over &= worker->over();
        all_running &= state == WorkerState::kRunning;
        if (state == WorkerState::kFailed) {
          fail(worker->failure());
          stop_.store(true);
        }
      }
      if (all_over) return;
      if (failure().ok()) {
        if (stop_.load()) {
          change(AppState::kPendingShutdown);
        } else {
          change(all_running && !renew_.load() ? AppState::kRunning : AppState::kRebalancing);
        }
      }
      std::this_thread::sleep_for(kSupervision);
    }
  }

  const Topology topology_;
  const AppConfig config_;
  const Clock& clock_;
  const Logger log_;
  const StateDirectory directory_;                   // unlocked after everything else is gone
  const std::shared_ptr<StateResources> resources_;  // shared with the task stores
  const std::string instance_id_;

  mutable std::mutex mutex_;  // guards the five below
  mutable std::condition_variable changed_;
  AppState state_ = AppState::kCreated;
  absl::Status failure_;
  AppMetrics past_;  // counters of workers that are gone
  StateListener listener_;
  bool supervised_ = false;  // the last state was reached, and the listener knows

  std::atomic<bool> stop_{false};
  std::atomic<bool> abandon_{false};
  std::atomic<bool> leave_group_{true};
  std::atomic<bool> renew_{false};  // the workers are to end, others come
  PartitionPlan plan_;              // made before the workers, then read only
  std::atomic<bool> stop_globals_{false};
  // Changed under the mutex, by the supervisor; they themselves are read through their atomics.
  std::unique_ptr<GlobalUpdater>
      globals_;  // null if there are no global stores; their views are used by the workers
  std::vector<std::unique_ptr<Worker>> workers_;
  std::thread global_thread_;  // ends in the supervisor, when the workers are gone
  std::thread supervisor_;
};

App::App(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
App::~App() = default;

absl::StatusOr<std::unique_ptr<App>> App::create(Topology topology, AppConfig config) {
  WEIR_RETURN_IF_ERROR(check_config(topology, config));
  StateDirectory directory;
  if (!config.state_directory.empty()) {
    auto opened = StateDirectory::open(config.state_directory, config.application_id);
    if (!opened.ok()) return opened.status();
    directory = *std::move(opened);
    WEIR_RETURN_IF_ERROR(remember_topology(directory.path(), topology));
  }
  std::shared_ptr<StateResources> resources;
  if (topology.engine != nullptr) {
    auto made = topology.engine->make_resources(
        {.memory_bytes = share_out(config.memory_bytes, config.workers, 0, /*stateful=*/true).state_bytes});
    if (!made.ok()) return made.status();
    resources = *std::move(made);
  }
  return std::unique_ptr<App>(new App(std::make_unique<Impl>(std::move(topology), std::move(config),
                                                             std::move(directory), std::move(resources))));
}

void App::on_state_change(StateListener listener) { impl_->set_listener(std::move(listener)); }
absl::Status App::start() { return impl_->start(); }
absl::Status App::close(Duration deadline, bool leave_group) { return impl_->close(deadline, leave_group); }
AppState App::state() const { return impl_->state(); }
bool App::wait_for(AppState state, Duration at_most) const { return impl_->wait_for(state, at_most); }
absl::Status App::failure() const { return impl_->failure(); }
AppMetrics App::metrics() const { return impl_->metrics(); }
const Topology& App::topology() const { return impl_->topology(); }

}  // namespace weir
