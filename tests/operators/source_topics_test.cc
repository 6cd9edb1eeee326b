#include <string>

#include <gtest/gtest.h>

#include <weir/operators/map_values.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

TEST(SourceTopics, ReadsSeveralTopicsAsOneStream) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>({"in1", "in2"}).to("out");
  });
  driver.feed<std::string, std::string>("in1", "a:x@5");
  driver.feed<std::string, std::string>("in2", "b:y@1");
  driver.feed<std::string, std::string>("in1", "c:z@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:x@5 b:y@1 c:z@2");
  EXPECT_NE(driver.description().find("Source: stream-1 (topics: [in1, in2])"), std::string::npos)
      << driver.description();
}

TEST(SourceTopics, ShareTheSourceOfEqualSets) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>({"in1", "in2"}).to("one");
    builder.stream<std::string, std::string>({"in2", "in1"}).to("two");
  });
  driver.feed<std::string, std::string>("in2", "a:x@5");
  EXPECT_EQ((driver.take<std::string, std::string>("one")), "a:x@5");
  EXPECT_EQ((driver.take<std::string, std::string>("two")), "a:x@5");
}

TEST(SourceTopics, ReportsSetsThatOverlap) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>({"a", "b"}).to("one");
    builder.stream<std::string, std::string>({"b", "c"}).to("two");
  });
  EXPECT_NE(problems.find("1 problem:"), std::string::npos) << problems;
  EXPECT_NE(problems.find("'b' is read by two sources"), std::string::npos) << problems;
}

TEST(SourceTopics, AskForOneTopicAtLeast) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>(std::vector<std::string>{}).to("out");
  });
  EXPECT_NE(problems.find("'stream-1' reads no topic"), std::string::npos) << problems;
}

TEST(TopicPattern, TakesTopicsThatMatchWhenTheyAppear) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>(TopicPattern("in[0-9]")).to("out");
  });
  driver.feed<std::string, std::string>("in2", "a:x@5");
  driver.feed<std::string, std::string>("in1", "b:y@1");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:x@5 b:y@1");
  EXPECT_EQ((driver.try_feed<std::string, std::string>("in10", "a:x@5").code()), absl::StatusCode::kNotFound);
  EXPECT_NE(driver.description().find("Source: stream-1 (topics: in[0-9])"), std::string::npos)
      << driver.description();

  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<std::string, std::string>("in2", "c:z@6");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "c:z@6");
}

TEST(TopicPattern, TakesWhatTheTopologyWritesItself) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("begin").to(
        [](const std::string& value) { return "to-" + value; });
    builder.stream<std::string, std::string>(TopicPattern("to-.*")).to("out");
  });
  driver.feed<std::string, std::string>("begin", "a:x@5 b:y@6 c:x@7");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:x@5 b:y@6 c:x@7");
}

TEST(TopicPattern, IsReadOnceForAllWhoAskForTheSameOne) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>(TopicPattern("in.*")).to("one");
    builder.stream<std::string, std::string>(TopicPattern("in.*")).to("two");
  });
  driver.feed<std::string, std::string>("in", "a:x@5");
  EXPECT_EQ((driver.take<std::string, std::string>("one")), "a:x@5");
  EXPECT_EQ((driver.take<std::string, std::string>("two")), "a:x@5");
}

TEST(TopicPattern, IsReportedIfItIsNoExpressionOrMatchesATopicThatIsReadByName) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>(TopicPattern("in[")).to("one");
    builder.stream<std::string, std::string>(TopicPattern("orders.*", 0)).to("two");
    builder.stream<std::string, std::string>("orders-old").to("three");
  });
  EXPECT_NE(problems.find("3 problems"), std::string::npos) << problems;
  EXPECT_NE(problems.find("'in[' is no regular expression"), std::string::npos) << problems;
  EXPECT_NE(problems.find("'orders.*' asks for 0 partitions"), std::string::npos) << problems;
  EXPECT_NE(problems.find("'orders-old' of source 'stream-3' matches the pattern"), std::string::npos)
      << problems;
}

// What was called `through` once.
TEST(SourceTopics, MayBeWrittenByTheTopologyItself) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").to("middle");
    builder.stream<std::string, std::string>("middle")
        .map_values([](const std::string& value) { return value + "!"; })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@5 b:y@1");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:x!@5 b:y!@1");
  EXPECT_EQ((driver.take<std::string, std::string>("middle")), "a:x@5 b:y@1");
}

}  // namespace
}  // namespace weir
