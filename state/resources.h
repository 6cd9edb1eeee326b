// Memory that the stores of a process share: one block cache, one write-buffer budget, one budget for caches of rows.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include <absl/status/statusor.h>

#include <weir/core/task_store.h>

namespace weir {

// How StateLimits::memory_bytes is divided. Half of it caches blocks of files; a quarter holds what was applied and not
// yet written to files; a quarter caches decoded rows, in equal shares for all open stores.
class SharedResources : public StateResources {
 public:
  // Returns what one store may spend on rows that are cached, not dirty.
  [[nodiscard]] std::size_t row_cache_share() const {
    const std::size_t stores = open_stores_.load(std::memory_order_relaxed);
    return row_cache_bytes_ / (stores == 0 ? 1 : stores);
  }

  // Any thread.
  void store_opened() { open_stores_.fetch_add(1, std::memory_order_relaxed); }
  void store_closed() { open_stores_.fetch_sub(1, std::memory_order_relaxed); }

 protected:
  explicit SharedResources(std::size_t row_cache_bytes) : row_cache_bytes_(row_cache_bytes) {}

 private:
  const std::size_t row_cache_bytes_;
  std::atomic<std::size_t> open_stores_{0};
};

[[nodiscard]] absl::StatusOr<std::shared_ptr<SharedResources>> make_state_resources(
    const StateLimits& limits);

}  // namespace weir
