// Opens the stores of a task: the engine's workshop.
#pragma once

#include <memory>
#include <span>

#include <absl/status/statusor.h>

#include <weir/core/task_store.h>
#include <weir/state/resources.h>

namespace weir {

// See StateEngine::open. Without resources in the options the task gets its own, with the default limits.
[[nodiscard]] absl::StatusOr<std::unique_ptr<TaskStore>> open_task_store(const TaskStoreOptions& options,
                                                                         std::span<const StoreSpec> stores);

}  // namespace weir
