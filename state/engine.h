// Stores on RocksDB and in memory, as core/task_store.h asks for them.
#pragma once

#include <memory>

#include <weir/core/task_store.h>

namespace weir {

// Returns the engine. It builds stores whose spec holds a StoreBuilder, as key_value_store_spec and window_store_spec make
// them; a spec without one is refused by open.
//
// A task whose stores are all in memory touches no files. One with a persistent store keeps a RocksDB in its directory.
// Stores that are new to the directory are added; persistent logged stores that the program no longer has are removed from
// it, since their changelog can bring them back; those without a changelog stay. Everything remembered of in-memory stores
// (changelog offsets too) ends with the process.
[[nodiscard]] std::shared_ptr<const StateEngine> state_engine();

}  // namespace weir
