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
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "../model_trials.h"

namespace weir::ml {
namespace {

using testing::scores_of;

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

std::vector<float> narrowed(const std::vector<double>& numbers) {
  std::vector<float> floats;
  for (const double number : numbers) floats.push_back(static_cast<float>(number));
  return floats;
}
std::vector<double> widened(const std::vector<float>& numbers) { return {numbers.begin(), numbers.end()}; }

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
        is_double ? scores_of(**model, rows) : widened(scores_of(**model, narrowed(rows)));
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
      if (actual[i] == expected[i] || (std::isnan(actual[i]) && std::isnan(expected[i]))) continue;
      ASSERT_NEAR(actual[i], expected[i], 1e-6 * std::max(1.0, std::abs(expected[i]))) << "at " << i;
    }
    ++models;
  }
  EXPECT_GE(models, 140);
}

}  // namespace
}  // namespace weir::ml
