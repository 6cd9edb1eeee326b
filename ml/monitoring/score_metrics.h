// What one scoring node measures, by the models it scores with. Null metrics cost a comparison.
//
// Thread safety: none; belongs to its node.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/node.h>
#include <weir/ml/monitoring/model_metrics.h>
#include <weir/ml/served_model.h>

namespace weir::ml {

class ScoreMetrics {
 public:
  // Null metrics: nothing is measured.
  ScoreMetrics(std::shared_ptr<ModelMetrics> metrics, const TaskContext& context, const Node& node);

  // That this model is chosen for a record.
  void chosen(const std::shared_ptr<const ServedModel>& model) {
    if (metrics_ != nullptr && model != last_) now_scores(model);
  }

  // Around a call of a model. Calls with few rows are timed now and then only: asking for the time twice costs as much as a
  // small model.
  [[nodiscard]] std::chrono::nanoseconds begin(std::size_t rows);
  void end(const ServedModel& model, std::size_t rows, std::chrono::nanoseconds begun);

  // How old a record is when it is passed on with its score, by wall clock.
  void passed_on(const ServedModel& model, Duration age);
  // A record got no score.
  void failed(std::string_view reason);
  void fell_back();

  [[nodiscard]] bool measures() const { return metrics_ != nullptr; }

 private:
  struct Series {
    std::weak_ptr<const ServedModel> model;
    const ServedModel* key = nullptr;
    MetricCounter* scored = nullptr;
    MetricHistogram* batch_rows = nullptr;
    MetricHistogram* infer_seconds = nullptr;
    MetricHistogram* age_seconds = nullptr;
    MetricGauge* active = nullptr;
    bool challenger = false;
  };

  void now_scores(const std::shared_ptr<const ServedModel>& model);
  [[nodiscard]] Series& series_of(const ServedModel& model);
  [[nodiscard]] ModelMetrics::Labels labels_of(const Model& model) const;

  const std::shared_ptr<ModelMetrics> metrics_;  // shared with the program
  const ModelMetrics::Labels labels_;            // node and task
  std::vector<Series> series_;                   // of models that live
  std::shared_ptr<const ServedModel> last_;
  MetricGauge* active_ = nullptr;  // of the model that is not a challenger
  std::size_t calls_ = 0;
};

}  // namespace weir::ml
