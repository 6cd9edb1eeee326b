// The parts of the recommendation example that have rules of their own, and the program on a driver.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/testing/topology_driver.h>

#include "recommending.h"

namespace recommendation {
namespace {

using Items = std::vector<std::string>;

TEST(Recent, KeepsTheLatestClicksOfASession) {
  Recent recent;
  for (int i = 0; i < 8; ++i) remember(recent, std::to_string(i), i);
  EXPECT_EQ(recent.items, (Items{"2", "3", "4", "5", "6", "7"}));
  remember(recent, "a", 7 + kSessionGap.count());
  EXPECT_EQ(recent.items.back(), "a");
  EXPECT_EQ(recent.items.size(), 6u);
  remember(recent, "b", 8 + 2 * kSessionGap.count());
  EXPECT_EQ(recent.items, (Items{"b"}));
}

TEST(Neighbours, ForgetTheRarestBeyondTheirLimit) {
  Neighbours neighbours;
  for (std::size_t i = 0; i < kMostNeighbours; ++i) {
    count_neighbour(neighbours, std::to_string(i));
    if (i != 7) count_neighbour(neighbours, std::to_string(i));
  }
  count_neighbour(neighbours, "new");
  EXPECT_EQ(neighbours.counts.size(), kMostNeighbours);
  EXPECT_FALSE(neighbours.counts.contains("7"));
  EXPECT_TRUE(neighbours.counts.contains("new"));
}

TEST(Wish, WeighsTheLatestClickMost) {
  Wishes wishes;
  EXPECT_EQ(wish(wishes, {0, {"a"}, {{"b", 3}, {"c", 1}}}), (Items{"b", "c"}));
  // b was seen now; d and e are offered; c has half of what it had.
  EXPECT_EQ(wish(wishes, {1, {"a", "b"}, {{"d", 1}, {"e", 3}}}), (Items{"e", "d", "c"}));
  EXPECT_EQ(wish(wishes, {2, {"x"}, {{"y", 1}}}), (Items{"y"}));  // another session
  EXPECT_EQ(wish(wishes, {3, {"x", "z"}, {}}), (Items{"y"}));
}

class RecommendingTest : public testing::Test {
 protected:
  void SetUp() override {
    auto topology = make_topology();
    ASSERT_TRUE(topology.ok()) << topology.status();
    auto driver = weir::TopologyDriver::create(*topology, {.dead_letter_topic = "dead"});
    ASSERT_TRUE(driver.ok()) << driver.status();
    driver_ = *std::move(driver);
  }
  // Returns what is recommended then.
  Items click(const std::string& user, const std::string& item, weir::Timestamp time) {
    const absl::Status piped = driver_->pipe<std::string, Click>(kClicks, user, {item, time}, time);
    EXPECT_TRUE(piped.ok()) << piped;
    const auto made = driver_->read<std::string, Recommendation>(kRecommendations);
    if (made.size() != 1) return {"no recommendation"};
    EXPECT_EQ(made[0].key, user);
    EXPECT_EQ(made[0].value.number, time);
    return made[0].value.items;
  }

  std::unique_ptr<weir::TopologyDriver> driver_;
};

TEST_F(RecommendingTest, WhatWasClickedTogetherIsRecommended) {
  EXPECT_EQ(click("ann", "tent", 1), Items());
  EXPECT_EQ(click("ann", "lamp", 2), (Items()));
  EXPECT_EQ(click("ann", "rope", 3), (Items()));
  EXPECT_EQ(click("bob", "tent", 4), (Items{"lamp", "rope"}));
  EXPECT_EQ(click("bob", "rope", 5), (Items{"lamp"}));
  EXPECT_EQ(click("eve", "tent", 6), (Items{"rope", "lamp"}));  // rope twice by now
  ASSERT_TRUE(driver_->restart().ok());
  EXPECT_EQ(click("eve", "rope", 7), (Items{"lamp"}));
}

TEST_F(RecommendingTest, SessionsDoNotMix) {
  (void)click("ann", "tent", 1);
  (void)click("ann", "spoon", 2 + kSessionGap.count());
  EXPECT_EQ(click("bob", "tent", 3 + kSessionGap.count()), Items());
  (void)click("cat", "cup", 10 * kSessionGap.count());
  std::vector<std::int64_t> lengths;
  for (const auto& session : driver_->read<std::string, std::int64_t>(kSessions))
    lengths.push_back(session.value);
  EXPECT_EQ(lengths, (std::vector<std::int64_t>{1, 1, 1}));
}

TEST_F(RecommendingTest, WhatIsNoClickIsPutAside) {
  EXPECT_EQ(click("ann", "", 1), Items{"no recommendation"});
  ASSERT_TRUE((driver_->pipe<std::string, std::string>(kClicks, "ann", "{", 2).ok()));
  EXPECT_EQ(driver_->read_raw("dead").size(), 2u);
}

}  // namespace
}  // namespace recommendation
