#include <weir/ml/inference/inference_message.h>

#include <array>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/inference/formats.h>

namespace weir::ml {
namespace {

// The first one of a format is the one we write.
constexpr std::array<std::pair<std::string_view, InferenceFormat>, 6> kContentTypes{
    {{"application/json", InferenceFormat::kJson},
     {"application/x-protobuf", InferenceFormat::kProtobuf},
     {"application/protobuf", InferenceFormat::kProtobuf},
     {"application/vnd.google.protobuf", InferenceFormat::kProtobuf},
     {"application/x-float32-rows", InferenceFormat::kFloat32Rows},
     {"application/x-float64-rows", InferenceFormat::kFloat64Rows}}};

}  // namespace

std::string_view content_type_of(InferenceFormat format) {
  for (const auto& [name, of] : kContentTypes) {
    if (of == format) return name;
  }
  return "";
}

std::optional<InferenceFormat> format_of(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (!content_type.empty() && content_type.back() == ' ') content_type.remove_suffix(1);
  for (const auto& [name, format] : kContentTypes) {
    if (name == content_type) return format;
  }
  return std::nullopt;
}

absl::StatusOr<InferenceRequest> read_request(InferenceFormat format, BytesView bytes,
                                              const InferenceLimits& limits) {
  if (bytes.size() > limits.bytes) {
    return absl::InvalidArgumentError(
        fmt::format("the request has {} bytes, and {} are allowed", bytes.size(), limits.bytes));
  }
  switch (format) {
    case InferenceFormat::kJson:
      return read_json_request(bytes, limits);
    case InferenceFormat::kProtobuf:
      return read_protobuf_request(bytes, limits);
    case InferenceFormat::kFloat32Rows:
    case InferenceFormat::kFloat64Rows:
      break;
  }
  const bool wide = format == InferenceFormat::kFloat64Rows;
  auto values = read_raw_rows(bytes, wide, limits);
  if (!values.ok()) return values.status();
  InferenceRequest request;
  const auto count = static_cast<std::int64_t>(values->size());
  request.inputs.push_back({"", wide ? "FP64" : "FP32", {count}, *std::move(values)});
  return request;
}

void write_response(InferenceFormat format, const InferenceResponse& response, Bytes& out) {
  switch (format) {
    case InferenceFormat::kJson:
      return write_json(response, out);
    case InferenceFormat::kProtobuf:
      return write_protobuf(response, out);
    case InferenceFormat::kFloat32Rows:
    case InferenceFormat::kFloat64Rows:
      return write_raw_rows(response.outputs, format == InferenceFormat::kFloat64Rows, out);
  }
}

void write_request(InferenceFormat format, const InferenceRequest& request, Bytes& out) {
  switch (format) {
    case InferenceFormat::kJson:
      return write_json(request, out);
    case InferenceFormat::kProtobuf:
      return write_protobuf(request, out);
    case InferenceFormat::kFloat32Rows:
    case InferenceFormat::kFloat64Rows:
      return write_raw_rows(request.inputs, format == InferenceFormat::kFloat64Rows, out);
  }
}

absl::StatusOr<InferenceResponse> read_response(InferenceFormat format, BytesView bytes) {
  switch (format) {
    case InferenceFormat::kJson:
      return read_json_response(bytes);
    case InferenceFormat::kProtobuf:
      return read_protobuf_response(bytes);
    case InferenceFormat::kFloat32Rows:
    case InferenceFormat::kFloat64Rows:
      break;
  }
  const bool wide = format == InferenceFormat::kFloat64Rows;
  auto values = read_raw_rows(bytes, wide, {.values = bytes.size()});
  if (!values.ok()) return values.status();
  InferenceResponse response;
  const auto count = static_cast<std::int64_t>(values->size());
  response.outputs.push_back({"", wide ? "FP64" : "FP32", {count}, *std::move(values)});
  return response;
}

}  // namespace weir::ml
