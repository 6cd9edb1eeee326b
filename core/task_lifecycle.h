// From an assigned token to a running task, in steps:
//
//   fetching offsets  →  waiting for the stores  →  ready
//
// The stores come from the instance's keeper, which restores them on its own thread; the ends of the changelogs count only
// from when the committed positions are known.
//
// The same way is taken when nobody knows whether a transaction was committed: the committed positions and the changelog tell.
// When it is known that it was not, the task is only rewound.
//
// Thread safety: none.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/store_keeper.h>
#include <weir/core/task.h>
#include <weir/core/worker_options.h>

namespace weir {

// Takes a task back to what it last applied. Its stores stay open.
[[nodiscard]] absl::Status rewind_task(Task& task, Consumer& consumer);

class TaskOpening {
 public:
  // All references outlive the opening. `keeper` may be null if the topology has no stores.
  TaskOpening(const Topology& topology, const TaskPlan& plan, const WorkerOptions& options,
              const TaskEnvironment& environment, Consumer& consumer, StoreKeeper* keeper);

  // Our own record of these positions is not to be believed: they could be of a topic that is gone. Before the first step.
  void distrust(std::set<TopicPartition> positions) { distrusted_ = std::move(positions); }
  [[nodiscard]] const std::set<TopicPartition>& distrusted() const { return distrusted_; }

  // Does a bounded piece of work. Returns whether the task is ready to be taken.
  [[nodiscard]] absl::StatusOr<bool> step();

  // Returns the open task, reading from its positions. Requires that step returned true.
  [[nodiscard]] std::unique_ptr<Task> take() { return std::move(task_); }

  [[nodiscard]] const TaskPlan& plan() const { return plan_; }
  [[nodiscard]] std::uint64_t restored_records() const { return request_.restored_records(); }
  [[nodiscard]] std::uint64_t remaining_records() const { return request_.remaining_records(); }

 private:
  [[nodiscard]] bool has_stores() const;
  [[nodiscard]] absl::StatusOr<std::vector<PartitionOffset>> starting_points() const;
  [[nodiscard]] OffsetReset reset_of(const std::string& topic) const;
  [[nodiscard]] absl::Status start_task();
  [[nodiscard]] std::string where() const { return "task " + plan_.id.name(); }

  const Topology& topology_;
  const TaskPlan& plan_;
  const WorkerOptions& options_;
  const TaskEnvironment& environment_;
  Consumer& consumer_;

  Pending<std::vector<PartitionOffset>> committed_;
  Pending<std::vector<OffsetRange>> ranges_;
  std::optional<std::vector<PartitionOffset>> committed_positions_;
  std::optional<std::vector<OffsetRange>> source_ranges_;
  std::set<TopicPartition> distrusted_;
  StoreKeeper::Request request_;
  LentStore store_;
  std::unique_ptr<Task> task_;
};

}  // namespace weir
