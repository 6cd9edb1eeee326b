#include <weir/operators/windowed_by.h>

#include <chrono>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/flat_map_values.h>
#include <weir/operators/group_by.h>
#include <weir/operators/map_values.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/records.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

using Key = std::optional<std::string>;
using Value = std::optional<std::string>;

// What went in and what comes out of a topic, which does not tell where windows end.
TextDriver counted(const TimeWindows& windows, WindowEmit emit = WindowEmit::kEveryUpdate) {
  return TextDriver([=](StreamBuilder& builder) {
    builder.stream<Key, Value>("in")
        .group_by_key()
        .windowed_by(windows)
        .count({.store = "counts", .emit = emit})
        .to_stream()
        .to("out");
  });
}

TextDriver concatenated(const TimeWindows& windows) {
  return TextDriver([=](StreamBuilder& builder) {
    builder.stream<Key, std::string>("in")
        .group_by_key()
        .windowed_by(windows)
        .reduce({.store = "rows"},
                [](const std::string& left, const std::string& right) { return left + right; })
        .to_stream()
        .to("out");
  });
}

TEST(Tumbling, PutsARecordInTheWindowOfItsTime) {
  TextDriver driver = concatenated(tumbling({.size = 10ms, .grace = 0ms}));
  driver.feed<Key, std::string>("in", "a:a@0 a:b@9 a:c@5 a:d@10 a:e@9");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::string>("out")),
            "a[0,?):a@0 a[0,?):ab@9 a[0,?):abc@9 a[10,?):d@10");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
}

TEST(Tumbling, WaitsForLateRecordsAsLongAsTheGrace) {
  TextDriver driver = concatenated(tumbling({.size = 10ms, .grace = 5ms}));
  driver.feed<Key, std::string>("in", "a:a@0 b:b@14 a:c@9 b:d@15 a:e@9");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::string>("out")),
            "a[0,?):a@0 b[10,?):b@14 a[0,?):ac@9 b[10,?):bd@15");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
}

TEST(Tumbling, CountsNullValuesButNotNullKeys) {
  TextDriver driver = counted(tumbling({.size = 10ms, .grace = 0ms}));
  driver.feed<Key, Value>("in", "a:v@0 a:null@1 null:v@2 a:v@3");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")), "a[0,?):1@0 a[0,?):2@1 a[0,?):3@3");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
}

TEST(Tumbling, GivesNullsToTheReducer) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, Value>("in")
        .group_by_key()
        .windowed_by(tumbling({.size = 10ms, .grace = 0ms}))
        .reduce({.store = "rows"},
                [](const std::string& text, const Value& value) { return text + value.value_or("null"); })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, Value>("in", "a:null@1 a:v@3 a:null@4");
  EXPECT_EQ((driver.take<Windowed<std::string>, Value>("out")), "a[0,?):null@1 a[0,?):v@3 a[0,?):vnull@4");
}

TEST(Tumbling, LearnsTheTimeFromNullValuesButNotFromNullKeys) {
  TextDriver driver = counted(tumbling({.size = 10ms, .grace = 0ms}));
  driver.feed<Key, Value>("in", "a:a@0 null:z@100 a:b@5 b:null@200 a:c@6");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")),
            "a[0,?):1@0 a[0,?):2@5 b[200,?):1@200");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
}

TEST(Tumbling, RemembersTheTimeAcrossARestart) {
  TextDriver driver = counted(tumbling({.size = 10ms, .grace = 0ms}));
  driver.feed<Key, Value>("in", "a:a@0 b:b@25");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<Key, Value>("in", "a:late@5 a:c@29");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")),
            "a[0,?):1@0 b[20,?):1@25 a[20,?):1@29");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
}

TEST(Tumbling, DeletesAWindowAndBeginsAnewWithItsTime) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(tumbling({.size = 10ms, .grace = 0ms}))
        .aggregate(
            {.store = "rows"}, [] { return std::string(); },
            [](const std::string& value, const std::string& text) {
              return value == "del" ? std::nullopt : std::optional(text + value);
            })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1 a:del@2 a:y@0");
  EXPECT_EQ((driver.take<Windowed<std::string>, Value>("out")), "a[0,?):x@1 a[0,?):null@2 a[0,?):y@0");
}

TEST(Tumbling, TellsTheEndOfTheWindowInsideTheTopology) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(tumbling({.size = 10ms, .grace = 0ms}))
        .count({.store = "counts"})
        .to_stream()
        .map_values([](const Windowed<std::string>& key, std::int64_t) { return key.window.end; })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1 a:y@25");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")), "a[0,?):10@1 a[20,?):30@25");
}

TEST(Tumbling, EmitsTheLastStateOfEachCommitIfAsked) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .flat_map_values([](const std::string& value) { return std::vector<std::string>(3, value); })
        .group_by_key()
        .windowed_by(tumbling({.size = 10ms, .grace = 0ms}))
        .count({.store = "counts", .emit = WindowEmit::kOnCommit})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1 a:x@12");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")), "a[0,?):3@1 a[10,?):3@12");
}

TEST(Tumbling, SkipsARecordForWhichTheAggregatorThrows) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(tumbling({.size = 10ms, .grace = 0ms}))
        .aggregate(
            {.store = "rows", .on_error = ErrorPolicy::kSkip}, [] { return std::string(); },
            [](const std::string& value, std::string& text) {
              text += value;
              if (value == "bad") throw std::runtime_error("bad");
            })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1 a:bad@2 a:y@3");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::string>("out")), "a[0,?):x@1 a[0,?):xy@3");
}

TEST(Tumbling, TakesTheLargestTimesThereAre) {
  constexpr Timestamp kLast = std::numeric_limits<Timestamp>::max();
  TextDriver driver = counted(tumbling({.size = 10ms, .grace = 0ms}));
  driver.feed<Key, Value>("in", "a:x@" + std::to_string(kLast) + " a:y@0");
  EXPECT_EQ(driver.processed(), 2U);
}

TEST(Hopping, PutsARecordInEveryWindowThatHasItsTime) {
  TextDriver driver = concatenated(hopping({.size = 10ms, .advance = 5ms, .grace = 0ms}));
  driver.feed<Key, std::string>("in", "a:a@3 a:b@7 a:c@12 a:d@6 a:e@20 a:f@12");
  EXPECT_EQ(
      (driver.take<Windowed<std::string>, std::string>("out")),
      "a[0,?):a@3 a[0,?):ab@7 a[5,?):b@7 a[5,?):bc@12 a[10,?):c@12 a[5,?):bcd@12 a[15,?):e@20 a[20,?):e@20");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 3U);
}

TEST(Hopping, StartsNoWindowBeforeTheEpoch) {
  TextDriver driver = concatenated(hopping({.size = 10ms, .advance = 3ms, .grace = 0ms}));
  driver.feed<Key, std::string>("in", "a:a@0 a:b@10");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::string>("out")),
            "a[0,?):a@0 a[3,?):b@10 a[6,?):b@10 a[9,?):b@10");
}

TEST(WindowedBy, ReportsWindowsThatCannotBe) {
  const auto problem = [](const TimeWindows& windows) {
    return problems_of([&](StreamBuilder& builder) {
      static_cast<void>(
          builder.stream<std::string, std::string>("in").group_by_key().windowed_by(windows).count(
              {.store = "s"}));
    });
  };
  EXPECT_NE(problem(tumbling({.size = 0ms, .grace = 0ms})).find("size must be positive"), std::string::npos);
  EXPECT_NE(problem(tumbling({.size = 5ms, .grace = -1ms})).find("grace must not be negative"),
            std::string::npos);
  EXPECT_NE(problem(hopping({.size = 5ms, .advance = 6ms, .grace = 0ms})).find("at most their size"),
            std::string::npos);
  EXPECT_NE(problem(hopping({.size = 5ms, .advance = 0ms, .grace = 0ms})).find("more than 0"),
            std::string::npos);
  EXPECT_NE(problem(tumbling({.size = 0ms, .grace = 0ms})).find("windowed_by_test.cc"), std::string::npos);
}

TEST(WindowedBy, ReportsARetentionThatIsTooShort) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    static_cast<void>(builder.stream<std::string, std::string>("in")
                          .group_by_key()
                          .windowed_by(tumbling({.size = 10ms, .grace = 5ms}))
                          .count({.store = "counts", .retention = 14ms}));
  });
  EXPECT_NE(problems.find("'counts' keeps windows for 14 ms"), std::string::npos) << problems;
}

}  // namespace
}  // namespace weir
