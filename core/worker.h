// A worker: one consumer, one producer and the tasks whose tokens the group gave it. A state machine: run_once advances it by
// one bounded step and never waits; a thread, or a simulator, calls it again and again.
//
// Membership: the worker subscribes only to the application's tasks topic, whose partitions (tokens) stand for tasks. Owning
// a token means reading the sources of its task. Before a token is given back what its task did is committed.
//
// Thread safety: run_once, idle_wait and the destructor belong to one thread. The functions that say so may be called from
// any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weir/core/commit_cycle.h>
#include <weir/core/commit_schedule.h>
#include <weir/core/in_flight.h>
#include <weir/core/production_gate.h>
#include <weir/core/progress_watch.h>
#include <weir/core/rebalance_queue.h>
#include <weir/core/record_retries.h>
#include <weir/core/repartition_purge.h>
#include <weir/core/worker_metrics.h>
#include <weir/core/worker_options.h>
#include <weir/core/worker_producer.h>
#include <weir/core/worker_report.h>
#include <weir/core/worker_tasks.h>

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
  [[nodiscard]] bool plan_outdated() const { return tasks_.plan_outdated(); }
  // Any thread: the name of the task with that token; empty if there is none.
  [[nodiscard]] std::string task_name(Partition token) const;

  // The thread of run_once only.
  [[nodiscard]] WorkerHoldings holdings() const;
  // Records that its tasks have processed and timers that have fired, since they were opened; of one sub-topology if any.
  [[nodiscard]] std::uint64_t work_of(std::optional<int> sub_topology) const {
    return report_.work_of(sub_topology);
  }

  // Why it failed. Only once state() says so.
  [[nodiscard]] const absl::Status& failure() const { return failure_; }

 private:
  enum class Stage { kConnecting, kInitialising, kMember, kClosing, kOver };

  void advance(Duration& idle);
  void connect();
  [[nodiscard]] absl::Status make_producer();
  void become_member();
  void serve_clients();
  void take_event(const ConsumerEvent& event);

  // Returns whether rebalancing needs the worker's attention, so that nothing else should go on.
  bool rebalance();
  void assign_tokens(const std::vector<TopicPartition>& tokens);
  void release_tokens(const std::vector<TopicPartition>& tokens);
  // The same tasks go the way of a new owner.
  void reopen(const std::vector<TopicPartition>& tokens);
  // Returns whether tasks that have lost a position need the worker's attention.
  bool reopen_lost();
  void open_tasks();

  bool process();
  [[nodiscard]] std::size_t buffered_bytes_max() const;
  // What tasks may have written to their stores since their last commit.
  [[nodiscard]] std::size_t uncommitted_bytes_max() const;
  // Whether records are processed although a commit is under way.
  [[nodiscard]] bool processes_meanwhile() const;

  // Begins a commit, as soon as nothing is under way any more: until then it is to be called again, and no record processed.
  void start_commit();
  // Whether nothing is under way in any task.
  bool all_home();
  void advance_commit();

  void commit_failed(const absl::Status& status);
  // What the broker has to allow for a transaction.
  [[nodiscard]] std::string rights_needed() const;
  // Whether the policy is to go on without a record that was refused; the tasks are then set back, to meet the gate.
  [[nodiscard]] bool goes_on_without(const absl::Status& failure);
  void processing_failed(Partition token, const absl::Status& status);
  // Takes a task back to what is committed; in a transaction all tasks share its fate.
  void set_back(Partition token, const absl::Status& status);
  void set_back_all();
  void rewind_all();
  void reopen_all();
  void recover_producer();
  void fail(const absl::Status& status);

  void begin_closing();
  void drop_everything();

  [[nodiscard]] Duration until_next_deadline() const;
  void tell();

  const Topology& topology_;
  const PartitionPlan& plan_;
  Transport& transport_;
  const Clock& clock_;
  const WorkerOptions options_;
  const Logger log_;

  std::unique_ptr<Consumer> consumer_;
  const std::shared_ptr<WakeUp> wake_up_ = std::make_shared<WakeUp>();  // rings the consumer
  std::unique_ptr<StoreKeeper> own_keeper_;  // null if the instance has one; outlives openings and tasks
  WorkerProducer producer_;
  RecordRetries retries_;
  ProductionGate gate_;
  TaskEnvironment environment_;
  WorkerTasks tasks_;  // they use all of the above
  WorkerReport report_;
  CommitSchedule schedule_;
  std::unique_ptr<CommitCycle> commit_;
  RepartitionPurge purge_;
  StepWatch step_;

  Stage stage_ = Stage::kConnecting;
  RebalanceQueue rebalances_;
  std::vector<ConsumerEvent> events_;
  Pending<> closing_;
  bool awaits_flights_ = false;  // a commit waits for records under way
  // Tasks have been opened whose positions the group may not know: nothing could be taken back to them.
  bool positions_unknown_ = false;
  Duration last_told_{0};
  std::uint64_t committed_records_ = 0;  // once the commit that runs has succeeded

  std::atomic<bool> stop_requested_{false};
  std::atomic<bool> leave_group_{true};
  std::atomic<bool> abandoned_{false};
  std::atomic<WorkerState> state_{WorkerState::kStarting};
  std::atomic<std::string_view> activity_{"starting"};
  absl::Status failure_;
  WorkerMetrics metrics_;
};

}  // namespace weir
