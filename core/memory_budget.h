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

#include <atomic>
#include <cstddef>

namespace weir {

// Each worker has the shares that say so.
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

// What each of the workers has that there are now: it becomes less when one is added, and more when one goes. A worker heeds it
// from its next step on, but for its producer's queue: that has the size it was made with until the producer is made anew.
//
// Thread safety: all functions may be called from any thread.
class WorkerShares {
 public:
  WorkerShares(std::size_t bytes, int workers) : bytes_(bytes) { divide(workers); }

  void divide(int workers) { workers_.store(workers, std::memory_order_relaxed); }

  [[nodiscard]] std::size_t uncommitted_bytes() const { return now().uncommitted_bytes; }
  [[nodiscard]] std::size_t buffered_bytes() const { return now().buffered_bytes; }
  [[nodiscard]] std::size_t producer_queue_bytes() const { return now().producer_queue_bytes; }

 private:
  // These are the same with stores and without, and however many partitions there are.
  [[nodiscard]] MemoryShares now() const {
    return share_out(bytes_, workers_.load(std::memory_order_relaxed), 1, /*stateful=*/true);
  }

  const std::size_t bytes_;
  std::atomic<int> workers_{1};
};

}  // namespace weir
