// What the model looks at. The same code makes the rows it is trained on.
#pragma once

#include <vector>

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

// Means of each sensor's difference over the last 8, 24 and 72 hours, and the cycle. A cycle takes an hour.
inline auto unit_view() {
  using namespace weir::ml::agg;
  const auto per_cent = [](const Normalised& reading) { return reading.per_cent; };
  return weir::ml::features<Normalised>("unit", 1)
      .agg(element_means("sensor", per_cent, generators::kSensors),
           {weir::Duration{8 * 3'600'000}, weir::Duration{24 * 3'600'000}, weir::Duration{72 * 3'600'000}})
      .agg(last_k("cycle", [](const Normalised& reading) { return static_cast<double>(reading.cycle); }),
           {weir::ml::last(1)})
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
