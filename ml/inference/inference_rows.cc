#include <weir/ml/inference/inference_rows.h>

#include <algorithm>
#include <cmath>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir::ml {
namespace {

// How many rows there are and how wide, of the shapes that are allowed.
struct Extent {
  std::size_t rows = 0;
  std::size_t columns = 0;
};

absl::StatusOr<Extent> whole_rows(const InferenceTensor& tensor, std::size_t columns) {
  const std::size_t values = tensor.values.size();
  const auto last = static_cast<std::size_t>(tensor.shape.back());
  const bool bare = tensor.name.empty() && tensor.shape.size() == 1;
  const bool fits = bare ? values % columns == 0 : (tensor.shape.size() <= 2 && last == columns);
  if (!fits) {
    return absl::InvalidArgumentError(
        fmt::format("tensor '{}': a shape of [{}], and the model takes rows of {} values", tensor.name,
                    fmt::join(tensor.shape, ", "), columns));
  }
  return Extent{values / columns, columns};
}

absl::StatusOr<float> value_at(const InferenceTensor& tensor, std::size_t at, MissingValues missing) {
  const double value = tensor.values[at];
  if (std::isnan(value)) {
    if (missing == MissingValues::kScored) return std::nanf("");
    return absl::InvalidArgumentError(fmt::format("tensor '{}': value {} is missing (NaN)", tensor.name, at));
  }
  const auto rounded = static_cast<float>(value);
  if (std::isinf(rounded))
    return absl::InvalidArgumentError(
        fmt::format("tensor '{}': value {} ({}) is no finite float", tensor.name, at, value));
  return rounded;
}

const InferenceTensor* find_tensor(const InferenceRequest& request, const std::string& name) {
  const auto found = std::find_if(request.inputs.begin(), request.inputs.end(),
                                  [&](const InferenceTensor& tensor) { return tensor.name == name; });
  return found == request.inputs.end() ? nullptr : &*found;
}

// One tensor for each input, in their order.
absl::StatusOr<std::vector<const InferenceTensor*>> columns_of(const InferenceRequest& request,
                                                               std::span<const std::string> inputs) {
  std::vector<const InferenceTensor*> columns;
  for (const std::string& input : inputs) {
    columns.push_back(find_tensor(request, input));
    if (columns.back() == nullptr)
      return absl::InvalidArgumentError(fmt::format("there is no tensor for the input '{}'", input));
  }
  for (const InferenceTensor& tensor : request.inputs) {
    if (std::find(columns.begin(), columns.end(), &tensor) == columns.end())
      return absl::InvalidArgumentError(fmt::format(
          "tensor '{}': the model has no such input, or there are several of that name", tensor.name));
  }
  const std::size_t rows = columns.front()->values.size();
  for (const InferenceTensor* tensor : columns) {
    const bool column = tensor->shape.size() == 1 || (tensor->shape.size() == 2 && tensor->shape[1] == 1);
    if (!column || tensor->values.size() != rows) {
      return absl::InvalidArgumentError(fmt::format("tensor '{}': a shape of [{}], and '{}' has {} rows",
                                                    tensor->name, fmt::join(tensor->shape, ", "),
                                                    columns.front()->name, rows));
    }
  }
  return columns;
}

}  // namespace

absl::StatusOr<std::size_t> rows_of(const InferenceRequest& request, std::span<const std::string> inputs,
                                    MissingValues missing, const InferenceLimits& limits,
                                    std::vector<float>& rows) {
  if (request.inputs.empty()) return absl::InvalidArgumentError("there are no inputs");
  const std::size_t width = inputs.size();
  const InferenceTensor& first = request.inputs.front();
  const bool by_name = request.inputs.size() > 1 || (width == 1 && first.name == inputs[0]);
  std::vector<const InferenceTensor*> columns;
  Extent extent;
  if (by_name) {
    auto found = columns_of(request, inputs);
    if (!found.ok()) return found.status();
    columns = *std::move(found);
    extent = {first.values.size(), width};
  } else {
    const auto found = whole_rows(first, width);
    if (!found.ok()) return found.status();
    extent = *found;
  }
  if (extent.rows == 0) return absl::InvalidArgumentError("there are no rows");
  if (extent.rows > limits.rows) {
    return absl::InvalidArgumentError(fmt::format("{} rows, and {} are allowed", extent.rows, limits.rows));
  }
  rows.clear();
  rows.reserve(extent.rows * width);
  for (std::size_t row = 0; row < extent.rows; ++row) {
    for (std::size_t column = 0; column < width; ++column) {
      const auto value =
          by_name ? value_at(*columns[column], row, missing) : value_at(first, row * width + column, missing);
      if (!value.ok()) return value.status();
      rows.push_back(*value);
    }
  }
  return extent.rows;
}

absl::Status check_outputs(const InferenceRequest& request, const Model& model) {
  for (const std::string& name : request.outputs) {
    if (std::find(model.outputs().begin(), model.outputs().end(), name) == model.outputs().end()) {
      return absl::InvalidArgumentError(
          fmt::format("the model has no output '{}'; it has '{}'", name, fmt::join(model.outputs(), "', '")));
    }
  }
  return absl::OkStatus();
}

std::vector<InferenceTensor> outputs_of(const std::vector<std::string>& wanted, const Model& model,
                                        std::span<const float> scores) {
  const std::span<const std::string> all = model.outputs();
  const std::size_t width = all.size();
  const std::size_t rows = scores.size() / width;
  const std::span<const std::string> names = wanted.empty() ? all : std::span<const std::string>(wanted);
  std::vector<InferenceTensor> tensors;
  tensors.reserve(names.size());
  for (const std::string& name : names) {
    const auto column = static_cast<std::size_t>(std::find(all.begin(), all.end(), name) - all.begin());
    InferenceTensor& tensor =
        tensors.emplace_back(InferenceTensor{name, "FP32", {static_cast<std::int64_t>(rows)}, {}});
    tensor.values.reserve(rows);
    for (std::size_t row = 0; row < rows; ++row) tensor.values.push_back(scores[row * width + column]);
  }
  return tensors;
}

}  // namespace weir::ml
