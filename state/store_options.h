// What the user of a store may choose.
#pragma once

#include <cstddef>
#include <optional>

namespace weir {

struct StoreOptions {
  // On disk, or in memory and restored from the changelog at each start.
  bool persistent = true;
  // Backed by a changelog topic. A store without one loses its content when its task moves to another machine.
  bool logged = true;
  // The most this store may spend on rows it only caches. Default: its share of the process's budget
  // (StateLimits::memory_bytes).
  std::optional<std::size_t> cache_bytes = std::nullopt;
};

}  // namespace weir
