// Do we score as the trainers do? trainers.py had each trainer it found make models of many kinds and score rows
// with them; here the models are loaded and the rows scored again. Margins of XGBoost must agree bit for bit, and
// whatever LightGBM says within 1e-12.
#include <weir/ml/load_model.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "model_trials.h"

namespace weir::ml {
namespace {

using testing::scores_of;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Cells of a table, row after row.
std::vector<double> numbers_of(const std::filesystem::path& path) {
  const std::string text = text_of(path);
  std::vector<double> numbers;
  for (const char* at = text.c_str(); *at != '\0';) {
    char* end = nullptr;
    const double number = std::strtod(at, &end);
    numbers.push_back(*at == ',' || *at == '\n' ? std::numeric_limits<double>::quiet_NaN() : number);
    at = *at == ',' || *at == '\n' ? at + 1 : end + 1;
  }
  return numbers;
}

std::unique_ptr<const Model> load(const std::filesystem::path& path, Output output) {
  absl::StatusOr<std::unique_ptr<const Model>> model = load_model_file(path, {.output = output});
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : nullptr;
}

std::vector<float> floats_of(const std::vector<double>& numbers) {
  std::vector<float> floats;
  for (const double number : numbers) floats.push_back(static_cast<float>(number));
  return floats;
}

// Infinities of linear trees may sum to what is no number; that is a score too.
bool are_nan(double one, double other) { return std::isnan(one) && std::isnan(other); }

void expect_same_bits(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(actual[i]), std::bit_cast<std::uint32_t>(expected[i]))
        << "at " << i << ": " << actual[i] << " is not " << expected[i];
  }
}

// Relative for large scores, absolute for small ones.
template <class Number>
void expect_close(const std::vector<Number>& actual, const std::vector<Number>& expected, Number tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (are_nan(actual[i], expected[i]) || actual[i] == expected[i]) continue;
    ASSERT_NEAR(actual[i], expected[i], tolerance * std::max(Number{1}, std::abs(expected[i]))) << "at " << i;
  }
}

void expect_xgboost_parity(const std::filesystem::path& model, const std::filesystem::path& stem) {
  const std::unique_ptr<const Model> margins = load(model, Output::kMargin);
  const std::unique_ptr<const Model> scores = load(model, Output::kTransformed);
  ASSERT_TRUE(margins && scores);
  EXPECT_EQ(scores->precision(), Precision::kFloat);
  const std::vector<double> rows = numbers_of(stem.string() + ".rows");
  const std::vector<float> expected = floats_of(numbers_of(stem.string() + ".margins"));
  // A model that says the same of every row would hide mistakes; those of such names have nothing else to say.
  const std::string name = stem.filename().string();
  if (!name.starts_with("untrained") && name != "rate_of_nothing") {
    EXPECT_NE(*std::min_element(expected.begin(), expected.end()),
              *std::max_element(expected.begin(), expected.end()));
  }
  expect_same_bits(scores_of(*margins, floats_of(rows)), expected);
  expect_same_bits(floats_of(scores_of(*margins, rows)), expected);
  expect_close(scores_of(*scores, floats_of(rows)), floats_of(numbers_of(stem.string() + ".scores")), 1e-6f);
}

void expect_lightgbm_parity(const std::filesystem::path& model, const std::filesystem::path& stem) {
  const std::vector<double> rows = numbers_of(stem.string() + ".rows");
  for (const bool as_margin : {true, false}) {
    const std::unique_ptr<const Model> loaded =
        load(model, as_margin ? Output::kMargin : Output::kTransformed);
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->precision(), Precision::kDouble);
    const std::vector<double> expected = numbers_of(stem.string() + (as_margin ? ".margins" : ".scores"));
    const std::vector<double> actual = scores_of(*loaded, rows);
    expect_close(actual, expected, 1e-12);
    // Rows are floats already, but for linear trees.
    if (stem.filename().string().find("linear") == std::string::npos) {
      expect_same_bits(scores_of(*loaded, floats_of(rows)), floats_of(actual));
    } else {
      expect_close(scores_of(*loaded, floats_of(rows)), floats_of(actual), 1e-5f);
    }
  }
}

class TrainerParity : public ::testing::TestWithParam<const char*> {};

TEST_P(TrainerParity, OfEveryModel) {
  const std::filesystem::path folder = std::filesystem::path(WEIR_TRAINERS_FOLDER) / GetParam();
  if (!std::filesystem::exists(folder / "origin")) {
    GTEST_SKIP() << "skipped: " << GetParam() << " is not there to compare with; ./dev test installs it";
  }
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::filesystem::path& model = entry.path();
    std::filesystem::path stem = model;
    stem.replace_extension();
    SCOPED_TRACE(model.string());
    if (model.extension() == ".txt") {
      expect_lightgbm_parity(model, stem);
    } else if (model.extension() == ".json" || model.extension() == ".ubj") {
      expect_xgboost_parity(model, stem);
    } else {
      continue;
    }
    ++models;
  }
  EXPECT_GE(models, 30);
}

INSTANTIATE_TEST_SUITE_P(Trainers, TrainerParity,
                         ::testing::Values("xgboost-old", "xgboost-new", "lightgbm-old", "lightgbm-new"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace weir::ml
