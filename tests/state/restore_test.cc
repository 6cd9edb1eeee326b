#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/state/key_value_store.h>
#include <weir/state/window_store.h>

#include "state_fixture.h"

namespace weir {
namespace {

using Store = KeyValueStore<std::string, std::string>;
using Windows = WindowStore<std::string, std::string>;

class RestoreTest : public testing::StateTest {
 protected:
  void SetUp() override {
    open({key_value_store_spec<std::string, std::string>("s", {.persistent = persistent()}),
          window_store_spec<std::string, std::string>("w", Duration(100), Duration(30),
                                                      {.persistent = persistent()})});
  }

  static RawRecord record(NullableBytes key, NullableBytes value, Timestamp timestamp) {
    RawRecord made;
    made.key = key;
    made.value = value;
    made.timestamp = timestamp;
    return made;
  }

  static Bytes window_key(BytesView key, Timestamp start) {
    Bytes bytes(key);
    put_big_endian(start, bytes);
    bytes.append(4, '\0');
    return bytes;
  }

  absl::Status restore(std::string_view name, std::vector<RawRecord> records, Offset next) {
    return task_->restore(name, records, next);
  }
  template <class... Records>
  static std::vector<RawRecord> list(Records... records) {
    std::vector<RawRecord> made;
    (made.push_back(std::move(records)), ...);
    return made;
  }

  std::string rows() {
    std::string out;
    for (const auto& [key, row] : store<Store>("s").all()) {
      out += key + ':' + row.value + '@' + std::to_string(row.timestamp) + ' ';
    }
    return out;
  }
  std::string windows() {
    std::string out;
    for (const auto& window : store<Windows>("w").all()) {
      out += window.key + '[' + std::to_string(window.start) + "]:" + window.row.value + ' ';
    }
    return out;
  }
};

INSTANTIATE_TEST_SUITE_P(Storage, RestoreTest, ::testing::Bool(), testing::storage_name);

TEST_P(RestoreTest, PutsAndErasesWithTheTimeOfTheRecord) {
  ASSERT_TRUE(restore("s", list(record("a", "1", 10), record("b", "2", 20), record("a", "3", 30)), 3).ok());
  EXPECT_EQ(rows(), "a:3@30 b:2@20 ");
  EXPECT_EQ(task_->meta().changelogs.at("s"), 3);
  ASSERT_TRUE(restore("s", list(record("b", std::nullopt, 40)), 9).ok());
  EXPECT_EQ(rows(), "a:3@30 ");
  EXPECT_EQ(task_->meta().changelogs.at("s"), 9);
}

TEST_P(RestoreTest, RemembersHowFarItCameForWhatIsOnDisk) {
  ASSERT_TRUE(restore("s", list(record("a", "1", 10)), 7).ok());
  open(specs_);
  EXPECT_EQ(task_->meta().changelogs.contains("s"), persistent());
  EXPECT_EQ(rows(), persistent() ? "a:1@10 " : "");
}

TEST_P(RestoreTest, MovesTheOffsetOverRecordsThatLeaveNothing) {
  ASSERT_TRUE(restore("s", {}, 5).ok());
  EXPECT_EQ(task_->meta().changelogs.at("s"), 5);
  ASSERT_TRUE(restore("s", list(record(std::nullopt, "no key", 1)), 6).ok());
  EXPECT_EQ(task_->meta().changelogs.at("s"), 6);
  EXPECT_EQ(rows(), "");
}

TEST_P(RestoreTest, LeavesTheRestOfTheMetaAlone) {
  TaskMeta meta;
  meta.positions[{"in", 0}] = 12;
  meta.values["mine"] = "x";
  meta.wall = 99;
  ASSERT_TRUE(try_commit(meta).ok());
  ASSERT_TRUE(restore("s", list(record("a", "1", 10)), 1).ok());
  EXPECT_EQ(task_->meta().positions.at({"in", 0}), 12);
  EXPECT_EQ(task_->meta().values.at("mine"), "x");
  EXPECT_EQ(task_->meta().wall, 99);
}

TEST_P(RestoreTest, ReplacesWhatWasCached) {
  auto& s = store<Store>("s");
  s.put("a", "old", 1);
  commit();
  EXPECT_EQ(s.find("b"), nullptr);  // the absence is cached too
  ASSERT_TRUE(restore("s", list(record("a", "new", 2), record("b", "new", 2)), 3).ok());
  ASSERT_NE(s.find("a"), nullptr);
  EXPECT_EQ(s.find("a")->value, "new");
  ASSERT_NE(s.find("b"), nullptr);
}

TEST_P(RestoreTest, SkipsWindowsThatAreExpiredAtTheEndOfTheBatch) {
  const Bytes old = window_key("a", 10);
  const Bytes live = window_key("a", 450);
  const Bytes last = window_key("b", 500);
  ASSERT_TRUE(restore("w", list(record(old, "1", 1), record(live, "2", 2), record(last, "3", 3)), 3).ok());
  EXPECT_EQ(windows(), "a[450]:2 b[500]:3 ");
  EXPECT_EQ(store<Windows>("w").observed_time(), 500);
  const Bytes gone = window_key("c", 400);
  ASSERT_TRUE(restore("w", list(record(gone, "4", 1)), 4).ok());
  EXPECT_EQ(windows(), "a[450]:2 b[500]:3 ");
  const Bytes ahead = window_key("c", 2000);
  ASSERT_TRUE(restore("w", list(record(ahead, "5", 1)), 5).ok());
  EXPECT_EQ(windows(), "c[2000]:5 ");
  commit();
  EXPECT_EQ(windows(), "c[2000]:5 ");
  if (persistent()) {
    open(specs_);
    EXPECT_EQ(windows(), "c[2000]:5 ");
    EXPECT_EQ(store<Windows>("w").observed_time(), 2000);
  }
}

TEST_P(RestoreTest, RefusesWindowKeysThatAreNone) {
  const Bytes negative = window_key("a", -5);
  Bytes duplicate = window_key("a", 5);
  duplicate.back() = '\1';
  const Bytes good = window_key("a", 5);
  for (const Bytes& bad : {Bytes("short"), Bytes(), negative, duplicate}) {
    const absl::Status status = restore("w", list(record(good, "1", 1), record(bad, "1", 1)), 3);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_NE(message_of(status).find("'w'"), std::string::npos) << status;
  }
  EXPECT_EQ(windows(), "");
  EXPECT_FALSE(task_->meta().changelogs.contains("w"));
  EXPECT_EQ(store<Windows>("w").observed_time(), kNoTimestamp);
  commit();
  EXPECT_EQ(windows(), "");
}

TEST_P(RestoreTest, AWholeStoreComesBackFromItsChangelog) {
  auto& s = store<Store>("s");
  auto& w = store<Windows>("w");
  for (int i = 0; i < 300; ++i) {
    s.put(std::to_string(i % 40), std::to_string(i), i);
    if (i % 7 == 0) s.erase(std::to_string(i % 11), i);
    EXPECT_TRUE(w.put(std::to_string(i % 3), i, std::to_string(i), i));
    if (i % 20 == 0) commit();
  }
  commit();
  const std::string expected_rows = rows();
  const std::string expected_windows = windows();
  close();
  specs_[0].name = "s2";  // new stores, filled from the changelogs of the others
  specs_[1].name = "w2";
  open(specs_);
  for (const std::string name : {"s", "w"}) {
    const auto records = committed_changelog_.records(name);
    ASSERT_TRUE(task_->restore(name + "2", records, static_cast<Offset>(records.size())).ok());
  }
  std::string out;
  for (const auto& [key, row] : store<Store>("s2").all()) {
    out += key + ':' + row.value + '@' + std::to_string(row.timestamp) + ' ';
  }
  EXPECT_EQ(out, expected_rows);
  out.clear();
  for (const auto& window : store<Windows>("w2").all()) {
    out += window.key + '[' + std::to_string(window.start) + "]:" + window.row.value + ' ';
  }
  EXPECT_EQ(out, expected_windows);
}

TEST_P(RestoreTest, ClearForgetsEntriesAndOffset) {
  ASSERT_TRUE(restore("s", list(record("a", "1", 10), record(Bytes(20, '\xff'), "2", 10)), 7).ok());
  const Bytes window = window_key("a", 500);
  ASSERT_TRUE(restore("w", list(record(window, "1", 10)), 8).ok());
  ASSERT_NE(store<Store>("s").find("a"), nullptr);
  ASSERT_TRUE(task_->clear("s").ok());
  EXPECT_EQ(store<Store>("s").find("a"), nullptr);
  EXPECT_EQ(rows(), "");
  EXPECT_FALSE(task_->meta().changelogs.contains("s"));
  EXPECT_EQ(task_->meta().changelogs.at("w"), 8);
  ASSERT_TRUE(task_->clear("w").ok());
  EXPECT_EQ(windows(), "");
  EXPECT_EQ(store<Windows>("w").observed_time(), kNoTimestamp);
  open(specs_);
  EXPECT_EQ(rows(), "");
  EXPECT_EQ(windows(), "");
  EXPECT_EQ(store<Windows>("w").observed_time(), kNoTimestamp);
  EXPECT_TRUE(task_->meta().changelogs.empty());
  ASSERT_TRUE(task_->clear("s").ok());
  EXPECT_TRUE(store<Windows>("w").put("a", 3, "x", 1));
}

TEST_P(RestoreTest, RefusesStoresItDoesNotHave) {
  EXPECT_EQ(restore("other", {}, 1).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(task_->clear("other").code(), absl::StatusCode::kNotFound);
}

TEST_P(RestoreTest, RefusesToWorkInTheMiddleOfACommit) {
  store<Store>("s").put("a", "x", 1);
  testing::RecordedChangelog changelog;
  ASSERT_TRUE(task_->encode(changelog).ok());
  EXPECT_EQ(restore("s", list(record("b", "1", 1)), 1).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(task_->clear("s").code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(task_->apply(task_->meta()).ok());
  EXPECT_TRUE(restore("s", list(record("b", "1", 1)), 1).ok());
  EXPECT_EQ(rows(), "a:x@1 b:1@1 ");
}

}  // namespace
}  // namespace weir
