// How well do the learners of this library learn a table of examples row by row? Each row is predicted first, and learned then.
//
//   prequential elec.csv
//
// The file has a header; its last column is the class, 0 or 1 or two words, and the other columns are numbers, empty where missing.
// A learner sees the columns of the row that it predicts and nothing else: no class of an earlier row, and no column of one. For
// streams whose class changes rarely that is harder than it looks, so what is printed last matters: how often the class of the
// row before would have been right.
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <weir/ml/online/hoeffding_forest.h>
#include <weir/ml/online/linear_learner.h>

namespace {

using weir::ml::LinearUpdate;

struct Table {
  std::vector<std::string> columns;
  std::vector<float> values;  // row after row
  std::vector<float> classes;

  [[nodiscard]] std::span<const float> row(std::size_t index) const {
    return std::span(values).subspan(index * columns.size(), columns.size());
  }
};

std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells;
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  while (true) {
    const std::size_t comma = line.find(',');
    cells.emplace_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

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
  Table table;
  Classes classes;
  std::string line;
  std::getline(file, line);
  table.columns = cells_of(line);
  table.columns.pop_back();
  if (table.columns.empty())
    return absl::InvalidArgumentError(path + ": expected a header of columns and the class");
  for (std::size_t number = 2; std::getline(file, line); ++number) {
    if (line.empty() || line == "\r") continue;
    const std::vector<std::string> cells = cells_of(line);
    if (cells.size() != table.columns.size() + 1) {
      return absl::InvalidArgumentError(fmt::format("{}:{}: expected {} cells, got {}", path, number,
                                                    table.columns.size() + 1, cells.size()));
    }
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const std::string& cell = cells[i];
      float value = std::numeric_limits<float>::quiet_NaN();
      const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
      const bool whole = error == std::errc() && end == cell.data() + cell.size() && !std::isinf(value);
      if (!cell.empty() && !whole)
        return absl::InvalidArgumentError(fmt::format("{}:{}: '{}' is no number", path, number, cell));
      table.values.push_back(value);
    }
    table.classes.push_back(classes.number(cells.back()));
    if (std::isnan(table.classes.back())) {
      return absl::InvalidArgumentError(
          fmt::format("{}:{}: '{}' is not one of two classes", path, number, cells.back()));
    }
  }
  if (table.classes.empty()) return absl::InvalidArgumentError(path + ": no rows");
  return table;
}

struct Entry {
  std::string name;
  std::unique_ptr<weir::ml::Learner> learner;
};

std::vector<Entry> learners(const std::vector<std::string>& columns) {
  const auto linear = [&](LinearUpdate update, double rate) {
    return std::make_unique<weir::ml::LinearLearner>(
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
  all.push_back({"Hoeffding tree", std::make_unique<weir::ml::HoeffdingForest>(tree)});
  all.push_back({"adaptive random forest, 10 trees",
                 std::make_unique<weir::ml::HoeffdingForest>(weir::ml::adaptive_random_forest(columns))});
  return all;
}

// Returns the share of rows that were predicted right.
double accuracy(const Table& table, weir::ml::Learner& learner) {
  std::size_t right = 0;
  float probability = 0;
  for (std::size_t i = 0; i < table.classes.size(); ++i) {
    learner.predict(table.row(i), {&probability, 1});
    right += (probability > 0.5F) == (table.classes[i] == 1) ? 1 : 0;
    learner.learn(table.row(i), table.classes[i]);
    learner.forget_touched();
  }
  return static_cast<double>(right) / static_cast<double>(table.classes.size());
}

double accuracy_of_no_change(const Table& table) {
  std::size_t right = 0;
  for (std::size_t i = 1; i < table.classes.size(); ++i)
    right += table.classes[i] == table.classes[i - 1] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(table.classes.size());
}

void print_accuracies(const Table& table) {
  fmt::print("{} rows, {} columns\n", table.classes.size(), table.columns.size());
  std::string best_name;
  double best = -1;
  for (const Entry& entry : learners(table.columns)) {
    const auto start = std::chrono::steady_clock::now();
    const double right = accuracy(table, *entry.learner);
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    fmt::print("{:<48} accuracy {:.4f}   {:.2f} us per row\n", entry.name, right,
               took.count() / static_cast<double>(table.classes.size()));
    if (right > best) {
      best = right;
      best_name = entry.name;
    }
  }
  fmt::print("{:<48} accuracy {:.4f}   the class of the row before, which no learner is shown\n",
             "no change, for comparison", accuracy_of_no_change(table));
  fmt::print("best: {}: accuracy {:.4f}\n", best_name, best);
}

}  // namespace

int main(int argc, char** argv) {
  std::string path;
  CLI::App cli("Predicts, then learns a table of examples row by row.");
  cli.add_option("file", path, "CSV with a header; the last column is the class")->required();
  CLI11_PARSE(cli, argc, argv);
  const absl::StatusOr<Table> table = read_table(path);
  if (!table.ok()) {
    fmt::print(stderr, "prequential: {}\n", std::string(table.status().message()));
    return 1;
  }
  print_accuracies(*table);
  return 0;
}
