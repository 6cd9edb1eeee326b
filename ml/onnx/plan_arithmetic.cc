// Operators of numbers: element by element, by matrices, and over the last dimension.
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include <weir/ml/onnx/dense.h>
#include <weir/ml/onnx/plan.h>
#include <weir/ml/onnx/transform.h>

namespace weir::ml::onnx {
namespace {

constexpr double kWholeNumbers = 9007199254740992.0;  // up to here a double holds every integer

// One side of an operator: slots, or numbers that are always the same.
struct Side {
  std::size_t slot = 0;
  std::vector<std::uint32_t> places;  // where each element is taken from, or none if in order
  std::vector<double> constants;      // one per element, or none

  double at(const double* slots, std::size_t i) const {
    if (!constants.empty()) return constants[i];
    return slots[slot + (places.empty() ? i : places[i])];
  }
};

// Rounds a result to its element; false where an integer is too large to be exact.
template <Element kElement>
bool settle(double& result) {
  if constexpr (kElement == Element::kFloat) result = as_float(result);
  if constexpr (kElement == Element::kInteger) return std::abs(result) < kWholeNumbers;
  return true;
}

// Sums, differences, products and quotients of floats, rounded from double, are those of floats themselves.
template <class Operation, Element kElement>
class Pairwise final : public Step {
 public:
  Pairwise(Side left, Side right, std::size_t output, std::size_t count)
      : left_(std::move(left)), right_(std::move(right)), output_(output), count_(count) {}

  bool run(const Frame& frame) const override {
    double* const slots = frame.slots.data();
    for (std::size_t i = 0; i < count_; ++i) {
      double result = Operation()(left_.at(slots, i), right_.at(slots, i));
      if (!settle<kElement>(result)) return false;
      slots[output_ + i] = result;
    }
    return true;
  }

 private:
  const Side left_;
  const Side right_;
  const std::size_t output_;
  const std::size_t count_;
};

struct Quotient {
  double operator()(double left, double right) const { return left / right; }
};
struct WholeQuotient {
  double operator()(double left, double right) const {
    return right == 0.0 ? std::numeric_limits<double>::infinity() : std::trunc(left / right);
  }
};

using Function = double (*)(double);

class Each final : public Step {
 public:
  Each(Function function, bool is_float, std::size_t input, std::size_t output, std::size_t count)
      : function_(function), is_float_(is_float), input_(input), output_(output), count_(count) {}

  bool run(const Frame& frame) const override {
    for (std::size_t i = 0; i < count_; ++i) {
      const double result = function_(frame.slots[input_ + i]);
      frame.slots[output_ + i] = is_float_ ? as_float(result) : result;
    }
    return true;
  }

 private:
  const Function function_;
  const bool is_float_;
  const std::size_t input_;
  const std::size_t output_;
  const std::size_t count_;
};

class Cast final : public Step {
 public:
  Cast(Element to, bool narrow, std::size_t input, std::size_t output, std::size_t count)
      : to_(to), narrow_(narrow), input_(input), output_(output), count_(count) {}

  bool run(const Frame& frame) const override {
    for (std::size_t i = 0; i < count_; ++i) {
      double number = frame.slots[input_ + i];
      switch (to_) {
        case Element::kFloat:
          number = as_float(number);
          break;
        case Element::kInteger:
          number = std::trunc(number);
          if (!(std::abs(number) < (narrow_ ? 2147483648.0 : kWholeNumbers))) return false;
          break;
        case Element::kBool:
          number = number != 0.0 ? 1.0 : 0.0;
          break;
        case Element::kDouble:
        case Element::kText:
          break;
      }
      frame.slots[output_ + i] = number;
    }
    return true;
  }

 private:
  const Element to_;
  const bool narrow_;  // to 32 bits
  const std::size_t input_;
  const std::size_t output_;
  const std::size_t count_;
};

class Softmax final : public Step {
 public:
  Softmax(bool is_float, std::size_t group, std::size_t input, std::size_t output, std::size_t count)
      : is_float_(is_float), group_(group), input_(input), output_(output), count_(count) {}

  bool run(const Frame& frame) const override {
    for (std::size_t first = 0; first < count_; first += group_) {
      const std::span<double> scores = frame.slots.subspan(output_ + first, group_);
      for (std::size_t i = 0; i < group_; ++i) scores[i] = frame.slots[input_ + first + i];
      softmax(scores);
      if (!is_float_) continue;
      for (double& score : scores) score = as_float(score);
    }
    return true;
  }

 private:
  const bool is_float_;
  const std::size_t group_;
  const std::size_t input_;
  const std::size_t output_;
  const std::size_t count_;
};

class ArgMax final : public Step {
 public:
  ArgMax(bool last, std::size_t group, std::size_t input, std::size_t output, std::size_t count)
      : last_(last), group_(group), input_(input), output_(output), groups_(count / group) {}

  bool run(const Frame& frame) const override {
    for (std::size_t number = 0; number < groups_; ++number) {
      const double* const scores = frame.slots.data() + input_ + number * group_;
      std::size_t best = 0;
      for (std::size_t i = 1; i < group_; ++i) {
        if (scores[i] > scores[best] || (last_ && scores[i] == scores[best])) best = i;
      }
      frame.slots[output_ + number] = static_cast<double>(best);
    }
    return true;
  }

 private:
  const bool last_;
  const std::size_t group_;
  const std::size_t input_;
  const std::size_t output_;
  const std::size_t groups_;
};

// Returns the shape that one row's part has after broadcasting, or nothing if rows would be mixed.
std::optional<Shape> broadcast(const Value& left, const Value& right) {
  if (!left.constant && !right.constant && left.rank() != right.rank()) return std::nullopt;
  const Value& row = left.constant ? right : left;
  Shape shape = row.shape;
  for (const Value* value : {&left, &right}) {
    Shape other = value->shape;
    if (value->constant && other.size() == row.rank()) {
      if (other.front() != 1) return std::nullopt;
      other.erase(other.begin());
    }
    if (other.size() > shape.size()) return std::nullopt;
    for (std::size_t i = 0; i < other.size(); ++i) {
      std::int64_t& dimension = shape[shape.size() - 1 - i];
      const std::int64_t wanted = other[other.size() - 1 - i];
      if (dimension == 1) dimension = wanted;
      if (wanted != 1 && wanted != dimension) return std::nullopt;
    }
  }
  return shape;
}

// Returns where the elements of `shape` come from in a value of `own` shape.
std::vector<std::uint32_t> places_of(Shape own, const Shape& shape) {
  if (own.size() > shape.size()) own.erase(own.begin());  // a batch of one
  std::vector<std::uint32_t> places(elements_of(shape));
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::size_t rest = i;
    std::size_t stride = 1;
    std::size_t place = 0;
    for (std::size_t d = 0; d < shape.size(); ++d) {
      const auto size = static_cast<std::size_t>(shape[shape.size() - 1 - d]);
      if (d < own.size()) {
        const auto own_size = static_cast<std::size_t>(own[own.size() - 1 - d]);
        if (own_size > 1) place += rest % size * stride;
        stride *= own_size;
      }
      rest /= size;
    }
    places[i] = static_cast<std::uint32_t>(place);
  }
  return places;
}

Side side_of(const Value& value, const Shape& shape) {
  Side side;
  side.slot = value.slot;
  if (!value.constant && value.shape == shape) return side;
  std::vector<std::uint32_t> places = places_of(value.shape, shape);
  if (!value.constant) {
    side.places = std::move(places);
    return side;
  }
  for (const std::uint32_t place : places) side.constants.push_back(value.constant->numbers[place]);
  return side;
}

template <class Operation, class Whole = Operation>
absl::Status plan_pairwise(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  const Value& left = node.input(0);
  const Value& right = node.input(1);
  if (left.constant && right.constant) return node.refuse("both inputs are constants");
  if (left.batch_is_last || right.batch_is_last) return node.refuse("an input has its rows in columns");
  if (left.element != right.element) return node.wrong("its inputs are of different elements");
  if (left.element == Element::kText || left.element == Element::kBool)
    return node.refuse("its inputs are no numbers");
  const std::optional<Shape> shape = broadcast(left, right);
  if (!shape) return node.refuse("the shapes of its inputs do not fit, row by row");
  const Value& output = node.add_output(left.element, *shape);
  const std::size_t count = output.count();
  if (count == 0) return node.refuse("its result is empty");
  Side one = side_of(left, *shape);
  Side other = side_of(right, *shape);
  if (left.element == Element::kFloat) {
    node.add_step(std::make_unique<Pairwise<Operation, Element::kFloat>>(std::move(one), std::move(other),
                                                                         output.slot, count));
  } else if (left.element == Element::kDouble) {
    node.add_step(std::make_unique<Pairwise<Operation, Element::kDouble>>(std::move(one), std::move(other),
                                                                          output.slot, count));
  } else {
    node.add_step(std::make_unique<Pairwise<Whole, Element::kInteger>>(std::move(one), std::move(other),
                                                                       output.slot, count));
  }
  return absl::OkStatus();
}

bool is_real(Element element) { return element == Element::kFloat || element == Element::kDouble; }

absl::Status plan_each(NodePlan& node, Function function) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  if (absl::Status status = node.expect_rows(0); !status.ok()) return status;
  const Value& input = node.input(0);
  if (!is_real(input.element)) return node.refuse("its input is neither of floats nor of doubles");
  const Value& output = node.add_output(input.element, input.shape);
  node.add_step(std::make_unique<Each>(function, input.element == Element::kFloat, input.slot, output.slot,
                                       output.count()));
  return absl::OkStatus();
}

absl::Status plan_cast(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  node.ignore("saturate");  // of floats in eight bits only
  node.ignore("round_mode");
  const std::int64_t to = node.integer("to", 0);
  const absl::StatusOr<Element> element = element_from(to);
  if (!element.ok()) return node.refuse(std::string(element.status().message()));
  const Value& input = node.input(0);
  if (input.constant) return node.refuse("its input is a constant");
  if (input.element == *element && !(*element == Element::kInteger)) {
    node.add_alias(input);
    return absl::OkStatus();
  }
  if (input.element == Element::kText || *element == Element::kText) {
    return node.refuse("texts are not made of numbers, nor numbers of texts");
  }
  if (to == 2) return node.refuse("bytes are not supported");
  const bool batch_is_last = input.batch_is_last;
  Value& output = node.add_output(*element, input.shape);
  output.batch_is_last = batch_is_last;
  node.add_step(std::make_unique<Cast>(*element, to == 6, input.slot, output.slot, output.count()));
  return absl::OkStatus();
}

// Returns the dimension of a row's part that an axis means, or nothing: the batch, or none at all.
std::optional<std::size_t> dimension_of(const Value& value, std::int64_t axis) {
  if (axis < 0) axis += static_cast<std::int64_t>(value.rank());
  if (axis < 1 || axis >= static_cast<std::int64_t>(value.rank())) return std::nullopt;
  return static_cast<std::size_t>(axis - 1);
}

absl::Status plan_softmax(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  if (absl::Status status = node.expect_rows(0); !status.ok()) return status;
  const Value& input = node.input(0);
  if (!is_real(input.element)) return node.refuse("its input is neither of floats nor of doubles");
  const auto dimension = dimension_of(input, node.integer("axis", node.version() < 13 ? 1 : -1));
  // Before version 13 all dimensions from the axis on were one.
  if (!dimension || (node.version() >= 13 && *dimension + 1 != input.shape.size())) {
    return node.refuse("its axis is not the last");
  }
  std::size_t group = 1;
  for (std::size_t i = *dimension; i < input.shape.size(); ++i)
    group *= static_cast<std::size_t>(input.shape[i]);
  if (group == 0) return node.refuse("its input is empty");
  const Value& output = node.add_output(input.element, input.shape);
  node.add_step(std::make_unique<Softmax>(input.element == Element::kFloat, group, input.slot, output.slot,
                                          output.count()));
  return absl::OkStatus();
}

absl::Status plan_arg_max(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  if (absl::Status status = node.expect_rows(0); !status.ok()) return status;
  const Value& input = node.input(0);
  const auto dimension = dimension_of(input, node.integer("axis", 0));
  if (!dimension || *dimension + 1 != input.shape.size()) return node.refuse("its axis is not the last");
  if (input.count() == 0 || input.element == Element::kText) return node.refuse("its input has no numbers");
  const auto group = static_cast<std::size_t>(input.shape.back());
  Shape shape = input.shape;
  shape.pop_back();
  if (node.integer("keepdims", 1) != 0) shape.push_back(1);
  const bool last = node.integer("select_last_index", 0) != 0;
  const Value& output = node.add_output(Element::kInteger, shape);
  node.add_step(std::make_unique<ArgMax>(last, group, input.slot, output.slot, input.count()));
  return absl::OkStatus();
}

absl::Status plan_matrix(NodePlan& node, bool is_gemm) {
  if (absl::Status status = node.expect_inputs(2, is_gemm ? 3 : 2); !status.ok()) return status;
  std::size_t columns = 0;
  if (absl::Status status = node.expect_columns(0, columns); !status.ok()) return status;
  const Value& input = node.input(0);
  const Value& matrix = node.input(1);
  if (!matrix.constant) return node.refuse("its second input is no constant");
  if (!is_real(input.element) || matrix.element != input.element)
    return node.refuse("its inputs are not all of floats, or all of doubles");
  const bool turned = is_gemm && node.integer("transB", 0) != 0;
  if (is_gemm && node.integer("transA", 0) != 0) return node.refuse("transA mixes rows");
  const double alpha = is_gemm ? static_cast<double>(node.number("alpha", 1.0f)) : 1.0;
  const double beta = is_gemm ? static_cast<double>(node.number("beta", 1.0f)) : 1.0;
  const bool is_vector = matrix.shape.size() == 1 && !is_gemm;
  if (matrix.shape.size() != 2 && !is_vector) return node.refuse("its second input is no matrix");

  Dense dense;
  const auto first = static_cast<std::size_t>(matrix.shape.front());
  const std::size_t second = is_vector ? 1 : static_cast<std::size_t>(matrix.shape.back());
  dense.inputs = turned ? second : first;
  dense.outputs = turned ? first : second;
  if (dense.inputs != columns || dense.outputs == 0) {
    return node.wrong(fmt::format("its matrix takes {} columns, its rows have {}", dense.inputs, columns));
  }
  dense.weights.resize(matrix.constant->numbers.size());
  for (std::size_t i = 0; i < dense.inputs; ++i) {
    for (std::size_t j = 0; j < dense.outputs; ++j) {
      const double weight = matrix.constant->numbers[turned ? j * dense.inputs + i : i * dense.outputs + j];
      dense.weights[i * dense.outputs + j] = alpha * weight;
    }
  }
  const Value& output =
      node.add_output(input.element, is_vector ? Shape{} : Shape{static_cast<std::int64_t>(dense.outputs)});
  if (output.count() != dense.outputs) return node.refuse("a row needs too many numbers");
  if (node.has_input(2)) {
    const Value& bias = node.input(2);
    if (!bias.constant || bias.element != input.element)
      return node.refuse("its third input is no such constant");
    const std::optional<Shape> shape = broadcast(output, bias);
    if (!shape || *shape != output.shape) return node.refuse("the shape of its third input does not fit");
    dense.bias = side_of(bias, *shape).constants;
    for (double& number : dense.bias) number *= beta;
  }
  node.need_floats(floats_of_dense(dense));
  node.add_step(dense_step(dense, input.element == Element::kDouble, input.slot, output.slot));
  return absl::OkStatus();
}

}  // namespace

bool plan_arithmetic(NodePlan& node, absl::Status& status) {
  const std::string& type = node.type();
  if (type == "Add") {
    status = plan_pairwise<std::plus<>>(node);
  } else if (type == "Sub") {
    status = plan_pairwise<std::minus<>>(node);
  } else if (type == "Mul") {
    status = plan_pairwise<std::multiplies<>>(node);
  } else if (type == "Div") {
    status = plan_pairwise<Quotient, WholeQuotient>(node);
  } else if (type == "Relu") {
    // A NaN stays one.
    status = plan_each(node, [](double number) { return number < 0.0 ? 0.0 : number; });
  } else if (type == "Sigmoid") {
    status = plan_each(node, logistic);
  } else if (type == "Tanh") {
    status = plan_each(node, [](double number) { return std::tanh(number); });
  } else if (type == "Abs") {
    status = plan_each(node, [](double number) { return std::abs(number); });
  } else if (type == "Neg") {
    status = plan_each(node, [](double number) { return -number; });
  } else if (type == "Exp") {
    status = plan_each(node, [](double number) { return std::exp(number); });
  } else if (type == "Sqrt") {
    status = plan_each(node, [](double number) { return std::sqrt(number); });
  } else if (type == "Cast") {
    status = plan_cast(node);
  } else if (type == "Softmax") {
    status = plan_softmax(node);
  } else if (type == "ArgMax") {
    status = plan_arg_max(node);
  } else if (type == "MatMul" || type == "Gemm") {
    status = plan_matrix(node, type == "Gemm");
  } else {
    return false;
  }
  return true;
}

}  // namespace weir::ml::onnx
