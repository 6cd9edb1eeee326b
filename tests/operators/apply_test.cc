#include <string>

#include <gtest/gtest.h>

#include <weir/operators/filter.h>
#include <weir/operators/map_values.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

// A family of verbs of one's own: a function from stream to stream.
auto doubled_if_positive() {
  return [](const auto& stream) {
    return stream.filter([](std::int64_t value) { return value > 0; }).map_values([](std::int64_t value) {
      return value * 2;
    });
  };
}

TEST(Apply, BringsVerbsIntoTheChainThatWeirDoesNotKnow) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in").apply(doubled_if_positive()).to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:-1@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:2@1");
}

}  // namespace
}  // namespace weir
