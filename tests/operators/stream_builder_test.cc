#include <weir/operators/stream_builder.h>

#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/filter.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/records.h"

namespace weir {
namespace {

OwnedRecord raw(std::optional<Bytes> key, std::optional<Bytes> value, Timestamp timestamp) {
  OwnedRecord record;
  record.key = std::move(key);
  record.value = std::move(value);
  record.timestamp = timestamp;
  return record;
}

TEST(StreamBuilder, ReadsATopicOnceForAllWhoAskForTheSameTypes) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").to("one");
    builder.stream<std::string, std::string>("in").to("two");
  });
  driver.feed<std::string, std::string>("in", "a:x@1");
  EXPECT_EQ((driver.take<std::string, std::string>("one")), "a:x@1");
  EXPECT_EQ((driver.take<std::string, std::string>("two")), "a:x@1");
}

TEST(StreamBuilder, ReportsATopicReadWithTwoTypes) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").to("one");
    builder.stream<std::string, std::int64_t>("in").to("two");
  });
  EXPECT_NE(problems.find("'in' is read by two sources"), std::string::npos) << problems;
  EXPECT_NE(problems.find("stream_builder_test.cc"), std::string::npos) << problems;
}

TEST(StreamBuilder, ReportsATopicReadAsStreamAndTable) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").to("one");
    static_cast<void>(builder.table<std::string, std::string>("in", {.store = "rows"}));
  });
  EXPECT_NE(problems.find("'in' is read by two sources"), std::string::npos) << problems;
}

TEST(StreamBuilder, ReportsAllProblemsAtOnce) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    const auto stream = builder.stream<std::string, std::string>("not a topic");
    stream.filter({.name = "twice"}, [](const std::string&) { return true; }).to("a");
    stream.filter({.name = "twice"}, [](const std::string&) { return true; }).to("b/c");
  });
  EXPECT_NE(problems.find("3 problems"), std::string::npos) << problems;
  EXPECT_NE(problems.find("'not a topic'"), std::string::npos) << problems;
  EXPECT_NE(problems.find("'twice'"), std::string::npos) << problems;
  EXPECT_NE(problems.find("'b/c'"), std::string::npos) << problems;
}

TEST(Source, FailsOnBytesThatDoNotDecode) {
  TextDriver driver(
      [](StreamBuilder& builder) { builder.stream<std::string, std::int64_t>("in").to("out"); });
  const absl::Status status = driver.driver().pipe_raw("in", raw("a", "bad", 1));
  const std::string message(status.message());
  EXPECT_NE(message.find("value: expected 8 bytes, got 3"), std::string::npos) << message;
  EXPECT_NE(message.find("stream-1"), std::string::npos) << message;
}

TEST(Source, SendsRecordsAsideThatDoNotDecode) {
  TextDriver driver(
      [](StreamBuilder& builder) {
        builder.stream<std::string, std::int64_t>("in", {.on_error = ErrorPolicy::kDeadLetter}).to("out");
      },
      {.dead_letter_topic = "dead"});
  ASSERT_TRUE(driver.driver().pipe_raw("in", raw("a", "bad", 1)).ok());
  driver.feed<std::string, std::int64_t>("in", "b:1@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "b:1@2");
  EXPECT_EQ((driver.take<std::string, std::string>("dead")), "a:bad@1");
  EXPECT_EQ(driver.dropped(DropReason::kUndecodable), 1U);
}

TEST(Source, TakesANullForAFaultWhereTheTypeHasNone) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in", {.on_error = ErrorPolicy::kSkip}).to("out");
  });
  driver.feed<std::optional<std::string>, std::optional<std::string>>("in", "null:x@1 a:null@2 a:x@3");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:x@3");
  EXPECT_EQ(driver.dropped(DropReason::kUndecodable), 2U);
}

TEST(Source, TakesTheTimeFromTheRecordIfTold) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in", {.timestamp = [](std::int64_t value) { return value; }})
        .to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:70@1 b:60@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:70@70 b:60@60");
}

TEST(Source, TellsTheExtractorKafkasTimeAndTheHeaders) {
  TextDriver driver([](StreamBuilder& builder) {
    builder
        .stream<std::string, std::int64_t>(
            "in", {.timestamp = [](const std::string&, std::int64_t, const RecordInfo& info) -> Timestamp {
              return info.timestamp + static_cast<Timestamp>(info.headers.size());
            }})
        .to("out");
  });
  ASSERT_TRUE((driver.driver().pipe<std::string, std::int64_t>("in", "a", 1, 10, Headers{{"h", "1"}}).ok()));
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@11");
}

TEST(Source, DropsRecordsThatHaveNoTime) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in", {.timestamp = [](std::int64_t value) { return value; }})
        .to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:-1@1 b:60@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "b:60@60");
  EXPECT_EQ(driver.dropped(DropReason::kBadTimestamp), 1U);
}

TEST(Source, HandlesAnExtractorThatThrowsByItsPolicy) {
  TextDriver driver([](StreamBuilder& builder) {
    builder
        .stream<std::string, std::int64_t>("in", {.on_error = ErrorPolicy::kSkip,
                                                  .timestamp =
                                                      [](std::int64_t value) {
                                                        if (value == 1) throw std::runtime_error("one");
                                                        return value;
                                                      }})
        .to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:60@2 c:1@3 d:61@4");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "b:60@60 d:61@61");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 2U);
  EXPECT_EQ(driver.dropped(DropReason::kBadTimestamp), 0U);
}

TEST(Source, ReportsRecordsThatDoNotDecodeAlsoToAnExtractor) {
  TextDriver driver([](StreamBuilder& builder) {
    builder
        .stream<std::string, std::int64_t>(
            "in", {.on_error = ErrorPolicy::kSkip, .timestamp = [](std::int64_t value) { return value; }})
        .to("out");
  });
  ASSERT_TRUE(driver.driver().pipe_raw("in", raw("a", "bad", -1)).ok());
  EXPECT_EQ(driver.dropped(DropReason::kUndecodable), 1U);
  EXPECT_EQ(driver.dropped(DropReason::kBadTimestamp), 0U);
}

TEST(Table, KeepsTheLastValueAndForgetsWithANull) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.table<std::string, std::string>("in", {.store = "rows"}).to_stream().to("out");
  });
  driver.feed<std::optional<std::string>, std::optional<std::string>>(
      "in", "a:x@10 a:y@5 null:z@6 b:null@7 a:y@8 a:null@9");
  EXPECT_EQ((driver.take<std::string, std::optional<std::string>>("out")),
            "a:x@10 a:y@5 b:null@7 a:y@8 a:null@9");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
  auto* rows = driver.driver().store_as<KeyValueStore<std::string, std::string>>("rows");
  ASSERT_NE(rows, nullptr);
  EXPECT_EQ(rows->find("a"), nullptr);
}

TEST(Table, TellsOnlyTheLastStateOnCommitIfAsked) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.table<std::string, std::string>("in", {.store = "rows", .emit = Emit::kOnCommit})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::optional<std::string>>("in", "a:x@1 a:null@2 b:null@3");
  EXPECT_EQ((driver.take<std::string, std::optional<std::string>>("out")), "a:x@1 a:null@2");
}

}  // namespace
}  // namespace weir
