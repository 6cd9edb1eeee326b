#include <weir/core/app.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/bootstrap.h>
#include <weir/core/global_updater.h>
#include <weir/core/state_directory.h>
#include <weir/core/topic_watch.h>
#include <weir/core/topology_diff.h>
#include <weir/core/worker.h>

namespace weir {
namespace {

constexpr Duration kAtLeastOnceInterval{30'000};
constexpr Duration kExactlyOnceInterval{100};
constexpr std::chrono::milliseconds kSupervision{10};

bool uses_dead_letters(const Topology& topology, ErrorPolicy fallback) {
  return std::any_of(topology.nodes.begin(), topology.nodes.end(), [&](const NodeSpec& node) {
    return node.on_error == ErrorPolicy::kDeadLetter ||
           (node.on_error == ErrorPolicy::kInherit && fallback == ErrorPolicy::kDeadLetter);
  });
}

Logger logger_of(const AppConfig& config) {
  if (!config.log) return log_to_stderr(LogLevel::kWarning);
  if (!*config.log) return [](LogLevel, std::string_view) {};
  return *config.log;
}

absl::Status check(const Topology& topology, const AppConfig& config) {
  std::vector<std::string> faults;
  if (config.application_id.empty()) faults.push_back("application_id is empty");
  if (config.transport == nullptr) faults.push_back("transport is not set (see weir::connect)");
  if (config.workers < 1) faults.push_back(fmt::format("workers is {}", config.workers));
  if (config.commit_interval && config.commit_interval->count() < 1) {
    faults.push_back(fmt::format("commit_interval is {} ms", config.commit_interval->count()));
  }
  if (config.topic_refresh_interval.count() < 1) {
    faults.push_back(fmt::format("topic_refresh_interval is {} ms", config.topic_refresh_interval.count()));
  }
  if (config.buffered_records < 1) faults.push_back("buffered_records is 0");
  const bool persistent = std::any_of(topology.stores.begin(), topology.stores.end(),
                                      [](const StoreSpec& store) { return store.persistent; });
  if (persistent && config.state_directory.empty()) {
    faults.push_back("state_directory is empty, but the topology has persistent stores");
  }
  if (config.guarantee == Guarantee::kExactlyOnce && config.state_directory.empty()) {
    faults.push_back(
        "state_directory is empty, but exactly-once needs an instance id that survives restarts");
  }
  if (config.dead_letter_topic.empty() && uses_dead_letters(topology, config.on_error)) {
    faults.push_back("dead_letter_topic is empty, but records are to be sent aside");
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("the configuration cannot work: {}", fmt::join(faults, "; ")));
}

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
    WorkerOptions options;
    options.application_id = config_.application_id;
    options.client_id = fmt::format("{}-{}-{}", config_.application_id, instance_id_, role);
    options.transactional_id = fmt::format("{}-{}-{}", config_.application_id, instance_id_, slot);
    options.guarantee = config_.guarantee;
    options.commit_interval = config_.commit_interval.value_or(
        config_.guarantee == Guarantee::kExactlyOnce ? kExactlyOnceInterval : kAtLeastOnceInterval);
    options.offset_reset = config_.offset_reset;
    options.on_error = config_.on_error;
    options.dead_letter_topic = config_.dead_letter_topic;
    options.max_task_idle = config_.max_task_idle;
    options.buffered_records = config_.buffered_records;
    options.state_directory = directory_.path();
    options.resources = resources_;
    options.globals = globals_ != nullptr ? globals_->store() : nullptr;
    options.session_timeout = config_.session_timeout;
    options.consumer_properties = config_.consumer_properties;
    options.producer_properties = config_.producer_properties;
    options.log = log_;
    return options;
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
  WEIR_RETURN_IF_ERROR(check(topology, config));
  StateDirectory directory;
  if (!config.state_directory.empty()) {
    auto opened = StateDirectory::open(config.state_directory, config.application_id);
    if (!opened.ok()) return opened.status();
    directory = *std::move(opened);
    WEIR_RETURN_IF_ERROR(remember_topology(directory.path(), topology));
  }
  std::shared_ptr<StateResources> resources;
  if (topology.engine != nullptr) {
    auto made = topology.engine->make_resources(config.state_limits);
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
