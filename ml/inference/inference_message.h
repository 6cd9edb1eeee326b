// A request for scores, and its response, whatever they look like on the way: the Open Inference Protocol (V2) as JSON or as
// protobuf, or bare rows of numbers.
//
//   content type                  | a request is                               | a response is
//   application/json              | V2's JSON; data may be nested              | the same; {"id":…, "error":…} if it failed
//   application/x-protobuf        | a ModelInferRequest, typed or raw contents | a ModelInferResponse in the same manner; one that
//                                 |                                            | failed has a parameter "error"
//   application/x-float32-rows    | rows of little-endian floats; the model's  | rows of the model's outputs; empty if it failed
//                                 | name is in a header                        |
//   application/x-float64-rows    | the same with doubles                      | the same with doubles
//
// Data types: all numbers of V2 (BOOL, UINT8 to UINT64, INT8 to INT64, FP16, BF16, FP32, FP64). BYTES are refused. Models
// score floats, so what is more precise is rounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>

namespace weir::ml {

enum class InferenceFormat { kJson, kProtobuf, kFloat32Rows, kFloat64Rows };

[[nodiscard]] std::string_view content_type_of(InferenceFormat format);
// Returns the format of a content type, parameters of which ("; charset=utf-8") are passed over; nothing if there is none.
[[nodiscard]] std::optional<InferenceFormat> format_of(std::string_view content_type);

struct InferenceTensor {
  std::string name = {};
  std::string datatype = {};  // as V2 spells it, "FP32"
  std::vector<std::int64_t> shape = {};
  std::vector<double> values = {};  // row-major, as many as the shape says
};

struct InferenceRequest {
  std::string id = {};
  std::string model_name = {};
  std::string model_version = {};  // empty: whichever is in use
  std::vector<InferenceTensor> inputs = {};
  std::vector<std::string> outputs = {};  // those wanted; empty: all
  // The response is to have raw contents, as the request had (protobuf).
  bool raw = false;
};

struct InferenceResponse {
  std::string id = {};
  std::string model_name = {};
  std::string model_version = {};
  std::vector<InferenceTensor> outputs = {};
  std::string error = {};  // not empty: there are no outputs
  bool raw = false;
};

// What a request may cost before it is refused.
struct InferenceLimits {
  std::size_t bytes = std::size_t{4} << 20;
  std::size_t values = 1'000'000;  // in all tensors together
  std::size_t rows = 10'000;
};

// Reads a request. Errors are kInvalidArgument and name the place. Rows become one tensor of shape [values], without a name.
[[nodiscard]] absl::StatusOr<InferenceRequest> read_request(InferenceFormat format, BytesView bytes,
                                                            const InferenceLimits& limits);
void write_response(InferenceFormat format, const InferenceResponse& response, Bytes& out);

// The other side, for clients.
void write_request(InferenceFormat format, const InferenceRequest& request, Bytes& out);
[[nodiscard]] absl::StatusOr<InferenceResponse> read_response(InferenceFormat format, BytesView bytes);

}  // namespace weir::ml
