// Removes what tasks keep on disk below an application's state directory: folders named after tasks ("0_3", "global"). What
// is lost is restored from the changelogs. The directory's lock, identity and notes stay.
//
// Thread safety: all functions may be called from any thread; nobody may have the tasks open.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/time.h>

namespace weir {

// Removes the folders of all tasks, or of those in which nothing was written for `idle` before `now` (wall time). Returns the
// names of what was removed.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> remove_task_folders(const std::string& directory,
                                                                           std::optional<Duration> idle,
                                                                           Timestamp now);

}  // namespace weir
