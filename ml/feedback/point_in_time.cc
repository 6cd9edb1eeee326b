#include <weir/ml/feedback/point_in_time.h>

namespace weir::ml {

std::optional<OrphanReason> Maturity::refuses(Timestamp inferred_at, Timestamp labelled_at) const {
  const Timestamp age = labelled_at - inferred_at;
  if (age < 0) return OrphanReason::kBeforePrediction;
  if (age < earliest) return OrphanReason::kTooEarly;
  return age > latest ? std::optional(OrphanReason::kTooLate) : std::nullopt;
}

TrainingRow training_row(const FeatureLogEntry& entry, double label, Timestamp feature_time,
                         Timestamp inferred_at, Timestamp labelled_at) {
  TrainingRow row;
  row.id = entry.prediction_id();
  row.feature_time = feature_time;
  row.predicted_at = inferred_at;
  row.labelled_at = labelled_at;
  row.label = label;
  row.features.reserve(entry.values.size());
  for (const double value : entry.values) row.features.push_back(static_cast<float>(value));
  return row;
}

void check_point_in_time(const GraphPoint& stream, const PointInTimeOptions& options, const Location& where) {
  const std::string verb = "point_in_time '" + options.store.text() + "': ";
  if (options.latest.value().count() <= 0) stream.problem(verb + ".latest must be positive", where);
  if (options.earliest.count() < 0 || options.earliest > options.latest.value())
    stream.problem(verb + ".earliest must be from 0 to .latest", where);
  if (options.grace.value().count() < 0) stream.problem(verb + ".grace must not be negative", where);
}

}  // namespace weir::ml
