// Makes features of payments, logs them, and scores them with the model "fraud" of a registry as of each payment's time, exactly
// once; a program of its own, so that a test can kill it.
//
//   replay_job BOOTSTRAP APPLICATION-ID PAYMENTS LOG SCORES REGISTRY ARTIFACTS STATE-DIRECTORY
//
// Ends with SIGTERM.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include <weir/core/app.h>
#include <weir/core/connect.h>
#include <weir/ml/registry/model_table.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "replay_job.h"

namespace {

std::atomic<bool> interrupted{false};

absl::StatusOr<weir::Topology> job(char** arguments) {
  weir::StreamBuilder builder;
  const weir::ml::ModelTable models(builder, {.registry = arguments[6], .artifacts = arguments[7]});
  builder.stream<std::string, std::string>(arguments[3])
      .apply(weir::payments_view(arguments[4]))
      .apply(weir::ml::score(
          {.models = models.use("fraud"), .name = "score"},
          [](const weir::ml::Featured<std::string>& payment) { return payment.row.values(); },
          [](const weir::ml::Featured<std::string>& payment, std::span<const float> scores) {
            return fmt::format("{} {}", payment.value, scores[0]);
          }))
      .to(arguments[5]);
  return builder.build();
}

absl::Status run(char** arguments) {
  auto topology = job(arguments);
  if (!topology.ok()) return topology.status();
  auto transport = weir::connect(arguments[1]);
  if (!transport.ok()) return transport.status();
  weir::AppConfig config;
  config.application_id = arguments[2];
  config.transport = *transport;
  config.workers = 2;
  config.guarantee = weir::Guarantee::kExactlyOnce;
  config.commit_interval = weir::Duration{100};
  config.state_directory = arguments[8];
  config.session_timeout = weir::Duration{6'000};
  auto app = weir::App::create(*std::move(topology), std::move(config));
  if (!app.ok()) return app.status();
  if (absl::Status started = (*app)->start(); !started.ok()) return started;
  while (!interrupted && (*app)->state() != weir::AppState::kError)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  return (*app)->close(weir::Duration{30'000});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 9) return 2;
  std::signal(SIGTERM, [](int) { interrupted = true; });
  const absl::Status status = run(argv);
  if (status.ok()) return 0;
  fmt::print(stderr, "replay_job: {}\n", std::string(status.message()));
  return 1;
}
