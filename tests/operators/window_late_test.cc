#include <weir/operators/late.h>

#include <chrono>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/group_by.h>
#include <weir/operators/map_values.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/windowed_by.h>

#include "support/records.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

using LateText = KStream<std::string, Late<std::string>>;

std::string shown(const Late<std::string>& late) {
  return late.value + "[" + std::to_string(late.window.start) + "," + std::to_string(late.window.end) + ")" +
         (late.reason == LateReason::kClosed ? "closed" : "expired");
}

TEST(Late, GivesEachWindowThatRefusedARecord) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(hopping({.size = 10ms, .advance = 5ms, .grace = 0ms}))
        .late([](const LateText& late) { late.map_values(shown).to("late"); })
        .count({.store = "counts"})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@12 b:y@6 a:z@30 b:w@13");
  EXPECT_EQ((driver.take<std::string, std::string>("late")),
            "b:y[0,10)closed@6 b:w[5,15)closed@13 b:w[10,20)closed@13");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 3U);
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")),
            "a[5,?):1@12 a[10,?):1@12 b[5,?):1@6 a[25,?):1@30 a[30,?):1@30");
}

TEST(Late, KeepsTheHeaders) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(tumbling({.size = 10ms, .grace = 0ms}))
        .late([](const LateText& late) { late.map_values(shown).to("late"); })
        .count({.store = "counts"});
  });
  driver.feed<std::string, std::string>("in", "a:x@12");
  ASSERT_TRUE((driver.driver().pipe<std::string, std::string>("in", "a", "y", 3, {{"h", "1"}}).ok()));
  const auto records = driver.driver().read<std::string, std::string>("late");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].headers, (Headers{{"h", "1"}}));
}

TEST(Late, BelongsToTheVerbsThatFollowIt) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto windows = builder.stream<std::string, std::string>("in").group_by_key().windowed_by(
        tumbling({.size = 10ms, .grace = 0ms}));
    static_cast<void>(windows.count({.store = "quiet"}));
    static_cast<void>(windows.late([](const LateText& late) { late.map_values(shown).to("late"); })
                          .count({.store = "counts"}));
  });
  driver.feed<std::string, std::string>("in", "a:x@12 a:y@3");
  EXPECT_EQ((driver.take<std::string, std::string>("late")), "a:y[0,10)closed@3");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 2U);
}

}  // namespace
}  // namespace weir
