#include <weir/ml/sketches/space_saving.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::ml {
namespace space_saving_test {

using Truth = std::map<std::string, std::uint64_t>;

Bytes bytes_of(const SpaceSaving& sketch) {
  Bytes bytes;
  sketch.serialise(bytes);
  return bytes;
}

void expect_bounds(const SpaceSaving& sketch, const Truth& truth) {
  std::uint64_t total = 0;
  for (const auto& [item, count] : truth) total += count;
  ASSERT_EQ(sketch.total(), total);
  ASSERT_LE(sketch.max_error() * sketch.counters(), total);
  for (const auto& [item, count] : truth) {
    const auto counted = sketch.find(item);
    if (!counted) {
      ASSERT_LE(count, sketch.max_error()) << item;
      ASSERT_LE(count * sketch.counters(), total) << item;
      continue;
    }
    ASSERT_GE(counted->count, count) << item;
    ASSERT_LE(counted->count - counted->error, count) << item;
    ASSERT_LE(counted->error * sketch.counters(), total) << item;
  }
  ASSERT_LE(sketch.size(), sketch.counters());
}

TEST(SpaceSaving, IsExactWhileThereAreCounters) {
  SpaceSaving sketch(3);
  for (const char* item : {"b", "a", "b", "c", "b", "a"}) sketch.add(item);
  EXPECT_EQ(sketch.top(2), (std::vector<SpaceSaving::Counted>{{"b", 3, 0}, {"a", 2, 0}}));
  EXPECT_EQ(sketch.max_error(), 0U);
  EXPECT_EQ(sketch.find("d"), std::nullopt);
}

TEST(SpaceSaving, ReusesTheCounterThatCountedLeast) {
  SpaceSaving sketch(2);
  for (const char* item : {"a", "a", "b", "c"}) sketch.add(item);
  EXPECT_EQ(sketch.top(9), (std::vector<SpaceSaving::Counted>{{"a", 2, 0}, {"c", 2, 1}}));
  EXPECT_EQ(sketch.max_error(), 1U);
}

TEST(SpaceSaving, KeepsItsBoundsMergedOrNot) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 chance(seed);
  for (int round = 0; round < 150; ++round) {
    const std::size_t counters = 1 + chance() % 20;
    std::vector<SpaceSaving> parts(1 + chance() % 4, SpaceSaving(counters));
    Truth truth;
    Truth of_first;
    for (unsigned i = chance() % 400; i-- > 0;) {
      // Some items come often.
      const unsigned item = chance() % (1 + chance() % 60);
      const std::uint64_t count = chance() % 4;
      const std::size_t part = chance() % parts.size();
      parts[part].add(std::to_string(item), count);
      truth[std::to_string(item)] += count;
      if (part == 0) of_first[std::to_string(item)] += count;
      if (chance() % 30 == 0) parts[part] = *SpaceSaving::parse(bytes_of(parts[part]));
    }
    expect_bounds(parts[0], of_first);
    for (std::size_t i = 1; i < parts.size(); ++i) ASSERT_TRUE(parts[0].merge(parts[i]).ok());
    expect_bounds(parts[0], truth);
    for (int i = 0; i < 50; ++i) {
      const std::string item = std::to_string(chance() % 80);
      parts[0].add(item);
      ++truth[item];
    }
    expect_bounds(parts[0], truth);
    ASSERT_TRUE(SpaceSaving::parse(bytes_of(parts[0])).ok());
  }
}

TEST(SpaceSaving, RefusesToMergeOtherSizes) {
  SpaceSaving sketch(4);
  EXPECT_EQ(sketch.merge(SpaceSaving(5)).message(), "SpaceSaving: 4 and 5 counters cannot be merged");
}

}  // namespace space_saving_test
}  // namespace weir::ml
