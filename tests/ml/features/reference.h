// What features are by definition: each is computed from the list of all records, with no tile in sight.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <weir/ml/features/feature_view.h>

namespace weir::ml {

// A record of the tests.
struct Sample {
  std::string key;
  Timestamp time = 0;
  std::optional<double> number;
  double other = 0;
  std::string category;
  bool flag = false;
  std::vector<double> vector;
};

struct Known {
  Sample sample;
  Timestamp time = 0;
  std::int64_t order = 0;  // also that of arrival
};

inline Timestamp floor_of(Timestamp time, Timestamp unit) { return time - ((time % unit) + unit) % unit; }

// Returns the records of a window of a record at (time, order) among those that came before, in the order in which the view
// takes them.
struct WindowReference {
  FeatureWindow window;
  Timestamp hop = 0;

  [[nodiscard]] std::vector<Known> operator()(const std::vector<Known>& all, Timestamp time,
                                              std::int64_t order, Timestamp view_delay) const {
    std::vector<Known> taken;
    const Timestamp length = window.length.count();
    const Timestamp delay = window.delay.count() < 0 ? view_delay : window.delay.count();
    const Timestamp end = time - delay;
    switch (window.kind) {
      case WindowKind::kAsView:
      case WindowKind::kSawtooth:
        for (const Known& one : all) {
          const bool ended =
              delay > 0 ? one.time >= floor_of(end, hop) : floor_of(one.time, hop) > floor_of(end, hop);
          if (one.time >= floor_of(end - length, hop) && !ended) taken.push_back(one);
        }
        sort_by_tile(taken, hop);
        return taken;
      case WindowKind::kExact:
        for (const Known& one : all) {
          const bool before =
              delay > 0 ? one.time < end : std::pair(one.time, one.order) < std::pair(end, order);
          if (one.time >= end - length && before) taken.push_back(one);
        }
        sort_by_tile(taken, 1);
        return taken;
      case WindowKind::kTumbling:
        for (const Known& one : all) {
          if (floor_of(one.time, length) == floor_of(time, length)) taken.push_back(one);
        }
        return taken;
      case WindowKind::kLifetime:
        return all;
      case WindowKind::kLast: {
        const auto most = static_cast<std::size_t>(window.rows);
        const std::size_t first = all.size() > most ? all.size() - most : 0;
        return {all.begin() + static_cast<std::ptrdiff_t>(first), all.end()};
      }
      case WindowKind::kSession:
        return session(all, time, length);
    }
    return taken;
  }

 private:
  static void sort_by_tile(std::vector<Known>& records, Timestamp unit) {
    std::stable_sort(records.begin(), records.end(), [unit](const Known& a, const Known& b) {
      return floor_of(a.time, unit) < floor_of(b.time, unit);
    });
  }

  static std::vector<Known> session(std::vector<Known> all, Timestamp time, Timestamp gap) {
    sort_by_tile(all, 1);
    std::vector<Known> current;
    std::vector<Known> found;
    for (const Known& one : all) {
      if (!current.empty() && one.time - current.back().time > gap) current.clear();
      current.push_back(one);
      // The whole of a session that began and is not over.
      if (current.front().time <= time) found = current;
    }
    if (found.empty() || time - found.back().time > gap) return {};
    return found;
  }
};

// ------------------------------------------------------------------------------------------------- what is asked of them

struct Asked {
  Timestamp time = 0;
  const Sample* own = nullptr;
  double seconds = 0;
};
using Answer = std::function<double(const std::vector<Known>&, const Asked&)>;

inline std::vector<double> numbers(const std::vector<Known>& records) {
  std::vector<double> result;
  for (const Known& one : records) {
    if (one.sample.number && std::isfinite(*one.sample.number)) result.push_back(*one.sample.number);
  }
  return result;
}

inline double power_sum(const std::vector<double>& values, double mean, int power) {
  long double sum = 0;
  for (const double value : values) sum += std::pow(static_cast<long double>(value) - mean, power);
  return static_cast<double>(sum);
}

inline double mean_of(const std::vector<double>& values) {
  long double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? kNoValue : static_cast<double>(sum / static_cast<long double>(values.size()));
}

}  // namespace weir::ml
