#include <weir/ml/inference/formats.h>

#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <weir/ml/inference/tensor_values.h>

namespace weir::ml {
namespace {

using Json = nlohmann::json;

// No tensor of V2 is deeper, and no number lies deeper than its tensor's shape.
constexpr std::size_t kDeepestData = 8;

absl::StatusOr<Json> parsed_object(BytesView bytes) {
  try {
    Json json = Json::parse(bytes.begin(), bytes.end());
    if (json.is_object()) return json;
    return absl::InvalidArgumentError(fmt::format("the JSON is no object but: {}", json.type_name()));
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(fmt::format("not JSON: {}", error.what()));
  }
}

// The text of a member, which may be missing.
absl::Status read_text(const Json& object, const char* name, std::string& out) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return absl::OkStatus();
  if (!found->is_string()) return absl::InvalidArgumentError(fmt::format("'{}' is no text", name));
  out = found->get<std::string>();
  return absl::OkStatus();
}

// Appends all numbers of nested arrays. null is NaN.
absl::Status flatten(const Json& data, const std::string& tensor, const DataType& type, std::size_t most,
                     std::vector<double>& values, std::size_t depth = 0) {
  if (data.is_array()) {
    if (depth == kDeepestData)
      return absl::InvalidArgumentError(fmt::format("tensor '{}': its data is too deeply nested", tensor));
    for (const Json& element : data) {
      if (absl::Status status = flatten(element, tensor, type, most, values, depth + 1); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }
  if (values.size() == most) {
    return absl::InvalidArgumentError(
        fmt::format("tensor '{}': its data has more than the {} values of its shape", tensor, most));
  }
  double value = std::nan("");
  if (data.is_boolean()) {
    value = data.get<bool>() ? 1 : 0;
  } else if (data.is_number()) {
    value = data.get<double>();
  } else if (!data.is_null()) {
    return absl::InvalidArgumentError(
        fmt::format("tensor '{}': value {} is no number but: {}", tensor, values.size(), data.type_name()));
  }
  if (!fits(type, value)) {
    return absl::InvalidArgumentError(fmt::format("tensor '{}': value {} ({}) is not of type {}", tensor,
                                                  values.size(), data.dump(), type.name));
  }
  values.push_back(value);
  return absl::OkStatus();
}

absl::StatusOr<InferenceTensor> tensor_of(const Json& json, const InferenceLimits& limits) {
  if (!json.is_object()) return absl::InvalidArgumentError("a tensor is no object");
  InferenceTensor tensor;
  if (absl::Status status = read_text(json, "name", tensor.name); !status.ok()) return status;
  if (absl::Status status = read_text(json, "datatype", tensor.datatype); !status.ok()) return status;
  const auto type = data_type_of(tensor);
  if (!type.ok()) return type.status();
  const auto shape = json.find("shape");
  if (shape == json.end() || !shape->is_array())
    return absl::InvalidArgumentError(fmt::format("tensor '{}': it has no shape", tensor.name));
  for (const Json& size : *shape) {
    // What is no number may be as deep as the text is long, and is not shown.
    if (!size.is_number())
      return absl::InvalidArgumentError(
          fmt::format("tensor '{}': a dimension that is no number but: {}", tensor.name, size.type_name()));
    if (!size.is_number_integer() || (size.is_number_unsigned() && size.get<std::uint64_t>() > limits.values))
      return absl::InvalidArgumentError(
          fmt::format("tensor '{}': a dimension of {}", tensor.name, size.dump()));
    tensor.shape.push_back(size.get<std::int64_t>());
  }
  const auto count = values_in(tensor, limits);
  if (!count.ok()) return count.status();
  const auto data = json.find("data");
  if (data == json.end() || !data->is_array())
    return absl::InvalidArgumentError(fmt::format("tensor '{}': it has no data", tensor.name));
  if (absl::Status status = flatten(*data, tensor.name, **type, *count, tensor.values); !status.ok())
    return status;
  if (tensor.values.size() != *count) {
    return absl::InvalidArgumentError(fmt::format("tensor '{}': its shape has {} values, its data {}",
                                                  tensor.name, *count, tensor.values.size()));
  }
  return tensor;
}

absl::Status read_tensors(const Json& object, const char* name, const InferenceLimits& limits,
                          std::vector<InferenceTensor>& tensors) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array())
    return absl::InvalidArgumentError(fmt::format("'{}' is missing, or no array", name));
  InferenceLimits left = limits;
  for (const Json& json : *found) {
    auto tensor = tensor_of(json, left);
    if (!tensor.ok()) return tensor.status();
    left.values -= tensor->values.size();
    tensors.push_back(*std::move(tensor));
  }
  return absl::OkStatus();
}

Json json_of(const InferenceTensor& tensor) {
  const DataType* type = data_type(tensor.datatype);
  const bool whole =
      type != nullptr && (type->kind == DataType::Kind::kUnsigned || type->kind == DataType::Kind::kSigned);
  Json data = Json::array();
  for (const double value : tensor.values) {
    if (type != nullptr && type->kind == DataType::Kind::kBool) {
      data.push_back(value != 0);
    } else if (whole) {
      if (value < 0) {
        data.push_back(static_cast<std::int64_t>(value));
      } else {
        data.push_back(static_cast<std::uint64_t>(value));
      }
    } else if (tensor.datatype == "FP32" && std::isfinite(value)) {
      // The shortest digits that are this float again.
      data.push_back(Json::parse(fmt::format("{}", static_cast<float>(value))));
    } else {
      data.push_back(value);
    }
  }
  return {{"name", tensor.name},
          {"datatype", tensor.datatype},
          {"shape", tensor.shape},
          {"data", std::move(data)}};
}

Json json_of(const std::vector<InferenceTensor>& tensors) {
  Json json = Json::array();
  for (const InferenceTensor& tensor : tensors) json.push_back(json_of(tensor));
  return json;
}

void add_text(Json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = text;
}

void append_text(const Json& json, Bytes& out) {
  // What is no UTF-8 (it may have come in an id) is replaced: a response must not fail for that.
  out += json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<InferenceRequest> read_json_request(BytesView bytes, const InferenceLimits& limits) {
  const auto json = parsed_object(bytes);
  if (!json.ok()) return json.status();
  InferenceRequest request;
  for (const auto& [name, text] : {std::pair{"id", &request.id}, std::pair{"model_name", &request.model_name},
                                   std::pair{"model_version", &request.model_version}}) {
    if (absl::Status status = read_text(*json, name, *text); !status.ok()) return status;
  }
  if (absl::Status status = read_tensors(*json, "inputs", limits, request.inputs); !status.ok())
    return status;
  const auto outputs = json->find("outputs");
  if (outputs == json->end() || outputs->is_null()) return request;
  if (!outputs->is_array()) return absl::InvalidArgumentError("'outputs' is no array");
  for (const Json& output : *outputs) {
    std::string name;
    if (!output.is_object()) return absl::InvalidArgumentError("one of 'outputs' is no object");
    if (absl::Status status = read_text(output, "name", name); !status.ok()) return status;
    request.outputs.push_back(std::move(name));
  }
  return request;
}

absl::StatusOr<InferenceResponse> read_json_response(BytesView bytes) {
  const auto json = parsed_object(bytes);
  if (!json.ok()) return json.status();
  InferenceResponse response;
  for (const auto& [name, text] :
       {std::pair{"id", &response.id}, std::pair{"model_name", &response.model_name},
        std::pair{"model_version", &response.model_version}, std::pair{"error", &response.error}}) {
    if (absl::Status status = read_text(*json, name, *text); !status.ok()) return status;
  }
  if (!response.error.empty()) return response;
  const InferenceLimits any{.values = bytes.size()};
  if (absl::Status status = read_tensors(*json, "outputs", any, response.outputs); !status.ok())
    return status;
  return response;
}

void write_json(const InferenceRequest& request, Bytes& out) {
  Json json{{"inputs", json_of(request.inputs)}};
  add_text(json, "id", request.id);
  add_text(json, "model_name", request.model_name);
  add_text(json, "model_version", request.model_version);
  for (const std::string& output : request.outputs) json["outputs"].push_back({{"name", output}});
  append_text(json, out);
}

void write_json(const InferenceResponse& response, Bytes& out) {
  Json json = Json::object();
  add_text(json, "id", response.id);
  add_text(json, "model_name", response.model_name);
  add_text(json, "model_version", response.model_version);
  if (response.error.empty()) {
    json["outputs"] = json_of(response.outputs);
  } else {
    json["error"] = response.error;
  }
  append_text(json, out);
}

}  // namespace weir::ml
