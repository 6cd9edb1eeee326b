// What all operators have in common when they are planned.
#include <weir/ml/onnx/plan.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <weir/ml/onnx/moves.h>
#include <weir/ml/onnx/wire.pb.h>

namespace weir::ml::onnx {

namespace {

// Dimensions of a value, with kBatch where the batch is.
constexpr std::int64_t kBatch = -1;

Shape full_shape(const Value& value) {
  Shape shape = value.shape;
  if (value.batch) shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(*value.batch), kBatch);
  return shape;
}

// Returns where the elements of `shape` come from in a value of `own` shape; both may have a batch, which has a single
// element here.
std::vector<std::uint32_t> places_of(const Shape& own, const Shape& shape) {
  std::size_t count = 1;
  for (const std::int64_t size : shape) count *= size == kBatch ? 1 : static_cast<std::size_t>(size);
  std::vector<std::uint32_t> places(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t rest = i;
    std::size_t stride = 1;
    std::size_t place = 0;
    for (std::size_t d = 0; d < shape.size(); ++d) {
      const std::int64_t signed_size = shape[shape.size() - 1 - d];
      const std::size_t size = signed_size == kBatch ? 1 : static_cast<std::size_t>(signed_size);
      if (d < own.size()) {
        const std::int64_t own_signed = own[own.size() - 1 - d];
        const std::size_t own_size = own_signed == kBatch ? 1 : static_cast<std::size_t>(own_signed);
        if (own_size > 1) place += rest % size * stride;
        stride *= own_size;
      }
      rest /= size;
    }
    places[i] = static_cast<std::uint32_t>(place);
  }
  return places;
}

// What may see a number of rows that is not known.
bool moves_integers(std::string_view type) {
  static constexpr std::string_view kMoves[] = {"Cast",   "Concat",  "ConstantOfShape", "Equal",
                                                "Expand", "Gather",  "Identity",        "Reshape",
                                                "Slice",  "Squeeze", "Unsqueeze",       "Where"};
  return std::ranges::find(kMoves, type) != std::end(kMoves);
}

// What may see rows that stand in a list: each number is looked at for itself, or they get another shape.
bool keeps_order(std::string_view type) {
  static constexpr std::string_view kKeeps[] = {
      "Abs",      "Add",   "And",     "Cast",       "Ceil",
      "Clip",     "Div",   "Equal",   "Erf",        "Exp",
      "Flatten",  "Floor", "Gather",  "Greater",    "GreaterOrEqual",
      "Identity", "IsInf", "IsNaN",   "Less",       "LessOrEqual",
      "Log",      "Max",   "Min",     "Mul",        "Neg",
      "Not",      "Or",    "Pow",     "Reciprocal", "Relu",
      "Reshape",  "Round", "Sigmoid", "Sign",       "Sqrt",
      "Sub",      "Sum",   "Tanh",    "Where",      "Xor"};
  return std::ranges::find(kKeeps, type) != std::end(kKeeps);
}

// Refuses a node that would see more of a list of rows than its numbers. `is_list` tells whether there is such a list.
absl::Status check_lists(const NodePlan& node, bool& is_list) {
  const Value* list = nullptr;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    if (!node.has_input(i)) continue;
    const Value& input = node.input(i);
    if (input.order == Order::kSequence) return node.refuse("takes a sequence");
    if (input.order == Order::kStack && node.type() != "Reshape") return node.refuse("mixes rows");
    if (input.order == Order::kList) list = &input;
  }
  is_list = list != nullptr;
  if (!is_list || node.type() == "Reshape") return absl::OkStatus();
  if (!keeps_order(node.type())) return node.refuse("mixes rows");
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    if (!node.has_input(i) || (node.type() == "Gather" && i == 0)) continue;
    const Value& input = node.input(i);
    const bool is_single = input.constant && input.count() == 1 && input.rank() <= list->rank() - 1;
    const bool is_alike =
        input.order == Order::kList && input.shape == list->shape && input.batch == list->batch;
    if (!is_single && !is_alike) return node.refuse("mixes rows");
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<std::size_t> Value::axis_of(std::int64_t axis) const {
  const auto dimensions = static_cast<std::int64_t>(rank());
  if (axis < 0) axis += dimensions;
  if (axis < 0 || axis >= dimensions) return std::nullopt;
  return static_cast<std::size_t>(axis);
}

std::optional<std::size_t> Value::dimension_of(std::int64_t axis) const {
  const std::optional<std::size_t> place = axis_of(axis);
  if (!place || place == batch) return std::nullopt;
  return batch && *place > *batch ? *place - 1 : *place;
}

bool depends_on_rows(const Value& value) {
  return value.constant && value.element == Element::kInteger &&
         std::ranges::any_of(value.constant->numbers, [](double number) { return std::isnan(number); });
}

Value constant_value(Tensor tensor) {
  auto constant = std::make_shared<const Tensor>(std::move(tensor));
  Value value;
  value.element = constant->element;
  value.shape = constant->shape;
  value.texts = std::make_shared<const std::vector<std::string>>(constant->texts);
  value.constant = std::move(constant);
  return value;
}

std::optional<Broadcast> broadcast(const std::vector<const Value*>& values) {
  // More than any model needs; places are counted in 32 bits.
  constexpr std::size_t kMostElements = std::size_t{1} << 24;
  Shape shape;
  std::vector<Shape> own;
  for (const Value* value : values) {
    own.push_back(full_shape(*value));
    const Shape& other = own.back();
    if (other.size() > shape.size()) shape.insert(shape.begin(), other.size() - shape.size(), 1);
    for (std::size_t i = 0; i < other.size(); ++i) {
      std::int64_t& dimension = shape[shape.size() - 1 - i];
      const std::int64_t wanted = other[other.size() - 1 - i];
      if (dimension == 1) dimension = wanted;
      if (wanted != 1 && wanted != dimension) return std::nullopt;
    }
  }
  Broadcast result;
  std::size_t count = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == kBatch) {
      if (result.batch) return std::nullopt;
      result.batch = i;
    } else {
      count *= static_cast<std::size_t>(shape[i]);
      if (count > kMostElements) return std::nullopt;
      result.shape.push_back(shape[i]);
    }
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::vector<std::uint32_t> places;
    if (values[i]->shape != result.shape) places = places_of(own[i], shape);
    result.places.push_back(std::move(places));
  }
  return result;
}

NodePlan::NodePlan(const wire::Node& node, std::int64_t version, std::vector<const Value*> inputs,
                   Program& program, const LoadLimits& limits, bool is_folding)
    : type_(node.type()),
      name_(node.name()),
      version_(version),
      inputs_(std::move(inputs)),
      wanted_outputs_(static_cast<std::size_t>(node.outputs_size())),
      program_(program),
      limits_(limits),
      is_folding_(is_folding) {
  for (const wire::Attribute& attribute : node.attributes()) {
    if (!attributes_.emplace(attribute.name(), &attribute).second) {
      fault_ = wrong(fmt::format("has the attribute '{}' twice", attribute.name()));
    }
    if (attribute.has_reference()) fault_ = refuse("has an attribute that refers to a function's");
  }
}

absl::Status NodePlan::refuse(std::string_view why) const {
  return absl::UnimplementedError(fmt::format("{} '{}': {}", type_, name_, why));
}

absl::Status NodePlan::wrong(std::string_view why) const {
  return absl::InvalidArgumentError(fmt::format("{} '{}': {}", type_, name_, why));
}

absl::Status NodePlan::expect_inputs(std::size_t least, std::size_t most) const {
  if (inputs_.size() < least || inputs_.size() > most) {
    return wrong(fmt::format("has {} inputs", inputs_.size()));
  }
  for (std::size_t i = 0; i < least; ++i) {
    if (inputs_[i] == nullptr) return wrong(fmt::format("lacks input {}", i));
  }
  return absl::OkStatus();
}

absl::Status NodePlan::expect_rows(std::size_t index) const {
  if (!input(index).batch) return refuse(fmt::format("input {} is a constant", index));
  if (*input(index).batch != 0) return refuse(fmt::format("input {} has its rows in columns", index));
  return absl::OkStatus();
}

absl::Status NodePlan::expect_columns(std::size_t index, std::size_t& columns) const {
  if (absl::Status status = expect_rows(index); !status.ok()) return status;
  if (input(index).element == Element::kText) return refuse(fmt::format("input {} is of texts", index));
  if (input(index).shape.size() != 1) {
    return refuse(
        fmt::format("input {} has {} dimensions, where rows of columns are two", index, input(index).rank()));
  }
  columns = input(index).count();
  if (columns == 0) return wrong(fmt::format("input {} has no columns", index));
  return absl::OkStatus();
}

bool NodePlan::has(std::string_view name) const { return attributes_.contains(std::string(name)); }

const wire::Attribute* NodePlan::find(std::string_view name, int kind) {
  asked_.insert(std::string(name));
  const auto found = attributes_.find(std::string(name));
  if (found == attributes_.end()) return nullptr;
  if (found->second->kind() == kind) return found->second;
  fault_ = wrong(fmt::format("the attribute '{}' is of another type than its operator says", name));
  return nullptr;
}

float NodePlan::number(std::string_view name, float otherwise) {
  const wire::Attribute* attribute = find(name, wire::Attribute::FLOAT);
  return attribute != nullptr ? attribute->number() : otherwise;
}

std::int64_t NodePlan::integer(std::string_view name, std::int64_t otherwise) {
  const wire::Attribute* attribute = find(name, wire::Attribute::INT);
  return attribute != nullptr ? attribute->integer() : otherwise;
}

std::string NodePlan::text(std::string_view name, std::string_view otherwise) {
  const wire::Attribute* attribute = find(name, wire::Attribute::STRING);
  return attribute != nullptr ? attribute->text() : std::string(otherwise);
}

std::vector<double> NodePlan::numbers(std::string_view name) {
  const wire::Attribute* attribute = find(name, wire::Attribute::FLOATS);
  if (attribute == nullptr) return {};
  return {attribute->numbers().begin(), attribute->numbers().end()};
}

std::vector<std::int64_t> NodePlan::integers(std::string_view name) {
  const wire::Attribute* attribute = find(name, wire::Attribute::INTS);
  if (attribute == nullptr) return {};
  return {attribute->integers().begin(), attribute->integers().end()};
}

std::vector<std::string> NodePlan::texts(std::string_view name) {
  const wire::Attribute* attribute = find(name, wire::Attribute::STRINGS);
  if (attribute == nullptr) return {};
  return {attribute->texts().begin(), attribute->texts().end()};
}

Tensor NodePlan::tensor(std::string_view name) {
  const wire::Attribute* attribute = find(name, wire::Attribute::TENSOR);
  if (attribute == nullptr) return {};
  absl::StatusOr<Tensor> tensor = read_tensor(attribute->tensor());
  if (tensor.ok()) return *std::move(tensor);
  fault_ = absl::Status(tensor.status().code(), fmt::format("{} '{}': attribute '{}': {}", type_, name_, name,
                                                            std::string(tensor.status().message())));
  return {};
}

absl::StatusOr<std::optional<std::vector<std::int64_t>>> NodePlan::list(std::string_view attribute,
                                                                        std::size_t index) {
  if (has(attribute)) return integers(attribute);
  if (!has_input(index)) return std::nullopt;
  const Value& value = input(index);
  if (!value.constant || value.element != Element::kInteger || value.shape.size() > 1) {
    return refuse(fmt::format("input {} is no constant list of integers", index));
  }
  std::vector<std::int64_t> integers;
  for (const double number : value.constant->numbers) {
    if (std::isnan(number)) return refuse(fmt::format("input {} depends on how many rows there are", index));
    integers.push_back(static_cast<std::int64_t>(number));
  }
  return integers;
}

Value NodePlan::placed(std::size_t index) {
  Value value = input(index);
  if (!value.constant) return value;
  const auto [known, is_new] = slots_of_constants_.emplace(index, 0);
  if (is_new) {
    if (!is_folding_ && depends_on_rows(value)) {
      fault_ = refuse(fmt::format("input {} depends on how many rows there are", index));
    }
    known->second = add_slots(value.count());
    if (fault_.ok()) add_step(fill_step(value.constant->numbers, known->second));
  }
  value.slot = known->second;
  if (!fault_.ok()) value.shape = {0};
  return value;
}

Value& NodePlan::add_output(Element element, Shape shape, std::optional<std::size_t> batch) {
  Value& value = outputs_.emplace_back();
  value.element = element;
  value.batch = batch;
  value.shape = std::move(shape);
  value.slot = add_slots(value.count());
  if (!fault_.ok()) value.shape = {0};
  return value;
}

Value& NodePlan::add_alias(const Value& value) { return outputs_.emplace_back(value); }

std::size_t NodePlan::add_slots(std::size_t count) {
  // What one row may need: far more than any ordinary model does.
  constexpr std::size_t kMostSlots = std::size_t{1} << 22;
  if (count > kMostSlots - std::min(kMostSlots, program_.slots)) {
    fault_ = absl::ResourceExhaustedError(fmt::format("{} '{}': a row needs too many numbers", type_, name_));
    return 0;
  }
  program_.slots += count;
  return program_.slots - count;
}

void NodePlan::need_floats(std::size_t count) { program_.floats = std::max(program_.floats, count); }

absl::Status NodePlan::finish() {
  if (!fault_.ok()) return fault_;
  for (const auto& [name, attribute] : attributes_) {
    if (!asked_.contains(name)) return refuse(fmt::format("the attribute '{}' is not supported", name));
  }
  for (std::unique_ptr<const Step>& step : steps_) program_.steps.push_back(std::move(step));
  return absl::OkStatus();
}

namespace {

// A bias of the last layer, if the constant says the same for all lists; the value that comes out is the one that went in.
bool take_bias(NodePlan& node, const Value& made, const Value& constant) {
  Layers::Layer& last = made.layers->layers.back();
  if (!constant.constant || constant.element != Element::kFloat || !last.bias.empty() ||
      last.curve != Layers::Curve::kNone)
    return false;
  const std::optional<Broadcast> shape = broadcast({&made, &constant});
  if (!shape || shape->shape != made.shape || shape->batch != made.batch) return false;
  const std::size_t outputs = last.matrix.outputs();
  std::vector<float> bias;
  for (std::size_t i = 0; i < made.count(); ++i) {
    const std::size_t place = shape->places[1].empty() ? i : shape->places[1][i];
    const auto number = static_cast<float>(constant.constant->numbers[place]);
    if (i < outputs) {
      bias.push_back(number);
    } else if (!(number == bias[i % outputs])) {
      return false;
    }
  }
  last.set_bias(std::move(bias));
  node.add_alias(made);
  return true;
}

bool take_curve(NodePlan& node, const Value& made) {
  Layers::Layer& last = made.layers->layers.back();
  if (last.curve != Layers::Curve::kNone) return false;
  if (node.type() == "Relu") {
    last.curve = Layers::Curve::kRelu;
  } else if (node.type() == "Sigmoid") {
    last.curve = Layers::Curve::kSigmoid;
  } else if (node.type() == "Tanh") {
    last.curve = Layers::Curve::kTanh;
  } else {
    return false;
  }
  node.add_alias(made);
  return true;
}

// Whether the step that makes the node's input does what the node says, too.
bool join_layers(NodePlan& node) {
  if (node.inputs() == 1 && node.has_input(0) && node.input(0).layers) return take_curve(node, node.input(0));
  if (node.type() != "Add" || node.inputs() != 2 || !node.has_input(0) || !node.has_input(1)) return false;
  if (node.input(0).layers) return take_bias(node, node.input(0), node.input(1));
  return node.input(1).layers && take_bias(node, node.input(1), node.input(0));
}

}  // namespace

absl::Status plan_node(std::string_view domain, NodePlan& node) {
  if (!domain.empty() || !moves_integers(node.type())) {
    for (std::size_t i = 0; i < node.inputs(); ++i) {
      if (node.has_input(i) && depends_on_rows(node.input(i)))
        return node.refuse(fmt::format("input {} depends on how many rows there are", i));
    }
  }
  bool is_list = false;
  absl::Status status = check_lists(node, is_list);
  if (!status.ok()) return status;
  if (domain.empty() && !is_list && join_layers(node)) return node.finish();
  const bool known = domain == "ai.onnx.ml"
                         ? plan_trees(node, status) || plan_linear(node, status) || plan_svm(node, status) ||
                               plan_encoders(node, status)
                         : domain.empty() && (plan_arithmetic(node, status) || plan_functions(node, status) ||
                                              plan_matrices(node, status) || plan_einsum(node, status) ||
                                              plan_reductions(node, status) || plan_shapes(node, status));
  if (!known) {
    return absl::UnimplementedError(
        fmt::format("the operator {}{}{} is not supported", domain, domain.empty() ? "" : ".", node.type()));
  }
  if (!status.ok()) return status;
  if (is_list && node.type() != "Reshape") {
    for (Value& output : node.outputs()) output.order = Order::kList;
  }
  return node.finish();
}

}  // namespace weir::ml::onnx
