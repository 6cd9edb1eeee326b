#include <weir/ml/monitoring/feature_metrics.h>

#include <array>
#include <cstdint>
#include <utility>

namespace weir::ml {
namespace {

struct CountedSeries {
  const char* name;
  std::uint64_t FeatureCounters::*count;
};

constexpr std::array<CountedSeries, 8> kCountedSeries = {{
    {"weir_features_records_total", &FeatureCounters::records},
    {"weir_features_late_total", &FeatureCounters::late},
    {"weir_features_not_finite_total", &FeatureCounters::not_finite},
    {"weir_features_overflowed_total", &FeatureCounters::overflowed},
    {"weir_features_evicted_tiles_total", &FeatureCounters::evicted_tiles},
    {"weir_features_expired_keys_total", &FeatureCounters::expired_keys},
    {"weir_features_loaded_keys_total", &FeatureCounters::loaded_keys},
    {"weir_features_dropped_keys_total", &FeatureCounters::dropped_keys},
}};

constexpr std::array<CountedSeries, 3> kShownSeries = {{
    {"weir_features_keys", &FeatureCounters::keys_in_memory},
    {"weir_features_tiles", &FeatureCounters::tiles_in_memory},
    {"weir_features_bytes", &FeatureCounters::bytes_in_memory},
}};

}  // namespace

void FeatureMetrics::refresh() {
  std::map<std::string, FeatureCounters> now;
  for (const TaskFeatureCounters& task : live_->tasks()) now[task.task] += task.counters;
  for (const auto& [task, before] : shown_) {
    if (now.count(task) == 0) show(task, {}, {});
  }
  for (const auto& [task, counters] : now) show(task, shown_[task], counters);
  shown_ = std::move(now);
}

void FeatureMetrics::show(const std::string& task, const FeatureCounters& before,
                          const FeatureCounters& now) {
  const ModelMetrics::Labels labels{{"view", view_}, {"task", task}};
  // A task that was opened anew counts from 0.
  const bool anew = now.records < before.records;
  for (const auto& [name, count] : kCountedSeries) {
    const std::uint64_t from = anew || now.*count < before.*count ? 0 : before.*count;
    metrics_->counter(name, labels).add(now.*count - from);
  }
  for (const auto& [name, count] : kShownSeries)
    metrics_->gauge(name, labels).set(static_cast<double>(now.*count));
}

}  // namespace weir::ml
