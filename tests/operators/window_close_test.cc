// Emission when a window closes: by later records, and by the clock on the wall.
#include <weir/operators/windowed_by.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/filter.h>
#include <weir/operators/group_by.h>
#include <weir/operators/map_values.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/records.h"

namespace weir {
namespace window_close_test {

using namespace std::chrono_literals;

using Key = std::optional<std::string>;
using Value = std::optional<std::string>;

std::string joined(const std::string& left, const std::string& right) { return left + right; }

TextDriver finals(const TimeWindows& windows, std::optional<Duration> idle = {},
                  const DriverOptions& driver = {}) {
  return TextDriver(
      [=](StreamBuilder& builder) {
        builder.stream<Key, std::string>("in")
            .group_by_key()
            .windowed_by(windows)
            .reduce({.store = "rows", .emit = WindowEmit::kOnWindowClose, .close_when_idle = idle}, joined)
            .to_stream()
            .to("out");
      },
      driver);
}

std::string out(TextDriver& driver) { return driver.take<Windowed<std::string>, std::string>("out"); }

TEST(OnWindowClose, TellsOfAWindowOnceWithItsOwnTime) {
  TextDriver driver = finals(tumbling({.size = 10ms, .grace = 5ms}));
  driver.feed<Key, std::string>("in", "a:a@0 b:b@3 a:c@7 a:d@14 a:e@5");
  EXPECT_EQ(out(driver), "");
  driver.feed<Key, std::string>("in", "c:f@15");
  EXPECT_EQ(out(driver), "a[0,?):ace@7 b[0,?):b@3");
  driver.feed<Key, std::string>("in", "a:h@40");
  EXPECT_EQ(out(driver), "a[10,?):d@14 c[10,?):f@15");
}

TEST(OnWindowClose, GivesTheHeadersOfTheRecordThatClosedTheWindow) {
  TextDriver driver = finals(tumbling({.size = 10ms, .grace = 0ms}));
  ASSERT_TRUE((driver.driver().pipe<Key, std::string>("in", "a", "x", 1, {{"h", "first"}}).ok()));
  ASSERT_TRUE((driver.driver().pipe<Key, std::string>("in", "b", "y", 10, {{"h", "second"}}).ok()));
  const auto records = driver.driver().read<Windowed<std::string>, std::string>("out");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].timestamp, 1);
  EXPECT_EQ(records[0].headers, (Headers{{"h", "second"}}));
}

TEST(OnWindowClose, LosesNoWindowWhenTimeJumps) {
  TextDriver driver = finals(tumbling({.size = 10ms, .grace = 5ms}));
  driver.feed<Key, std::string>("in", "a:a@0 a:h@24 b:z@26 b:y@1000 c:c@10000000 d:d@99000000");
  EXPECT_EQ(out(driver), "a[0,?):a@0 a[20,?):h@24 b[20,?):z@26 b[1000,?):y@1000 c[10000000,?):c@10000000");
}

TEST(OnWindowClose, GoesByStartAndThenByKey) {
  TextDriver driver = finals(hopping({.size = 10ms, .advance = 5ms, .grace = 30ms}));
  driver.feed<Key, std::string>("in", "b:1@12 a:2@12 b:3@2 aa:4@7 c:5@100");
  EXPECT_EQ(out(driver),
            "aa[0,?):4@7 b[0,?):3@2 a[5,?):2@12 aa[5,?):4@7 b[5,?):1@12 a[10,?):2@12 b[10,?):1@12");
}

TEST(OnWindowClose, LetsLateRecordsAndOthersKeysCloseWindowsButNotNullKeys) {
  TextDriver driver = finals(tumbling({.size = 10ms, .grace = 0ms}));
  driver.feed<Key, std::string>("in", "a:a@5 null:x@50");
  EXPECT_EQ(out(driver), "");
  driver.feed<Key, std::string>("in", "b:b@30 a:late@6 a:c@41");
  EXPECT_EQ(out(driver), "a[0,?):a@5 b[30,?):b@30");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
}

TEST(OnWindowClose, TellsNothingOfARowThatWasDeleted) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(tumbling({.size = 10ms, .grace = 0ms}))
        .aggregate(
            {.store = "rows", .emit = WindowEmit::kOnWindowClose}, [] { return std::string(); },
            [](const std::string& value, const std::string& text) {
              return value == "del" ? std::nullopt : std::optional(text + value);
            })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1 b:y@1 a:del@2 c:z@10");
  EXPECT_EQ((driver.take<Windowed<std::string>, Value>("out")), "b[0,?):y@1");
}

TEST(OnWindowClose, TellsNothingTwiceAfterARestart) {
  TextDriver driver = finals(tumbling({.size = 10ms, .grace = 0ms}));
  driver.feed<Key, std::string>("in", "a:a@0 b:b@13");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<Key, std::string>("in", "a:c@14 a:d@25");
  EXPECT_EQ(out(driver), "a[0,?):a@0 a[10,?):c@14 b[10,?):b@13");
}

TEST(OnWindowClose, CannotBeAskedOfWindowsThatNeverClose) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    static_cast<void>(builder.stream<std::string, std::string>("in")
                          .group_by_key()
                          .windowed_by(unlimited())
                          .count({.store = "counts", .emit = WindowEmit::kOnWindowClose}));
  });
  EXPECT_NE(problems.find("'counts' is to tell of windows when they close"), std::string::npos) << problems;
}

TEST(CloseWhenIdle, ClosesAllWindowsWhenNothingCame) {
  TextDriver driver = finals(hopping({.size = 10ms, .advance = 5ms, .grace = 5ms}), 30s);
  driver.feed<Key, std::string>("in", "a:a@3 a:b@7");
  ASSERT_TRUE(driver.driver().advance_wall_clock(29s).ok());
  EXPECT_EQ(out(driver), "");
  ASSERT_TRUE(driver.driver().advance_wall_clock(1s).ok());
  EXPECT_EQ(out(driver), "a[0,?):ab@7 a[5,?):b@7");
  ASSERT_TRUE(driver.driver().advance_wall_clock(60s).ok());
  driver.feed<Key, std::string>("in", "a:late@8 a:c@11 a:d@35");
  EXPECT_EQ(out(driver), "a[10,?):c@11");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 3U);
}

TEST(CloseWhenIdle, WaitsAnewAfterEachRecord) {
  TextDriver driver = finals(tumbling({.size = 10ms, .grace = 0ms}), 30s);
  driver.feed<Key, std::string>("in", "a:a@3");
  ASSERT_TRUE(driver.driver().advance_wall_clock(20s).ok());
  driver.feed<Key, std::string>("in", "a:b@4");
  ASSERT_TRUE(driver.driver().advance_wall_clock(20s).ok());
  EXPECT_EQ(out(driver), "");
  ASSERT_TRUE(driver.driver().advance_wall_clock(10s).ok());
  EXPECT_EQ(out(driver), "a[0,?):ab@4");
}

TEST(CloseWhenIdle, KeepsWindowsClosedAfterARestart) {
  TextDriver driver = finals(tumbling({.size = 10ms, .grace = 0ms}), 30s);
  driver.feed<Key, std::string>("in", "a:a@3");
  ASSERT_TRUE(driver.driver().advance_wall_clock(30s).ok());
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<Key, std::string>("in", "a:late@4 a:b@13 a:c@20");
  EXPECT_EQ(out(driver), "a[0,?):a@3 a[10,?):b@13");
}

TEST(CloseWhenIdle, NeedsEmissionOnWindowClose) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    static_cast<void>(builder.stream<std::string, std::string>("in")
                          .group_by_key()
                          .windowed_by(tumbling({.size = 10ms, .grace = 0ms}))
                          .count({.store = "counts", .close_when_idle = 0ms}));
  });
  EXPECT_NE(problems.find("needs .emit = WindowEmit::kOnWindowClose"), std::string::npos) << problems;
  EXPECT_NE(problems.find("it must be positive"), std::string::npos) << problems;
}

// What a window's results say about why they came.
TextDriver reasons(WindowEmit emit) {
  return TextDriver([=](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(tumbling({.size = 10ms, .grace = 0ms}))
        .count({.store = "counts",
                .emit = emit,
                .close_when_idle =
                    emit == WindowEmit::kOnWindowClose ? std::optional<Duration>(30s) : std::nullopt})
        .to_stream_with_reason()
        .map_values([](const Told<std::int64_t>& told) -> std::string {
          switch (told.reason) {
            case EmitReason::kUpdate:
              return "update" + std::to_string(told.value);
            case EmitReason::kCommit:
              return "commit" + std::to_string(told.value);
            case EmitReason::kClose:
              return "close" + std::to_string(told.value);
            case EmitReason::kIdle:
              return "idle" + std::to_string(told.value);
          }
          return "?";
        })
        .to("out");
  });
}

TEST(ToStreamWithReason, SaysWhyAWindowWasTold) {
  TextDriver updates = reasons(WindowEmit::kEveryUpdate);
  updates.feed<std::string, std::string>("in", "a:x@1");
  EXPECT_EQ(out(updates), "a[0,?):update1@1");

  TextDriver commits = reasons(WindowEmit::kOnCommit);
  commits.feed<std::string, std::string>("in", "a:x@1");
  EXPECT_EQ(out(commits), "a[0,?):commit1@1");

  TextDriver closes = reasons(WindowEmit::kOnWindowClose);
  closes.feed<std::string, std::string>("in", "a:x@1 a:y@12");
  ASSERT_TRUE(closes.driver().advance_wall_clock(30s).ok());
  EXPECT_EQ(out(closes), "a[0,?):close1@1 a[10,?):idle1@12");
}

}  // namespace window_close_test
}  // namespace weir
