// The command `weir`: what is done to an application, and to its models, from outside. See docs/topics-and-reset.md,
// docs/serving.md, docs/features.md and docs/feedback.md.
#include <cstdio>
#include <fstream>
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

int write_whole_file(const std::string& name, const std::function<absl::Status(std::ostream&)>& write) {
  const auto told = [](const absl::Status& status) {
    if (!status.ok()) std::cerr << message_of(status) << '\n';
    return status.ok() ? 0 : kFailed;
  };
  if (name.empty()) return told(write(std::cout));
  const std::string partial = name + ".partial";
  std::ofstream file(partial, std::ios::binary | std::ios::trunc);
  if (!file) return told(absl::UnavailableError(partial + ": cannot be written"));
  absl::Status status = write(file);
  file.close();
  if (status.ok() && file.fail()) status = absl::DataLossError(partial + ": writing failed");
  if (status.ok() && std::rename(partial.c_str(), name.c_str()) != 0)
    status = absl::UnavailableError(name + ": cannot be written");
  if (!status.ok()) std::remove(partial.c_str());
  return told(status);
}

}  // namespace weir::cli

int main(int argc, char** argv) {
  CLI::App program("Tools for weir applications", "weir");
  program.require_subcommand(1);
  std::function<int()> chosen;
  weir::cli::add_reset(program, chosen);
  weir::cli::add_model(program, chosen);
  weir::cli::add_export_training(program, chosen);
  weir::cli::add_features(program, chosen);
  try {
    program.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    // Where a command is missing, CLI11 does not say what stands in its place.
    const std::vector<std::string> unknown = program.remaining(true);
    if (!unknown.empty()) std::cerr << fmt::format("no command '{}'\n", unknown.front());
    return program.exit(error) == 0 ? 0 : weir::cli::kWrongUsage;
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : weir::cli::kWrongUsage;
  }
  return chosen();
}
