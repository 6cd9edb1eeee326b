// What the formats of inference_message.h are made of. Internal.
#pragma once

#include <weir/ml/inference/inference_message.h>

namespace weir::ml {

[[nodiscard]] absl::StatusOr<InferenceRequest> read_json_request(BytesView bytes,
                                                                 const InferenceLimits& limits);
[[nodiscard]] absl::StatusOr<InferenceResponse> read_json_response(BytesView bytes);
void write_json(const InferenceRequest& request, Bytes& out);
void write_json(const InferenceResponse& response, Bytes& out);

[[nodiscard]] absl::StatusOr<InferenceRequest> read_protobuf_request(BytesView bytes,
                                                                     const InferenceLimits& limits);
[[nodiscard]] absl::StatusOr<InferenceResponse> read_protobuf_response(BytesView bytes);
void write_protobuf(const InferenceRequest& request, Bytes& out);
void write_protobuf(const InferenceResponse& response, Bytes& out);

// Numbers in a row, of 4 or 8 bytes each.
[[nodiscard]] absl::StatusOr<std::vector<double>> read_raw_rows(BytesView bytes, bool wide,
                                                                const InferenceLimits& limits);
void write_raw_rows(const std::vector<InferenceTensor>& tensors, bool wide, Bytes& out);

}  // namespace weir::ml
