// Databases that stay in memory when they are closed, as those on a disk stay there: for simulations, which open thousands.
//
// What was applied is found when a database is opened again, what was staged is lost, as if the process had been killed.
//
// Thread safety: any thread opens and closes; a database belongs to the worker that owns its task.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <weir/state/database.h>

namespace weir {

class MemoryDatabases {
 public:
  // Opens the database of that name, or makes it. Unavailable (retriable) if somebody has it open. May outlive this.
  [[nodiscard]] absl::StatusOr<std::unique_ptr<Database>> open(const std::string& name);

 private:
  struct Kept;
  class Opened;

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Kept>> kept_;  // shared with who has it open
};

}  // namespace weir
