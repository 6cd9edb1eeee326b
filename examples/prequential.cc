// How well do the learners of this library learn a table of examples row by row? Each row is predicted first, and learned then.
//
//   prequential elec.csv
//   prequential elec.csv --time     also says what a row costs each learner by itself
//
// The file has a header; its last column is the class, 0 or 1 or two words, and the other columns are numbers, empty where missing.
// A learner sees the columns of the row that it predicts and nothing else: no class of an earlier row, and no column of one. For
// streams whose class changes rarely that is harder than it looks, so what is printed last matters: how often the class of the
// row before would have been right.
//
// The rows go through a topic of a broker inside this process, and a topology with a learn operator for each learner: what that
// gives for a row was predicted before the row was learned.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <weir/core/connect.h>
#include <weir/ml/csv.h>
#include <weir/ml/online/hoeffding_forest.h>
#include <weir/ml/online/learn.h>
#include <weir/ml/online/linear_learner.h>
#include <weir/weir.h>

#include "support/broker_io.h"
#include "support/run_to_end.h"

namespace {

using weir::ml::LinearUpdate;

constexpr char kExamples[] = "examples";

// What the topic holds: the line of a table, its class as 0 or 1.
struct Example {
  std::vector<float> row;
  float label = 0;
};

}  // namespace

template <>
struct weir::Serde<Example> {
  static constexpr std::string_view kFormat = "example-line";
  static constexpr bool kCanonical = true;
  static void encode(const Example& example, Bytes& out) {
    for (const float value : example.row) out += weir::ml::csv_number(value) + ',';
    out += weir::ml::csv_number(example.label);
  }
  static absl::Status decode(BytesView bytes, Example& out) {
    out.row.clear();
    while (true) {
      const std::size_t comma = bytes.find(',');
      double value = 0;
      if (!weir::ml::read_csv_number(bytes.substr(0, comma), value))
        return absl::InvalidArgumentError("not a line of numbers");
      if (comma == BytesView::npos) {
        out.label = static_cast<float>(value);
        return absl::OkStatus();
      }
      out.row.push_back(static_cast<float>(value));
      bytes.remove_prefix(comma + 1);
    }
  }
};

namespace {

struct Table {
  std::vector<std::string> columns;
  std::vector<float> values;  // row after row
  std::vector<float> classes;

  [[nodiscard]] std::span<const float> row(std::size_t index) const {
    return std::span(values).subspan(index * columns.size(), columns.size());
  }
};

// Numbers the classes: 0 and 1 as they are, or two words in the order in which they come.
class Classes {
 public:
  // Returns NaN if it would be a third.
  float number(const std::string& name) {
    if (names_.empty() && (name == "0" || name == "1")) names_ = {"0", "1"};
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] == name) return static_cast<float>(i);
    }
    if (names_.size() == 2 || name.empty()) return std::numeric_limits<float>::quiet_NaN();
    names_.push_back(name);
    return static_cast<float>(names_.size() - 1);
  }

 private:
  std::vector<std::string> names_;
};

absl::StatusOr<Table> read_table(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError("cannot read " + path);
  weir::ml::CsvReader reader(file);
  Table table;
  Classes classes;
  std::vector<std::string> cells;
  bool header = true;
  while (true) {
    const absl::StatusOr<bool> more = reader.next(cells);
    if (!more.ok()) return more.status();
    if (!*more) break;
    const std::string where = fmt::format("{}:{}", path, reader.line());
    if (std::exchange(header, false)) {
      table.columns = cells;
      table.columns.pop_back();
      continue;
    }
    if (cells.size() != table.columns.size() + 1) {
      return absl::InvalidArgumentError(
          fmt::format("{}: expected {} cells, got {}", where, table.columns.size() + 1, cells.size()));
    }
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      double value = 0;
      if (!weir::ml::read_csv_number(cells[i], value) || std::isinf(static_cast<float>(value)))
        return absl::InvalidArgumentError(fmt::format("{}: '{}' is no number", where, cells[i]));
      table.values.push_back(static_cast<float>(value));
    }
    table.classes.push_back(classes.number(cells.back()));
    if (std::isnan(table.classes.back()))
      return absl::InvalidArgumentError(
          fmt::format("{}: '{}' is not one of two classes", where, cells.back()));
  }
  if (table.columns.empty())
    return absl::InvalidArgumentError(path + ": expected a header of columns and the class");
  if (table.classes.empty()) return absl::InvalidArgumentError(path + ": no rows");
  return table;
}

struct Entry {
  std::string name;
  std::shared_ptr<const weir::ml::Learner> learner;
};

std::vector<Entry> learners(const std::vector<std::string>& columns) {
  const auto linear = [&](LinearUpdate update, double rate) {
    return std::make_shared<weir::ml::LinearLearner>(
        weir::ml::LinearOptions{.inputs = columns, .update = update, .rate = rate});
  };
  weir::ml::HoeffdingOptions tree;
  tree.inputs = columns;
  std::vector<Entry> all;
  all.push_back({"passive-aggressive", linear(LinearUpdate::kPassiveAggressive, 1)});
  all.push_back({"logistic regression, gradient descent, step 0.1", linear(LinearUpdate::kSgd, 0.1)});
  all.push_back({"logistic regression, gradient descent, step 1", linear(LinearUpdate::kSgd, 1)});
  all.push_back({"logistic regression, FTRL-proximal, alpha 1", linear(LinearUpdate::kFtrl, 1)});
  all.push_back({"logistic regression, FTRL-proximal, alpha 10", linear(LinearUpdate::kFtrl, 10)});
  all.push_back({"Hoeffding tree", std::make_shared<weir::ml::HoeffdingForest>(tree)});
  all.push_back({"adaptive random forest, 10 trees",
                 std::make_shared<weir::ml::HoeffdingForest>(weir::ml::adaptive_random_forest(columns))});
  all.push_back({"adaptive random forest, 10 trees, Page-Hinkley",
                 std::make_shared<weir::ml::HoeffdingForest>(
                     weir::ml::adaptive_random_forest(columns, 10, weir::ml::kPageHinkleyRules))});
  return all;
}

std::string predictions_of(std::size_t entry) { return fmt::format("predictions-{}", entry); }

absl::Status write_rows(weir::Transport& transport, const Table& table, std::size_t entries) {
  // The times lie in the past: nothing may be deleted by age.
  const std::map<std::string, std::string> keep = {{"retention.ms", "-1"}};
  std::vector<weir::NewTopic> topics{{.name = kExamples, .partitions = 1, .config = keep}};
  for (std::size_t i = 0; i < entries; ++i)
    topics.push_back({.name = predictions_of(i), .partitions = 1, .config = keep});
  absl::Status status = examples::make_topics(transport, topics);
  if (!status.ok()) return status;
  const auto writer = examples::TopicWriter::make(transport);
  if (!writer.ok()) return writer.status();
  weir::Bytes bytes;
  for (std::size_t i = 0; i < table.classes.size(); ++i) {
    bytes.clear();
    weir::Serde<Example>::encode({{table.row(i).begin(), table.row(i).end()}, table.classes[i]}, bytes);
    status = (*writer)->write(kExamples, "", bytes, static_cast<weir::Timestamp>(i));
    if (!status.ok()) return status;
  }
  return (*writer)->finish();
}

absl::StatusOr<weir::Topology> make_topology(const std::vector<Entry>& entries) {
  weir::StreamBuilder builder;
  const auto rows = builder.stream<std::string, Example>(kExamples);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    rows
        .apply(weir::ml::learn(
            {.store = fmt::format("learner-{}", i), .learner = entries[i].learner, .persistent = false},
            [](const Example& example) { return example.row; },
            [](const Example& example) { return example.label; },
            [](const Example&, const weir::ml::Learned& learned) {
              return static_cast<double>(learned.scores[0]);
            }))
        .to(predictions_of(i));
  }
  return builder.build();
}

// Returns the share of rows that were predicted right.
absl::StatusOr<double> accuracy(weir::Transport& transport, const Table& table,
                                const std::string& predictions) {
  std::size_t seen = 0;
  std::size_t right = 0;
  absl::Status status;
  // One partition: predictions are in the order of their rows.
  const absl::Status read = examples::read_topic(transport, predictions, [&](const weir::RawRecord& record) {
    double probability = 0;
    status.Update(weir::decode_nullable(record.value, probability));
    if (seen < table.classes.size()) right += (probability > 0.5) == (table.classes[seen] == 1) ? 1 : 0;
    ++seen;
  });
  status.Update(read);
  if (!status.ok()) return status;
  if (seen != table.classes.size())
    return absl::InternalError(fmt::format("{} of {} rows were predicted", seen, table.classes.size()));
  return static_cast<double>(right) / static_cast<double>(seen);
}

// Returns what it takes to predict and learn a row, in microseconds.
double cost_of(const weir::ml::Learner& fresh, const Table& table) {
  const auto learner = fresh.clone();
  float probability = 0;
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < table.classes.size(); ++i) {
    learner->predict(table.row(i), {&probability, 1});
    learner->learn(table.row(i), table.classes[i]);
    learner->forget_touched();
  }
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  return took.count() / static_cast<double>(table.classes.size());
}

double accuracy_of_no_change(const Table& table) {
  std::size_t right = 0;
  for (std::size_t i = 1; i < table.classes.size(); ++i)
    right += table.classes[i] == table.classes[i - 1] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(table.classes.size());
}

absl::Status print_accuracies(const Table& table, bool times) {
  const std::vector<Entry> entries = learners(table.columns);
  auto topology = make_topology(entries);
  if (!topology.ok()) return topology.status();
  const auto transport = weir::connect("embedded:");
  if (!transport.ok()) return transport.status();
  absl::Status status = write_rows(**transport, table, entries.size());
  if (!status.ok()) return status;
  status = examples::run_once(*transport, *std::move(topology), "prequential", kExamples);
  if (!status.ok()) return status;

  fmt::print("{} rows, {} columns\n", table.classes.size(), table.columns.size());
  std::string best_name;
  double best = -1;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto right = accuracy(**transport, table, predictions_of(i));
    if (!right.ok()) return right.status();
    const std::string cost =
        times ? fmt::format("   {:.2f} us per row", cost_of(*entries[i].learner, table)) : "";
    fmt::print("{:<48} accuracy {:.4f}{}\n", entries[i].name, *right, cost);
    if (*right > best) {
      best = *right;
      best_name = entries[i].name;
    }
  }
  fmt::print("{:<48} accuracy {:.4f}   the class of the row before, which no learner is shown\n",
             "no change, for comparison", accuracy_of_no_change(table));
  fmt::print("best: {}: accuracy {:.4f}\n", best_name, best);
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  std::string path;
  bool times = false;
  CLI::App cli("Predicts, then learns a table of examples row by row.");
  cli.add_option("file", path, "CSV with a header; the last column is the class")->required();
  cli.add_flag("--time", times, "also say what a row costs each learner");
  CLI11_PARSE(cli, argc, argv);
  const absl::StatusOr<Table> table = read_table(path);
  const absl::Status status = table.ok() ? print_accuracies(*table, times) : table.status();
  if (status.ok()) return 0;
  fmt::print(stderr, "prequential: {}\n", std::string(status.message()));
  return 1;
}
