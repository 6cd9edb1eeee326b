#include <weir/core/partition_buffer.h>

#include <gtest/gtest.h>

#include "list_reader.h"

namespace weir {
namespace {

using test::ListPartition;
using test::ListReader;

struct Fixture {
  std::shared_ptr<ListPartition> partition = std::make_shared<ListPartition>();
  PartitionBuffer buffer{{"in", 3}, std::make_unique<ListReader>(TopicPartition{"in", 3}, partition)};

  void add(int records) {
    for (int i = 0; i < records; ++i) partition->add("k", std::to_string(partition->next_offset), 0);
  }
};

TEST(PartitionBuffer, IsEmptyAtFirst) {
  const Fixture fixture;
  EXPECT_TRUE(fixture.buffer.empty());
  EXPECT_EQ(fixture.buffer.size(), 0u);
  EXPECT_EQ(fixture.buffer.where(), (TopicPartition{"in", 3}));
}

TEST(PartitionBuffer, GivesRecordsInOffsetOrder) {
  Fixture fixture;
  fixture.add(20);
  EXPECT_EQ(fixture.buffer.fill({8}), 8u);
  for (int i = 0; i < 20; ++i) {
    ASSERT_FALSE(fixture.buffer.empty());
    EXPECT_EQ(fixture.buffer.front().offset, i);
    EXPECT_EQ(fixture.buffer.front().value, std::to_string(i));
    fixture.buffer.pop();
    fixture.buffer.fill({8});
  }
  EXPECT_TRUE(fixture.buffer.empty());
}

TEST(PartitionBuffer, TakesNoMoreThanItsCapacity) {
  Fixture fixture;
  fixture.add(100);
  EXPECT_EQ(fixture.buffer.fill({8}), 8u);
  EXPECT_EQ(fixture.buffer.size(), 8u);
  // Only once a good part is gone does it ask again.
  for (int i = 0; i < 5; ++i) fixture.buffer.pop();
  EXPECT_EQ(fixture.buffer.fill({8}), 0u);
  fixture.buffer.pop();
  EXPECT_EQ(fixture.buffer.fill({8}), 6u);
  EXPECT_EQ(fixture.buffer.size(), 8u);
  EXPECT_EQ(fixture.buffer.front().offset, 6);
}

TEST(PartitionBuffer, FillsEvenWithACapacityOfOne) {
  Fixture fixture;
  fixture.add(2);
  EXPECT_EQ(fixture.buffer.fill({1}), 1u);
  EXPECT_EQ(fixture.buffer.fill({1}), 0u);
  fixture.buffer.pop();
  EXPECT_EQ(fixture.buffer.fill({1}), 1u);
  EXPECT_EQ(fixture.buffer.front().offset, 1);
}

TEST(PartitionBuffer, IsCaughtUpOnceTheBrokerSaidSo) {
  Fixture fixture;
  EXPECT_FALSE(fixture.buffer.caught_up());  // it has not answered yet
  fixture.partition->known_end = 0;
  EXPECT_TRUE(fixture.buffer.caught_up());
  fixture.add(1);
  EXPECT_FALSE(fixture.buffer.caught_up());
  fixture.buffer.fill({8});
  EXPECT_TRUE(fixture.buffer.caught_up());
}

TEST(PartitionBuffer, WithoutAReaderHasOnlyWhatIsAdded) {
  PartitionBuffer buffer({"in", 0}, nullptr);
  EXPECT_TRUE(buffer.caught_up());
  EXPECT_EQ(buffer.fill({8}), 0u);
  buffer.add(to_raw({.key = "a", .value = "x", .timestamp = 5, .offset = 7}));
  EXPECT_EQ(buffer.size(), 1u);
  EXPECT_EQ(buffer.front().offset, 7);
  EXPECT_EQ(buffer.front().key, "a");
}

// Which records are still held, told by their owners.
struct Counted {
  static constexpr RawRecord::Backing kBacking{[](void* owner) noexcept { --*static_cast<int*>(owner); },
                                               nullptr};
  static RawRecord make(int& alive) {
    ++alive;
    return RawRecord(&kBacking, &alive);
  }
};

TEST(PartitionBuffer, GivesMemoryBackRecordByRecord) {
  int alive = 0;
  PartitionBuffer buffer({"in", 0}, nullptr);
  for (int i = 0; i < 3; ++i) buffer.add(Counted::make(alive));
  EXPECT_EQ(alive, 3);
  buffer.pop();
  EXPECT_EQ(alive, 2);
  buffer.pop();
  buffer.pop();
  EXPECT_EQ(alive, 0);
  EXPECT_TRUE(buffer.empty());
}

TEST(PartitionBuffer, ResetForgetsRecordsAndReadsOnFromAnotherReader) {
  int alive = 0;
  Fixture fixture;
  fixture.add(4);
  fixture.buffer.fill({8});
  fixture.buffer.add(Counted::make(alive));
  fixture.buffer.pop();
  const auto other = std::make_shared<ListPartition>();
  other->next_offset = other->position = 40;
  other->add("k", "forty", 0);
  fixture.buffer.reset(std::make_unique<ListReader>(TopicPartition{"in", 3}, other));
  EXPECT_EQ(alive, 0);
  EXPECT_FALSE(fixture.partition->reader_is_alive);
  EXPECT_TRUE(fixture.buffer.empty());
  fixture.buffer.fill({8});
  EXPECT_EQ(fixture.buffer.front().offset, 40);
}

TEST(OwnedRecord, BecomesARawRecordThatOwnsItsBytes) {
  const std::string long_text(1000, 'x');
  RawRecord raw;
  {
    OwnedRecord record{.key = std::nullopt,
                       .value = long_text,
                       .timestamp = 9,
                       .headers = {{"h", "1"}, {"h", std::nullopt}},
                       .offset = 4};
    raw = to_raw(record);
    record.value = "changed";
  }
  EXPECT_FALSE(raw.key.has_value());
  EXPECT_EQ(raw.value, long_text);
  EXPECT_EQ(raw.timestamp, 9);
  EXPECT_EQ(raw.offset, 4);
  Headers headers;
  raw.read_headers(headers);
  EXPECT_EQ(headers, (Headers{{"h", "1"}, {"h", std::nullopt}}));
}

TEST(PartitionBuffer, TakesNoMoreBytesThanItMay) {
  Fixture fixture;
  for (int i = 0; i < 100; ++i) fixture.partition->add("k", std::string(1000, 'v'), 0);
  const BufferLimit limit{.records = 100, .bytes = 10'000};
  EXPECT_EQ(fixture.buffer.fill(limit), 2U);  // not knowing how large they are
  EXPECT_GT(fixture.buffer.size_bytes(), 2000U);
  fixture.buffer.pop();
  EXPECT_EQ(fixture.buffer.fill(limit), 8U);
  EXPECT_LE(fixture.buffer.size_bytes(), limit.bytes);
  while (!fixture.buffer.empty()) fixture.buffer.pop();
  EXPECT_EQ(fixture.buffer.size_bytes(), 0U);
}

TEST(PartitionBuffer, ARecordLargerThanTheLimitComesAlone) {
  Fixture fixture;
  for (int i = 0; i < 3; ++i) fixture.partition->add("k", std::string(50'000, 'v'), 0);
  const BufferLimit limit{.records = 100, .bytes = 10'000};
  EXPECT_EQ(fixture.buffer.fill(limit), 2U);
  EXPECT_EQ(fixture.buffer.fill(limit), 0U);
  fixture.buffer.pop();
  fixture.buffer.pop();
  EXPECT_EQ(fixture.buffer.fill(limit), 1U);
}

}  // namespace
}  // namespace weir
