// Model: the shape checks all models share.
#include <weir/ml/model.h>

#include <utility>

#include <fmt/format.h>

namespace weir::ml {

Model::Model(ModelIdentity identity, ModelSchema schema)
    : identity_(std::move(identity)), schema_(std::move(schema)) {}

std::optional<std::size_t> Model::input_index(std::string_view name) const {
  for (std::size_t i = 0; i < schema_.inputs.size(); ++i) {
    if (schema_.inputs[i] == name) return i;
  }
  return std::nullopt;
}

absl::Status Model::predict(const RowBatch& rows, std::span<float> scores) const {
  if (rows.columns() != schema_.inputs.size()) {
    return absl::InvalidArgumentError(
        fmt::format("model {}: rows have another number of columns: expected={} got={}", identity_.name,
                    schema_.inputs.size(), rows.columns()));
  }
  if (!rows.is_rectangular()) {
    return absl::InvalidArgumentError(fmt::format("model {}: the last row is not whole: values={} columns={}",
                                                  identity_.name, rows.values().size(), rows.columns()));
  }
  if (scores.size() != rows.rows() * schema_.outputs.size()) {
    return absl::InvalidArgumentError(
        fmt::format("model {}: room for another number of scores: expected={} rows x {} outputs, got={}",
                    identity_.name, rows.rows(), schema_.outputs.size(), scores.size()));
  }
  evaluate(rows, scores);
  return absl::OkStatus();
}

absl::Status Model::predict_row(std::span<const float> row, std::span<float> scores) const {
  return predict(RowBatch::single(row), scores);
}

}  // namespace weir::ml
