// A process that is killed in the middle of its commits leaves the last one it finished, whole.
//
// The program runs itself with --write DIRECTORY as the victim: it commits for ever and says so after each commit.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <weir/state/engine.h>
#include <weir/state/join_store.h>
#include <weir/state/key_value_store.h>
#include <weir/state/session_store.h>
#include <weir/state/versioned_store.h>
#include <weir/state/window_store.h>

#include "state_fixture.h"

namespace weir {
namespace {

using Rows = KeyValueStore<std::string, std::int64_t>;
using Windows = WindowStore<std::string, std::int64_t>;
using Sessions = SessionStore<std::string, std::int64_t>;
using Waiting = JoinStore<std::string, std::int64_t>;
using Versions = VersionedStore<std::string, std::int64_t>;

constexpr std::int64_t kKeys = 50;
constexpr std::int64_t kRetention = 1000;

std::vector<StoreSpec> specs() {
  return {key_value_store_spec<std::string, std::int64_t>("rows"),
          window_store_spec<std::string, std::int64_t>("windows", Duration(kRetention), Duration(100)),
          session_store_spec<std::string, std::int64_t>("sessions", Duration(kRetention), Duration(100)),
          join_store_spec<std::string, std::int64_t>("waiting", Duration(kRetention), Duration(100)),
          versioned_store_spec<std::string, std::int64_t>("versions", Duration(kRetention), Duration(100))};
}

absl::StatusOr<std::unique_ptr<TaskStore>> open_stores(const std::string& directory) {
  TaskStoreOptions options;
  options.directory = directory;
  options.task = "0_0";
  options.resources =
      *state_engine()->make_resources({.memory_bytes = 4 << 20});  // small: flushes happen too
  return state_engine()->open(options, specs());
}

Offset position_of(const TaskStore& task) {
  const auto found = task.meta().positions.find({"in", 0});
  return found == task.meta().positions.end() ? 0 : found->second;
}

// Commit n writes n under key n % kKeys, a window that starts at n, the session [1, n] for [1, n - 1], two rows that wait at
// time n, a version from n on, and 2 KB that make the database flush.
int write_for_ever(const std::string& directory) {
  auto opened = open_stores(directory);
  if (!opened.ok()) {
    std::fprintf(stderr, "%s\n", opened.status().ToString().c_str());
    return 1;
  }
  TaskStore& task = **opened;
  auto& rows = dynamic_cast<Rows&>(*task.find("rows"));
  auto& windows = dynamic_cast<Windows&>(*task.find("windows"));
  auto& sessions = dynamic_cast<Sessions&>(*task.find("sessions"));
  auto& waiting = dynamic_cast<Waiting&>(*task.find("waiting"));
  auto& versions = dynamic_cast<Versions&>(*task.find("versions"));
  testing::RecordedChangelog changelog;
  for (std::int64_t n = position_of(task) + 1;; ++n) {
    rows.put(std::to_string(n % kKeys), n, n);
    rows.put(std::string(2000, 'x') + std::to_string(n % kKeys), n, n);
    if (!windows.put("w", n, n, n)) return 2;
    if (n > 1) sessions.erase("s", 1, n - 1, n);
    if (!sessions.put("s", 1, n, n, n)) return 2;
    if (!waiting.put("j", n, n) || !waiting.put("j", n, -n)) return 2;
    if (!versions.put("v", n, n).latest()) return 2;
    if (!task.encode(changelog).ok()) return 3;
    changelog = {};
    TaskMeta meta = task.meta();
    meta.positions[{"in", 0}] = n;
    meta.wall = n;
    if (!task.apply(meta).ok()) return 4;
    if (::write(STDOUT_FILENO, &n, sizeof(n)) != sizeof(n)) return 5;
  }
}

// Returns the log that a database in the folder wrote last, by its number; an empty path if there is none.
std::filesystem::path newest_log(const std::string& directory) {
  std::filesystem::path newest;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() == ".log" && (newest.empty() || path.filename() > newest.filename())) newest = path;
  }
  return newest;
}

// Starts a writer and kills it once it has said `commits` commits. Returns the last one it said.
std::int64_t run_and_kill(const std::string& directory, unsigned commits) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe_ends[1], STDOUT_FILENO);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    ::execl("/proc/self/exe", "crash_test", "--write", directory.c_str(), static_cast<char*>(nullptr));
    ::_exit(9);
  }
  ::close(pipe_ends[1]);
  std::int64_t last = 0;
  std::int64_t said = 0;
  unsigned heard = 0;
  while (::read(pipe_ends[0], &said, sizeof(said)) == sizeof(said)) {
    last = said;
    if (++heard == commits) ::kill(child, SIGKILL);
  }
  ::close(pipe_ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  return last;
}

// All stores must be what so many commits have made of them.
void expect_state_after(TaskStore& task, Offset position) {
  EXPECT_EQ(task.meta().wall, position);
  auto& rows = dynamic_cast<Rows&>(*task.find("rows"));
  std::int64_t count = 0;
  for (const auto& [key, row] : rows.all()) {
    ++count;
    const std::int64_t remainder = std::stoll(key.size() > 100 ? key.substr(2000) : key);
    EXPECT_EQ(row.value % kKeys, remainder);
    EXPECT_LE(row.value, position);
    EXPECT_GT(row.value, position - kKeys);
    EXPECT_EQ(row.timestamp, row.value);
  }
  EXPECT_EQ(count, 2 * std::min(position, kKeys));
  auto& windows = dynamic_cast<Windows&>(*task.find("windows"));
  EXPECT_EQ(windows.observed_time(), position);
  std::int64_t next = std::max<std::int64_t>(1, position - kRetention + 1);
  for (const auto& window : windows.all()) {
    EXPECT_EQ(window.start, next);
    EXPECT_EQ(window.row.value, next);
    ++next;
  }
  EXPECT_EQ(next, position + 1);

  auto& sessions = dynamic_cast<Sessions&>(*task.find("sessions"));
  std::int64_t found = 0;
  for (const auto& session : sessions.all()) {
    ++found;
    EXPECT_EQ(session.start, 1);
    EXPECT_EQ(session.end, position);
    EXPECT_EQ(session.row.value, position);
  }
  EXPECT_EQ(found, 1);

  auto& waiting = dynamic_cast<Waiting&>(*task.find("waiting"));
  std::int64_t expected = std::max<std::int64_t>(1, position - kRetention + 1);
  waiting.visit("j", 0, position + 1, [&](Timestamp time, std::int64_t value) {
    EXPECT_EQ(time, std::abs(expected));
    EXPECT_EQ(value, expected);
    expected = expected > 0 ? -expected : -expected + 1;
  });
  EXPECT_EQ(expected, position + 1);

  auto& versions = dynamic_cast<Versions&>(*task.find("versions"));
  const std::int64_t oldest = std::max<std::int64_t>(1, position - kRetention);
  const auto history = versions.versions("v", oldest, position);
  EXPECT_EQ(static_cast<std::int64_t>(history.size()), position - oldest + 1);
  for (std::size_t i = 0; i < history.size(); ++i) {
    const std::int64_t from = oldest + static_cast<std::int64_t>(i);
    EXPECT_EQ(history[i].value, from);
    EXPECT_EQ(history[i].valid_from, from);
    EXPECT_EQ(history[i].valid_to, from == position ? std::nullopt : std::optional<Timestamp>(from + 1));
  }
}

TEST(Crash, LeavesTheLastCommitThatWasApplied) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 chance(seed);
  testing::TemporaryDirectory directory;
  std::int64_t before = 0;
  for (int round = 0; round < 8; ++round) {
    const std::int64_t said = run_and_kill(directory.path(), 1 + chance() % 800);
    ASSERT_GT(said, before);
    auto opened = open_stores(directory.path());
    ASSERT_TRUE(opened.ok()) << opened.status();
    before = position_of(**opened);
    // It may have died between applying and saying so.
    EXPECT_GE(before, said);
    EXPECT_LE(before, said + 1);
    expect_state_after(**opened, before);
  }
}

// What a power failure takes is the end of the newest log, which is not synced, at any byte.
TEST(Crash, LeavesAnEarlierCommitWhenTheEndOfTheLogIsLost) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 chance(seed);
  testing::TemporaryDirectory directory;
  int lost = 0;
  for (int round = 0; round < 12; ++round) {
    const std::int64_t said = run_and_kill(directory.path(), 1 + chance() % 200);
    const std::filesystem::path log = newest_log(directory.path());
    ASSERT_FALSE(log.empty());
    const std::uintmax_t size = std::filesystem::file_size(log);
    std::filesystem::resize_file(log, size - std::min<std::uintmax_t>(size, chance() % 100'000));
    auto opened = open_stores(directory.path());
    ASSERT_TRUE(opened.ok()) << opened.status();
    const Offset position = position_of(**opened);
    EXPECT_LE(position, said + 1);
    lost += position < said ? 1 : 0;
    if (position > 0) expect_state_after(**opened, position);
  }
  EXPECT_GT(lost, 0);
}

TEST(Crash, AnotherProcessCannotOpenWhatIsOpen) {
  testing::TemporaryDirectory directory;
  auto opened = open_stores(directory.path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(STDERR_FILENO);
    ::execl("/proc/self/exe", "crash_test", "--write", directory.path().c_str(), static_cast<char*>(nullptr));
    ::_exit(9);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

}  // namespace
}  // namespace weir

int main(int count, char** arguments) {
  if (count == 3 && std::string_view(arguments[1]) == "--write") return weir::write_for_ever(arguments[2]);
  ::testing::InitGoogleTest(&count, arguments);
  return RUN_ALL_TESTS();
}
