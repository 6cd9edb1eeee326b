// What the model looks at. The same code makes the rows it is trained on.
#pragma once

#include <vector>

#include <weir/ml/anomaly/detector.h>
#include <weir/ml/features/feature_view.h>

#include "reading.h"

namespace maintenance {

// A reading beside what its unit showed when it was new: per cent of difference, by sensor, in the regime that it flew in.
struct Normalised {
  std::int32_t cycle = 0;
  std::vector<double> per_cent;
};

// Tells the regime by the settings, and compares with the unit's first readings in it, which it remembers. Throws
// std::invalid_argument if the reading has another number of settings or sensors, or one that is not finite.
[[nodiscard]] Normalised normalise(const Reading& reading, Baselines& baselines);

// How far a reading is off what was usual, over all sensors: the root of the mean square, per cent. This is what a unit's
// detector watches.
[[nodiscard]] double distance_of(const Normalised& reading);

// The detector that each unit has: it knows nothing of failures, only this unit's own past.
[[nodiscard]] weir::ml::DetectorOptions unit_detector();

// A reading, and what the detector says of it.
struct Watched {
  Normalised reading;
  double surprise = 0;
  bool alarm = false;
};

[[nodiscard]] inline Watched watched(const Normalised& reading, const weir::ml::Verdict& verdict) {
  return {reading, verdict.surprise, verdict.alarm};
}

// Means of each sensor's difference and of the detector's surprise over the last 8, 24 and 72 hours, and the cycle. A cycle
// takes an hour.
inline auto unit_view() {
  using namespace weir::ml::agg;
  constexpr weir::Timestamp kHour = 3'600'000;
  const std::vector<weir::ml::FeatureWindow> windows{weir::Duration{8 * kHour}, weir::Duration{24 * kHour},
                                                     weir::Duration{72 * kHour}};
  const auto per_cent = [](const Watched& unit) { return unit.reading.per_cent; };
  const auto surprise = [](const Watched& unit) { return unit.surprise; };
  const auto cycle = [](const Watched& unit) { return static_cast<double>(unit.reading.cycle); };
  return weir::ml::features<Watched>("unit", 2)
      .agg(element_means("sensor", per_cent, generators::kSensors), windows)
      .agg(mean("surprise", surprise), windows)
      .agg(last_k("cycle", cycle), {weir::ml::last(1)})
      .include_current(true);
}

// The time of a reading.
[[nodiscard]] inline weir::Timestamp time_of(std::int32_t cycle) {
  return 1'767'225'600'000 + cycle * weir::Timestamp{3'600'000};
}

// As the unit sends it.
[[nodiscard]] inline Reading reading_of(const generators::Cycle& cycle) {
  return {cycle.cycle,
          {cycle.settings.begin(), cycle.settings.end()},
          {cycle.sensors.begin(), cycle.sensors.end()}};
}

}  // namespace maintenance
