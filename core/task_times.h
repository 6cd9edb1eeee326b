// The times that belong to a task's committed state: the stream's, its partitions' and those that operators keep. Each commit
// writes them into the stores' meta and, as far as there is room, beside the positions (see position_metadata.h).
//
// Thread safety: none; belongs to one task.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/current_record.h>
#include <weir/core/position_metadata.h>
#include <weir/core/task_inputs.h>
#include <weir/core/task_store.h>

namespace weir {

class TaskTimes {
 public:
  // References outlive this; `store` is null if the task has none. The stream's time is that of `current`, those of partitions
  // are with the inputs.
  TaskTimes(const TaskStore* store, CurrentRecord& current, TaskInputs& inputs)
      : store_(store), current_(current), inputs_(inputs) {}

  // The task begins at these positions, with what was committed beside them.
  void begin(const std::vector<PartitionOffset>& positions);

  // Sets all times to what was committed last.
  void recall();

  // Returns a time that an operator keeps, kNoTimestamp at first. The pointer lives as long as this.
  [[nodiscard]] Timestamp* of_operator(const std::string& name);

  // Writes all times beside the positions, each beside the first that has room. Returns how many found none.
  [[nodiscard]] std::size_t write_to(std::vector<PartitionOffset>& positions) const;
  void write_to(TaskMeta& meta) const;

 private:
  [[nodiscard]] Timestamp committed(const std::string& name) const;
  [[nodiscard]] std::vector<std::pair<std::string, Timestamp>> all() const;

  const TaskStore* const store_;
  CurrentRecord& current_;
  TaskInputs& inputs_;
  NamedTimes of_group_;  // when the task began, where they count more than the stores' own
  std::map<std::string, std::unique_ptr<Timestamp>> of_operators_;
};

}  // namespace weir
