// What all operators have in common when they are planned.
#include <weir/ml/onnx/plan.h>

#include <algorithm>

#include <fmt/format.h>

#include <weir/ml/onnx/wire.pb.h>

namespace weir::ml::onnx {

NodePlan::NodePlan(const wire::Node& node, std::int64_t version, std::vector<const Value*> inputs,
                   Program& program, const LoadLimits& limits)
    : type_(node.type()),
      name_(node.name()),
      version_(version),
      inputs_(std::move(inputs)),
      program_(program),
      limits_(limits) {
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
  if (input(index).constant) return refuse(fmt::format("input {} is a constant", index));
  if (input(index).batch_is_last) return refuse(fmt::format("input {} has its rows in columns", index));
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

Value& NodePlan::add_output(Element element, Shape shape) {
  Value& value = outputs_.emplace_back();
  value.element = element;
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

absl::Status plan_node(std::string_view domain, NodePlan& node) {
  absl::Status status;
  const bool known =
      domain == "ai.onnx.ml"
          ? plan_trees(node, status) || plan_linear(node, status) || plan_encoders(node, status)
          : domain.empty() && (plan_arithmetic(node, status) || plan_shapes(node, status));
  if (!known) {
    return absl::UnimplementedError(
        fmt::format("the operator {}{}{} is not supported", domain, domain.empty() ? "" : ".", node.type()));
  }
  if (!status.ok()) return status;
  return node.finish();
}

}  // namespace weir::ml::onnx
