// Rows in memory against a map.
#include <weir/state/memory_rows.h>

#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace weir {
namespace {

using Model = std::map<std::string, std::string>;

std::string text(const MemoryRow& row) { return Bytes(row.key()) + '=' + Bytes(row.value()) + ' '; }

std::string text(MemoryRows::Iterator from, MemoryRows::Iterator until) {
  std::string out;
  for (; from != until; ++from) out += text(**from);
  return out;
}

std::string text(Model::const_iterator from, Model::const_iterator until) {
  std::string out;
  for (; from != until; ++from) out += from->first + '=' + from->second + ' ';
  return out;
}

TEST(MemoryRows, FindsWhatWasPut) {
  MemoryRows rows;
  EXPECT_EQ(rows.find("a"), nullptr);
  rows.put("a", "1");
  rows.put("", "");
  ASSERT_NE(rows.find("a"), nullptr);
  EXPECT_EQ(rows.find("a")->value(), "1");
  ASSERT_NE(rows.find(""), nullptr);
  EXPECT_EQ(rows.find("")->value(), "");
  EXPECT_EQ(text(rows.begin(), rows.end()), "= a=1 ");
}

TEST(MemoryRows, ComparesUnsignedBytes) {
  MemoryRows rows;
  for (const BytesView key : {BytesView("\xff", 1), BytesView("\0", 1), BytesView("\x7f", 1), BytesView()})
    rows.put(key, "");
  std::string order;
  for (const MemoryRow* row : rows) order += Bytes(row->key());
  EXPECT_EQ(order, std::string("\0\x7f\xff", 3));
}

TEST(MemoryRows, ValuesGrowAndShrinkInTheirPlace) {
  MemoryRows rows;
  const MemoryRow* row = nullptr;
  for (const std::size_t size : {3U, 8U, 9U, 4000U, 0U, 5000U, 1U}) {
    rows.put("key", Bytes(size, 'v'));
    if (row == nullptr) row = rows.find("key");
    ASSERT_EQ(rows.find("key"), row);
    EXPECT_EQ(row->key(), "key");
    EXPECT_EQ(row->value(), Bytes(size, 'v'));
  }
}

TEST(MemoryRows, CountsWhatRowsTake) {
  MemoryRows rows;
  EXPECT_EQ(rows.bytes(), 0U);
  rows.put("abc", "12345");
  const std::uint64_t one = rows.bytes();
  EXPECT_GE(one, 8U);
  rows.put("abc", "1234567890");
  EXPECT_EQ(rows.bytes(), one + 5);
  rows.put("abc", "");
  EXPECT_EQ(rows.bytes(), one - 5);
  rows.put("xyz", "12345");
  EXPECT_EQ(rows.bytes(), 2 * one - 5);
  rows.erase("abc");
  EXPECT_EQ(rows.bytes(), one);
  rows.erase("nobody");
  rows.erase(rows.begin(), rows.end());
  EXPECT_EQ(rows.bytes(), 0U);
  EXPECT_EQ(rows.size(), 0U);
}

TEST(MemoryRows, ACopyIsItsOwn) {
  MemoryRows rows;
  rows.put("a", "1");
  rows.put("b", "2");
  MemoryRows copy(rows);
  rows.put("a", "longer than it was before");
  rows.erase("b");
  copy.put("c", "3");
  EXPECT_EQ(text(copy.begin(), copy.end()), "a=1 b=2 c=3 ");
  EXPECT_EQ(text(rows.begin(), rows.end()), "a=longer than it was before ");
  EXPECT_EQ(copy.find("a")->value(), "1");
}

TEST(MemoryRows, AreWhatAMapOfThemIs) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  // Long common beginnings, as rows of windows have them, and none.
  const auto some_key = [&] {
    const std::size_t prefix = random() % 3;
    std::string key = prefix == 0 ? "" : prefix == 1 ? "a" : std::string(40, 'p');
    for (std::size_t rest = random() % 3; rest > 0; --rest) key += static_cast<char>(random() % 12 * 21);
    return key;
  };
  MemoryRows rows;
  Model model;
  for (int step = 0; step < 20'000; ++step) {
    const std::string key = some_key();
    switch (random() % 8) {
      case 0:
        rows.erase(key);
        model.erase(key);
        break;
      case 1: {
        std::string until = some_key();
        if (until < key || random() % 16 != 0) break;
        rows.erase(rows.lower_bound(key), rows.lower_bound(until));
        model.erase(model.lower_bound(key), model.lower_bound(until));
        break;
      }
      default: {
        const std::string value(random() % 50, static_cast<char>('a' + random() % 26));
        rows.put(key, value);
        model[key] = value;
      }
    }
    const std::string other = some_key();
    const MemoryRow* found = rows.find(other);
    const auto expected = model.find(other);
    ASSERT_EQ(found != nullptr, expected != model.end()) << step;
    if (found != nullptr) {
      ASSERT_EQ(found->value(), expected->second) << step;
    }
    ASSERT_EQ(rows.size(), model.size()) << step;
    if (step % 100 != 0) continue;
    ASSERT_EQ(text(rows.begin(), rows.end()), text(model.begin(), model.end())) << step;
    ASSERT_EQ(text(rows.lower_bound(other), rows.end()), text(model.lower_bound(other), model.end())) << step;
    ASSERT_EQ(text(rows.begin(), rows.upper_bound(other)), text(model.begin(), model.upper_bound(other)))
        << step;
  }
}

}  // namespace
}  // namespace weir
