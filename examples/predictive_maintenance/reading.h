// What the topics and the store of this example hold, all as JSON.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <weir/core/json_serde.h>

#include "fleet.h"

namespace maintenance {

inline constexpr char kReadings[] = "readings";
inline constexpr char kForecasts[] = "forecasts";
inline constexpr char kAlarms[] = "alarms";
inline constexpr char kWorkshop[] = "workshop";

// What a unit reports of a cycle; topic "readings", keyed by unit.
struct Reading {
  std::int32_t cycle = 0;
  std::vector<double> settings;  // generators::kSettings
  std::vector<double> sensors;   // generators::kSensors
};

// How many cycles a unit has left, as the model says; topics "forecasts" and, when it is few, "workshop", keyed by unit.
struct Forecast {
  std::int32_t cycle = 0;
  double remaining = 0;
};

// That a unit has begun to be unlike itself, whatever that means for it; topic "alarms", keyed by unit.
struct Alarm {
  std::int32_t cycle = 0;
  double surprise = 0;  // decades of rarity
};

// What is remembered of a unit, in the store "unit-baselines": what its sensors showed the first times it flew in a regime.
struct Baseline {
  std::int32_t readings = 0;
  std::vector<double> means;
};
struct Baselines {
  std::vector<Baseline> regimes;
};

}  // namespace maintenance

template <>
struct weir::Serde<maintenance::Reading> : weir::JsonSerde<maintenance::Reading> {
  using T = maintenance::Reading;
  static constexpr auto kFields =
      fields(field("cycle", &T::cycle), field("settings", &T::settings), field("sensors", &T::sensors));
};

template <>
struct weir::Serde<maintenance::Forecast> : weir::JsonSerde<maintenance::Forecast> {
  using T = maintenance::Forecast;
  static constexpr auto kFields = fields(field("cycle", &T::cycle), field("remaining", &T::remaining));
};

template <>
struct weir::Serde<maintenance::Alarm> : weir::JsonSerde<maintenance::Alarm> {
  using T = maintenance::Alarm;
  static constexpr auto kFields = fields(field("cycle", &T::cycle), field("surprise", &T::surprise));
};

template <>
struct weir::Serde<maintenance::Baseline> : weir::JsonSerde<maintenance::Baseline> {
  using T = maintenance::Baseline;
  static constexpr auto kFields = fields(field("readings", &T::readings), field("means", &T::means));
};

template <>
struct weir::Serde<maintenance::Baselines> : weir::JsonSerde<maintenance::Baselines> {
  static constexpr auto kFields = fields(field("regimes", &maintenance::Baselines::regimes));
};
