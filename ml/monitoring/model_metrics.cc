#include <weir/ml/monitoring/model_metrics.h>

#include <cmath>
#include <iterator>
#include <limits>
#include <string_view>

#include <fmt/format.h>

namespace weir::ml {
namespace {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') result += '\\';
    result += c;
  }
  return result;
}

// `more`: a further label, or nothing.
std::string shown_labels(const ModelMetrics::Labels& labels, std::string_view more = {}) {
  std::string text;
  for (const auto& [name, value] : labels)
    fmt::format_to(std::back_inserter(text), "{}{}=\"{}\"", text.empty() ? "" : ",", name, escaped(value));
  if (!more.empty()) fmt::format_to(std::back_inserter(text), "{}{}", text.empty() ? "" : ",", more);
  return text.empty() ? text : "{" + text + "}";
}

std::string shown_number(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", number);
}

void show_histogram(const std::string& name, const ModelMetrics::Labels& labels,
                    const MetricHistogram& histogram, std::string& text) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < MetricHistogram::kBuckets; ++i) {
    below += histogram.in(i);
    fmt::format_to(std::back_inserter(text), "{}_bucket{} {}\n", name,
                   shown_labels(labels, fmt::format("le=\"{}\"", shown_number(histogram.end_of(i)))), below);
  }
  fmt::format_to(std::back_inserter(text), "{}_sum{} {}\n{}_count{} {}\n", name, shown_labels(labels),
                 shown_number(histogram.sum()), name, shown_labels(labels), below);
}

std::chrono::nanoseconds system_time() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

void MetricHistogram::add(double value) {
  if (std::isnan(value)) return;
  if (value < 0) value = 0;
  std::size_t bucket = 0;
  if (value > first_) {
    const int doublings = static_cast<int>(std::ceil(std::log2(value / first_)));
    bucket = doublings >= static_cast<int>(kBuckets) ? kBuckets - 1 : static_cast<std::size_t>(doublings);
    // The logarithm may be off by a hair.
    if (value > end_of(bucket)) ++bucket;
  }
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

double MetricHistogram::end_of(std::size_t bucket) const {
  return bucket + 1 == kBuckets ? std::numeric_limits<double>::infinity()
                                : std::ldexp(first_, static_cast<int>(bucket));
}

std::uint64_t MetricHistogram::count() const {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) count += in(i);
  return count;
}

ModelMetrics::ModelMetrics(Stopwatch stopwatch)
    : stopwatch_(stopwatch ? std::move(stopwatch) : system_time) {}

MetricCounter& ModelMetrics::counter(const std::string& name, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<MetricCounter>& series = counters_[name][labels];
  if (series == nullptr) series = std::make_unique<MetricCounter>();
  return *series;
}

MetricGauge& ModelMetrics::gauge(const std::string& name, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<MetricGauge>& series = gauges_[name][labels];
  if (series == nullptr) series = std::make_unique<MetricGauge>();
  return *series;
}

MetricHistogram& ModelMetrics::histogram(const std::string& name, const Labels& labels, double first) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<MetricHistogram>& series = histograms_[name][labels];
  if (series == nullptr) series = std::make_unique<MetricHistogram>(first);
  return *series;
}

std::string ModelMetrics::text() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  const auto head = [&](const std::string& name, std::string_view kind) {
    fmt::format_to(std::back_inserter(text), "# TYPE {} {}\n", name, kind);
  };
  for (const auto& [name, family] : counters_) {
    head(name, "counter");
    for (const auto& [labels, series] : family)
      fmt::format_to(std::back_inserter(text), "{}{} {}\n", name, shown_labels(labels), series->value());
  }
  for (const auto& [name, family] : gauges_) {
    head(name, "gauge");
    for (const auto& [labels, series] : family)
      fmt::format_to(std::back_inserter(text), "{}{} {}\n", name, shown_labels(labels),
                     shown_number(series->value()));
  }
  for (const auto& [name, family] : histograms_) {
    head(name, "histogram");
    for (const auto& [labels, series] : family) show_histogram(name, labels, *series, text);
  }
  return text;
}

}  // namespace weir::ml
