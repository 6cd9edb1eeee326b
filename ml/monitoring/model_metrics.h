// Numbers about models that score: counters, gauges and histograms, by name and labels. A program makes one, gives it to the
// operators that are to be measured, and shows it to whoever asks:
//
//   const auto metrics = std::make_shared<weir::ml::ModelMetrics>();
//   payments.apply(weir::ml::score({.model = model, .metrics = metrics}, row, decide)).to("decisions");
//   ...
//   response.body = metrics->text();  // Prometheus' text format, for the program's own HTTP server
//
// What there is, is listed in docs/operating.md. Series stay for as long as this does, so that counters never go back: also those
// of tasks that are elsewhere now.
//
// Thread safety: any thread. Looking a series up takes a lock; adding to one does not.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace weir::ml {

class MetricCounter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  // For those who count themselves: never less than before.
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class MetricGauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Counts values by size, in buckets that double: up to `first`, up to twice that, and so on, and the rest.
class MetricHistogram {
 public:
  static constexpr std::size_t kBuckets = 28;

  explicit MetricHistogram(double first) : first_(first) {}

  // Negative values count as 0, NaN as nothing.
  void add(double value);
  // The upper end of a bucket; infinite for the last.
  [[nodiscard]] double end_of(std::size_t bucket) const;
  [[nodiscard]] std::uint64_t in(std::size_t bucket) const {
    return counts_[bucket].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  const double first_;
  std::atomic<std::uint64_t> counts_[kBuckets] = {};
  std::atomic<double> sum_{0};
};

class ModelMetrics {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  // Now, for what is shorter than a millisecond. Only measured with, never decided by.
  using Stopwatch = std::function<std::chrono::nanoseconds()>;
  explicit ModelMetrics(Stopwatch stopwatch = {});

  // Each returns the series, made if it is not there. It stays where it is. A name belongs to one kind.
  [[nodiscard]] MetricCounter& counter(const std::string& name, const Labels& labels);
  [[nodiscard]] MetricGauge& gauge(const std::string& name, const Labels& labels);
  [[nodiscard]] MetricHistogram& histogram(const std::string& name, const Labels& labels, double first);

  // All series in Prometheus' text format, by name and labels.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] std::chrono::nanoseconds now() const { return stopwatch_(); }

 private:
  template <class Series>
  using Family = std::map<std::string, std::map<Labels, std::unique_ptr<Series>>>;

  const Stopwatch stopwatch_;
  mutable std::mutex mutex_;  // of all that follow
  Family<MetricCounter> counters_;
  Family<MetricGauge> gauges_;
  Family<MetricHistogram> histograms_;
};

}  // namespace weir::ml
