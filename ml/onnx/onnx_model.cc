// From the bytes of a file to a planned program.
#include <weir/ml/onnx/onnx_model.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/ml/digest.h>
#include <weir/ml/onnx/plan.h>
#include <weir/ml/onnx/program.h>
#include <weir/ml/onnx/wire.pb.h>
#include <weir/ml/onnxruntime/onnx_runtime.h>
#include <weir/ml/schema_names.h>

namespace weir::ml {
namespace onnx {
namespace {

constexpr int kMostNodes = 100'000;
constexpr std::size_t kMostFolded = std::size_t{1}
                                    << 26;    // numbers that operators of constants alone may make
constexpr std::int64_t kOldestOperators = 7;  // before, Add and others had ways of their own to broadcast
constexpr std::int64_t kNewestOperators = 25;
constexpr std::int64_t kNewestLearnedOperators = 5;  // of ai.onnx.ml

// Numbers for the time of a call, from memory that the thread keeps. Calls do not nest.
struct Memory {
  std::vector<double> slots;
  std::vector<float> floats;

  Frame frame(const Program& program) {
    if (slots.size() < program.slots) slots.resize(program.slots);
    if (floats.size() < program.floats) floats.resize(program.floats);
    return {std::span(slots).first(program.slots), std::span(floats).first(program.floats)};
  }
};

Memory& memory_of_thread() {
  thread_local Memory memory;
  return memory;
}

class OnnxModel final : public Model {
 public:
  OnnxModel(ModelIdentity identity, ModelSchema schema, Program program, Precision precision)
      : Model(std::move(identity), std::move(schema)), program_(std::move(program)), precision_(precision) {}

  Precision precision() const override { return precision_; }

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override { run(rows, scores); }
  void evaluate_double(const DoubleRowBatch& rows, std::span<double> scores) const override {
    run(rows, scores);
  }

  template <class Number>
  void run(const BasicRowBatch<Number>& rows, std::span<Number> scores) const {
    const Frame frame = memory_of_thread().frame(program_);
    const std::size_t width = outputs().size();
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const std::span<Number> result = scores.subspan(i * width, width);
      if (run_row(frame, rows.row(i), result)) continue;
      std::ranges::fill(result, std::numeric_limits<Number>::quiet_NaN());
    }
  }

  template <class Number>
  bool run_row(const Frame& frame, std::span<const Number> row, std::span<Number> scores) const {
    std::size_t at = 0;
    for (const Port& input : program_.inputs) {
      for (std::size_t i = 0; i < input.count; ++i) {
        auto value = static_cast<double>(row[at++]);
        if (input.element == Element::kFloat) value = static_cast<double>(static_cast<float>(value));
        if (input.element == Element::kInteger) {
          value = std::trunc(value);
          if (!(std::abs(value) < 9007199254740992.0)) return false;
        }
        frame.slots[input.slot + i] = value;
      }
    }
    for (const std::unique_ptr<const Step>& step : program_.steps) {
      if (!step->run(frame)) return false;
    }
    at = 0;
    for (const Port& output : program_.outputs) {
      for (std::size_t i = 0; i < output.count; ++i)
        scores[at++] = static_cast<Number>(frame.slots[output.slot + i]);
    }
    return true;
  }

  const Program program_;
  const Precision precision_;
};

// Plans a graph as a program. Used once.
class GraphPlan {
 public:
  explicit GraphPlan(const LoadLimits& limits) : limits_(limits) {}

  absl::Status plan(const wire::Model& model) {
    if (absl::Status status = read_versions(model); !status.ok()) return status;
    const wire::Graph& graph = model.graph();
    if (graph.sparse_constants_size() > 0)
      return absl::UnimplementedError("sparse tensors are not supported");
    if (graph.nodes_size() > kMostNodes) {
      return absl::ResourceExhaustedError(
          fmt::format("{} operators, at most {} allowed", graph.nodes_size(), kMostNodes));
    }
    for (const wire::Tensor& tensor : graph.constants()) {
      if (absl::Status status = add_constant(tensor); !status.ok()) return status;
    }
    for (const wire::Variable& input : graph.inputs()) {
      if (values_.contains(input.name())) continue;  // a constant that could have been given
      if (absl::Status status = add_input(input, graph); !status.ok()) return status;
    }
    if (inputs_.empty()) return absl::InvalidArgumentError("the graph has no inputs");
    for (const wire::Node& node : graph.nodes()) {
      if (absl::Status status = add_node(node); !status.ok()) return status;
    }
    for (const wire::Variable& output : graph.outputs()) {
      if (absl::Status status = add_output(output.name()); !status.ok()) return status;
    }
    if (outputs_.empty()) return absl::InvalidArgumentError("the graph has no outputs");
    return absl::OkStatus();
  }

  ModelSchema schema() { return {.inputs = std::move(inputs_), .outputs = std::move(outputs_)}; }
  Program take_program() { return std::move(program_); }
  Precision precision() const { return precision_; }

 private:
  absl::Status read_versions(const wire::Model& model) {
    if (!model.has_ir_version() || !model.has_graph())
      return absl::InvalidArgumentError("not a model of ONNX");
    if (model.functions_size() > 0 || model.training_size() > 0) {
      return absl::UnimplementedError("a model with functions, or with a way to train it, is not supported");
    }
    for (const wire::OperatorSet& set : model.operator_sets()) {
      const std::string domain = set.domain() == "ai.onnx" ? "" : set.domain();
      const bool learned = domain == "ai.onnx.ml";
      if (!domain.empty() && !learned) continue;  // refused where it is used
      if (set.version() < 1 || set.version() > (learned ? kNewestLearnedOperators : kNewestOperators)) {
        return absl::UnimplementedError(fmt::format("version {} of the operators {} is not supported",
                                                    set.version(), learned ? domain : "ai.onnx"));
      }
      // Some converters write a set twice.
      if (versions_.emplace(domain, set.version()).first->second != set.version()) {
        return absl::InvalidArgumentError("an operator set is given in two versions");
      }
    }
    return absl::OkStatus();
  }

  absl::Status add_value(const std::string& name, Value value) {
    if (name.empty() || !values_.emplace(name, std::move(value)).second) {
      return absl::InvalidArgumentError(fmt::format("the value '{}' is made twice, or has no name", name));
    }
    return absl::OkStatus();
  }

  absl::Status add_constant(const wire::Tensor& tensor) {
    absl::StatusOr<Tensor> read = read_tensor(tensor);
    if (!read.ok()) {
      return absl::Status(read.status().code(), fmt::format("constant '{}': {}", tensor.name(),
                                                            std::string(read.status().message())));
    }
    return add_value(tensor.name(), constant_value(*std::move(read)));
  }

  absl::Status add_input(const wire::Variable& input, const wire::Graph& graph) {
    const wire::TensorType& type = input.type().tensor();
    const absl::StatusOr<Element> element = element_from(type.element());
    if (!element.ok()) return about(input.name(), element.status());
    if (*element == Element::kText) {
      return about(input.name(), absl::UnimplementedError("takes texts, and rows are numbers"));
    }
    if (!type.has_shape() || type.shape().dimensions_size() == 0 || type.shape().dimensions_size() > 2) {
      return about(input.name(), absl::UnimplementedError("is neither a list of rows nor of numbers"));
    }
    Value value;
    value.element = *element;
    value.batch = 0;
    const wire::Dimension& rows = type.shape().dimensions(0);
    if (rows.has_size() && rows.size() > 0) program_.rows = rows.size();
    if (type.shape().dimensions_size() == 2) {
      const wire::Dimension& columns = type.shape().dimensions(1);
      value.shape.push_back(columns.has_size() ? columns.size() : columns_wanted(input.name(), graph));
      if (value.shape.back() < 1) {
        return about(input.name(), absl::UnimplementedError("does not say how many columns it has"));
      }
    }
    if (value.shape.size() == 1 && value.shape.front() > static_cast<std::int64_t>(limits_.features)) {
      return about(input.name(), absl::ResourceExhaustedError("has too many columns"));
    }
    const std::size_t count = value.count();
    value.slot = program_.slots;
    program_.slots += count;
    if (program_.slots > limits_.features) {
      return about(input.name(), absl::ResourceExhaustedError("has too many columns"));
    }
    program_.inputs.push_back({value.slot, count, value.element});
    if (value.element == Element::kDouble) precision_ = Precision::kDouble;
    for (std::string& name : output_names(input.name(), count)) inputs_.push_back(std::move(name));
    return add_value(input.name(), std::move(value));
  }

  // Returns how many columns the first operator takes that uses the input and knows; 0 if none does.
  static std::int64_t columns_wanted(const std::string& input, const wire::Graph& graph) {
    for (const wire::Node& node : graph.nodes()) {
      if (std::find(node.inputs().begin(), node.inputs().end(), input) == node.inputs().end()) continue;
      for (const wire::Attribute& attribute : node.attributes()) {
        if (node.type() == "Scaler" && attribute.name() == "offset" && attribute.numbers_size() > 1)
          return attribute.numbers_size();
      }
      if (node.type() != "MatMul" && node.type() != "Gemm") continue;
      for (const wire::Tensor& tensor : graph.constants()) {
        if (node.inputs_size() > 1 && tensor.name() == node.inputs(1) && tensor.dimensions_size() == 2 &&
            node.attributes_size() == 0) {
          return tensor.dimensions(0);
        }
      }
    }
    return 0;
  }

  absl::Status add_node(const wire::Node& node) {
    const std::string domain = node.domain() == "ai.onnx" ? "" : node.domain();
    const auto version = versions_.find(domain);
    if (version == versions_.end()) {
      return absl::UnimplementedError(fmt::format("the operator {}{}{} is not supported", domain,
                                                  domain.empty() ? "" : ".", node.type()));
    }
    // Converters write an older version where no operator needs a newer one.
    const bool is_same = node.type() == "Identity" || node.type() == "ArgMax" ||
                         (node.type() == "Cast" && version->second >= 6);
    if (domain.empty() && version->second < kOldestOperators && !is_same) {
      return absl::UnimplementedError(
          fmt::format("version {} of the operator {} is not supported", version->second, node.type()));
    }
    std::vector<const Value*> inputs;
    for (const std::string& name : node.inputs()) {
      if (name.empty()) {
        inputs.push_back(nullptr);
        continue;
      }
      const auto found = values_.find(name);
      if (found == values_.end()) {
        return absl::InvalidArgumentError(fmt::format(
            "{} '{}' takes the value '{}' that nothing before has made", node.type(), node.name(), name));
      }
      inputs.push_back(&found->second);
    }
    // Constants of a shape that has the rows in it are of rows themselves.
    const bool makes_rows =
        node.type() == "ConstantOfShape" || node.type() == "Expand" || node.type() == "Reshape";
    const bool folds = std::ranges::all_of(inputs, [&](const Value* input) {
      return input == nullptr || (input->constant && !(makes_rows && depends_on_rows(*input)));
    });
    Program folded;
    NodePlan plan(node, version->second, std::move(inputs), folds ? folded : program_, limits_, folds);
    if (absl::Status status = plan_node(domain, plan); !status.ok()) return status;
    if (folds) {
      if (absl::Status status = fold(folded, plan); !status.ok()) return status;
    }
    for (int i = 0; i < node.outputs_size(); ++i) {
      if (node.outputs(i).empty()) continue;
      if (static_cast<std::size_t>(i) >= plan.outputs().size()) {
        return plan.refuse(fmt::format("the output {} is not supported", i));
      }
      if (absl::Status status = add_value(node.outputs(i), plan.outputs()[static_cast<std::size_t>(i)]);
          !status.ok())
        return status;
    }
    return absl::OkStatus();
  }

  // Runs what constants were planned as, and makes constants of what comes out.
  absl::Status fold(const Program& program, NodePlan& plan) {
    Memory memory;
    const Frame frame = memory.frame(program);
    for (const std::unique_ptr<const Step>& step : program.steps) {
      if (!step->run(frame)) return plan.wrong("its constants have no result");
    }
    for (Value& output : plan.outputs()) {
      if (output.constant) continue;
      if (output.batch) return plan.refuse("makes rows of constants");
      const std::span<const double> numbers = frame.slots.subspan(output.slot, output.count());
      Tensor tensor;
      tensor.element = output.element;
      tensor.shape = output.shape;
      tensor.numbers.assign(numbers.begin(), numbers.end());
      if (output.texts) tensor.texts = *output.texts;
      folded_ += numbers.size();
      if (folded_ > kMostFolded)
        return absl::ResourceExhaustedError("constants are made of constants without end");
      std::shared_ptr<const std::vector<std::string>> texts = output.texts;
      output = constant_value(std::move(tensor));
      output.texts = std::move(texts);
    }
    return absl::OkStatus();
  }

  absl::Status add_output(const std::string& name) {
    const auto found = values_.find(name);
    if (found == values_.end()) {
      return absl::InvalidArgumentError(fmt::format("nothing makes the output '{}'", name));
    }
    const Value& value = found->second;
    const std::size_t count = value.count();
    if (!value.batch || count == 0)
      return about(name, absl::UnimplementedError("does not depend on the row"));
    if (count > limits_.outputs || outputs_.size() + count > limits_.outputs) {
      return about(name, absl::ResourceExhaustedError("has too many numbers"));
    }
    if (value.element == Element::kDouble) precision_ = Precision::kDouble;
    program_.outputs.push_back({value.slot, count, value.element});
    for (std::string& each : output_names(name, count)) outputs_.push_back(std::move(each));
    return absl::OkStatus();
  }

  static absl::Status about(const std::string& name, const absl::Status& status) {
    return absl::Status(status.code(), fmt::format("'{}' {}", name, std::string(status.message())));
  }

  const LoadLimits& limits_;
  std::unordered_map<std::string, std::int64_t> versions_;
  std::unordered_map<std::string, Value> values_;
  std::size_t folded_ = 0;
  std::vector<std::string> inputs_;
  std::vector<std::string> outputs_;
  Program program_;
  Precision precision_ = Precision::kFloat;
};

}  // namespace
}  // namespace onnx

bool looks_like_onnx(std::string_view bytes) { return bytes.starts_with('\x08'); }

namespace {

absl::StatusOr<std::unique_ptr<const Model>> load_natively(std::string_view bytes,
                                                           const LoadOptions& options) {
  // What protobuf can count.
  constexpr std::size_t kMostBytes = std::numeric_limits<std::int32_t>::max();
  if (bytes.size() > std::min(options.limits.bytes, kMostBytes)) {
    return absl::ResourceExhaustedError(fmt::format("{} bytes, at most {} allowed", bytes.size(),
                                                    std::min(options.limits.bytes, kMostBytes)));
  }
  if (options.output == Output::kMargin) {
    return absl::UnimplementedError("a model of ONNX has no margins: its graph says what comes out");
  }
  onnx::wire::Model model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("not a model of ONNX: the bytes are cut off, or of something else");
  }
  onnx::GraphPlan plan(options.limits);
  if (absl::Status status = plan.plan(model); !status.ok()) return status;
  absl::StatusOr<std::string> digest = sha256_hex(bytes);
  if (!digest.ok()) return digest.status();
  ModelIdentity identity;
  identity.name = options.name.empty() ? "onnx" : options.name;
  identity.version = options.version.empty() ? digest->substr(0, 12) : options.version;
  identity.digest = *std::move(digest);
  ModelSchema schema = plan.schema();
  std::vector<std::string> names = schema.inputs;
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end()) {
    return absl::InvalidArgumentError("two inputs of the graph have the same name");
  }
  return std::make_unique<const onnx::OnnxModel>(std::move(identity), std::move(schema), plan.take_program(),
                                                 plan.precision());
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> load_onnx(std::string_view bytes, const LoadOptions& options) {
  const bool has_runtime = !options.onnx_runtime.library.empty();
  if (has_runtime && options.onnx_runtime.always) return load_onnx_by_runtime(bytes, options);
  absl::StatusOr<std::unique_ptr<const Model>> model = load_natively(bytes, options);
  const bool is_beyond = absl::IsUnimplemented(model.status()) && options.output == Output::kTransformed;
  return has_runtime && is_beyond ? load_onnx_by_runtime(bytes, options) : std::move(model);
}

}  // namespace weir::ml
