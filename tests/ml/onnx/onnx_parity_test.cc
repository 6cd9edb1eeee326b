// Do we score as ONNX Runtime does? onnx_runtime.py had it score rows with generated models; here the models are loaded
// and the rows scored again, at once and in pieces. Scores must agree within 1e-6: relative for large ones, absolute for
// small ones.
#include <weir/ml/load_model.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::ml {
namespace {

// Cells of a table, row after row.
std::vector<double> numbers_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  std::vector<double> numbers;
  std::string line;
  while (std::getline(file, line)) {
    const char* at = line.c_str();
    while (true) {
      char* end = nullptr;
      const double number = std::strtod(at, &end);
      numbers.push_back(end == at ? std::numeric_limits<double>::quiet_NaN() : number);
      if (*end == '\0') break;
      at = end + 1;
    }
  }
  return numbers;
}

// Scores all rows at once, and again a few at a time, which must not matter.
template <class Number>
std::vector<double> scores_of(const Model& model, const std::vector<double>& numbers) {
  std::vector<Number> values;
  for (const double number : numbers) values.push_back(static_cast<Number>(number));
  const BasicRowBatch<Number> rows(values, model.inputs().size());
  const std::size_t outputs = model.outputs().size();
  std::vector<Number> scores(rows.rows() * outputs);
  EXPECT_TRUE(model.predict(rows, scores).ok());
  std::vector<Number> pieces(scores.size());
  for (std::size_t first = 0, size = 1; first < rows.rows(); first += size, size = size % 19 + 1) {
    const std::size_t count = std::min(size, rows.rows() - first);
    EXPECT_TRUE(
        model.predict(rows.slice(first, count), std::span(pieces).subspan(first * outputs, count * outputs))
            .ok());
  }
  for (std::size_t i = 0; i < scores.size(); ++i) {
    EXPECT_TRUE(pieces[i] == scores[i] || (std::isnan(pieces[i]) && std::isnan(scores[i]))) << "at " << i;
  }
  return std::vector<double>(scores.begin(), scores.end());
}

TEST(OnnxParity, OfEveryModel) {
  const std::filesystem::path folder = WEIR_ONNX_RUNTIME_FOLDER;
  if (!std::filesystem::exists(folder / "origin")) {
    GTEST_SKIP() << "skipped: ONNX Runtime is not there to compare with; ./dev test installs it";
  }
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::filesystem::path stem = entry.path();
    if (stem.extension() != ".onnx") continue;
    SCOPED_TRACE(stem.string());
    const auto model = load_model_file(stem.string());
    stem.replace_extension();
    ASSERT_TRUE(model.ok()) << model.status();
    const std::vector<double> rows = numbers_of(stem.string() + ".rows");
    const std::vector<double> expected = numbers_of(stem.string() + ".scores");
    const bool is_double = (*model)->precision() == Precision::kDouble;
    const std::vector<double> actual =
        is_double ? scores_of<double>(**model, rows) : scores_of<float>(**model, rows);
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
      if (std::isnan(actual[i]) && std::isnan(expected[i])) continue;
      ASSERT_NEAR(actual[i], expected[i], 1e-6 * std::max(1.0, std::abs(expected[i]))) << "at " << i;
    }
    ++models;
  }
  EXPECT_GE(models, 50);
}

}  // namespace
}  // namespace weir::ml
