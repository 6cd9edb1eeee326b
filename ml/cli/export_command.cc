#include "commands.h"

#include <iostream>

#include <fmt/format.h>

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

int run_export(ExportArguments& arguments) {
  if (arguments.all) arguments.options.corrections = ml::Corrections::kAll;
  std::shared_ptr<Transport> transport;
  if (const int failed = connect_to(arguments.bootstrap, arguments.properties, transport); failed != 0)
    return failed;
  return write_whole_file(arguments.output, [&](std::ostream& out) {
    const auto done = ml::export_training_csv(*transport, arguments.options, out);
    if (done.ok()) std::cerr << fmt::format("{} rows of {} records\n", done->written, done->read);
    return done.status();
  });
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
