// A matrix times a row, plus a bias: the kernel of linear models and networks. Internal to the room.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <weir/ml/onnx/program.h>

namespace weir::ml::onnx {

struct Dense {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  std::vector<double> weights;  // inputs rows of outputs numbers
  std::vector<double> bias;     // none, or one per output
};

// Returns the step for `lists` rows that follow each other from the slot `input`. In double, or in float, then it needs
// floats_of_dense() floats while it runs. Sums begin with the first input; the bias comes last.
std::unique_ptr<const Step> dense_step(const Dense& dense, bool in_double, std::size_t lists,
                                       std::size_t input, std::size_t output);

std::size_t floats_of_dense(const Dense& dense, std::size_t lists);

}  // namespace weir::ml::onnx
