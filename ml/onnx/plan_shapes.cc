// Operators that move elements and leave them as they are.
#include <algorithm>

#include <fmt/format.h>

#include <weir/ml/onnx/moves.h>
#include <weir/ml/onnx/plan.h>

namespace weir::ml::onnx {
namespace {

// Returns the product of the dimensions before, or from, `axis`.
std::size_t product(const Shape& shape, std::size_t begin, std::size_t end) {
  std::size_t result = 1;
  for (std::size_t i = begin; i < end; ++i) result *= static_cast<std::size_t>(shape[i]);
  return result;
}

absl::Status plan_identity(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  node.add_alias(node.input(0));
  return absl::OkStatus();
}

absl::Status plan_constant(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(0, 0); !status.ok()) return status;
  if (!node.has("value")) return node.refuse("its value is no tensor");
  auto tensor = std::make_shared<Tensor>(node.tensor("value"));
  Value value;
  value.element = tensor->element;
  value.shape = tensor->shape;
  value.texts = std::make_shared<const std::vector<std::string>>(tensor->texts);
  value.constant = std::move(tensor);
  node.add_alias(value);
  return absl::OkStatus();
}

absl::Status plan_concat(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, std::size_t{1} << 20); !status.ok()) return status;
  if (!node.has("axis")) return node.wrong("has no axis");
  std::int64_t axis = node.integer("axis", 1);
  const Value& first = node.input(0);
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    if (!node.has_input(i)) return node.wrong(fmt::format("lacks input {}", i));
    if (absl::Status status = node.expect_rows(i); !status.ok()) return status;
    const Value& input = node.input(i);
    if (input.element != first.element || input.rank() != first.rank())
      return node.wrong("its inputs are of different kinds");
    if (input.element == Element::kText && *input.texts != *first.texts)
      return node.refuse("its inputs are of different texts");
  }
  if (axis < 0) axis += static_cast<std::int64_t>(first.rank());
  if (axis < 1 || axis >= static_cast<std::int64_t>(first.rank())) return node.refuse("its axis mixes rows");
  const auto dimension = static_cast<std::size_t>(axis - 1);
  Shape shape = first.shape;
  shape[dimension] = 0;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    Shape other = node.input(i).shape;
    shape[dimension] += other[dimension];
    other[dimension] = first.shape[dimension];
    if (other != first.shape) return node.wrong("the shapes of its inputs do not fit");
  }
  std::vector<std::size_t> from;
  for (std::size_t before = 0; before < product(shape, 0, dimension); ++before) {
    for (std::size_t i = 0; i < node.inputs(); ++i) {
      const Value& input = node.input(i);
      const std::size_t length = product(input.shape, dimension, input.shape.size());
      for (std::size_t j = 0; j < length; ++j) from.push_back(input.slot + before * length + j);
    }
  }
  Value& output = node.add_output(first.element, shape);
  output.texts = first.texts;
  node.add_step(copy_step(std::move(from), output.slot));
  return absl::OkStatus();
}

absl::Status plan_reshape(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  const Value& input = node.input(0);
  if (input.constant) return node.refuse("its input is a constant");
  if (!node.input(1).constant || node.input(1).shape.size() != 1 ||
      node.input(1).element != Element::kInteger)
    return node.refuse("its second input is no constant list of integers");
  const bool zero_is_zero = node.integer("allowzero", 0) != 0;
  Shape wanted;
  for (const double number : node.input(1).constant->numbers)
    wanted.push_back(static_cast<std::int64_t>(number));
  if (wanted.empty()) return node.refuse("mixes rows");
  const std::size_t count = input.count();
  if (count == 0) return node.refuse("its input is empty");

  // The first dimension must remain the batch: it is copied, or what the others leave over.
  const bool copies_batch = wanted.front() == 0 && !zero_is_zero && !input.batch_is_last;
  if (!copies_batch && wanted.front() != -1) return node.refuse("mixes rows");
  Shape shape(wanted.begin() + 1, wanted.end());
  std::size_t known = 1;
  std::size_t open = shape.size();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !zero_is_zero && !input.batch_is_last && i < input.shape.size())
      shape[i] = input.shape[i];
    if (shape[i] == -1 && copies_batch && open == shape.size()) {
      open = i;
      continue;
    }
    if (shape[i] <= 0 || shape[i] > static_cast<std::int64_t>(count)) return node.refuse("mixes rows");
    known *= static_cast<std::size_t>(shape[i]);
    if (known > count) return node.refuse("mixes rows");
  }
  if (open < shape.size()) {
    if (count % known != 0) return node.wrong("the shape does not fit its input");
    shape[open] = static_cast<std::int64_t>(count / known);
  } else if (known != count) {
    return node.refuse("mixes rows");
  }
  Value& output = node.add_alias(input);
  output.shape = std::move(shape);
  output.batch_is_last = false;
  return absl::OkStatus();
}

absl::Status plan_gather(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  const Value& data = node.input(0);
  const Value& indices = node.input(1);
  if (indices.element != Element::kInteger) return node.wrong("its indices are no integers");
  if (data.batch_is_last || indices.batch_is_last) return node.refuse("an input has its rows in columns");
  std::int64_t axis = node.integer("axis", 0);
  if (axis < 0) axis += static_cast<std::int64_t>(data.rank());
  if (data.constant && !indices.constant) {
    if (axis != 0 || data.shape.empty()) return node.refuse("its axis is not the first");
    if (data.count() == 0) return node.refuse("its table is empty");
    Shape shape = indices.shape;
    shape.insert(shape.end(), data.shape.begin() + 1, data.shape.end());
    const std::size_t count = indices.count();
    Value& output = node.add_output(data.element, shape);
    output.texts = data.texts;
    node.add_step(lookup_step(data.constant->numbers, product(data.shape, 1, data.shape.size()), true,
                              indices.slot, count, output.slot));
    return absl::OkStatus();
  }
  if (data.constant || !indices.constant) return node.refuse("wants a constant, and a value of rows");
  if (axis < 1 || axis >= static_cast<std::int64_t>(data.rank())) return node.refuse("its axis mixes rows");
  const auto dimension = static_cast<std::size_t>(axis - 1);
  Shape shape(data.shape.begin(), data.shape.begin() + static_cast<std::ptrdiff_t>(dimension));
  shape.insert(shape.end(), indices.shape.begin(), indices.shape.end());
  shape.insert(shape.end(), data.shape.begin() + static_cast<std::ptrdiff_t>(dimension) + 1,
               data.shape.end());
  Value& output = node.add_output(data.element, shape);
  output.texts = data.texts;
  if (output.count() == 0) return node.refuse("its result is empty");
  const std::size_t inner = product(data.shape, dimension + 1, data.shape.size());
  const auto length = data.shape[dimension];
  std::vector<std::size_t> from;
  for (std::size_t before = 0; before < product(data.shape, 0, dimension); ++before) {
    for (const double number : indices.constant->numbers) {
      auto index = static_cast<std::int64_t>(number);
      if (index < 0) index += length;
      if (index < 0 || index >= length) return node.wrong("an index is out of range");
      const std::size_t first =
          (before * static_cast<std::size_t>(length) + static_cast<std::size_t>(index)) * inner;
      for (std::size_t i = 0; i < inner; ++i) from.push_back(data.slot + first + i);
    }
  }
  node.add_step(copy_step(std::move(from), output.slot));
  return absl::OkStatus();
}

}  // namespace

bool plan_shapes(NodePlan& node, absl::Status& status) {
  const std::string& type = node.type();
  if (type == "Identity") {
    status = plan_identity(node);
  } else if (type == "Constant") {
    status = plan_constant(node);
  } else if (type == "Concat") {
    status = plan_concat(node);
  } else if (type == "Reshape") {
    status = plan_reshape(node);
  } else if (type == "Gather") {
    status = plan_gather(node);
  } else {
    return false;
  }
  return true;
}

}  // namespace weir::ml::onnx
