// Einsum: sums of products along dimensions that have letters, of one or two values.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/onnx/plan.h>

namespace weir::ml::onnx {
namespace {

// Where elements of a value are: that of a result's element and a summand is `of_results[i] + of_summands[k]` behind `slot`.
struct Factor {
  std::size_t slot = 0;
  std::vector<std::uint32_t> of_results;
  std::vector<std::uint32_t> of_summands;
};

class SumOfProducts final : public Step {
 public:
  SumOfProducts(std::vector<Factor> factors, bool is_float, std::size_t output)
      : factors_(std::move(factors)), is_float_(is_float), output_(output) {}

  bool run(const Frame& frame) const override {
    const std::size_t results = factors_.front().of_results.size();
    for (std::size_t i = 0; i < results; ++i) {
      frame.slots[output_ + i] = is_float_ ? static_cast<double>(sum_of<float>(frame.slots.data(), i))
                                           : sum_of<double>(frame.slots.data(), i);
    }
    return true;
  }

 private:
  // In the order of the summands, as matrices are multiplied.
  template <class Number>
  Number sum_of(const double* slots, std::size_t result) const {
    Number sum{0};
    for (std::size_t k = 0; k < factors_.front().of_summands.size(); ++k) {
      const auto at = [&](const Factor& factor) {
        return static_cast<Number>(slots[factor.slot + factor.of_results[result] + factor.of_summands[k]]);
      };
      sum = factors_.size() == 1 ? sum + at(factors_[0]) : std::fma(at(factors_[0]), at(factors_[1]), sum);
    }
    return sum;
  }

  const std::vector<Factor> factors_;
  const bool is_float_;
  const std::size_t output_;
};

// The letters of an equation's sides; without an arrow the result has those that are there once, in the order of the
// alphabet.
struct Equation {
  std::vector<std::string> inputs;
  std::string output;
};

std::optional<Equation> equation_from(std::string_view text) {
  Equation equation{.inputs = {""}, .output = {}};
  bool is_output = false;
  std::string all;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char each = text[i];
    if (each == ' ') continue;
    if ((each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z')) {
      (is_output ? equation.output : equation.inputs.back()) += each;
      if (!is_output) all += each;
    } else if (each == ',' && !is_output) {
      equation.inputs.emplace_back();
    } else if (each == '-' && !is_output && i + 1 < text.size() && text[i + 1] == '>') {
      is_output = true;
      ++i;
    } else {
      return std::nullopt;
    }
  }
  if (is_output) return equation;
  std::ranges::sort(all);
  for (const char each : all) {
    if (std::ranges::count(all, each) == 1) equation.output += each;
  }
  return equation;
}

// What letters stand for, found out input by input.
struct Letters {
  std::string known;
  std::vector<std::int64_t> sizes;  // of those that are not the batch, which has 1
  char batch = 0;

  std::int64_t size_of(char letter) const { return sizes[known.find(letter)]; }
};

// Takes note of an input's letters; says what is wrong with them, or nothing.
std::string_view learn(const Value& value, const std::string& names, Letters& letters) {
  if (names.size() != value.rank()) return "has not a letter for each dimension";
  for (std::size_t axis = 0; axis < names.size(); ++axis) {
    const bool is_batch = value.batch == axis;
    const std::optional<std::size_t> dimension = value.dimension_of(static_cast<std::int64_t>(axis));
    const std::int64_t size = is_batch ? 1 : value.shape[*dimension];
    if (is_batch && letters.batch != 0 && letters.batch != names[axis]) return "mixes rows";
    if (is_batch) letters.batch = names[axis];
    const std::size_t place = letters.known.find(names[axis]);
    if (place == std::string::npos) {
      letters.known += names[axis];
      letters.sizes.push_back(size);
    } else if (letters.sizes[place] != size) {
      return "has a letter of two sizes";
    }
  }
  return "";
}

// Returns where the elements are that `names` walk over, the last fastest.
std::vector<std::uint32_t> places_along(const Value& value, const std::string& own, const std::string& names,
                                        const Letters& letters) {
  std::vector<std::uint32_t> places = {0};
  for (const char name : names) {
    // A letter that is there twice walks along a diagonal.
    std::size_t stride = 0;
    std::size_t inner = 1;
    for (std::size_t axis = own.size(); axis-- > 0;) {
      const std::optional<std::size_t> dimension = value.dimension_of(static_cast<std::int64_t>(axis));
      if (!dimension) continue;
      if (own[axis] == name) stride += inner;
      inner *= static_cast<std::size_t>(value.shape[*dimension]);
    }
    std::vector<std::uint32_t> next;
    for (const std::uint32_t place : places) {
      for (std::int64_t k = 0; k < letters.size_of(name); ++k)
        next.push_back(place + static_cast<std::uint32_t>(static_cast<std::size_t>(k) * stride));
    }
    places = std::move(next);
  }
  return places;
}

absl::Status plan_sum_of_products(NodePlan& node) {
  constexpr double kMostPlaces = 1 << 22;
  constexpr double kMostProducts = 1 << 24;  // that a row may take
  if (absl::Status status = node.expect_inputs(1, 2); !status.ok()) return status;
  const std::optional<Equation> equation = equation_from(node.text("equation", ""));
  if (!equation) return node.refuse("its equation has more than letters");
  if (equation->inputs.size() != node.inputs()) return node.wrong("its equation is of other inputs");
  const Element element = node.input(0).element;
  if (element != Element::kFloat && element != Element::kDouble)
    return node.refuse("its input is neither of floats nor of doubles");
  Letters letters;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    if (!node.has_input(i) || node.input(i).element != element)
      return node.wrong("its inputs are of different kinds");
    if (const std::string_view why = learn(node.input(i), equation->inputs[i], letters); !why.empty())
      return node.refuse(why);
  }
  // A letter that is the batch here and a dimension there would mix rows, unless there is one of it.
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    const Value& input = node.input(i);
    const std::size_t axis = equation->inputs[i].find(letters.batch);
    if (letters.batch != 0 && axis != std::string::npos && input.batch != axis)
      return node.refuse("mixes rows");
  }
  std::string summed;
  double places = 1.0;
  double results = 1.0;
  for (const char letter : letters.known) {
    const bool is_kept = equation->output.find(letter) != std::string::npos;
    if (!is_kept) summed += letter;
    (is_kept ? results : places) *= static_cast<double>(letters.size_of(letter));
  }
  if (letters.batch != 0 && summed.find(letters.batch) != std::string::npos) return node.refuse("mixes rows");
  if (!(places * results > 0.0) || places > kMostPlaces || results > kMostPlaces ||
      places * results > kMostProducts)
    return node.refuse("its result is empty, or too large");
  Shape shape;
  std::optional<std::size_t> batch;
  for (std::size_t i = 0; i < equation->output.size(); ++i) {
    const char letter = equation->output[i];
    if (letters.known.find(letter) == std::string::npos || equation->output.find(letter) != i)
      return node.wrong("its result has a letter twice, or one that no input has");
    if (letter == letters.batch) {
      batch = i;
    } else {
      shape.push_back(letters.size_of(letter));
    }
  }
  std::vector<Factor> factors;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    const Value input = node.placed(i);
    const std::string& own = equation->inputs[i];
    if (input.count() == 0) return node.refuse("its input is empty");
    factors.push_back({.slot = input.slot,
                       .of_results = places_along(input, own, equation->output, letters),
                       .of_summands = places_along(input, own, summed, letters)});
  }
  const Value& output = node.add_output(element, std::move(shape), batch);
  node.add_step(std::make_unique<SumOfProducts>(std::move(factors), element == Element::kFloat, output.slot));
  return absl::OkStatus();
}

}  // namespace

bool plan_einsum(NodePlan& node, absl::Status& status) {
  if (node.type() != "Einsum") return false;
  status = plan_sum_of_products(node);
  return true;
}

}  // namespace weir::ml::onnx
