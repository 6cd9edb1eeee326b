// Operators that put several values together, element by element.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

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

// Takes an element from the second or the third side, as the first one says.
class Choose final : public Step {
 public:
  Choose(Side condition, Side yes, Side no, std::size_t output, std::size_t count)
      : condition_(std::move(condition)),
        yes_(std::move(yes)),
        no_(std::move(no)),
        output_(output),
        count_(count) {}

  bool run(const Frame& frame) const override {
    double* const slots = frame.slots.data();
    for (std::size_t i = 0; i < count_; ++i) {
      slots[output_ + i] = condition_.at(slots, i) != 0.0 ? yes_.at(slots, i) : no_.at(slots, i);
    }
    return true;
  }

 private:
  const Side condition_;
  const Side yes_;
  const Side no_;
  const std::size_t output_;
  const std::size_t count_;
};

// ---- what is done with two numbers -------------------------------------------------------------------------

struct Quotient {
  double operator()(double left, double right) const { return left / right; }
};
struct WholeQuotient {
  double operator()(double left, double right) const {
    return right == 0.0 ? std::numeric_limits<double>::infinity() : std::trunc(left / right);
  }
};
struct Power {
  double operator()(double left, double right) const { return std::pow(left, right); }
};
struct WholePower {
  double operator()(double left, double right) const { return std::trunc(std::pow(left, right)); }
};
// The sign of the dividend, as C's; without fmod that of the divisor.
struct Remainder {
  double operator()(double left, double right) const { return std::fmod(left, right); }
};
struct WholeModulo {
  double operator()(double left, double right) const {
    if (right == 0.0) return std::numeric_limits<double>::infinity();
    const double rest = std::fmod(left, right);
    return rest != 0.0 && (rest < 0.0) != (right < 0.0) ? rest + right : rest;
  }
};
// A NaN wins.
struct Least {
  double operator()(double left, double right) const {
    return std::isnan(left) || left < right ? left : right;
  }
};
struct Most {
  double operator()(double left, double right) const {
    return std::isnan(left) || left > right ? left : right;
  }
};
struct Slope {
  double operator()(double left, double right) const { return left < 0.0 ? left * right : left; }
};
// Truths.
struct Both {
  double operator()(double left, double right) const { return left != 0.0 && right != 0.0 ? 1.0 : 0.0; }
};
struct Either {
  double operator()(double left, double right) const { return left != 0.0 || right != 0.0 ? 1.0 : 0.0; }
};
struct OnlyOne {
  double operator()(double left, double right) const { return (left != 0.0) != (right != 0.0) ? 1.0 : 0.0; }
};
template <class Compare>
struct Holds {
  double operator()(double left, double right) const { return Compare()(left, right) ? 1.0 : 0.0; }
};

// ---- planning ----------------------------------------------------------------------------------------------

Side side_of(const Value& value, std::vector<std::uint32_t> places) {
  Side side;
  side.slot = value.slot;
  if (!value.constant) {
    side.places = std::move(places);
  } else if (places.empty()) {
    side.constants = value.constant->numbers;
  } else {
    for (const std::uint32_t place : places) side.constants.push_back(value.constant->numbers[place]);
  }
  return side;
}

bool is_real(Element element) { return element == Element::kFloat || element == Element::kDouble; }

absl::Status plan_sides(const NodePlan& node, const std::vector<const Value*>& values, Broadcast& shape) {
  std::optional<Broadcast> found = broadcast(values);
  if (!found) return node.refuse("the shapes of its inputs do not fit, row by row");
  shape = *std::move(found);
  if (elements_of(shape.shape) == 0) return node.refuse("its result is empty");
  return absl::OkStatus();
}

// Adds the steps for two values; the result becomes the next output.
template <class Operation, class Whole>
absl::Status plan_two(NodePlan& node, const Value& left, const Value& right, Element result) {
  Broadcast shape;
  if (absl::Status status = plan_sides(node, {&left, &right}, shape); !status.ok()) return status;
  const Value& output = node.add_output(result, shape.shape, shape.batch);
  const std::size_t count = output.count();
  Side one = side_of(left, std::move(shape.places[0]));
  Side other = side_of(right, std::move(shape.places[1]));
  const auto add = [&](auto of) {
    node.add_step(
        std::make_unique<typename decltype(of)::type>(std::move(one), std::move(other), output.slot, count));
  };
  if (result == Element::kFloat) {
    add(std::type_identity<Pairwise<Operation, Element::kFloat>>());
  } else if (result == Element::kInteger) {
    add(std::type_identity<Pairwise<Whole, Element::kInteger>>());
  } else {
    add(std::type_identity<Pairwise<Operation, Element::kDouble>>());
  }
  return absl::OkStatus();
}

template <class Operation, class Whole = Operation>
absl::Status plan_pairwise(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  const Value& left = node.input(0);
  const Value& right = node.input(1);
  const bool any_exponent = node.type() == "Pow" && is_real(left.element);
  if (left.element != right.element && !any_exponent)
    return node.wrong("its inputs are of different elements");
  if (left.element == Element::kText || left.element == Element::kBool || right.element == Element::kText)
    return node.refuse("its inputs are no numbers");
  return plan_two<Operation, Whole>(node, left, right, left.element);
}

absl::Status plan_modulo(NodePlan& node) {
  const bool as_in_c = node.integer("fmod", 0) != 0;
  if (as_in_c) return plan_pairwise<Remainder>(node);
  if (node.has_input(0) && is_real(node.input(0).element))
    return node.wrong("has no fmod for numbers with fractions");
  return plan_pairwise<WholeModulo>(node);
}

template <class Compare>
absl::Status plan_comparison(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  const Value& left = node.input(0);
  const Value& right = node.input(1);
  if (left.element != right.element) return node.wrong("its inputs are of different elements");
  if (left.element == Element::kText) return node.refuse("its inputs are texts");
  return plan_two<Holds<Compare>, Holds<Compare>>(node, left, right, Element::kBool);
}

template <class Operation>
absl::Status plan_logic(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  const Value& left = node.input(0);
  const Value& right = node.input(1);
  if (left.element != Element::kBool || right.element != Element::kBool)
    return node.wrong("its inputs are no truths");
  return plan_two<Operation, Operation>(node, left, right, Element::kBool);
}

// Of any number of inputs: one after the other. A mean divides at last.
template <class Operation>
absl::Status plan_many(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, std::size_t{1} << 16); !status.ok()) return status;
  std::vector<Value> values;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    if (!node.has_input(i)) return node.wrong(fmt::format("lacks input {}", i));
    values.push_back(node.input(i));
    if (values[i].element != values[0].element) return node.wrong("its inputs are of different elements");
  }
  const Element element = values[0].element;
  if (element == Element::kText || element == Element::kBool) return node.refuse("its inputs are no numbers");
  // What is put together last is the first output.
  std::vector<Value> results;
  Value result = values[0];
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (absl::Status status = plan_two<Operation, Operation>(node, result, values[i], element); !status.ok())
      return status;
    result = node.outputs().back();
    node.outputs().pop_back();
  }
  if (node.type() != "Mean") {
    node.add_alias(result);
    return absl::OkStatus();
  }
  if (!is_real(element)) return node.refuse("its inputs are neither floats nor doubles");
  Tensor number;
  number.element = element;
  number.numbers = {static_cast<double>(values.size())};
  return plan_two<Quotient, Quotient>(node, result, constant_value(std::move(number)), element);
}

absl::Status plan_where(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(3, 3); !status.ok()) return status;
  const Value& condition = node.input(0);
  const Value& yes = node.input(1);
  const Value& no = node.input(2);
  if (condition.element != Element::kBool || yes.element != no.element)
    return node.wrong("its inputs are no truths, or of different elements");
  if (yes.element == Element::kText && *yes.texts != *no.texts)
    return node.refuse("its inputs are of different texts");
  Broadcast shape;
  if (absl::Status status = plan_sides(node, {&condition, &yes, &no}, shape); !status.ok()) return status;
  Value& output = node.add_output(yes.element, shape.shape, shape.batch);
  output.texts = yes.texts;
  node.add_step(std::make_unique<Choose>(
      side_of(condition, std::move(shape.places[0])), side_of(yes, std::move(shape.places[1])),
      side_of(no, std::move(shape.places[2])), output.slot, output.count()));
  return absl::OkStatus();
}

// Between two numbers, of which either may be left out.
absl::Status plan_clip(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 3); !status.ok()) return status;
  Value value = node.input(0);
  if (value.element == Element::kText || value.element == Element::kBool)
    return node.refuse("its input is of no numbers");
  bool is_new = false;
  for (const bool lower : {true, false}) {
    Tensor bound;
    bound.element = value.element;
    const std::string_view name = lower ? "min" : "max";
    const std::size_t index = lower ? 1 : 2;
    Value limit;
    if (node.has(name)) {
      bound.numbers = {static_cast<double>(node.number(name, 0.0f))};
      limit = constant_value(std::move(bound));
    } else if (node.has_input(index)) {
      limit = node.input(index);
      if (limit.element != value.element || limit.count() != 1)
        return node.wrong(fmt::format("its {} is no number", name));
    } else {
      continue;
    }
    const absl::Status status = lower ? plan_two<Most, Most>(node, value, limit, value.element)
                                      : plan_two<Least, Least>(node, value, limit, value.element);
    if (!status.ok()) return status;
    value = node.outputs().back();
    node.outputs().pop_back();
    is_new = true;
  }
  if (!is_new) value = node.input(0);
  node.add_alias(value);
  return absl::OkStatus();
}

// Scaled and shifted column by column: what batch normalization is once it is trained.
absl::Status plan_batch_normalization(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(5, 5); !status.ok()) return status;
  const Value& input = node.input(0);
  if (!is_real(input.element) || input.batch != 0 || input.shape.empty())
    return node.refuse("its input is no rows of columns");
  const auto epsilon = static_cast<double>(node.number("epsilon", 1e-5f));
  node.ignore("momentum");
  if (node.integer("training_mode", 0) != 0) return node.refuse("trains");
  if (node.has("spatial") && node.integer("spatial", 1) == 0) return node.refuse("is not spatial");
  const auto channels = static_cast<std::size_t>(input.shape.front());
  for (std::size_t i = 1; i < 5; ++i) {
    const Value& value = node.input(i);
    if (!value.constant || value.element != input.element || value.count() != channels) {
      return node.refuse(fmt::format("input {} is no constant with a number per column", i));
    }
  }
  const auto numbers = [&](std::size_t index) { return std::span(node.input(index).constant->numbers); };
  Tensor scale;
  scale.element = input.element;
  scale.shape.assign(input.shape.size(), 1);
  scale.shape.front() = input.shape.front();
  Tensor shift = scale;
  const auto rounded = [&](double number) {
    return input.element == Element::kFloat ? as_float(number) : number;
  };
  for (std::size_t i = 0; i < channels; ++i) {
    scale.numbers.push_back(rounded(numbers(1)[i] / std::sqrt(numbers(4)[i] + epsilon)));
    shift.numbers.push_back(rounded(numbers(2)[i] - numbers(3)[i] * scale.numbers.back()));
  }
  if (absl::Status status = plan_two<std::multiplies<>, std::multiplies<>>(
          node, input, constant_value(std::move(scale)), input.element);
      !status.ok()) {
    return status;
  }
  const Value product = node.outputs().back();
  node.outputs().pop_back();
  return plan_two<std::plus<>, std::plus<>>(node, product, constant_value(std::move(shift)), input.element);
}

}  // namespace

bool plan_arithmetic(NodePlan& node, absl::Status& status) {
  static constexpr std::pair<std::string_view, absl::Status (*)(NodePlan&)> kOperators[] = {
      {"Add", plan_pairwise<std::plus<>>},
      {"And", plan_logic<Both>},
      {"BatchNormalization", plan_batch_normalization},
      {"Clip", plan_clip},
      {"Div", plan_pairwise<Quotient, WholeQuotient>},
      {"Equal", plan_comparison<std::equal_to<>>},
      {"Greater", plan_comparison<std::greater<>>},
      {"GreaterOrEqual", plan_comparison<std::greater_equal<>>},
      {"Less", plan_comparison<std::less<>>},
      {"LessOrEqual", plan_comparison<std::less_equal<>>},
      {"Max", plan_many<Most>},
      {"Mean", plan_many<std::plus<>>},
      {"Min", plan_many<Least>},
      {"Mod", plan_modulo},
      {"Mul", plan_pairwise<std::multiplies<>>},
      {"Or", plan_logic<Either>},
      {"PRelu", plan_pairwise<Slope>},
      {"Pow", plan_pairwise<Power, WholePower>},
      {"Sub", plan_pairwise<std::minus<>>},
      {"Sum", plan_many<std::plus<>>},
      {"Where", plan_where},
      {"Xor", plan_logic<OnlyOne>},
  };
  for (const auto& [name, plan] : kOperators) {
    if (node.type() != name) continue;
    status = plan(node);
    return true;
  }
  return false;
}

}  // namespace weir::ml::onnx
