// Kernels, and the coupling of pairs.
#include <weir/ml/onnx/svm.h>

#include <algorithm>
#include <cmath>

#include <weir/ml/onnx/curves.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weir::ml::onnx {
namespace {

// The same vectors, a column after the other.
std::vector<double> turned(std::span<const double> vectors, std::size_t columns) {
  const std::size_t count = vectors.size() / columns;
  std::vector<double> result(vectors.size());
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < columns; ++j) result[j * count + i] = vectors[i * columns + j];
  }
  return result;
}

using Distances = void (*)(const float* row, std::size_t columns, const float* lanes, std::size_t count,
                           float* sums);

// Squares are rounded before they are added.
void distances_anywhere(const float* row, std::size_t columns, const float* lanes, std::size_t count,
                        float* sums) {
  std::fill_n(sums, count, 0.0f);
  for (std::size_t i = 0; i < columns; ++i, lanes += count) {
    for (std::size_t j = 0; j < count; ++j) {
      const float difference = row[i] - lanes[j];
      const float square = difference * difference;
      sums[j] += square;
    }
  }
}

#if defined(__x86_64__)
// Without fused rounding, which the compiler would make use of.
[[gnu::target("avx2,no-fma")]] void distances_by_lanes(const float* row, std::size_t columns,
                                                       const float* lanes, std::size_t count, float* sums) {
  constexpr std::size_t kTogether = 8;
  for (std::size_t j = 0; j < count; j += kTogether) {
    __m256 sum = _mm256_setzero_ps();
    const float* vector = lanes + j;
    for (std::size_t i = 0; i < columns; ++i, vector += count) {
      const __m256 difference = _mm256_sub_ps(_mm256_broadcast_ss(row + i), _mm256_loadu_ps(vector));
      sum = _mm256_add_ps(sum, _mm256_mul_ps(difference, difference));
    }
    _mm256_storeu_ps(sums + j, sum);
  }
}
#endif

// A whole degree by squaring again and again, each product rounded.
float power(float number, float degree) {
  constexpr float kMostSquared = 1024.0f;
  if (degree == 3.0f) return number * number * number;
  if (!(degree >= 0.0f && degree <= kMostSquared) || degree != std::floor(degree))
    return std::pow(number, degree);
  float result = 1.0f;
  for (auto rest = static_cast<unsigned>(degree); rest > 0; rest /= 2) {
    if (rest % 2 == 1) result *= number;
    number *= number;
  }
  return result;
}

Distances distances_here() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return distances_by_lanes;
#endif
  return distances_anywhere;
}

}  // namespace

std::optional<Kernel::Kind> kernel_from(std::string_view name) {
  if (name == "LINEAR") return Kernel::Kind::kLinear;
  if (name == "POLY") return Kernel::Kind::kPolynomial;
  if (name == "RBF") return Kernel::Kind::kRadial;
  if (name == "SIGMOID") return Kernel::Kind::kSigmoid;
  return std::nullopt;
}

SupportVectors::SupportVectors(const Kernel& kernel, std::span<const double> vectors, std::size_t columns)
    : kernel_(kernel),
      columns_(columns),
      count_(vectors.size() / columns),
      padded_(FloatMatrix::padded_for(count_)) {
  if (kernel.kind != Kernel::Kind::kRadial) {
    products_.emplace(turned(vectors, columns), columns, count_);
    return;
  }
  lanes_.resize(columns * padded_);
  for (std::size_t i = 0; i < count_; ++i) {
    for (std::size_t j = 0; j < columns; ++j)
      lanes_[j * padded_ + i] = static_cast<float>(vectors[i * columns + j]);
  }
}

void SupportVectors::compare(const float* row, float* values) const {
  if (kernel_.kind == Kernel::Kind::kRadial) {
    static const Distances distances = distances_here();
    distances(row, columns_, lanes_.data(), padded_, values);
    for (std::size_t i = 0; i < count_; ++i) values[i] = std::exp(-kernel_.gamma * values[i]);
    return;
  }
  products_->multiply(row, values);
  if (kernel_.kind == Kernel::Kind::kLinear) return;
  for (std::size_t i = 0; i < count_; ++i) values[i] = std::fma(values[i], kernel_.gamma, kernel_.offset);
  if (kernel_.kind == Kernel::Kind::kSigmoid) return tanh_of({values, count_});
  for (std::size_t i = 0; i < count_; ++i) values[i] = power(values[i], kernel_.degree);
}

void couple(std::span<const float> wins, std::span<float> probabilities, std::span<float> scratch) {
  constexpr int kMostRounds = 100;
  const std::size_t classes = probabilities.size();
  const std::span<float> matrix = scratch.first(classes * classes);
  const std::span<float> products = scratch.subspan(classes * classes, classes);
  const float tolerance = 0.005f / static_cast<float>(classes);
  for (std::size_t i = 0; i < classes; ++i) {
    probabilities[i] = 1.0f / static_cast<float>(classes);
    float diagonal = 0.0f;
    for (std::size_t j = 0; j < classes; ++j) {
      if (j == i) continue;
      const float loss = wins[j * classes + i];
      diagonal += loss * loss;
      matrix[i * classes + j] = j < i ? matrix[j * classes + i] : -loss * wins[i * classes + j];
    }
    matrix[i * classes + i] = diagonal;
  }
  for (int round = 0; round < kMostRounds; ++round) {
    float whole = 0.0f;
    for (std::size_t i = 0; i < classes; ++i) {
      float product = 0.0f;
      for (std::size_t j = 0; j < classes; ++j) product += matrix[i * classes + j] * probabilities[j];
      products[i] = product;
      whole += probabilities[i] * product;
    }
    float error = 0.0f;
    for (const float product : products) error = std::max(error, std::abs(product - whole));
    if (error < tolerance) return;
    for (std::size_t i = 0; i < classes; ++i) {
      const float diagonal = matrix[i * classes + i];
      const float step = (whole - products[i]) / diagonal;
      const float scale = 1.0f + step;
      probabilities[i] += step;
      whole = (whole + step * (step * diagonal + 2.0f * products[i])) / scale / scale;
      for (std::size_t j = 0; j < classes; ++j) {
        products[j] = (products[j] + step * matrix[i * classes + j]) / scale;
        probabilities[j] /= scale;
      }
    }
  }
}

}  // namespace weir::ml::onnx
