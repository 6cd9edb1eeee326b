// The command `weir`: what is done to an application from outside. See docs/topics-and-reset.md.
//
// Exit codes: 0 done (or shown what would be done), 1 it failed, 2 wrong usage.
#include <cstdint>
#include <iostream>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <weir/core/connect.h>
#include <weir/core/reset.h>
#include <weir/core/status.h>

namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

struct ResetArguments {
  std::string bootstrap;
  std::vector<std::string> properties;
  bool to_earliest = false;
  bool to_latest = false;
  std::optional<std::int64_t> to_offset;
  std::optional<std::int64_t> by_duration_ms;
  bool dry_run = false;
  bool execute = false;
  weir::ResetOptions options;
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
  auto* dry = reset.add_flag("--dry-run", arguments.dry_run, "Only show what would be done (the default)");
  reset.add_flag("--execute", arguments.execute, "Do it")->excludes(dry);
}

int run_reset(ResetArguments& arguments) {
  std::map<std::string, std::string> properties;
  for (const std::string& property : arguments.properties) {
    const std::size_t equals = property.find('=');
    if (equals == std::string::npos || equals == 0) {
      std::cerr << fmt::format("--property takes NAME=VALUE, not '{}'\n", property);
      return kWrongUsage;
    }
    properties[property.substr(0, equals)] = property.substr(equals + 1);
  }
  weir::ResetOptions& options = arguments.options;
  if (arguments.to_earliest) options.to = weir::ResetTo::kEarliest;
  if (arguments.to_latest) options.to = weir::ResetTo::kLatest;
  if (arguments.to_offset) {
    options.to = weir::ResetTo::kOffset;
    options.offset = *arguments.to_offset;
  }
  if (arguments.by_duration_ms) {
    options.to = weir::ResetTo::kTime;
    options.time = weir::system_clock().wall() - *arguments.by_duration_ms;
  }
  if (options.to == weir::ResetTo::kNowhere) {
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

  const auto transport = weir::connect(arguments.bootstrap, properties);
  if (!transport.ok()) {
    std::cerr << weir::message_of(transport.status()) << '\n';
    return kFailed;
  }
  const auto plan = weir::plan_reset(options, **transport);
  if (!plan.ok()) {
    std::cerr << weir::message_of(plan.status()) << '\n';
    return kFailed;
  }
  std::cout << plan->text();
  if (!arguments.execute) {
    if (!plan->empty()) std::cout << "nothing was changed; --execute does it\n";
    return 0;
  }
  if (const absl::Status done = weir::reset(*plan, **transport); !done.ok()) {
    std::cerr << weir::message_of(done) << '\n';
    return kFailed;
  }
  std::cout << "done\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("Tools for weir applications", "weir");
  program.require_subcommand(1);
  ResetArguments arguments;
  CLI::App* reset = program.add_subcommand("reset", "Take an application back to a beginning");
  describe_reset(*reset, arguments);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : kWrongUsage;
  }
  return run_reset(arguments);
}
