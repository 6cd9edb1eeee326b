#include <weir/core/app.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/app_wiring.h>
#include <weir/core/bootstrap.h>
#include <weir/core/global_updater.h>
#include <weir/core/group_signal.h>
#include <weir/core/memory_budget.h>
#include <weir/core/state_cleanup.h>
#include <weir/core/state_directory.h>
#include <weir/core/store_keeper.h>
#include <weir/core/topic_watch.h>
#include <weir/core/topology_diff.h>
#include <weir/core/worker.h>
#include <weir/core/worker_pool.h>

namespace weir {
namespace {

constexpr std::chrono::milliseconds kSupervision{10};
// How long an instance that ends tries to tell the others.
constexpr Duration kTelling{10'000};
// How long workers may go on committing when the application has failed for a reason that may keep them from it.
constexpr Duration kLastCommits{10'000};

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
        instance_id_(directory_.instance_id().empty() ? draw_instance_id() : directory_.instance_id()),
        shares_(config_.memory_bytes, config_.workers),
        pool_([this](int slot) { return make_worker(slot); }, clock_) {
    for (int slot = 0; slot < config_.workers; ++slot) slots_.insert(slot);
  }

  ~Impl() {
    abandon_.store(true);
    stop_.store(true);
    if (supervisor_.joinable()) supervisor_.join();
  }

  void set_listener(StateListener listener) {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
  }

  void set_restore_listener(RestoreListener listener) {
    const std::lock_guard lock(mutex_);
    restore_listener_ = std::move(listener);
  }

  std::vector<RestoreProgress> restores() const {
    const std::lock_guard lock(mutex_);
    return keeper_ != nullptr ? keeper_->progress() : std::vector<RestoreProgress>();
  }

  absl::Status start() {
    {
      const std::lock_guard lock(mutex_);
      if (state_ != AppState::kCreated) {
        return absl::FailedPreconditionError(
            fmt::format("the application is {}, not created", name_of(state_)));
      }
    }
    if (config_.state_cleanup_delay && !directory_.path().empty()) {
      const auto removed = remove_task_folders(directory_.path(), config_.state_cleanup_delay, clock_.wall());
      if (!removed.ok()) return removed.status();
      if (!removed->empty())
        log_(LogLevel::kInfo,
             fmt::format("removed the state of tasks that were long gone: {}", fmt::join(*removed, " ")));
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

  absl::StatusOr<int> add_worker() {
    const std::lock_guard lock(mutex_);
    if (stop_.load() || final_locked())
      return absl::FailedPreconditionError("the application is ending: no worker can be added");
    int slot = 0;
    while (slots_.contains(slot) || pool_.has(slot)) ++slot;
    slots_.insert(slot);
    shares_.divide(static_cast<int>(slots_.size()));
    if (populated_) pool_.start(slot);
    return slot;
  }

  absl::StatusOr<int> remove_worker() {
    const std::lock_guard lock(mutex_);
    if (slots_.empty()) return absl::FailedPreconditionError("there is no worker to be removed");
    const int slot = *slots_.rbegin();
    slots_.erase(slot);
    shares_.divide(static_cast<int>(slots_.size()));
    pool_.stop(slot, /*leave_group=*/true);
    return slot;
  }

  std::size_t workers() const {
    const std::lock_guard lock(mutex_);
    return slots_.size();
  }

  PauseBoard& pauses() { return pauses_; }

  absl::Status clean_up() {
    const std::lock_guard lock(mutex_);
    if (supervisor_.joinable() && !supervised_) {
      return absl::FailedPreconditionError(
          fmt::format("the application is {}: its state is in use", name_of(state_)));
    }
    if (directory_.path().empty()) return absl::OkStatus();
    globals_.reset();
    return remove_task_folders(directory_.path(), std::nullopt, clock_.wall()).status();
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
    AppMetrics sum;
    pool_.add_to(sum);
    sum.bytes_restored = past_bytes_restored_;
    sum.standby_records = past_standby_records_;
    if (resources_ != nullptr) {
      const StateResources::Use use = resources_->use();
      sum.memory.block_cache = use.block_cache;
      sum.memory.memtables = use.memtables;
    }
    if (keeper_ != nullptr) {
      const KeeperMetrics& keeper = keeper_->metrics();
      sum.bytes_restored += keeper.bytes_restored;
      sum.standby_tasks = keeper.standby_tasks;
      sum.standby_records += keeper.standby_records;
      sum.standby_lag = keeper.standby_lag;
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
    pool_.for_each([&result](int slot, const Worker& worker) {
      if (worker.over()) return;
      const std::string task =
          worker.current_step().since() ? worker.task_name(worker.current_step().token()) : "";
      result.push_back(task.empty() ? fmt::format("worker {} is busy with {}", slot, worker.activity())
                                    : fmt::format("worker {} is busy with task {}, while {}", slot, task,
                                                  worker.activity()));
    });
    if (result.empty() && keeper_ != nullptr && config_.catch_up_before_joining) {
      result.push_back("the stores are still catching up");
    } else if (result.empty()) {
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
      absl::Status prepared = prepare();
      if (!renew_reason_.empty()) prepared = with_context(prepared, renew_reason_);
      if (!prepared.ok() && !stop_.load()) {
        log_(LogLevel::kError, message_of(prepared));
        fail(prepared);
      }
      if (failure().ok() && !stop_.load()) read_globals();
      if (failure().ok() && !stop_.load()) keep_stores();
      if (failure().ok() && !stop_.load()) run_workers();
    } while (failure().ok() && !stop_.load());
    stop_globals_.store(true);
    if (global_thread_.joinable()) global_thread_.join();
    stop_keeper_.store(true);
    if (keeper_thread_.joinable()) keeper_thread_.join();
    {
      // Closes the databases: who closed the application may start another on the same directory.
      const std::lock_guard lock(mutex_);
      if (keeper_ != nullptr) {
        past_bytes_restored_ = keeper_->metrics().bytes_restored;
        past_standby_records_ = keeper_->metrics().standby_records;
      }
      keeper_.reset();
    }
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

  std::unique_ptr<Worker> make_worker(int slot) const {
    return std::make_unique<Worker>(topology_, plan_, *config_.transport, clock_,
                                    options_for(fmt::format("worker-{}", slot), slot));
  }

  // Starts what keeps the stores, once, and lets an instance that is to catch up do so.
  void keep_stores() {
    if (topology_.engine == nullptr) return;
    if (keeper_ == nullptr) {
      auto keeper = std::make_unique<StoreKeeper>(
          topology_, *config_.transport, clock_,
          keeper_options(config_, {instance_id_, directory_.path(), resources_, sources()},
                         restore_listener_));
      {
        const std::lock_guard lock(mutex_);
        keeper_ = std::move(keeper);
      }
      keeper_thread_ = std::thread([this] {
        while (!stop_keeper_.load()) keeper_->idle_wait(keeper_->run_once());
      });
    }
    keeper_->use_plan(plan_);
    while (config_.catch_up_before_joining && !keeper_->caught_up(*config_.catch_up_before_joining) &&
           !stop_.load()) {
      std::this_thread::sleep_for(kSupervision);
    }
  }

  std::size_t sources() const {
    std::size_t partitions = 0;
    for (const TaskPlan& task : plan_.tasks) partitions += task.sources.size();
    return partitions;
  }

  // Runs a generation of workers until the application stops, or until the plan they work on is out of date.
  void run_workers() {
    renew_.store(false);
    {
      const std::lock_guard lock(mutex_);
      // A topology that only maintains global stores has no tasks, and nothing for workers to do.
      populated_ = !plan_.tasks.empty();
      if (populated_) {
        for (const int slot : slots_) pool_.start(slot);
      }
    }
    follow();
  }

  absl::Status prepare() {
    Bootstrap bootstrap(topology_, config_.application_id, config_.dead_letter_topic, *config_.transport,
                        clock_, clock_.steady() + config_.start_timeout, bootstrap_options(config_));
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
    WorkerOptions options = worker_options(config_, {instance_id_, directory_.path(), resources_, sources()},
                                           role, slot, globals_ != nullptr ? globals_->store() : nullptr);
    options.pauses = &pauses_;
    options.shares = &shares_;
    options.keeper = keeper_.get();
    return options;
  }

  // What the application does about a failure; `slot` is empty where no worker can be replaced.
  void react(const absl::Status& failure, std::string_view where, std::optional<int> slot) {
    FailureResponse response = FailureResponse::kStopInstance;
    if (config_.on_failure && !stop_.load()) {
      try {
        response = config_.on_failure(failure, where);
      } catch (const std::exception& error) {
        log_(LogLevel::kError, fmt::format("the failure handler failed: {}", error.what()));
      }
    }
    if (response == FailureResponse::kReplaceWorker && slot) {
      const std::lock_guard lock(mutex_);
      // It may have been removed meanwhile.
      if (slots_.contains(*slot)) pool_.replace(*slot);
      return;
    }
    fail(failure);
    stop_.store(true);
    if (response == FailureResponse::kStopApplication)
      tell_others(fmt::format("{}: {}", where, message_of(failure)));
  }

  void tell_others(const std::string& why) {
    if (plan_.tasks.empty()) return;
    GroupSignal signal(*config_.transport, clock_, config_.application_id, visible_id(), log_);
    absl::Status status = signal.tell(why);
    for (const Duration start = clock_.steady(); status.ok() && clock_.steady() - start < kTelling;) {
      const auto told = signal.told();
      if (told.ok() && *told) return;
      status = told.status();
      std::this_thread::sleep_for(kSupervision);
    }
    log_(LogLevel::kError, "the other instances could not be told to stop: " + message_of(status));
  }

  // The id that others see in the names of clients.
  const std::string& visible_id() const {
    return config_.instance_id.empty() ? instance_id_ : config_.instance_id;
  }

  void look_after_topics(TopicWatch& watch) {
    const auto changed = watch.changed();
    if (!changed.ok()) {
      log_(LogLevel::kError, message_of(changed.status()));
      fail(changed.status());
      stop_.store(true);
      // Positions in a topic that is gone cannot be committed, however long a worker tries.
      give_up_after_ = clock_.steady() + kLastCommits;
    } else if (*changed) {
      renew(watch.reason());
    }
  }

  // The workers are to end, and others to come that work on a new plan.
  void renew(const std::string& reason) {
    renew_reason_ = reason;
    log_(LogLevel::kInfo, reason + ": the workers start again");
    renew_.store(true);
  }

  // Reports steps of workers that do not end: user code that does not return, usually.
  void watch_steps() {
    if (config_.stall_limit.count() == 0) return;
    const Duration now = clock_.steady();
    std::vector<Stall> stalls;
    pool_.for_each([&](int slot, const Worker& worker) {
      const std::optional<Duration> since = worker.current_step().since();
      if (!since || now - *since < config_.stall_limit || reported_steps_[slot] == *since) return;
      reported_steps_[slot] = *since;
      stalls.push_back(
          {fmt::format("worker-{}", slot), worker.task_name(worker.current_step().token()), now - *since,
           fmt::format("a call that has not returned, while {}; at {} ms of silence the group gives "
                       "the worker's tasks to others",
                       worker.activity(), ConsumerOptions().max_poll_interval.count())});
    });
    for (const Stall& stall : stalls) {
      log_(LogLevel::kWarning, fmt::format("{} task {} has not got on for {} ms: {}", stall.worker,
                                           stall.task, stall.lasts.count(), stall.waits_for));
      if (config_.on_stall) config_.on_stall(stall);
    }
  }

  // Turns the workers' states into the application's until all are over.
  void follow() {
    TopicWatch watch(topology_, config_.application_id, plan_, *config_.transport, clock_,
                     config_.topic_refresh_interval, log_);
    std::optional<GroupSignal> signal;
    if (config_.on_failure && !plan_.tasks.empty())
      signal.emplace(*config_.transport, clock_, config_.application_id, visible_id(), log_);
    while (true) {
      if (!renew_.load() && failure().ok()) look_after_topics(watch);
      if (clock_.steady() > give_up_after_) abandon_.store(true);
      if (globals_ != nullptr && globals_->failed() && failure().ok())
        react(globals_->failure(), "global", std::nullopt);
      for (const WorkerPool::Ended& ended : pool_.step()) {
        if (!ended.failure.ok()) react(ended.failure, fmt::format("worker-{}", ended.slot), ended.slot);
      }
      if (!renew_.load() && pool_.plan_outdated()) renew("the group has agreed on other tasks");
      watch_steps();
      if (signal && !stop_.load()) {
        if (const auto said = signal->heard()) {
          const absl::Status told = absl::CancelledError("another instance told all to stop: " + *said);
          log_(LogLevel::kError, message_of(told));
          fail(told);
          stop_.store(true);
        }
      }
      if (stop_.load() || renew_.load()) {
        {
          const std::lock_guard lock(mutex_);
          populated_ = false;
        }
        pool_.stop_all(renew_.load() || leave_group_.load());
        if (abandon_.load()) pool_.abandon_all();
        if (pool_.empty()) return;
      }
      if (failure().ok()) {
        if (stop_.load()) {
          change(AppState::kPendingShutdown);
        } else {
          change(pool_.all_running() && !renew_.load() ? AppState::kRunning : AppState::kRebalancing);
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

  mutable std::mutex mutex_;  // guards the nine below; taken before the pool's own
  mutable std::condition_variable changed_;
  AppState state_ = AppState::kCreated;
  absl::Status failure_;
  std::set<int> slots_;     // in which there are to be workers
  bool populated_ = false;  // there is a worker in each of them, or one to come
  StateListener listener_;
  RestoreListener restore_listener_;
  std::uint64_t past_bytes_restored_ = 0;  // of the keeper that is gone
  std::uint64_t past_standby_records_ = 0;
  bool supervised_ = false;  // the last state was reached, and the listener knows

  std::atomic<bool> stop_{false};
  std::atomic<bool> abandon_{false};
  std::atomic<bool> leave_group_{true};
  std::atomic<bool> renew_{false};  // the workers are to end, others come
  // Both the supervisor's.
  std::string renew_reason_;  // of the last time; empty before
  Duration give_up_after_ = Duration::max();
  PartitionPlan plan_;  // made before the workers, then read only
  std::atomic<bool> stop_globals_{false};
  // Changed under the mutex, by the supervisor; they themselves are read through their atomics.
  std::unique_ptr<GlobalUpdater>
      globals_;  // null if there are no global stores; their views are used by the workers
  std::atomic<bool> stop_keeper_{false};
  std::unique_ptr<StoreKeeper> keeper_;     // null without stores; outlives the workers
  std::thread keeper_thread_;               // ends in the supervisor, when the workers are gone
  PauseBoard pauses_;                       // read by the workers
  WorkerShares shares_;                     // read by the workers
  std::map<int, Duration> reported_steps_;  // by slot, when they began; the supervisor's
  WorkerPool pool_;
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
void App::on_restore(RestoreListener listener) { impl_->set_restore_listener(std::move(listener)); }
std::vector<RestoreProgress> App::restores() const { return impl_->restores(); }
absl::Status App::start() { return impl_->start(); }
absl::Status App::close(Duration deadline, bool leave_group) { return impl_->close(deadline, leave_group); }
absl::StatusOr<int> App::add_worker() { return impl_->add_worker(); }
absl::StatusOr<int> App::remove_worker() { return impl_->remove_worker(); }
std::size_t App::workers() const { return impl_->workers(); }
void App::pause() { impl_->pauses().pause_all(); }
void App::resume() { impl_->pauses().resume_all(); }
bool App::paused() const { return impl_->pauses().all_paused(); }
void App::pause(int sub_topology) { impl_->pauses().pause_part(sub_topology); }
void App::resume(int sub_topology) { impl_->pauses().resume_part(sub_topology); }
void App::pause(const TaskId& task) { impl_->pauses().pause_task(task); }
void App::resume(const TaskId& task) { impl_->pauses().resume_task(task); }
bool App::paused(const TaskId& task) const { return impl_->pauses().holds(task); }
AppState App::state() const { return impl_->state(); }
bool App::wait_for(AppState state, Duration at_most) const { return impl_->wait_for(state, at_most); }
absl::Status App::failure() const { return impl_->failure(); }
AppMetrics App::metrics() const { return impl_->metrics(); }
absl::Status App::clean_up() { return impl_->clean_up(); }
const Topology& App::topology() const { return impl_->topology(); }

}  // namespace weir
