// Scores rows of numbers with a trained model, and prints what the model says of each.
//
//   model_score model.ubj rows.csv
//   model_score model.txt rows.csv --margin
//
// The model is one of XGBoost's (JSON or UBJSON), LightGBM's (text) or ONNX's. Rows are comma-separated numbers without a
// header, one per input of the model, in its order; a cell that is empty or "nan" is a missing value; cells may be
// quoted, lines may end in CRLF. Printed is a line per row: the outputs, comma-separated, in the shortest digits
// that give the number back; of an ONNX model all its outputs in order, as a rule a label, then the scores; a label that
// is a text is printed as its number in the model's list, from 0. --margin asks for raw scores, before the objective's
// link, which ONNX models do not have. --onnx-runtime names a library of ONNX Runtime for ONNX models that are not scored
// without it. --time also scores the rows
// again and again, one by one and 64 at a time, and says on standard error how long a row takes.
//
// Ends with 0, with 1 if a file cannot be used, or with 2 if the command line is wrong.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <weir/ml/load_model.h>

namespace {

using weir::ml::Model;

constexpr std::size_t kBatchRows = 64;

// ---- rows -------------------------------------------------------------------------------------------------

// Takes the next cell off `line`. False where a quoted cell does not end as it should.
bool take_cell(std::string_view& line, std::string& cell) {
  cell.clear();
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  if (!line.starts_with('"')) {
    const std::size_t end = std::min(line.find(','), line.size());
    cell = line.substr(0, end);
    line.remove_prefix(end);
    return true;
  }
  line.remove_prefix(1);
  while (true) {
    const std::size_t quote = line.find('"');
    if (quote == std::string_view::npos) return false;
    cell += line.substr(0, quote);
    line.remove_prefix(quote + 1);
    if (!line.starts_with('"')) break;
    cell += '"';  // two quotes stand for one
    line.remove_prefix(1);
  }
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return line.empty() || line.starts_with(',');
}

// Appends the cells of a line to `values`. Returns what is wrong with it, or nothing.
std::string parse_row(std::string_view line, std::size_t columns, std::vector<double>& values) {
  std::string cell;
  std::size_t count = 0;
  while (true) {
    if (!take_cell(line, cell)) return "a quoted cell does not end";
    ++count;
    double value = std::numeric_limits<double>::quiet_NaN();
    if (cell.find_first_not_of(" \t") != std::string::npos && !absl::SimpleAtod(cell, &value)) {
      return fmt::format("cell {} is not a number: '{:.40}'", count, cell);
    }
    values.push_back(value);
    if (line.empty()) break;
    line.remove_prefix(1);
  }
  if (count != columns) return fmt::format("{} cells, but the model has {} inputs", count, columns);
  return "";
}

// Reads rows from a file, some at a time.
class RowFile {
 public:
  RowFile(const std::string& path, std::size_t columns)
      : path_(path), columns_(columns), file_(path, std::ios::binary) {}

  // Puts up to `most` rows into `values`; none at the end of the file.
  absl::Status read(std::size_t most, std::vector<double>& values) {
    values.clear();
    if (!file_.is_open()) return absl::NotFoundError(fmt::format("{}: cannot be opened", path_));
    for (std::size_t rows = 0; rows < most && next_line(); ++rows) {
      const std::string fault = parse_row(line_, columns_, values);
      if (!fault.empty()) return absl::InvalidArgumentError(fmt::format("{}:{}: {}", path_, number_, fault));
    }
    if (file_.bad()) return absl::UnavailableError(fmt::format("{}: cannot be read", path_));
    return absl::OkStatus();
  }

 private:
  // Empty lines at the end are no rows, unless a row is a single cell.
  bool next_line() {
    const bool is_first = number_ == 0;
    if (!std::getline(file_, line_)) return false;
    ++number_;
    if (is_first && line_.starts_with("\xEF\xBB\xBF")) line_.erase(0, 3);
    if (line_.ends_with('\r')) line_.pop_back();
    if (columns_ == 1 || !line_.empty()) return true;
    const std::istream::pos_type here = file_.tellg();
    if (here == std::istream::pos_type(-1)) return false;
    std::string rest;
    while (std::getline(file_, rest)) {
      if (rest.find_first_not_of("\r") == std::string::npos) continue;
      file_.seekg(here);
      return true;
    }
    return false;
  }

  const std::string path_;
  const std::size_t columns_;
  std::ifstream file_;
  std::string line_;
  std::size_t number_ = 0;
};

// ---- scores -----------------------------------------------------------------------------------------------

// Scores rows in the precision of the model.
template <class Number>
class Scorer {
 public:
  explicit Scorer(const Model& model) : model_(model) {}

  void take(const std::vector<double>& values) {
    values_.resize(values.size());
    std::ranges::transform(values, values_.begin(), [](double value) { return static_cast<Number>(value); });
    scores_.resize(values.size() / model_.inputs().size() * model_.outputs().size());
  }

  absl::Status score() { return predict(values_, scores_); }

  void print() const {
    fmt::memory_buffer text;
    const std::size_t outputs = model_.outputs().size();
    for (std::size_t i = 0; i < scores_.size(); ++i) {
      // Without the sign that a NaN may have.
      const Number score = std::isnan(scores_[i]) ? std::numeric_limits<Number>::quiet_NaN() : scores_[i];
      fmt::format_to(std::back_inserter(text), "{}{}", score, (i + 1) % outputs == 0 ? '\n' : ',');
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
  }

  // Returns the microseconds per row of the fastest of many passes over all rows, `rows` at a time.
  double time(std::size_t rows) {
    const std::size_t inputs = model_.inputs().size();
    const std::size_t outputs = model_.outputs().size();
    const std::size_t all = values_.size() / inputs;
    const auto begin = std::chrono::steady_clock::now();
    double best = std::numeric_limits<double>::infinity();
    do {
      const auto start = std::chrono::steady_clock::now();
      for (std::size_t first = 0; first < all; first += rows) {
        const std::size_t count = std::min(rows, all - first);
        if (!predict(std::span(values_).subspan(first * inputs, count * inputs),
                     std::span(scores_).subspan(first * outputs, count * outputs))
                 .ok()) {
          return best;
        }
      }
      const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
      best = std::min(best, taken.count() / static_cast<double>(all));
    } while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(300));
    return best;
  }

 private:
  absl::Status predict(std::span<const Number> values, std::span<Number> scores) const {
    return model_.predict(weir::ml::BasicRowBatch<Number>(values, model_.inputs().size()), scores);
  }

  const Model& model_;
  std::vector<Number> values_;
  std::vector<Number> scores_;
};

template <class Number>
absl::Status score_file(const Model& model, const std::string& path, bool timed) {
  constexpr std::size_t kRowsAtOnce = 1024;
  RowFile file(path, model.inputs().size());
  Scorer<Number> scorer(model);
  std::vector<double> values;
  std::vector<double> all;
  while (true) {
    if (absl::Status status = file.read(kRowsAtOnce, values); !status.ok()) return status;
    if (values.empty()) break;
    scorer.take(values);
    if (absl::Status status = scorer.score(); !status.ok()) return status;
    scorer.print();
    if (timed) all.insert(all.end(), values.begin(), values.end());
  }
  if (std::fflush(stdout) != 0) return absl::UnavailableError("the scores cannot be written");
  if (!timed || all.empty()) return absl::OkStatus();
  scorer.take(all);
  for (const std::size_t rows : {std::size_t{1}, kBatchRows}) {
    fmt::print(stderr, "batches of {:2}: {:.3f} us per row\n", rows, scorer.time(rows));
  }
  return absl::OkStatus();
}

// Falls back to margins where the objective is not known.
absl::StatusOr<std::unique_ptr<const Model>> load(const std::string& path, const std::string& onnx_runtime,
                                                  bool margin) {
  using weir::ml::Output;
  auto model = weir::ml::load_model_file(path, {.output = margin ? Output::kMargin : Output::kTransformed,
                                                .onnx_runtime = {.library = onnx_runtime}});
  if (margin || !absl::IsUnimplemented(model.status())) return model;
  auto margins = weir::ml::load_model_file(path, {.output = Output::kMargin});
  if (!margins.ok()) return model;
  fmt::print(stderr, "model_score: {}; these are margins\n", std::string(model.status().message()));
  return margins;
}

absl::Status run(const std::string& model_path, const std::string& rows_path, const std::string& onnx_runtime,
                 bool margin, bool timed) {
  const auto model = load(model_path, onnx_runtime, margin);
  if (!model.ok()) return model.status();
  if ((*model)->precision() == weir::ml::Precision::kDouble)
    return score_file<double>(**model, rows_path, timed);
  return score_file<float>(**model, rows_path, timed);
}

}  // namespace

int main(int argc, char** argv) {
  std::string model;
  std::string rows;
  std::string onnx_runtime;
  bool margin = false;
  bool timed = false;
  CLI::App cli("Scores rows of numbers with a trained model.");
  cli.add_option("model", model,
                 "of XGBoost (JSON or UBJSON), LightGBM (text) or ONNX; of the last, labels that are texts "
                 "are printed as "
                 "their number in the model's list, from 0")
      ->required();
  cli.add_option("rows", rows, "comma-separated, without a header; an empty cell is a missing value")
      ->required();
  cli.add_flag("--margin", margin, "raw scores, before the objective's link; not for ONNX");
  cli.add_option("--onnx-runtime", onnx_runtime,
                 "a library of ONNX Runtime, for operators that are not native");
  cli.add_flag("--time", timed, "also say how long a row takes");
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? 0 : 2;
  }
  const absl::Status status = run(model, rows, onnx_runtime, margin, timed);
  if (status.ok()) return 0;
  std::fflush(stdout);
  fmt::print(stderr, "model_score: {}\n", std::string(status.message()));
  return 1;
}
