// The quotients: the coefficients are those of Eigen's and MLAS's minimax approximations.
#include <weir/ml/onnx/curves.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weir::ml::onnx {
namespace {

constexpr float kTanhMost = 9.0f;
constexpr float kTanhAbove[] = {-2.76076847742355e-16f, 2.00018790482477e-13f, -8.60467152213735e-11f,
                                5.12229709037114e-08f,  1.48572235717979e-05f, 6.37261928875436e-04f,
                                4.89352455891786e-03f};
constexpr float kTanhBelow[] = {1.19825839466702e-06f, 1.18534705686654e-04f, 2.26843463243900e-03f,
                                4.89352518554385e-03f};
constexpr float kSigmoidMost = 18.0f;
constexpr float kSigmoidAbove[] = {4.37031012579801e-11f, 1.15627324459942e-07f, 6.08574864600143e-05f,
                                   8.51377133304701e-03f, 2.48287947061529e-01f};
constexpr float kSigmoidBelow[] = {6.10247389755681e-13f, 5.76102136993427e-09f, 6.29106785017040e-06f,
                                   1.70198817374094e-03f, 1.16817656904453e-01f, 9.93151921023180e-01f};

// From the highest power to the lowest, with a single rounding for each product and addition.
template <std::size_t kCount>
float polynomial(const float (&coefficients)[kCount], float x) {
  float sum = coefficients[0];
  for (std::size_t i = 1; i < kCount; ++i) sum = std::fma(sum, x, coefficients[i]);
  return sum;
}

// The quotient of two polynomials in x squared, times x; x is cut before. A NaN stays one.
template <std::size_t kAbove, std::size_t kBelow>
float quotient(const float (&above)[kAbove], const float (&below)[kBelow], float most, float number) {
  const float under = number > most ? most : number;
  const float x = under < -most ? -most : under;
  const float square = x * x;
  return polynomial(above, square) * x / polynomial(below, square);
}

void tanh_anywhere(std::span<float> numbers) {
  for (float& number : numbers) number = quotient(kTanhAbove, kTanhBelow, kTanhMost, number);
}

void sigmoid_anywhere(std::span<float> numbers) {
  for (float& number : numbers) {
    const float sum = quotient(kSigmoidAbove, kSigmoidBelow, kSigmoidMost, number) + 0.5f;
    number = sum < 0.0f ? 0.0f : sum > 1.0f ? 1.0f : sum;
  }
}

#if defined(__x86_64__)
// The same for eight numbers. Of two that are not in order, the instructions for the smaller and the larger one give the
// second, so that a NaN stays one here too.
template <std::size_t kCount>
[[gnu::target("avx2,fma")]] inline __m256 polynomial_of(const float (&coefficients)[kCount], __m256 x) {
  __m256 sum = _mm256_set1_ps(coefficients[0]);
#pragma GCC unroll 8
  for (std::size_t i = 1; i < kCount; ++i) sum = _mm256_fmadd_ps(sum, x, _mm256_set1_ps(coefficients[i]));
  return sum;
}

template <std::size_t kAbove, std::size_t kBelow>
[[gnu::target("avx2,fma")]] inline __m256 quotient_of(const float (&above)[kAbove],
                                                      const float (&below)[kBelow], float most,
                                                      __m256 numbers) {
  const __m256 x = _mm256_max_ps(_mm256_set1_ps(-most), _mm256_min_ps(_mm256_set1_ps(most), numbers));
  const __m256 square = _mm256_mul_ps(x, x);
  return _mm256_div_ps(_mm256_mul_ps(polynomial_of(above, square), x), polynomial_of(below, square));
}

[[gnu::target("avx2,fma")]] inline __m256 tanh_of_eight(__m256 numbers) {
  return quotient_of(kTanhAbove, kTanhBelow, kTanhMost, numbers);
}

[[gnu::target("avx2,fma")]] inline __m256 sigmoid_of_eight(__m256 numbers) {
  const __m256 sum =
      _mm256_add_ps(quotient_of(kSigmoidAbove, kSigmoidBelow, kSigmoidMost, numbers), _mm256_set1_ps(0.5f));
  return _mm256_min_ps(_mm256_set1_ps(1.0f), _mm256_max_ps(_mm256_setzero_ps(), sum));
}

// Eight at a time; what is left over in eight places of its own.
template <__m256 (*kCurve)(__m256)>
[[gnu::target("avx2,fma")]] void by_eights(std::span<float> numbers) {
  constexpr std::size_t kTogether = 8;
  std::size_t i = 0;
  for (; i + kTogether <= numbers.size(); i += kTogether) {
    float* const at = numbers.data() + i;
    _mm256_storeu_ps(at, kCurve(_mm256_loadu_ps(at)));
  }
  if (i == numbers.size()) return;
  float rest[kTogether] = {};
  std::ranges::copy(numbers.subspan(i), rest);
  _mm256_storeu_ps(rest, kCurve(_mm256_loadu_ps(rest)));
  std::copy_n(rest, numbers.size() - i, numbers.data() + i);
}

bool has_lanes() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has;
}
#endif

}  // namespace

void tanh_of(std::span<float> numbers) {
#if defined(__x86_64__)
  if (has_lanes()) return by_eights<tanh_of_eight>(numbers);
#endif
  tanh_anywhere(numbers);
}

void sigmoid_of(std::span<float> numbers) {
#if defined(__x86_64__)
  if (has_lanes()) return by_eights<sigmoid_of_eight>(numbers);
#endif
  sigmoid_anywhere(numbers);
}

}  // namespace weir::ml::onnx
