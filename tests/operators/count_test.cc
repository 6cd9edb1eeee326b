#include <weir/operators/count.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/flat_map_values.h>
#include <weir/operators/group_by.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/records.h"

namespace weir {
namespace {

template <class Group>
concept CanCount = requires(const Group& group) { group.count({.store = "counts"}); };

static_assert(CanCount<KGroupedStream<std::string, std::int64_t>>);
static_assert(CanCount<KGroupedStream<std::optional<std::string>, std::string_view>>);
static_assert(!CanCount<KGroupedStream<std::string_view, std::int64_t>>);  // would dangle

void count_by_key(StreamBuilder& builder) {
  builder.stream<std::optional<std::string>, std::optional<std::string>>("in")
      .group_by_key()
      .count({.store = "counts"})
      .to_stream()
      .to("out");
}

TEST(Count, CountsPerKeyWithTheLargestTime) {
  TextDriver driver(count_by_key);
  driver.feed<std::string, std::string>("in", "a:x@10 a:x@5 a:x@20 b:x@1");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@10 a:2@10 a:3@20 b:1@1");
}

TEST(Count, DropsNullKeysAndNullValues) {
  TextDriver driver(count_by_key);
  driver.feed<std::optional<std::string>, std::optional<std::string>>("in", "null:v@1 a:null@2 a:v@3");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@3");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
  EXPECT_EQ(driver.dropped(DropReason::kNullValue), 1U);
}

TEST(Count, ForwardsTheHeadersOfTheRecordAndKeepsNone) {
  TextDriver driver(count_by_key);
  ASSERT_TRUE((driver.driver().pipe<std::string, std::string>("in", "a", "x", 10, Headers{{"h", "1"}}).ok()));
  driver.feed<std::string, std::string>("in", "a:x@11");
  const auto out = driver.driver().read<std::string, std::int64_t>("out");
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].headers, (Headers{{"h", "1"}}));
  EXPECT_EQ(out[1].headers, Headers());
}

TEST(Count, WritesAChangelogAsKafkaDoes) {
  TextDriver driver(count_by_key);
  driver.feed<std::string, std::string>("in", "a:x@12 a:x@11");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("driver-counts-changelog")), "a:1@12 a:2@12");
}

TEST(Count, ContinuesAfterARestartAndCommitsDroppedRecords) {
  TextDriver driver(count_by_key);
  driver.feed<std::optional<std::string>, std::optional<std::string>>("in", "a:x@1 null:x@2 a:x@3");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<std::string, std::string>("in", "a:x@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@1 a:2@3 a:3@3");
  EXPECT_EQ(driver.processed(), 1U);
}

TEST(Count, EmitsTheLastStateOfEachCommitIfAsked) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .flat_map_values([](const std::string& value) { return std::vector<std::string>(3, value); })
        .group_by_key()
        .count({.store = "counts", .emit = Emit::kOnCommit})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@10 a:x@20");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:3@10 a:6@20");
}

TEST(Count, ReportsAStoreThatIsThereTwice) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    const auto group = builder.stream<std::string, std::string>("in").group_by_key();
    static_cast<void>(group.count({.store = "counts"}));
    static_cast<void>(group.count({.store = "counts"}));
  });
  EXPECT_NE(problems.find("two stores are called 'counts'"), std::string::npos) << problems;
}

}  // namespace
}  // namespace weir
