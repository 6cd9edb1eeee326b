// Margins in double, and the links LightGBM puts behind them, in its own order of operations.
#include <weir/ml/double_forest_model.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace weir::ml {
namespace {

void soften(std::span<double> row) {
  const double largest = *std::max_element(row.begin(), row.end());
  double sum = 0.0;
  for (double& value : row) {
    value = std::exp(value - largest);
    sum += value;
  }
  for (double& value : row) value /= sum;
}

}  // namespace

DoubleForestModel::DoubleForestModel(ModelIdentity identity, ModelSchema schema, DoubleForest forest,
                                     DoubleTransform transform)
    : Model(std::move(identity), std::move(schema)), forest_(std::move(forest)), transform_(transform) {}

void DoubleForestModel::evaluate(const RowBatch& rows, std::span<float> scores) const {
  std::array<double, kMostForestOutputs> on_stack;
  const std::size_t outputs = forest_.outputs();
  const std::size_t block = on_stack.size() / outputs;
  for (std::size_t first = 0; first < rows.rows(); first += block) {
    const std::size_t count = std::min(block, rows.rows() - first);
    const std::span<double> margins = std::span(on_stack).first(count * outputs);
    forest_.margins(rows.slice(first, count), margins);
    transform(margins);
    std::ranges::transform(margins, scores.begin() + static_cast<std::ptrdiff_t>(first * outputs),
                           [](double value) { return static_cast<float>(value); });
  }
}

void DoubleForestModel::evaluate_double(const DoubleRowBatch& rows, std::span<double> scores) const {
  forest_.margins(rows, scores);
  transform(scores);
}

void DoubleForestModel::transform(std::span<double> scores) const {
  if (transform_.divisor != 1.0) {
    for (double& value : scores) value /= transform_.divisor;
  }
  switch (transform_.link) {
    case DoubleLink::kIdentity:
      return;
    case DoubleLink::kSigmoid:
      for (double& value : scores) value = 1.0 / (1.0 + std::exp(-transform_.scale * value));
      return;
    case DoubleLink::kSoftmax:
      for (std::size_t row = 0; row < scores.size(); row += forest_.outputs()) {
        soften(scores.subspan(row, forest_.outputs()));
      }
      return;
    case DoubleLink::kExp:
      for (double& value : scores) value = std::exp(value);
      return;
    case DoubleLink::kLogOfExp:
      for (double& value : scores) value = std::log1p(std::exp(value));
      return;
    case DoubleLink::kSignedSquare:
      for (double& value : scores) value *= std::abs(value);
      return;
  }
}

}  // namespace weir::ml
