#include "commands.h"

#include <cstdio>
#include <fstream>
#include <iostream>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/ml/feedback/training_export.h>

namespace weir::cli {
namespace {

struct ExportArguments {
  std::string bootstrap;
  std::vector<std::string> properties;
  ml::TrainingExportOptions options;
  bool all = false;
  std::string output;
};

int report(const absl::StatusOr<ml::TrainingExport>& done) {
  if (!done.ok()) {
    std::cerr << message_of(done.status()) << '\n';
    return kFailed;
  }
  std::cerr << fmt::format("{} rows of {} records\n", done->written, done->read);
  return 0;
}

// A file has its name once it is whole.
int run_export(ExportArguments& arguments) {
  if (arguments.all) arguments.options.corrections = ml::Corrections::kAll;
  std::shared_ptr<Transport> transport;
  if (const int failed = connect_to(arguments.bootstrap, arguments.properties, transport); failed != 0)
    return failed;
  if (arguments.output.empty())
    return report(ml::export_training_csv(*transport, arguments.options, std::cout));
  const std::string partial = arguments.output + ".partial";
  std::ofstream file(partial, std::ios::binary | std::ios::trunc);
  if (!file) {
    std::cerr << partial << ": cannot be written\n";
    return kFailed;
  }
  const auto done = ml::export_training_csv(*transport, arguments.options, file);
  file.close();
  if (!done.ok() || file.fail()) {
    std::remove(partial.c_str());
    if (done.ok()) std::cerr << partial << ": writing failed\n";
    return done.ok() ? kFailed : report(done);
  }
  if (std::rename(partial.c_str(), arguments.output.c_str()) != 0) {
    std::cerr << arguments.output << ": cannot be written\n";
    return kFailed;
  }
  return report(done);
}

}  // namespace

void add_export_training(CLI::App& program, std::function<int()>& chosen) {
  const auto arguments = std::make_shared<ExportArguments>();  // shared with the callback
  CLI::App* command = program.add_subcommand("export-training", "Write a training-set topic as CSV");
  ml::TrainingExportOptions& options = arguments->options;
  command->add_option("topic", options.topic, "The topic of training rows")->required();
  command->add_option("--bootstrap", arguments->bootstrap, "Brokers: host:port,host:port")->required();
  command->add_option("--property", arguments->properties,
                      "A property of librdkafka, NAME=VALUE; repeatable");
  command->add_option("--output", arguments->output, "The file; default: standard output");
  command->add_option("--column", options.columns,
                      "A feature's name, in their order; repeatable. Default: f0, f1, ...");
  command->add_option("--from", options.from,
                      "Predictions made from this time on, in milliseconds since 1970");
  command->add_option("--until", options.until, "Predictions made before this time");
  command->add_flag("--all", arguments->all,
                    "Write corrections as rows of their own, in the order of the topic");
  command->add_option("--rows-max", options.rows_max, "How many predictions are kept in memory to be sorted");
  command->callback([arguments, &chosen] { chosen = [arguments] { return run_export(*arguments); }; });
}

}  // namespace weir::cli
