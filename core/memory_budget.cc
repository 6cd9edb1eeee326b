#include <weir/core/memory_budget.h>

#include <algorithm>

namespace weir {
namespace {

// A client that reads less ahead waits for the broker too often; one that reads more gains nothing.
constexpr std::size_t kShortestQueue = std::size_t{64} << 10;
constexpr std::size_t kLongestQueue = std::size_t{8} << 20;
constexpr std::size_t kLargestProducerQueue = std::size_t{64} << 20;

}  // namespace

MemoryShares share_out(std::size_t bytes, int workers, std::size_t partitions, bool stateful) {
  const auto each = static_cast<std::size_t>(std::max(workers, 1));
  // With two clients that read, one for the sources and one for the changelogs.
  const std::size_t fetching = stateful ? bytes / 16 * 3 / 2 : bytes / 16 * 9;
  MemoryShares shares;
  shares.state_bytes = stateful ? bytes / 2 : 0;
  shares.uncommitted_bytes = bytes / 8 / 3 / each;
  shares.buffered_bytes = bytes / 16 / each;
  shares.partition_queue_bytes =
      std::clamp(fetching / std::max<std::size_t>(partitions, 1), kShortestQueue, kLongestQueue);
  shares.producer_queue_bytes = std::min(bytes / 8 / each, kLargestProducerQueue);
  return shares;
}

}  // namespace weir
