// Operators that move elements and leave them as they are, and those that speak of shapes.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/onnx/moves.h>
#include <weir/ml/onnx/plan.h>

namespace weir::ml::onnx {
namespace {

// Returns the product of the dimensions from `begin` until `end`.
std::size_t product(const Shape& shape, std::size_t begin, std::size_t end) {
  std::size_t result = 1;
  for (std::size_t i = begin; i < end; ++i) result *= static_cast<std::size_t>(shape[i]);
  return result;
}

// Adds an output that copies elements of `input`, by their places.
absl::Status add_copy(NodePlan& node, const Value& input, Shape shape, std::optional<std::size_t> batch,
                      const std::vector<std::size_t>& places) {
  Value& output = node.add_output(input.element, std::move(shape), batch);
  output.texts = input.texts;
  if (output.count() != places.size() || places.empty())
    return node.refuse("its result is empty, or too large");
  std::vector<std::size_t> from;
  from.reserve(places.size());
  for (const std::size_t place : places) from.push_back(input.slot + place);
  node.add_step(copy_step(std::move(from), output.slot));
  return absl::OkStatus();
}

// Returns the places of the elements that have one of `wanted` in a dimension, in that order.
std::vector<std::size_t> places_with(const Shape& shape, std::size_t dimension,
                                     const std::vector<std::int64_t>& wanted) {
  std::vector<std::size_t> places;
  const auto length = static_cast<std::size_t>(shape[dimension]);
  const std::size_t inner = product(shape, dimension + 1, shape.size());
  for (std::size_t before = 0; before < product(shape, 0, dimension); ++before) {
    for (const std::int64_t index : wanted) {
      const std::size_t first = (before * length + static_cast<std::size_t>(index)) * inner;
      for (std::size_t i = 0; i < inner; ++i) places.push_back(first + i);
    }
  }
  return places;
}

absl::Status plan_identity(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  node.add_alias(node.input(0));
  return absl::OkStatus();
}

// Outside of training nothing is dropped.
absl::Status plan_dropout(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 3); !status.ok()) return status;
  node.ignore("ratio");
  node.ignore("seed");
  if (node.has_input(2)) {
    const Value& trains = node.input(2);
    if (!trains.constant || trains.count() != 1 || trains.constant->numbers.front() != 0.0)
      return node.refuse("trains");
  }
  node.add_alias(node.input(0));
  return absl::OkStatus();
}

absl::Status plan_constant(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(0, 0); !status.ok()) return status;
  Tensor tensor;
  if (node.has("value")) {
    tensor = node.tensor("value");
  } else if (node.has("value_float")) {
    tensor.numbers = {static_cast<double>(node.number("value_float", 0.0f))};
  } else if (node.has("value_floats")) {
    tensor.numbers = node.numbers("value_floats");
    tensor.shape = {static_cast<std::int64_t>(tensor.numbers.size())};
  } else if (node.has("value_int") || node.has("value_ints")) {
    tensor.element = Element::kInteger;
    std::vector<std::int64_t> integers = node.integers("value_ints");
    if (node.has("value_int")) integers = {node.integer("value_int", 0)};
    tensor.numbers.assign(integers.begin(), integers.end());
    if (node.has("value_ints")) tensor.shape = {static_cast<std::int64_t>(integers.size())};
    for (const double number : tensor.numbers) {
      if (std::abs(number) >= 9007199254740992.0) return node.refuse("an integer is not within 2^53");
    }
  } else {
    return node.refuse("its value is no tensor");
  }
  node.add_alias(constant_value(std::move(tensor)));
  return absl::OkStatus();
}

// All rows of one input after all rows of another.
absl::Status plan_stack(NodePlan& node, const Value& first) {
  std::vector<std::size_t> from;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    const Value& input = node.input(i);
    if (input.batch != first.batch || input.shape != first.shape || input.element != first.element)
      return node.refuse("its axis mixes rows");
    if (input.element == Element::kText) return node.refuse("puts texts behind texts");
  }
  const std::size_t inner = product(first.shape, *first.batch, first.shape.size());
  for (std::size_t before = 0; before < product(first.shape, 0, *first.batch); ++before) {
    for (std::size_t i = 0; i < node.inputs(); ++i) {
      for (std::size_t j = 0; j < inner; ++j) from.push_back(node.input(i).slot + before * inner + j);
    }
  }
  Shape shape = first.shape;
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(*first.batch),
               static_cast<std::int64_t>(node.inputs()));
  Value& output = node.add_output(first.element, std::move(shape), *first.batch + 1);
  if (output.count() != from.size()) return node.refuse("a row needs too many numbers");
  output.order = Order::kStack;
  node.add_step(copy_step(std::move(from), output.slot));
  return absl::OkStatus();
}

// Tensors of rows, side by side.
absl::Status plan_sequence(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1024); !status.ok()) return status;
  std::vector<std::size_t> from;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    if (!node.has_input(i)) return node.wrong(fmt::format("lacks input {}", i));
    if (absl::Status status = node.expect_rows(i); !status.ok()) return status;
    const Value& input = node.input(i);
    if (input.element != node.input(0).element || input.element == Element::kText)
      return node.refuse("its inputs are of different kinds, or texts");
    for (std::size_t j = 0; j < input.count(); ++j) from.push_back(input.slot + j);
  }
  Value& output = node.add_output(node.input(0).element, {static_cast<std::int64_t>(from.size())});
  if (output.count() != from.size()) return node.refuse("a row needs too many numbers");
  output.order = Order::kSequence;
  node.add_step(copy_step(std::move(from), output.slot));
  return absl::OkStatus();
}

absl::Status plan_concat(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, std::size_t{1} << 20); !status.ok()) return status;
  if (!node.has("axis")) return node.wrong("has no axis");
  const std::int64_t axis = node.integer("axis", 1);
  std::vector<Value> inputs;
  const Value* rows = nullptr;  // an input that is of rows
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    if (!node.has_input(i)) return node.wrong(fmt::format("lacks input {}", i));
    if (node.input(i).batch && rows == nullptr) rows = &node.input(i);
  }
  const Value& first = rows != nullptr ? *rows : node.input(0);
  if (first.batch && first.axis_of(axis) == first.batch) return plan_stack(node, first);
  const std::optional<std::size_t> place = first.dimension_of(axis);
  if (!place) return node.refuse("its axis mixes rows");
  const std::size_t dimension = *place;
  Shape shape = first.shape;
  shape[dimension] = 0;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    const Value& input = node.input(i);
    if (input.element != first.element || input.rank() != first.rank())
      return node.wrong("its inputs are of different kinds");
    if (input.element == Element::kText && *input.texts != *first.texts)
      return node.refuse("its inputs are of different texts");
    if (input.batch != first.batch) return node.refuse("an input has other rows, or none");
    Shape other = input.shape;
    shape[dimension] += other[dimension];
    other[dimension] = first.shape[dimension];
    if (other != first.shape) return node.wrong("the shapes of its inputs do not fit");
    inputs.push_back(node.placed(i));
    if (inputs.back().shape != input.shape) return node.refuse("a row needs too many numbers");
  }
  std::vector<std::size_t> from;
  for (std::size_t before = 0; before < product(shape, 0, dimension); ++before) {
    for (const Value& input : inputs) {
      const std::size_t length = product(input.shape, dimension, input.shape.size());
      for (std::size_t j = 0; j < length; ++j) from.push_back(input.slot + before * length + j);
    }
  }
  Value& output = node.add_output(first.element, shape, first.batch);
  if (output.count() != from.size()) return node.refuse("a row needs too many numbers");
  output.texts = first.texts;
  node.add_step(copy_step(std::move(from), output.slot));
  return absl::OkStatus();
}

// Gives the value another shape, with the same elements in the same order. That keeps rows apart if as many elements of a
// row stand before the batch as before, and as many behind it.
absl::Status add_reshaped(NodePlan& node, const Value& input, Shape shape, std::optional<std::size_t> batch) {
  Value& output = node.add_alias(input);
  output.shape = std::move(shape);
  output.batch = batch;
  output.order = Order::kApart;
  if (!output.constant) return absl::OkStatus();
  // A constant's shape is in its tensor too.
  Tensor tensor = *output.constant;
  tensor.shape = output.shape;
  const auto texts = output.texts;
  output = constant_value(std::move(tensor));
  output.texts = texts;
  return absl::OkStatus();
}

// Returns a dimension that can be the batch in place of `input`'s, if all others are `wanted`.
bool keeps_rows(const Value& input, const std::vector<double>& wanted, std::size_t place) {
  const std::size_t before = product(input.shape, 0, *input.batch);
  double leading = 1.0;
  double trailing = 1.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (i < place) leading *= wanted[i];
    if (i > place) trailing *= wanted[i];
  }
  return leading == static_cast<double>(before) && leading * trailing == static_cast<double>(input.count());
}

absl::Status plan_reshape(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  const Value& input = node.input(0);
  const Value& list = node.input(1);
  if (!list.constant || list.shape.size() != 1 || list.element != Element::kInteger)
    return node.refuse("its second input is no constant list of integers");
  const bool zero_is_zero = node.integer("allowzero", 0) != 0;
  std::vector<double> wanted = list.constant->numbers;
  std::optional<std::size_t> batch;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == 0.0 && !zero_is_zero) {
      if (i >= input.rank()) return node.wrong("copies a dimension that is none");
      if (input.order != Order::kApart) return node.refuse("mixes rows");
      const std::optional<std::size_t> dimension = input.dimension_of(static_cast<std::int64_t>(i));
      wanted[i] = dimension ? static_cast<double>(input.shape[*dimension]) : kRows;
    }
    if (std::isnan(wanted[i])) {
      if (batch || !input.batch) return node.refuse("mixes rows");
      batch = i;
    } else if (wanted[i] == -1.0) {
      if (open) return node.wrong("leaves two dimensions open");
      open = i;
    } else if (wanted[i] < 0.0) {
      return node.wrong("has a dimension below zero");
    }
  }
  const auto count = static_cast<double>(input.count());
  if (count == 0.0) return node.refuse("its input is empty");
  if (open && (batch || !input.batch)) {
    double known = 1.0;
    for (std::size_t i = 0; i < wanted.size(); ++i) known *= i == open || i == batch ? 1.0 : wanted[i];
    wanted[*open] = count / known;
    if (known == 0.0 || wanted[*open] != std::floor(wanted[*open]))
      return node.wrong("the shape does not fit its input");
    open.reset();
  }
  if (input.batch && open && keeps_rows(input, wanted, *open)) batch = open;
  if (input.batch && !batch && node.rows() > 0) {
    // The graph is made for so many rows, and says the number.
    if (open) wanted[*open] = 1.0;
    for (std::size_t i = 0; i < wanted.size() && !batch; ++i) {
      if (wanted[i] != static_cast<double>(node.rows())) continue;
      std::vector<double> closed = wanted;
      if (open) {
        const double rest = std::accumulate(closed.begin(), closed.end(), 1.0, std::multiplies<>());
        closed[*open] = count * static_cast<double>(node.rows()) / rest;
      }
      if (keeps_rows(input, closed, i)) {
        batch = i;
        wanted = closed;
      }
    }
  }
  if (input.batch && (!batch || !keeps_rows(input, wanted, *batch))) return node.refuse("mixes rows");
  Shape shape;
  double known = 1.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (i == batch) continue;
    known *= wanted[i];
    shape.push_back(static_cast<std::int64_t>(wanted[i]));
  }
  if (known != count) return node.wrong("the shape does not fit its input");
  return add_reshaped(node, input, std::move(shape), batch);
}

absl::Status plan_flatten(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  const Value& input = node.input(0);
  std::int64_t axis = node.integer("axis", 1);
  const auto rank = static_cast<std::int64_t>(input.rank());
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank) return node.wrong("has no such axis");
  if (!input.batch) {
    const auto first = static_cast<std::int64_t>(product(input.shape, 0, static_cast<std::size_t>(axis)));
    return add_reshaped(node, input,
                        {first, static_cast<std::int64_t>(input.count()) / std::max<std::int64_t>(first, 1)},
                        std::nullopt);
  }
  if (input.order == Order::kList || (axis == 0 && *input.batch == 0 && input.count() > 1)) {
    // All numbers of all rows in a list: as they are, or from now on.
    if (input.order == Order::kList && (axis != 1 || *input.batch != 1)) return node.refuse("mixes rows");
    Value& output = node.add_alias(input);
    output.shape = {1, static_cast<std::int64_t>(input.count())};
    output.batch = 1;
    output.order = Order::kList;
    return absl::OkStatus();
  }
  // The batch must stand alone, on either side.
  const auto place = static_cast<std::int64_t>(*input.batch);
  const std::size_t before = product(input.shape, 0, *input.batch);
  const auto count = static_cast<std::int64_t>(input.count());
  const bool is_first = axis > place;
  const std::size_t with_batch =
      is_first ? product(input.shape, 0, static_cast<std::size_t>(axis - 1))
               : product(input.shape, static_cast<std::size_t>(axis), input.shape.size());
  if (with_batch != 1 || (is_first && before != 1)) return node.refuse("mixes rows");
  return add_reshaped(node, input, {count}, is_first ? 0 : 1);
}

// Dimensions of one go, or come.
absl::Status plan_squeeze(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 2); !status.ok()) return status;
  const Value& input = node.input(0);
  const absl::StatusOr<std::optional<std::vector<std::int64_t>>> axes = node.list("axes", 1);
  if (!axes.ok()) return axes.status();
  std::vector<bool> goes(input.rank());
  if (axes->has_value()) {
    for (const std::int64_t axis : **axes) {
      const std::optional<std::size_t> dimension = input.dimension_of(axis);
      if (!dimension || input.shape[*dimension] != 1)
        return node.refuse("an axis is the rows, or longer than one");
      goes[*input.axis_of(axis)] = true;
    }
  } else {
    for (std::size_t i = 0; i < goes.size(); ++i) {
      const std::optional<std::size_t> dimension = input.dimension_of(static_cast<std::int64_t>(i));
      goes[i] = dimension && input.shape[*dimension] == 1;
    }
  }
  Shape shape;
  std::optional<std::size_t> batch;
  std::size_t place = 0;
  for (std::size_t i = 0; i < goes.size(); ++i) {
    if (goes[i]) continue;
    if (input.batch == i) {
      batch = place;
    } else {
      shape.push_back(input.shape[*input.dimension_of(static_cast<std::int64_t>(i))]);
    }
    ++place;
  }
  return add_reshaped(node, input, std::move(shape), batch);
}

absl::Status plan_unsqueeze(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 2); !status.ok()) return status;
  const Value& input = node.input(0);
  const absl::StatusOr<std::optional<std::vector<std::int64_t>>> axes = node.list("axes", 1);
  if (!axes.ok()) return axes.status();
  if (!axes->has_value()) return node.wrong("has no axes");
  const std::size_t rank = input.rank() + (*axes)->size();
  if (rank > 64) return node.refuse("has too many axes");
  std::vector<bool> comes(rank);
  for (std::int64_t axis : **axes) {
    if (axis < 0) axis += static_cast<std::int64_t>(rank);
    if (axis < 0 || axis >= static_cast<std::int64_t>(rank) || comes[static_cast<std::size_t>(axis)])
      return node.wrong("has no such axis, or has it twice");
    comes[static_cast<std::size_t>(axis)] = true;
  }
  Shape shape;
  std::optional<std::size_t> batch;
  std::size_t next = 0;  // dimension of the input
  for (std::size_t i = 0; i < rank; ++i) {
    if (comes[i]) {
      shape.push_back(1);
    } else if (input.batch == next) {
      batch = i;
      ++next;
    } else {
      shape.push_back(input.shape[*input.dimension_of(static_cast<std::int64_t>(next))]);
      ++next;
    }
  }
  return add_reshaped(node, input, std::move(shape), batch);
}

absl::Status plan_transpose(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  const Value input = node.placed(0);
  std::vector<std::int64_t> order = node.integers("perm");
  const std::size_t rank = input.rank();
  if (order.empty()) {
    for (std::size_t i = rank; i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
  }
  std::vector<bool> seen(rank);
  if (order.size() != rank) return node.wrong("its perm is no order of its dimensions");
  Shape shape;
  std::optional<std::size_t> batch;
  std::vector<std::size_t> dimensions;  // of the input, in the new order, without the batch
  for (std::size_t i = 0; i < rank; ++i) {
    const std::optional<std::size_t> axis = order[i] < 0 ? std::nullopt : input.axis_of(order[i]);
    if (!axis || seen[*axis]) return node.wrong("its perm is no order of its dimensions");
    seen[*axis] = true;
    if (input.batch == *axis) {
      batch = i;
      continue;
    }
    dimensions.push_back(*input.dimension_of(order[i]));
    shape.push_back(input.shape[dimensions.back()]);
  }
  if (std::ranges::is_sorted(dimensions)) return add_reshaped(node, input, std::move(shape), batch);
  std::vector<std::size_t> places = {0};
  for (const std::size_t dimension : dimensions) {
    const std::size_t stride = product(input.shape, dimension + 1, input.shape.size());
    std::vector<std::size_t> next;
    for (const std::size_t place : places) {
      for (std::int64_t k = 0; k < input.shape[dimension]; ++k)
        next.push_back(place + static_cast<std::size_t>(k) * stride);
    }
    places = std::move(next);
  }
  return add_copy(node, input, std::move(shape), batch, places);
}

// ---- parts -------------------------------------------------------------------------------------------------

// A range of a dimension, as Slice says it.
std::vector<std::int64_t> range_of(std::int64_t start, std::int64_t end, std::int64_t step,
                                   std::int64_t size) {
  const auto within = [size](std::int64_t index, std::int64_t least, std::int64_t most) {
    if (index < 0 && index >= -size) index += size;
    return std::clamp(index, least, most);
  };
  std::vector<std::int64_t> wanted;
  if (step > 0) {
    const std::int64_t last = within(end, 0, size);
    for (std::int64_t i = within(start, 0, size); i < last; i += std::min(step, size)) wanted.push_back(i);
  } else {
    const std::int64_t last = within(end, -1, size - 1);
    for (std::int64_t i = within(start, -1, size - 1); i > last; i -= std::min(-std::max(step, -size), size))
      wanted.push_back(i);
  }
  return wanted;
}

absl::Status plan_slice(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 5); !status.ok()) return status;
  const auto starts = node.list("starts", 1);
  const auto ends = node.list("ends", 2);
  const auto axes = node.list("axes", 3);
  const auto steps = node.list("", 4);
  for (const auto* list : {&starts, &ends, &axes, &steps}) {
    if (!list->ok()) return list->status();
  }
  if (!starts->has_value() || !ends->has_value() || (*starts)->size() != (*ends)->size())
    return node.wrong("has no starts and ends");
  const std::size_t count = (*starts)->size();
  if ((axes->has_value() && (*axes)->size() != count) || (steps->has_value() && (*steps)->size() != count))
    return node.wrong("its lists are of different lengths");
  Value current = node.placed(0);
  const Value& input = node.input(0);
  if (current.count() == 0) return node.refuse("its input is empty");
  std::vector<std::size_t> places(current.count());
  std::iota(places.begin(), places.end(), std::size_t{0});
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t axis = axes->has_value() ? (**axes)[i] : static_cast<std::int64_t>(i);
    const std::int64_t step = steps->has_value() ? (**steps)[i] : 1;
    if (step == 0) return node.wrong("has a step of zero");
    const std::optional<std::size_t> dimension = input.dimension_of(axis);
    if (!dimension) {
      // All rows remain.
      const bool all =
          input.axis_of(axis) && step == 1 && (**starts)[i] == 0 && (**ends)[i] >= std::int64_t{1} << 31;
      if (!all) return node.refuse("its axis mixes rows, or is none");
      continue;
    }
    const std::vector<std::int64_t> wanted =
        range_of((**starts)[i], (**ends)[i], step, current.shape[*dimension]);
    if (wanted.empty()) return node.refuse("its result is empty");
    std::vector<std::size_t> next;
    for (const std::size_t place : places_with(current.shape, *dimension, wanted))
      next.push_back(places[place]);
    places = std::move(next);
    current.shape[*dimension] = static_cast<std::int64_t>(wanted.size());
  }
  return add_copy(node, current, current.shape, current.batch, places);
}

absl::Status plan_split(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 2); !status.ok()) return status;
  const Value input = node.placed(0);
  const std::optional<std::size_t> dimension = input.dimension_of(node.integer("axis", 0));
  if (!dimension || input.count() == 0) return node.refuse("its axis mixes rows, or is none");
  const auto split = node.list("split", 1);
  if (!split.ok()) return split.status();
  const std::int64_t size = input.shape[*dimension];
  const auto parts = node.integer("num_outputs", static_cast<std::int64_t>(node.wanted_outputs()));
  std::vector<std::int64_t> lengths;
  if (split->has_value()) {
    lengths = **split;
  } else {
    if (parts < 1 || parts > size) return node.wrong("has no such parts");
    const std::int64_t each = (size + parts - 1) / parts;
    for (std::int64_t left = size; left > 0; left -= each) lengths.push_back(std::min(each, left));
  }
  std::int64_t first = 0;
  for (const std::int64_t length : lengths) {
    if (length < 1 || length > size - first) return node.refuse("has a part that is empty, or too long");
    std::vector<std::int64_t> wanted(static_cast<std::size_t>(length));
    std::iota(wanted.begin(), wanted.end(), first);
    first += length;
    Shape shape = input.shape;
    shape[*dimension] = length;
    if (absl::Status status = add_copy(node, input, std::move(shape), input.batch,
                                       places_with(input.shape, *dimension, wanted));
        !status.ok()) {
      return status;
    }
  }
  if (first != size) return node.wrong("its parts are not the whole");
  return absl::OkStatus();
}

// Rows pick from a table, which is a constant: along its first dimension.
absl::Status plan_lookup(NodePlan& node, const Value& data, const Value& indices, std::size_t axis) {
  if (axis != 0) return node.refuse("its axis is not the first");
  if (data.count() == 0) return node.refuse("its table is empty");
  if (depends_on_rows(data)) return node.refuse("its table depends on how many rows there are");
  Shape shape = indices.shape;
  shape.insert(shape.end(), data.shape.begin() + 1, data.shape.end());
  const std::size_t count = indices.count();
  Value& output = node.add_output(data.element, shape, indices.batch);
  output.texts = data.texts;
  node.add_step(lookup_step(data.constant->numbers, product(data.shape, 1, data.shape.size()), true,
                            indices.slot, count, output.slot));
  return absl::OkStatus();
}

absl::Status plan_gather(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  const Value& indices = node.input(1);
  if (indices.element != Element::kInteger) return node.wrong("its indices are no integers");
  const std::int64_t axis = node.integer("axis", 0);
  const std::optional<std::size_t> place = node.input(0).axis_of(axis);
  if (!place) return node.wrong("has no such axis");
  if (node.input(0).constant && indices.batch) return plan_lookup(node, node.input(0), indices, *place);
  if (!indices.constant) return node.refuse("wants a constant, and a value of rows");
  const Value data = node.placed(0);
  const std::optional<std::size_t> dimension = data.dimension_of(axis);
  if (!dimension || data.count() == 0) return node.refuse("its axis mixes rows");
  const std::int64_t length = data.shape[*dimension];
  std::vector<std::int64_t> wanted;
  for (const double number : indices.constant->numbers) {
    if (std::isnan(number)) return node.refuse("an index depends on how many rows there are");
    auto index = static_cast<std::int64_t>(number);
    if (index < 0) index += length;
    if (index < 0 || index >= length) return node.wrong("an index is out of range");
    wanted.push_back(index);
  }
  Shape shape = data.shape;
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(*dimension));
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(*dimension), indices.shape.begin(),
               indices.shape.end());
  std::optional<std::size_t> batch = data.batch;
  if (batch && *batch > *place) *batch += indices.shape.size() - 1;
  return add_copy(node, data, std::move(shape), batch, places_with(data.shape, *dimension, wanted));
}

// Each element of the result says itself where along one dimension it comes from.
class PickAlong final : public Step {
 public:
  PickAlong(std::vector<std::uint32_t> firsts, std::size_t stride, std::size_t length, std::size_t data,
            std::size_t indices, std::size_t output)
      : firsts_(std::move(firsts)),
        stride_(stride),
        length_(length),
        data_(data),
        indices_(indices),
        output_(output) {}

  bool run(const Frame& frame) const override {
    const auto length = static_cast<double>(length_);
    for (std::size_t i = 0; i < firsts_.size(); ++i) {
      double index = frame.slots[indices_ + i];
      if (index < 0.0) index += length;
      if (!(index >= 0.0 && index < length)) return false;
      frame.slots[output_ + i] = frame.slots[data_ + firsts_[i] + static_cast<std::size_t>(index) * stride_];
    }
    return true;
  }

 private:
  const std::vector<std::uint32_t> firsts_;
  const std::size_t stride_;
  const std::size_t length_;
  const std::size_t data_;
  const std::size_t indices_;
  const std::size_t output_;
};

absl::Status plan_gather_elements(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  const Value data = node.placed(0);
  const Value indices = node.placed(1);
  if (indices.element != Element::kInteger) return node.wrong("its indices are no integers");
  const std::optional<std::size_t> dimension = data.dimension_of(node.integer("axis", 0));
  if (!dimension || data.batch != indices.batch || data.shape.size() != indices.shape.size() ||
      data.count() == 0)
    return node.refuse("mixes rows");
  Shape expected = data.shape;
  expected[*dimension] = indices.shape[*dimension];
  if (expected != indices.shape) return node.refuse("its indices leave something out");
  const std::size_t stride = product(data.shape, *dimension + 1, data.shape.size());
  const auto length = static_cast<std::size_t>(data.shape[*dimension]);
  const auto each = static_cast<std::size_t>(indices.shape[*dimension]);
  std::vector<std::uint32_t> firsts;
  for (std::size_t i = 0; i < indices.count(); ++i) {
    firsts.push_back(static_cast<std::uint32_t>(i / (stride * each) * stride * length + i % stride));
  }
  Value& output = node.add_output(data.element, indices.shape, data.batch);
  output.texts = data.texts;
  node.add_step(
      std::make_unique<PickAlong>(std::move(firsts), stride, length, data.slot, indices.slot, output.slot));
  return absl::OkStatus();
}

// ---- shapes ------------------------------------------------------------------------------------------------

absl::Status plan_shape(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  const Value& input = node.input(0);
  const auto rank = static_cast<std::int64_t>(input.rank());
  const auto within = [rank](std::int64_t axis) {
    return std::clamp<std::int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  };
  const std::int64_t start = within(node.integer("start", 0));
  const std::int64_t end = within(node.integer("end", rank));
  Tensor tensor;
  tensor.element = Element::kInteger;
  for (std::int64_t axis = start; axis < end; ++axis) {
    const std::optional<std::size_t> dimension = input.dimension_of(axis);
    tensor.numbers.push_back(dimension ? static_cast<double>(input.shape[*dimension]) : kRows);
  }
  tensor.shape = {static_cast<std::int64_t>(tensor.numbers.size())};
  node.add_alias(constant_value(std::move(tensor)));
  return absl::OkStatus();
}

// What a constant list of integers says of a shape, with the batch where kRows is.
absl::Status read_shape(const NodePlan& node, const Value& list, Shape& shape,
                        std::optional<std::size_t>& batch) {
  if (!list.constant || list.element != Element::kInteger || list.shape.size() != 1)
    return node.refuse("its shape is no constant list of integers");
  double count = 1.0;
  for (std::size_t i = 0; i < list.constant->numbers.size(); ++i) {
    const double number = list.constant->numbers[i];
    if (std::isnan(number)) {
      if (batch) return node.refuse("mixes rows");
      batch = i;
      continue;
    }
    count *= number;
    if (number < 1.0 || count > 4194304.0) return node.refuse("its result is empty, or too large");
    shape.push_back(static_cast<std::int64_t>(number));
  }
  return absl::OkStatus();
}

absl::Status plan_constant_of_shape(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  Tensor value;
  value.numbers = {0.0};
  if (node.has("value")) value = node.tensor("value");
  if (value.numbers.size() != 1 || value.element == Element::kText)
    return node.refuse("its value is no number");
  Tensor tensor;
  tensor.element = value.element;
  std::optional<std::size_t> batch;
  if (absl::Status status = read_shape(node, node.input(0), tensor.shape, batch); !status.ok()) return status;
  tensor.numbers.assign(elements_of(tensor.shape), value.numbers.front());
  if (!batch) {
    node.add_alias(constant_value(std::move(tensor)));
    return absl::OkStatus();
  }
  const Value& output = node.add_output(tensor.element, tensor.shape, batch);
  node.add_step(fill_step(std::move(tensor.numbers), output.slot));
  return absl::OkStatus();
}

absl::Status plan_expand(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  Value wanted;
  if (absl::Status status = read_shape(node, node.input(1), wanted.shape, wanted.batch); !status.ok())
    return status;
  const Value input = node.placed(0);
  const std::optional<Broadcast> shape = broadcast({&input, &wanted});
  if (!shape) return node.refuse("mixes rows, or its shapes do not fit");
  std::vector<std::size_t> places(elements_of(shape->shape));
  for (std::size_t i = 0; i < places.size(); ++i)
    places[i] = shape->places[0].empty() ? i : shape->places[0][i];
  return add_copy(node, input, shape->shape, shape->batch, places);
}

absl::Status plan_tile(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  const auto times = node.list("", 1);
  if (!times.ok()) return times.status();
  const Value input = node.placed(0);
  if (!times->has_value() || (*times)->size() != input.rank() || input.count() == 0)
    return node.wrong("has not one number of times per dimension");
  Shape shape = input.shape;
  std::vector<std::size_t> places(input.count());
  std::iota(places.begin(), places.end(), std::size_t{0});
  for (std::size_t axis = 0; axis < input.rank(); ++axis) {
    const std::int64_t often = (**times)[axis];
    const std::optional<std::size_t> dimension = input.dimension_of(static_cast<std::int64_t>(axis));
    if (often == 1) continue;
    if (!dimension) return node.refuse("mixes rows");
    if (often < 1 || often > 65536 ||
        places.size() * static_cast<std::size_t>(often) > (std::size_t{1} << 22))
      return node.refuse("its result is empty, or too large");
    std::vector<std::int64_t> wanted;
    for (std::int64_t i = 0; i < often * shape[*dimension]; ++i) wanted.push_back(i % shape[*dimension]);
    std::vector<std::size_t> next;
    for (const std::size_t place : places_with(shape, *dimension, wanted)) next.push_back(places[place]);
    places = std::move(next);
    shape[*dimension] *= often;
  }
  return add_copy(node, input, std::move(shape), input.batch, places);
}

}  // namespace

bool plan_shapes(NodePlan& node, absl::Status& status) {
  static constexpr std::pair<std::string_view, absl::Status (*)(NodePlan&)> kOperators[] = {
      {"Concat", plan_concat},
      {"Constant", plan_constant},
      {"ConstantOfShape", plan_constant_of_shape},
      {"Dropout", plan_dropout},
      {"Expand", plan_expand},
      {"Flatten", plan_flatten},
      {"Gather", plan_gather},
      {"GatherElements", plan_gather_elements},
      {"Identity", plan_identity},
      {"Reshape", plan_reshape},
      {"SequenceConstruct", plan_sequence},
      {"Shape", plan_shape},
      {"Slice", plan_slice},
      {"Split", plan_split},
      {"Squeeze", plan_squeeze},
      {"Tile", plan_tile},
      {"Transpose", plan_transpose},
      {"Unsqueeze", plan_unsqueeze},
  };
  for (const auto& [name, plan] : kOperators) {
    if (node.type() != name) continue;
    status = plan(node);
    return true;
  }
  return false;
}

}  // namespace weir::ml::onnx
