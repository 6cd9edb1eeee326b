#include <weir/operators/group_by.h>

#include <string>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/reduce.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/records.h"

namespace weir {
namespace {

std::size_t occurrences(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(GroupBy, SharesTheRepartitionTopicOfANamedGroup) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto group = builder.stream<std::string, std::int64_t>("in").group_by(
        {.name = "parity"}, [](std::int64_t value) { return std::string(value % 2 == 0 ? "even" : "odd"); });
    group.count({.store = "counts"}).to_stream().to("counts");
    group.reduce({.store = "sums"}, [](std::int64_t sum, std::int64_t next) { return sum + next; })
        .to_stream()
        .to("sums");
  });
  EXPECT_EQ(occurrences(driver.description(), "Sink: parity-repartition-sink"), 1U) << driver.description();
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:2@2 c:3@3");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("counts")), "odd:1@1 even:1@2 odd:2@3");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("sums")), "odd:1@1 even:2@2 odd:4@3");
}

TEST(GroupBy, GivesEachStoreItsTopicWhereTheGroupHasNoName) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto group = builder.stream<std::string, std::int64_t>("in").group_by(
        [](std::int64_t) { return std::string("all"); });
    static_cast<void>(group.count({.store = "one"}));
    static_cast<void>(group.count({.store = "two"}));
  });
  EXPECT_EQ(occurrences(driver.description(), "Sink: one-repartition-sink"), 1U);
  EXPECT_EQ(occurrences(driver.description(), "Sink: two-repartition-sink"), 1U);
}

TEST(GroupByKey, UsesTheKeysAsTheyAre) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in")
        .group_by_key()
        .count({.store = "counts"})
        .to_stream()
        .to("out");
  });
  EXPECT_EQ(driver.description().find("repartition"), std::string::npos);
}

}  // namespace
}  // namespace weir
