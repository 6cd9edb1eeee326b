#include <weir/operators/map.h>

#include <stdexcept>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

template <class Stream, class Mapper>
concept CanMap = requires(const Stream& stream, Mapper mapper) { stream.map(mapper); };

static_assert(CanMap<KStream<int, int>, decltype([](int k, int v) { return std::pair(v, k); })>);
static_assert(!CanMap<KStream<int, int>, decltype([](int, int v) { return v; })>);  // no pair

TEST(Map, ReplacesKeyAndValueAndKeepsTimeAndHeaders) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in")
        .map([](const std::string& key, std::int64_t value) { return std::pair(value, key + key); })
        .to("out");
  });
  ASSERT_TRUE((driver.driver().pipe<std::string, std::int64_t>("in", "a", 3, 7, Headers{{"h", "1"}}).ok()));
  const auto out = driver.driver().read<std::int64_t, std::string>("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].key, 3);
  EXPECT_EQ(out[0].value, "aa");
  EXPECT_EQ(out[0].timestamp, 7);
  EXPECT_EQ(out[0].headers, (Headers{{"h", "1"}}));
}

TEST(Map, WritesTheNewKeyEvenIfItsTypeIsTheOldOne) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .map([](const std::string& key, const std::string& value) { return std::pair(value, key); })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:b@1");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "b:a@1");
}

TEST(Map, SkipsTheRecordWhenTheMapperThrows) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in")
        .map({.on_error = ErrorPolicy::kSkip},
             [](const std::string& key, std::int64_t value) {
               if (value == 2) throw std::runtime_error("two");
               return std::pair(key, value);
             })
        .to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:2@2 c:3@3");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@1 c:3@3");
}

}  // namespace
}  // namespace weir
