#include <weir/operators/map_values.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/group_by.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

template <class Stream, class Mapper>
concept CanMapValues = requires(const Stream& stream, Mapper mapper) { stream.map_values(mapper); };

struct Person {
  std::string name;
};

static_assert(CanMapValues<KStream<int, Person>, decltype([](const Person& person) { return person.name; })>);
static_assert(CanMapValues<KStream<int, Person>, std::string Person::*>);  // a member will do
static_assert(!CanMapValues<KStream<int, Person>, decltype([](const Person&) {})>);
static_assert(!CanMapValues<KStream<int, Person>, decltype([](const std::string& name) { return name; })>);

TEST(MapValues, ReplacesTheValueAndKeepsTheRest) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in")
        .map_values([](std::int64_t value) { return value * 1.5; })
        .to("out");
  });
  ASSERT_TRUE((driver.driver().pipe<std::string, std::int64_t>("in", "a", 3, 7, Headers{{"h", "1"}}).ok()));
  const auto out = driver.driver().read<std::string, double>("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].key, "a");
  EXPECT_EQ(out[0].value, 4.5);
  EXPECT_EQ(out[0].timestamp, 7);
  EXPECT_EQ(out[0].headers, (Headers{{"h", "1"}}));
}

TEST(MapValues, IsGivenTheKeyIfItAsks) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .map_values([](const std::string& key, const std::string& value) { return key + value; })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:ax@1");
}

TEST(MapValues, MapsNullsLikeOtherValues) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::optional<std::string>>("in")
        .map_values([](const std::optional<std::string>& value) { return value ? *value + "!" : "nothing"; })
        .to("out");
  });
  driver.feed<std::string, std::optional<std::string>>("in", "a:x@1 a:null@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:x!@1 a:nothing@2");
}

TEST(MapValues, MakesNullsWhereTheMapperReturnsAnOptional) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in")
        .map_values([](std::int64_t value) { return value > 0 ? std::optional(value) : std::nullopt; })
        .to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 a:-1@2");
  EXPECT_EQ((driver.take<std::string, std::optional<std::int64_t>>("out")), "a:1@1 a:null@2");
}

TEST(MapValues, LetsViewsFlow) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string_view, std::string_view>("in")
        .map_values([](std::string_view value) { return value.substr(1); })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "key:xyz@1");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "key:yz@1");
}

TEST(MapValues, NeedsNoRepartitionAfterwards) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in")
        .map_values([](std::int64_t value) { return value + 1; })
        .group_by_key()
        .count({.store = "counts"});
  });
  EXPECT_EQ(driver.description().find("repartition"), std::string::npos) << driver.description();
}

TEST(MapValues, SkipsTheRecordWhenTheMapperThrows) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in")
        .map_values({.on_error = ErrorPolicy::kSkip},
                    [](std::int64_t value) {
                      if (value == 2) throw std::runtime_error("two");
                      return value;
                    })
        .to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:2@2 c:3@3");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@1 c:3@3");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

}  // namespace
}  // namespace weir
