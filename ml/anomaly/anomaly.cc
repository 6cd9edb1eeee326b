#include <weir/ml/anomaly/anomaly.h>

namespace weir::ml {

absl::Status judge(std::optional<Timestamped<StoredDetector>>& row, const Detector& fresh,
                   const DetectorOptions& options, const Sample& sample, Verdict& verdict) {
  if (row && !row->value.detector) {
    absl::StatusOr<Detector> restored = Detector::restore(options, row->value.bytes);
    if (!restored.ok()) return restored.status();
    row->value.detector = *std::move(restored);
    row->value.bytes.clear();
  }
  if (!row) row.emplace().value.detector = fresh;
  row->timestamp = sample.time;
  const absl::StatusOr<Verdict> judged = row->value.detector->update(sample);
  if (judged.ok()) verdict = *judged;
  return judged.status();
}

Detector checked_detector(const GraphPoint& stream, const DetectorOptions& options, Location where) {
  absl::StatusOr<Detector> detector = Detector::create(options);
  if (detector.ok()) return *std::move(detector);
  stream.problem("anomaly: " + std::string(detector.status().message()), where);
  return Detector::create(usual_detector()).value();
}

}  // namespace weir::ml
