#include <weir/operators/flat_map_values.h>

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

template <class Stream, class Mapper>
concept CanFlatMapValues = requires(const Stream& stream, Mapper mapper) { stream.flat_map_values(mapper); };

static_assert(CanFlatMapValues<KStream<int, int>, decltype([](int n) { return std::vector<int>{n}; })>);
static_assert(
    CanFlatMapValues<KStream<int, int>, decltype([](int) { return std::string("abc"); })>);  // of characters
static_assert(!CanFlatMapValues<KStream<int, int>, decltype([](int n) { return n; })>);      // not a range

std::vector<std::string> letters(const std::string& text) {
  std::vector<std::string> result;
  for (const char letter : text) result.emplace_back(1, letter);
  return result;
}

TEST(FlatMapValues, MakesOneRecordPerElement) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").flat_map_values(letters).to("out");
  });
  driver.feed<std::string, std::string>("in", "k:abc@5");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "k:a@5 k:b@5 k:c@5");
}

TEST(FlatMapValues, MakesNothingOfAnEmptyRangeAndGoesOn) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").flat_map_values(letters).to("out");
  });
  driver.feed<std::string, std::string>("in", "k:@5 k:x@6");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "k:x@6");
  EXPECT_EQ(driver.processed(), 2U);
}

TEST(FlatMapValues, EmitsNothingOfARecordWhoseMapperThrows) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .flat_map_values({.on_error = ErrorPolicy::kSkip},
                         [](const std::string& text) {
                           if (text == "bad") throw std::runtime_error("bad");
                           return letters(text);
                         })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "k:bad@1 k:ok@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "k:o@2 k:k@2");
}

}  // namespace
}  // namespace weir
