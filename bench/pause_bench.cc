// How long does a task stand still that stays where it is, while an instance of its group leaves or comes?
//
// Three instances count the records of a topic of 12 partitions, fed evenly, under exactly-once with a commit every 100 ms. One
// leaves, and comes back. A pause is the time between two records of one partition; said are the longest before anybody
// moved, and the longest of the tasks that stayed while somebody did. With cooperative rebalancing nobody stops for the
// others: less than 2 commit intervals is good, a session timeout is bad.
//
// Usage: pause_bench [bootstrap, default embedded:] [rounds, default 3]
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

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

  std::array<Partition, kPartitions> take() {
    const std::lock_guard lock(mutex_);
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

std::unique_ptr<weir::App> start(const std::string& name, const std::shared_ptr<weir::Transport>& transport,
                                 const std::string& directory, int instance, Watch& watch) {
  weir::StreamBuilder builder;
  builder.stream<std::string, std::string>(name + "-in")
      .peek([&watch, instance](const std::string&, const std::string&, const weir::RecordInfo& info) {
        watch.saw(info.origin.partition, instance);
      })
      .group_by_key()
      .count({.store = "counts"})
      .to_stream()
      .to(name + "-out");
  weir::AppConfig config;
  config.application_id = name;
  config.transport = transport;
  config.guarantee = weir::Guarantee::kExactlyOnce;
  config.commit_interval = kCommitInterval;
  config.state_directory = directory + "/" + std::to_string(instance);
  auto app = check(weir::App::create(check(builder.build()), config));
  check(app->start());
  return app;
}

// Prints the longest pause of the tasks that stayed, and how many those are.
void report(const std::string& what, Watch& watch) {
  Clock::duration longest{0};
  int stayed = 0;
  for (const auto& partition : watch.take()) {
    if (partition.moved) continue;
    ++stayed;
    longest = std::max(longest, partition.longest);
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

}  // namespace

int main(int argc, char** argv) {
  const std::string bootstrap = argc > 1 ? argv[1] : "embedded:";
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 3;
  const std::string name = "pause-" + std::to_string(::getpid());
  const std::string directory = std::filesystem::temp_directory_path() / name;
  const std::shared_ptr<weir::Transport> transport = check(weir::connect(bootstrap));
  check(fraud::make_topics(*transport, {{.name = name + "-in", .partitions = kPartitions},
                                        {.name = name + "-out", .partitions = kPartitions}}));
  const auto writer = check(fraud::TopicWriter::make(*transport));

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
    apps.push_back(start(name, transport, directory, instance, watch));
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
    apps.back() = start(name, transport, directory, 2, watch);
    wait_until_running(apps);
    std::this_thread::sleep_for(kCalm);
    report("one comes to two:", watch);
  }
  for (const auto& app : apps) check(app->close(30s));
  feeder.request_stop();
  feeder.join();
  std::filesystem::remove_all(directory);
}
