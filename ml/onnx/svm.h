// Support vectors: rows known from training that a row is compared with. Internal to the room.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <weir/ml/onnx/matrix.h>

namespace weir::ml::onnx {

// How a row is compared with a vector: by their product, scaled and moved, and what is made of it; or by their distance.
struct Kernel {
  enum class Kind { kLinear, kPolynomial, kRadial, kSigmoid };
  Kind kind = Kind::kLinear;
  float gamma = 0.0f;
  float offset = 0.0f;
  float degree = 0.0f;
};

// Returns the kind that ONNX has that name for, or nothing.
std::optional<Kernel::Kind> kernel_from(std::string_view name);

// Compares rows with all vectors, in float, as ONNX Runtime does.
class SupportVectors {
 public:
  // `vectors` holds `columns` numbers for each vector.
  SupportVectors(const Kernel& kernel, std::span<const double> vectors, std::size_t columns);

  std::size_t columns() const { return columns_; }
  std::size_t count() const { return count_; }
  // How many floats compare() writes: one for each vector, then some that fill up.
  std::size_t padded() const { return padded_; }

  void compare(const float* row, float* values) const;

 private:
  Kernel kernel_;
  std::size_t columns_;
  std::size_t count_;
  std::size_t padded_;
  std::optional<FloatMatrix> products_;  // but for a radial kernel
  std::vector<float> lanes_;             // of a radial kernel: the vectors, column by column
};

// Turns the probability of each class to win against each other one into one for each class: `wins` has a row of as many
// numbers for each of them, its own place unused. By the second method of Wu, Lin and Weng, "Probability Estimates for
// Multi-class Classification by Pairwise Coupling" (2004), in float. `scratch` has a number for each pair, and for each
// class.
void couple(std::span<const float> wins, std::span<float> probabilities, std::span<float> scratch);

}  // namespace weir::ml::onnx
