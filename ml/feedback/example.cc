#include <weir/ml/feedback/example.h>

namespace weir::ml {

std::string_view name_of(ExampleKind kind) {
  switch (kind) {
    case ExampleKind::kLabelled:
      return "labelled";
    case ExampleKind::kDefault:
      return "default";
    case ExampleKind::kCorrection:
      break;
  }
  return "correction";
}

std::string_view name_of(OrphanReason reason) {
  switch (reason) {
    case OrphanReason::kNoPrediction:
      return "no prediction";
    case OrphanReason::kBeforePrediction:
      return "before the prediction";
    case OrphanReason::kTooLate:
      return "too late";
    case OrphanReason::kTooEarly:
      break;
  }
  return "too early";
}

}  // namespace weir::ml
