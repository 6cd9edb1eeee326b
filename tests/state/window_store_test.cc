#include <weir/state/window_store.h>

#include <chrono>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include <weir/state/byte_queryable.h>

#include "state_fixture.h"

namespace weir {
namespace {

using std::chrono::milliseconds;

using Store = WindowStore<std::string, std::string>;

// Returns "key[start]:value@time ...".
template <class Cursor>
std::string text_of(Cursor cursor) {
  std::string out;
  while (cursor.next()) {
    if (!out.empty()) out += ' ';
    out += cursor.key() + '[' + std::to_string(cursor.start()) + "]:" + cursor.value() + '@' +
           std::to_string(cursor.timestamp());
  }
  return out;
}

Bytes big_endian(std::int64_t value) {
  Bytes bytes;
  put_big_endian(value, bytes);
  return bytes;
}

class WindowStoreTest : public testing::StateTest {
 protected:
  void SetUp() override { open_with(milliseconds(100), milliseconds(30)); }
  void open_with(Duration retention, Duration segment) {
    open(
        {window_store_spec<std::string, std::string>("w", retention, segment, {.persistent = persistent()})});
  }
  Store& w() { return store<Store>("w"); }
  bool put(const std::string& key, Timestamp start, const std::string& value) {
    return w().put(key, start, value, start + 5);
  }
  std::string row(const std::string& key, Timestamp start) {
    const auto* found = w().find(key, start);
    return found == nullptr ? "-" : found->value + '@' + std::to_string(found->timestamp);
  }
};

INSTANTIATE_TEST_SUITE_P(Storage, WindowStoreTest, ::testing::Bool(), testing::storage_name);

TEST_P(WindowStoreTest, FindsNothingInAnEmptyStore) {
  EXPECT_EQ(row("a", 0), "-");
  EXPECT_EQ(text_of(w().all()), "");
  EXPECT_EQ(text_of(w().fetch("a", 0, 1000)), "");
  EXPECT_EQ(w().observed_time(), kNoTimestamp);
}

TEST_P(WindowStoreTest, FindsAWindowByKeyAndStart) {
  EXPECT_TRUE(put("a", 10, "x"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(row("a", 10), "x@15");
    EXPECT_EQ(row("a", 11), "-");
    EXPECT_EQ(row("b", 10), "-");
    commit();
  }
  reopen();
  EXPECT_EQ(row("a", 10), "x@15");
}

TEST_P(WindowStoreTest, LogsWindowsWithKafkasKey) {
  EXPECT_TRUE(put("A", 10, "x"));
  commit();
  ASSERT_EQ(changelog_.entries.size(), 1u);
  EXPECT_EQ(changelog_.entries[0].key, "A" + big_endian(10) + Bytes(4, '\0'));
  EXPECT_EQ(changelog_.entries[0].value, "x");
  EXPECT_EQ(changelog_.entries[0].timestamp, 15);
  EXPECT_TRUE(w().erase("A", 10, 77));
  commit();
  ASSERT_EQ(changelog_.entries.size(), 1u);
  EXPECT_EQ(changelog_.entries[0].key, "A" + big_endian(10) + Bytes(4, '\0'));
  EXPECT_FALSE(changelog_.entries[0].value.has_value());
  EXPECT_EQ(changelog_.entries[0].timestamp, 77);
}

TEST_P(WindowStoreTest, FetchesTheWindowsOfAKeyAcrossBuckets) {
  for (const Timestamp start : {0, 29, 30, 59, 60, 90}) {
    put("a", start, "1");
    put("b", start, "other");
  }
  commit();
  put("a", 31, "2");
  put("a", 59, "2");
  w().erase("a", 60, 0);
  EXPECT_EQ(text_of(w().fetch("a", 0, 1000)),
            "a[0]:1@5 a[29]:1@34 a[30]:1@35 a[31]:2@36 a[59]:2@64 a[90]:1@95");
  EXPECT_EQ(text_of(w().reverse_fetch("a", 0, 1000)),
            "a[90]:1@95 a[59]:2@64 a[31]:2@36 a[30]:1@35 a[29]:1@34 a[0]:1@5");
  EXPECT_EQ(text_of(w().fetch("a", 29, 31)), "a[29]:1@34 a[30]:1@35 a[31]:2@36");
  EXPECT_EQ(text_of(w().reverse_fetch("a", 29, 31)), "a[31]:2@36 a[30]:1@35 a[29]:1@34");
  EXPECT_EQ(text_of(w().fetch("a", 60, 60)), "");
  EXPECT_EQ(text_of(w().fetch("a", 31, 29)), "");
  EXPECT_EQ(text_of(w().fetch("a", -50, 0)), "a[0]:1@5");
  EXPECT_EQ(text_of(w().fetch("c", 0, 1000)), "");
}

TEST_P(WindowStoreTest, DoesNotTakeALongerKeyForTheOneAsked) {
  // Their bytes lie between two windows of "a".
  const std::string longer = "a" + big_endian(5);
  const std::string longest = "a" + big_endian(5) + big_endian(6);
  put("a", 4, "1");
  put("a", 6, "1");
  put(longer, 5, "2");
  put(longest, 5, "3");
  put("", 5, "4");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(text_of(w().fetch("a", 0, 100)), "a[4]:1@9 a[6]:1@11");
    EXPECT_EQ(text_of(w().reverse_fetch("a", 0, 100)), "a[6]:1@11 a[4]:1@9");
    EXPECT_EQ(text_of(w().fetch("", 0, 100)), "[5]:4@10");
    EXPECT_EQ(text_of(w().fetch(longer, 0, 100)), longer + "[5]:2@10");
    commit();
  }
}

TEST_P(WindowStoreTest, FetchesAllKeysByBucketThenKeyThenStart) {
  put("b", 0, "1");
  put("a", 10, "1");
  put("a", 5, "1");
  put("a", 35, "1");
  commit();
  put("b", 31, "2");
  put("a", 5, "2");
  EXPECT_EQ(text_of(w().fetch_all(0, 100)), "a[5]:2@10 a[10]:1@15 b[0]:1@5 a[35]:1@40 b[31]:2@36");
  EXPECT_EQ(text_of(w().reverse_fetch_all(0, 100)), "b[31]:2@36 a[35]:1@40 b[0]:1@5 a[10]:1@15 a[5]:2@10");
  EXPECT_EQ(text_of(w().fetch_all(5, 31)), "a[5]:2@10 a[10]:1@15 b[31]:2@36");
}

TEST_P(WindowStoreTest, ABucketPerWindowGivesTheOrderOfStarts) {
  open({window_store_spec<std::string, std::string>("t", milliseconds(100), milliseconds(10),
                                                    {.persistent = persistent()})});
  auto& t = store<Store>("t");
  for (const Timestamp start : {20, 0, 10}) {
    for (const char* key : {"b", "a"}) EXPECT_TRUE(t.put(key, start, "", 0));
  }
  EXPECT_EQ(text_of(t.all()), "a[0]:@0 b[0]:@0 a[10]:@0 b[10]:@0 a[20]:@0 b[20]:@0");
}

TEST_P(WindowStoreTest, HidesExpiredWindowsAtOnce) {
  put("a", 0, "1");
  put("a", 1, "1");
  put("b", 50, "1");
  commit();
  put("c", 100, "2");  // retention 100: start 0 is expired, start 1 is not
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(row("a", 0), "-");
    EXPECT_EQ(row("a", 1), "1@6");
    EXPECT_EQ(text_of(w().all()), "a[1]:1@6 b[50]:1@55 c[100]:2@105");
    EXPECT_EQ(text_of(w().fetch("a", 0, 1000)), "a[1]:1@6");
    commit();
  }
  reopen();
  EXPECT_EQ(row("a", 0), "-");
  EXPECT_EQ(text_of(w().all()), "a[1]:1@6 b[50]:1@55 c[100]:2@105");
}

TEST_P(WindowStoreTest, RefusesWritesToExpiredWindows) {
  EXPECT_TRUE(put("a", 150, "x"));
  EXPECT_FALSE(w().accepts(50));
  EXPECT_TRUE(w().accepts(51));
  EXPECT_FALSE(put("a", 50, "x"));
  EXPECT_TRUE(put("a", 51, "x"));
  EXPECT_FALSE(put("a", -1, "x"));
  EXPECT_FALSE(w().erase("a", 50, 1));
  bool called = false;
  EXPECT_EQ(w().modify("a", 50, 1, [&](auto&) { called = true; }), nullptr);
  EXPECT_FALSE(called);
  EXPECT_EQ(text_of(w().all()), "a[51]:x@56 a[150]:x@155");
}

TEST_P(WindowStoreTest, AcceptsAnyWindowThatIsAheadOfItsClock) {
  EXPECT_TRUE(w().accepts(0));
  EXPECT_TRUE(w().accepts(1'000'000'000'000));
  EXPECT_TRUE(put("a", 1'000'000'000'000, "x"));
  EXPECT_EQ(w().observed_time(), 1'000'000'000'000);
}

TEST_P(WindowStoreTest, KeepsNothingWithARetentionOfZero) {
  open({window_store_spec<std::string, std::string>("z", milliseconds(0), Duration(-1),
                                                    {.persistent = persistent()})});
  auto& z = store<Store>("z");
  EXPECT_FALSE(z.put("a", 10, "x", 10));
  EXPECT_EQ(z.find("a", 10), nullptr);
  EXPECT_EQ(text_of(z.all()), "");
}

TEST_P(WindowStoreTest, KeepsWindowsForEverWithoutARetention) {
  open({window_store_spec<std::string, std::string>("e", Duration(-1), Duration(-1),
                                                    {.persistent = persistent()})});
  auto& e = store<Store>("e");
  EXPECT_TRUE(e.put("a", 0, "x", 0));
  EXPECT_TRUE(e.put("a", kLastTimestamp, "y", 1));
  EXPECT_TRUE(e.put("b", 5, "z", 2));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(text_of(e.fetch("a", 0, kLastTimestamp)), "a[0]:x@0 a[9223372036854775807]:y@1");
    EXPECT_EQ(text_of(e.fetch_all(0, 100)), "a[0]:x@0 b[5]:z@2");
    commit();
  }
}

TEST_P(WindowStoreTest, AdvancingTheClockExpiresWithoutAWrite) {
  put("a", 0, "x");
  w().advance(99);
  EXPECT_EQ(row("a", 0), "x@5");
  w().advance(100);
  EXPECT_EQ(row("a", 0), "-");
}

TEST_P(WindowStoreTest, DropTurnsTheClockBack) {
  put("a", 0, "x");
  commit();
  put("a", 1000, "y");
  EXPECT_EQ(row("a", 0), "-");
  task_->drop();
  EXPECT_EQ(w().observed_time(), 0);
  EXPECT_EQ(row("a", 0), "x@5");
  EXPECT_EQ(text_of(w().all()), "a[0]:x@5");
  commit();
  EXPECT_EQ(row("a", 0), "x@5");
}

// A commit that was encoded and then given up leaves nothing for the next one to apply, which may have nothing to encode.
TEST_P(WindowStoreTest, ForgetsTheClockOfACommitThatWasGivenUp) {
  EXPECT_TRUE(put("a", 10, "x"));
  commit();
  EXPECT_TRUE(put("a", 1000, "y"));
  ASSERT_TRUE(task_->encode(changelog_).ok());
  task_->drop();
  EXPECT_EQ(w().observed_time(), 10);
  commit();
  EXPECT_EQ(w().observed_time(), 10);
  EXPECT_EQ(row("a", 10), "x@15");
  reopen();
  if (persistent()) {
    EXPECT_EQ(w().observed_time(), 10);
    EXPECT_EQ(row("a", 10), "x@15");
  }
}

TEST_P(WindowStoreTest, RemembersItsClockOverARestart) {
  put("a", 500, "x");
  commit();
  put("a", 900, "never committed");
  reopen();
  EXPECT_EQ(w().observed_time(), 500);
  EXPECT_FALSE(w().accepts(400));
  EXPECT_TRUE(w().accepts(401));
}

TEST_P(WindowStoreTest, GivesExpiredBucketsBack) {
  for (Timestamp start = 0; start < 90; ++start) put("a", start, std::string(1000, 'x'));
  commit();
  const std::uint64_t before = task_->stored_bytes();
  EXPECT_GT(before, 90'000u);
  put("a", 1000, "y");
  commit();
  EXPECT_EQ(text_of(w().all()), "a[1000]:y@1005");
  if (!persistent()) {
    EXPECT_LT(task_->stored_bytes(), 1000u);
  }
  // Nothing of it comes back with the clock.
  close();
  open({window_store_spec<std::string, std::string>("w", milliseconds(100), milliseconds(30),
                                                    {.persistent = persistent()})});
  if (persistent()) {
    EXPECT_EQ(text_of(w().all()), "a[1000]:y@1005");
  }
}

TEST_P(WindowStoreTest, ACommitThatWritesAndExpiresTheSameWindowLeavesNone) {
  put("a", 0, "x");
  put("a", 10'000, "y");
  commit();
  EXPECT_EQ(text_of(w().all()), "a[10000]:y@10005");
  reopen();
  EXPECT_EQ(text_of(w().all()), "a[10000]:y@10005");
}

TEST_P(WindowStoreTest, ModifiesAWindowInPlace) {
  const auto count = [&](Timestamp start) {
    return w().modify("a", start, start, [&](std::optional<Store::Row>& found) {
      if (!found) found.emplace(Store::Row{"", start});
      found->value += 'i';
    });
  };
  EXPECT_EQ(count(10)->value, "i");
  EXPECT_EQ(count(10)->value, "ii");
  commit();
  EXPECT_EQ(count(10)->value, "iii");
  task_->drop();
  EXPECT_EQ(row("a", 10), "ii@10");
}

TEST_P(WindowStoreTest, ACursorShowsTheStoreAsItWas) {
  put("a", 0, "1");
  put("a", 40, "1");
  commit();
  put("a", 50, "2");
  auto cursor = w().fetch("a", 0, 100);
  ASSERT_TRUE(cursor.next());
  w().erase("a", 40, 0);
  put("a", 50, "3");
  put("b", 5000, "expires all");
  commit();
  EXPECT_EQ(text_of(std::move(cursor)), "a[40]:1@45 a[50]:2@55");
  EXPECT_EQ(text_of(w().all()), "b[5000]:expires all@5005");
}

TEST_P(WindowStoreTest, AQueryInBytesSeesLiveWindowsOnly) {
  put("a", 0, "1");
  put("a", 60, "1");
  commit();
  put("b", 120, "2");
  std::string seen;
  auto& query = dynamic_cast<ByteQueryable&>(*task_->find("w"));
  const auto visit = [&](BytesView key, BytesView value, Timestamp timestamp) {
    seen += Bytes(key.substr(0, key.size() - 8)) + '[' +
            std::to_string(get_big_endian<Timestamp>(&key[key.size() - 8])) + "]:" + Bytes(value) + '@' +
            std::to_string(timestamp) + ' ';
  };
  ASSERT_TRUE(query.for_each(std::nullopt, std::nullopt, visit).ok());
  EXPECT_EQ(seen, "a[60]:1@65 b[120]:2@125 ");
  seen.clear();
  ASSERT_TRUE(query.for_each("b", std::nullopt, visit).ok());
  EXPECT_EQ(seen, "b[120]:2@125 ");
}

TEST_P(WindowStoreTest, TakesKeysOfOtherTypes) {
  open({window_store_spec<std::int32_t, double>("n", milliseconds(100), milliseconds(30),
                                                {.persistent = persistent()})});
  auto& numbers = store<WindowStore<std::int32_t, double>>("n");
  EXPECT_TRUE(numbers.put(-7, 3, 1.5, 4));
  EXPECT_TRUE(numbers.put(7, 3, 2.5, 4));
  commit();
  ASSERT_NE(numbers.find(-7, 3), nullptr);
  EXPECT_EQ(numbers.find(-7, 3)->value, 1.5);
  int seen = 0;
  for (const auto& window : numbers.fetch(7, 0, 100)) {
    ++seen;
    EXPECT_EQ(window.key, 7);
    EXPECT_EQ(window.start, 3);
    EXPECT_EQ(window.row.value, 2.5);
  }
  EXPECT_EQ(seen, 1);
}

TEST(WindowSegment, IsHalfOfTheRetentionButAtLeastAMinute) {
  EXPECT_EQ(default_segment(std::chrono::hours(2)), std::chrono::hours(1));
  EXPECT_EQ(default_segment(std::chrono::seconds(5)), std::chrono::minutes(1));
}

}  // namespace
}  // namespace weir
