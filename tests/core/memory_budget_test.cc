#include <weir/core/memory_budget.h>

#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;

// What all parts may use at most together, if every partition has its queue full with both clients.
std::size_t total(const MemoryShares& shares, std::size_t workers, std::size_t partitions, bool stateful) {
  return shares.state_bytes +
         workers * (shares.uncommitted_bytes + shares.buffered_bytes + shares.producer_queue_bytes) +
         (stateful ? 2 : 1) * partitions * shares.partition_queue_bytes;
}

TEST(MemoryBudget, ThePartsAreNotMoreThanTheWhole) {
  for (const bool stateful : {false, true}) {
    for (const int workers : {1, 2, 7}) {
      for (const std::size_t partitions : {1, 12, 100, 300}) {
        const auto shares = share_out(256 * kMebibyte, workers, partitions, stateful);
        EXPECT_LE(total(shares, static_cast<std::size_t>(workers), partitions, stateful), 256 * kMebibyte)
            << workers << " workers, " << partitions << " partitions";
        EXPECT_GT(shares.uncommitted_bytes, 0U);
        EXPECT_GT(shares.buffered_bytes, 0U);
        EXPECT_EQ(shares.state_bytes > 0, stateful);
      }
    }
  }
}

TEST(MemoryBudget, TwiceThePartitionsHaveHalfTheQueueEach) {
  const auto one = share_out(256 * kMebibyte, 2, 20, true);
  const auto two = share_out(256 * kMebibyte, 2, 40, true);
  EXPECT_EQ(two.partition_queue_bytes, one.partition_queue_bytes / 2);
}

TEST(MemoryBudget, WorkersThatComeAndGoShareIt) {
  WorkerShares shares(256 * kMebibyte, 2);
  for (const int workers : {2, 3, 7, 1}) {
    shares.divide(workers);
    const auto expected = share_out(256 * kMebibyte, workers, 50, false);
    EXPECT_EQ(shares.uncommitted_bytes(), expected.uncommitted_bytes);
    EXPECT_EQ(shares.buffered_bytes(), expected.buffered_bytes);
    EXPECT_EQ(shares.producer_queue_bytes(), expected.producer_queue_bytes);
    EXPECT_LE(static_cast<std::size_t>(workers) * shares.buffered_bytes(), 16 * kMebibyte);
  }
  // The last worker was removed: another may come.
  shares.divide(0);
  EXPECT_EQ(shares.buffered_bytes(), 16 * kMebibyte);
}

TEST(MemoryBudget, AQueueIsNeitherUselesslyShortNorLong) {
  EXPECT_EQ(share_out(kMebibyte, 1, 1000, true).partition_queue_bytes, std::size_t{64} << 10);
  EXPECT_EQ(share_out(4096 * kMebibyte, 1, 1, false).partition_queue_bytes, 8 * kMebibyte);
}

}  // namespace
}  // namespace weir
