// Matrices times rows.
#include <weir/ml/onnx/dense.h>

#include <algorithm>

#include <weir/ml/onnx/matrix.h>

namespace weir::ml::onnx {
namespace {

class FloatDense final : public Step {
 public:
  FloatDense(const Dense& dense, std::size_t lists, std::size_t input, std::size_t output)
      : matrix_(dense.weights, dense.inputs, dense.outputs),
        bias_(dense.bias.begin(), dense.bias.end()),
        lists_(lists),
        input_(input),
        output_(output) {}

  bool run(const Frame& frame) const override {
    const std::size_t count = lists_ * matrix_.inputs();
    float* const rows = frame.floats.data();
    float* sums = rows + count;
    const double* const from = frame.slots.data() + input_;
    for (std::size_t i = 0; i < count; ++i) rows[i] = static_cast<float>(from[i]);
    matrix_.multiply(rows, lists_, sums);
    double* to = frame.slots.data() + output_;
    for (std::size_t list = 0; list < lists_; ++list, sums += matrix_.padded(), to += matrix_.outputs()) {
      for (std::size_t j = 0; j < bias_.size(); ++j) sums[j] += bias_[j];
      std::copy_n(sums, matrix_.outputs(), to);
    }
    return true;
  }

 private:
  const FloatMatrix matrix_;
  const std::vector<float> bias_;
  const std::size_t lists_;
  const std::size_t input_;
  const std::size_t output_;
};

class DoubleDense final : public Step {
 public:
  DoubleDense(const Dense& dense, std::size_t lists, std::size_t input, std::size_t output)
      : dense_(dense), lists_(lists), input_(input), output_(output) {}

  bool run(const Frame& frame) const override {
    for (std::size_t list = 0; list < lists_; ++list) {
      multiply(frame.slots.data() + input_ + list * dense_.inputs,
               frame.slots.data() + output_ + list * dense_.outputs);
    }
    return true;
  }

 private:
  void multiply(const double* row, double* sums) const {
    std::fill_n(sums, dense_.outputs, 0.0);
    for (std::size_t i = 0; i < dense_.inputs; ++i) {
      const double* const weights = dense_.weights.data() + i * dense_.outputs;
      for (std::size_t j = 0; j < dense_.outputs; ++j) sums[j] += row[i] * weights[j];
    }
    for (std::size_t j = 0; j < dense_.bias.size(); ++j) sums[j] += dense_.bias[j];
  }

  const Dense dense_;
  const std::size_t lists_;
  const std::size_t input_;
  const std::size_t output_;
};

}  // namespace

std::unique_ptr<const Step> dense_step(const Dense& dense, bool in_double, std::size_t lists,
                                       std::size_t input, std::size_t output) {
  if (in_double) return std::make_unique<DoubleDense>(dense, lists, input, output);
  return std::make_unique<FloatDense>(dense, lists, input, output);
}

std::size_t floats_of_dense(const Dense& dense, std::size_t lists) {
  return lists * (dense.inputs + FloatMatrix::padded_for(dense.outputs));
}

}  // namespace weir::ml::onnx
