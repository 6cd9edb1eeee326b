#include <weir/state/session_store.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/state/byte_queryable.h>

#include "state_fixture.h"

namespace weir {
namespace {

using std::chrono::milliseconds;

using Store = SessionStore<std::string, std::string>;

// Returns "key[start,end]:value@time ...".
template <class Cursor>
std::string text_of(Cursor cursor) {
  std::string out;
  while (cursor.next()) {
    if (!out.empty()) out += ' ';
    out += cursor.key() + '[' + std::to_string(cursor.start()) + ',' + std::to_string(cursor.end_time()) +
           "]:" + cursor.value() + '@' + std::to_string(cursor.timestamp());
  }
  return out;
}

std::string text_of(const std::vector<Store::Session>& sessions) {
  std::string out;
  for (const auto& session : sessions) {
    if (!out.empty()) out += ' ';
    out += session.key + '[' + std::to_string(session.start) + ',' + std::to_string(session.end) +
           "]:" + session.row.value;
  }
  return out;
}

Bytes big_endian(std::int64_t value) {
  Bytes bytes;
  put_big_endian(value, bytes);
  return bytes;
}

class SessionStoreTest : public testing::StateTest {
 protected:
  void SetUp() override {
    open({session_store_spec<std::string, std::string>("s", milliseconds(100), milliseconds(30),
                                                       {.persistent = persistent()})});
  }
  Store& s() { return store<Store>("s"); }
  bool put(const std::string& key, Timestamp start, Timestamp end, const std::string& value) {
    return s().put(key, start, end, value, end);
  }
  std::string row(const std::string& key, Timestamp start, Timestamp end) {
    const auto* found = s().find(key, start, end);
    return found == nullptr ? "-" : found->value + '@' + std::to_string(found->timestamp);
  }
};

INSTANTIATE_TEST_SUITE_P(Storage, SessionStoreTest, ::testing::Bool(), testing::storage_name);

TEST_P(SessionStoreTest, FindsNothingInAnEmptyStore) {
  EXPECT_EQ(row("a", 0, 0), "-");
  EXPECT_EQ(text_of(s().fetch("a")), "");
  EXPECT_EQ(text_of(s().all()), "");
  EXPECT_EQ(text_of(s().find_sessions_all(0, 1000)), "");
  EXPECT_EQ(s().observed_time(), kNoTimestamp);
}

TEST_P(SessionStoreTest, FindsASessionByKeyStartAndEnd) {
  EXPECT_TRUE(put("a", 10, 20, "x"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(row("a", 10, 20), "x@20");
    EXPECT_EQ(row("a", 10, 21), "-");
    EXPECT_EQ(row("a", 9, 20), "-");
    EXPECT_EQ(row("b", 10, 20), "-");
    commit();
  }
  reopen();
  EXPECT_EQ(row("a", 10, 20), "x@20");
}

TEST_P(SessionStoreTest, LogsSessionsWithKafkasKey) {
  EXPECT_TRUE(put("A", 10, 20, "x"));
  commit();
  ASSERT_EQ(changelog_.entries.size(), 1u);
  EXPECT_EQ(changelog_.entries[0].key, "A" + big_endian(20) + big_endian(10));
  EXPECT_EQ(changelog_.entries[0].value, "x");
  EXPECT_EQ(changelog_.entries[0].timestamp, 20);
  EXPECT_TRUE(s().erase("A", 10, 20, 25));
  commit();
  ASSERT_EQ(changelog_.entries.size(), 1u);
  EXPECT_EQ(changelog_.entries[0].value, std::nullopt);
  EXPECT_EQ(changelog_.entries[0].timestamp, 25);
}

TEST_P(SessionStoreTest, FindsTheSessionsThatTouchATimeByEndThenStart) {
  EXPECT_TRUE(put("a", 0, 10, "1"));
  EXPECT_TRUE(put("a", 20, 30, "2"));
  EXPECT_TRUE(put("a", 25, 30, "3"));
  EXPECT_TRUE(put("a", 40, 70, "4"));
  EXPECT_TRUE(put("b", 20, 30, "other"));
  EXPECT_TRUE(put("ab", 20, 30, "other"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(text_of(s().find_sessions("a", 30, 40)), "a[20,30]:2@30 a[25,30]:3@30 a[40,70]:4@70");
    EXPECT_EQ(text_of(s().find_sessions("a", 30, 39)), "a[20,30]:2@30 a[25,30]:3@30");
    EXPECT_EQ(text_of(s().find_sessions("a", 31, 39)), "");
    EXPECT_EQ(text_of(s().find_sessions("a", 10, 0)), "a[0,10]:1@10");
    EXPECT_EQ(text_of(s().reverse_find_sessions("a", 10, 24)), "a[20,30]:2@30 a[0,10]:1@10");
    EXPECT_EQ(text_of(s().fetch("a")), "a[0,10]:1@10 a[20,30]:2@30 a[25,30]:3@30 a[40,70]:4@70");
    EXPECT_EQ(text_of(s().reverse_fetch("ab")), "ab[20,30]:other@30");
    commit();
  }
}

TEST_P(SessionStoreTest, VisitsWhatACursorWouldYield) {
  EXPECT_TRUE(put("a", 0, 10, "1"));
  EXPECT_TRUE(put("a", 20, 30, "2"));
  commit();
  EXPECT_TRUE(put("a", 40, 70, "3"));
  EXPECT_TRUE(s().erase("a", 20, 30, 70));
  std::string seen;
  s().visit_sessions("a", 10, 40, [&](Timestamp start, Timestamp end, const Store::Row& row) {
    seen += std::to_string(start) + '-' + std::to_string(end) + row.value + ' ';
  });
  EXPECT_EQ(seen, "0-101 40-703 ");
}

TEST_P(SessionStoreTest, AVisitorMayReplaceWhatItVisits) {
  EXPECT_TRUE(put("a", 0, 10, "1"));
  commit();
  EXPECT_TRUE(put("a", 20, 30, "2"));
  std::string merged;
  s().visit_sessions("a", 0, 100, [&](Timestamp start, Timestamp end, const Store::Row& row) {
    merged += row.value;
    s().erase("a", start, end, 40);
    EXPECT_TRUE(s().put("a", 0, end + 10, merged, 40));
    s().visit_sessions("a", 0, 100, [](Timestamp, Timestamp, const Store::Row&) {});
  });
  EXPECT_EQ(merged, "12");
  EXPECT_EQ(text_of(s().fetch("a")), "a[0,20]:1@40 a[0,40]:12@40");
}

TEST_P(SessionStoreTest, FindsAllSessionsInTheOrderOfTheirEnds) {
  EXPECT_TRUE(put("b", 0, 40, "1"));
  EXPECT_TRUE(put("a", 5, 40, "2"));
  EXPECT_TRUE(put("a", 35, 35, "3"));
  EXPECT_TRUE(put("c", 0, 40, "4"));
  EXPECT_TRUE(put("a", 0, 10, "5"));
  EXPECT_TRUE(put("z", 60, 90, "6"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(text_of(s().find_sessions_all(35, 40)), "a[35,35]:3 b[0,40]:1 c[0,40]:4 a[5,40]:2");
    EXPECT_EQ(text_of(s().find_sessions_all(0, 1000)),
              "a[0,10]:5 a[35,35]:3 b[0,40]:1 c[0,40]:4 a[5,40]:2 z[60,90]:6");
    EXPECT_EQ(text_of(s().find_sessions_all(41, 89)), "");
    commit();
  }
}

TEST_P(SessionStoreTest, FindsTheSessionsOfARangeOfKeys) {
  for (const char* key : {"a", "b", "c", "bb"}) EXPECT_TRUE(put(key, 10, 20, "x"));
  EXPECT_TRUE(put("b", 30, 40, "y"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(text_of(s().find_sessions_range("b", "bb", 0, 1000)),
              "b[10,20]:x@20 bb[10,20]:x@20 b[30,40]:y@40");
    EXPECT_EQ(text_of(s().reverse_find_sessions_range("b", "bb", 0, 29)), "bb[10,20]:x@20 b[10,20]:x@20");
    EXPECT_EQ(text_of(s().find_sessions_range(std::nullopt, "a", 0, 1000)), "a[10,20]:x@20");
    EXPECT_EQ(text_of(s().find_sessions_range("c", std::nullopt, 0, 1000)), "c[10,20]:x@20");
    EXPECT_EQ(text_of(s().find_sessions_range("c", "a", 0, 1000)), "");
    commit();
  }
}

TEST_P(SessionStoreTest, ASessionExpiresByItsEnd) {
  EXPECT_TRUE(put("a", 0, 10, "x"));
  EXPECT_TRUE(put("a", 0, 11, "y"));
  commit();
  EXPECT_TRUE(put("b", 110, 110, "z"));
  EXPECT_EQ(s().observed_time(), 110);
  EXPECT_EQ(row("a", 0, 10), "-");
  EXPECT_EQ(row("a", 0, 11), "y@11");
  EXPECT_EQ(text_of(s().fetch("a")), "a[0,11]:y@11");
  EXPECT_EQ(text_of(s().find_sessions_all(0, 50)), "a[0,11]:y");
  EXPECT_FALSE(put("c", 0, 10, "late"));
  EXPECT_FALSE(s().erase("a", 0, 10, 110));
  EXPECT_TRUE(s().accepts(11));
  EXPECT_FALSE(s().accepts(10));
  EXPECT_TRUE(put("c", 0, 11, "in time"));
}

TEST_P(SessionStoreTest, GivesBackWholeBucketsAtACommit) {
  EXPECT_TRUE(put("a", 0, 10, "x"));
  commit();
  EXPECT_TRUE(put("a", 500, 500, "y"));
  commit();
  std::size_t rows = 0;
  auto* bytes = dynamic_cast<ByteQueryable*>(task_->find("s"));
  EXPECT_TRUE(bytes
                  ->for_each(std::nullopt, std::nullopt,
                             [&](BytesView key, BytesView value, Timestamp time) {
                               ++rows;
                               EXPECT_EQ(key, "a" + big_endian(500) + big_endian(500));
                               EXPECT_EQ(value, "y");
                               EXPECT_EQ(time, 500);
                             })
                  .ok());
  EXPECT_EQ(rows, 1u);
}

TEST_P(SessionStoreTest, RefusesSessionsThatCannotBe) {
  EXPECT_FALSE(put("a", 20, 10, "ends first"));
  EXPECT_FALSE(put("a", -1, 10, "before the epoch"));
  EXPECT_EQ(s().observed_time(), kNoTimestamp);
}

TEST_P(SessionStoreTest, ADropTurnsRowsAndClockBack) {
  EXPECT_TRUE(put("a", 0, 10, "x"));
  commit();
  EXPECT_TRUE(put("a", 300, 300, "y"));
  task_->drop();
  EXPECT_EQ(s().observed_time(), 10);
  EXPECT_EQ(text_of(s().all()), "a[0,10]:x@10");
}

TEST_P(SessionStoreTest, TellsAListenerAtTheCommitWhatChanged) {
  EXPECT_TRUE(put("a", 0, 10, "x"));
  commit();
  std::string told;
  s().on_commit({.before = true},
                [&](const std::string& key, Timestamp start, Timestamp end, const Store::Row* now,
                    const Store::Row* before, Timestamp time, const Headers&, const Origin&) {
                  told += key + '[' + std::to_string(start) + ',' + std::to_string(end) +
                          "]:" + (before == nullptr ? "-" : before->value) + ">" +
                          (now == nullptr ? "-" : now->value) + '@' + std::to_string(time) + ' ';
                });
  s().erase("a", 0, 10, 15);
  EXPECT_TRUE(put("a", 0, 15, "y"));
  EXPECT_TRUE(put("b", 1, 2, "gone"));
  s().erase("b", 1, 2, 15);
  commit();
  EXPECT_EQ(told, "a[0,10]:x>-@15 a[0,15]:->y@15 ");
}

TEST_P(SessionStoreTest, RefusesAChangelogThatIsNotOfSessions) {
  RawRecord record;
  record.key = "short";
  record.value = "x";
  record.offset = 3;
  const absl::Status status = task_->restore("s", {&record, 1}, 4);
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("offset 3: a key of 5 bytes is not that of a session"), std::string::npos)
      << status;
}

}  // namespace
}  // namespace weir
