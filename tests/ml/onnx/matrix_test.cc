// Whatever way is the fastest here, do sums have the bits of plain ones?
#include <weir/ml/onnx/matrix.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/environment.h"

namespace weir::ml::onnx {
namespace {

TEST(FloatMatrix, AddsInTheOrderOfTheInputsHoweverManyRows) {
  const std::uint64_t seed = number_from("WEIR_MATRIX_SEED", 20240607);
  fmt::print("seed {}\n", seed);
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0.0f, 100.0f);
  for (const std::size_t inputs : {1u, 2u, 7u, 33u}) {
    for (const std::size_t outputs : {1u, 8u, 9u, 24u, 31u, 64u, 100u}) {
      std::vector<double> weights(inputs * outputs);
      for (double& weight : weights) weight = static_cast<double>(normal(random));
      const FloatMatrix matrix(weights, inputs, outputs);
      ASSERT_GE(matrix.padded(), outputs);
      std::vector<float> bias(matrix.padded());
      for (std::size_t j = 0; j < outputs; ++j) bias[j] = normal(random);
      for (const std::size_t rows : {1u, 3u, 4u, 5u, 6u, 13u, 64u}) {
        const std::size_t stride = inputs + rows % 3;  // what is between the rows is not looked at
        const bool has_bias = rows % 2 == 1;
        const bool relu = rows > 4;
        std::vector<float> numbers(rows * stride);
        for (float& number : numbers) number = normal(random);
        std::vector<float> sums(rows * matrix.padded(), -1.0f);
        matrix.multiply(numbers.data(), stride, rows, sums.data(),
                        {.bias = has_bias ? bias.data() : nullptr, .relu = relu});
        for (std::size_t row = 0; row < rows; ++row) {
          for (std::size_t j = 0; j < outputs; ++j) {
            float expected = 0.0f;
            for (std::size_t i = 0; i < inputs; ++i) {
              const auto weight = static_cast<float>(weights[i * outputs + j]);
              expected = std::fma(numbers[row * stride + i], weight, expected);
            }
            if (has_bias) expected += bias[j];
            if (relu && expected < 0.0f) expected = 0.0f;
            ASSERT_EQ(std::bit_cast<std::uint32_t>(sums[row * matrix.padded() + j]),
                      std::bit_cast<std::uint32_t>(expected))
                << inputs << " times " << outputs << ", row " << row << " of " << rows;
          }
        }
      }
    }
  }
}

TEST(FloatMatrix, KeepsWhatIsNoNumber) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const FloatMatrix matrix(std::vector<double>{1.0, 2.0}, 1, 2);
  for (const std::size_t rows : {1u, 9u}) {
    const std::vector<float> numbers(rows, kNan);
    std::vector<float> sums(rows * matrix.padded());
    matrix.multiply(numbers.data(), 1, rows, sums.data(), {.bias = nullptr, .relu = true});
    for (std::size_t row = 0; row < rows; ++row) EXPECT_TRUE(std::isnan(sums[row * matrix.padded() + 1]));
  }
}

}  // namespace
}  // namespace weir::ml::onnx
