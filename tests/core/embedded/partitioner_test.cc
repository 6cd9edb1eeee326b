#include <weir/core/partitioner.h>

#include <string>

#include <gtest/gtest.h>

namespace weir {
namespace {

struct Golden {
  std::string key;
  std::int32_t hash;  // as Java prints it
  Partition of_six;
  Partition of_ten;
};

const Golden kGoldens[] = {
    {"", 275646681, 3, 1},         {"a", -1563381124, 4, 4},      {"A", 1592744578, 4, 8},
    {"abc", 479470107, 3, 7},      {"key-1", 193331640, 0, 0},    {"foobar", -790332482, 0, 6},
    {"user-42", 1459644460, 4, 0}, {"\xc3\xa9", 186971271, 3, 1},
};

TEST(Partitioner, HashesAsTheJavaClientDoes) {
  for (const Golden& golden : kGoldens) {
    EXPECT_EQ(static_cast<std::int32_t>(murmur2(golden.key)), golden.hash) << golden.key;
  }
}

TEST(Partitioner, ClearsTheSignBitBeforeItTakesTheRemainder) {
  for (const Golden& golden : kGoldens) {
    EXPECT_EQ(partition_for_key(golden.key, 6), golden.of_six) << golden.key;
    EXPECT_EQ(partition_for_key(golden.key, 10), golden.of_ten) << golden.key;
  }
}

TEST(Partitioner, PutsEverythingOnTheOnlyPartition) {
  for (const Golden& golden : kGoldens) EXPECT_EQ(partition_for_key(golden.key, 1), 0);
}

TEST(Partitioner, HashesBytesAboveAsciiAsUnsigned) {
  // Each length of the tail, with bytes that would be negative as char.
  EXPECT_NE(murmur2("\xff"), murmur2("\x7f"));
  EXPECT_NE(murmur2("\xff\xff"), murmur2("\xff\x7f"));
  EXPECT_NE(murmur2("\xff\xff\xff"), murmur2("\xff\xff\x7f"));
}

}  // namespace
}  // namespace weir
