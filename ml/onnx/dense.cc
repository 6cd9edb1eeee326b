// Matrices times rows.
#include <weir/ml/onnx/dense.h>

#include <algorithm>
#include <utility>

#include <weir/ml/onnx/curves.h>
#include <weir/ml/onnx/transform.h>
#include <weir/ml/onnx/widths.h>

namespace weir::ml::onnx {
namespace {

class FloatLayers final : public Step {
 public:
  explicit FloatLayers(std::shared_ptr<const Layers> layers) : layers_(std::move(layers)) {}

  bool run(const Frame& frame) const override {
    multiply(frame.slots.data(), 0, 1, frame.floats.data());
    return true;
  }

  void run_rows(const Block& block) const override {
    multiply(block.slots.data(), block.stride(), block.rows(), block.floats.data());
  }

 private:
  void multiply(double* slots, std::size_t stride, std::size_t rows, float* numbers) const {
    const std::size_t lists = layers_->lists;
    std::size_t width = layers_->layers.front().matrix.inputs();  // from a list to the next
    for (std::size_t row = 0; row < rows; ++row) {
      convert(slots + row * stride + layers_->input, lists * width, numbers + row * lists * width);
    }
    // Two halves of the floats take turns.
    float* sums = numbers + rows * layers_->floats() / 2;
    for (const Layers::Layer& layer : layers_->layers) {
      layer.matrix.multiply(numbers, width, rows * lists, sums,
                            {.bias = layer.bias.empty() ? nullptr : layer.bias.data(),
                             .relu = layer.curve == Layers::Curve::kRelu});
      width = layer.matrix.padded();
      // With what fills up: that is less work than to leave it out.
      if (layer.curve == Layers::Curve::kSigmoid) sigmoid_of({sums, rows * lists * width});
      if (layer.curve == Layers::Curve::kTanh) tanh_of({sums, rows * lists * width});
      std::swap(numbers, sums);
    }
    const std::size_t outputs = layers_->layers.back().matrix.outputs();
    for (std::size_t row = 0; row < rows; ++row) {
      double* to = slots + row * stride + layers_->output;
      for (std::size_t list = 0; list < lists; ++list, to += outputs)
        convert(numbers + (row * lists + list) * width, outputs, to);
    }
  }

  const std::shared_ptr<const Layers> layers_;
};

class DoubleDense final : public Step {
 public:
  DoubleDense(const Dense& dense, std::size_t lists, bool rounded, std::size_t input, std::size_t output)
      : dense_(dense), lists_(lists), rounded_(rounded), input_(input), output_(output) {}

  bool run(const Frame& frame) const override {
    for (std::size_t list = 0; list < lists_; ++list) {
      multiply(frame.slots.data() + input_ + list * dense_.inputs,
               frame.slots.data() + output_ + list * dense_.outputs);
    }
    return true;
  }

 private:
  void multiply(const double* row, double* sums) const {
    std::fill_n(sums, dense_.outputs, 0.0);
    for (std::size_t i = 0; i < dense_.inputs; ++i) {
      const double* const weights = dense_.weights.data() + i * dense_.outputs;
      for (std::size_t j = 0; j < dense_.outputs; ++j) sums[j] += row[i] * weights[j];
    }
    for (std::size_t j = 0; j < dense_.bias.size(); ++j) sums[j] += dense_.bias[j];
    for (std::size_t j = 0; rounded_ && j < dense_.outputs; ++j) sums[j] = as_float(sums[j]);
  }

  const Dense dense_;
  const std::size_t lists_;
  const bool rounded_;
  const std::size_t input_;
  const std::size_t output_;
};

}  // namespace

std::size_t Layers::floats() const {
  std::size_t most = 0;
  for (const Layer& layer : layers) most = std::max({most, layer.matrix.inputs(), layer.matrix.padded()});
  return 2 * lists * most;
}

std::unique_ptr<const Step> layers_step(std::shared_ptr<const Layers> layers) {
  return std::make_unique<FloatLayers>(std::move(layers));
}

std::unique_ptr<const Step> dense_step(const Dense& dense, std::size_t lists, bool rounded, std::size_t input,
                                       std::size_t output) {
  return std::make_unique<DoubleDense>(dense, lists, rounded, input, output);
}

Layers layers_of(const Dense& dense, std::size_t lists, std::size_t input, std::size_t output) {
  Layers layers{.lists = lists, .input = input, .output = output, .layers = {}};
  layers.layers.push_back({.matrix = FloatMatrix(dense.weights, dense.inputs, dense.outputs), .bias = {}});
  if (!dense.bias.empty()) layers.layers.back().set_bias({dense.bias.begin(), dense.bias.end()});
  return layers;
}

}  // namespace weir::ml::onnx
