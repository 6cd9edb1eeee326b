#include <weir/operators/reduce.h>

#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/group_by.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/records.h"

namespace weir {
namespace {

template <class Group, class Reducer>
concept CanReduce = requires(const Group& group, Reducer reducer) { group.reduce({.store = "s"}, reducer); };

using Numbers = KGroupedStream<std::string, std::int64_t>;
static_assert(CanReduce<Numbers, decltype([](std::int64_t a, std::int64_t b) { return a + b; })>);
static_assert(!CanReduce<Numbers, decltype([](std::int64_t a) { return a; })>);
static_assert(!CanReduce<Numbers, decltype([](std::int64_t, std::int64_t) { return std::string(); })>);

std::string concatenated(const std::string& left, const std::string& right) { return left + right; }

TEST(Reduce, TakesTheFirstValueAsItIsAndCombinesTheRest) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::optional<std::string>>("in")
        .group_by_key()
        .reduce({.store = "rows"}, concatenated)
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::optional<std::string>>("in", "a:a@10 a:b@5 a:null@20 a:c@11");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:a@10 a:ab@10 a:abc@11");
  EXPECT_EQ(driver.dropped(DropReason::kNullValue), 1U);
}

TEST(Reduce, DeletesWithAnEmptyOptionalAndBeginsAnew) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .reduce({.store = "rows"},
                [](const std::string& left, const std::string& right) {
                  return right == "d" ? std::nullopt : std::optional(left + right);
                })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1 a:d@2 a:d@3 a:y@4");
  EXPECT_EQ((driver.take<std::string, std::optional<std::string>>("out")), "a:x@1 a:null@2 a:d@3 a:dy@4");
}

TEST(Reduce, LeavesTheRowAloneWhenTheReducerThrows) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .reduce({.store = "rows", .on_error = ErrorPolicy::kSkip},
                [](const std::string& left, const std::string& right) {
                  if (right == "bad") throw std::runtime_error("bad");
                  return left + right;
                })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1 a:bad@9 a:y@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:x@1 a:xy@2");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

}  // namespace
}  // namespace weir
