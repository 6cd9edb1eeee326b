// Both byte stores behind one face.
#include <weir/state/byte_store.h>

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <weir/state/database.h>
#include <weir/state/memory_store.h>
#include <weir/state/resources.h>

#include "state_fixture.h"

namespace weir {
namespace {

class ByteStoreTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      auto opened = open_database(directory_.path(), *make_state_resources({}));
      ASSERT_TRUE(opened.ok()) << opened.status();
      database_ = *std::move(opened);
      ASSERT_TRUE(database_->make_store("s").ok());
      bytes_ = database_->store("s");
    } else {
      memory_ = MemoryStore::make();
      bytes_ = memory_.get();
    }
  }

  void apply() {
    if (memory_ != nullptr) return memory_->apply();
    ASSERT_TRUE(database_->apply().ok());
  }
  void drop() { memory_ != nullptr ? memory_->drop() : database_->drop(); }

  std::string get(BytesView key) {
    Bytes value = "untouched";
    const auto found = bytes_->get(key, value);
    return !found.ok() ? "error" : *found ? value : "-";
  }

  static std::string forward(ByteCursor& cursor) {
    std::string out;
    for (; cursor.valid(); cursor.next()) out += Bytes(cursor.key()) + '=' + Bytes(cursor.value()) + ' ';
    EXPECT_TRUE(cursor.status().ok());
    return out;
  }
  static std::string backward(ByteCursor& cursor) {
    std::string out;
    for (; cursor.valid(); cursor.previous()) out += Bytes(cursor.key()) + '=' + Bytes(cursor.value()) + ' ';
    return out;
  }
  std::string rows(ByteRange range = {}) {
    const auto cursor = bytes_->range(std::move(range));
    cursor->seek_to_first();
    return forward(*cursor);
  }
  void fill() {
    for (const char* key : {"b", "d", "f", "h"}) bytes_->put(key, "1");
    apply();
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<MemoryStore> memory_;
  ByteStore* bytes_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Storage, ByteStoreTest, ::testing::Bool(), testing::storage_name);

TEST_P(ByteStoreTest, ShowsWritesWhenTheyAreApplied) {
  bytes_->put("a", "1");
  EXPECT_EQ(get("a"), "-");
  EXPECT_EQ(rows(), "");
  apply();
  EXPECT_EQ(get("a"), "1");
  bytes_->erase("a");
  bytes_->put("b", "2");
  drop();
  apply();
  EXPECT_EQ(rows(), "a=1 ");
}

TEST_P(ByteStoreTest, AppliesWritesInTheOrderOfTheCalls) {
  bytes_->put("a", "1");
  bytes_->put("b", "1");
  bytes_->erase("a");
  bytes_->erase_range({"a", "c"});
  bytes_->put("b", "2");
  bytes_->put("b", "3");
  bytes_->erase("c");
  apply();
  EXPECT_EQ(rows(), "b=3 ");
}

TEST_P(ByteStoreTest, ErasesRanges) {
  fill();
  bytes_->erase_range({"d", "f"});
  bytes_->erase_range({"z", "a"});
  apply();
  EXPECT_EQ(rows(), "b=1 f=1 h=1 ");
  bytes_->erase_range({"c", std::nullopt});
  apply();
  EXPECT_EQ(rows(), "b=1 ");
  bytes_->erase_range({});
  apply();
  EXPECT_EQ(rows(), "");
  EXPECT_EQ(get("b"), "-");
}

TEST_P(ByteStoreTest, WalksWithinItsRange) {
  fill();
  EXPECT_EQ(rows({"c", "h"}), "d=1 f=1 ");
  EXPECT_EQ(rows({"d", std::nullopt}), "d=1 f=1 h=1 ");
  EXPECT_EQ(rows({"i", std::nullopt}), "");
  EXPECT_EQ(rows({"f", "c"}), "");
  EXPECT_EQ(rows({"d", "d"}), "");
  const auto cursor = bytes_->range({"c", "h"});
  cursor->seek_to_last();
  EXPECT_EQ(backward(*cursor), "f=1 d=1 ");
  const auto open_end = bytes_->range({"e", std::nullopt});
  open_end->seek_to_last();
  EXPECT_EQ(backward(*open_end), "h=1 f=1 ");
}

TEST_P(ByteStoreTest, SeeksWithinItsRange) {
  fill();
  const auto cursor = bytes_->range({"c", "h"});
  EXPECT_FALSE(cursor->valid());
  const auto at = [&]() { return cursor->valid() ? Bytes(cursor->key()) : Bytes("none"); };
  cursor->seek("a");
  EXPECT_EQ(at(), "d");
  cursor->seek("d");
  EXPECT_EQ(at(), "d");
  cursor->seek("e");
  EXPECT_EQ(at(), "f");
  cursor->seek("g");
  EXPECT_EQ(at(), "none");
  cursor->seek("z");
  EXPECT_EQ(at(), "none");
  cursor->seek_back("z");
  EXPECT_EQ(at(), "f");
  cursor->seek_back("f");
  EXPECT_EQ(at(), "f");
  cursor->seek_back("e");
  EXPECT_EQ(at(), "d");
  cursor->seek_back("c");
  EXPECT_EQ(at(), "none");
  cursor->seek_back("a");
  EXPECT_EQ(at(), "none");
}

TEST_P(ByteStoreTest, SeeksNothingInAnEmptyRange) {
  fill();
  for (const ByteRange& range : {ByteRange{"f", "c"}, ByteRange{"x", std::nullopt}, ByteRange{"d", "d"}}) {
    const auto cursor = bytes_->range(range);
    cursor->seek("a");
    EXPECT_FALSE(cursor->valid());
    cursor->seek_back("z");
    EXPECT_FALSE(cursor->valid());
    cursor->seek_to_first();
    EXPECT_FALSE(cursor->valid());
    cursor->seek_to_last();
    EXPECT_FALSE(cursor->valid());
    EXPECT_TRUE(cursor->status().ok());
  }
}

TEST_P(ByteStoreTest, ACursorKeepsWhatItSaw) {
  fill();
  const auto cursor = bytes_->range({});
  cursor->seek_to_first();
  bytes_->erase_range({});
  bytes_->put("c", "2");
  apply();
  EXPECT_EQ(forward(*cursor), "b=1 d=1 f=1 h=1 ");
  EXPECT_EQ(rows(), "c=2 ");
}

TEST_P(ByteStoreTest, ACursorOutlivesItsStore) {
  fill();
  const auto cursor = bytes_->range({"c", std::nullopt});
  memory_.reset();
  database_.reset();
  cursor->seek_to_first();
  EXPECT_EQ(forward(*cursor), "d=1 f=1 h=1 ");
}

TEST_P(ByteStoreTest, EstimatesItsSize) {
  EXPECT_EQ(bytes_->approximate_size(), 0u);
  fill();
  EXPECT_EQ(bytes_->approximate_size(), 4u);
  const auto bytes = bytes_->approximate_bytes();
  bytes_->put("big", std::string(100'000, 'x'));
  apply();
  EXPECT_GE(bytes_->approximate_bytes(), bytes + 100'000);
}

TEST(ByteRange, EndsOfPrefixes) {
  EXPECT_EQ(end_of_prefix("a"), "b");
  EXPECT_EQ(end_of_prefix("a\xff\xff"), "b");
  EXPECT_EQ(end_of_prefix("\x7f"), "\x80");
  EXPECT_EQ(end_of_prefix("\xff"), std::nullopt);
  EXPECT_EQ(end_of_prefix(""), std::nullopt);
  EXPECT_EQ(successor("a"), Bytes("a\0", 2));
}

}  // namespace
}  // namespace weir
