#include <weir/core/clock.h>

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;

TEST(ManualClock, StandsStillUntilItIsMoved) {
  ManualClock clock(1000);
  EXPECT_EQ(clock.wall(), 1000);
  EXPECT_EQ(clock.wall(), 1000);
  EXPECT_EQ(clock.steady(), 0ms);
}

TEST(ManualClock, MovesWallAndSteadyTimeTogether) {
  ManualClock clock(1000);
  clock.advance(250ms);
  clock.advance(1s);
  EXPECT_EQ(clock.wall(), 2250);
  EXPECT_EQ(clock.steady(), 1250ms);
}

TEST(SystemClock, IsOfThisCenturyAndNeverGoesBack) {
  const Clock& clock = system_clock();
  EXPECT_EQ(&clock, &system_clock());
  EXPECT_GT(clock.wall(), Timestamp{1'600'000'000'000});
  Duration before = clock.steady();
  for (int i = 0; i < 1000; ++i) {
    const Duration now = clock.steady();
    EXPECT_GE(now, before);
    before = now;
  }
}

}  // namespace
}  // namespace weir
