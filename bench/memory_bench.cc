// Does a process stay within its memory budget while its state grows far beyond it, and while its partitions double?
//
// Two processes keep the rows of a table of 8 partitions, 1 KiB each and no two alike, with the default budget of 256 MiB. When
// all is in, one of them leaves, and the other restores what that had and takes its partitions. Said is the most that the one
// that stays had resident, before and after. The budget and a quarter of it is good.
//
// Usage: memory_bench [bootstrap, default 127.0.0.1:29092] [MiB of rows, default 2048]
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/core/app.h>
#include <weir/core/connect.h>
#include <weir/weir.h>

#include "broker_io.h"

extern char** environ;

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr weir::Partition kPartitions = 8;
constexpr std::size_t kRowBytes = 1024;
constexpr double kMebibyte = 1024.0 * 1024.0;

template <class T>
T check(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "memory_bench: %s\n", std::string(result.status().message()).c_str());
  std::exit(1);
}
void check(const absl::Status& status) {
  if (!status.ok()) check(absl::StatusOr<int>(status));
}

std::atomic<bool> ended{false};

// One of the processes.
void keep_rows(const std::string& bootstrap, const std::string& name, const std::string& directory) {
  std::signal(SIGTERM, [](int) { ended = true; });
  weir::StreamBuilder builder;
  std::ignore = builder.table<std::string, std::string>(name, {.store = "rows"});
  weir::AppConfig config;
  config.application_id = name + "-app";
  config.transport = check(weir::connect(bootstrap));
  config.commit_interval = 1s;
  config.state_directory = directory;
  const auto app = check(weir::App::create(check(builder.build()), config));
  check(app->start());
  while (!ended && app->state() != weir::AppState::kError) std::this_thread::sleep_for(50ms);
  check(app->close(60s));
}

class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    check(::posix_spawn(&pid_, pointers[0], nullptr, nullptr, pointers.data(), environ) == 0
              ? absl::OkStatus()
              : absl::InternalError("cannot start a process"));
  }
  ~Process() { leave(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void leave() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  // The most it had resident since the last call, in MiB.
  double most_resident() {
    double kilobytes = 0;
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) kilobytes = std::stod(line.substr(6));
    }
    std::ofstream("/proc/" + std::to_string(pid_) + "/clear_refs") << "5\n";
    return kilobytes / 1024;
  }

 private:
  pid_t pid_ = -1;
};

double size_of(const fs::path& directory) {
  double bytes = 0;
  std::error_code gone;
  for (const auto& entry : fs::recursive_directory_iterator(directory, gone)) {
    if (const auto size = entry.file_size(gone); !gone) bytes += static_cast<double>(size);
  }
  return bytes / kMebibyte;
}

void fill(weir::Transport& transport, const std::string& topic, std::uint64_t rows) {
  const auto writer = check(examples::TopicWriter::make(transport));
  std::mt19937_64 chance(1);
  std::string row(kRowBytes, ' ');
  for (std::uint64_t i = 0; i < rows; ++i) {
    for (std::size_t at = 0; at + 8 <= kRowBytes; at += 8) {
      const std::uint64_t drawn = chance();
      std::copy_n(reinterpret_cast<const char*>(&drawn), 8, row.data() + at);
    }
    check(writer->write(topic, std::to_string(chance()), row, static_cast<weir::Timestamp>(i)));
  }
  check(writer->finish());
}

void report(const char* when, Process& process, const fs::path& directory) {
  std::printf("%-34s at most %4.0f MiB resident, %5.0f MiB of state on disk\n", when, process.most_resident(),
              size_of(directory));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::string(argv[1]) == "keep-rows") {
    keep_rows(argv[2], argv[3], argv[4]);
    return 0;
  }
  const std::string bootstrap = argc > 1 ? argv[1] : "127.0.0.1:29092";
  const std::uint64_t rows = std::strtoull(argc > 2 ? argv[2] : "2048", nullptr, 10) * 1024;
  const std::string name = "memory-" + std::to_string(::getpid());
  const fs::path directory = fs::temp_directory_path() / name;
  const auto transport = check(weir::connect(bootstrap));
  check(examples::make_topics(*transport, {{.name = name, .partitions = kPartitions}}));

  const auto start = [&](const std::string& who) {
    return std::make_unique<Process>(std::vector<std::string>{fs::read_symlink("/proc/self/exe"), "keep-rows",
                                                              bootstrap, name, directory / who});
  };
  fill(*transport, name, 1);
  const auto stays = start("stays");
  const auto leaves = start("leaves");
  std::this_thread::sleep_for(10s);
  report("with half of the partitions:", *stays, directory / "stays");
  fill(*transport, name, rows);
  const auto progress = check(examples::GroupProgress::of(*transport, name + "-app", name));
  const auto wait = [&] {
    while (check(progress->remaining()) > 0) std::this_thread::sleep_for(500ms);
  };
  wait();
  report("when its half of the rows is in:", *stays, directory / "stays");
  leaves->leave();
  fill(*transport, name, rows / 16);
  wait();
  report("with all partitions, all rows:", *stays, directory / "stays");
  stays->leave();
  fs::remove_all(directory);
}
