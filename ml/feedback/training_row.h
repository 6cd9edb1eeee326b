// A row of a training set: what was known when a prediction was made, and what came of it.
//
//   joined.examples
//       .map_values([](const std::string& id, const weir::ml::Example<Decision, Chargeback>& example) {
//         return weir::ml::training_row(id, example, example.prediction.features, example.label.is_fraud ? 1.0 : 0.0);
//       })
//       .to("fraud-training");
//
// Features are those that the prediction was made from, carried along with it: nothing later than the prediction can be in
// them. Reading a topic of rows checks the rule feature time < time of the prediction <= time of the label again. The topic is a log:
// a correction is a row of its own, and `export_training_csv` (training_export.h) knows what to do with it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/serde.h>
#include <weir/ml/feedback/example.h>

namespace weir::ml {

struct TrainingRow {
  std::string id = {};  // of the prediction
  ExampleKind kind = ExampleKind::kLabelled;
  Timestamp feature_time = kNoTimestamp;  // kNoTimestamp: not told
  Timestamp predicted_at = 0;
  Timestamp labelled_at = 0;
  double label = 0;
  double weight = 1;                 // of the row in training: 1 / rate where negatives were sampled
  std::vector<float> features = {};  // NaN: missing

  // Returns what is wrong with the times, or nothing.
  [[nodiscard]] std::string fault() const;
};

// Returns the row of an example.
template <class P, class L>
[[nodiscard]] TrainingRow training_row(std::string id, const Example<P, L>& example,
                                       std::span<const float> features, double label, double weight = 1) {
  TrainingRow row;
  row.id = std::move(id);
  row.kind = example.kind;
  row.feature_time = example.feature_time;
  row.predicted_at = example.predicted_at;
  row.labelled_at = example.labelled_at;
  row.label = label;
  row.weight = weight;
  row.features.assign(features.begin(), features.end());
  return row;
}

}  // namespace weir::ml

namespace weir {

// The version (1), kind (1), feature time, time of the prediction and of the label (8 each), label and weight (8 each), id (size,
// bytes), how many features (4) and these (4 each). To the bit.
template <>
struct Serde<ml::TrainingRow> {
  static constexpr std::string_view kFormat = "training-row-1";
  static constexpr bool kCanonical = true;
  static void encode(const ml::TrainingRow& row, Bytes& out);
  // Refuses a row that breaks the rule of times.
  static absl::Status decode(BytesView bytes, ml::TrainingRow& out);
};

}  // namespace weir
