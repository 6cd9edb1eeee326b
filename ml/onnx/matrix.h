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

  // What becomes of sums before they are written.
  struct Finish {
    const float* bias = nullptr;  // is added: padded() numbers, or none
    bool relu = false;            // then what is below zero becomes zero
  };

  // Multiplies `count` rows of inputs() floats, the first of each `stride` behind that of the one before, and writes padded()
  // sums for each.
  void multiply(const float* rows, std::size_t stride, std::size_t count, float* sums,
                const Finish& finish) const {
    (count < kSeveral ? one_
                      : several_)({rows, stride, count, inputs_, weights_.data(), padded_, sums, finish});
  }
  void multiply(const float* row, float* sums) const { multiply(row, inputs_, 1, sums, {}); }

  struct Product {
    const float* rows;
    std::size_t stride;
    std::size_t count;
    std::size_t inputs;
    const float* weights;
    std::size_t outputs;  // padded
    float* sums;
    Finish finish;
  };
  using Multiply = void (*)(const Product& product);

  // Outputs are counted in lanes.
  static constexpr std::size_t kLanes = 16;

 private:
  static constexpr std::size_t kSeveral = 4;

  void tune();

  std::size_t inputs_;
  std::size_t outputs_;
  std::size_t padded_;
  // As many outputs as there are lanes are a panel, which has a row for each input: so a way reads what it needs from one end
  // to the other. What fills up is zero.
  std::vector<float> weights_;
  Multiply one_;
  Multiply several_;
};

}  // namespace weir::ml::onnx
