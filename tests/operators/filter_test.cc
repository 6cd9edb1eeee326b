#include <weir/operators/filter.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

template <class Stream, class Predicate>
concept CanFilter = requires(const Stream& stream, Predicate predicate) {
  stream.filter(predicate);
  stream.filter_not(predicate);
};

struct Order {};

static_assert(CanFilter<KStream<int, Order>, decltype([](const Order&) { return true; })>);
static_assert(CanFilter<KStream<int, Order>, decltype([](int, const Order&) { return true; })>);
static_assert(
    CanFilter<KStream<int, Order>, decltype([](int, const Order&, const RecordInfo&) { return true; })>);
static_assert(!CanFilter<KStream<int, Order>, decltype([](int) { return true; })>);  // wrong value
static_assert(
    !CanFilter<KStream<int, Order>, decltype([](const Order&, int) { return true; })>);  // wrong order
static_assert(!CanFilter<KStream<int, Order>, decltype([](const Order&) {})>);           // no answer
static_assert(!CanFilter<KStream<int, Order>, decltype([](Order&) { return true; })>);   // would change it
static_assert(!CanFilter<KStream<int, Order>,
                         decltype([n = 0](const Order&) mutable { return ++n > 1; })>);  // hidden state
static_assert(!CanFilter<KStream<int, Order>, decltype([p = std::unique_ptr<int>()](const Order&) {
                           return !p;
                         })>);  // one copy only
static_assert(
    !CanFilter<KStream<int, std::optional<Order>>, decltype([](const Order&) { return true; })>);  // null

bool is_even(std::int64_t value) { return value % 2 == 0; }

TEST(Filter, DropsRecordsThePredicateRefuses) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in").filter(is_even).to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:2@7 c:3@3 d:4@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "b:2@7 d:4@2");
}

TEST(FilterNot, DropsRecordsThePredicateAccepts) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in").filter_not(is_even).to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:2@7 c:3@3");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@1 c:3@3");
}

TEST(Filter, AsksAboutNullsWhereTheTypeHasThem) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::optional<std::string>, std::optional<std::string>>("in")
        .filter([](const auto& key, const auto& value) { return !key || !value; })
        .to("out");
  });
  driver.feed<std::optional<std::string>, std::optional<std::string>>("in",
                                                                      "a:x@1 null:x@2 a:null@3 null:null@4");
  EXPECT_EQ((driver.take<std::optional<std::string>, std::optional<std::string>>("out")),
            "null:x@2 a:null@3 null:null@4");
}

TEST(Filter, SeesTimeHeadersAndOrigin) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .filter([](const std::string&, const std::string&, const RecordInfo& info) {
          return info.timestamp == 5 && info.headers.last("h") != nullptr && info.origin.topic == "in" &&
                 info.origin.offset == 1;
        })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@5");
  ASSERT_TRUE((driver.driver().pipe<std::string, std::string>("in", "b", "y", 5, Headers{{"h", "1"}}).ok()));
  const auto out = driver.driver().read<std::string, std::string>("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].key, "b");
  EXPECT_EQ(out[0].headers, (Headers{{"h", "1"}}));
}

TEST(Filter, CommitsOffsetsOfDroppedRecords) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in").filter([](std::int64_t) { return false; }).to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:2@2");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<std::string, std::int64_t>("in", "c:3@3");
  EXPECT_EQ(driver.processed(), 1U);  // since the restart: the dropped ones are not read again
}

void filter_that_throws(StreamBuilder& builder, ErrorPolicy policy) {
  builder.stream<std::string, std::int64_t>("in")
      .filter({.name = "picky", .on_error = policy},
              [](std::int64_t value) {
                if (value == 2) throw std::runtime_error("two is too much");
                return true;
              })
      .to("out");
}

TEST(Filter, ReportsTheNodeWhenThePredicateThrows) {
  TextDriver driver([](StreamBuilder& builder) { filter_that_throws(builder, ErrorPolicy::kFail); });
  const absl::Status status = driver.try_feed<std::string, std::int64_t>("in", "a:1@1 b:2@2");
  EXPECT_FALSE(status.ok());
  const std::string message(status.message());
  EXPECT_NE(message.find("picky"), std::string::npos) << message;
  EXPECT_NE(message.find("two is too much"), std::string::npos) << message;
  EXPECT_NE(message.find("offset=1"), std::string::npos) << message;
}

TEST(Filter, SkipsTheRecordWhenThePolicySaysSo) {
  TextDriver driver([](StreamBuilder& builder) { filter_that_throws(builder, ErrorPolicy::kSkip); });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:2@2 c:3@3");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@1 c:3@3");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

TEST(Filter, SendsTheRecordAsideWhenThePolicySaysSo) {
  TextDriver driver([](StreamBuilder& builder) { filter_that_throws(builder, ErrorPolicy::kDeadLetter); },
                    {.dead_letter_topic = "dead"});
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:2@2 c:3@3");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@1 c:3@3");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("dead")), "b:2@2");
}

}  // namespace
}  // namespace weir
