// An application: a topology that runs in this process, as a member of the group of its application id.
//
//   absl::StatusOr<std::unique_ptr<weir::App>> app = weir::App::create(topology, {
//       .application_id = "word-count", .transport = transport, .state_directory = "state"});
//   absl::Status started = (*app)->start();
//   ...
//   absl::Status closed = (*app)->close(10s);
//
// Each worker is a thread with a consumer and a producer; several processes with the same application id share the tasks.
// Global stores are kept by one more thread; the workers begin when these have all that their topics had at the start.
// weir installs no signal handlers: call close from yours (or from a thread that waits for a signal).
//
// Thread safety: all functions may be called from any thread, but not from inside a callable of the topology.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/failure_handler.h>
#include <weir/core/internal_topics.h>
#include <weir/core/partition_plan.h>
#include <weir/core/progress_watch.h>
#include <weir/core/restorer.h>
#include <weir/core/standby_placement.h>
#include <weir/core/task_context.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>
#include <weir/core/worker_options.h>

namespace weir {

//   created → rebalancing ⇄ running → pending shutdown → not running
//                  └──────────┴──────→ pending error → error
enum class AppState {
  kCreated,
  kRebalancing,
  kRunning,
  kPendingShutdown,
  kNotRunning,
  kPendingError,
  kError
};
[[nodiscard]] std::string_view name_of(AppState state);

struct AppConfig {
  // Names the group, and begins the names of internal topics and transactional ids. Required.
  std::string application_id = {};
  // See connect.h. Required; shared with whoever else talks to the same brokers.
  std::shared_ptr<Transport> transport = {};
  int workers = 1;
  Guarantee guarantee = Guarantee::kAtLeastOnce;
  // Default: 30 s at least once, 100 ms exactly once.
  std::optional<Duration> commit_interval = {};
  // How long after it was processed a record is to be committed at most. The worker then chooses its commit interval itself, by
  // what its commits take; see commit_pacer.h. Default: none, commit_interval decides.
  std::optional<Duration> commit_latency_target = {};
  // How often all positions are committed even where nothing was processed. Must be well below the brokers'
  // offsets.retention.minutes (7 days by default): see docs/topics-and-reset.md.
  Duration positions_interval = std::chrono::hours{1};
  // What a transaction may have sent before it is committed early, per worker, changelogs not counted; 0: any.
  std::uint64_t transaction_records_max = 0;
  std::uint64_t transaction_bytes_max = std::uint64_t{64} << 20;
  // Where tasks keep their stores; "<directory>/<application id>" is made and locked. Required if the topology has persistent
  // stores or the guarantee is exactly-once. Of one process at a time.
  std::string state_directory = {};
  // At the start, removes what tasks have on disk in which nothing was written for so long; it is restored if the task comes
  // back. Default: nothing is removed.
  std::optional<Duration> state_cleanup_delay = {};
  // What to do with records that cannot be processed, unless their node says otherwise.
  ErrorPolicy on_error = ErrorPolicy::kFail;
  // What to do with records that a topic refuses (too large, no such topic, not allowed, invalid), unless their sink says
  // otherwise: kFail, kSkip or kDeadLetter. What may go well later the client sends again by itself. See docs/errors.md.
  ErrorPolicy on_production_error = ErrorPolicy::kFail;
  // How records are tried again: those that meet weir::Retriable, and those of nodes with the policy kRetry.
  RetryOptions retry = {};
  // What to do when a worker fails nevertheless. Without a handler, and for failures of the start, the instance stops. Instances
  // with a handler also stop when another one tells all to.
  FailureHandler on_failure = {};
  // An existing topic; required if any policy is to send records aside.
  std::string dead_letter_topic = {};
  OffsetReset offset_reset = OffsetReset::kEarliest;
  Duration max_task_idle{0};
  // How often it is looked whether the topics are still the same. When those that patterns match have changed, or the number
  // of partitions of one, the workers commit, stop, and start again with that; tasks and state stay where they are. A topic
  // that is gone ends the application with an error.
  Duration topic_refresh_interval{30'000};
  // Whether topics that are missing at the start are waited for, up to start_timeout; otherwise that is an error at once.
  bool wait_for_topics = false;
  // Of the topics the application makes for itself.
  InternalTopicOptions internal_topics = InternalTopicOptions();
  // How often what is processed is deleted from repartition topics; zero: never.
  Duration repartition_purge_interval{30'000};
  std::size_t buffered_records = 1000;
  // What the application may use, beside some 40 MiB for code, threads and clients; see memory_budget.h for who has which share.
  std::size_t memory_bytes = std::size_t{256} << 20;
  // A task that has work and does not get on, an opening that does not end, or a call of user code that does not return for so
  // long is logged, counted (AppMetrics::tasks_stalled) and told to the listener. 0: never.
  Duration stall_limit{120'000};
  StallListener on_stall = {};
  // How many other instances keep a copy of each task's stores up to date, so that one of them that is given the task has only the
  // rest to restore; kAllInstances: all. See docs/standbys.md for what this does and does not promise.
  int standby_replicas = 0;
  // How often the group is asked who is there, if there are standbys.
  Duration standby_refresh_interval{5'000};
  // Before it joins the group the instance restores the stores of all tasks until at most so many records are missing altogether.
  // Unset: it joins at once, and restores what it is given.
  std::optional<std::uint64_t> catch_up_before_joining = {};
  // Remove a task's folder when this instance neither had the task nor stood by for it since it started, or for so long. Unset:
  // never. Folders of tasks with a store without a changelog stay.
  std::optional<Duration> remove_unused_state_after = {};
  // How long start may take to reach the brokers and prepare the topics.
  Duration start_timeout{60'000};
  Duration session_timeout{45'000};
  // Names this instance among those of the application, which must all have different ones: its workers become static members
  // of the group ("<instance_id>-<worker>"), so that one that comes back within the session timeout finds its tasks where it
  // left them and nobody else is disturbed; close it with leave_group = false. Empty: the group members are dynamic, and
  // client and transactional ids have an id drawn when the state directory was made.
  std::string instance_id = {};
  // Where the instance is ("client.rack"), so that it can read from replicas nearby. Also the end of its client ids, so that standbys
  // are kept in other racks than their tasks.
  std::string rack = {};
  std::map<std::string, std::string> consumer_properties = {};
  std::map<std::string, std::string> producer_properties = {};
  // Default: warnings and errors to standard error.
  std::optional<Logger> log = {};
  // Default: the system's. Outlives the application.
  const Clock* clock = nullptr;
};

// What the parts of the memory budget hold now, in bytes. What the clients hold is not known; their limits are in
// memory_budget.h.
struct MemoryUse {
  std::uint64_t block_cache = 0;
  std::uint64_t memtables = 0;
  std::uint64_t uncommitted = 0;
  std::uint64_t buffered = 0;
};

// Sums over the workers and what maintains global stores. Counters begin at 0 with the process.
struct AppMetrics {
  std::uint64_t records_processed = 0;
  std::uint64_t records_committed = 0;  // processed, and their positions committed
  std::map<DropReason, std::uint64_t> records_dropped;
  std::uint64_t dead_letters = 0;
  std::uint64_t retries = 0;  // failed attempts that were followed by another
  std::uint64_t commits = 0;
  std::uint64_t transactions_aborted = 0;
  std::uint64_t positions_lost = 0;  // partitions that could not be read on where they had been read to
  std::uint64_t records_restored = 0;
  std::uint64_t bytes_restored = 0;       // keys and values of those; not of global stores
  std::uint64_t restore_remaining = 0;    // records; those of global stores included
  std::uint64_t standby_tasks = 0;        // kept for other instances
  std::uint64_t standby_records = 0;      // applied to those
  std::uint64_t standby_lag = 0;          // records they are behind
  std::uint64_t global_records_read = 0;  // by what maintains global stores; not among those processed
  std::uint64_t workers = 0;              // that have not ended
  std::uint64_t workers_replaced = 0;     // because they had failed
  std::uint64_t tasks = 0;
  std::uint64_t tasks_stalled = 0;  // now; see AppConfig::stall_limit
  std::uint64_t lag = 0;  // records the brokers are known to hold for this process that are not processed
  std::uint64_t state_bytes = 0;  // estimate, on disk or in memory
  MemoryUse memory;
};

class App {
 public:
  // Called on every change of state, from one of the application's threads, in order. Must not call close.
  using StateListener = std::function<void(AppState now, AppState before)>;

  // InvalidArgument says what the configuration lacks; FailedPrecondition that the state directory is in use.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<App>> create(Topology topology, AppConfig config);

  // Closes without a commit if close was not called. Waits for callables that are running.
  ~App();

  // Before start only.
  void on_state_change(StateListener listener);

  // Told of every restore of a task's store, in order, from one of the application's threads; standbys are silent. Before start only.
  // Must not call close, and is done soon: other restores wait meanwhile.
  void on_restore(RestoreListener listener);

  // Starts the threads and returns. What goes wrong later shows in state and failure.
  [[nodiscard]] absl::Status start();

  // Commits, leaves the group and stops. DeadlineExceeded names the workers that are not done and what they are busy with;
  // they then end without a commit, as soon as they can. A second call waits for the same.
  [[nodiscard]] absl::Status close(Duration deadline, bool leave_group = true);

  // Starts one more worker, in the lowest slot that is free, and returns the slot; the group gives it some of the tasks. The workers'
  // shares of memory are divided anew (see WorkerShares). FailedPrecondition if the application is ending.
  [[nodiscard]] absl::StatusOr<int> add_worker();

  // Asks the worker in the highest slot to commit, to leave the group and to end, and returns the slot; its tasks go to others,
  // also of this process. FailedPrecondition if there is no worker.
  [[nodiscard]] absl::StatusOr<int> remove_worker();

  // Returns how many workers there are to be.
  [[nodiscard]] std::size_t workers() const;

  // Pauses all tasks, those of a sub-topology (numbered as Topology::describe shows) or one; see pause_board.h. The state stays
  // what it is, and so does the place in the group. Resuming the whole does not resume what was paused by part or by task. May
  // be called before start.
  void pause();
  void resume();
  [[nodiscard]] bool paused() const;
  void pause(int sub_topology);
  void resume(int sub_topology);
  void pause(const TaskId& task);
  void resume(const TaskId& task);
  // Whether this task is paused, for whichever reason.
  [[nodiscard]] bool paused(const TaskId& task) const;

  [[nodiscard]] AppState state() const;

  // Waits until the application is in that state or in a final one. Returns whether it is in that state.
  [[nodiscard]] bool wait_for(AppState state, Duration at_most) const;

  // Why the application is in error; ok otherwise.
  [[nodiscard]] absl::Status failure() const;

  [[nodiscard]] AppMetrics metrics() const;

  // Removes what this instance's tasks have on disk: they are restored when they come again. Before start or after close;
  // FailedPrecondition otherwise. Nothing to do without a state directory.
  [[nodiscard]] absl::Status clean_up();

  // The stores that are restored or kept as standbys now, with how far they are; brought up to date about ten times a second.
  [[nodiscard]] std::vector<RestoreProgress> restores() const;

  [[nodiscard]] const Topology& topology() const;

 private:
  class Impl;
  explicit App(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
