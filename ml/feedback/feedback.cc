#include <weir/ml/feedback/feedback.h>

#include <fmt/format.h>

namespace weir::ml {

std::string features_too_new(Timestamp feature_time, Timestamp predicted_at) {
  return fmt::format("the features are not older than the prediction: feature_time={} predicted_at={}",
                     feature_time, predicted_at);
}

FeedbackTerms feedback_terms(const GraphPoint& stream, const FeedbackOptions& options,
                             const Location& where) {
  constexpr Duration kLongest = Duration::max() / 8;
  FeedbackTerms terms{options.store.text(), options.horizon.value().count(), options.grace.value().count(),
                      options.keep.count(), options.choice};
  if (terms.horizon <= 0 || terms.grace < 0 || terms.keep < 0 || options.horizon.value() > kLongest ||
      options.grace.value() > kLongest || options.keep > kLongest) {
    stream.problem(
        fmt::format("feedback: the horizon must be positive, grace and keep not negative, none too large: "
                    "horizon={} ms grace={} ms keep={} ms",
                    terms.horizon, terms.grace, terms.keep),
        where);
  }
  return terms;
}

}  // namespace weir::ml
