// How the memory that an application may use is shared out between its parts.
//
//   state        a half: block cache, memtables and cached rows of all stores of the process
//   uncommitted  an eighth: changes that the next commit writes. A worker commits early when a third of its share is used up: a
//                commit holds each change three times, in the store, in the batch for the disk and in the changelog record
//   fetched      a quarter: records that the clients have read ahead (three parts) and that tasks have taken and not yet
//                processed (one part). A partition whose share is used up is not read until there is room
//   outgoing     an eighth: records that the broker has not acknowledged. A worker without room stops processing
//
// Without stores the clients have what state would have had. What is not counted: the code, the threads' stacks, the clients'
// bookkeeping and what the allocator cannot reuse; some 40 MiB for a small topology.
#pragma once

#include <cstddef>

namespace weir {

// Each worker has the shares that say so; one that is added later has the same ones.
struct MemoryShares {
  std::size_t state_bytes = 0;            // of the process
  std::size_t uncommitted_bytes = 0;      // of a worker: when it commits early
  std::size_t buffered_bytes = 0;         // of a worker: taken by its tasks, not processed
  std::size_t partition_queue_bytes = 0;  // of a partition: read ahead by the client
  std::size_t producer_queue_bytes = 0;   // of a worker
};

// `partitions`: how many source partitions one worker may come to own at most, that is, all of them. `stateful`: whether there
// are stores, and so changelogs to be read as well.
[[nodiscard]] MemoryShares share_out(std::size_t bytes, int workers, std::size_t partitions, bool stateful);

}  // namespace weir
