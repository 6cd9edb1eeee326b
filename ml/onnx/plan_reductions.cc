// Operators over some of a value's dimensions: sums and the like, softmax, norms, the largest.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/onnx/plan.h>
#include <weir/ml/onnx/transform.h>

namespace weir::ml::onnx {
namespace {

// Elements that belong together: `size` in a group, group after group.
struct Groups {
  std::vector<std::uint32_t> places;
  std::size_t size = 1;

  std::size_t count() const { return places.size() / size; }
};

// Returns the groups that run along the dimensions for which `along` holds.
Groups groups_along(const Shape& shape, const std::vector<bool>& along) {
  Groups groups;
  std::vector<std::size_t> strides(shape.size());
  std::size_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= static_cast<std::size_t>(shape[i]);
  }
  // All combinations of the dimensions that are in, or not in, the group.
  const auto offsets = [&](bool inside) {
    std::vector<std::uint32_t> places = {0};
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (along[i] != inside) continue;
      std::vector<std::uint32_t> next;
      for (const std::uint32_t place : places) {
        for (std::int64_t k = 0; k < shape[i]; ++k) {
          next.push_back(place + static_cast<std::uint32_t>(static_cast<std::size_t>(k) * strides[i]));
        }
      }
      places = std::move(next);
    }
    return places;
  };
  const std::vector<std::uint32_t> inside = offsets(true);
  groups.size = inside.size();
  for (const std::uint32_t first : offsets(false)) {
    for (const std::uint32_t place : inside) groups.places.push_back(first + place);
  }
  return groups;
}

// Gives `function` the numbers of each group, one after the other in a place of their own, which it may change. What it
// makes of them goes where they came from, or to a single slot.
template <class Function>
class EachGroup final : public Step {
 public:
  EachGroup(Function function, Groups groups, bool is_float, std::size_t input, std::size_t scratch,
            std::size_t output)
      : function_(std::move(function)),
        groups_(std::move(groups)),
        is_float_(is_float),
        input_(input),
        scratch_(scratch),
        output_(output) {}

  bool run(const Frame& frame) const override {
    const std::span<double> group = frame.slots.subspan(scratch_, groups_.size);
    const double* const from = frame.slots.data() + input_;
    double* const to = frame.slots.data() + output_;
    const std::uint32_t* place = groups_.places.data();
    for (std::size_t number = 0; number < groups_.count(); ++number, place += groups_.size) {
      for (std::size_t i = 0; i < group.size(); ++i) group[i] = from[place[i]];
      if constexpr (std::is_void_v<decltype(function_(group))>) {
        function_(group);
        for (std::size_t i = 0; i < group.size(); ++i) to[place[i]] = rounded(group[i]);
      } else {
        to[number] = rounded(function_(group));
      }
    }
    return true;
  }

 private:
  double rounded(double number) const { return is_float_ ? as_float(number) : number; }

  const Function function_;
  const Groups groups_;
  const bool is_float_;
  const std::size_t input_;
  const std::size_t scratch_;
  const std::size_t output_;
};

// Plans what keeps the shape.
template <class Function>
absl::Status plan_within(NodePlan& node, const std::vector<bool>& along, Function function) {
  const Value input = node.placed(0);
  if (input.count() == 0) return node.refuse("its input is empty");
  Groups groups = groups_along(input.shape, along);
  const std::size_t scratch = node.add_slots(groups.size);
  const Value& output = node.add_output(input.element, input.shape, input.batch);
  node.add_step(std::make_unique<EachGroup<Function>>(std::move(function), std::move(groups),
                                                      input.element == Element::kFloat, input.slot, scratch,
                                                      output.slot));
  return absl::OkStatus();
}

// Plans what leaves one element of each group.
template <class Function>
absl::Status plan_to_one(NodePlan& node, const std::vector<bool>& along, bool keeps, Element element,
                         Function function) {
  const Value input = node.placed(0);
  if (input.count() == 0) return node.refuse("its input is empty");
  Shape shape;
  std::optional<std::size_t> batch = input.batch;
  std::size_t dropped_before_batch = 0;
  for (std::size_t i = 0; i < input.shape.size(); ++i) {
    if (!along[i]) {
      shape.push_back(input.shape[i]);
    } else if (keeps) {
      shape.push_back(1);
    } else if (batch && i < *batch) {
      ++dropped_before_batch;
    }
  }
  if (batch) *batch -= dropped_before_batch;
  Groups groups = groups_along(input.shape, along);
  const std::size_t scratch = node.add_slots(groups.size);
  const Value& output = node.add_output(element, shape, batch);
  node.add_step(std::make_unique<EachGroup<Function>>(
      std::move(function), std::move(groups), element == Element::kFloat, input.slot, scratch, output.slot));
  return absl::OkStatus();
}

bool of_reals(const Value& value) {
  return value.element == Element::kFloat || value.element == Element::kDouble;
}

using Reduction = double (*)(std::span<double>);

double sum_of(std::span<double> numbers) { return std::accumulate(numbers.begin(), numbers.end(), 0.0); }

double mean_of(std::span<double> numbers) { return sum_of(numbers) / static_cast<double>(numbers.size()); }

double sum_of_squares(std::span<double> numbers) {
  double sum = 0.0;
  for (const double number : numbers) sum += number * number;
  return sum;
}

double largest_of(std::span<double> numbers) {
  double best = numbers.front();
  for (const double number : numbers) {
    if (number > best || std::isnan(number)) best = number;
  }
  return best;
}

double smallest_of(std::span<double> numbers) {
  double best = numbers.front();
  for (const double number : numbers) {
    if (number < best || std::isnan(number)) best = number;
  }
  return best;
}

double length(std::span<double> numbers) { return std::sqrt(sum_of_squares(numbers)); }

// A sum of squares that no float holds is infinite.
double length_in_float(std::span<double> numbers) { return std::sqrt(as_float(sum_of_squares(numbers))); }

double log_of_exps(std::span<double> numbers) {
  const double most = largest_of(numbers);
  if (std::isinf(most)) return most;
  double sum = 0.0;
  for (const double number : numbers) sum += std::exp(number - most);
  return std::log(sum) + most;
}

// The same with all in float, as ONNX Runtime does it: probabilities are differences to it, and of sums of a hundred the last
// bit counts.
double log_of_exps_in_float(std::span<double> numbers) {
  const double most = largest_of(numbers);
  if (std::isinf(most)) return most;
  double sum = 0.0;
  for (const double number : numbers) sum = as_float(sum + as_float(std::exp(as_float(number - most))));
  return as_float(std::log(sum)) + most;
}

Reduction reduction_named(std::string_view name) {
  static constexpr std::pair<std::string_view, Reduction> kReductions[] = {
      {"ReduceL1",
       [](std::span<double> numbers) {
         double sum = 0.0;
         for (const double number : numbers) sum += std::abs(number);
         return sum;
       }},
      {"ReduceL2", length},
      {"ReduceLogSum", [](std::span<double> numbers) { return std::log(sum_of(numbers)); }},
      {"ReduceLogSumExp", log_of_exps},
      {"ReduceMax", largest_of},
      {"ReduceMean", mean_of},
      {"ReduceMin", smallest_of},
      {"ReduceProd",
       [](std::span<double> numbers) {
         double product = 1.0;
         for (const double number : numbers) product *= number;
         return product;
       }},
      {"ReduceSum", sum_of},
      {"ReduceSumSquare", sum_of_squares},
  };
  for (const auto& [known, function] : kReductions) {
    if (known == name) return function;
  }
  return nullptr;
}

absl::Status plan_reduction(NodePlan& node, Reduction reduction) {
  if (absl::Status status = node.expect_inputs(1, 2); !status.ok()) return status;
  const Value& input = node.input(0);
  if (!of_reals(input) && input.element != Element::kInteger)
    return node.refuse("its input is of no numbers");
  const absl::StatusOr<std::optional<std::vector<std::int64_t>>> axes = node.list("axes", 1);
  if (!axes.ok()) return axes.status();
  const bool keeps = node.integer("keepdims", 1) != 0;
  const bool nothing_is_nothing = node.integer("noop_with_empty_axes", 0) != 0;
  std::vector<bool> along(input.shape.size());
  if (!axes->has_value() || (*axes)->empty()) {
    if (nothing_is_nothing) {
      node.add_alias(input);
      return absl::OkStatus();
    }
    if (input.batch) return node.refuse("mixes rows");
    along.assign(along.size(), true);
  } else {
    for (const std::int64_t axis : **axes) {
      const std::optional<std::size_t> dimension = input.dimension_of(axis);
      if (!dimension) return node.refuse("an axis mixes rows, or is none");
      along[*dimension] = true;
    }
  }
  if (input.element == Element::kFloat) {
    if (reduction == length) reduction = length_in_float;
    if (reduction == log_of_exps) reduction = log_of_exps_in_float;
  }
  if (input.element == Element::kInteger && node.type() == "ReduceMean")
    return node.refuse("its input is of integers");
  return plan_to_one(node, along, keeps, input.element, reduction);
}

// The dimension of a single axis; none mixes rows.
absl::StatusOr<std::vector<bool>> single(NodePlan& node, std::int64_t otherwise) {
  const Value& input = node.input(0);
  const std::optional<std::size_t> dimension = input.dimension_of(node.integer("axis", otherwise));
  if (!dimension) return node.refuse("its axis mixes rows, or is none");
  std::vector<bool> along(input.shape.size());
  along[*dimension] = true;
  return along;
}

void log_softmax(std::span<double> scores) {
  const double sum = log_of_exps(scores);
  for (double& score : scores) score -= sum;
}

void hardmax(std::span<double> scores) {
  const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
  std::ranges::fill(scores, 0.0);
  scores[static_cast<std::size_t>(best)] = 1.0;
}

absl::Status plan_softmax(NodePlan& node, void (*function)(std::span<double>)) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  const Value& input = node.input(0);
  if (!of_reals(input)) return node.refuse("its input is neither of floats nor of doubles");
  const bool is_old = node.version() < 13;
  absl::StatusOr<std::vector<bool>> along = single(node, is_old ? 1 : -1);
  if (!along.ok()) return along.status();
  if (is_old) {
    // All dimensions from the axis on were one.
    const auto first = std::ranges::find(*along, true);
    if (input.batch != 0) return node.refuse("its axis mixes rows");
    std::fill(first, along->end(), true);
  }
  return plan_within(node, *along, function);
}

absl::Status plan_arg(NodePlan& node, bool largest) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  if (node.input(0).element == Element::kText) return node.refuse("its input is of texts");
  const absl::StatusOr<std::vector<bool>> along = single(node, 0);
  if (!along.ok()) return along.status();
  const bool keeps = node.integer("keepdims", 1) != 0;
  const bool last = node.integer("select_last_index", 0) != 0;
  return plan_to_one(node, *along, keeps, Element::kInteger, [=](std::span<const double> numbers) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < numbers.size(); ++i) {
      const bool better = largest ? numbers[i] > numbers[best] : numbers[i] < numbers[best];
      if (better || (last && numbers[i] == numbers[best])) best = i;
    }
    return static_cast<double>(best);
  });
}

absl::Status plan_lp_normalization(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  if (!of_reals(node.input(0))) return node.refuse("its input is neither of floats nor of doubles");
  const absl::StatusOr<std::vector<bool>> along = single(node, -1);
  if (!along.ok()) return along.status();
  const std::int64_t power = node.integer("p", 2);
  if (power != 1 && power != 2) return node.refuse("its norm is unknown");
  return plan_within(node, *along, [power](std::span<double> numbers) {
    double norm = 0.0;
    for (const double number : numbers) norm += power == 1 ? std::abs(number) : number * number;
    if (power == 2) norm = std::sqrt(norm);
    for (double& number : numbers) number = norm == 0.0 ? 0.0 : number / norm;
  });
}

// Mean 0 and variance 1 over the last dimensions, then scaled and shifted.
absl::Status plan_layer_normalization(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 3); !status.ok()) return status;
  const Value& input = node.input(0);
  if (!of_reals(input)) return node.refuse("its input is neither of floats nor of doubles");
  const std::optional<std::size_t> first = input.dimension_of(node.integer("axis", -1));
  const auto epsilon = static_cast<double>(node.number("epsilon", 1e-5f));
  node.ignore("stash_type");  // of how many bits the mean is
  if (!first || (input.batch && *input.batch > *first)) return node.refuse("its axis mixes rows, or is none");
  std::vector<bool> along(input.shape.size());
  std::fill(along.begin() + static_cast<std::ptrdiff_t>(*first), along.end(), true);
  std::size_t size = 1;
  for (std::size_t i = *first; i < input.shape.size(); ++i) size *= static_cast<std::size_t>(input.shape[i]);
  std::vector<double> scales;
  std::vector<double> shifts(size, 0.0);
  for (std::size_t i = 1; i < node.inputs(); ++i) {
    if (!node.has_input(i)) continue;
    const Value& value = node.input(i);
    if (!value.constant || value.element != input.element || (value.count() != size && value.count() != 1))
      return node.refuse(fmt::format("input {} is no constant with a number per column", i));
    std::vector<double>& numbers = i == 1 ? scales : shifts;
    numbers = value.constant->numbers;
    numbers.resize(size, numbers.front());
  }
  return plan_within(node, along,
                     [epsilon, is_float = input.element == Element::kFloat, scales = std::move(scales),
                      shifts = std::move(shifts)](std::span<double> numbers) {
                       const double mean = mean_of(numbers);
                       for (double& number : numbers) number -= mean;
                       const double squares = sum_of_squares(numbers);
                       // As with the length: what no float holds is infinite.
                       const double variance =
                           (is_float ? as_float(squares) : squares) / static_cast<double>(numbers.size());
                       const double root = std::sqrt(variance + epsilon);
                       for (std::size_t i = 0; i < numbers.size(); ++i)
                         numbers[i] = numbers[i] / root * scales[i] + shifts[i];
                     });
}

absl::Status plan_cumulative_sum(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  const Value& input = node.input(0);
  if (input.element == Element::kText || input.element == Element::kBool)
    return node.refuse("its input is of no numbers");
  const absl::StatusOr<std::optional<std::vector<std::int64_t>>> axis = node.list("", 1);
  if (!axis.ok()) return axis.status();
  if (!axis->has_value() || (*axis)->size() != 1) return node.wrong("has no axis");
  const std::optional<std::size_t> dimension = input.dimension_of((*axis)->front());
  if (!dimension) return node.refuse("its axis mixes rows, or is none");
  if (node.integer("exclusive", 0) != 0 || node.integer("reverse", 0) != 0)
    return node.refuse("is exclusive, or from the end");
  std::vector<bool> along(input.shape.size());
  along[*dimension] = true;
  return plan_within(node, along, [](std::span<double> numbers) {
    std::partial_sum(numbers.begin(), numbers.end(), numbers.begin());
  });
}

// The largest or smallest of each group in order, and where they were; of equal ones the first.
class Top final : public Step {
 public:
  Top(Groups groups, bool largest, std::size_t input, std::size_t scratch, std::size_t most,
      std::vector<std::uint32_t> places, std::size_t values, std::size_t indices)
      : groups_(std::move(groups)),
        largest_(largest),
        input_(input),
        scratch_(scratch),
        most_(most),
        places_(std::move(places)),
        values_(values),
        indices_(indices) {}

  bool run(const Frame& frame) const override {
    const std::span<double> order = frame.slots.subspan(scratch_, groups_.size);
    const double* const from = frame.slots.data() + input_;
    const std::uint32_t* place = groups_.places.data();
    for (std::size_t number = 0; number < groups_.count(); ++number, place += groups_.size) {
      const auto at = [&](double index) { return from[place[static_cast<std::size_t>(index)]]; };
      for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<double>(i);
      std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most_), order.end(),
                        [&](double one, double other) {
                          const double left = at(one);
                          const double right = at(other);
                          if (std::isnan(left) || std::isnan(right)) {
                            if (std::isnan(left) != std::isnan(right)) return std::isnan(left) == largest_;
                            return one < other;
                          }
                          if (left == right) return one < other;
                          return largest_ ? left > right : left < right;
                        });
      for (std::size_t i = 0; i < most_; ++i) {
        const std::uint32_t to = places_[number * most_ + i];
        frame.slots[values_ + to] = at(order[i]);
        frame.slots[indices_ + to] = order[i];
      }
    }
    return true;
  }

 private:
  const Groups groups_;
  const bool largest_;
  const std::size_t input_;
  const std::size_t scratch_;
  const std::size_t most_;
  const std::vector<std::uint32_t> places_;  // of what is written
  const std::size_t values_;
  const std::size_t indices_;
};

absl::Status plan_top(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 2); !status.ok()) return status;
  if (node.input(0).element == Element::kText) return node.refuse("its input is of texts");
  const absl::StatusOr<std::vector<bool>> along = single(node, -1);
  if (!along.ok()) return along.status();
  const bool largest = node.integer("largest", 1) != 0;
  node.ignore("sorted");
  std::int64_t most = node.integer("k", 0);
  if (node.inputs() == 2) {
    const absl::StatusOr<std::optional<std::vector<std::int64_t>>> wanted = node.list("", 1);
    if (!wanted.ok()) return wanted.status();
    if (!wanted->has_value() || (*wanted)->size() != 1) return node.wrong("does not say how many it wants");
    most = (*wanted)->front();
  }
  const Value input = node.placed(0);
  if (input.count() == 0) return node.refuse("its input is empty");
  const auto dimension = static_cast<std::size_t>(std::ranges::find(*along, true) - along->begin());
  if (most < 1 || most > input.shape[dimension])
    return node.wrong(fmt::format("wants {} of {}", most, input.shape[dimension]));
  Shape shape = input.shape;
  shape[dimension] = most;
  Groups groups = groups_along(input.shape, *along);
  Groups results = groups_along(shape, *along);
  const std::size_t scratch = node.add_slots(groups.size);
  const std::size_t values = node.add_output(input.element, shape, input.batch).slot;
  const std::size_t indices = node.add_output(Element::kInteger, shape, input.batch).slot;
  node.add_step(std::make_unique<Top>(std::move(groups), largest, input.slot, scratch,
                                      static_cast<std::size_t>(most), std::move(results.places), values,
                                      indices));
  return absl::OkStatus();
}

}  // namespace

bool plan_reductions(NodePlan& node, absl::Status& status) {
  const std::string& type = node.type();
  if (const Reduction reduction = reduction_named(type); reduction != nullptr) {
    status = plan_reduction(node, reduction);
  } else if (type == "ArgMax" || type == "ArgMin") {
    status = plan_arg(node, type == "ArgMax");
  } else if (type == "Softmax") {
    status = plan_softmax(node, softmax);
  } else if (type == "LogSoftmax") {
    status = plan_softmax(node, log_softmax);
  } else if (type == "Hardmax") {
    status = plan_softmax(node, hardmax);
  } else if (type == "LpNormalization") {
    status = plan_lp_normalization(node);
  } else if (type == "LayerNormalization") {
    status = plan_layer_normalization(node);
  } else if (type == "CumSum") {
    status = plan_cumulative_sum(node);
  } else if (type == "TopK") {
    status = plan_top(node);
  } else {
    return false;
  }
  return true;
}

}  // namespace weir::ml::onnx
