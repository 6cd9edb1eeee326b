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
  // Key-value stores only: the most rows kept; 0: all. To find a row and to write it make it the one used last. Beyond the
  // limit the row used least lately is erased: with a tombstone in the changelog, but without telling anybody else. The
  // order of use is kept in memory, with the keys; a restart goes by the rows' timestamps.
  std::size_t max_rows = 0;
};

}  // namespace weir
