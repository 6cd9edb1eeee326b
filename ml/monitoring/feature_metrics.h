// What a feature view counts and how much it remembers, as series beside those of the models that score its rows.
//
//   const auto live = std::make_shared<weir::ml::LiveFeatures>();
//   payments.apply(view.live(live));
//   weir::ml::FeatureMetrics shown("card", live, metrics);
//   ...
//   shown.refresh();  // each time somebody asks
//   response.body = metrics->text();
//
// The series are listed in docs/operating.md. Each has the labels `view` and `task`.
//
// Thread safety: one caller at a time, of any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include <weir/ml/features/live_features.h>
#include <weir/ml/monitoring/model_metrics.h>

namespace weir::ml {

class FeatureMetrics {
 public:
  // `view`: what the series call it.
  FeatureMetrics(std::string view, std::shared_ptr<const LiveFeatures> live,
                 std::shared_ptr<ModelMetrics> metrics)
      : view_(std::move(view)), live_(std::move(live)), metrics_(std::move(metrics)) {}

  // Brings the series up to what the tasks of this process said last. What a task does between its last word and its end is not
  // counted; once it is gone it remembers nothing.
  void refresh();

 private:
  void show(const std::string& task, const FeatureCounters& before, const FeatureCounters& now);

  const std::string view_;
  const std::shared_ptr<const LiveFeatures> live_;  // shared with the view
  const std::shared_ptr<ModelMetrics> metrics_;     // shared with the program
  std::map<std::string, FeatureCounters> shown_;    // by task
};

}  // namespace weir::ml
