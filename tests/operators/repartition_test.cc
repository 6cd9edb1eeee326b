#include <weir/operators/repartition.h>

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/group_by.h>
#include <weir/operators/map_values.h>
#include <weir/operators/select_key.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/windowed.h>

#include "support/records.h"

namespace weir {
namespace {

TEST(Repartition, CarriesTimeAndHeadersThroughItsTopic) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .select_key([](const std::string& value) { return value; })
        .repartition({.name = "by-value", .partitions = 3})
        .to("out");
  });
  ASSERT_TRUE((driver.driver().pipe<std::string, std::string>("in", "a", "x", 7, Headers{{"h", "1"}}).ok()));
  EXPECT_EQ((driver.take<std::string, std::string>("driver-by-value-repartition")), "x:x@7");
  const auto out = driver.driver().read<std::string, std::string>("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].timestamp, 7);
  EXPECT_EQ(out[0].headers, (Headers{{"h", "1"}}));
}

TEST(Repartition, DropsNullKeysAndKeepsNullValues) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::optional<std::string>, std::optional<std::string>>("in")
        .repartition({.name = "again"})
        .to("out");
  });
  driver.feed<std::optional<std::string>, std::optional<std::string>>("in", "null:q@5 a:null@6");
  EXPECT_EQ((driver.take<std::string, std::optional<std::string>>("out")), "a:null@6");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
}

TEST(Repartition, ClearsWhatMakesLaterVerbsRepartition) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .select_key([](const std::string& value) { return value; })
        .repartition({.name = "by-value"})
        .group_by_key()
        .count({.store = "counts"});
  });
  EXPECT_EQ(driver.description().find("counts-repartition"), std::string::npos) << driver.description();
}

TEST(Repartition, LosesNothingOfAWindow) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in")
        .select_key([](const std::string& key, std::int64_t value) {
          return Windowed<std::string>{key, Window{value, value + 5}};
        })
        .repartition({.name = "windows"})
        .map_values([](const Windowed<std::string>& key, std::int64_t) { return key.window.end; })
        .to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:10@1");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")), "a[10,?):15@1");
}

TEST(Repartition, OfATypeWithoutBytesIsAProblem) {
  struct Opaque {};
  const std::string problems = problems_of([](StreamBuilder& builder) {
    static_cast<void>(builder.stream<std::string, std::string>("in")
                          .map_values([](const std::string&) { return Opaque(); })
                          .group_by([](const Opaque&) { return std::string("k"); })
                          .count({.store = "counts"}));
  });
  EXPECT_NE(problems.find("'counts' needs a repartition topic"), std::string::npos) << problems;
  EXPECT_NE(problems.find("repartition_test.cc"), std::string::npos) << problems;
}

TEST(Repartition, NeedsNoBytesWhereKeysWereNotChanged) {
  struct Opaque {};
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .map_values([](const std::string&) { return Opaque(); })
        .group_by_key()
        .count({.store = "counts"})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1 a:y@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@1 a:2@2");
}

}  // namespace
}  // namespace weir
