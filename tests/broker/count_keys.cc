// Counts records by key, exactly once, and says all the time how far it is; a program of its own, so that a test can kill it.
//
//   count_keys BOOTSTRAP APPLICATION-ID INPUT OUTPUT STATE-DIRECTORY
//
// Lines on standard output: "running processed=9 committed=9 restored=0 remaining=0". Ends with SIGTERM.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include <weir/core/app.h>
#include <weir/core/connect.h>
#include <weir/weir.h>

namespace {

std::atomic<bool> interrupted{false};

absl::Status run(char** arguments) {
  weir::StreamBuilder builder;
  builder.stream<std::string, std::string>(arguments[3])
      .group_by_key()
      .count({.store = "counts"})
      .to_stream()
      .to(arguments[4]);
  auto topology = builder.build();
  if (!topology.ok()) return topology.status();
  auto transport = weir::connect(arguments[1]);
  if (!transport.ok()) return transport.status();
  weir::AppConfig config;
  config.application_id = arguments[2];
  config.transport = *transport;
  config.guarantee = weir::Guarantee::kExactlyOnce;
  config.state_directory = arguments[5];
  config.session_timeout = weir::Duration{3'000};
  if (const char* protocol = std::getenv("WEIR_GROUP_PROTOCOL"); protocol != nullptr)
    config.consumer_properties["group.protocol"] = protocol;
  auto app = weir::App::create(*std::move(topology), std::move(config));
  if (!app.ok()) return app.status();
  if (absl::Status started = (*app)->start(); !started.ok()) return started;
  while (!interrupted && (*app)->state() != weir::AppState::kError) {
    const weir::AppMetrics metrics = (*app)->metrics();
    const std::string line =
        fmt::format("{} processed={} committed={} restored={} remaining={}\n", weir::name_of((*app)->state()),
                    metrics.records_processed, metrics.records_committed, metrics.records_restored,
                    metrics.restore_remaining);
    // In one piece: it may be killed at any moment.
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return (*app)->close(weir::Duration{30'000});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  std::signal(SIGTERM, [](int) { interrupted = true; });
  const absl::Status status = run(argv);
  if (status.ok()) return 0;
  fmt::print(stderr, "count_keys: {}\n", std::string(status.message()));
  return 1;
}
