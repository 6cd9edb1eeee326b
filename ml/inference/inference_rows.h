// From a request's tensors to a model's rows, and from its scores to a response's.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/ml/inference/inference_message.h>
#include <weir/ml/model.h>

namespace weir::ml {

// What a request may say of a value that is not there: NaN, or null in JSON.
enum class MissingValues {
  kRefused,  // the request is refused with tensor and place
  kScored,   // as a row's missing value, which many models know
};

// Makes rows of the request's inputs, in place of what `rows` held, one value for each input and row. Returns how many.
// `inputs` are the names of the model's, or of what its cleaning plan takes:
//
//   one tensor for each input, by name, each of shape [rows] or [rows, 1]; or
//   one tensor with all of them, in that order, of shape [rows, inputs], or [inputs] for one row
//
// Errors are kInvalidArgument and name tensor and place. Infinities are refused, and what is one as a float.
[[nodiscard]] absl::StatusOr<std::size_t> rows_of(const InferenceRequest& request,
                                                  std::span<const std::string> inputs, MissingValues missing,
                                                  const InferenceLimits& limits, std::vector<float>& rows);

// Checks the names of the outputs that are wanted.
[[nodiscard]] absl::Status check_outputs(const InferenceRequest& request, const Model& model);

// Makes a tensor of shape [rows] for each output that is wanted, in that order; of none: for all, in the model's.
[[nodiscard]] std::vector<InferenceTensor> outputs_of(const std::vector<std::string>& wanted,
                                                      const Model& model, std::span<const float> scores);

}  // namespace weir::ml
