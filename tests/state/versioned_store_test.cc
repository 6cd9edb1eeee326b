#include <weir/state/versioned_store.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/state/byte_queryable.h>

#include "state_fixture.h"

namespace weir {
namespace {

using std::chrono::milliseconds;

using Store = VersionedStore<std::string, std::string>;

class VersionedStoreTest : public testing::StateTest {
 protected:
  void SetUp() override { open({spec("v")}); }
  static StoreSpec spec(const std::string& name) {
    return versioned_store_spec<std::string, std::string>(name, milliseconds(100), milliseconds(30),
                                                          {.persistent = persistent()});
  }
  Store& v() { return store<Store>("v"); }

  // Returns "-" if refused, "+" if the latest, else when it ends.
  std::string put(const std::string& key, const std::optional<std::string>& value, Timestamp time) {
    const VersionPut done = v().put(key, value, time);
    if (!done.accepted) return "-";
    return done.latest() ? "+" : std::to_string(*done.valid_to);
  }
  static std::string text(const Store::Row* row) {
    return row == nullptr ? "-" : row->value + '@' + std::to_string(row->timestamp);
  }
  std::string get(const std::string& key) { return text(v().find(key)); }
  std::string get(const std::string& key, Timestamp time) { return text(v().find_as_of(key, time)); }
  // Returns "value[from,to) ... value[from".
  std::string history(const std::string& key, Timestamp from = 0, Timestamp to = kLastTimestamp) {
    std::string out;
    for (const auto& version : v().versions(key, from, to)) {
      if (!out.empty()) out += ' ';
      out += version.value + '[' + std::to_string(version.valid_from);
      if (version.valid_to) out += ',' + std::to_string(*version.valid_to) + ')';
    }
    return out;
  }
};

INSTANTIATE_TEST_SUITE_P(Storage, VersionedStoreTest, ::testing::Bool(), testing::storage_name);

TEST_P(VersionedStoreTest, FindsNothingInAnEmptyStore) {
  EXPECT_EQ(get("a"), "-");
  EXPECT_EQ(get("a", 10), "-");
  EXPECT_EQ(history("a"), "");
  EXPECT_FALSE(v().all().next());
}

TEST_P(VersionedStoreTest, FindsTheVersionOfATime) {
  EXPECT_EQ(put("a", "x", 10), "+");
  EXPECT_EQ(put("a", "y", 30), "+");
  EXPECT_EQ(put("ab", "other", 20), "+");
  EXPECT_EQ(put("a", "z", 80), "+");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(get("a"), "z@80");
    EXPECT_EQ(get("a", 9), "-");
    EXPECT_EQ(get("a", 10), "x@10");
    EXPECT_EQ(get("a", 29), "x@10");
    EXPECT_EQ(get("a", 30), "y@30");
    EXPECT_EQ(get("a", 79), "y@30");
    EXPECT_EQ(get("a", kLastTimestamp), "z@80");
    EXPECT_EQ(history("a"), "x[10,30) y[30,80) z[80");
    EXPECT_EQ(history("a", 30, 79), "y[30,80)");
    EXPECT_EQ(history("a", 29, 30), "x[10,30) y[30,80)");
    round == 0 ? commit() : reopen();
  }
}

TEST_P(VersionedStoreTest, TakesVersionsOutOfOrder) {
  EXPECT_EQ(put("a", "30", 30), "+");
  EXPECT_EQ(put("a", "90", 90), "+");
  EXPECT_EQ(put("a", "60", 60), "90");
  EXPECT_EQ(put("a", "10", 10), "30");
  EXPECT_EQ(put("a", "sixty", 60), "90");
  EXPECT_EQ(put("a", "ninety", 90), "+");
  EXPECT_EQ(history("a"), "10[10,30) 30[30,60) sixty[60,90) ninety[90");
  commit();
  EXPECT_EQ(put("a", "40", 40), "60");
  EXPECT_EQ(history("a"), "10[10,30) 30[30,40) 40[40,60) sixty[60,90) ninety[90");
  commit();
  reopen();
  EXPECT_EQ(history("a"), "10[10,30) 30[30,40) 40[40,60) sixty[60,90) ninety[90");
}

TEST_P(VersionedStoreTest, ATombstoneEndsAVersion) {
  EXPECT_EQ(put("a", "x", 10), "+");
  EXPECT_EQ(put("a", std::nullopt, 30), "+");
  EXPECT_EQ(get("a"), "-");
  EXPECT_EQ(get("a", 30), "-");
  EXPECT_EQ(get("a", 29), "x@10");
  EXPECT_EQ(put("a", "y", 20), "30");
  EXPECT_EQ(get("a"), "-");
  EXPECT_EQ(put("a", "z", 50), "+");
  EXPECT_EQ(put("a", "w", 40), "50");
  EXPECT_EQ(history("a"), "x[10,20) y[20,30) w[40,50) z[50");
}

TEST_P(VersionedStoreTest, ATombstoneWhereNothingWasIsRemembered) {
  EXPECT_EQ(put("a", std::nullopt, 50), "+");
  commit();
  EXPECT_EQ(put("a", "x", 30), "50");
  EXPECT_EQ(get("a"), "-");
  EXPECT_EQ(put("a", "y", 90), "+");
  EXPECT_EQ(put("a", std::nullopt, 70), "90");
  EXPECT_EQ(put("a", "w", 60), "70");
  EXPECT_EQ(history("a"), "x[30,50) w[60,70) y[90");
}

TEST_P(VersionedStoreTest, ATombstoneInTheMiddleLeavesItsEnds) {
  EXPECT_EQ(put("a", "x", 10), "+");
  EXPECT_EQ(put("a", "y", 50), "+");
  EXPECT_EQ(put("a", std::nullopt, 90), "+");
  EXPECT_EQ(put("a", std::nullopt, 50), "90");
  EXPECT_EQ(put("a", std::nullopt, 10), "50");
  EXPECT_EQ(history("a"), "");
  EXPECT_EQ(put("a", "v", 5), "10");
  EXPECT_EQ(put("a", "w", 20), "50");
  EXPECT_EQ(put("a", "z", 70), "90");
  EXPECT_EQ(history("a"), "v[5,10) w[20,50) z[70,90)");
}

TEST_P(VersionedStoreTest, EraseReturnsWhatWasValidThen) {
  EXPECT_EQ(put("a", "x", 10), "+");
  EXPECT_EQ(put("a", "y", 50), "+");
  const auto before = v().erase("a", 30);
  ASSERT_TRUE(before);
  EXPECT_EQ(before->value, "x");
  EXPECT_FALSE(v().erase("a", 40));
  EXPECT_EQ(history("a"), "x[10,30) y[50");
  EXPECT_EQ(v().erase("a", 60)->value, "y");
  EXPECT_EQ(get("a"), "-");
}

TEST_P(VersionedStoreTest, RefusesWhatIsOlderThanTheHistory) {
  EXPECT_EQ(put("a", "x", 10), "+");
  EXPECT_EQ(put("b", "y", 200), "+");
  EXPECT_EQ(put("a", "late", 99), "-");
  EXPECT_EQ(put("c", "in time", 100), "+");
  EXPECT_FALSE(v().erase("a", 99));
  EXPECT_EQ(put("c", "before the epoch", -1), "-");
  EXPECT_EQ(get("a"), "x@10");
}

TEST_P(VersionedStoreTest, TheLatestVersionNeverExpires) {
  EXPECT_EQ(put("a", "x", 10), "+");
  EXPECT_EQ(put("a", "y", 20), "+");
  commit();
  EXPECT_EQ(put("b", "z", 500), "+");
  commit();
  EXPECT_EQ(get("a"), "y@20");
  EXPECT_EQ(get("a", 25), "y@20");
  EXPECT_EQ(get("a", 19), "-");
  EXPECT_EQ(history("a"), "y[20");
  EXPECT_EQ(put("a", "w", 400), "+");
  EXPECT_EQ(get("a", 399), "-");
  EXPECT_EQ(get("a", 400), "w@400");
}

TEST_P(VersionedStoreTest, AVersionIsFoundAsLongAsItWasValidInTheHistory) {
  EXPECT_EQ(put("a", "x", 10), "+");
  EXPECT_EQ(put("a", "y", 101), "+");
  EXPECT_EQ(put("a", "z", 200), "+");
  EXPECT_EQ(get("a", 100), "x@10");
  EXPECT_EQ(get("a", 99), "-");
  EXPECT_EQ(put("b", "b", 201), "+");
  EXPECT_EQ(get("a", 100), "-");
  EXPECT_EQ(get("a", 101), "y@101");
}

TEST_P(VersionedStoreTest, LogsEveryPutAndTheLatestAfterOneOutOfOrder) {
  EXPECT_EQ(put("a", "x", 10), "+");
  EXPECT_EQ(put("a", "y", 30), "+");
  EXPECT_EQ(put("a", "z", 20), "30");
  EXPECT_EQ(put("a", std::nullopt, 40), "+");
  EXPECT_EQ(put("a", "w", 35), "40");
  commit();
  EXPECT_EQ(changelog_.text(), "a=x@10 a=y@30 a=z@20 a=y@30 a=-@40 a=w@35 a=-@40");
  commit();
  EXPECT_EQ(changelog_.text(), "");
}

TEST_P(VersionedStoreTest, IsTheSameAfterItWasRestored) {
  EXPECT_EQ(put("a", "1", 10), "+");
  EXPECT_EQ(put("a", std::nullopt, 50), "+");
  EXPECT_EQ(put("a", "2", 20), "50");
  EXPECT_EQ(put("b", "3", 90), "+");
  EXPECT_EQ(put("a", "4", 30), "50");
  commit();
  EXPECT_EQ(put("c", "5", 140), "+");
  EXPECT_EQ(put("a", "6", 60), "+");
  EXPECT_EQ(put("c", "7", 500), "+");
  EXPECT_EQ(put("c", "8", 450), "500");
  commit();
  const auto records = committed_changelog_.records("v");
  open({spec("w")});
  ASSERT_TRUE(task_->restore("w", records, static_cast<Offset>(records.size())).ok());
  auto& restored = store<Store>("w");
  EXPECT_EQ(restored.observed_time(), 500);
  EXPECT_EQ(restored.find("a")->value, "6");
  EXPECT_EQ(restored.find("b")->value, "3");
  EXPECT_EQ(restored.find_as_of("c", 499)->value, "8");
  EXPECT_EQ(restored.find_as_of("c", 449)->value, "5");
  EXPECT_EQ(restored.find_as_of("c", 399), nullptr);
  commit();
  EXPECT_EQ(changelog_.text(), "");
}

TEST_P(VersionedStoreTest, ADropTakesVersionsLogAndClockBack) {
  EXPECT_EQ(put("a", "x", 10), "+");
  commit();
  EXPECT_GT(put("a", "y", 500).size(), 0u);
  EXPECT_GT(task_->uncommitted_bytes(), 0u);
  task_->drop();
  EXPECT_EQ(task_->uncommitted_bytes(), 0u);
  EXPECT_EQ(history("a"), "x[10");
  EXPECT_EQ(v().observed_time(), 10);
  commit();
  EXPECT_EQ(changelog_.text(), "");
}

TEST_P(VersionedStoreTest, WalksOverLatestVersions) {
  EXPECT_EQ(put("a", "old", 10), "+");
  EXPECT_EQ(put("a", "1", 20), "+");
  EXPECT_EQ(put("b", "2", 20), "+");
  EXPECT_EQ(put("c", "3", 20), "+");
  EXPECT_EQ(put("d", "gone", 20), "+");
  EXPECT_EQ(put("d", std::nullopt, 30), "+");
  const auto walk = [](Store::Cursor cursor) {
    std::string out;
    while (cursor.next()) out += cursor.key() + cursor.value() + ' ';
    return out;
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(walk(v().all()), "a1 b2 c3 ");
    EXPECT_EQ(walk(v().reverse_all()), "c3 b2 a1 ");
    EXPECT_EQ(walk(v().range("b", std::nullopt)), "b2 c3 ");
    EXPECT_EQ(walk(v().range(std::nullopt, "b")), "a1 b2 ");
    EXPECT_EQ(walk(v().reverse_range("b", "b")), "b2 ");
    std::string queried;
    EXPECT_TRUE(dynamic_cast<ByteQueryable*>(task_->find("v"))
                    ->for_each("b", std::nullopt,
                               [&](BytesView key, BytesView value, Timestamp) {
                                 queried += std::string(key) + std::string(value) + ' ';
                               })
                    .ok());
    EXPECT_EQ(queried, "b2 c3 ");
    commit();
  }
}

TEST_P(VersionedStoreTest, RefusesAChangelogThatDoesNotDecode) {
  open({versioned_store_spec<std::string, std::int64_t>("n", milliseconds(100), milliseconds(30),
                                                        {.persistent = persistent()})});
  RawRecord record;
  record.key = "a";
  record.value = "x";
  record.offset = 3;
  const absl::Status status = task_->restore("n", {&record, 1}, 4);
  EXPECT_NE(status.message().find("changelog of store 'n', offset 3"), std::string::npos) << status;
}

}  // namespace
}  // namespace weir
