#include <weir/core/embedded/log.h>

#include <string>

#include <gtest/gtest.h>

namespace weir::embedded {
namespace {

std::string keys(const std::vector<RawRecord>& records) {
  std::string text;
  for (const RawRecord& record : records) text += record.key ? std::string(*record.key) : "-";
  return text;
}

TEST(Log, KeepsFetchedBytesAfterItIsGone) {
  std::vector<RawRecord> records;
  {
    Log log;
    Headers headers{{"name", "content"}};
    std::string encoded;
    encode_headers(headers, encoded);
    for (int index = 0; index < 3000; ++index) {
      const std::string key = std::to_string(index);
      log.append({key, std::string(100, 'v'), encoded, index});
    }
    EXPECT_EQ(log.fetch(0, 5000, Isolation::kReadUncommitted, records), 3000);
    log.trim(2999);
  }
  ASSERT_EQ(records.size(), 3000U);
  for (std::size_t index = 0; index < records.size(); ++index) {
    EXPECT_EQ(*records[index].key, std::to_string(index));
    EXPECT_EQ(*records[index].value, std::string(100, 'v'));
    EXPECT_EQ(records[index].offset, static_cast<Offset>(index));
    Headers headers;
    records[index].read_headers(headers);
    EXPECT_EQ(headers, (Headers{{"name", "content"}}));
  }
}

TEST(Log, FetchesInPiecesWithoutGapOrRepetition) {
  Log log;
  for (int index = 0; index < 5000; ++index) log.append({std::to_string(index), {}, {}, 0});
  Offset position = 0;
  std::vector<RawRecord> records;
  for (std::size_t size = 1; position < log.end(); size = size * 7 % 113) {
    const std::size_t before = records.size();
    position = log.fetch(position, size, Isolation::kReadUncommitted, records);
    ASSERT_EQ(records.size() - before, std::min(size, 5000 - before));
  }
  for (std::size_t index = 0; index < records.size(); ++index)
    EXPECT_EQ(*records[index].key, std::to_string(index));
}

TEST(Log, HoldsARecordLargerThanAnyChunk) {
  Log log;
  const std::string huge(5'000'000, 'h');
  log.append({"a", "small", {}, 0});
  log.append({"b", huge, {}, 0});
  log.append({"c", "small", {}, 0});
  std::vector<RawRecord> records;
  log.fetch(0, 10, Isolation::kReadUncommitted, records);
  EXPECT_EQ(keys(records), "abc");
  EXPECT_EQ(*records[1].value, huge);
}

TEST(Log, TellsNullFromEmpty) {
  Log log;
  log.append({std::nullopt, std::nullopt, {}, 0});
  log.append({"", "", {}, 0});
  log.append({std::nullopt, "v", {}, 0});
  std::vector<RawRecord> records;
  log.fetch(0, 10, Isolation::kReadUncommitted, records);
  EXPECT_FALSE(records[0].key || records[0].value);
  EXPECT_EQ(records[1].key, NullableBytes(""));
  EXPECT_EQ(records[1].value, NullableBytes(""));
  EXPECT_FALSE(records[2].key);
  EXPECT_EQ(records[2].value, NullableBytes("v"));
}

TEST(Log, KeepsHeadersInOrderWithRepeatedNamesAndNullValues) {
  const Headers headers{{"a", "1"}, {"a", std::nullopt}, {"", ""}, {"b", std::string("\0x", 2)}};
  std::string encoded;
  encode_headers(headers, encoded);
  Log log;
  log.append({std::nullopt, std::nullopt, encoded, 0});
  std::vector<RawRecord> records;
  log.fetch(0, 1, Isolation::kReadUncommitted, records);
  Headers decoded;
  records[0].read_headers(decoded);
  EXPECT_EQ(decoded, headers);
}

TEST(Log, HoldsTheStableEndAtTheFirstOpenTransaction) {
  Log log;
  log.append({"a", {}, {}, 0});
  EXPECT_TRUE(log.open(1));
  EXPECT_FALSE(log.open(1));
  log.append({"b", {}, {}, 0}, 1, true);
  log.open(2);
  log.append({"c", {}, {}, 0}, 2, true);
  EXPECT_EQ(log.stable_end(), 1);
  log.settle(2, true, 0);
  EXPECT_EQ(log.stable_end(), 1);
  log.settle(1, false, 0);
  EXPECT_EQ(log.stable_end(), log.end());
  EXPECT_EQ(log.end(), 5);
}

TEST(Log, HidesMarkersFromEverybodyAndAbortedRecordsFromReadCommitted) {
  Log log;
  log.open(1);
  log.append({"a", {}, {}, 0}, 1, true);
  log.append({"b", {}, {}, 0});
  log.settle(1, false, 0);
  std::vector<RawRecord> committed;
  EXPECT_EQ(log.fetch(0, 10, Isolation::kReadCommitted, committed), 3);
  EXPECT_EQ(keys(committed), "b");
  std::vector<RawRecord> all;
  EXPECT_EQ(log.fetch(0, 10, Isolation::kReadUncommitted, all), 3);
  EXPECT_EQ(keys(all), "ab");
}

TEST(Log, MovesThePositionPastTrailingMarkers) {
  Log log;
  log.open(1);
  log.append({"a", {}, {}, 0}, 1, true);
  log.settle(1, true, 0);
  std::vector<RawRecord> records;
  EXPECT_EQ(log.fetch(0, 1, Isolation::kReadCommitted, records), 2);
  EXPECT_EQ(records.size(), 1U);
}

TEST(Log, DoesNothingWhenATransactionHasNothingHere) {
  Log log;
  log.settle(1, true, 0);
  EXPECT_EQ(log.end(), 0);
}

TEST(Log, CompactsToTheLastValueOfEachKeyAtItsOffset) {
  Log log;
  for (const char* key : {"a", "b", "a", "c", "b"}) log.append({key, "v", {}, 0});
  log.compact(0, Duration(100));
  std::vector<RawRecord> records;
  EXPECT_EQ(log.fetch(0, 10, Isolation::kReadUncommitted, records), 5);
  EXPECT_EQ(keys(records), "acb");
  EXPECT_EQ(records[0].offset, 2);
  EXPECT_EQ(log.append({"d", "v", {}, 0}), 5);
}

TEST(Log, FetchesFromAnOffsetThatCompactionRemoved) {
  Log log;
  for (const char* key : {"a", "a", "a", "b"}) log.append({key, "v", {}, 0});
  log.compact(0, Duration(100));
  std::vector<RawRecord> records;
  EXPECT_EQ(log.fetch(1, 10, Isolation::kReadUncommitted, records), 4);
  EXPECT_EQ(keys(records), "ab");
}

TEST(Log, KeepsTombstonesForTheirRetentionAfterTheFirstCompaction) {
  Log log;
  log.append({"a", "v", {}, 0});
  log.append({"a", std::nullopt, {}, 0});
  log.compact(1000, Duration(100));
  log.compact(1099, Duration(100));
  std::vector<RawRecord> records;
  log.fetch(0, 10, Isolation::kReadUncommitted, records);
  EXPECT_EQ(keys(records), "a");
  EXPECT_FALSE(records[0].value);
  log.compact(1100, Duration(100));
  records.clear();
  EXPECT_EQ(log.fetch(0, 10, Isolation::kReadUncommitted, records), 2);
  EXPECT_TRUE(records.empty());
}

TEST(Log, DoesNotLetAbortedOrOpenRecordsReplaceAKeyWhenCompacting) {
  Log log;
  log.append({"a", "kept", {}, 0});
  log.open(1);
  log.append({"a", "aborted", {}, 0}, 1, true);
  log.settle(1, false, 0);
  log.open(2);
  log.append({"a", "open", {}, 0}, 2, true);
  log.compact(0, Duration(0));
  std::vector<RawRecord> records;
  log.fetch(0, 10, Isolation::kReadUncommitted, records);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(*records[0].value, "kept");
  EXPECT_EQ(*records[1].value, "open");
  log.settle(2, false, 0);
  records.clear();
  log.fetch(0, 10, Isolation::kReadCommitted, records);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(*records[0].value, "kept");
}

TEST(Log, ExpiresOnlyTheSettledBeginning) {
  Log log;
  log.append({"a", {}, {}, 10});
  log.append({"b", {}, {}, 30});
  log.append({"c", {}, {}, 10});
  EXPECT_EQ(log.expired_before(20, -1), 1);
  log.open(1);
  log.append({"d", {}, {}, 10}, 1, true);
  EXPECT_EQ(log.expired_before(100, -1), 3);
  EXPECT_EQ(log.expired_before(std::nullopt, 2), 2);
  EXPECT_EQ(log.expired_before(std::nullopt, -1), 0);
}

TEST(Log, StaysReadableAfterItWasTrimmedToItsEnd) {
  Log log;
  for (int index = 0; index < 100; ++index) log.append({"k", {}, {}, 0});
  log.trim(100);
  EXPECT_EQ(log.begin(), 100);
  EXPECT_EQ(log.stable_end(), 100);
  EXPECT_EQ(log.append({"a", {}, {}, 0}), 100);
  std::vector<RawRecord> records;
  EXPECT_EQ(log.fetch(100, 10, Isolation::kReadCommitted, records), 101);
  EXPECT_EQ(keys(records), "a");
  log.trim(50);
  EXPECT_EQ(log.begin(), 100);
}

}  // namespace
}  // namespace weir::embedded
