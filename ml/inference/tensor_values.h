// The data types of the Open Inference Protocol, and how their values look in raw, little-endian bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/ml/inference/inference_message.h>

namespace weir::ml {

struct DataType {
  enum class Kind { kBool, kUnsigned, kSigned, kHalf, kBrain, kFloat };
  std::string_view name;
  Kind kind;
  std::size_t bytes;
};

// Returns the type of that name; null if there is none, or if it is not one of numbers.
[[nodiscard]] const DataType* data_type(std::string_view name);

// The same with the reason: what is wrong with the datatype of this tensor.
[[nodiscard]] absl::StatusOr<const DataType*> data_type_of(const InferenceTensor& tensor);

// Returns how many values a tensor of this shape has, or what is wrong with the shape.
[[nodiscard]] absl::StatusOr<std::size_t> values_in(const InferenceTensor& tensor,
                                                    const InferenceLimits& limits);

// Whether a value is one of that type. NaN and infinities are of those with a fraction.
[[nodiscard]] bool fits(const DataType& type, double value);

// Appends the values; the bytes are a whole number of them.
void read_values(const DataType& type, BytesView bytes, std::vector<double>& values);
void write_value(const DataType& type, double value, Bytes& out);

}  // namespace weir::ml
