#include <weir/operators/flat_map.h>

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/group_by.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

template <class Stream, class Mapper>
concept CanFlatMap = requires(const Stream& stream, Mapper mapper) { stream.flat_map(mapper); };

static_assert(CanFlatMap<KStream<int, int>, decltype([](int n) {
                           return std::vector<std::pair<int, int>>{{n, n}};
                         })>);
static_assert(!CanFlatMap<KStream<int, int>, decltype([](int n) { return std::vector<int>{n}; })>);

auto both_ways(const std::string& key, const std::string& value) {
  return std::vector<std::pair<std::string, std::string>>{{key, value}, {value, key}};
}

TEST(FlatMap, MakesRecordsWithTheSameTimeAndHeaders) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").flat_map(both_ways).to("out");
  });
  ASSERT_TRUE((driver.driver().pipe<std::string, std::string>("in", "k", "v", 7, Headers{{"h", "1"}}).ok()));
  const auto out = driver.driver().read<std::string, std::string>("out");
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(print_record(out[0].key, out[0].value, out[0].timestamp), "k:v@7");
  EXPECT_EQ(print_record(out[1].key, out[1].value, out[1].timestamp), "v:k@7");
  EXPECT_EQ(out[1].headers, (Headers{{"h", "1"}}));
}

TEST(FlatMap, RepartitionsWhatIsGroupedAfterwards) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .flat_map(both_ways)
        .group_by_key()
        .count({.store = "counts"})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "k:v@1 v:w@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "k:1@1 v:1@1 v:2@2 w:1@2");
  EXPECT_NE(driver.description().find("counts-repartition"), std::string::npos);
}

}  // namespace
}  // namespace weir
