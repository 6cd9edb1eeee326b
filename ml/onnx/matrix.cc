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
    const float* const numbers = product.rows + row * product.stride;
    for (std::size_t output = 0; output < product.outputs; output += kLanes) {
      float* const sums = product.sums + row * product.outputs + output;
      const float* weights = product.weights + output * product.inputs;
      std::fill_n(sums, kLanes, 0.0f);
      for (std::size_t i = 0; i < product.inputs; ++i, weights += kLanes) {
        for (std::size_t j = 0; j < kLanes; ++j) sums[j] = std::fma(numbers[i], weights[j], sums[j]);
      }
      for (std::size_t j = 0; j < kLanes; ++j) {
        if (product.finish.bias != nullptr) sums[j] += product.finish.bias[output + j];
        if (product.finish.relu && sums[j] < 0.0f) sums[j] = 0.0f;
      }
    }
  }
}

#if defined(__x86_64__)
// A block of kTall rows and kPanels times sixteen outputs, whose sums stay in registers: for that, loops have to be unrolled.
template <std::size_t kTall, std::size_t kPanels>
[[gnu::target("avx2,fma")]] inline void multiply_block(const Product& product, std::size_t row,
                                                       std::size_t output) {
  constexpr std::size_t kHalf = kLanes / 2;
  constexpr std::size_t kVectors = 2 * kPanels;
  const std::size_t panel = product.inputs * kLanes;
  const float* const numbers = product.rows + row * product.stride;
  const float* weights = product.weights + output * product.inputs;
  __m256 parts[kTall][kVectors];
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kTall; ++r) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < kVectors; ++k) parts[r][k] = _mm256_setzero_ps();
  }
  for (std::size_t i = 0; i < product.inputs; ++i, weights += kLanes) {
    __m256 lanes[kVectors];
#pragma GCC unroll 8
    for (std::size_t k = 0; k < kVectors; ++k)
      lanes[k] = _mm256_loadu_ps(weights + k / 2 * panel + k % 2 * kHalf);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kTall; ++r) {
      const __m256 number = _mm256_broadcast_ss(numbers + r * product.stride + i);
#pragma GCC unroll 8
      for (std::size_t k = 0; k < kVectors; ++k) parts[r][k] = _mm256_fmadd_ps(number, lanes[k], parts[r][k]);
    }
  }
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kTall; ++r) {
    float* const sums = product.sums + (row + r) * product.outputs + output;
#pragma GCC unroll 8
    for (std::size_t k = 0; k < kVectors; ++k) {
      __m256 sum = parts[r][k];
      if (product.finish.bias != nullptr)
        sum = _mm256_add_ps(sum, _mm256_loadu_ps(product.finish.bias + output + k * kHalf));
      // Of two numbers that are not in order, the second one.
      if (product.finish.relu) sum = _mm256_max_ps(_mm256_setzero_ps(), sum);
      _mm256_storeu_ps(sums + k * kHalf, sum);
    }
  }
}

// What is left of `product` behind its first rows.
Product behind(const Product& product, std::size_t rows) {
  Product rest = product;
  rest.rows += rows * product.stride;
  rest.sums += rows * product.outputs;
  rest.count -= rows;
  return rest;
}

// All rows by blocks of that size; what is left over by smaller ones.
template <std::size_t kTall, std::size_t kPanels>
[[gnu::target("avx2,fma")]] void multiply_by_blocks(const Product& product) {
  std::size_t row = 0;
  for (; row + kTall <= product.count; row += kTall) {
    std::size_t output = 0;
    for (; output + kPanels * kLanes <= product.outputs; output += kPanels * kLanes)
      multiply_block<kTall, kPanels>(product, row, output);
    for (; output < product.outputs; output += kLanes) multiply_block<kTall, 1>(product, row, output);
  }
  if constexpr (kTall > 1) {
    if (row < product.count) multiply_by_blocks<kTall / 2, kPanels>(behind(product, row));
  }
}

// The same with sixteen lanes.
template <std::size_t kTall, std::size_t kPanels>
[[gnu::target("avx512f")]] inline void multiply_wide_block(const Product& product, std::size_t row,
                                                           std::size_t output) {
  const std::size_t panel = product.inputs * kLanes;
  const float* const numbers = product.rows + row * product.stride;
  const float* weights = product.weights + output * product.inputs;
  __m512 parts[kTall][kPanels];
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kTall; ++r) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < kPanels; ++k) parts[r][k] = _mm512_setzero_ps();
  }
  for (std::size_t i = 0; i < product.inputs; ++i, weights += kLanes) {
    __m512 lanes[kPanels];
#pragma GCC unroll 8
    for (std::size_t k = 0; k < kPanels; ++k) lanes[k] = _mm512_loadu_ps(weights + k * panel);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kTall; ++r) {
      const __m512 number = _mm512_set1_ps(numbers[r * product.stride + i]);
#pragma GCC unroll 8
      for (std::size_t k = 0; k < kPanels; ++k) parts[r][k] = _mm512_fmadd_ps(number, lanes[k], parts[r][k]);
    }
  }
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kTall; ++r) {
    float* const sums = product.sums + (row + r) * product.outputs + output;
#pragma GCC unroll 8
    for (std::size_t k = 0; k < kPanels; ++k) {
      __m512 sum = parts[r][k];
      if (product.finish.bias != nullptr)
        sum = _mm512_add_ps(sum, _mm512_loadu_ps(product.finish.bias + output + k * kLanes));
      // With a mask of all: without one, GCC 12 warns of what its own header leaves open.
      if (product.finish.relu) sum = _mm512_maskz_max_ps(0xffff, _mm512_setzero_ps(), sum);
      _mm512_storeu_ps(sums + k * kLanes, sum);
    }
  }
}

template <std::size_t kTall, std::size_t kPanels>
[[gnu::target("avx512f")]] void multiply_by_wide_blocks(const Product& product) {
  std::size_t row = 0;
  for (; row + kTall <= product.count; row += kTall) {
    std::size_t output = 0;
    for (; output + kPanels * kLanes <= product.outputs; output += kPanels * kLanes)
      multiply_wide_block<kTall, kPanels>(product, row, output);
    for (; output < product.outputs; output += kLanes) multiply_wide_block<kTall, 1>(product, row, output);
  }
  if constexpr (kTall > 1) {
    if (row < product.count) multiply_by_wide_blocks<kTall / 2, kPanels>(behind(product, row));
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
    Ways ways = {{multiply_by_blocks<1, 1>, multiply_by_blocks<1, 2>, multiply_by_blocks<1, 4>},
                 {multiply_by_blocks<6, 1>, multiply_by_blocks<3, 2>, multiply_by_blocks<4, 1>}};
    if (__builtin_cpu_supports("avx512f")) {
      ways.for_one.insert(ways.for_one.end(), {multiply_by_wide_blocks<1, 4>, multiply_by_wide_blocks<1, 8>});
      ways.for_several.insert(
          ways.for_several.end(),
          {multiply_by_wide_blocks<8, 1>, multiply_by_wide_blocks<4, 4>, multiply_by_wide_blocks<8, 2>});
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
    for (std::size_t j = 0; j < outputs; ++j) {
      const std::size_t panel = j / kLanes * kLanes * inputs;
      weights_[panel + i * kLanes + j % kLanes] = static_cast<float>(weights[i * outputs + j]);
    }
  }
  tune();
}

void FloatMatrix::tune() {
  // More takes longer than it is worth: there memory decides, not the way.
  constexpr std::size_t kMostProducts = 100'000;
  constexpr std::size_t kSeveralRows = 16;
  // Short ones are done over and over, so that the clock can tell.
  const std::size_t repeats = std::clamp<std::size_t>(2048 / (weights_.size() + 1), 1, 64);
  const Ways ways = ways_here();
  one_ = ways.for_one.back();
  several_ = ways.for_several.back();
  if (weights_.size() > kMostProducts) return;
  const std::vector<float> rows(kSeveralRows * repeats * inputs_, 0.5f);
  std::vector<float> sums(kSeveralRows * repeats * padded_);
  const auto product = [&](std::size_t count) {
    return Product{rows.data(), inputs_, count, inputs_, weights_.data(), padded_, sums.data(), {}};
  };
  one_ = fastest(ways.for_one, product(repeats));
  several_ = fastest(ways.for_several, product(kSeveralRows * repeats));
}

}  // namespace weir::ml::onnx
