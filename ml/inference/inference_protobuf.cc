#include <weir/ml/inference/formats.h>

#include <limits>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/inference/tensor_values.h>
#include <weir/ml/inference/wire.pb.h>

namespace weir::ml {
namespace {

constexpr char kErrorParameter[] = "error";

template <class Message>
absl::Status parse_message(BytesView bytes, Message& message) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return absl::InvalidArgumentError("not a protobuf message of this kind");
  return absl::OkStatus();
}

template <class Field>
void take_field(const Field& field, std::vector<double>& values) {
  values.reserve(static_cast<std::size_t>(field.size()));
  for (const auto value : field) values.push_back(static_cast<double>(value));
}

// Takes what lies in the field of the type, and only there.
absl::Status take_contents(const inference::wire::Contents& contents, const DataType& type,
                           InferenceTensor& tensor) {
  const int all = contents.truths_size() + contents.integers_size() + contents.long_integers_size() +
                  contents.naturals_size() + contents.long_naturals_size() + contents.floats_size() +
                  contents.doubles_size() + contents.texts_size();
  const bool wide = type.bytes == 8;
  switch (type.kind) {
    case DataType::Kind::kBool:
      take_field(contents.truths(), tensor.values);
      break;
    case DataType::Kind::kUnsigned:
      wide ? take_field(contents.long_naturals(), tensor.values)
           : take_field(contents.naturals(), tensor.values);
      break;
    case DataType::Kind::kSigned:
      wide ? take_field(contents.long_integers(), tensor.values)
           : take_field(contents.integers(), tensor.values);
      break;
    case DataType::Kind::kFloat:
      wide ? take_field(contents.doubles(), tensor.values) : take_field(contents.floats(), tensor.values);
      break;
    case DataType::Kind::kHalf:
    case DataType::Kind::kBrain:
      return absl::InvalidArgumentError(
          fmt::format("tensor '{}': {} needs raw contents", tensor.name, tensor.datatype));
  }
  if (tensor.values.size() != static_cast<std::size_t>(all)) {
    return absl::InvalidArgumentError(fmt::format("tensor '{}': it has contents that are not of its type {}",
                                                  tensor.name, tensor.datatype));
  }
  for (const double value : tensor.values) {
    if (!fits(type, value)) {
      return absl::InvalidArgumentError(
          fmt::format("tensor '{}': {} is not of type {}", tensor.name, value, tensor.datatype));
    }
  }
  return absl::OkStatus();
}

// `raw`: null if the contents are typed.
absl::StatusOr<InferenceTensor> tensor_from(const inference::wire::Tensor& wire, const std::string* raw,
                                            const InferenceLimits& limits) {
  InferenceTensor tensor{wire.name(), wire.datatype(), {wire.shape().begin(), wire.shape().end()}, {}};
  const auto type = data_type_of(tensor);
  if (!type.ok()) return type.status();
  const auto count = values_in(tensor, limits);
  if (!count.ok()) return count.status();
  if (raw == nullptr) {
    if (absl::Status status = take_contents(wire.contents(), **type, tensor); !status.ok()) return status;
  } else {
    if (wire.has_contents())
      return absl::InvalidArgumentError(
          fmt::format("tensor '{}': it has raw and typed contents", tensor.name));
    if (raw->size() % (*type)->bytes != 0 || raw->size() / (*type)->bytes != *count) {
      return absl::InvalidArgumentError(
          fmt::format("tensor '{}': its shape has {} values of {} bytes, its raw contents {} bytes",
                      tensor.name, *count, (*type)->bytes, raw->size()));
    }
    read_values(**type, *raw, tensor.values);
  }
  if (tensor.values.size() != *count) {
    return absl::InvalidArgumentError(fmt::format("tensor '{}': its shape has {} values, its contents {}",
                                                  tensor.name, *count, tensor.values.size()));
  }
  return tensor;
}

template <class Tensors, class Raw>
absl::Status take_tensors(const Tensors& wire, const Raw& raw, const InferenceLimits& limits,
                          std::vector<InferenceTensor>& tensors) {
  if (!raw.empty() && raw.size() != wire.size()) {
    return absl::InvalidArgumentError(
        fmt::format("{} tensors, and raw contents of {}", wire.size(), raw.size()));
  }
  InferenceLimits left = limits;
  for (int i = 0; i < wire.size(); ++i) {
    auto tensor = tensor_from(wire[i], raw.empty() ? nullptr : &raw[i], left);
    if (!tensor.ok()) return tensor.status();
    left.values -= tensor->values.size();
    tensors.push_back(*std::move(tensor));
  }
  return absl::OkStatus();
}

void put_contents(const InferenceTensor& tensor, const DataType& type, inference::wire::Contents& contents) {
  const bool wide = type.bytes == 8;
  for (const double value : tensor.values) {
    switch (type.kind) {
      case DataType::Kind::kBool:
        contents.add_truths(value != 0);
        break;
      case DataType::Kind::kUnsigned:
        wide ? contents.add_long_naturals(static_cast<std::uint64_t>(value))
             : contents.add_naturals(static_cast<std::uint32_t>(value));
        break;
      case DataType::Kind::kSigned:
        wide ? contents.add_long_integers(static_cast<std::int64_t>(value))
             : contents.add_integers(static_cast<std::int32_t>(value));
        break;
      case DataType::Kind::kFloat:
        wide ? contents.add_doubles(value) : contents.add_floats(static_cast<float>(value));
        break;
      case DataType::Kind::kHalf:
      case DataType::Kind::kBrain:
        break;  // raw only
    }
  }
}

// Writes a tensor, its contents raw if told so, or if there is no other way.
template <class Raw>
void put_tensors(const std::vector<InferenceTensor>& tensors, bool raw,
                 google::protobuf::RepeatedPtrField<inference::wire::Tensor>& out, Raw& raw_out) {
  for (const InferenceTensor& tensor : tensors) {
    inference::wire::Tensor& wire = *out.Add();
    wire.set_name(tensor.name);
    wire.set_datatype(tensor.datatype);
    for (const std::int64_t size : tensor.shape) wire.add_shape(size);
    const DataType* type = data_type(tensor.datatype);
    if (type == nullptr) continue;
    if (raw) {
      std::string& bytes = *raw_out.Add();
      for (const double value : tensor.values) write_value(*type, value, bytes);
    } else {
      put_contents(tensor, *type, *wire.mutable_contents());
    }
  }
}

}  // namespace

absl::StatusOr<InferenceRequest> read_protobuf_request(BytesView bytes, const InferenceLimits& limits) {
  inference::wire::Request wire;
  if (absl::Status status = parse_message(bytes, wire); !status.ok()) return status;
  InferenceRequest request;
  request.id = wire.id();
  request.model_name = wire.model_name();
  request.model_version = wire.model_version();
  request.raw = !wire.raw_inputs().empty();
  for (const auto& output : wire.outputs()) request.outputs.push_back(output.name());
  if (absl::Status status = take_tensors(wire.inputs(), wire.raw_inputs(), limits, request.inputs);
      !status.ok())
    return status;
  return request;
}

absl::StatusOr<InferenceResponse> read_protobuf_response(BytesView bytes) {
  inference::wire::Response wire;
  if (absl::Status status = parse_message(bytes, wire); !status.ok()) return status;
  InferenceResponse response;
  response.id = wire.id();
  response.model_name = wire.model_name();
  response.model_version = wire.model_version();
  response.raw = !wire.raw_outputs().empty();
  if (const auto error = wire.parameters().find(kErrorParameter); error != wire.parameters().end())
    response.error = error->second.text();
  const InferenceLimits any{.values = bytes.size()};
  if (absl::Status status = take_tensors(wire.outputs(), wire.raw_outputs(), any, response.outputs);
      !status.ok())
    return status;
  return response;
}

void write_protobuf(const InferenceRequest& request, Bytes& out) {
  inference::wire::Request wire;
  wire.set_id(request.id);
  wire.set_model_name(request.model_name);
  wire.set_model_version(request.model_version);
  for (const std::string& output : request.outputs) wire.add_outputs()->set_name(output);
  put_tensors(request.inputs, request.raw, *wire.mutable_inputs(), *wire.mutable_raw_inputs());
  wire.AppendToString(&out);
}

void write_protobuf(const InferenceResponse& response, Bytes& out) {
  inference::wire::Response wire;
  wire.set_id(response.id);
  wire.set_model_name(response.model_name);
  wire.set_model_version(response.model_version);
  if (response.error.empty()) {
    put_tensors(response.outputs, response.raw, *wire.mutable_outputs(), *wire.mutable_raw_outputs());
  } else {
    (*wire.mutable_parameters())[kErrorParameter].set_text(response.error);
  }
  wire.AppendToString(&out);
}

}  // namespace weir::ml
