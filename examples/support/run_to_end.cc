#include "run_to_end.h"

#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include "broker_io.h"

namespace examples {
namespace {

using Clock = std::chrono::steady_clock;

// Whether there is nothing left for any of them, each being asked only when those before it have ended.
absl::StatusOr<bool> all_done(weir::Transport& transport, const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    const auto progress = GroupProgress::of_application(transport, run.application_id, run.sources);
    if (!progress.ok()) return progress.status();
    const auto remaining = (*progress)->remaining();
    if (!remaining.ok()) return remaining.status();
    if (*remaining > 0) return false;
  }
  return true;
}

}  // namespace

absl::Status run_to_end(weir::Transport& transport, const std::vector<Run>& runs,
                        const std::function<bool()>& filled, const std::atomic<bool>& stop,
                        const std::function<void()>& tick) {
  auto next_look = Clock::now();
  while (!stop) {
    for (const Run& run : runs) {
      if (run.app->state() == weir::AppState::kError) return run.app->failure();
    }
    tick();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (!filled() || Clock::now() < next_look) continue;
    next_look = Clock::now() + std::chrono::milliseconds(200);
    const auto done = all_done(transport, runs);
    if (!done.ok()) return done.status();
    if (*done) break;
  }
  return absl::OkStatus();
}

absl::Status run_once(const std::shared_ptr<weir::Transport>& transport, weir::Topology topology,
                      const std::string& application_id, const std::string& source) {
  auto app = weir::App::create(std::move(topology), {.application_id = application_id,
                                                     .transport = transport,
                                                     .commit_interval = weir::Duration{100},
                                                     .log = weir::log_to_stderr(weir::LogLevel::kError)});
  if (!app.ok()) return app.status();
  auto progress = GroupProgress::of(*transport, application_id, source);
  if (!progress.ok()) return progress.status();
  absl::Status status = (*app)->start();
  while (status.ok()) {
    if ((*app)->state() == weir::AppState::kError) status.Update((*app)->failure());
    const auto remaining = (*progress)->remaining();
    status.Update(remaining.status());
    if (remaining.ok() && *remaining == 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  status.Update((*app)->close(weir::Duration{10'000}));
  return status;
}

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) == 1), next_(Clock::now()) {}

void ProgressLine::show(const std::string& text) {
  if (terminal_) {
    fmt::print(stderr, "\r{:<100}", text);
  } else if (Clock::now() >= next_) {
    fmt::print(stderr, "{}\n", text);
    next_ = Clock::now() + std::chrono::seconds(2);
  }
  std::fflush(stderr);
}

void ProgressLine::finish() const {
  if (terminal_) fmt::print(stderr, "\n");
}

}  // namespace examples
