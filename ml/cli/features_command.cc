#include "commands.h"

#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/ml/features/feature_comparison.h>
#include <weir/ml/features/feature_log_table.h>

namespace weir::cli {
namespace {

constexpr std::string_view kTopicPrefix = "topic:";

struct FeaturesArguments {
  std::string bootstrap;
  std::vector<std::string> properties;
  ml::FeatureLogSelection selection;
  std::string left;
  std::string right;
  ml::ComparisonOptions comparison;
  std::string output;
  std::shared_ptr<Transport> transport;
};

int told(const absl::Status& status, const std::string& about) {
  std::cerr << about << ": " << message_of(status) << '\n';
  return kFailed;
}

// "topic:NAME", or a file. Returns nothing after it said why not; `exit` is then the code.
std::optional<ml::FeatureLogTable> table_of(FeaturesArguments& arguments, const std::string& what,
                                            int& exit) {
  absl::StatusOr<ml::FeatureLogTable> table;
  if (what.starts_with(kTopicPrefix)) {
    if (arguments.bootstrap.empty()) {
      std::cerr << "--bootstrap is required to read " << what << '\n';
      exit = kWrongUsage;
      return std::nullopt;
    }
    if (arguments.transport == nullptr) {
      exit = connect_to(arguments.bootstrap, arguments.properties, arguments.transport);
      if (exit != 0) return std::nullopt;
    }
    ml::FeatureLogSelection selection = arguments.selection;
    selection.topic = what.substr(kTopicPrefix.size());
    table = ml::read_feature_log(*arguments.transport, selection);
  } else {
    std::ifstream file(what, std::ios::binary);
    if (!file) {
      exit = told(absl::NotFoundError("cannot be read"), what);
      return std::nullopt;
    }
    table = ml::read_feature_csv(file, arguments.selection.rows_max);
  }
  if (!table.ok()) {
    exit = told(table.status(), what);
    return std::nullopt;
  }
  return *std::move(table);
}

int run_compare(FeaturesArguments& arguments) {
  int exit = 0;
  const auto left = table_of(arguments, arguments.left, exit);
  if (!left) return exit;
  const auto right = table_of(arguments, arguments.right, exit);
  if (!right) return exit;
  const ml::FeatureComparison comparison = ml::compare_features(*left, *right, arguments.comparison);
  std::cout << comparison.text();
  return comparison.equal() ? 0 : kDifferent;
}

int run_export_features(FeaturesArguments& arguments) {
  int exit = 0;
  const auto table = table_of(arguments, std::string(kTopicPrefix) + arguments.left, exit);
  if (!table) return exit;
  return write_whole_file(arguments.output,
                          [&](std::ostream& out) { return ml::write_feature_csv(*table, out); });
}

void describe_selection(CLI::App& command, FeaturesArguments& arguments) {
  ml::FeatureLogSelection& selection = arguments.selection;
  command.add_option("--property", arguments.properties, "A property of librdkafka, NAME=VALUE; repeatable");
  command.add_option("--view", selection.view, "Of a topic: rows of this view only");
  command.add_option("--version", selection.version, "Of a topic: rows of this version of the view only");
  command.add_option("--column", selection.columns,
                     "Of a topic: a feature's name, in their order; repeatable. Default: f0, f1, ...");
  command.add_option("--from", selection.from,
                     "Of a topic: rows as of this time on, in milliseconds since 1970");
  command.add_option("--until", selection.until, "Of a topic: rows as of before this time");
  command.add_option("--rows-max", selection.rows_max, "How many rows are kept in memory");
}

}  // namespace

void add_features(CLI::App& program, std::function<int()>& chosen) {
  const auto compared = std::make_shared<FeaturesArguments>();  // shared with the callback
  CLI::App* compare = program.add_subcommand(
      "compare-features", "Compare two feature logs; exit code 3 if they are not the same");
  compare->add_option("left", compared->left, "topic:NAME or a CSV file")->required();
  compare->add_option("right", compared->right, "The same")->required();
  compare->add_option("--bootstrap", compared->bootstrap, "Brokers, for topics: host:port,host:port");
  describe_selection(*compare, *compared);
  compare
      ->add_option("--tolerance", compared->comparison.tolerance,
                   "By how much of the larger one two values may differ")
      ->check(CLI::NonNegativeNumber);
  const std::map<std::string, ml::PairRows> pairings{{"id", ml::PairRows::kById},
                                                     {"key-and-time", ml::PairRows::kByKeyAndTime}};
  compare
      ->add_option("--by", compared->comparison.pair,
                   "How rows are paired: id or key-and-time. Default: by id if all have one")
      ->transform(CLI::CheckedTransformer(pairings));
  compare->callback([compared, &chosen] { chosen = [compared] { return run_compare(*compared); }; });

  const auto exported = std::make_shared<FeaturesArguments>();  // shared with the callback
  CLI::App* write = program.add_subcommand("export-features", "Write a feature log as CSV");
  write->add_option("topic", exported->left, "The topic of the log")->required();
  write->add_option("--bootstrap", exported->bootstrap, "Brokers: host:port,host:port")->required();
  write->add_option("--output", exported->output, "The file; default: standard output");
  describe_selection(*write, *exported);
  write->callback([exported, &chosen] { chosen = [exported] { return run_export_features(*exported); }; });
}

}  // namespace weir::cli
