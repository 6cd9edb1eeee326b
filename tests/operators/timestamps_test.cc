#include <weir/operators/timestamps.h>

#include <string>

#include <gtest/gtest.h>

#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/records.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

// The time in the value, or that of the partition.
Timestamp time_in(const std::string&, std::int64_t value, const SourceInfo& info) {
  return value >= 0 ? value : info.partition_time;
}

TEST(TimestampExtractor, KnowsTheTimeOfThePartition) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>({"in", "other"}, {.timestamp = time_in}).to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:-1@1 b:60@2 c:-1@3 d:50@4 e:-1@5");
  EXPECT_EQ(driver.dropped(DropReason::kBadTimestamp), 1U);
  driver.feed<std::string, std::int64_t>("other", "f:20@5 g:-1@6");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")),
            "b:60@60 c:-1@60 d:50@50 e:-1@60 f:20@20 g:-1@20");
}

TEST(TimestampExtractor, GivesTableRowsTheirTime) {
  TextDriver driver([](StreamBuilder& builder) {
    builder
        .table<std::string, std::int64_t>(
            "in", {.store = "rows"},
            [](const std::optional<std::string>&, const std::optional<std::int64_t>& value,
               const SourceInfo& info) { return value ? *value : info.partition_time; })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::optional<std::int64_t>>("in", "a:60@2 a:null@3");
  EXPECT_EQ((driver.take<std::string, std::optional<std::int64_t>>("out")), "a:60@60 a:null@60");
}

TEST(Timestamps, WithoutAnExtractorARecordWithoutTimeGoesToThePolicy) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in", {.name = "numbers"}).to("out");
  });
  const absl::Status status = driver.driver().pipe<std::string, std::int64_t>("in", "a", 1, -1);
  EXPECT_NE(std::string(status.message()).find("bad timestamp at node 'numbers'"), std::string::npos)
      << status;

  TextDriver skipping([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in", {.on_error = ErrorPolicy::kSkip}).to("out");
  });
  skipping.feed<std::string, std::int64_t>("in", "a:1@-1 b:2@5");
  EXPECT_EQ((skipping.take<std::string, std::int64_t>("out")), "b:2@5");
  EXPECT_EQ(skipping.dropped(DropReason::kBadTimestamp), 1U);
}

TEST(Timestamps, SkipIfInvalidDrops) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in", {.timestamp = SkipIfInvalid()}).to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@-1 b:2@5");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "b:2@5");
  EXPECT_EQ(driver.dropped(DropReason::kBadTimestamp), 1U);
}

TEST(Timestamps, PartitionTimeIfInvalidNeedsOneBefore) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in", {.timestamp = PartitionTimeIfInvalid()}).to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@7 b:2@5 c:3@-1");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@7 b:2@5 c:3@7");

  TextDriver empty([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in", {.timestamp = PartitionTimeIfInvalid()}).to("out");
  });
  EXPECT_NE(std::string((empty.try_feed<std::string, std::int64_t>("in", "c:3@-1").message()))
                .find("has a time yet"),
            std::string::npos);
}

TEST(Timestamps, WallClockTimeIsTheClocks) {
  TextDriver driver(
      [](StreamBuilder& builder) {
        builder.stream<std::string, std::int64_t>("in", {.timestamp = WallClockTime()}).to("out");
      },
      {.wall_clock = 100});
  driver.feed<std::string, std::int64_t>("in", "a:1@7");
  ASSERT_TRUE(driver.driver().advance_wall_clock(20ms).ok());
  driver.feed<std::string, std::int64_t>("in", "b:1@7");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@100 b:1@120");
}

TEST(Timestamps, RefuseIfAheadKeepsTheFutureOutOfStreamTime) {
  const auto within_a_second = [](ErrorPolicy policy) {
    return [policy](StreamBuilder& builder) {
      builder
          .stream<std::string, std::int64_t>("in",
                                             {.on_error = policy, .timestamp = RefuseIfAhead{.most = 1s}})
          .to("out");
    };
  };
  TextDriver skipping(within_a_second(ErrorPolicy::kSkip), {.wall_clock = 10'000});
  skipping.feed<std::string, std::int64_t>("in",
                                           "a:1@10000 b:2@11000 c:3@11001 d:4@4070908800000 e:5@-1 f:6@7");
  EXPECT_EQ((skipping.take<std::string, std::int64_t>("out")), "a:1@10000 b:2@11000 f:6@7");
  EXPECT_EQ(skipping.dropped(DropReason::kFailed), 2U);
  EXPECT_EQ(skipping.dropped(DropReason::kBadTimestamp), 1U);

  TextDriver failing(within_a_second(ErrorPolicy::kFail), {.wall_clock = 10'000});
  const absl::Status status = failing.try_feed<std::string, std::int64_t>("in", "a:1@12000");
  EXPECT_NE(std::string(status.message()).find("2000 ms ahead of the wall clock, at most 1000"),
            std::string::npos)
      << status;
}

}  // namespace
}  // namespace weir
