#include <weir/ml/monitoring/score_metrics.h>

#include <algorithm>
#include <utility>

namespace weir::ml {
namespace {

constexpr std::size_t kAlwaysTimed = 8;  // rows
constexpr std::size_t kTimedEvery = 16;  // calls
constexpr std::chrono::nanoseconds kNotTimed{-1};

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

ScoreMetrics::ScoreMetrics(std::shared_ptr<ModelMetrics> metrics, const TaskContext& context,
                           const Node& node)
    : metrics_(std::move(metrics)), labels_{{"node", node.name()}, {"task", context.task_name()}} {}

ModelMetrics::Labels ScoreMetrics::labels_of(const Model& model) const {
  ModelMetrics::Labels labels = labels_;
  labels.emplace_back("model", model.name());
  labels.emplace_back("version", model.version());
  return labels;
}

ScoreMetrics::Series& ScoreMetrics::series_of(const ServedModel& model) {
  const auto found = std::find_if(series_.begin(), series_.end(),
                                  [&](const Series& series) { return series.key == &model; });
  return *found;
}

void ScoreMetrics::now_scores(const std::shared_ptr<const ServedModel>& model) {
  last_ = model;
  if (model == nullptr) return;
  const auto known = std::find_if(series_.begin(), series_.end(), [&](const Series& series) {
    return series.key == model.get() && !series.model.expired();
  });
  if (known == series_.end()) {
    // The address of one that is gone may be that of another now.
    std::erase_if(series_,
                  [&](const Series& series) { return series.model.expired() || series.key == model.get(); });
    const ModelMetrics::Labels labels = labels_of(*model->model);
    constexpr double kRow = 1;
    constexpr double kHundredNanoseconds = 1e-7;
    constexpr double kMillisecond = 1e-3;
    Series& series = series_.emplace_back();
    series.model = model;
    series.key = model.get();
    series.scored = &metrics_->counter("weir_model_scored_total", labels);
    series.batch_rows = &metrics_->histogram("weir_model_batch_rows", labels, kRow);
    series.infer_seconds = &metrics_->histogram("weir_model_infer_seconds", labels, kHundredNanoseconds);
    series.age_seconds = &metrics_->histogram("weir_model_record_age_seconds", labels, kMillisecond);
    series.active = &metrics_->gauge("weir_model_active", labels);
    const Header* branch = model->stamps.last(kModelBranchHeader);
    series.challenger = branch != nullptr && branch->value == "canary";
  }
  const Series& series = series_of(*model);
  if (series.challenger || series.active == active_) return;
  if (active_ != nullptr) {
    active_->set(0);
    metrics_->counter("weir_model_swaps_total", labels_).add();
  }
  active_ = series.active;
  active_->set(1);
}

std::chrono::nanoseconds ScoreMetrics::begin(std::size_t rows) {
  if (metrics_ == nullptr || (rows < kAlwaysTimed && ++calls_ % kTimedEvery != 1)) return kNotTimed;
  return metrics_->now();
}

void ScoreMetrics::end(const ServedModel& model, std::size_t rows, std::chrono::nanoseconds begun) {
  if (metrics_ == nullptr) return;
  const Series* const series = [&]() -> const Series* {
    for (const Series& one : series_) {
      if (one.key == &model) return &one;
    }
    return nullptr;
  }();
  if (series == nullptr) return;  // a shadow
  series->batch_rows->add(static_cast<double>(rows));
  if (begun != kNotTimed) series->infer_seconds->add(seconds(metrics_->now() - begun));
}

void ScoreMetrics::passed_on(const ServedModel& model, Duration age) {
  if (metrics_ == nullptr) return;
  Series& series = series_of(model);
  series.scored->add();
  series.age_seconds->add(static_cast<double>(age.count()) / 1000);
}

void ScoreMetrics::failed(std::string_view reason) {
  if (metrics_ == nullptr) return;
  ModelMetrics::Labels labels = labels_;
  labels.emplace_back("reason", reason);
  metrics_->counter("weir_model_errors_total", labels).add();
}

void ScoreMetrics::fell_back() {
  if (metrics_ != nullptr) metrics_->counter("weir_model_fallbacks_total", labels_).add();
}

}  // namespace weir::ml
