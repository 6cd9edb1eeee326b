// How long does a task stand still that stays where it is, while an instance of its group leaves, comes or is killed?
//
// Three instances count the records of a topic of 12 partitions, fed evenly, under exactly-once with a commit every 100 ms. One
// leaves, and comes back. A pause is the time between two records of one partition; said are the longest before anybody
// moved, and the longest of the tasks that stayed while somebody did. With cooperative rebalancing nobody stops for the
// others: less than 2 commit intervals is good, a session timeout is bad.
//
// With a real broker a fourth instance, a process of its own, then joins, is killed and started again at once: the group waits
// for the dead one until its session ends, and nobody else should. Said is the longest pause meanwhile.
//
// Usage: pause_bench [bootstrap, default embedded:] [rounds, default 3] [exactly_once | at_least_once]
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/core/app.h>
#include <weir/core/connect.h>
#include <weir/weir.h>

#include "broker_io.h"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr weir::Partition kPartitions = 12;
constexpr weir::Duration kCommitInterval = 100ms;
constexpr int kKeys = 1200;
constexpr auto kBetweenRecords = 1ms;
constexpr auto kCalm = 4s;
constexpr weir::Duration kSession = 12s;

template <class T>
T check(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "pause_bench: %s\n", std::string(result.status().message()).c_str());
  std::exit(1);
}
void check(const absl::Status& status) {
  if (!status.ok()) check(absl::StatusOr<int>(status));
}

// The longest pause of each partition since the last call of `pauses`, and who processed it.
class Watch {
 public:
  struct Partition {
    Clock::time_point last = Clock::now();
    Clock::duration longest{0};
    int instance = -1;
    bool moved = false;
  };

  void saw(weir::Partition partition, int instance) {
    const auto now = Clock::now();
    const std::lock_guard lock(mutex_);
    Partition& each = partitions_[static_cast<std::size_t>(partition)];
    each.longest = std::max(each.longest, now - each.last);
    each.moved |= each.instance != instance;
    each.last = now;
    each.instance = instance;
  }

  // A pause that lasts counts as far as it has come.
  std::array<Partition, kPartitions> take() {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    for (Partition& each : partitions_) each.longest = std::max(each.longest, now - each.last);
    const auto result = partitions_;
    for (Partition& each : partitions_) {
      each.longest = {};
      each.moved = false;
    }
    return result;
  }

 private:
  std::mutex mutex_;
  std::array<Partition, kPartitions> partitions_;
};

// What all instances have in common.
struct Setting {
  std::string bootstrap;
  std::string name;
  weir::Guarantee guarantee;
  std::string directory;
  std::shared_ptr<weir::Transport> transport;
};

std::unique_ptr<weir::App> start(const Setting& setting, int instance, Watch& watch) {
  weir::StreamBuilder builder;
  builder.stream<std::string, std::string>(setting.name + "-in")
      .peek([&watch, instance](const std::string&, const std::string&, const weir::RecordInfo& info) {
        watch.saw(info.origin.partition, instance);
      })
      .group_by_key()
      .count({.store = "counts"})
      .to_stream()
      .to(setting.name + "-out");
  weir::AppConfig config;
  config.application_id = setting.name;
  config.transport = setting.transport;
  config.guarantee = setting.guarantee;
  config.commit_interval = kCommitInterval;
  config.session_timeout = kSession;
  config.state_directory = setting.directory + "/" + std::to_string(instance);
  auto app = check(weir::App::create(check(builder.build()), config));
  check(app->start());
  return app;
}

// Prints the longest pause of those of the tasks that stayed, and how many they are.
void report(
    const std::string& what, Watch& watch,
    const std::function<bool(std::size_t)>& counts = [](std::size_t) { return true; }) {
  Clock::duration longest{0};
  int stayed = 0;
  const auto partitions = watch.take();
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    if (partitions[i].moved || !counts(i)) continue;
    ++stayed;
    longest = std::max(longest, partitions[i].longest);
  }
  const double milliseconds = std::chrono::duration<double, std::milli>(longest).count();
  std::printf("%-22s %3d tasks stayed, longest pause %7.1f ms = %.2f commit intervals\n", what.c_str(),
              stayed, milliseconds, milliseconds / static_cast<double>(kCommitInterval.count()));
  std::fflush(stdout);
}

void wait_until_running(const std::vector<std::unique_ptr<weir::App>>& apps) {
  for (const auto& app : apps) {
    if (app && !app->wait_for(weir::AppState::kRunning, 60s)) check(app->failure());
  }
}

constexpr char kAtLeastOnce[] = "at_least_once";
constexpr char kExactlyOnce[] = "exactly_once";

// A process that is an instance until it is killed, or its bounded life is over.
class Child {
 public:
  static constexpr char kArgument[] = "--child";

  Child(const char* program, const Setting& setting) {
    const char* guarantee = setting.guarantee == weir::Guarantee::kAtLeastOnce ? kAtLeastOnce : kExactlyOnce;
    const std::array<const char*, 7> arguments{program,
                                               kArgument,
                                               setting.bootstrap.c_str(),
                                               setting.name.c_str(),
                                               guarantee,
                                               setting.directory.c_str(),
                                               nullptr};
    if (::posix_spawn(&pid_, program, nullptr, nullptr, const_cast<char**>(arguments.data()), environ) != 0)
      check(absl::InternalError("no process could be started"));
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  static int run(const Setting& setting) {
    Watch watch;
    const auto app = start(setting, 3, watch);
    std::this_thread::sleep_for(60s);
    return 0;
  }

 private:
  pid_t pid_ = 0;
};

void kill_and_start_again(const char* program, const Setting& setting, Watch& watch) {
  auto child = std::make_unique<Child>(program, setting);
  std::this_thread::sleep_for(2 * kCalm);
  std::ignore = watch.take();
  std::this_thread::sleep_for(kCalm);
  // The child's partitions are those that nobody here processes.
  const auto before = watch.take();
  child.reset();
  child = std::make_unique<Child>(program, setting);
  std::this_thread::sleep_for(kSession - 2s);
  report("one of four is killed:", watch, [&](std::size_t i) { return before[i].longest < 2s; });
  child.reset();
  std::this_thread::sleep_for(kSession + kCalm);
}

Setting setting_of(const std::string& bootstrap, const std::string& name, const std::string& guarantee,
                   const std::string& directory) {
  return {bootstrap, name,
          guarantee == kAtLeastOnce ? weir::Guarantee::kAtLeastOnce : weir::Guarantee::kExactlyOnce,
          directory, check(weir::connect(bootstrap))};
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 5 && arguments[0] == Child::kArgument)
    return Child::run(setting_of(arguments[1], arguments[2], arguments[3], arguments[4]));
  const auto argument = [&](std::size_t index, const std::string& otherwise) {
    return index < arguments.size() ? arguments[index] : otherwise;
  };
  const std::string name = "pause-" + std::to_string(::getpid());
  const Setting setting = setting_of(argument(0, "embedded:"), name, argument(2, kExactlyOnce),
                                     std::filesystem::temp_directory_path() / name);
  const int rounds = std::stoi(argument(1, "3"));
  check(examples::make_topics(*setting.transport, {{.name = name + "-in", .partitions = kPartitions},
                                                   {.name = name + "-out", .partitions = kPartitions}}));
  const auto writer = check(examples::TopicWriter::make(*setting.transport));

  Watch watch;
  std::jthread feeder([&](const std::stop_token& stop) {
    for (std::int64_t i = 0; !stop.stop_requested(); ++i) {
      check(writer->write(name + "-in", "key-" + std::to_string(i % kKeys), "value", i));
      std::this_thread::sleep_for(kBetweenRecords);
    }
  });
  std::this_thread::sleep_for(1s);

  std::vector<std::unique_ptr<weir::App>> apps;
  for (int instance = 0; instance < 3; ++instance) {
    apps.push_back(start(setting, instance, watch));
    wait_until_running(apps);
  }
  std::this_thread::sleep_for(kCalm);
  for (int round = 0; round < rounds; ++round) {
    std::ignore = watch.take();
    std::this_thread::sleep_for(kCalm);
    report("nobody moves:", watch);
    check(apps.back()->close(30s));
    apps.back().reset();
    std::this_thread::sleep_for(kCalm);
    report("one of three leaves:", watch);
    apps.back() = start(setting, 2, watch);
    wait_until_running(apps);
    std::this_thread::sleep_for(kCalm);
    report("one comes to two:", watch);
    if (!setting.bootstrap.starts_with("embedded:")) kill_and_start_again(argv[0], setting, watch);
  }
  for (const auto& app : apps) check(app->close(30s));
  feeder.request_stop();
  feeder.join();
  std::filesystem::remove_all(setting.directory);
}
