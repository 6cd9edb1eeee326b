#include "unit_features.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace maintenance {
namespace {

// Readings by which a unit's usual values in a regime are told.
constexpr std::int32_t kBaselineReadings = 4;

// Altitude tells the regimes apart; the bounds lie half way between two.
std::size_t regime_of(const std::vector<double>& settings) {
  constexpr std::array kAltitudes = {5.0, 15.0, 22.5, 30.0, 38.0};
  const auto above = std::upper_bound(kAltitudes.begin(), kAltitudes.end(), settings[0]);
  return static_cast<std::size_t>(above - kAltitudes.begin());
}

void check(const Reading& reading) {
  if (reading.settings.size() != generators::kSettings || reading.sensors.size() != generators::kSensors) {
    throw std::invalid_argument(fmt::format("a reading of {} settings and {} sensors",
                                            reading.settings.size(), reading.sensors.size()));
  }
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!std::all_of(reading.settings.begin(), reading.settings.end(), finite) ||
      !std::all_of(reading.sensors.begin(), reading.sensors.end(), finite))
    throw std::invalid_argument("a reading with a value that is no number");
}

}  // namespace

Normalised normalise(const Reading& reading, Baselines& baselines) {
  check(reading);
  baselines.regimes.resize(generators::kRegimes);
  Baseline& baseline = baselines.regimes[regime_of(reading.settings)];
  baseline.means.resize(generators::kSensors);
  if (baseline.readings < kBaselineReadings) {
    ++baseline.readings;
    for (std::size_t i = 0; i < generators::kSensors; ++i)
      baseline.means[i] += (reading.sensors[i] - baseline.means[i]) / baseline.readings;
  }
  Normalised result{reading.cycle, {}};
  for (std::size_t i = 0; i < generators::kSensors; ++i) {
    const double usual = baseline.means[i];
    result.per_cent.push_back(usual == 0 ? 0 : 100 * (reading.sensors[i] - usual) / std::abs(usual));
  }
  return result;
}

double distance_of(const Normalised& reading) {
  double squares = 0;
  for (const double each : reading.per_cent) squares += each * each;
  return std::sqrt(squares / static_cast<double>(reading.per_cent.size()));
}

weir::ml::DetectorOptions unit_detector() {
  // Lives are some two hundred cycles: what is usual has to be known after sixty.
  return {.members = {{weir::ml::LevelShiftOptions{.recent = 10, .before = 150}, 1},
                      {weir::ml::RobustZOptions{.window = 150}, 0.5}},
          .warm_up = 60,
          .refractory = 50,
          .alarm_at = 3};
}

}  // namespace maintenance
