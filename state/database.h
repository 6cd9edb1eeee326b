// The database of one task: a byte store per persistent store, and small values beside them, written in one piece.
//
// On disk it is one RocksDB with a column family per store. A process that dies at any point leaves each batch either
// whole or absent. Writes go to the log without being synced: they survive the process, and after a power failure the
// database is at some earlier batch and the changelog supplies the rest.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/core/task_store.h>
#include <weir/state/byte_store.h>

namespace weir {

class Database {
 public:
  virtual ~Database() = default;

  // Returns the names of the stores that are there.
  [[nodiscard]] virtual std::vector<std::string> store_names() const = 0;

  // Returns the store of that name, or null. Valid until it is dropped.
  [[nodiscard]] virtual ByteStore* store(std::string_view name) = 0;

  [[nodiscard]] virtual absl::Status make_store(const std::string& name) = 0;
  [[nodiscard]] virtual absl::Status drop_store(const std::string& name) = 0;

  // Small values of the task as a whole.
  [[nodiscard]] virtual absl::StatusOr<bool> get_value(BytesView name, Bytes& value) const = 0;
  virtual void put_value(BytesView name, BytesView value) = 0;

  // Writes what was staged through the stores and put_value, all or nothing. On failure it stays staged.
  [[nodiscard]] virtual absl::Status apply() = 0;

  // Forgets what was staged.
  virtual void drop() = 0;
};

// What the directory of a database in memory begins with: the resources keep it when it is closed (state/memory_databases.h).
inline constexpr std::string_view kInMemory = "memory:";

// Opens the database in `directory`, or makes it: a RocksDB, or one in memory. Unavailable (retriable) if somebody has it open.
// `resources` must come from make_state_resources.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Database>> open_database(
    const std::string& directory, std::shared_ptr<StateResources> resources);

}  // namespace weir
