// Model: the shape checks all models share.
#include <weir/ml/model.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/scratch.h>

namespace weir::ml {

Model::Model(ModelIdentity identity, ModelSchema schema)
    : identity_(std::move(identity)), schema_(std::move(schema)) {}

std::optional<std::size_t> Model::input_index(std::string_view name) const {
  for (std::size_t i = 0; i < schema_.inputs.size(); ++i) {
    if (schema_.inputs[i] == name) return i;
  }
  return std::nullopt;
}

absl::Status Model::check_shapes(std::size_t columns, std::size_t values, std::size_t scores) const {
  if (columns != schema_.inputs.size()) {
    return absl::InvalidArgumentError(
        fmt::format("model {}: rows have another number of columns: expected={} got={}", identity_.name,
                    schema_.inputs.size(), columns));
  }
  const std::size_t rows = columns == 0 ? 0 : values / columns;
  if (rows * columns != values) {
    return absl::InvalidArgumentError(fmt::format("model {}: the last row is not whole: values={} columns={}",
                                                  identity_.name, values, columns));
  }
  if (scores != rows * schema_.outputs.size()) {
    return absl::InvalidArgumentError(
        fmt::format("model {}: room for another number of scores: expected={} rows x {} outputs, got={}",
                    identity_.name, rows, schema_.outputs.size(), scores));
  }
  return absl::OkStatus();
}

absl::Status Model::predict(const RowBatch& rows, std::span<float> scores) const {
  absl::Status shapes = check_shapes(rows.columns(), rows.values().size(), scores.size());
  if (shapes.ok()) evaluate(rows, scores);
  return shapes;
}

absl::Status Model::predict(const DoubleRowBatch& rows, std::span<double> scores) const {
  absl::Status shapes = check_shapes(rows.columns(), rows.values().size(), scores.size());
  if (shapes.ok()) evaluate_double(rows, scores);
  return shapes;
}

void Model::evaluate_double(const DoubleRowBatch& rows, std::span<double> scores) const {
  const std::size_t outputs = schema_.outputs.size();
  const Scratch scratch(rows.columns() + outputs);
  const std::span<float> row = scratch.floats().first(rows.columns());
  const std::span<float> row_scores = scratch.floats().subspan(rows.columns());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    std::ranges::transform(rows.row(i), row.begin(), [](double value) { return static_cast<float>(value); });
    evaluate(RowBatch::single(row), row_scores);
    std::ranges::copy(row_scores, scores.begin() + static_cast<std::ptrdiff_t>(i * outputs));
  }
}

absl::Status Model::predict_row(std::span<const float> row, std::span<float> scores) const {
  return predict(RowBatch::single(row), scores);
}

}  // namespace weir::ml
