#include "commands.h"

#include <cstdint>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <weir/core/connect.h>
#include <weir/core/reset.h>
#include <weir/core/status.h>

namespace weir::cli {
namespace {

struct ResetArguments {
  std::string bootstrap;
  std::vector<std::string> properties;
  bool to_earliest = false;
  bool to_latest = false;
  std::optional<std::int64_t> to_offset;
  std::optional<std::int64_t> by_duration_ms;
  bool dry_run = false;
  bool execute = false;
  ResetOptions options;
};

void describe_reset(CLI::App& reset, ResetArguments& arguments) {
  reset.add_option("--bootstrap", arguments.bootstrap, "Brokers: host:port,host:port")->required();
  reset.add_option("--property", arguments.properties, "A property of librdkafka, NAME=VALUE; repeatable");
  reset.add_option("--application-id", arguments.options.application_id, "The application")->required();
  reset.add_option("--input", arguments.options.inputs,
                   "A topic whose positions are set; repeatable. Default: all in which it has positions");
  auto* to = reset.add_option_group("positions", "Where the application begins in its inputs");
  to->add_flag("--to-earliest", arguments.to_earliest, "At the first record that is kept");
  to->add_flag("--to-latest", arguments.to_latest, "Behind the last record");
  to->add_option("--to-offset", arguments.to_offset, "At this offset")->check(CLI::NonNegativeNumber);
  to->add_option("--by-duration", arguments.by_duration_ms,
                 "At the first record that is no older than this: 90s, 15m, 2h, 1d")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, std::int64_t>{
          {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}));
  to->require_option(0, 1);
  reset.add_flag("--internal-topics", arguments.options.internal_topics,
                 "Delete the topics that the application made for itself");
  reset.add_option("--state-dir", arguments.options.state_directory,
                   "The state directory of an instance on this machine, to be emptied");
  reset.add_flag("--force", arguments.options.force,
                 "Tell instances that are in the group to stop, and wait a minute until they are gone");
  auto* dry = reset.add_flag("--dry-run", arguments.dry_run, "Only show what would be done (the default)");
  reset.add_flag("--execute", arguments.execute, "Do it")->excludes(dry);
}

int run_reset(ResetArguments& arguments) {
  ResetOptions& options = arguments.options;
  if (arguments.to_earliest) options.to = ResetTo::kEarliest;
  if (arguments.to_latest) options.to = ResetTo::kLatest;
  if (arguments.to_offset) {
    options.to = ResetTo::kOffset;
    options.offset = *arguments.to_offset;
  }
  if (arguments.by_duration_ms) {
    options.to = ResetTo::kTime;
    options.time = system_clock().wall() - *arguments.by_duration_ms;
  }
  if (options.to == ResetTo::kNowhere) {
    if (!options.inputs.empty()) {
      std::cerr << "--input needs one of --to-earliest, --to-latest, --to-offset, --by-duration\n";
      return kWrongUsage;
    }
    if (!options.internal_topics && options.state_directory.empty()) {
      std::cerr << "nothing to reset: say where positions go (--to-earliest ...), --internal-topics or "
                   "--state-dir\n";
      return kWrongUsage;
    }
  }

  std::shared_ptr<Transport> transport;
  if (const int failed = connect_to(arguments.bootstrap, arguments.properties, transport); failed != 0)
    return failed;
  const auto plan = plan_reset(options, *transport);
  if (!plan.ok()) {
    std::cerr << message_of(plan.status()) << '\n';
    return kFailed;
  }
  std::cout << plan->text();
  if (!arguments.execute) {
    if (!plan->empty()) std::cout << "nothing was changed; --execute does it\n";
    return 0;
  }
  if (const absl::Status done = reset(*plan, *transport); !done.ok()) {
    std::cerr << message_of(done) << '\n';
    return kFailed;
  }
  std::cout << "done\n";
  return 0;
}

}  // namespace

void add_reset(CLI::App& program, std::function<int()>& chosen) {
  const auto arguments = std::make_shared<ResetArguments>();  // shared with the callback
  CLI::App* reset = program.add_subcommand("reset", "Take an application back to a beginning");
  describe_reset(*reset, *arguments);
  reset->callback([arguments, &chosen] { chosen = [arguments] { return run_reset(*arguments); }; });
}

}  // namespace weir::cli
