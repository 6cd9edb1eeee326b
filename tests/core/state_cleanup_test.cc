#include <weir/core/state_cleanup.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "support/scratch_folder.h"

namespace weir {
namespace {

namespace fs = std::filesystem;
using std::chrono_literals::operator""h;

class StateCleanupTest : public testing::Test {
 protected:
  StateCleanupTest() {
    for (const char* folder : {"0_0", "1_12", "global", "0_x", "_1", "1_", "0_1_2", "logs"}) make(folder);
    std::ofstream(scratch_ / "lock") << "x";
    std::ofstream(scratch_ / "0_7") << "a file, not a task";
  }

  void make(const std::string& folder) {
    fs::create_directories(scratch_ / (folder + "/db"));
    std::ofstream(scratch_ / (folder + "/db/rows")) << "rows";
  }
  void age(const std::string& folder, std::chrono::hours by) {
    const auto then = fs::file_time_type::clock::now() - by;
    for (const char* part : {"/db/rows", "/db", ""}) fs::last_write_time(scratch_ / (folder + part), then);
  }
  static Timestamp now() {
    return std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()).count();
  }

  const ScratchFolder scratch_;
};

TEST_F(StateCleanupTest, RemovesTheFoldersOfTasksAndNothingElse) {
  const auto removed = remove_task_folders(scratch_.path(), std::nullopt, now());
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, (std::vector<std::string>{"0_0", "1_12", "global"}));
  EXPECT_FALSE(fs::exists(scratch_ / "0_0"));
  for (const char* other : {"0_x", "_1", "1_", "0_1_2", "logs", "lock", "0_7"})
    EXPECT_TRUE(fs::exists(scratch_ / other)) << other;
}

TEST_F(StateCleanupTest, KeepsWhatWasWrittenSince) {
  age("0_0", 48h);
  age("1_12", 48h);
  std::ofstream(scratch_ / "1_12/db/rows") << "more";  // one file is enough
  const auto removed = remove_task_folders(scratch_.path(), 24h, now());
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, (std::vector<std::string>{"0_0"}));
}

TEST_F(StateCleanupTest, HasNothingToDoWhereThereIsNoDirectory) {
  const auto removed = remove_task_folders(scratch_ / "none", std::nullopt, now());
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_TRUE(removed->empty());
}

}  // namespace
}  // namespace weir
