#include <weir/operators/unlimited_windows.h>

#include <string>

#include <gtest/gtest.h>

#include <weir/operators/group_by.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/windowed_by.h>

#include "support/records.h"

namespace weir {
namespace {

TEST(Unlimited, TakesEverythingFromItsStartOn) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(unlimited({.start = 10}))
        .reduce({.store = "rows"},
                [](const std::string& left, const std::string& right) { return left + right; })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:a@5 a:b@10 a:c@1000000 a:d@11");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::string>("out")),
            "a[10,?):b@10 a[10,?):bc@1000000 a[10,?):bcd@1000000");
  EXPECT_EQ(driver.driver().counters().dropped_total(), 0U);
}

TEST(Unlimited, CannotStartBeforeTheEpoch) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    static_cast<void>(builder.stream<std::string, std::string>("in")
                          .group_by_key()
                          .windowed_by(unlimited({.start = -1}))
                          .count({.store = "counts"}));
  });
  EXPECT_NE(problems.find("cannot start before 0"), std::string::npos) << problems;
}

}  // namespace
}  // namespace weir
