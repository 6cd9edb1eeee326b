// The ways to multiply, and which is the fastest here.
#include <weir/ml/onnx/matrix.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weir::ml::onnx {
namespace {

using Product = FloatMatrix::Product;

constexpr std::size_t kLanes = FloatMatrix::kLanes;

void multiply_anywhere(const Product& product) {
  for (std::size_t row = 0; row < product.count; ++row) {
    const float* const numbers = product.rows + row * product.inputs;
    float* const sums = product.sums + row * product.outputs;
    std::fill_n(sums, product.outputs, 0.0f);
    for (std::size_t i = 0; i < product.inputs; ++i) {
      const float* const weights = product.weights + i * product.outputs;
      for (std::size_t j = 0; j < product.outputs; ++j) sums[j] = std::fma(numbers[i], weights[j], sums[j]);
    }
  }
}

#if defined(__x86_64__)
// A block of kTall rows and kVectors times eight outputs, whose sums stay in registers.
template <std::size_t kTall, std::size_t kVectors>
[[gnu::target("avx2,fma")]] inline void multiply_block(const Product& product, std::size_t row,
                                                       std::size_t output) {
  const float* const numbers = product.rows + row * product.inputs;
  const float* weights = product.weights + output;
  __m256 parts[kTall][kVectors];
  for (auto& of_row : parts) {
    for (__m256& part : of_row) part = _mm256_setzero_ps();
  }
  for (std::size_t i = 0; i < product.inputs; ++i, weights += product.outputs) {
    __m256 lanes[kVectors];
    for (std::size_t k = 0; k < kVectors; ++k) lanes[k] = _mm256_loadu_ps(weights + k * kLanes);
    for (std::size_t r = 0; r < kTall; ++r) {
      const __m256 number = _mm256_broadcast_ss(numbers + r * product.inputs + i);
      for (std::size_t k = 0; k < kVectors; ++k) parts[r][k] = _mm256_fmadd_ps(number, lanes[k], parts[r][k]);
    }
  }
  for (std::size_t r = 0; r < kTall; ++r) {
    float* const sums = product.sums + (row + r) * product.outputs + output;
    for (std::size_t k = 0; k < kVectors; ++k) _mm256_storeu_ps(sums + k * kLanes, parts[r][k]);
  }
}

// All rows by blocks of that size; what is left over by smaller ones.
template <std::size_t kTall, std::size_t kVectors>
[[gnu::target("avx2,fma")]] void multiply_by_blocks(const Product& product) {
  std::size_t row = 0;
  for (; row + kTall <= product.count; row += kTall) {
    std::size_t output = 0;
    for (; output + kVectors * kLanes <= product.outputs; output += kVectors * kLanes)
      multiply_block<kTall, kVectors>(product, row, output);
    for (; output < product.outputs; output += kLanes) multiply_block<kTall, 1>(product, row, output);
  }
  if constexpr (kTall > 1) {
    if (row == product.count) return;
    multiply_by_blocks<1, kVectors>({product.rows + row * product.inputs, product.count - row, product.inputs,
                                     product.weights, product.outputs, product.sums + row * product.outputs});
  }
}

// The same with sixteen lanes; eight outputs that are left over take half of them.
template <std::size_t kTall, std::size_t kVectors>
[[gnu::target("avx512f")]] inline void multiply_wide_block(const Product& product, std::size_t row,
                                                           std::size_t output, __mmask16 lanes_used) {
  const float* const numbers = product.rows + row * product.inputs;
  const float* weights = product.weights + output;
  __m512 parts[kTall][kVectors];
  for (auto& of_row : parts) {
    for (__m512& part : of_row) part = _mm512_setzero_ps();
  }
  for (std::size_t i = 0; i < product.inputs; ++i, weights += product.outputs) {
    __m512 lanes[kVectors];
    for (std::size_t k = 0; k < kVectors; ++k)
      lanes[k] = _mm512_maskz_loadu_ps(lanes_used, weights + k * 2 * kLanes);
    for (std::size_t r = 0; r < kTall; ++r) {
      const __m512 number = _mm512_set1_ps(numbers[r * product.inputs + i]);
      for (std::size_t k = 0; k < kVectors; ++k) parts[r][k] = _mm512_fmadd_ps(number, lanes[k], parts[r][k]);
    }
  }
  for (std::size_t r = 0; r < kTall; ++r) {
    float* const sums = product.sums + (row + r) * product.outputs + output;
    for (std::size_t k = 0; k < kVectors; ++k)
      _mm512_mask_storeu_ps(sums + k * 2 * kLanes, lanes_used, parts[r][k]);
  }
}

template <std::size_t kTall, std::size_t kVectors>
[[gnu::target("avx512f")]] void multiply_by_wide_blocks(const Product& product) {
  constexpr std::size_t kWide = 2 * kLanes;
  constexpr __mmask16 kAll = 0xffff;
  constexpr __mmask16 kHalf = 0xff;
  std::size_t row = 0;
  for (; row + kTall <= product.count; row += kTall) {
    std::size_t output = 0;
    for (; output + kVectors * kWide <= product.outputs; output += kVectors * kWide)
      multiply_wide_block<kTall, kVectors>(product, row, output, kAll);
    for (; output + kWide <= product.outputs; output += kWide)
      multiply_wide_block<kTall, 1>(product, row, output, kAll);
    if (output < product.outputs) multiply_wide_block<kTall, 1>(product, row, output, kHalf);
  }
  if constexpr (kTall > 1) {
    if (row == product.count) return;
    multiply_by_wide_blocks<1, kVectors>({product.rows + row * product.inputs, product.count - row,
                                          product.inputs, product.weights, product.outputs,
                                          product.sums + row * product.outputs});
  }
}
#endif

struct Ways {
  std::vector<FloatMatrix::Multiply> for_one;
  std::vector<FloatMatrix::Multiply> for_several;
};

Ways ways_here() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    Ways ways = {{multiply_by_blocks<1, 1>, multiply_by_blocks<1, 4>, multiply_by_blocks<1, 8>},
                 {multiply_by_blocks<1, 4>, multiply_by_blocks<4, 1>, multiply_by_blocks<4, 2>,
                  multiply_by_blocks<6, 2>}};
    if (__builtin_cpu_supports("avx512f")) {
      ways.for_one.push_back(multiply_by_wide_blocks<1, 4>);
      ways.for_several.insert(
          ways.for_several.end(),
          {multiply_by_wide_blocks<8, 1>, multiply_by_wide_blocks<4, 4>, multiply_by_wide_blocks<6, 2>});
    }
    return ways;
  }
#endif
  return {{multiply_anywhere}, {multiply_anywhere}};
}

// Returns the fastest of `ways` for `product`.
FloatMatrix::Multiply fastest(const std::vector<FloatMatrix::Multiply>& ways, const Product& product) {
  FloatMatrix::Multiply fastest = ways.front();
  if (ways.size() == 1) return fastest;
  auto best = std::chrono::steady_clock::duration::max();
  for (const FloatMatrix::Multiply way : ways) {
    for (int repeat = 0; repeat < 4; ++repeat) {
      const auto start = std::chrono::steady_clock::now();
      way(product);
      const auto taken = std::chrono::steady_clock::now() - start;
      if (taken >= best) continue;
      best = taken;
      fastest = way;
    }
  }
  return fastest;
}

}  // namespace

FloatMatrix::FloatMatrix(std::span<const double> weights, std::size_t inputs, std::size_t outputs)
    : inputs_(inputs), outputs_(outputs), padded_(padded_for(outputs)), weights_(inputs * padded_) {
  for (std::size_t i = 0; i < inputs; ++i) {
    for (std::size_t j = 0; j < outputs; ++j)
      weights_[i * padded_ + j] = static_cast<float>(weights[i * outputs + j]);
  }
  tune();
}

void FloatMatrix::tune() {
  // More takes longer than it is worth: there memory decides, not the way.
  constexpr std::size_t kMostProducts = 100'000;
  constexpr std::size_t kSeveralRows = 12;
  // Short ones are done over and over, so that the clock can tell.
  const std::size_t repeats = std::clamp<std::size_t>(2048 / (weights_.size() + 1), 1, 64);
  const Ways ways = ways_here();
  one_ = ways.for_one.back();
  several_ = ways.for_several.back();
  if (weights_.size() > kMostProducts) return;
  const std::vector<float> rows(kSeveralRows * repeats * inputs_, 0.5f);
  std::vector<float> sums(kSeveralRows * repeats * padded_);
  one_ = fastest(ways.for_one, {rows.data(), repeats, inputs_, weights_.data(), padded_, sums.data()});
  several_ = fastest(ways.for_several,
                     {rows.data(), kSeveralRows * repeats, inputs_, weights_.data(), padded_, sums.data()});
}

}  // namespace weir::ml::onnx
