// A fleet of engines that wear out, in the manner of turbofans: cycle by cycle, three settings and twenty-one noisy sensors.
//
// Each unit begins a little worn, is well until a knee that nobody knows, and then gets worse exponentially until it fails. It
// flies in one of six regimes, which move the sensors more than its health does. There are two ways to fail, of the compressor
// and of the fan; each shows in some of the sensors, a third of them show nothing.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "random.h"

namespace generators {

inline constexpr std::size_t kSettings = 3;
inline constexpr std::size_t kSensors = 21;
inline constexpr int kRegimes = 6;

struct FleetOptions {
  std::uint64_t seed = 1;
  int units = 100;
  double noise = 1;  // 0: none
};

enum class Fault : std::uint8_t { kCompressor, kFan };

struct Cycle {
  int unit = 0;
  int cycle = 1;  // of the unit
  std::array<double, kSettings> settings{};
  std::array<double, kSensors> sensors{};
  // The truth, which no sensor says.
  int regime = 0;
  double health = 1;  // 1 is new; at 0 it has failed
  int remaining = 0;  // cycles until it fails
};

class Fleet {
 public:
  explicit Fleet(const FleetOptions& options);

  // Returns the cycles of all units, in the order in which they are flown: the first of each, then the second of each. The last of
  // a unit is the one with which it fails.
  [[nodiscard]] std::vector<Cycle> fly();

  [[nodiscard]] Fault fault_of(int unit) const { return units_[static_cast<std::size_t>(unit)].fault; }
  // What a sensor shows of a healthy unit in a regime, without noise.
  [[nodiscard]] double usual(int regime, std::size_t sensor) const;
  // How far it moves when the health goes from 1 to 0.
  [[nodiscard]] double movement(Fault fault, std::size_t sensor) const;
  // Of its noise.
  [[nodiscard]] double deviation(std::size_t sensor) const { return deviations_[sensor]; }

 private:
  struct Unit {
    Fault fault = Fault::kCompressor;
    double wear = 0;  // at the beginning
    int knee = 0;     // the cycle in which it begins to get worse
    double pace = 0;  // of that
    int life = 0;     // cycles
  };

  [[nodiscard]] double health_of(const Unit& unit, int cycle) const;

  const FleetOptions options_;
  Random random_;
  std::array<std::array<double, kSensors>, kRegimes> usual_{};
  std::array<std::array<double, kSensors>, 2> movements_{};
  std::array<double, kSensors> deviations_{};
  std::vector<Unit> units_;
};

}  // namespace generators
