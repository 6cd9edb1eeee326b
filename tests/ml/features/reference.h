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
  std::optional<double> other;
  std::optional<std::string> category;
  int zone = 0;
  bool flag = false;
  std::vector<double> vector;
};

struct Known {
  const Sample* sample = nullptr;
  Timestamp time = 0;
  std::int64_t order = 0;  // also that of arrival
};
using Records = std::vector<Known>;

inline Timestamp floor_of(Timestamp time, Timestamp unit) { return time - ((time % unit) + unit) % unit; }

// Returns the records of a window of a record at (time, order) among those that came before, in the order in which the view
// takes them.
struct WindowReference {
  FeatureWindow window;
  Timestamp hop = 0;

  [[nodiscard]] Records operator()(const Records& all, Timestamp time, std::int64_t order,
                                   Timestamp view_delay) const {
    Records taken;
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

  // The width of the tiles that the view takes one after the other; 0 if all records are one tile.
  [[nodiscard]] Timestamp tile() const {
    if (window.kind == WindowKind::kExact) return 1;
    return window.kind == WindowKind::kAsView || window.kind == WindowKind::kSawtooth ? hop : 0;
  }
  // Where it begins; nothing if that is no time.
  [[nodiscard]] std::optional<Timestamp> begin(Timestamp time) const {
    const Timestamp from = time - std::max<Timestamp>(window.delay.count(), 0) - window.length.count();
    if (window.kind == WindowKind::kExact) return from;
    if (window.kind == WindowKind::kTumbling) return floor_of(time, window.length.count());
    if (tile() > 0) return floor_of(from, hop);
    return std::nullopt;
  }

 private:
  static void sort_by_tile(Records& records, Timestamp unit) {
    std::stable_sort(records.begin(), records.end(), [unit](const Known& a, const Known& b) {
      return floor_of(a.time, unit) < floor_of(b.time, unit);
    });
  }

  // A record comes after all of the sessions that it prolongs, of which it makes one.
  static Records session(const Records& all, Timestamp time, Timestamp gap) {
    struct Session {
      Timestamp first = 0;
      Timestamp last = 0;
      Records records;
    };
    std::vector<Session> sessions;  // by time
    for (const Known& one : all) {
      Session made{one.time, one.time, {}};
      std::vector<Session> others;
      bool placed = false;
      for (Session& other : sessions) {
        if (one.time - other.last <= gap && other.first - one.time <= gap) {
          made.first = std::min(made.first, other.first);
          made.last = std::max(made.last, other.last);
          made.records.insert(made.records.end(), other.records.begin(), other.records.end());
          continue;
        }
        if (!placed && other.first > one.time) {
          placed = true;
          made.records.push_back(one);
          others.push_back(made);
        }
        others.push_back(std::move(other));
      }
      if (!placed) {
        made.records.push_back(one);
        others.push_back(std::move(made));
      }
      sessions = std::move(others);
    }
    // The whole of the newest one that began and is not over.
    const Session* found = nullptr;
    for (const Session& one : sessions) found = one.first <= time ? &one : found;
    return found == nullptr || time - found->last > gap ? Records() : found->records;
  }
};

// ------------------------------------------------------------------------------------------------- what is asked of them

struct Asked {
  Timestamp time = 0;
  const Sample* own = nullptr;
  double seconds = 0;
  Timestamp tile = 0;
};

// What an answer may be.
struct Bounds {
  Bounds(double exact) : low(exact), high(exact) {}  // NOLINT(google-explicit-constructor)
  Bounds(double least, double most) : low(least), high(most) {}

  double low;
  double high;
};
using Answer = std::function<Bounds(const Records&, const Asked&)>;

inline std::vector<double> numbers(const Records& records) {
  std::vector<double> result;
  for (const Known& one : records) {
    if (one.sample->number && std::isfinite(*one.sample->number)) result.push_back(*one.sample->number);
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
