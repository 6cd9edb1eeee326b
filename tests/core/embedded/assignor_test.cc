#include <weir/core/embedded/assignor.h>

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace weir::embedded {
namespace {

using Assignment = std::vector<std::vector<Partition>>;

TEST(Assignor, GivesNothingToNobody) { EXPECT_TRUE(assign_stickily({}, 4).empty()); }

TEST(Assignor, DealsPartitionsInTurn) {
  EXPECT_EQ(assign_stickily({{}, {}}, 5), (Assignment{{0, 2, 4}, {1, 3}}));
}

TEST(Assignor, LeavesMembersWithoutPartitionsWhenThereAreTooFew) {
  EXPECT_EQ(assign_stickily({{}, {}, {}}, 2), (Assignment{{0}, {1}, {}}));
}

TEST(Assignor, KeepsABalancedAssignment) {
  EXPECT_EQ(assign_stickily({{3, 1}, {0, 2}}, 4), (Assignment{{1, 3}, {0, 2}}));
}

TEST(Assignor, MovesOnlyWhatBalanceNeeds) {
  EXPECT_EQ(assign_stickily({{0, 1, 2, 3, 4, 5}, {}}, 6), (Assignment{{0, 1, 2}, {3, 4, 5}}));
  EXPECT_EQ(assign_stickily({{0, 1, 2}, {3, 4}, {}}, 5), (Assignment{{0, 1}, {3, 4}, {2}}));
}

TEST(Assignor, LetsTheLargerShareStayWhereItIs) {
  EXPECT_EQ(assign_stickily({{0}, {1, 2}}, 3), (Assignment{{0}, {1, 2}}));
}

TEST(Assignor, SettlesDoubleClaimsForTheElder) {
  EXPECT_EQ(assign_stickily({{0, 1}, {1, 2}}, 3), (Assignment{{0, 1}, {2}}));
}

TEST(Assignor, DropsPartitionsThatDoNotExist) {
  EXPECT_EQ(assign_stickily({{0, 7, -1}, {1}}, 2), (Assignment{{0}, {1}}));
  EXPECT_EQ(assign_stickily({{0}, {1}}, 0), (Assignment{{}, {}}));
}

TEST(Assignor, IsCompleteBalancedAndStickyForAnyOwners) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const std::size_t members = 1 + random() % 6;
    const auto count = static_cast<Partition>(random() % 20);
    Assignment owned(members);
    for (Partition partition = 0; partition < count; ++partition) {
      if (random() % 3 != 0) owned[random() % members].push_back(partition);
    }
    const Assignment result = assign_stickily(owned, count);
    std::vector<Partition> all;
    std::size_t least = static_cast<std::size_t>(count);
    std::size_t most = 0;
    for (std::size_t member = 0; member < members; ++member) {
      all.insert(all.end(), result[member].begin(), result[member].end());
      least = std::min(least, result[member].size());
      most = std::max(most, result[member].size());
      // Nobody gets something new while it gives something up.
      std::size_t kept = 0;
      for (const Partition partition : result[member]) {
        kept += static_cast<std::size_t>(std::count(owned[member].begin(), owned[member].end(), partition));
      }
      EXPECT_TRUE(kept == result[member].size() || kept == owned[member].size());
    }
    EXPECT_LE(most - least, 1U);
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all.size(), static_cast<std::size_t>(count));
    for (Partition partition = 0; partition < count; ++partition) {
      EXPECT_EQ(all[static_cast<std::size_t>(partition)], partition);
    }
    EXPECT_EQ(assign_stickily(result, count), result);
  }
}

}  // namespace
}  // namespace weir::embedded
