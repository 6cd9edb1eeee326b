// What ONNX's operators of models may do to scores at the end ("post_transform"). Internal to the room.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace weir::ml::onnx {

enum class Transform { kNone, kLogistic, kSoftmax, kSoftmaxZero, kProbit };

// Returns the transform of that name, or nothing.
std::optional<Transform> transform_from(std::string_view name);

// Rounds to what a float holds.
inline double as_float(double number) { return static_cast<double>(static_cast<float>(number)); }

// Changes the scores of a row, in float or in double on the way. Not rounded at the end.
void apply_transform(Transform transform, std::span<double> scores, bool in_floats = true);

double logistic(double score);

// exp(score) over the sum of them.
void softmax(std::span<double> scores);

// Turns the single score of a model of two classes into one for each class, as ONNX Runtime does: a score that is a
// `share` belongs to the second class, and what is missing from 1 to the first; else the first class has what the
// second has, with the other sign. kLogistic applies to the latter; kSoftmax to neither.
void spread_score(Transform transform, bool share, double score, std::span<double, 2> scores);

}  // namespace weir::ml::onnx
