#include <weir/ml/inference/formats.h>

#include <fmt/format.h>

#include <weir/ml/inference/tensor_values.h>

namespace weir::ml {

absl::StatusOr<std::vector<double>> read_raw_rows(BytesView bytes, bool wide, const InferenceLimits& limits) {
  const DataType& type = *data_type(wide ? "FP64" : "FP32");
  if (bytes.size() % type.bytes != 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} bytes are no whole number of values of {} bytes", bytes.size(), type.bytes));
  }
  if (bytes.size() / type.bytes > limits.values) {
    return absl::InvalidArgumentError(
        fmt::format("{} values, and {} are allowed", bytes.size() / type.bytes, limits.values));
  }
  std::vector<double> values;
  read_values(type, bytes, values);
  return values;
}

// Row by row: each tensor is a column, or rows itself.
void write_raw_rows(const std::vector<InferenceTensor>& tensors, bool wide, Bytes& out) {
  const DataType& type = *data_type(wide ? "FP64" : "FP32");
  if (tensors.empty() || tensors.front().values.empty()) return;
  const std::size_t rows = static_cast<std::size_t>(tensors.front().shape.front());
  for (std::size_t row = 0; row < rows; ++row) {
    for (const InferenceTensor& tensor : tensors) {
      const std::size_t columns = tensor.values.size() / rows;
      for (std::size_t i = 0; i < columns; ++i) write_value(type, tensor.values[row * columns + i], out);
    }
  }
}

}  // namespace weir::ml
