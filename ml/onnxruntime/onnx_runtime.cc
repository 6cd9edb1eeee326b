// Rows into tensors, and tensors into scores.
#include <weir/ml/onnxruntime/onnx_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/ml/digest.h>
#include <weir/ml/onnxruntime/api.h>
#include <weir/ml/schema_names.h>

namespace weir::ml {
namespace ort {
namespace {

constexpr int kFatalOnly = 4;  // what the library may write to standard error
constexpr int kArena = 1;
constexpr int kDefaultMemory = 0;

// An input or an output of the graph.
struct Port {
  std::string name;
  int element = 0;
  std::vector<std::int64_t> shape;  // of a single row
  std::size_t count = 1;            // numbers in it
};

std::size_t bytes_of(int element) {
  switch (element) {
    case kFloat:
    case kInt32:
      return 4;
    case kBool:
      return 1;
    default:
      return 8;
  }
}

bool is_number(int element) {
  return element == kFloat || element == kDouble || element == kInt32 || element == kInt64 ||
         element == kBool;
}

// Writes a number as an element; false where no integer can hold it.
bool write_element(int element, double number, char* place) {
  const auto write = [place](auto value) { std::memcpy(place, &value, sizeof(value)); };
  if (element == kFloat) {
    write(static_cast<float>(number));
  } else if (element == kDouble) {
    write(number);
  } else if (element == kBool) {
    write(static_cast<std::uint8_t>(number != 0.0 ? 1 : 0));
  } else {
    const double most = element == kInt32 ? 2147483648.0 : 9007199254740992.0;
    number = std::trunc(number);
    if (!(std::abs(number) < most)) return false;
    if (element == kInt32) {
      write(static_cast<std::int32_t>(number));
    } else {
      write(static_cast<std::int64_t>(number));
    }
  }
  return true;
}

double read_element(int element, const char* place) {
  const auto read = [place](auto value) {
    std::memcpy(&value, place, sizeof(value));
    return static_cast<double>(value);
  };
  switch (element) {
    case kFloat:
      return read(float{});
    case kInt32:
      return read(std::int32_t{});
    case kInt64:
      return read(std::int64_t{});
    case kBool:
      return read(std::uint8_t{});
    default:
      return read(double{});
  }
}

// The bytes of a tensor for each input.
using Memory = std::vector<std::vector<char>>;

// What is opened for a model; members are given back in the reverse order.
class Opened {
 public:
  explicit Opened(Api functions)
      : api(std::move(functions)),
        environment(nullptr, api->release_environment),
        memory_info(nullptr, api->release_memory_info),
        session(nullptr, api->release_session) {}

  // Returns zeros for so many rows.
  Memory zeros(std::size_t rows) const {
    Memory memory;
    for (const Port& port : inputs) memory.emplace_back(rows * port.count * bytes_of(port.element));
    return memory;
  }

  // Runs so many rows, and returns the outputs in order.
  absl::StatusOr<std::vector<Owned<Value>>> run(Memory& memory, std::size_t rows) const {
    std::vector<Owned<Value>> tensors;
    std::vector<const Value*> borrowed;
    std::vector<const char*> names;
    std::vector<const char*> wanted;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      Value* tensor = nullptr;
      std::vector<std::int64_t> shape = inputs[i].shape;
      shape.front() = static_cast<std::int64_t>(rows);
      absl::Status status =
          api.check(api->create_tensor(memory_info.get(), memory[i].data(),
                                       rows * inputs[i].count * bytes_of(inputs[i].element), shape.data(),
                                       shape.size(), inputs[i].element, &tensor),
                    "a row");
      if (!status.ok()) return status;
      tensors.emplace_back(tensor, api->release_value);
      borrowed.push_back(tensor);
      names.push_back(inputs[i].name.c_str());
    }
    for (const Port& port : outputs) wanted.push_back(port.name.c_str());
    std::vector<Value*> results(outputs.size(), nullptr);
    absl::Status status = api.check(api->run(session.get(), nullptr, names.data(), borrowed.data(),
                                             borrowed.size(), wanted.data(), wanted.size(), results.data()),
                                    "a row");
    std::vector<Owned<Value>> owned;
    for (Value* value : results) owned.emplace_back(value, api->release_value);
    if (!status.ok()) return status;
    return owned;
  }

  // Returns the first dimension of a tensor; 0 if it has none.
  std::int64_t rows_of(const Value* tensor) const {
    TensorInfo* info = nullptr;
    if (!api.check(api->tensor_info(tensor, &info), "scores").ok()) return 0;
    const Owned<TensorInfo> owned(info, api->release_tensor_info);
    std::size_t count = 0;
    if (!api.check(api->dimension_count(info, &count), "scores").ok() || count == 0) return 0;
    std::vector<std::int64_t> sizes(count);
    if (!api.check(api->dimensions(info, sizes.data(), count), "scores").ok()) return 0;
    return sizes.front();
  }

  // Returns how many numbers are in a tensor.
  absl::StatusOr<std::size_t> count_of(const Value* tensor) const {
    TensorInfo* info = nullptr;
    if (absl::Status status = api.check(api->tensor_info(tensor, &info), "scores"); !status.ok())
      return status;
    const Owned<TensorInfo> owned(info, api->release_tensor_info);
    std::size_t count = 0;
    if (absl::Status status = api.check(api->element_count(info, &count), "scores"); !status.ok())
      return status;
    return count;
  }

  Api api;
  Owned<Environment> environment;
  Owned<MemoryInfo> memory_info;
  Owned<Session> session;
  std::vector<Port> inputs;
  std::vector<Port> outputs;
};

class RuntimeModel final : public Model {
 public:
  // `most_rows` are given to the library at once.
  RuntimeModel(ModelIdentity identity, ModelSchema schema, std::unique_ptr<const Opened> opened,
               Precision precision, std::size_t most_rows)
      : Model(std::move(identity), std::move(schema)),
        opened_(std::move(opened)),
        precision_(precision),
        most_rows_(most_rows) {}

  Precision precision() const override { return precision_; }

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override { score_all(rows, scores); }
  void evaluate_double(const DoubleRowBatch& rows, std::span<double> scores) const override {
    score_all(rows, scores);
  }

  template <class Number>
  void score_all(const BasicRowBatch<Number>& rows, std::span<Number> scores) const {
    const std::size_t width = outputs().size();
    const std::size_t at_once = std::min(most_rows_, rows.rows());
    Memory memory = opened_->zeros(at_once);
    for (std::size_t first = 0; first < rows.rows(); first += at_once) {
      const std::size_t count = std::min(at_once, rows.rows() - first);
      const std::span<Number> results = scores.subspan(first * width, count * width);
      if (score(rows.slice(first, count), memory, results)) continue;
      // A row that the library refuses must not take others with it.
      for (std::size_t i = 0; i < count; ++i) {
        const std::span<Number> result = results.subspan(i * width, width);
        if (count == 1 || !score(rows.slice(first + i, 1), memory, result))
          std::ranges::fill(result, std::numeric_limits<Number>::quiet_NaN());
      }
    }
  }

  // False if the rows have no scores.
  template <class Number>
  bool score(const BasicRowBatch<Number>& rows, Memory& memory, std::span<Number> scores) const {
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      std::size_t at = 0;
      for (std::size_t i = 0; i < memory.size(); ++i) {
        const Port& port = opened_->inputs[i];
        for (std::size_t k = 0; k < port.count; ++k) {
          char* const place = memory[i].data() + (row * port.count + k) * bytes_of(port.element);
          if (!write_element(port.element, static_cast<double>(rows.row(row)[at++]), place)) return false;
        }
      }
    }
    const absl::StatusOr<std::vector<Owned<Value>>> results = opened_->run(memory, rows.rows());
    if (!results.ok()) return false;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < results->size(); ++i) {
      const Port& port = opened_->outputs[i];
      Value* const tensor = (*results)[i].get();
      const absl::StatusOr<std::size_t> count = opened_->count_of(tensor);
      if (!count.ok() || *count != rows.rows() * port.count) return false;
      void* data = nullptr;
      if (!opened_->api.check(opened_->api->tensor_data(tensor, &data), "scores").ok()) return false;
      for (std::size_t k = 0; k < *count; ++k) {
        const char* const place = static_cast<const char*>(data) + k * bytes_of(port.element);
        scores[k / port.count * outputs().size() + begin + k % port.count] =
            static_cast<Number>(read_element(port.element, place));
      }
      begin += port.count;
    }
    return true;
  }

  const std::unique_ptr<const Opened> opened_;
  const Precision precision_;
  const std::size_t most_rows_;
};

absl::Status about(const std::string& name, std::string_view why) {
  return absl::UnimplementedError(fmt::format("'{}' {}", name, why));
}

using TypeOf = Status* (*)(const Session*, std::size_t, TypeInfo**);
using NameOf = Status* (*)(const Session*, std::size_t, Allocator*, char**);

// Reads name, elements and declared shape of an input or output.
absl::StatusOr<Port> port_of(const Opened& opened, std::size_t index, NameOf name_of, TypeOf type_of) {
  const Api& api = opened.api;
  Port port;
  Allocator* allocator = nullptr;
  char* name = nullptr;
  absl::Status status = api.check(api->default_allocator(&allocator), "the model");
  if (status.ok()) status = api.check(name_of(opened.session.get(), index, allocator, &name), "the model");
  if (!status.ok()) return status;
  port.name = name;
  status = api.check(api->free(allocator, name), "the model");
  TypeInfo* type = nullptr;
  if (status.ok()) status = api.check(type_of(opened.session.get(), index, &type), "the model");
  if (!status.ok()) return status;
  const Owned<TypeInfo> owned(type, api->release_type);
  const TensorInfo* info = nullptr;
  status = api.check(api->tensor_info_of_type(type, &info), "the model");
  if (!status.ok()) return status;
  if (info == nullptr)
    return about(port.name, "is no tensor: maps and lists are not supported (convert without ZipMap)");
  std::size_t dimensions = 0;
  status = api.check(api->element_type(info, &port.element), "the model");
  if (status.ok()) status = api.check(api->dimension_count(info, &dimensions), "the model");
  port.shape.resize(dimensions);
  if (status.ok() && dimensions > 0)
    status = api.check(api->dimensions(info, port.shape.data(), dimensions), "the model");
  if (!status.ok()) return status;
  if (!is_number(port.element))
    return about(
        port.name,
        fmt::format("is of elements of ONNX's type {}, which are no numbers of 32 or 64 bits", port.element));
  return port;
}

absl::Status open_ports(Opened& opened, const LoadLimits& limits) {
  const Api& api = opened.api;
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  absl::Status status = api.check(api->input_count(opened.session.get(), &inputs), "the model");
  if (status.ok()) status = api.check(api->output_count(opened.session.get(), &outputs), "the model");
  if (!status.ok()) return status;
  if (inputs == 0 || outputs == 0)
    return absl::InvalidArgumentError("the model has no inputs, or no outputs");
  std::size_t columns = 0;
  for (std::size_t i = 0; i < inputs; ++i) {
    absl::StatusOr<Port> port = port_of(opened, i, api->input_name, api->input_type);
    if (!port.ok()) return port.status();
    if (port->shape.empty()) return about(port->name, "is no list of rows");
    if (port->shape.front() > 1)
      return about(port->name, fmt::format("takes {} rows at a time", port->shape.front()));
    port->shape.front() = 1;
    for (std::size_t d = 1; d < port->shape.size(); ++d) {
      const std::int64_t size = port->shape[d];
      if (size < 1) return about(port->name, "does not say how many columns it has");
      if (static_cast<std::uint64_t>(size) > limits.features / port->count)
        return absl::ResourceExhaustedError(fmt::format("'{}' has too many columns", port->name));
      port->count *= static_cast<std::size_t>(size);
    }
    columns += port->count;
    if (columns > limits.features) return absl::ResourceExhaustedError("the model has too many columns");
    opened.inputs.push_back(*std::move(port));
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    absl::StatusOr<Port> port = port_of(opened, i, api->output_name, api->output_type);
    if (!port.ok()) return port.status();
    opened.outputs.push_back(*std::move(port));
  }
  return absl::OkStatus();
}

absl::Status open_session(Opened& opened, std::string_view bytes, const OnnxRuntimeOptions& options) {
  const Api& api = opened.api;
  Environment* environment = nullptr;
  absl::Status status = api.check(api->create_environment(kFatalOnly, "weir", &environment), "ONNX Runtime");
  opened.environment.reset(environment);
  SessionOptions* settings = nullptr;
  if (status.ok()) status = api.check(api->create_session_options(&settings), "ONNX Runtime");
  const Owned<SessionOptions> owned(settings, api->release_session_options);
  if (status.ok()) status = api.check(api->set_threads_within(settings, options.threads), "ONNX Runtime");
  if (status.ok()) status = api.check(api->set_threads_between(settings, 1), "ONNX Runtime");
  MemoryInfo* memory = nullptr;
  if (status.ok())
    status = api.check(api->create_cpu_memory_info(kArena, kDefaultMemory, &memory), "ONNX Runtime");
  opened.memory_info.reset(memory);
  Session* session = nullptr;
  if (status.ok()) {
    status =
        api.check(api->create_session_from_bytes(environment, bytes.data(), bytes.size(), settings, &session),
                  fmt::format("ONNX Runtime {} does not take the model", api.version()));
  }
  opened.session.reset(session);
  return status;
}

// Learns from a row of zeros how many numbers come out.
absl::Status learn_outputs(Opened& opened, const LoadLimits& limits) {
  Memory memory = opened.zeros(1);
  const absl::StatusOr<std::vector<Owned<Value>>> results = opened.run(memory, 1);
  if (!results.ok()) {
    return absl::Status(results.status().code(),
                        fmt::format("of zeros: {}", std::string(results.status().message())));
  }
  std::size_t all = 0;
  for (std::size_t i = 0; i < results->size(); ++i) {
    const absl::StatusOr<std::size_t> count = opened.count_of((*results)[i].get());
    if (!count.ok()) return count.status();
    opened.outputs[i].count = *count;
    all += *count;
    if (*count > limits.outputs || all > limits.outputs) {
      return absl::ResourceExhaustedError(fmt::format("'{}' has too many numbers", opened.outputs[i].name));
    }
    if (*count == 0) return about(opened.outputs[i].name, "has no numbers");
  }
  return absl::OkStatus();
}

// Returns whether two rows of zeros give a row each in all outputs.
bool takes_batches(const Opened& opened) {
  constexpr std::size_t kRows = 2;
  Memory memory = opened.zeros(kRows);
  const absl::StatusOr<std::vector<Owned<Value>>> results = opened.run(memory, kRows);
  if (!results.ok()) return false;
  for (std::size_t i = 0; i < results->size(); ++i) {
    const Value* const tensor = (*results)[i].get();
    const absl::StatusOr<std::size_t> count = opened.count_of(tensor);
    if (!count.ok() || *count != kRows * opened.outputs[i].count ||
        opened.rows_of(tensor) != static_cast<std::int64_t>(kRows))
      return false;
  }
  return true;
}

}  // namespace
}  // namespace ort

absl::StatusOr<std::unique_ptr<const Model>> load_onnx_by_runtime(std::string_view bytes,
                                                                  const LoadOptions& options) {
  if (options.onnx_runtime.library.empty())
    return absl::InvalidArgumentError("no library of ONNX Runtime is named");
  if (options.onnx_runtime.threads < 1)
    return absl::InvalidArgumentError(
        fmt::format("ONNX Runtime cannot work on {} threads", options.onnx_runtime.threads));
  if (bytes.size() > options.limits.bytes) {
    return absl::ResourceExhaustedError(
        fmt::format("{} bytes, at most {} allowed", bytes.size(), options.limits.bytes));
  }
  if (options.output == Output::kMargin) {
    return absl::UnimplementedError("a model of ONNX has no margins: its graph says what comes out");
  }
  absl::StatusOr<ort::Api> api = ort::Api::open(options.onnx_runtime.library);
  if (!api.ok()) return api.status();
  auto opened = std::make_unique<ort::Opened>(*std::move(api));
  if (absl::Status status = ort::open_session(*opened, bytes, options.onnx_runtime); !status.ok())
    return status;
  if (absl::Status status = ort::open_ports(*opened, options.limits); !status.ok()) return status;
  if (absl::Status status = ort::learn_outputs(*opened, options.limits); !status.ok()) return status;
  absl::StatusOr<std::string> digest = sha256_hex(bytes);
  if (!digest.ok()) return digest.status();
  ModelIdentity identity;
  identity.name = options.name.empty() ? "onnx" : options.name;
  identity.version = options.version.empty() ? digest->substr(0, 12) : options.version;
  identity.digest = *std::move(digest);
  ModelSchema schema;
  Precision precision = Precision::kFloat;
  const auto add = [&](const std::vector<ort::Port>& ports, std::vector<std::string>& names) {
    for (const ort::Port& port : ports) {
      if (port.element == ort::kDouble) precision = Precision::kDouble;
      for (std::string& name : output_names(port.name, port.count)) names.push_back(std::move(name));
    }
  };
  add(opened->inputs, schema.inputs);
  add(opened->outputs, schema.outputs);
  std::vector<std::string> sorted = schema.inputs;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end())
    return absl::InvalidArgumentError("two inputs of the graph have the same name");
  constexpr std::size_t kMostRows = 256;
  const std::size_t most_rows = options.onnx_runtime.batches && ort::takes_batches(*opened) ? kMostRows : 1;
  return std::make_unique<const ort::RuntimeModel>(std::move(identity), std::move(schema), std::move(opened),
                                                   precision, most_rows);
}

}  // namespace weir::ml
