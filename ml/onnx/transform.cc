// Transforms of scores.
#include <weir/ml/onnx/transform.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace weir::ml::onnx {
namespace {

// The inverse of the error function by Winitzki's approximation, in float: the very one that ONNX Runtime uses, as a
// better one would give other scores.
float inverse_erf(float x) {
  constexpr float kShape = 0.147f;
  const float log = std::log((1.0f - x) * (1.0f + x));
  const float first = 2.0f / (3.14159f * kShape) + 0.5f * log;
  const float root = std::sqrt(first * first - 1.0f / kShape * log) - first;
  return (x < 0.0f ? -1.0f : 1.0f) * std::sqrt(root);
}

double probit(double score) {
  return static_cast<double>(1.41421356f * inverse_erf(2.0f * static_cast<float>(score) - 1.0f));
}

// exp(score) over the sum of them. In floats it is done number by number as ONNX Runtime does: between scores of a hundred,
// the rounding of their differences is more than 1e-6. For SOFTMAX_ZERO, scores of nothing are no part of the sum, and stay
// nothing.
void softmax_of(std::span<double> scores, bool in_floats, bool spares_zeros) {
  const auto settle = [in_floats](double number) { return in_floats ? as_float(number) : number; };
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0.0;
  for (double& score : scores) {
    if (spares_zeros && score >= -1e-7 && score <= 1e-7) {
      score *= settle(std::exp(-most));
    } else {
      score = settle(std::exp(settle(score - most)));
      sum = settle(sum + score);
    }
  }
  for (double& score : scores) score /= sum;
}

}  // namespace

std::optional<Transform> transform_from(std::string_view name) {
  if (name == "NONE") return Transform::kNone;
  if (name == "LOGISTIC") return Transform::kLogistic;
  if (name == "SOFTMAX") return Transform::kSoftmax;
  if (name == "SOFTMAX_ZERO") return Transform::kSoftmaxZero;
  if (name == "PROBIT") return Transform::kProbit;
  return std::nullopt;
}

double logistic(double score) {
  const double value = 1.0 / (1.0 + std::exp(-std::abs(score)));
  return score < 0.0 ? 1.0 - value : value;
}

void softmax(std::span<double> scores) { softmax_of(scores, false, false); }

void apply_transform(Transform transform, std::span<double> scores, bool in_floats) {
  switch (transform) {
    case Transform::kNone:
      return;
    case Transform::kLogistic:
      for (double& score : scores) score = logistic(score);
      return;
    case Transform::kSoftmax:
      return softmax_of(scores, in_floats, false);
    case Transform::kSoftmaxZero:
      return softmax_of(scores, in_floats, true);
    case Transform::kProbit:
      for (double& score : scores) score = probit(score);
      return;
  }
}

void spread_score(Transform transform, bool share, double score, std::span<double, 2> scores) {
  if (share) {
    scores[0] = 1.0 - score;
    scores[1] = score;
  } else if (transform == Transform::kLogistic) {
    scores[0] = logistic(-score);
    scores[1] = logistic(score);
  } else {
    scores[0] = -score;
    scores[1] = score;
  }
}

}  // namespace weir::ml::onnx
