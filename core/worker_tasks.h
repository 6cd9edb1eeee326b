// The tasks of a worker, by token: those being opened, and those that are open.
//
//   assign  →  being opened  →  open  →  (close)
//                 ↖ fails, and may go well later
//
// Thread safety: none but where it says so; belongs to a worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/log.h>
#include <weir/core/task.h>
#include <weir/core/task_backoffs.h>
#include <weir/core/task_lifecycle.h>
#include <weir/core/token_record.h>
#include <weir/core/worker_options.h>

namespace weir {

class WorkerTasks {
 public:
  // All references outlive this.
  WorkerTasks(const Topology& topology, const PartitionPlan& plan, Transport& transport, const Clock& clock,
              const WorkerOptions& options, const TaskEnvironment& environment, const Logger& log);

  // What openings use, before there are any; null if the topology has no stores. Both outlive the tasks.
  void use(Consumer& consumer, StoreKeeper* keeper);

  // Begins to open the tasks of these tokens, as far as the plan has them.
  void assign(const std::vector<TopicPartition>& tokens);
  // The group gave these tokens: before a task is opened it is to be looked whether they mean what the plan says.
  void confirm_tokens() { token_check_.begin(); }
  // Any thread: whether the members have agreed on other tasks than those of the plan. None is opened then.
  [[nodiscard]] bool plan_outdated() const { return plan_outdated_.load(std::memory_order_acquire); }

  // Opens tasks, a bounded piece of work for each. Returns how many are open now that were not. One that fails and may go well
  // later begins again after a pause.
  [[nodiscard]] absl::StatusOr<std::size_t> step();

  // The task was set back because what it did failed: once it is to be opened again there is a pause.
  void pause(Partition token) { backoffs_.failed(token); }
  // What tasks did is committed: pauses count from the start again.
  void committed() { backoffs_.settle(); }

  // Forgets an opening; closes an open task.
  void give_up_opening(Partition token) { openings_.erase(token); }
  void close(Partition token);
  // All of them.
  void close_all();

  // The records at a partition's position are gone, or the partition is: its task is to be opened anew. Returns whether it is a
  // source of an open task.
  bool lose(const TopicPartition& where, const absl::Status& why);
  // Positions of open tasks that are to be opened anew, by token.
  [[nodiscard]] const std::map<Partition, std::set<TopicPartition>>& lost() const { return lost_; }
  // Has an opening not believe our own record of these positions.
  void distrust(Partition token, const std::set<TopicPartition>& positions);

  [[nodiscard]] const std::map<Partition, std::unique_ptr<Task>>& open() const { return tasks_; }
  [[nodiscard]] const std::map<Partition, std::unique_ptr<TaskOpening>>& openings() const {
    return openings_;
  }
  // Of all tasks, in the form in which the group gives them.
  [[nodiscard]] std::vector<TopicPartition> tokens() const;
  // Whether a task has done something since it was committed.
  [[nodiscard]] bool dirty() const;
  // What they have written to their stores since their last commit.
  [[nodiscard]] std::size_t uncommitted_bytes() const;
  [[nodiscard]] std::size_t source_count() const;
  // Records processed, by tasks that are gone too.
  [[nodiscard]] std::uint64_t processed() const;

  // Of tasks that are gone.
  [[nodiscard]] const TaskCounters& past() const { return past_; }
  // By openings that are over.
  [[nodiscard]] std::uint64_t past_restored() const { return past_restored_; }

 private:
  [[nodiscard]] std::unique_ptr<TaskOpening> opening_of(Partition token) const;
  // Whether the tokens mean what the plan says.
  [[nodiscard]] absl::StatusOr<bool> tokens_confirmed();

  const Topology& topology_;
  const PartitionPlan& plan_;
  const WorkerOptions& options_;
  const TaskEnvironment& environment_;
  const Logger& log_;
  Consumer* consumer_ = nullptr;
  StoreKeeper* keeper_ = nullptr;
  TokenCheck token_check_;
  TaskBackoffs backoffs_;
  std::map<Partition, std::unique_ptr<TaskOpening>> openings_;
  std::map<Partition, std::unique_ptr<Task>> tasks_;
  std::map<Partition, std::set<TopicPartition>> lost_;
  TaskCounters past_;
  std::uint64_t past_restored_ = 0;
  std::atomic<bool> plan_outdated_{false};
};

}  // namespace weir
