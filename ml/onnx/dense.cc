// Matrices times rows.
#include <weir/ml/onnx/dense.h>

#include <algorithm>

namespace weir::ml::onnx {
namespace {

// With fewer outputs than this, a sum per output in four parts is faster than a pass over the outputs per input.
constexpr std::size_t kFewOutputs = 8;

class FloatDense final : public Step {
 public:
  FloatDense(const Dense& dense, std::size_t input, std::size_t output)
      : inputs_(dense.inputs),
        outputs_(dense.outputs),
        input_(input),
        output_(output),
        weights_(dense.weights.size()),
        bias_(dense.bias.begin(), dense.bias.end()) {
    for (std::size_t i = 0; i < inputs_; ++i) {
      for (std::size_t j = 0; j < outputs_; ++j) {
        const std::size_t place = outputs_ < kFewOutputs ? j * inputs_ + i : i * outputs_ + j;
        weights_[place] = static_cast<float>(dense.weights[i * outputs_ + j]);
      }
    }
  }

  bool run(const Frame& frame) const override {
    float* const row = frame.floats.data();
    float* const sums = row + inputs_;
    const double* const from = frame.slots.data() + input_;
    for (std::size_t i = 0; i < inputs_; ++i) row[i] = static_cast<float>(from[i]);
    if (outputs_ < kFewOutputs) {
      for (std::size_t j = 0; j < outputs_; ++j) sums[j] = dot(row, weights_.data() + j * inputs_);
    } else {
      std::fill_n(sums, outputs_, 0.0f);
      for (std::size_t i = 0; i < inputs_; ++i) add(row[i], weights_.data() + i * outputs_, sums);
    }
    for (std::size_t j = 0; j < bias_.size(); ++j) sums[j] += bias_[j];
    std::copy_n(sums, outputs_, frame.slots.data() + output_);
    return true;
  }

 private:
  float dot(const float* row, const float* weights) const {
    float parts[4] = {};
    std::size_t i = 0;
    for (; i + 4 <= inputs_; i += 4) {
      for (std::size_t part = 0; part < 4; ++part) parts[part] += row[i + part] * weights[i + part];
    }
    for (; i < inputs_; ++i) parts[0] += row[i] * weights[i];
    return (parts[0] + parts[1]) + (parts[2] + parts[3]);
  }

  void add(float number, const float* __restrict weights, float* __restrict sums) const {
    for (std::size_t j = 0; j < outputs_; ++j) sums[j] += number * weights[j];
  }

  const std::size_t inputs_;
  const std::size_t outputs_;
  const std::size_t input_;
  const std::size_t output_;
  std::vector<float> weights_;
  const std::vector<float> bias_;
};

class DoubleDense final : public Step {
 public:
  DoubleDense(const Dense& dense, std::size_t input, std::size_t output)
      : dense_(dense), input_(input), output_(output) {}

  bool run(const Frame& frame) const override {
    const double* const row = frame.slots.data() + input_;
    double* const sums = frame.slots.data() + output_;
    std::fill_n(sums, dense_.outputs, 0.0);
    for (std::size_t i = 0; i < dense_.inputs; ++i) {
      const double* const weights = dense_.weights.data() + i * dense_.outputs;
      for (std::size_t j = 0; j < dense_.outputs; ++j) sums[j] += row[i] * weights[j];
    }
    for (std::size_t j = 0; j < dense_.bias.size(); ++j) sums[j] += dense_.bias[j];
    return true;
  }

 private:
  const Dense dense_;
  const std::size_t input_;
  const std::size_t output_;
};

}  // namespace

std::unique_ptr<const Step> dense_step(const Dense& dense, bool in_double, std::size_t input,
                                       std::size_t output) {
  if (in_double) return std::make_unique<DoubleDense>(dense, input, output);
  return std::make_unique<FloatDense>(dense, input, output);
}

std::size_t floats_of_dense(const Dense& dense) { return dense.inputs + dense.outputs; }

}  // namespace weir::ml::onnx
