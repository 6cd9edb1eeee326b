#include <weir/state/slice_store.h>

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/state/byte_queryable.h>

#include "state_fixture.h"

namespace weir {
namespace {

using std::chrono::milliseconds;

using Store = SliceStore<std::string, std::string>;

class SliceStoreTest : public testing::StateTest {
 protected:
  void SetUp() override {
    open({slice_store_spec<std::string, std::string>("s", "windows of 30 ms by 10 ms", milliseconds(100),
                                                     milliseconds(30), {.persistent = persistent()})});
  }
  Store& s() { return store<Store>("s"); }

  // Appends to a piece. Returns whether the store took it.
  bool add(const std::string& key, Timestamp from, Timestamp slice, const std::string& text,
           const RecordInfo* cause = nullptr) {
    return s().modify(
               key, from, slice, slice,
               [&](std::optional<Store::Row>& row) {
                 if (!row) row.emplace(Store::Row{"", slice});
                 row->value += text;
               },
               {}, cause) != nullptr;
  }
  // Returns the pieces of a key that count in windows with first <= start <= last.
  std::string visited(const std::string& key, Timestamp first, Timestamp last) {
    std::string out;
    s().visit(key, first, last, [&](Timestamp from, Timestamp slice, const Store::Row& row) {
      out += (out.empty() ? "" : " ") + std::to_string(from) + "-" + std::to_string(slice) + ":" + row.value;
    });
    return out;
  }
  std::string window(Timestamp start) {
    std::string out;
    s().visit_window(start, start + 29, [&](BytesView key, const Store::Row& row) {
      out += (out.empty() ? "" : " ") + std::string(key) + ":" + row.value;
    });
    return out;
  }
};

INSTANTIATE_TEST_SUITE_P(Storage, SliceStoreTest, ::testing::Bool(), testing::storage_name);

TEST_P(SliceStoreTest, FindsNothingInAnEmptyStore) {
  EXPECT_EQ(visited("a", 0, 1000), "");
  EXPECT_EQ(window(0), "");
  EXPECT_TRUE(s().slices(0, 100, 200).empty());
}

TEST_P(SliceStoreTest, GivesAWindowThePiecesThatCountInIt) {
  EXPECT_TRUE(add("a", 0, 20, "x"));
  EXPECT_TRUE(add("a", 20, 20, "late"));
  EXPECT_TRUE(add("aa", 0, 20, "other"));
  EXPECT_TRUE(add("a", 20, 40, "y"));
  EXPECT_TRUE(add("a", 0, 20, "z"));
  for (const char* when : {"uncommitted", "committed", "restored"}) {
    SCOPED_TRACE(when);
    EXPECT_EQ(visited("a", 0, 0), "0-20:xz");
    EXPECT_EQ(visited("a", 10, 10), "0-20:xz");
    EXPECT_EQ(visited("a", 20, 20), "0-20:xz 20-20:late 20-40:y");
    EXPECT_EQ(visited("a", 30, 30), "20-40:y");
    EXPECT_EQ(visited("a", 10, 30), "0-20:xz 20-20:late 20-40:y");
    EXPECT_EQ(visited("a", 50, 60), "");
    EXPECT_EQ(window(10), "a:xz aa:other");
    // By bucket, then by key.
    EXPECT_EQ(window(20), "a:xz a:late aa:other a:y");
    EXPECT_EQ(s().slices(0, 10, 39), (std::vector<Timestamp>{20}));
    EXPECT_EQ(s().slices(20, 40, 69), (std::vector<Timestamp>{20, 40}));
    commit();
    if (when == std::string("committed")) reopen();
  }
}

TEST_P(SliceStoreTest, RefusesWhatIsExpiredAndGivesItBackAtTheCommit) {
  EXPECT_TRUE(add("a", 0, 20, "x"));
  commit();
  EXPECT_TRUE(add("a", 200, 220, "y"));
  EXPECT_FALSE(s().accepts(120));
  EXPECT_TRUE(s().accepts(121));
  EXPECT_FALSE(add("a", 110, 120, "z"));
  // What changed since the last commit is still told of whole.
  EXPECT_EQ(visited("a", 0, 220), "0-20:x 200-220:y");
  commit();
  EXPECT_EQ(visited("a", 0, 220), "200-220:y");
}

TEST_P(SliceStoreTest, ForgetsWhatIsDropped) {
  EXPECT_TRUE(add("a", 0, 20, "x"));
  commit();
  EXPECT_TRUE(add("a", 0, 20, "y"));
  EXPECT_TRUE(add("a", 900, 900, "z"));
  task_->drop();
  EXPECT_EQ(visited("a", 0, 1000), "0-20:x");
  EXPECT_EQ(s().observed_time(), 20);
}

TEST_P(SliceStoreTest, TellsOfAllChangesAtOnceInTheOrderOfTheLast) {
  std::vector<std::string> told;
  s().on_commit({.before = true}, [&](const std::vector<Store::Changed>& changed) {
    std::string all;
    for (const Store::Changed& piece : changed) {
      all += piece.key + std::to_string(piece.from) + "-" + std::to_string(piece.slice) + ":" +
             (piece.before ? piece.before->value : "none") + "@" + std::to_string(piece.origin.offset) + " ";
    }
    told.push_back(all);
  });
  const Origin origins[] = {{{}, 0, 0}, {{}, 0, 1}, {{}, 0, 2}};
  const auto cause = [&](int n) { return RecordInfo{0, kNoHeaders, origins[n]}; };
  const RecordInfo first = cause(0);
  const RecordInfo second = cause(1);
  const RecordInfo third = cause(2);
  add("a", 0, 20, "x", &first);
  add("b", 0, 20, "y", &second);
  add("a", 0, 20, "z", &third);
  commit();
  add("a", 0, 20, "w", &first);
  commit();
  commit();
  EXPECT_EQ(told, (std::vector<std::string>{"b0-20:none@1 a0-20:none@2 ", "a0-20:xz@0 "}));
}

TEST_P(SliceStoreTest, IsReadAsKeySliceAndFirstWindow) {
  add("a", 10, 20, "x");
  Bytes expected = "a";
  put_big_endian(std::int64_t{20}, expected);
  put_big_endian(std::int64_t{10}, expected);
  Bytes found;
  ASSERT_TRUE(dynamic_cast<ByteQueryable&>(s())
                  .for_each({}, {}, [&](BytesView key, BytesView, Timestamp) { found = Bytes(key); })
                  .ok());
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace weir
