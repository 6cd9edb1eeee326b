// The links. Each follows the trainer's own order of float operations, so that scores differ by rounding in
// exp at most.
#include <weir/ml/link.h>

#include <algorithm>
#include <cmath>

namespace weir::ml {
namespace {

// exp of more than this overflows a float; the trainer caps it there too.
constexpr float kLargestExponent = 88.7f;

float sigmoid(float margin) { return 1.0f / (std::exp(std::min(-margin, kLargestExponent)) + 1.0f); }

void softmax(std::span<float> row) {
  const float largest = *std::max_element(row.begin(), row.end());
  double sum = 0.0;
  for (float& value : row) {
    value = std::exp(value - largest);
    sum += static_cast<double>(value);
  }
  const float divisor = static_cast<float>(sum);
  for (float& value : row) value /= divisor;
}

}  // namespace

std::size_t outputs_of(Link link, std::size_t margins) { return link == Link::kArgmax ? 1 : margins; }

void apply_link(Link link, std::span<float> row) {
  switch (link) {
    case Link::kIdentity:
    case Link::kArgmax:
      return;
    case Link::kSigmoid:
      for (float& value : row) value = sigmoid(value);
      return;
    case Link::kExp:
      for (float& value : row) value = std::exp(value);
      return;
    case Link::kSoftmax:
      softmax(row);
      return;
    case Link::kStep:
      for (float& value : row) value = value > 0.0f ? 1.0f : 0.0f;
      return;
  }
}

std::size_t argmax(std::span<const float> margins) {
  return static_cast<std::size_t>(std::max_element(margins.begin(), margins.end()) - margins.begin());
}

}  // namespace weir::ml
