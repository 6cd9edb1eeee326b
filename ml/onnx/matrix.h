// A matrix of floats that rows are multiplied with, laid out for this machine. Internal to the room.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace weir::ml::onnx {

// Every sum is taken in the order of the inputs, with a single rounding for a product and its addition: that is how ONNX
// Runtime adds, so that sums of large numbers that cancel out differ no more than they must. All ways to multiply do
// so, and give the same bits.
//
// Thread safety: does not change once it is made.
class FloatMatrix {
 public:
  // `weights` has `inputs` rows of `outputs` numbers. Takes some microseconds: the ways to multiply that this machine has
  // are timed, for a row and for several.
  FloatMatrix(std::span<const double> weights, std::size_t inputs, std::size_t outputs);

  std::size_t inputs() const { return inputs_; }
  std::size_t outputs() const { return outputs_; }
  // How many sums are written for a row: the outputs, then some that fill up.
  std::size_t padded() const { return padded_; }
  static std::size_t padded_for(std::size_t outputs) { return (outputs + kLanes - 1) / kLanes * kLanes; }

  // Multiplies `count` rows of inputs() floats, one after the other, and writes padded() sums for each.
  void multiply(const float* rows, std::size_t count, float* sums) const {
    (count < kSeveral ? one_ : several_)({rows, count, inputs_, weights_.data(), padded_, sums});
  }

  struct Product {
    const float* rows;
    std::size_t count;
    std::size_t inputs;
    const float* weights;
    std::size_t outputs;  // padded
    float* sums;
  };
  using Multiply = void (*)(const Product& product);

  // Outputs are counted in lanes.
  static constexpr std::size_t kLanes = 8;

 private:
  static constexpr std::size_t kSeveral = 4;

  void tune();

  std::size_t inputs_;
  std::size_t outputs_;
  std::size_t padded_;
  std::vector<float> weights_;  // a row for each input; what fills up is zero
  Multiply one_;
  Multiply several_;
};

}  // namespace weir::ml::onnx
