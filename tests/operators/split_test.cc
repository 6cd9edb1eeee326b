#include <weir/operators/split.h>

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

TEST(Split, TakesTheFirstBranchThatMatches) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto parts = builder.stream<std::string, std::int64_t>("in")
                           .split({.name = "by-size"})
                           .branch("large", [](std::int64_t value) { return value > 100; })
                           .branch("positive", [](std::int64_t value) { return value > 0; })
                           .default_branch("rest");
    parts["large"].to("large");
    parts["positive"].to("positive");
    parts["rest"].to("rest");
    EXPECT_EQ(parts.size(), 3U);
  });
  driver.feed<std::string, std::int64_t>("in", "a:500@1 b:5@2 c:-1@3 d:101@4");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("large")), "a:500@1 d:101@4");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("positive")), "b:5@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("rest")), "c:-1@3");
  EXPECT_NE(driver.description().find("by-size-large"), std::string::npos);
}

TEST(Split, DropsTheRestWithoutADefault) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto parts = builder.stream<std::string, std::int64_t>("in")
                           .split()
                           .branch("even", [](std::int64_t value) { return value % 2 == 0; })
                           .no_default();
    parts["even"].to("even");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:2@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("even")), "b:2@2");
  EXPECT_EQ(driver.processed(), 2U);
}

TEST(Split, SendsARecordWhosePredicateThrowsToNoBranch) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto parts = builder.stream<std::string, std::int64_t>("in")
                           .split({.on_error = ErrorPolicy::kSkip})
                           .branch("picky",
                                   [](std::int64_t value) {
                                     if (value == 1) throw std::runtime_error("one");
                                     return false;
                                   })
                           .default_branch("rest");
    parts["rest"].to("rest");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:2@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("rest")), "b:2@2");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

TEST(Split, ReportsABranchThatIsNotThere) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    const auto parts = builder.stream<std::string, std::int64_t>("in")
                           .split()
                           .branch("even", [](std::int64_t value) { return value % 2 == 0; })
                           .no_default();
    parts["evne"].to("even");
  });
  EXPECT_NE(problems.find("'evne'"), std::string::npos) << problems;
  EXPECT_NE(problems.find("split_test.cc"), std::string::npos) << problems;
}

TEST(Split, ReportsTwoBranchesOfOneName) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    static_cast<void>(builder.stream<std::string, std::int64_t>("in")
                          .split({.name = "twins"})
                          .branch("a", [](std::int64_t) { return true; })
                          .branch("a", [](std::int64_t) { return true; })
                          .no_default());
  });
  EXPECT_NE(problems.find("'twins-a'"), std::string::npos) << problems;
}

}  // namespace
}  // namespace weir
