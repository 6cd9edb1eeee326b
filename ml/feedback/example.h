// What joining predictions with labels gives: examples to learn and to measure from, and labels that found nobody.
#pragma once

#include <cstdint>
#include <string_view>

#include <weir/core/time.h>

namespace weir::ml {

enum class ExampleKind : std::uint8_t {
  kLabelled,    // the first that is told of a prediction, with the label that came for it
  kDefault,     // the same, with the declared label, because none came within the horizon
  kCorrection,  // a better label for a prediction of which an example was told before
};
[[nodiscard]] std::string_view name_of(ExampleKind kind);

// Of each prediction at most one example is not a correction.
template <class P, class L>
struct Example {
  P prediction{};
  L label{};
  ExampleKind kind = ExampleKind::kLabelled;
  // feature_time < predicted_at <= labelled_at. Without a selector for it feature_time is kNoTimestamp.
  Timestamp feature_time = kNoTimestamp;
  Timestamp predicted_at = 0;
  // When the label was made; of a default one the end of the horizon.
  Timestamp labelled_at = 0;
};

enum class OrphanReason : std::uint8_t {
  kNoPrediction,      // none came, or it is forgotten
  kBeforePrediction,  // the label is older than the prediction, so it cannot be about its outcome
  kTooLate,           // it came for a prediction whose horizon had ended when the label was made
  kTooEarly,  // it was made so soon after the prediction that it is not to be learnt from, see point_in_time.h
};
[[nodiscard]] std::string_view name_of(OrphanReason reason);

// A label without a place.
template <class L>
struct Orphan {
  L label{};
  OrphanReason reason = OrphanReason::kNoPrediction;
  Timestamp labelled_at = 0;
};

}  // namespace weir::ml
