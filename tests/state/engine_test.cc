// Opening, closing and refusing the stores of a task.
#include <weir/state/engine.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/resource.h>

#include <gtest/gtest.h>

#include <weir/core/status.h>
#include <weir/state/database.h>
#include <weir/state/key_value_store.h>
#include <weir/state/resources.h>
#include <weir/state/window_store.h>

#include "state_fixture.h"

namespace weir {
namespace {

using Store = KeyValueStore<std::string, std::string>;

StoreSpec text_store(const std::string& name, const StoreOptions& options = {}) {
  return key_value_store_spec<std::string, std::string>(name, options);
}

class EngineTest : public testing::StateTest {
 protected:
  std::string path() const { return directory_.path() + "/task"; }
  std::string row(const std::string& name, const std::string& key) {
    const auto* found = store<Store>(name).find(key);
    return found == nullptr ? "-" : found->value;
  }
  void put(const std::string& name, const std::string& value) { store<Store>(name).put("k", value, 1); }

  // Commits with a changelog offset for each store.
  void commit_at(Offset offset) {
    TaskMeta meta = task_->meta();
    for (const StoreSpec& spec : specs_) {
      if (spec.logged) meta.changelogs[spec.name] = offset;
    }
    meta.positions[{"in", 0}] = offset;
    ASSERT_TRUE(try_commit(meta).ok());
  }
};

// The storage is spelled out in these tests.
INSTANTIATE_TEST_SUITE_P(Any, EngineTest, ::testing::Values(true),
                         [](const auto&) { return std::string("Storage"); });

// No file of this process may grow beyond so many bytes: what a full disk looks like to who writes.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : ignored_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, ignored_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*const ignored_)(int);
  rlimit before_{};
};

TEST_P(EngineTest, AFullDiskFailsTheCommitAndKeepsWhatWasCommitted) {
  open({text_store("s")});
  put("s", "before");
  commit_at(5);
  {
    const FullDisk full(64 << 10);
    put("s", std::string(256 << 10, 'x'));
    TaskMeta meta = task_->meta();
    meta.changelogs["s"] = 6;
    const absl::Status failed = try_commit(meta);
    ASSERT_FALSE(failed.ok());
    EXPECT_NE(message_of(failed).find("File too large"), std::string::npos) << failed;
  }
  task_->drop();
  open(specs_);
  EXPECT_EQ(row("s", "k"), "before");
  EXPECT_EQ(task_->meta().changelogs.at("s"), 5);
  put("s", "after");
  commit_at(7);
  open(specs_);
  EXPECT_EQ(row("s", "k"), "after");
}

TEST_P(EngineTest, ANewTaskRemembersNothing) {
  open({text_store("s")});
  EXPECT_TRUE(task_->meta().positions.empty());
  EXPECT_TRUE(task_->meta().changelogs.empty());
  EXPECT_EQ(task_->meta().wall, 0);
}

TEST_P(EngineTest, RemembersTheMetaOfTheLastApply) {
  open({text_store("s"), window_store_spec<std::string, std::string>("w", Duration(100))});
  TaskMeta meta;
  meta.positions[{"in", 3}] = 77;
  meta.changelogs["s"] = 5;
  meta.values["cursor"] = Bytes("\0x", 2);
  meta.wall = 123;
  ASSERT_TRUE(try_commit(meta).ok());
  meta.positions[{"in", 3}] = 78;
  ASSERT_TRUE(try_commit(meta).ok());
  open(specs_);
  EXPECT_EQ(task_->meta().positions, (std::map<TopicPartition, Offset>{{{"in", 3}, 78}}));
  EXPECT_EQ(task_->meta().changelogs.at("s"), 5);
  EXPECT_EQ(task_->meta().values.at("cursor"), Bytes("\0x", 2));
  EXPECT_EQ(task_->meta().wall, 123);
}

TEST_P(EngineTest, ATaskInMemoryTouchesNoFiles) {
  open({text_store("s", {.persistent = false})});
  put("s", "x");
  commit_at(1);
  EXPECT_EQ(row("s", "k"), "x");
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_P(EngineTest, ATaskWithoutStoresCommits) {
  open({});
  TaskMeta meta;
  meta.positions[{"in", 0}] = 1;
  EXPECT_TRUE(try_commit(meta).ok());
  EXPECT_EQ(task_->meta().positions.size(), 1u);
}

TEST_P(EngineTest, WhatItRemembersOfStoresInMemoryEndsWithThem) {
  open({text_store("disk"), text_store("memory", {.persistent = false}),
        window_store_spec<std::string, std::string>("windows", Duration(100), Duration(-1),
                                                    {.persistent = false})});
  put("memory", "x");
  EXPECT_TRUE((store<WindowStore<std::string, std::string>>("windows").put("a", 500, "x", 1)));
  commit_at(9);
  EXPECT_EQ(task_->meta().changelogs.at("memory"), 9);
  open(specs_);
  EXPECT_EQ(task_->meta().changelogs, (std::map<std::string, Offset>{{"disk", 9}}));
  EXPECT_EQ(row("memory", "k"), "-");
  EXPECT_EQ((store<WindowStore<std::string, std::string>>("windows").observed_time()), kNoTimestamp);
}

TEST_P(EngineTest, RefusesAChangedFormatWithTheNameOfTheStore) {
  open({text_store("same"), text_store("changed")});
  put("same", "x");
  commit_at(1);
  const absl::Status status =
      try_open({text_store("same"), key_value_store_spec<std::string, std::int64_t>("changed")});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(message_of(status).find("store 'changed': value format was string, is int64"), std::string::npos)
      << status;
  EXPECT_EQ(message_of(status).find("'same'"), std::string::npos) << status;
  // Refusing changes nothing.
  open({text_store("same"), text_store("changed")});
  EXPECT_EQ(row("same", "k"), "x");
  EXPECT_EQ(task_->meta().changelogs.at("changed"), 1);
}

TEST_P(EngineTest, AddsStoresThatAreNew) {
  open({text_store("a")});
  put("a", "x");
  commit_at(1);
  open({text_store("b"), text_store("a")});
  EXPECT_EQ(row("a", "k"), "x");
  EXPECT_EQ(row("b", "k"), "-");
  EXPECT_FALSE(task_->meta().changelogs.contains("b"));
  put("b", "y");
  commit_at(2);
  open(specs_);
  EXPECT_EQ(row("b", "k"), "y");
}

TEST_P(EngineTest, RemovesLoggedStoresTheProgramNoLongerHas) {
  open({text_store("a"), text_store("b")});
  put("a", "x");
  put("b", "old");
  commit_at(1);
  open({text_store("a")});
  EXPECT_EQ(row("a", "k"), "x");
  EXPECT_FALSE(task_->meta().changelogs.contains("b"));
  commit_at(2);
  // It may even come back as something else; nothing old shines through.
  open({text_store("a"), key_value_store_spec<std::string, std::int64_t>("b")});
  EXPECT_EQ((store<KeyValueStore<std::string, std::int64_t>>("b").find("k")), nullptr);
  EXPECT_FALSE(task_->meta().changelogs.contains("b"));
}

TEST_P(EngineTest, KeepsStoresWithoutAChangelogThatTheProgramNoLongerHas) {
  open({text_store("a"), text_store("b", {.logged = false})});
  put("b", "precious");
  commit_at(1);
  open({text_store("a")});
  commit_at(2);
  open({text_store("a"), text_store("b", {.logged = false})});
  EXPECT_EQ(row("b", "k"), "precious");
}

TEST_P(EngineTest, AStoreThatWasInMemoryForATimeStartsEmptyOnDisk) {
  open({text_store("a"), text_store("b")});
  put("b", "old");
  commit_at(1);
  open({text_store("a"), text_store("b", {.persistent = false})});
  EXPECT_EQ(row("b", "k"), "-");
  EXPECT_FALSE(task_->meta().changelogs.contains("b"));
  commit_at(2);
  open({text_store("a"), text_store("b")});
  EXPECT_EQ(row("b", "k"), "-");
  EXPECT_FALSE(task_->meta().changelogs.contains("b"));
}

TEST_P(EngineTest, MixesStoresInMemoryAndOnDiskInOneCommit) {
  open({text_store("disk"), text_store("memory", {.persistent = false})});
  put("disk", "x");
  put("memory", "y");
  commit_at(1);
  put("disk", "lost");
  put("memory", "lost");
  task_->drop();
  EXPECT_EQ(row("disk", "k"), "x");
  EXPECT_EQ(row("memory", "k"), "y");
  reopen();
  EXPECT_EQ(row("disk", "k"), "x");
  EXPECT_EQ(row("memory", "k"), "y");
}

TEST_P(EngineTest, SaysThatADirectoryIsInUse) {
  open({text_store("s")});
  TaskStoreOptions options;
  options.directory = path();
  options.task = "0_0";
  options.resources = resources_;
  const auto second = state_engine()->open(options, specs_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(class_of(second.status()), ErrorClass::kRetriable);
  EXPECT_NE(message_of(second.status()).find("in use by another process or task"), std::string::npos)
      << second.status();
  EXPECT_NE(message_of(second.status()).find(path()), std::string::npos);
  close();
  EXPECT_TRUE(state_engine()->open(options, specs_).ok());
}

TEST_P(EngineTest, RefusesSpecsItCannotBuild) {
  StoreSpec foreign;
  foreign.name = "s";
  EXPECT_EQ(try_open({foreign}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(try_open({text_store("s"), text_store("s")}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(try_open({text_store("")}).code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(EngineTest, RefusesResourcesAndLimitsThatMakeNoSense) {
  class Foreign final : public StateResources {};
  TaskStoreOptions options;
  options.directory = path();
  options.resources = std::make_shared<Foreign>();
  const std::vector<StoreSpec> specs{text_store("s")};
  EXPECT_EQ(state_engine()->open(options, specs).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(state_engine()->make_resources({.memory_bytes = 10}).status().code(),
            absl::StatusCode::kInvalidArgument);
  options.resources.reset();
  EXPECT_TRUE(state_engine()->open(options, specs).ok());
  options.directory.clear();
  EXPECT_EQ(state_engine()->open(options, specs).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(EngineTest, RefusesADirectoryThatCannotBeMade) {
  std::ofstream(directory_.path() + "/task") << "a file";
  EXPECT_FALSE(try_open({text_store("s")}).ok());
}

TEST_P(EngineTest, RefusesDamagedMetaAndDamagedFiles) {
  open({text_store("s")});
  put("s", "x");
  commit_at(1);
  close();
  {
    auto database = open_database(path(), resources_);
    ASSERT_TRUE(database.ok()) << database.status();
    (*database)->put_value("meta", "garbage");
    ASSERT_TRUE((*database)->apply().ok());
  }
  absl::Status status = try_open(specs_);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_NE(message_of(status).find(path()), std::string::npos) << status;
  std::filesystem::resize_file(path() + "/CURRENT", 0);
  status = try_open(specs_);
  EXPECT_FALSE(status.ok());
}

TEST_P(EngineTest, DropsWhatACrashLeftOfAStoreInTheMaking) {
  open({text_store("a")});
  commit_at(1);
  close();
  {
    // A column family that the list of stores does not have yet, with something in it.
    auto database = open_database(path(), resources_);
    ASSERT_TRUE(database.ok()) << database.status();
    ASSERT_TRUE((*database)->make_store("b").ok());
    (*database)->store("b")->put("k", std::string(8, '\0') + "stale");
    ASSERT_TRUE((*database)->apply().ok());
  }
  open({text_store("a"), text_store("b")});
  EXPECT_EQ(row("b", "k"), "-");
}

TEST(MemoryDatabases, KeepWhatWasAppliedAndLoseWhatWasNot) {
  const auto resources = *make_state_resources({});
  const std::vector<StoreSpec> specs{text_store("a")};
  TaskStoreOptions options;
  options.directory = std::string(kInMemory) + "task";
  options.task = "0_0";
  options.resources = resources;
  testing::RecordedChangelog changelog;
  {
    auto task = state_engine()->open(options, specs);
    ASSERT_TRUE(task.ok()) << task.status();
    auto& rows = dynamic_cast<Store&>(*(*task)->find("a"));
    rows.put("k", "applied", 1);
    ASSERT_TRUE((*task)->encode(changelog).ok());
    TaskMeta meta;
    meta.changelogs["a"] = 7;
    ASSERT_TRUE((*task)->apply(meta).ok());
    rows.put("k", "staged", 2);
    ASSERT_TRUE((*task)->encode(changelog).ok());
    EXPECT_EQ(class_of(state_engine()->open(options, specs).status()), ErrorClass::kRetriable);
  }
  auto task = state_engine()->open(options, specs);
  ASSERT_TRUE(task.ok()) << task.status();
  const auto* row = dynamic_cast<Store&>(*(*task)->find("a")).find("k");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->value, "applied");
  EXPECT_EQ((*task)->meta().changelogs.at("a"), 7);
  options.directory += "-2";
  auto other = state_engine()->open(options, specs);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(dynamic_cast<Store&>(*(*other)->find("a")).find("k"), nullptr);
}

TEST_P(EngineTest, SharesItsBudgetAmongTheStores) {
  const auto resources = *make_state_resources({.memory_bytes = 4 << 20});
  const std::size_t alone = resources->row_cache_share();
  EXPECT_EQ(alone, std::size_t{1} << 20);
  TaskStoreOptions options;
  options.directory = path();
  options.resources = resources;
  const std::vector<StoreSpec> specs{text_store("a"), text_store("b"), text_store("c", {.persistent = false}),
                                     text_store("d")};
  {
    const auto opened = state_engine()->open(options, specs);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(resources->row_cache_share(), alone / 4);
  }
  EXPECT_EQ(resources->row_cache_share(), alone);
}

TEST_P(EngineTest, KeepsMoreThanItsBudgetOnDisk) {
  const auto resources = *state_engine()->make_resources({.memory_bytes = 2 << 20});
  resources_ = resources;
  open({text_store("s")});
  auto& s = store<Store>("s");
  for (int commits = 0; commits < 20; ++commits) {
    for (int i = 0; i < 1000; ++i) s.put(std::to_string(commits * 1000 + i), std::string(1000, 'x'), i);
    commit();
    committed_changelog_ = {};
  }
  EXPECT_LE(task_->cached_bytes(), std::size_t{2} << 18);
  reopen();
  std::size_t rows = 0;
  for (const auto& entry : store<Store>("s").all()) rows += entry.row.value.size() == 1000;
  EXPECT_EQ(rows, 20'000u);
  std::uintmax_t log_bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(path())) {
    if (file.path().extension() == ".log") log_bytes += file.file_size();
  }
  EXPECT_LT(log_bytes, std::uintmax_t{16} << 20);
}

}  // namespace
}  // namespace weir
