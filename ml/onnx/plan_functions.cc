// Operators of one number each: activations and other functions, and casts.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/onnx/curves.h>
#include <weir/ml/onnx/plan.h>
#include <weir/ml/onnx/transform.h>

namespace weir::ml::onnx {
namespace {

constexpr double kExactIntegers = 9007199254740992.0;  // up to here a double holds every integer

template <class Function>
class Each final : public Step {
 public:
  Each(Function function, bool is_float, std::size_t input, std::size_t output, std::size_t count)
      : function_(std::move(function)), is_float_(is_float), input_(input), output_(output), count_(count) {}

  bool run(const Frame& frame) const override {
    const double* const from = frame.slots.data() + input_;
    double* const to = frame.slots.data() + output_;
    for (std::size_t i = 0; i < count_; ++i) to[i] = function_(from[i]);
    if (!is_float_) return true;
    for (std::size_t i = 0; i < count_; ++i) to[i] = as_float(to[i]);
    return true;
  }

 private:
  const Function function_;
  const bool is_float_;
  const std::size_t input_;
  const std::size_t output_;
  const std::size_t count_;
};

// In float, a curve of many numbers at once.
class Curve final : public Step {
 public:
  using Change = void (*)(std::span<float> numbers);

  Curve(Change change, std::size_t input, std::size_t output, std::size_t count)
      : change_(change), input_(input), output_(output), count_(count) {}

  bool run(const Frame& frame) const override {
    const std::span<float> numbers = frame.floats.first(count_);
    const double* const from = frame.slots.data() + input_;
    for (std::size_t i = 0; i < count_; ++i) numbers[i] = static_cast<float>(from[i]);
    change_(numbers);
    std::ranges::copy(numbers, frame.slots.subspan(output_).begin());
    return true;
  }

 private:
  const Change change_;
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
          if (!(std::abs(number) < (narrow_ ? 2147483648.0 : kExactIntegers))) return false;
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

enum class Takes { kReals, kNumbers, kTruths };

// `result` differs from the input's element where truths come out.
template <class Function>
absl::Status plan_each(NodePlan& node, Function function, Takes takes = Takes::kReals,
                       bool gives_truths = false) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  const Value input = node.placed(0);
  const bool is_real = input.element == Element::kFloat || input.element == Element::kDouble;
  if (takes == Takes::kReals && !is_real) return node.refuse("its input is neither of floats nor of doubles");
  if (takes == Takes::kNumbers && !is_real && input.element != Element::kInteger)
    return node.refuse("its input is of no numbers");
  if (takes == Takes::kTruths && input.element != Element::kBool)
    return node.refuse("its input is of no truths");
  const Element element = gives_truths ? Element::kBool : input.element;
  const Value& output = node.add_output(element, input.shape, input.batch);
  node.add_step(std::make_unique<Each<Function>>(std::move(function), element == Element::kFloat, input.slot,
                                                 output.slot, output.count()));
  return absl::OkStatus();
}

// In double, ONNX Runtime takes the function itself.
absl::Status plan_curve(NodePlan& node, Curve::Change change, double (*in_double)(double)) {
  if (node.inputs() == 0 || !node.has_input(0) || node.input(0).element != Element::kFloat)
    return plan_each(node, in_double);
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  const Value input = node.placed(0);
  const Value& output = node.add_output(Element::kFloat, input.shape, input.batch);
  node.need_floats(output.count());
  node.add_step(std::make_unique<Curve>(change, input.slot, output.slot, output.count()));
  return absl::OkStatus();
}

double half_to_even(double number) { return std::nearbyint(number); }

double softplus(double number) {
  return number > 0.0 ? number + std::log1p(std::exp(-number)) : std::log1p(std::exp(number));
}

double gelu(double number) { return 0.5 * number * (1.0 + std::erf(number / std::numbers::sqrt2)); }

double gelu_by_tanh(double number) {
  const double inner = std::sqrt(2.0 / std::numbers::pi) * (number + 0.044715 * number * number * number);
  return 0.5 * number * (1.0 + std::tanh(inner));
}

absl::Status plan_cast(NodePlan& node, const absl::StatusOr<Element>& element, bool narrow) {
  if (!element.ok()) return node.refuse(std::string(element.status().message()));
  if (node.input(0).element == *element && (*element != Element::kInteger || node.input(0).constant)) {
    node.add_alias(node.input(0));
    return absl::OkStatus();
  }
  if (depends_on_rows(node.input(0))) return node.refuse("its input depends on how many rows there are");
  const Value input = node.placed(0);
  if (input.element == Element::kText || *element == Element::kText) {
    return node.refuse("texts are not made of numbers, nor numbers of texts");
  }
  const Value& output = node.add_output(*element, input.shape, input.batch);
  node.add_step(std::make_unique<Cast>(*element, narrow, input.slot, output.slot, output.count()));
  return absl::OkStatus();
}

absl::Status plan_cast_to(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  node.ignore("saturate");  // of floats in eight bits only
  node.ignore("round_mode");
  const std::int64_t to = node.integer("to", 0);
  if (to == 2) return node.refuse("bytes are not supported");
  return plan_cast(node, element_from(to), to == 6);
}

absl::Status plan_cast_like(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  node.ignore("saturate");
  node.ignore("round_mode");
  return plan_cast(node, node.input(1).element, false);
}

absl::Status plan_gelu(NodePlan& node) {
  const std::string way = node.text("approximate", "none");
  if (way == "none") return plan_each(node, gelu);
  if (way == "tanh") return plan_each(node, gelu_by_tanh);
  return node.refuse("its approximation is unknown");
}

// An attribute of the node, by the default that it has.
double parameter(NodePlan& node, std::string_view name, float otherwise) {
  return static_cast<double>(node.number(name, otherwise));
}

bool plan_activation(NodePlan& node, absl::Status& status) {
  const std::string& type = node.type();
  if (type == "Relu") {
    // A NaN stays one.
    status = plan_each(
        node, [](double x) { return x < 0.0 ? 0.0 : x; }, Takes::kNumbers);
  } else if (type == "LeakyRelu") {
    status = plan_each(
        node, [alpha = parameter(node, "alpha", 0.01f)](double x) { return x < 0.0 ? alpha * x : x; });
  } else if (type == "ThresholdedRelu") {
    status =
        plan_each(node, [alpha = parameter(node, "alpha", 1.0f)](double x) { return x > alpha ? x : 0.0; });
  } else if (type == "Elu") {
    status = plan_each(node, [alpha = parameter(node, "alpha", 1.0f)](double x) {
      return x < 0.0 ? alpha * std::expm1(x) : x;
    });
  } else if (type == "Celu") {
    status = plan_each(node, [alpha = parameter(node, "alpha", 1.0f)](double x) {
      return x > 0.0 ? x : alpha * std::expm1(x / alpha);
    });
  } else if (type == "Selu") {
    const double alpha = parameter(node, "alpha", 1.67326319217681884765625f);
    const double gamma = parameter(node, "gamma", 1.05070102214813232421875f);
    status = plan_each(node, [=](double x) { return gamma * (x > 0.0 ? x : alpha * std::expm1(x)); });
  } else if (type == "HardSigmoid") {
    const double alpha = parameter(node, "alpha", 0.2f);
    const double beta = parameter(node, "beta", 0.5f);
    status = plan_each(node, [=](double x) { return std::clamp(alpha * x + beta, 0.0, 1.0); });
  } else if (type == "HardSwish") {
    status = plan_each(node, [](double x) { return x * std::clamp(x / 6.0 + 0.5, 0.0, 1.0); });
  } else if (type == "Mish") {
    status = plan_each(node, [](double x) { return x * std::tanh(softplus(x)); });
  } else if (type == "Shrink") {
    const double bias = parameter(node, "bias", 0.0f);
    const double lambda = parameter(node, "lambd", 0.5f);
    status = plan_each(node, [=](double x) { return x < -lambda ? x + bias : x > lambda ? x - bias : 0.0; });
  } else if (type == "Gelu") {
    status = plan_gelu(node);
  } else {
    return false;
  }
  return true;
}

// Those that need no more than their number.
using Function = double (*)(double);

Function function_named(std::string_view name) {
  static constexpr std::pair<std::string_view, Function> kFunctions[] = {
      {"Acos", [](double x) { return std::acos(x); }},
      {"Asin", [](double x) { return std::asin(x); }},
      {"Asinh", [](double x) { return std::asinh(x); }},
      {"Atan", [](double x) { return std::atan(x); }},
      {"Ceil", [](double x) { return std::ceil(x); }},
      {"Cos", [](double x) { return std::cos(x); }},
      {"Cosh", [](double x) { return std::cosh(x); }},
      {"Erf", [](double x) { return std::erf(x); }},
      {"Exp", [](double x) { return std::exp(x); }},
      {"Floor", [](double x) { return std::floor(x); }},
      {"Log", [](double x) { return std::log(x); }},
      {"Reciprocal", [](double x) { return 1.0 / x; }},
      {"Round", half_to_even},
      {"Sin", [](double x) { return std::sin(x); }},
      {"Sinh", [](double x) { return std::sinh(x); }},
      {"Softplus", softplus},
      {"Softsign", [](double x) { return x / (1.0 + std::abs(x)); }},
      {"Sqrt", [](double x) { return std::sqrt(x); }},
      {"Tan", [](double x) { return std::tan(x); }},
  };
  for (const auto& [known, function] : kFunctions) {
    if (known == name) return function;
  }
  return nullptr;
}

absl::Status plan_is_infinite(NodePlan& node) {
  const bool below = node.integer("detect_negative", 1) != 0;
  const bool above = node.integer("detect_positive", 1) != 0;
  return plan_each(
      node, [=](double x) { return std::isinf(x) && (x < 0.0 ? below : above) ? 1.0 : 0.0; }, Takes::kReals,
      true);
}

}  // namespace

bool plan_functions(NodePlan& node, absl::Status& status) {
  const std::string& type = node.type();
  if (const Function function = function_named(type); function != nullptr) {
    status = plan_each(node, function);
  } else if (type == "Sigmoid") {
    status = plan_curve(node, sigmoid_of, logistic);
  } else if (type == "Tanh") {
    status = plan_curve(node, tanh_of, [](double x) { return std::tanh(x); });
  } else if (type == "Abs") {
    status = plan_each(
        node, [](double x) { return std::abs(x); }, Takes::kNumbers);
  } else if (type == "Neg") {
    status = plan_each(
        node, [](double x) { return -x; }, Takes::kNumbers);
  } else if (type == "Sign") {
    status = plan_each(
        node, [](double x) { return x > 0.0   ? 1.0
                                    : x < 0.0 ? -1.0
                                              : x; }, Takes::kNumbers);
  } else if (type == "Not") {
    status = plan_each(
        node, [](double x) { return x == 0.0 ? 1.0 : 0.0; }, Takes::kTruths, true);
  } else if (type == "IsNaN") {
    status = plan_each(
        node, [](double x) { return std::isnan(x) ? 1.0 : 0.0; }, Takes::kReals, true);
  } else if (type == "IsInf") {
    status = plan_is_infinite(node);
  } else if (type == "Cast") {
    status = plan_cast_to(node);
  } else if (type == "CastLike") {
    status = plan_cast_like(node);
  } else {
    return plan_activation(node, status);
  }
  return true;
}

}  // namespace weir::ml::onnx
