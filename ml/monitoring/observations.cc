#include <weir/ml/monitoring/observations.h>

#include <cmath>

namespace weir::ml {

void observe_shadow(ModelMetrics& metrics, const ShadowScore& score, float threshold) {
  const ModelMetrics::Labels labels{
      {"model", score.model}, {"version", score.version}, {"shadow_version", score.shadow_version}};
  const auto count = [&](const char* outcome) {
    ModelMetrics::Labels with_outcome = labels;
    with_outcome.emplace_back("outcome", outcome);
    metrics.counter("weir_model_shadow_total", with_outcome).add();
  };
  if (score.scores.empty() || score.shadow_scores.empty() || !score.shadow_fault.empty())
    return count("fault");
  const float main = score.scores.front();
  const float shadow = score.shadow_scores.front();
  count((main >= threshold) == (shadow >= threshold) ? "agreed" : "disagreed");
  constexpr double kSmallest = 1e-6;
  metrics.histogram("weir_model_shadow_difference", labels, kSmallest)
      .add(std::fabs(double{main} - double{shadow}));
}

void observe_label_delay(ModelMetrics& metrics, const std::string& model, const std::string& version,
                         Duration delay) {
  constexpr double kSecond = 1;
  metrics.histogram("weir_model_label_delay_seconds", {{"model", model}, {"version", version}}, kSecond)
      .add(static_cast<double>(delay.count()) / 1000);
}

void observe_drift(ModelMetrics& metrics, const DriftReport& report) {
  const auto set = [&](const char* statistic, double value) {
    metrics
        .gauge("weir_drift_statistic",
               {{"segment", report.segment}, {"column", report.name}, {"statistic", statistic}})
        .set(value);
  };
  if (report.psi) set("psi", *report.psi);
  if (report.ks) set("ks", *report.ks);
  set("missing_share", report.missing_share);
  set("verdict", static_cast<double>(report.verdict));
}

}  // namespace weir::ml
