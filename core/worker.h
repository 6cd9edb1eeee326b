// A worker: one consumer, one producer and the tasks whose tokens the group gave it. A state machine: run_once advances it by
// one bounded step and never waits; a thread, or a simulator, calls it again and again.
//
// Membership: the worker subscribes only to the application's tasks topic, whose partitions (tokens) stand for tasks. Owning
// a token means reading the sources of its task. Before a token is given back what its task did is committed.
//
// Thread safety: run_once, idle_wait and the destructor belong to one thread. The functions that say so may be called from
// any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/commit_cycle.h>
#include <weir/core/commit_failures.h>
#include <weir/core/commit_pacer.h>
#include <weir/core/in_flight.h>
#include <weir/core/progress_watch.h>
#include <weir/core/record_retries.h>
#include <weir/core/repartition_purge.h>
#include <weir/core/task.h>
#include <weir/core/task_backoffs.h>
#include <weir/core/task_lifecycle.h>
#include <weir/core/token_record.h>
#include <weir/core/worker_options.h>

namespace weir {

enum class WorkerState {
  kStarting,     // not in the group yet
  kRebalancing,  // in the group; some of its tasks are being opened or restored
  kRunning,      // all its tasks process records
  kStopping,     // commits and leaves
  kStopped,
  kFailed,  // see failure()
};
[[nodiscard]] std::string_view name_of(WorkerState state);

// Counters with one writer, the worker; anybody may read them.
struct WorkerMetrics {
  std::atomic<std::uint64_t> records_processed{0};
  std::array<std::atomic<std::uint64_t>, kDropReasons> records_dropped{};
  std::atomic<std::uint64_t> dead_letters{0};
  std::atomic<std::uint64_t> retries{0};
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> transactions_aborted{0};
  // How often a partition could not be read on where it had been read to; see the log.
  std::atomic<std::uint64_t> positions_lost{0};
  std::atomic<std::uint64_t> records_restored{0};
  std::atomic<std::uint64_t> restore_remaining{0};
  std::atomic<std::uint64_t> tasks{0};
  std::atomic<std::uint64_t> tasks_stalled{0};
  std::atomic<std::uint64_t> lag{0};
  std::atomic<std::uint64_t> state_bytes{0};
  std::atomic<std::uint64_t> uncommitted_bytes{0};
  std::atomic<std::uint64_t> buffered_bytes{0};
  // Records processed and committed.
  std::atomic<std::uint64_t> records_committed{0};
};

// What the tasks of a worker hold in memory.
struct WorkerHoldings {
  std::size_t uncommitted_bytes = 0;
  std::size_t buffered_bytes = 0;
  std::size_t sources = 0;
  std::uint64_t processed = 0;  // records, since the worker began
  std::uint64_t commits = 0;    // since the worker began
  std::size_t dirty_tasks = 0;  // which have done something since they were committed
  bool committing = false;
};

class Worker {
 public:
  // Everything referred to outlives the worker.
  Worker(const Topology& topology, const PartitionPlan& plan, Transport& transport, const Clock& clock,
         WorkerOptions options);
  ~Worker();

  // Advances by one step. Returns how long there is nothing to do unless something arrives: zero if it should be called again
  // at once.
  [[nodiscard]] Duration run_once();

  // Waits for something to arrive, at most that long; returns early on wake().
  void idle_wait(Duration at_most);

  // Any thread: asks the worker to commit, to leave the group if told so, and to end.
  void stop(bool leave_group);
  // Any thread: asks it to end at once, without a commit.
  void abandon();

  // Any thread.
  [[nodiscard]] WorkerState state() const { return state_.load(std::memory_order_acquire); }
  [[nodiscard]] bool over() const {
    const WorkerState now = state();
    return now == WorkerState::kStopped || now == WorkerState::kFailed;
  }
  [[nodiscard]] const WorkerMetrics& metrics() const { return metrics_; }
  // Any thread: what it is busy with, for the one whose deadline has passed.
  [[nodiscard]] std::string_view activity() const { return activity_.load(std::memory_order_acquire); }

  // Any thread: which step it is in, and with which task.
  [[nodiscard]] const StepWatch& current_step() const { return step_; }
  // Any thread: whether the group's members have agreed on other tasks than those of the plan. The worker then opens none
  // that it is given; it is for others to make one that knows them.
  [[nodiscard]] bool plan_outdated() const { return plan_outdated_.load(std::memory_order_acquire); }
  // Any thread: the name of the task with that token; empty if there is none.
  [[nodiscard]] std::string task_name(Partition token) const;

  // The thread of run_once only.
  [[nodiscard]] WorkerHoldings holdings() const;
  // Records that its tasks have processed and timers that have fired, since they were opened; of one sub-topology if any.
  [[nodiscard]] std::uint64_t work_of(std::optional<int> sub_topology) const;

  // Why it failed. Only once state() says so.
  [[nodiscard]] const absl::Status& failure() const { return failure_; }

 private:
  enum class Stage { kConnecting, kInitialising, kMember, kClosing, kOver };

  void advance(Duration& idle);
  void become_member();
  void connect();
  [[nodiscard]] absl::Status make_producer();
  void serve_clients();
  void take_event(const ConsumerEvent& event);
  // Returns whether rebalancing needs the worker's attention, so that nothing else should go on.
  bool rebalance();
  [[nodiscard]] bool lost_tasks() const;
  void answer_rebalance();
  void assign_tokens(const std::vector<TopicPartition>& tokens);
  void release_tokens(const std::vector<TopicPartition>& tokens);
  // Of all tasks that are open or being opened.
  [[nodiscard]] std::vector<TopicPartition> held_tokens() const;
  // The records at a partition's position are gone, or the partition is: its task is to be opened anew. Returns whether it is
  // a source of one of the tasks.
  bool lose_position(const TopicPartition& where, const absl::Status& why);
  // Returns whether tasks that have lost a position need the worker's attention.
  bool reopen_lost();
  // Whether the tokens mean what the plan says.
  [[nodiscard]] bool tokens_confirmed();
  void open_tasks();
  [[nodiscard]] std::unique_ptr<TaskOpening> opening_of(Partition token);
  bool process();
  [[nodiscard]] std::size_t buffered_bytes_max() const;
  // What tasks have written to their stores since their last commit, and may have.
  [[nodiscard]] std::size_t uncommitted_bytes() const;
  [[nodiscard]] std::size_t uncommitted_bytes_max() const;
  // Whether records are processed although a commit is under way.
  [[nodiscard]] bool processes_meanwhile() const;
  [[nodiscard]] bool commit_due() const;
  // Whether something must be committed before tasks may go.
  [[nodiscard]] bool owes_commit() const;
  // Begins a commit, as soon as nothing is under way any more: until then it is to be called again, and no record processed.
  void start_commit();
  // Whether nothing is under way in any task.
  bool all_home();
  void advance_commit();
  void commit_failed(const absl::Status& status);
  [[nodiscard]] std::vector<std::string> written_topics() const;
  void rewind_all();
  void reopen_all();
  void reopen(const std::vector<TopicPartition>& tokens);
  // Whether the policy is to go on without a record that was refused; the tasks are then set back, to meet the gate.
  [[nodiscard]] bool goes_on_without(const absl::Status& failure);
  // Takes a task back to what is committed; in a transaction all tasks share its fate.
  void processing_failed(Partition token, const absl::Status& status);
  void set_back(Partition token, const absl::Status& status);
  void set_back_all();
  void recover_producer();
  void begin_closing();
  void fail(const absl::Status& status);
  void drop_everything();
  void publish();
  void watch_progress();
  void report_stall(const TaskId& task, Duration lasts, const std::string& waits_for);
  [[nodiscard]] Duration until_next_deadline() const;
  void log(LogLevel level, const std::string& message) const;

  const Topology& topology_;
  const PartitionPlan& plan_;
  Transport& transport_;
  const Clock& clock_;
  WorkerOptions options_;

  std::unique_ptr<Consumer> consumer_;
  const std::shared_ptr<WakeUp> wake_up_ = std::make_shared<WakeUp>();  // rings the consumer
  std::unique_ptr<StoreKeeper> own_keeper_;  // null if the instance has one; outlives openings and tasks
  StoreKeeper* keeper_ = nullptr;            // null if the topology has no stores
  std::unique_ptr<Producer> producer_;
  RecordRetries retries_;
  ProductionGate gate_;
  TaskBackoffs backoffs_;
  CommitFailures commit_failures_;
  CommitPacer pacer_;
  ProgressWatch progress_;
  StepWatch step_;
  TaskEnvironment environment_;
  std::unique_ptr<CommitCycle> commit_;
  // By token. Openings and tasks use the clients above.
  std::map<Partition, std::unique_ptr<TaskOpening>> openings_;
  std::map<Partition, std::unique_ptr<Task>> tasks_;
  std::map<Partition, std::set<TopicPartition>> lost_;  // positions of tasks to be opened anew, by token
  RepartitionPurge purge_;
  TokenCheck token_check_;

  Stage stage_ = Stage::kConnecting;
  std::deque<RebalanceEvent> rebalances_;
  std::vector<ConsumerEvent> events_;
  Pending<> initialising_;
  Pending<> aborting_;
  Pending<> closing_;
  bool in_transaction_ = false;
  bool awaits_flights_ = false;  // a commit waits for records under way
  bool commit_forced_ = false;   // positions are to be committed although nothing was processed
  // Tasks have been opened whose positions the group may not know: nothing could be taken back to them.
  bool positions_unknown_ = false;
  Duration last_commit_{0};
  Duration last_forced_commit_{0};
  Duration last_publish_{0};
  // Totals of tasks that are gone; the published ones add the living.
  TaskCounters past_;
  std::uint64_t committed_records_ = 0;
  std::uint64_t past_restored_ = 0;

  std::atomic<bool> stop_requested_{false};
  std::atomic<bool> leave_group_{true};
  std::atomic<bool> abandoned_{false};
  std::atomic<bool> plan_outdated_{false};
  std::atomic<WorkerState> state_{WorkerState::kStarting};
  std::atomic<std::string_view> activity_{"starting"};
  absl::Status failure_;
  WorkerMetrics metrics_;
};

}  // namespace weir
