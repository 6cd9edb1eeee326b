// What the programs that make their own input have in common: options, a folder for state, and how they run and end.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <absl/status/status.h>

#include <weir/core/app.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>

namespace examples {

struct ProgramOptions {
  std::string bootstrap = "embedded:";
  std::string application_id;
  std::string state_directory = {};  // empty: a temporary one
  bool exactly_once = false;
};

// Adds --bootstrap, --application-id, --state-dir and --exactly-once.
void add_options(CLI::App& cli, ProgramOptions& options);

// What follows of the options for an application; `commit_interval` is for at least once.
[[nodiscard]] weir::AppConfig config_of(const ProgramOptions& options,
                                        const std::shared_ptr<weir::Transport>& transport,
                                        weir::Duration commit_interval);

// Calls fill() if a topic holds no records, and otherwise says that it does.
[[nodiscard]] absl::Status fill_if_empty(weir::Transport& transport, const std::string& topic,
                                         const std::function<absl::Status()>& fill);

// Runs a topology until it has done all that its source holds, or the user ends it.
[[nodiscard]] absl::Status run_program(weir::Topology topology, const weir::AppConfig& config,
                                       const std::string& source);

// Whether the user has asked the program to end: SIGINT or SIGTERM, once main_of() has begun.
[[nodiscard]] const std::atomic<bool>& interrupted();

// Gives the options a state folder if they name none, and runs. What was temporary is removed in the end; what went wrong is
// printed. Returns what main() returns.
[[nodiscard]] int main_of(const std::string& program, ProgramOptions& options,
                          const std::function<absl::Status()>& run);

}  // namespace examples
