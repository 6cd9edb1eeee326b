// Matrices times rows.
#include <weir/ml/onnx/dense.h>

#include <algorithm>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weir::ml::onnx {
namespace {

// Outputs are counted in lanes.
constexpr std::size_t kLanes = 8;

using Multiply = void (*)(const float* row, std::size_t inputs, const float* weights, std::size_t outputs,
                          float* sums);

// Each sum in the order of the inputs, with a single rounding for a product and its addition: that is how ONNX Runtime adds,
// so that sums of large numbers that cancel out differ no more than they must.
void multiply_anywhere(const float* row, std::size_t inputs, const float* weights, std::size_t outputs,
                       float* sums) {
  std::fill_n(sums, outputs, 0.0f);
  for (std::size_t i = 0; i < inputs; ++i) {
    for (std::size_t j = 0; j < outputs; ++j) sums[j] = std::fma(row[i], weights[i * outputs + j], sums[j]);
  }
}

#if defined(__x86_64__)
template <std::size_t kVectors>
[[gnu::target("avx2,fma")]] void multiply_lanes(const float* row, std::size_t inputs, const float* weights,
                                                std::size_t outputs, float* sums) {
  __m256 parts[kVectors];
  for (__m256& part : parts) part = _mm256_setzero_ps();
  for (std::size_t i = 0; i < inputs; ++i, weights += outputs) {
    const __m256 number = _mm256_broadcast_ss(row + i);
    for (std::size_t k = 0; k < kVectors; ++k) {
      parts[k] = _mm256_fmadd_ps(number, _mm256_loadu_ps(weights + k * kLanes), parts[k]);
    }
  }
  for (std::size_t k = 0; k < kVectors; ++k) _mm256_storeu_ps(sums + k * kLanes, parts[k]);
}

// The same sums, eight at a time.
[[gnu::target("avx2,fma")]] void multiply_by_lanes(const float* row, std::size_t inputs, const float* weights,
                                                   std::size_t outputs, float* sums) {
  constexpr std::size_t kMany = 4;
  std::size_t j = 0;
  for (; j + kMany * kLanes <= outputs; j += kMany * kLanes)
    multiply_lanes<kMany>(row, inputs, weights + j, outputs, sums + j);
  for (; j < outputs; j += kLanes) multiply_lanes<1>(row, inputs, weights + j, outputs, sums + j);
}
#endif

// Chosen when a model is loaded: by what the machine can do.
Multiply multiply_here() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return multiply_by_lanes;
#endif
  return multiply_anywhere;
}

std::size_t in_lanes(std::size_t outputs) { return (outputs + kLanes - 1) / kLanes * kLanes; }

class FloatDense final : public Step {
 public:
  FloatDense(const Dense& dense, std::size_t input, std::size_t output)
      : multiply_(multiply_here()),
        inputs_(dense.inputs),
        outputs_(dense.outputs),
        padded_(in_lanes(dense.outputs)),
        input_(input),
        output_(output),
        weights_(dense.inputs * padded_),
        bias_(dense.bias.begin(), dense.bias.end()) {
    for (std::size_t i = 0; i < inputs_; ++i) {
      for (std::size_t j = 0; j < outputs_; ++j) {
        weights_[i * padded_ + j] = static_cast<float>(dense.weights[i * outputs_ + j]);
      }
    }
  }

  bool run(const Frame& frame) const override {
    float* const row = frame.floats.data();
    float* const sums = row + inputs_;
    const double* const from = frame.slots.data() + input_;
    for (std::size_t i = 0; i < inputs_; ++i) row[i] = static_cast<float>(from[i]);
    multiply_(row, inputs_, weights_.data(), padded_, sums);
    for (std::size_t j = 0; j < bias_.size(); ++j) sums[j] += bias_[j];
    std::copy_n(sums, outputs_, frame.slots.data() + output_);
    return true;
  }

 private:
  const Multiply multiply_;
  const std::size_t inputs_;
  const std::size_t outputs_;
  const std::size_t padded_;
  const std::size_t input_;
  const std::size_t output_;
  std::vector<float> weights_;  // a row for each input; what fills the lanes is zero
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

std::size_t floats_of_dense(const Dense& dense) { return dense.inputs + in_lanes(dense.outputs); }

}  // namespace weir::ml::onnx
