// The trainer, on XGBoost's C API.
#include "trainer.h"

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <xgboost/c_api.h>

namespace weir::ml::testing {
namespace {

void check(int result) {
  if (result != 0) throw std::runtime_error(XGBGetLastError());
}

class Matrix {
 public:
  explicit Matrix(const Data& data) {
    check(XGDMatrixCreateFromMat(data.values.data(), data.rows, data.columns,
                                 std::numeric_limits<float>::quiet_NaN(), &handle_));
  }
  ~Matrix() { XGDMatrixFree(handle_); }
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  DMatrixHandle get() const { return handle_; }

 private:
  DMatrixHandle handle_ = nullptr;
};

}  // namespace

Data generate(std::uint64_t seed, std::size_t rows, std::size_t columns, Label label, int classes) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> uniform;
  Data data;
  data.rows = rows;
  data.columns = columns;
  data.values.reserve(rows * columns);
  for (std::size_t row = 0; row < rows; ++row) {
    float signal = 0.0f;
    for (std::size_t column = 0; column < columns; ++column) {
      float value = normal(random);
      if (column % 3 == 1)
        value = std::round(value * 4.0f);  // few distinct values, so that ties meet thresholds
      if (column % 3 == 2) value = std::exp(2.0f * value);
      if (uniform(random) < 0.1f) {
        value = std::numeric_limits<float>::quiet_NaN();
        signal += column % 2 == 0 ? 0.4f : -0.4f;
      } else {
        signal += std::tanh(value) * (column % 2 == 0 ? 1.0f : -0.7f);
      }
      data.values.push_back(value);
    }
    signal += 0.2f * normal(random);
    switch (label) {
      case Label::kReal:
        data.labels.push_back(3.0f * signal);
        break;
      case Label::kBinary:
        data.labels.push_back(signal > 0.3f ? 1.0f : 0.0f);
        break;
      case Label::kCount:
        data.labels.push_back(std::floor(std::exp(std::min(0.5f * signal, 4.0f))));
        break;
      case Label::kPositive:
        data.labels.push_back(0.1f + std::exp(std::min(0.5f * signal, 4.0f)));
        break;
      case Label::kClass: {
        const int number = static_cast<int>(std::floor((signal + 2.0f) / 4.0f * static_cast<float>(classes)));
        data.labels.push_back(static_cast<float>(std::min(std::max(number, 0), classes - 1)));
        break;
      }
    }
  }
  return data;
}

struct Trained::Handle {
  BoosterHandle booster = nullptr;
  ~Handle() {
    if (booster != nullptr) XGBoosterFree(booster);
  }
};

Trained::Trained(const Data& data, const std::map<std::string, std::string>& parameters, int rounds,
                 const std::vector<std::string>& feature_names, const std::vector<std::string>& feature_types)
    : handle_(std::make_unique<Handle>()) {
  const Matrix matrix(data);
  check(XGDMatrixSetFloatInfo(matrix.get(), "label", data.labels.data(), data.labels.size()));
  const DMatrixHandle matrices[] = {matrix.get()};
  check(XGBoosterCreate(matrices, 1, &handle_->booster));
  check(XGBoosterSetParam(handle_->booster, "nthread", "1"));
  check(XGBoosterSetParam(handle_->booster, "verbosity", "0"));
  check(XGBoosterSetParam(handle_->booster, "seed", "7"));
  for (const auto& [name, value] : parameters) {
    check(XGBoosterSetParam(handle_->booster, name.c_str(), value.c_str()));
  }
  if (!feature_names.empty()) {
    std::vector<const char*> names;
    for (const std::string& name : feature_names) names.push_back(name.c_str());
    check(XGDMatrixSetStrFeatureInfo(matrix.get(), "feature_name", names.data(), names.size()));
  }
  if (!feature_types.empty()) {
    std::vector<const char*> types;
    for (const std::string& type : feature_types) types.push_back(type.c_str());
    check(XGDMatrixSetStrFeatureInfo(matrix.get(), "feature_type", types.data(), types.size()));
  }
  for (int round = 0; round < rounds; ++round)
    check(XGBoosterUpdateOneIter(handle_->booster, round, matrix.get()));
  if (!feature_names.empty()) {
    std::vector<const char*> names;
    for (const std::string& name : feature_names) names.push_back(name.c_str());
    check(XGBoosterSetStrFeatureInfo(handle_->booster, "feature_name", names.data(), names.size()));
  }
}

Trained::Trained(const std::string& json) : handle_(std::make_unique<Handle>()) {
  check(XGBoosterCreate(nullptr, 0, &handle_->booster));
  check(XGBoosterSetParam(handle_->booster, "nthread", "1"));
  check(XGBoosterLoadModelFromBuffer(handle_->booster, json.data(), json.size()));
}

Trained::~Trained() = default;
Trained::Trained(Trained&&) noexcept = default;
Trained& Trained::operator=(Trained&&) noexcept = default;

std::string Trained::json() const { return saved(R"({"format": "json"})"); }

std::string Trained::ubjson() const { return saved(R"({"format": "ubj"})"); }

std::string Trained::saved(const char* config) const {
  bst_ulong length = 0;
  const char* bytes = nullptr;
  check(XGBoosterSaveModelToBuffer(handle_->booster, config, &length, &bytes));
  return std::string(bytes, length);
}

std::vector<float> Trained::predict(const Data& data, bool as_margin) const {
  const Matrix matrix(data);
  const std::string config = fmt::format(
      R"({{"type": {}, "training": false, "iteration_begin": 0, "iteration_end": 0, "strict_shape": false}})",
      as_margin ? 1 : 0);
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* scores = nullptr;
  check(XGBoosterPredictFromDMatrix(handle_->booster, matrix.get(), config.c_str(), &shape, &dimensions,
                                    &scores));
  std::size_t length = 1;
  for (bst_ulong i = 0; i < dimensions; ++i) length *= shape[i];
  return std::vector<float>(scores, scores + length);
}

}  // namespace weir::ml::testing
