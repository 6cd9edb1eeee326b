#include "fleet.h"

#include <algorithm>
#include <cmath>

namespace generators {
namespace {

// Altitude in thousands of feet, speed in Mach, throttle in per cent: of each regime.
constexpr std::array<std::array<double, kSettings>, kRegimes> kRegimeSettings = {
    {{0, 0, 100}, {10, 0.25, 100}, {20, 0.7, 100}, {25, 0.62, 60}, {35, 0.84, 100}, {42, 0.84, 100}}};
constexpr std::array<double, kSettings> kSettingNoise = {0.002, 0.0005, 0.01};

}  // namespace

Fleet::Fleet(const FleetOptions& options) : options_(options), random_(options.seed) {
  // The make of the engines is not a matter of the seed: a model that was trained on one fleet fits all.
  Random make(21);
  for (std::size_t sensor = 0; sensor < kSensors; ++sensor) {
    const double level = make.uniform(50, 2000);
    for (auto& regime : usual_) regime[sensor] = level * make.uniform(0.6, 1.4);
    deviations_[sensor] = level * 0.004;
    // In units of its noise: of seven sensors both faults show, of seven one or the other, of the rest none.
    const double sign = make.chance(0.5) ? 1 : -1;
    const double size = sign * deviations_[sensor] * make.uniform(6, 12);
    movements_[0][sensor] = sensor % 3 == 2 || sensor % 6 == 1 ? 0 : size;
    movements_[1][sensor] = sensor % 3 == 2 || sensor % 6 == 4 ? 0 : size * make.uniform(0.6, 1.4);
  }
  for (int number = 0; number < options_.units; ++number) {
    Unit unit;
    unit.fault = random_.chance(0.5) ? Fault::kCompressor : Fault::kFan;
    unit.wear = random_.uniform(0, 0.1);
    unit.knee = 40 + random_.pick(150);
    unit.pace = random_.uniform(0.015, 0.04);
    unit.life = 1;
    while (health_of(unit, unit.life) > 0) ++unit.life;
    units_.push_back(unit);
  }
}

double Fleet::usual(int regime, std::size_t sensor) const {
  return usual_[static_cast<std::size_t>(regime)][sensor];
}

double Fleet::movement(Fault fault, std::size_t sensor) const {
  return movements_[static_cast<std::size_t>(fault)][sensor];
}

double Fleet::health_of(const Unit& unit, int cycle) const {
  // Slow wear all the time; from the knee on the loss of health grows by the same share each cycle.
  double health = 1 - unit.wear - 0.0004 * cycle;
  if (cycle > unit.knee) health -= 0.02 * (exp_of(unit.pace * (cycle - unit.knee)) - 1);
  return std::max(health, 0.0);
}

std::vector<Cycle> Fleet::fly() {
  std::vector<Cycle> cycles;
  int longest = 0;
  for (const Unit& unit : units_) longest = std::max(longest, unit.life);
  for (int cycle = 1; cycle <= longest; ++cycle) {
    for (std::size_t number = 0; number < units_.size(); ++number) {
      const Unit& unit = units_[number];
      if (cycle > unit.life) continue;
      Cycle flown;
      flown.unit = static_cast<int>(number);
      flown.cycle = cycle;
      flown.regime = random_.pick(kRegimes);
      flown.health = health_of(unit, cycle);
      flown.remaining = unit.life - cycle;
      const auto regime = static_cast<std::size_t>(flown.regime);
      for (std::size_t setting = 0; setting < kSettings; ++setting) {
        flown.settings[setting] =
            kRegimeSettings[regime][setting] + options_.noise * random_.normal(0, kSettingNoise[setting]);
      }
      for (std::size_t sensor = 0; sensor < kSensors; ++sensor) {
        flown.sensors[sensor] = usual_[regime][sensor] + (1 - flown.health) * movement(unit.fault, sensor) +
                                options_.noise * random_.normal(0, deviations_[sensor]);
      }
      cycles.push_back(flown);
    }
  }
  return cycles;
}

}  // namespace generators
