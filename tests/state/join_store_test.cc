#include <weir/state/join_store.h>

#include <chrono>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "state_fixture.h"

namespace weir {
namespace {

using std::chrono::milliseconds;

using Store = JoinStore<std::string, std::string>;

// Returns "key[time]:value ...".
template <class Cursor>
std::string text_of(Cursor cursor) {
  std::string out;
  while (cursor.next()) {
    if (!out.empty()) out += ' ';
    out += cursor.key() + '[' + std::to_string(cursor.time()) + "]:" + cursor.value();
  }
  return out;
}

template <class T>
Bytes big_endian(T value) {
  Bytes bytes;
  put_big_endian(value, bytes);
  return bytes;
}

class JoinStoreTest : public testing::StateTest {
 protected:
  void SetUp() override {
    open({join_store_spec<std::string, std::string>("j", milliseconds(100), milliseconds(30),
                                                    {.persistent = persistent()})});
  }
  Store& j() { return store<Store>("j"); }
  // Returns "time:value ..." as visited.
  std::string visited(const std::string& key, Timestamp from, Timestamp to) {
    std::string out;
    j().visit(key, from, to, [&](Timestamp time, const std::string& value) {
      if (!out.empty()) out += ' ';
      out += std::to_string(time) + ':' + value;
    });
    return out;
  }
};

INSTANTIATE_TEST_SUITE_P(Storage, JoinStoreTest, ::testing::Bool(), testing::storage_name);

TEST_P(JoinStoreTest, FindsNothingInAnEmptyStore) {
  EXPECT_EQ(visited("a", 0, 1000), "");
  EXPECT_EQ(text_of(j().all()), "");
  EXPECT_EQ(j().observed_time(), kNoTimestamp);
}

TEST_P(JoinStoreTest, KeepsRowsOfOneTimeInTheOrderOfArrival) {
  EXPECT_TRUE(j().put("a", 20, "z"));
  EXPECT_TRUE(j().put("a", 20, "y"));
  EXPECT_TRUE(j().put("a", 10, "x"));
  EXPECT_TRUE(j().put("ab", 20, "other"));
  EXPECT_TRUE(j().put("a", 50, "w"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(visited("a", 0, 100), "10:x 20:z 20:y 50:w");
    EXPECT_EQ(visited("a", 11, 49), "20:z 20:y");
    EXPECT_EQ(visited("a", 20, 20), "20:z 20:y");
    EXPECT_EQ(visited("a", 21, 49), "");
    EXPECT_EQ(text_of(j().fetch("a", 0, 100)), "a[10]:x a[20]:z a[20]:y a[50]:w");
    EXPECT_EQ(text_of(j().reverse_fetch("a", 10, 20)), "a[20]:y a[20]:z a[10]:x");
    EXPECT_EQ(text_of(j().fetch_range("ab", "b", 0, 100)), "ab[20]:other");
    commit();
  }
  reopen();
  EXPECT_EQ(visited("a", 0, 100), "10:x 20:z 20:y 50:w");
  EXPECT_EQ(text_of(j().all()), "a[10]:x a[20]:z a[20]:y ab[20]:other a[50]:w");
}

TEST_P(JoinStoreTest, LogsRowsWithKafkasKey) {
  EXPECT_TRUE(j().put("A", 12, "x"));
  EXPECT_TRUE(j().put("A", 12, "x"));
  commit();
  ASSERT_EQ(changelog_.entries.size(), 2u);
  EXPECT_EQ(changelog_.entries[0].key, "A" + big_endian(std::int64_t{12}) + big_endian(1));
  EXPECT_EQ(changelog_.entries[1].key, "A" + big_endian(std::int64_t{12}) + big_endian(2));
  EXPECT_EQ(changelog_.entries[0].timestamp, 12);
}

TEST_P(JoinStoreTest, NeverOverwritesARowOfAnEarlierLife) {
  EXPECT_TRUE(j().put("a", 10, "1"));
  commit();
  EXPECT_TRUE(j().put("a", 10, "lost"));
  task_->drop();
  EXPECT_TRUE(j().put("a", 10, "2"));
  commit();
  reopen();
  EXPECT_TRUE(j().put("a", 10, "3"));
  EXPECT_EQ(visited("a", 0, 100), "10:1 10:2 10:3");
  commit();
  reopen();
  EXPECT_TRUE(j().put("a", 10, "4"));
  commit();
  EXPECT_EQ(visited("a", 0, 100), "10:1 10:2 10:3 10:4");
}

TEST_P(JoinStoreTest, RowsExpireByTheStoresOwnClock) {
  EXPECT_TRUE(j().put("a", 10, "x"));
  EXPECT_TRUE(j().put("a", 11, "y"));
  commit();
  EXPECT_TRUE(j().put("b", 110, "z"));
  EXPECT_EQ(visited("a", 0, 200), "11:y");
  EXPECT_FALSE(j().put("a", 10, "late"));
  EXPECT_TRUE(j().put("a", 11, "in time"));
  EXPECT_EQ(visited("a", 0, 200), "11:y 11:in time");
  j().advance(1000);
  EXPECT_EQ(visited("a", 0, 2000), "");
  task_->drop();
  EXPECT_EQ(j().observed_time(), 11);
  EXPECT_EQ(visited("a", 0, 200), "10:x 11:y");
}

TEST_P(JoinStoreTest, WhatExpiresBeforeItsCommitIsNotWritten) {
  EXPECT_TRUE(j().put("a", 10, "x"));
  EXPECT_TRUE(j().put("b", 110, "y"));
  EXPECT_TRUE(j().put("a", 120, "z"));
  commit();
  ASSERT_EQ(changelog_.entries.size(), 2u);
  EXPECT_EQ(changelog_.entries[0].value, "y");
  EXPECT_EQ(visited("a", 0, 200), "120:z");
  reopen();
  EXPECT_EQ(j().observed_time(), 120);
  EXPECT_TRUE(j().put("a", 120, "later"));
  EXPECT_EQ(visited("a", 0, 200), "120:z 120:later");
}

TEST_P(JoinStoreTest, AVisitOfTimesAfterTheCommitFindsOnlyWhatCameSince) {
  EXPECT_TRUE(j().put("a", 50, "x"));
  commit();
  EXPECT_TRUE(j().put("a", 51, "y"));
  EXPECT_EQ(visited("a", 51, 60), "51:y");
  EXPECT_EQ(visited("a", 50, 60), "50:x 51:y");
  task_->drop();
  EXPECT_EQ(visited("a", 50, 60), "50:x");
}

TEST_P(JoinStoreTest, WithoutRetentionNothingIsKept) {
  open({join_store_spec<std::string, std::string>("none", milliseconds(0), milliseconds(-1),
                                                  {.persistent = persistent()})});
  auto& none = store<Store>("none");
  EXPECT_FALSE(none.put("a", 10, "x"));
  EXPECT_EQ(text_of(none.all()), "");
}

TEST_P(JoinStoreTest, AVisitorMayWriteAndVisit) {
  EXPECT_TRUE(j().put("a", 10, "1"));
  commit();
  EXPECT_TRUE(j().put("a", 10, "2"));
  std::string seen;
  j().visit("a", 0, 100, [&](Timestamp, const std::string& value) {
    EXPECT_TRUE(j().put("a", 10, "more"));
    std::size_t inner = 0;
    j().visit("a", 0, 100, [&](Timestamp, const std::string&) { ++inner; });
    seen += value + std::to_string(inner) + ' ';
  });
  EXPECT_EQ(seen, "13 24 ");
}

TEST_P(JoinStoreTest, ACursorSeesWhatWasThereWhenItWasMade) {
  EXPECT_TRUE(j().put("a", 10, "1"));
  commit();
  EXPECT_TRUE(j().put("a", 20, "2"));
  auto cursor = j().fetch("a", 0, 100);
  EXPECT_TRUE(j().put("a", 30, "3"));
  commit();
  EXPECT_EQ(text_of(std::move(cursor)), "a[10]:1 a[20]:2");
}

TEST_P(JoinStoreTest, FindsRowsOfLongKeysAndValues) {
  const std::string key(100, 'k');
  const std::string value(1000, 'v');
  EXPECT_TRUE(j().put(key, 10, value));
  EXPECT_TRUE(j().put(key + 'k', 10, "other"));
  EXPECT_TRUE(j().put(std::string(99, 'k'), 10, "other"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(visited(key, 0, 100), "10:" + value);
    commit();
  }
}

}  // namespace
}  // namespace weir
