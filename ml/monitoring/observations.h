// What becomes known of models later and elsewhere in a topology, as numbers beside the others: for peek.
//
//   shadows.peek([metrics](const weir::ml::ShadowScore& score) { observe_shadow(*metrics, score, 0.5F); })
//   examples.peek([metrics](const Labelled& example) { observe_label(*metrics, "fraud", example.prediction.version, example); })
//   reports.peek([metrics](const weir::ml::DriftReport& report) { observe_drift(*metrics, report); })
//
// A record that is processed again is counted again, as with any metric.
#pragma once

#include <string>

#include <weir/core/time.h>
#include <weir/ml/feedback/drift_reference.h>
#include <weir/ml/feedback/example.h>
#include <weir/ml/monitoring/model_metrics.h>
#include <weir/ml/shadow_score.h>

namespace weir::ml {

// Whether the shadow model agrees, and by how much the first outputs differ.
void observe_shadow(ModelMetrics& metrics, const ShadowScore& score, float threshold);

// How long after a prediction its label was made.
void observe_label_delay(ModelMetrics& metrics, const std::string& model, const std::string& version,
                         Duration delay);

template <class P, class L>
void observe_label(ModelMetrics& metrics, const std::string& model, const std::string& version,
                   const Example<P, L>& example) {
  if (example.kind != ExampleKind::kDefault)
    observe_label_delay(metrics, model, version, Duration{example.labelled_at - example.predicted_at});
}

// The last window's statistics of a feature or a score.
void observe_drift(ModelMetrics& metrics, const DriftReport& report);

}  // namespace weir::ml
