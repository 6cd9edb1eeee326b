// Products of matrices.
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/onnx/dense.h>
#include <weir/ml/onnx/moves.h>
#include <weir/ml/onnx/plan.h>

namespace weir::ml::onnx {
namespace {

// Any product of matrices: element by element of the result, along a row of one side and a column of the other.
class Product final : public Step {
 public:
  struct Side {
    std::size_t slot = 0;
    std::size_t stride = 0;  // from one summand to the next
    std::vector<std::uint32_t> firsts;
  };

  Product(Side left, Side right, std::size_t length, bool is_float, std::size_t output)
      : left_(std::move(left)),
        right_(std::move(right)),
        length_(length),
        is_float_(is_float),
        output_(output) {}

  bool run(const Frame& frame) const override {
    const double* const slots = frame.slots.data();
    for (std::size_t i = 0; i < left_.firsts.size(); ++i) {
      const double* left = slots + left_.slot + left_.firsts[i];
      const double* right = slots + right_.slot + right_.firsts[i];
      if (is_float_) {
        frame.slots[output_ + i] = static_cast<double>(sum_of<float>(left, right));
      } else {
        frame.slots[output_ + i] = sum_of<double>(left, right);
      }
    }
    return true;
  }

 private:
  // In the order of the summands, as dense_step() adds.
  template <class Number>
  Number sum_of(const double* left, const double* right) const {
    Number sum{0};
    for (std::size_t k = 0; k < length_; ++k, left += left_.stride, right += right_.stride) {
      sum = std::fma(static_cast<Number>(*left), static_cast<Number>(*right), sum);
    }
    return sum;
  }

  const Side left_;
  const Side right_;
  const std::size_t length_;
  const bool is_float_;
  const std::size_t output_;
};

// Adds what each row brings itself, times a number, to slots.
class AddRows final : public Step {
 public:
  AddRows(double beta, std::vector<std::uint32_t> places, bool is_float, std::size_t input,
          std::size_t output, std::size_t count)
      : beta_(beta),
        places_(std::move(places)),
        is_float_(is_float),
        input_(input),
        output_(output),
        count_(count) {}

  bool run(const Frame& frame) const override {
    for (std::size_t i = 0; i < count_; ++i) {
      const double sum =
          frame.slots[output_ + i] + beta_ * frame.slots[input_ + (places_.empty() ? i : places_[i])];
      frame.slots[output_ + i] = is_float_ ? static_cast<double>(static_cast<float>(sum)) : sum;
    }
    return true;
  }

 private:
  const double beta_;
  const std::vector<std::uint32_t> places_;
  const bool is_float_;
  const std::size_t input_;
  const std::size_t output_;
  const std::size_t count_;
};

bool is_of_reals(const Value& value) {
  return value.element == Element::kFloat || value.element == Element::kDouble;
}

std::size_t size_of(const Value& value, std::size_t dimension) {
  return static_cast<std::size_t>(value.shape[dimension]);
}

// Rows, or several lists for each row, times a constant matrix; `turned` swaps its sides.
absl::Status plan_dense(NodePlan& node, const Value& input, const Value& matrix, bool turned, double alpha,
                        const Value* bias, double beta) {
  const bool is_vector = matrix.shape.size() == 1;
  Dense dense;
  const auto first = size_of(matrix, 0);
  const std::size_t second = is_vector ? 1 : size_of(matrix, 1);
  const std::size_t columns = size_of(input, input.shape.size() - 1);
  dense.inputs = turned ? second : first;
  dense.outputs = turned ? first : second;
  if (dense.inputs != columns || dense.outputs == 0 || columns == 0) {
    return node.wrong(fmt::format("its matrix takes {} columns, its rows have {}", dense.inputs, columns));
  }
  dense.weights.resize(matrix.constant->numbers.size());
  for (std::size_t i = 0; i < dense.inputs; ++i) {
    for (std::size_t j = 0; j < dense.outputs; ++j) {
      const double weight = matrix.constant->numbers[turned ? j * dense.inputs + i : i * dense.outputs + j];
      dense.weights[i * dense.outputs + j] = alpha * weight;
    }
  }
  if (bias != nullptr) {
    Value row;
    row.shape = {static_cast<std::int64_t>(dense.outputs)};
    row.batch = 0;
    const std::optional<Broadcast> shape = broadcast({&row, bias});
    if (!shape || shape->shape != row.shape) return node.refuse("the shape of its third input does not fit");
    for (std::size_t i = 0; i < dense.outputs; ++i) {
      dense.bias.push_back(beta *
                           bias->constant->numbers[shape->places[1].empty() ? i : shape->places[1][i]]);
    }
  }
  Shape shape = input.shape;
  shape.pop_back();
  if (!is_vector) shape.push_back(static_cast<std::int64_t>(dense.outputs));
  std::optional<std::size_t> batch = input.batch;
  Value& output = node.add_output(input.element, shape, batch);
  const std::size_t lists = input.count() / columns;
  if (output.count() != lists * dense.outputs) return node.refuse("a row needs too many numbers");
  // ONNX Runtime adds what a vector is multiplied with in an order of its own, which is not to be known. What it gives is
  // nearest to the true sum.
  if (is_vector || input.element == Element::kDouble) {
    node.add_step(dense_step(dense, lists, input.element == Element::kFloat, input.slot, output.slot));
    return absl::OkStatus();
  }
  Layers made = layers_of(dense, lists, input.slot, output.slot);
  output.layers = input.layers;
  if (output.layers && output.layers->lists == lists &&
      output.layers->layers.back().matrix.outputs() == columns) {
    output.layers->layers.push_back(std::move(made.layers.front()));
    output.layers->output = output.slot;
  } else {
    output.layers = std::make_shared<Layers>(std::move(made));
    node.add_step(layers_step(output.layers));
  }
  node.need_floats(output.layers->floats());
  return absl::OkStatus();
}

// Returns a side with a dimension of one where it lacks one, and with its matrices' sides in `rows` and `columns`: places
// in its shape, or nothing for the batch.
struct Sided {
  Value value;
  std::optional<std::size_t> rows;
  std::optional<std::size_t> columns;
};

Sided sided(Value value, bool is_left) {
  if (value.rank() == 1) {
    if (is_left) {
      value.shape.insert(value.shape.begin(), 1);
      if (value.batch) value.batch = 1;
    } else {
      value.shape.push_back(1);
    }
  }
  Sided side{value, value.dimension_of(-2), value.dimension_of(-1)};
  return side;
}

// The general case: both sides may be of rows, and may have dimensions before those of their matrices.
absl::Status plan_product(NodePlan& node) {
  const bool left_is_vector = node.input(0).rank() == 1;
  const bool right_is_vector = node.input(1).rank() == 1;
  if (node.input(0).rank() == 0 || node.input(1).rank() == 0)
    return node.wrong("an input is a single number");
  const Sided left = sided(node.placed(0), true);
  const Sided right = sided(node.placed(1), false);
  if (!left.columns || !right.rows) return node.refuse("mixes rows");
  const std::size_t length = size_of(left.value, *left.columns);
  if (length != size_of(right.value, *right.rows)) return node.wrong("the sides of its matrices do not fit");
  // What is before the matrices is broadcast; then the rows of one and the columns of the other follow. Both sides are
  // brought to the shape of the result, with a one where the other side's dimension is.
  const auto outer = [](const Sided& side, bool is_left) {
    Value value = side.value;
    const std::size_t dropped = is_left ? *side.columns : *side.rows;
    value.shape[dropped] = 1;
    return value;
  };
  const Value left_outer = outer(left, true);
  const Value right_outer = outer(right, false);
  const std::optional<Broadcast> shape = broadcast({&left_outer, &right_outer});
  if (!shape) return node.refuse("the shapes of its inputs do not fit, row by row");
  const std::size_t count = elements_of(shape->shape);
  if (count == 0 || length == 0) return node.refuse("its result is empty");
  const auto side_of = [&](const Sided& side, std::size_t along, std::size_t which) {
    Product::Side result;
    result.slot = side.value.slot;
    result.stride = 1;
    for (std::size_t d = along + 1; d < side.value.shape.size(); ++d) result.stride *= size_of(side.value, d);
    // A place in what has a one along the sum, as one in the whole.
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t place = shape->places[which].empty() ? i : shape->places[which][i];
      const std::size_t before = place / result.stride;
      result.firsts.push_back(
          static_cast<std::uint32_t>(before * result.stride * length + place % result.stride));
    }
    return result;
  };
  Product::Side one = side_of(left, *left.columns, 0);
  Product::Side other = side_of(right, *right.rows, 1);
  Shape result = shape->shape;
  std::optional<std::size_t> batch = shape->batch;
  const auto drop = [&](std::size_t axis) {
    const std::size_t dimension = batch && axis > *batch ? axis - 1 : axis;
    result.erase(result.begin() + static_cast<std::ptrdiff_t>(dimension));
    if (batch && *batch > axis) --*batch;
  };
  std::size_t rank = result.size() + (batch ? 1 : 0);
  if (right_is_vector) drop(--rank);
  if (left_is_vector && !node.input(0).batch) drop(rank - (right_is_vector ? 1 : 2));
  const Value& output = node.add_output(left.value.element, result, batch);
  node.add_step(std::make_unique<Product>(std::move(one), std::move(other), length,
                                          left.value.element == Element::kFloat, output.slot));
  return absl::OkStatus();
}

absl::Status expect_reals(const NodePlan& node) {
  const Value& left = node.input(0);
  if (!is_of_reals(left) || node.input(1).element != left.element)
    return node.refuse("its inputs are not all of floats, or all of doubles");
  return absl::OkStatus();
}

absl::Status plan_mat_mul(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  if (absl::Status status = expect_reals(node); !status.ok()) return status;
  const Value& left = node.input(0);
  const Value& right = node.input(1);
  const bool is_dense = left.dimension_of(-1) && left.batch && !left.constant && right.constant &&
                        (right.shape.size() == 2 || right.shape.size() == 1) && left.count() > 0;
  // Few lists for each row, each of which gets a step of its own.
  if (is_dense && left.count() / size_of(left, left.shape.size() - 1) <= 16)
    return plan_dense(node, left, right, false, 1.0, nullptr, 1.0);
  return plan_product(node);
}

absl::Status plan_gemm(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 3); !status.ok()) return status;
  if (absl::Status status = expect_reals(node); !status.ok()) return status;
  std::size_t columns = 0;
  if (absl::Status status = node.expect_columns(0, columns); !status.ok()) return status;
  const Value& matrix = node.input(1);
  if (!matrix.constant || matrix.shape.size() != 2)
    return node.refuse("its second input is no constant matrix");
  const bool turned = node.integer("transB", 0) != 0;
  if (node.integer("transA", 0) != 0) return node.refuse("transA mixes rows");
  const auto alpha = static_cast<double>(node.number("alpha", 1.0f));
  const auto beta = static_cast<double>(node.number("beta", 1.0f));
  const Value* bias = node.has_input(2) ? &node.input(2) : nullptr;
  if (bias != nullptr && bias->element != node.input(0).element)
    return node.refuse("its third input is of other elements");
  if (bias == nullptr || bias->constant)
    return plan_dense(node, node.input(0), matrix, turned, alpha, bias, beta);
  if (absl::Status status = plan_dense(node, node.input(0), matrix, turned, alpha, nullptr, beta);
      !status.ok())
    return status;
  Value& output = node.outputs().back();
  output.layers = nullptr;
  std::optional<Broadcast> shape = broadcast({&output, bias});
  if (!shape || shape->shape != output.shape || shape->batch != output.batch)
    return node.refuse("the shape of its third input does not fit");
  node.add_step(std::make_unique<AddRows>(beta, std::move(shape->places[1]),
                                          output.element == Element::kFloat, bias->slot, output.slot,
                                          output.count()));
  return absl::OkStatus();
}

}  // namespace

bool plan_matrices(NodePlan& node, absl::Status& status) {
  if (node.type() == "MatMul") {
    status = plan_mat_mul(node);
  } else if (node.type() == "Gemm") {
    status = plan_gemm(node);
  } else {
    return false;
  }
  return true;
}

}  // namespace weir::ml::onnx
