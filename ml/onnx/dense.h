// A matrix times a row, plus a bias: the kernel of linear models and networks. Internal to the room.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <weir/ml/onnx/matrix.h>
#include <weir/ml/onnx/program.h>

namespace weir::ml::onnx {

struct Dense {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  std::vector<double> weights;  // inputs rows of outputs numbers
  std::vector<double> bias;     // none, or one per output
};

// Products of floats, one after the other, with a bias and a curve behind each: a step that grows while a graph is planned,
// as long as nothing else uses what it makes.
struct Layers {
  enum class Curve { kNone, kRelu, kSigmoid, kTanh };
  struct Layer {
    FloatMatrix matrix;
    std::vector<float> bias;  // none, or one per output, and zeros for what fills up
    Curve curve = Curve::kNone;

    void set_bias(std::vector<float> numbers) {
      bias = std::move(numbers);
      bias.resize(matrix.padded());
    }
  };

  std::size_t lists = 0;  // rows that follow each other
  std::size_t input = 0;  // the first slot of them
  std::size_t output = 0;
  std::vector<Layer> layers;

  // How many floats the step needs while it runs.
  std::size_t floats() const;
};

std::unique_ptr<const Step> layers_step(std::shared_ptr<const Layers> layers);

// Returns the step for `lists` rows that follow each other from the slot `input`, in double; sums are floats in the end if
// they are `rounded`. Sums begin with the first input; the bias comes last.
std::unique_ptr<const Step> dense_step(const Dense& dense, std::size_t lists, bool rounded, std::size_t input,
                                       std::size_t output);

// The same in float, as the first of layers.
Layers layers_of(const Dense& dense, std::size_t lists, std::size_t input, std::size_t output);

}  // namespace weir::ml::onnx
