#include <weir/operators/select_key.h>

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/group_by.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

TEST(SelectKey, ReplacesTheKeyAndKeepsTheRest) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in")
        .select_key([](std::int64_t value) { return value * 2; })
        .to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@5 b:2@4");
  EXPECT_EQ((driver.take<std::int64_t, std::int64_t>("out")), "2:1@5 4:2@4");
}

TEST(SelectKey, MayGiveNoKeyAndThenTheGroupDropsTheRecord) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .select_key(
            [](const std::string& value) { return value == "x" ? std::nullopt : std::optional(value); })
        .group_by_key()
        .count({.store = "counts"})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1 a:y@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "y:1@2");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
}

TEST(SelectKey, WritesNullKeysToTopics) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .select_key([](const std::string&) { return std::optional<std::string>(); })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1");
  EXPECT_EQ((driver.take<std::optional<std::string>, std::string>("out")), "null:x@1");
}

}  // namespace
}  // namespace weir
