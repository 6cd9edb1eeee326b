#include <weir/operators/merge.h>

#include <string>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/group_by.h>
#include <weir/operators/select_key.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

TEST(Merge, TakesRecordsOfBothInOrderOfArrival) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto left = builder.stream<std::string, std::string>("left");
    left.merge(builder.stream<std::string, std::string>("right")).to("out");
  });
  driver.feed<std::string, std::string>("left", "a:x@5");
  driver.feed<std::string, std::string>("right", "b:y@3");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:x@5 b:y@3");
}

TEST(Merge, RepartitionsIfTheKeysOfEitherWereChanged) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto left = builder.stream<std::string, std::string>("left");
    const auto right =
        builder.stream<std::string, std::string>("right").select_key([](const std::string& v) { return v; });
    left.merge(right).group_by_key().count({.store = "counts"}).to_stream().to("out");
  });
  driver.feed<std::string, std::string>("left", "a:x@1");
  driver.feed<std::string, std::string>("right", "b:a@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@1 a:2@2");
  EXPECT_NE(driver.description().find("counts-repartition"), std::string::npos);
}

TEST(Merge, OfTwoBuildersIsAProblem) {
  StreamBuilder other;
  const auto stranger = other.stream<std::string, std::string>("right");
  const std::string problems = problems_of([&](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("left").merge(stranger).to("out");
  });
  EXPECT_NE(problems.find("two builders"), std::string::npos) << problems;
  EXPECT_NE(problems.find("merge_test.cc"), std::string::npos) << problems;
}

}  // namespace
}  // namespace weir
