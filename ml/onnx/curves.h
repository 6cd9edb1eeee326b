// Curves that ONNX Runtime has approximations of its own for. Where many of their values are weighed and added, nothing
// less than the same approximations gives the same scores. Internal to the room.
#pragma once

#include <span>

namespace weir::ml::onnx {

// tanh and 1 / (1 + exp(-x)) of floats, by quotients of polynomials in x that are good to some 2e-7 within the range to
// which x is cut.
void tanh_of(std::span<float> numbers);
void sigmoid_of(std::span<float> numbers);

}  // namespace weir::ml::onnx
