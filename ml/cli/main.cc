// The command `weir`: what is done to an application, and to its models, from outside. See docs/topics-and-reset.md,
// docs/serving.md and docs/feedback.md.
#include <iostream>
#include <map>

#include <fmt/format.h>

#include <weir/core/connect.h>
#include <weir/core/status.h>

#include "commands.h"

namespace weir::cli {

int connect_to(const std::string& bootstrap, const std::vector<std::string>& properties,
               std::shared_ptr<Transport>& transport) {
  std::map<std::string, std::string> named;
  for (const std::string& property : properties) {
    const std::size_t equals = property.find('=');
    if (equals == std::string::npos || equals == 0) {
      std::cerr << fmt::format("--property takes NAME=VALUE, not '{}'\n", property);
      return kWrongUsage;
    }
    named[property.substr(0, equals)] = property.substr(equals + 1);
  }
  auto connected = connect(bootstrap, named);
  if (!connected.ok()) {
    std::cerr << message_of(connected.status()) << '\n';
    return kFailed;
  }
  transport = *std::move(connected);
  return 0;
}

}  // namespace weir::cli

int main(int argc, char** argv) {
  CLI::App program("Tools for weir applications", "weir");
  program.require_subcommand(1);
  std::function<int()> chosen;
  weir::cli::add_reset(program, chosen);
  weir::cli::add_model(program, chosen);
  weir::cli::add_export_training(program, chosen);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : weir::cli::kWrongUsage;
  }
  return chosen();
}
