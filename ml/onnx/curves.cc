// The quotients: the coefficients are those of Eigen's and MLAS's minimax approximations.
#include <weir/ml/onnx/curves.h>

#include <cmath>
#include <cstddef>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weir::ml::onnx {
namespace {

// From the highest power to the lowest, with a single rounding for each product and addition.
template <std::size_t kCount>
[[gnu::always_inline]] inline float polynomial(const float (&coefficients)[kCount], float x) {
  float sum = coefficients[0];
  for (std::size_t i = 1; i < kCount; ++i) sum = __builtin_fmaf(sum, x, coefficients[i]);
  return sum;
}

[[gnu::always_inline]] inline float cut(float x, float most) {
  const float below = x > most ? most : x;  // keeps a NaN
  return below < -most ? -most : below;
}

[[gnu::always_inline]] inline float tanh_value(float number) {
  constexpr float kAbove[] = {-2.76076847742355e-16f, 2.00018790482477e-13f, -8.60467152213735e-11f,
                              5.12229709037114e-08f,  1.48572235717979e-05f, 6.37261928875436e-04f,
                              4.89352455891786e-03f};
  constexpr float kBelow[] = {1.19825839466702e-06f, 1.18534705686654e-04f, 2.26843463243900e-03f,
                              4.89352518554385e-03f};
  const float x = cut(number, 9.0f);
  const float square = x * x;
  return polynomial(kAbove, square) * x / polynomial(kBelow, square);
}

[[gnu::always_inline]] inline float sigmoid_value(float number) {
  constexpr float kAbove[] = {4.37031012579801e-11f, 1.15627324459942e-07f, 6.08574864600143e-05f,
                              8.51377133304701e-03f, 2.48287947061529e-01f};
  constexpr float kBelow[] = {6.10247389755681e-13f, 5.76102136993427e-09f, 6.29106785017040e-06f,
                              1.70198817374094e-03f, 1.16817656904453e-01f, 9.93151921023180e-01f};
  const float x = cut(number, 18.0f);
  const float square = x * x;
  const float sum = polynomial(kAbove, square) * x / polynomial(kBelow, square) + 0.5f;
  return sum < 0.0f ? 0.0f : sum > 1.0f ? 1.0f : sum;
}

#if defined(__x86_64__)
// The same, with the machine's own fused rounding: a call for each is ten times slower.
[[gnu::target("avx2,fma")]] void tanh_fused(std::span<float> numbers) {
  for (float& number : numbers) number = tanh_value(number);
}
[[gnu::target("avx2,fma")]] void sigmoid_fused(std::span<float> numbers) {
  for (float& number : numbers) number = sigmoid_value(number);
}

bool has_fused() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has;
}
#endif

#if defined(__x86_64__)
// Without branches, which numbers around zero would mislead.
[[gnu::target("avx")]] void relu_by_lanes(std::span<float> numbers) {
  constexpr std::size_t kLanes = 8;
  std::size_t i = 0;
  for (; i + kLanes <= numbers.size(); i += kLanes) {
    float* const at = numbers.data() + i;
    // Of two numbers that are not in order, the second one.
    _mm256_storeu_ps(at, _mm256_max_ps(_mm256_setzero_ps(), _mm256_loadu_ps(at)));
  }
  for (; i < numbers.size(); ++i) numbers[i] = numbers[i] < 0.0f ? 0.0f : numbers[i];
}
#endif

}  // namespace

void relu_of(std::span<float> numbers) {
#if defined(__x86_64__)
  if (has_fused()) return relu_by_lanes(numbers);
#endif
  for (float& number : numbers) number = number < 0.0f ? 0.0f : number;
}

void tanh_of(std::span<float> numbers) {
#if defined(__x86_64__)
  if (has_fused()) return tanh_fused(numbers);
#endif
  for (float& number : numbers) number = tanh_value(number);
}

void sigmoid_of(std::span<float> numbers) {
#if defined(__x86_64__)
  if (has_fused()) return sigmoid_fused(numbers);
#endif
  for (float& number : numbers) number = sigmoid_value(number);
}

}  // namespace weir::ml::onnx
