// From the bytes of a file to a planned program.
#include <weir/ml/onnx/onnx_model.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/ml/digest.h>
#include <weir/ml/onnx/loop.h>
#include <weir/ml/onnx/plan.h>
#include <weir/ml/onnx/program.h>
#include <weir/ml/onnx/transform.h>
#include <weir/ml/onnx/widths.h>
#include <weir/ml/onnx/wire.pb.h>
#include <weir/ml/onnxruntime/onnx_runtime.h>
#include <weir/ml/schema_names.h>

namespace weir::ml {
namespace onnx {
namespace {

constexpr int kMostNodes = 100'000;
constexpr int kMostStates = 64;  // that a loop carries
constexpr std::size_t kMostFolded = std::size_t{1}
                                    << 26;    // numbers that operators of constants alone may make
constexpr std::int64_t kOldestOperators = 7;  // before, Add and others had ways of their own to broadcast
constexpr std::int64_t kNewestOperators = 25;
constexpr std::int64_t kNewestLearnedOperators = 5;  // of ai.onnx.ml

// Numbers for the time of a call, from memory that the thread keeps. Calls do not nest.
struct Memory {
  std::vector<double> slots;
  std::vector<float> floats;
  std::vector<char> has_result;

  Frame frame(const Program& program) { return block(program, 1).frame(0); }

  Block block(const Program& program, std::size_t rows) {
    const auto first = [](auto& numbers, std::size_t count) {
      if (numbers.size() < count) numbers.resize(count);
      return std::span(numbers).first(count);
    };
    const std::span<char> results = first(has_result, rows);
    std::ranges::fill(results, char{1});
    return {first(slots, rows * program.slots), first(floats, rows * program.floats), results};
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
    // As many rows at once as the nearer memory holds.
    constexpr std::size_t kMostSlots = 65'536;
    constexpr std::size_t kMostRows = 64;
    const std::size_t at_once = std::clamp<std::size_t>(kMostSlots / program_.slots, 1, kMostRows);
    for (std::size_t first = 0; first < rows.rows(); first += at_once) {
      run_block(rows, first, memory_of_thread().block(program_, std::min(at_once, rows.rows() - first)),
                scores);
    }
  }

  template <class Number>
  void run_block(const BasicRowBatch<Number>& rows, std::size_t first, const Block& block,
                 std::span<Number> scores) const {
    const std::size_t width = outputs().size();
    for (std::size_t i = 0; i < block.rows(); ++i) {
      if (!read_row(block.frame(i), rows.row(first + i))) block.has_result[i] = 0;
    }
    for (const std::unique_ptr<const Step>& step : program_.steps) {
      if (block.rows() > 1) {
        step->run_rows(block);
      } else if (block.has_result[0] == 0 || !step->run(block.frame(0))) {
        block.has_result[0] = 0;
        break;
      }
    }
    for (std::size_t i = 0; i < block.rows(); ++i) {
      const std::span<Number> result = scores.subspan((first + i) * width, width);
      if (block.has_result[i] != 0) {
        write_row(block.frame(i), result);
      } else {
        std::ranges::fill(result, std::numeric_limits<Number>::quiet_NaN());
      }
    }
  }

  template <class Number>
  bool read_row(const Frame& frame, std::span<const Number> row) const {
    const Number* from = row.data();
    for (const Port& input : program_.inputs) {
      double* const to = frame.slots.data() + input.slot;
      convert(from, input.count, to);
      from += input.count;
      for (std::size_t i = 0; i < input.count && !has_width<Number>(input.element); ++i) {
        if (input.element == Element::kFloat) to[i] = as_float(to[i]);
        if (input.element == Element::kInteger) {
          to[i] = std::trunc(to[i]);
          if (!(std::abs(to[i]) < 9007199254740992.0)) return false;
        }
      }
    }
    return true;
  }

  // Whether numbers of rows are what the input holds.
  template <class Number>
  static constexpr bool has_width(Element element) {
    return element == (std::is_same_v<Number, float> ? Element::kFloat : Element::kDouble);
  }

  template <class Number>
  void write_row(const Frame& frame, std::span<Number> scores) const {
    std::size_t at = 0;
    for (const Port& output : program_.outputs) {
      for (std::size_t i = 0; i < output.count; ++i)
        scores[at++] = static_cast<Number>(frame.slots[output.slot + i]);
    }
  }

  const Program program_;
  const Precision precision_;
};

// Plans a graph as a program. Used once.
class GraphPlan {
 public:
  explicit GraphPlan(const LoadLimits& limits) : limits_(limits) {}

  // Of a graph within `outer`, which it may take values of.
  explicit GraphPlan(const GraphPlan& outer)
      : limits_(outer.limits_), outer_(&outer), versions_(outer.versions_) {
    program_.slots = outer.program_.slots;
    program_.rows = outer.program_.rows;
  }

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
    count_uses(graph);
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

  // How often each value is used. Graphs within nodes are not looked into: then nothing is known.
  void count_uses(const wire::Graph& graph) {
    for (const wire::Node& node : graph.nodes()) {
      if (node.type() != "Scan") continue;
      uses_.clear();
      return;
    }
    for (const wire::Node& node : graph.nodes()) {
      for (const std::string& name : node.inputs()) ++uses_[name];
    }
    for (const wire::Variable& output : graph.outputs()) ++uses_[output.name()];
  }

  absl::Status add_value(const std::string& name, Value value) {
    const auto uses = uses_.find(name);
    if (uses == uses_.end() || uses->second != 1) value.layers = nullptr;
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
      const Value* const found = find(name);
      if (found == nullptr) {
        return absl::InvalidArgumentError(fmt::format(
            "{} '{}' takes the value '{}' that nothing before has made", node.type(), node.name(), name));
      }
      inputs.push_back(found);
    }
    if (domain.empty() && node.type() == "Scan") return add_scan(node, version->second, inputs);
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
    return take_outputs(node, plan);
  }

  const Value* find(const std::string& name) const {
    if (const auto found = values_.find(name); found != values_.end()) return &found->second;
    return outer_ != nullptr ? outer_->find(name) : nullptr;
  }

  // Returns whether the body hands the state over as it got it.
  static bool is_kept(const wire::Graph& body, int state) {
    std::string name = body.outputs(state).name();
    for (int i = body.nodes_size() - 1; i >= 0; --i) {
      const wire::Node& node = body.nodes(i);
      if (node.type() == "Identity" && node.inputs_size() == 1 && node.outputs_size() == 1 &&
          node.outputs(0) == name) {
        name = node.inputs(0);
      }
    }
    return name == body.inputs(state).name();
  }

  // A loop over a dimension of some values, all but the batch: the body is planned once, and its steps run again and
  // again. What the body carries on from round to round has slots of its own.
  absl::Status add_scan(const wire::Node& node, std::int64_t version,
                        const std::vector<const Value*>& inputs) {
    NodePlan plan(node, version, inputs, program_, limits_);
    const auto by_default = [](const std::vector<std::int64_t>& list) {
      return std::ranges::all_of(list, [](std::int64_t each) { return each == 0; });
    };
    if (outer_ != nullptr) return plan.refuse("is a loop within a loop");
    if (version < 9 || !by_default(plan.integers("scan_input_axes")) ||
        !by_default(plan.integers("scan_input_directions")) ||
        !by_default(plan.integers("scan_output_axes")) ||
        !by_default(plan.integers("scan_output_directions"))) {
      return plan.refuse("goes another way than along the first dimension, forwards");
    }
    const std::int64_t scans = plan.integer("num_scan_inputs", 0);
    plan.ignore("body");
    wire::Graph body;
    const auto attribute = std::ranges::find(node.attributes(), "body", &wire::Attribute::name);
    if (attribute == node.attributes().end() || !body.ParseFromString(attribute->graph()))
      return plan.wrong("has no body");
    const auto count = static_cast<std::int64_t>(inputs.size());
    if (scans < 1 || scans > count || body.inputs_size() != count || body.nodes_size() > kMostNodes ||
        body.outputs_size() < count - scans || node.outputs_size() != body.outputs_size()) {
      return plan.wrong("its body takes or makes another number of values");
    }
    const auto states = static_cast<int>(count - scans);
    if (states > kMostStates) return plan.refuse("carries too many values");
    Loop loop;
    std::vector<Value> carried;
    for (int i = 0; i < static_cast<int>(count); ++i) {
      const auto place = static_cast<std::size_t>(i);
      if (!plan.has_input(place)) return plan.wrong("lacks an input");
      const Value& outside = plan.input(place);
      if (outside.order != Order::kApart || depends_on_rows(outside)) return plan.refuse("mixes rows");
      if (i >= states) continue;
      Value value = outside;
      if (!is_kept(body, i)) {
        if (outside.element == Element::kText) return plan.refuse("carries texts");
        const std::size_t from = plan.placed(place).slot;
        value.constant = nullptr;
        value.slot = plan.add_slots(value.count());
        loop.first.push_back({from, 0, value.slot, 0, value.count()});
      }
      carried.push_back(std::move(value));
    }
    GraphPlan inner(*this);  // after all slots that are not its own
    for (int i = 0; i < static_cast<int>(count); ++i) {
      const Value& outside = plan.input(static_cast<std::size_t>(i));
      Value value = i < states ? carried[static_cast<std::size_t>(i)] : outside;
      if (i >= states) {
        if (absl::Status status = add_scanned(plan, outside, inner, value, loop); !status.ok()) return status;
      }
      if (absl::Status status = inner.add_value(body.inputs(i).name(), std::move(value)); !status.ok())
        return status;
    }
    return finish_scan(node, plan, body, inner, std::move(loop), carried);
  }

  // Makes the part of a value that a round gets known to the body.
  absl::Status add_scanned(const NodePlan& plan, const Value& outside, GraphPlan& inner, Value& value,
                           Loop& loop) const {
    constexpr std::size_t kMostRounds = 1'000'000;
    if (outside.shape.empty() || outside.batch == 0) return plan.refuse("is a loop over rows");
    if (outside.element == Element::kText) return plan.refuse("is a loop over texts");
    const auto rounds = static_cast<std::size_t>(outside.shape.front());
    if (rounds == 0 || rounds > kMostRounds || outside.count() == 0 ||
        (loop.rounds != 0 && loop.rounds != rounds)) {
      return plan.refuse(fmt::format("has a loop of {} rounds", rounds));
    }
    loop.rounds = rounds;
    value.constant = nullptr;
    value.shape.erase(value.shape.begin());
    if (value.batch) --*value.batch;
    value.slot = inner.program_.slots;
    inner.program_.slots += value.count();
    if (outside.constant) {
      loop.supplies.push_back({outside.constant->numbers, value.slot, value.count()});
    } else {
      loop.before.push_back({outside.slot, value.count(), value.slot, 0, value.count()});
    }
    return absl::OkStatus();
  }

  absl::Status finish_scan(const wire::Node& node, NodePlan& plan, const wire::Graph& body, GraphPlan& inner,
                           Loop loop, const std::vector<Value>& carried) {
    constexpr std::size_t kMostSteps = 10'000'000;  // of all rounds
    for (const wire::Tensor& tensor : body.constants()) {
      if (absl::Status status = inner.add_constant(tensor); !status.ok()) return status;
    }
    for (const wire::Node& each : body.nodes()) {
      if (absl::Status status = inner.add_node(each); !status.ok()) return status;
    }
    program_.slots = inner.program_.slots;
    program_.floats = std::max(program_.floats, inner.program_.floats);
    if (inner.program_.steps.size() > kMostSteps / loop.rounds) return plan.refuse("takes too many steps");
    std::vector<Carry> states;
    for (int i = 0; i < body.outputs_size(); ++i) {
      const Value* const made = inner.find(body.outputs(i).name());
      if (made == nullptr) return plan.wrong("its body does not make what it says");
      const bool is_state = static_cast<std::size_t>(i) < carried.size();
      if (is_state && is_kept(body, i)) {
        plan.add_alias(carried[static_cast<std::size_t>(i)]);
        continue;
      }
      if (made->constant || made->order != Order::kApart || made->count() == 0 ||
          made->element == Element::kText)
        return plan.refuse("its body makes constants, lists or texts");
      if (is_state) {
        const Value& state = carried[static_cast<std::size_t>(i)];
        if (made->shape != state.shape || made->batch != state.batch || made->element != state.element)
          return plan.refuse("carries values that change their shape");
        const std::size_t between = plan.add_slots(made->count());
        loop.after.push_back({made->slot, 0, between, 0, made->count()});
        states.push_back({between, 0, state.slot, 0, made->count()});
        plan.add_alias(state);
        continue;
      }
      Shape shape = made->shape;
      shape.insert(shape.begin(), static_cast<std::int64_t>(loop.rounds));
      std::optional<std::size_t> batch = made->batch;
      if (batch) ++*batch;
      const Value& output = plan.add_output(made->element, std::move(shape), batch);
      if (output.count() != loop.rounds * made->count()) return plan.refuse("a row needs too many numbers");
      loop.after.push_back({made->slot, 0, output.slot, made->count(), made->count()});
    }
    loop.after.insert(loop.after.end(), states.begin(), states.end());
    loop.body = std::move(inner.program_.steps);
    plan.add_step(loop_step(std::move(loop)));
    if (absl::Status status = plan.finish(); !status.ok()) return status;
    return take_outputs(node, plan);
  }

  absl::Status take_outputs(const wire::Node& node, NodePlan& plan) {
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
    if (value.order == Order::kList || value.order == Order::kStack)
      return about(name, absl::UnimplementedError("is a list of all rows"));
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
  const GraphPlan* const outer_ = nullptr;
  std::unordered_map<std::string, std::int64_t> versions_;
  std::unordered_map<std::string, Value> values_;
  std::unordered_map<std::string, std::size_t> uses_;
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
