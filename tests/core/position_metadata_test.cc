#include <weir/core/position_metadata.h>

#include <limits>

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(PositionMetadata, GivesBackWhatWasAdded) {
  const NamedTimes times{{"stream-time", 7},
                         {"partition-time/in topic/3", -1},
                         {"time/100% = \xc3\xa4 \n", std::numeric_limits<Timestamp>::max()},
                         {"", 0}};
  std::string text;
  for (const auto& [name, time] : times) ASSERT_TRUE(add_time(name, time, text));
  EXPECT_EQ(times_in(text), times) << text;
  for (const char c : text) EXPECT_TRUE(c >= ' ' && c < '\x7f');
}

TEST(PositionMetadata, AddsNothingBeyondTheLimit) {
  std::string text;
  ASSERT_TRUE(add_time("a", 1, text, 20));
  const std::string before = text;
  EXPECT_FALSE(add_time("a long name that does not fit", 2, text, 20));
  EXPECT_EQ(text, before);
  EXPECT_TRUE(add_time("b", 2, text, 20));
  EXPECT_LE(text.size(), 20U);
  std::string none;
  EXPECT_FALSE(add_time("name", 1, none, 5));
  EXPECT_EQ(none, "");
}

TEST(PositionMetadata, FindsNothingInTextOfOthers) {
  for (const char* text : {"", "AQAAAYuK", "weir", "weir2 a=1", "weir1a=1", "weir1 a",
                           "weir1 a=", "weir1 a=x", "weir1 a=1 b", "weir1 %=1", "weir1 %4=1", "weir1 %zz=1",
                           "weir1 a=99999999999999999999", "weir1 a=1x", "weir1  a=1"}) {
    EXPECT_TRUE(times_in(text).empty()) << text;
  }
}

}  // namespace
}  // namespace weir
