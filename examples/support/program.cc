#include "program.h"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include <weir/core/log.h>
#include <weir/core/status.h>

#include "broker_io.h"
#include "run_to_end.h"

namespace examples {
namespace {

namespace fs = std::filesystem;

std::atomic<bool> asked_to_end{false};

}  // namespace

void add_options(CLI::App& cli, ProgramOptions& options) {
  cli.add_option("--bootstrap", options.bootstrap,
                 "host:port of a Kafka broker; embedded: for one in this process")
      ->capture_default_str();
  cli.add_option("--application-id", options.application_id, "group of the processes that share the work")
      ->capture_default_str();
  cli.add_option("--state-dir", options.state_directory,
                 "where state is kept; default: a folder that is removed at the end");
  cli.add_flag("--exactly-once", options.exactly_once,
               "commit results, state and positions in one transaction");
}

weir::AppConfig config_of(const ProgramOptions& options, const std::shared_ptr<weir::Transport>& transport,
                          weir::Duration commit_interval) {
  return {.application_id = options.application_id,
          .transport = transport,
          .guarantee = options.exactly_once ? weir::Guarantee::kExactlyOnce : weir::Guarantee::kAtLeastOnce,
          .commit_interval = options.exactly_once ? weir::Duration{100} : commit_interval,
          .state_directory = options.state_directory,
          .log = weir::log_to_stderr(weir::LogLevel::kError)};
}

absl::Status fill_if_empty(weir::Transport& transport, const std::string& topic,
                           const std::function<absl::Status()>& fill) {
  const auto already = records_in(transport, topic);
  if (!already.ok()) return already.status();
  if (*already == 0) return fill();
  fmt::print("The topic {} holds {} records already: none are generated.\n", topic, *already);
  return absl::OkStatus();
}

absl::Status run_program(weir::Topology topology, const weir::AppConfig& config, const std::string& source) {
  const auto app = weir::App::create(std::move(topology), config);
  if (!app.ok()) return app.status();
  absl::Status status = (*app)->start();
  if (status.ok()) {
    status = run_to_end(
        *config.transport, {{app->get(), config.application_id, {source}}}, [] { return true; },
        interrupted(), [] {});
  }
  status.Update((*app)->close(weir::Duration{10'000}));
  return status;
}

const std::atomic<bool>& interrupted() { return asked_to_end; }

int main_of(const std::string& program, ProgramOptions& options, const std::function<absl::Status()>& run) {
  std::string temporary;
  if (options.state_directory.empty()) {
    temporary = (fs::temp_directory_path() / fmt::format("{}-{}", program, ::getpid())).string();
    options.state_directory = temporary;
  }
  std::signal(SIGINT, [](int) { asked_to_end = true; });
  std::signal(SIGTERM, [](int) { asked_to_end = true; });
  const absl::Status status = run();
  if (!temporary.empty()) {
    std::error_code ignored;  // what is left of a temporary folder is no reason to fail
    fs::remove_all(temporary, ignored);
  }
  if (status.ok()) return 0;
  fmt::print(stderr, "{}: {}\n", program, std::string(status.message()));
  return 1;
}

}  // namespace examples
