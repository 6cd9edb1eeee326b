#include <weir/ml/features/slot_pool.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/features/block.h>

namespace weir::ml {
namespace {

TEST(SlotPool, SlotsBeginWithLinesAndDoNotOverlap) {
  SlotPool pool;
  constexpr std::size_t kBytes = 1000;
  std::vector<std::byte*> slots;
  for (int i = 0; i < 5000; ++i) {
    slots.push_back(pool.take(kBytes));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slots.back()) % kCacheLine, 0U);
    std::memset(slots.back(), i % 251, kBytes);
  }
  for (std::size_t i = 0; i < slots.size(); ++i) {
    EXPECT_EQ(slots[i][0], static_cast<std::byte>(i % 251));
    EXPECT_EQ(slots[i][kBytes - 1], static_cast<std::byte>(i % 251));
  }
  for (std::byte* slot : slots) pool.give_back(slot);
}

TEST(SlotPool, GivesWhatCameBackBeforeAnythingNew) {
  SlotPool pool;
  std::byte* kept = pool.take(100);
  std::byte* slot = pool.take(100);
  pool.give_back(slot);
  EXPECT_EQ(pool.take(100), slot);
  pool.give_back(slot);
  pool.give_back(kept);
}

TEST(SlotPool, BeginsAnewWhenNothingIsInUse) {
  SlotPool pool;
  for (int round = 0; round < 3; ++round) {
    std::set<std::byte*> slots;
    for (int i = 0; i < 3000; ++i) slots.insert(pool.take(2000));
    EXPECT_EQ(slots.size(), 3000U);
    for (std::byte* slot : slots) pool.give_back(slot);
  }
}

TEST(SlotPool, IsSharedByThreads) {
  SlotPool pool;
  const auto use = [&](std::byte mark) {
    for (int round = 0; round < 200; ++round) {
      std::vector<std::byte*> slots;
      for (int i = 0; i < 20; ++i) {
        slots.push_back(pool.take(128));
        std::memset(slots.back(), static_cast<int>(mark), 128);
      }
      for (std::byte* slot : slots) {
        EXPECT_EQ(slot[127], mark);
        pool.give_back(slot);
      }
    }
  };
  std::thread other(use, std::byte{1});
  use(std::byte{2});
  other.join();
}

}  // namespace
}  // namespace weir::ml
