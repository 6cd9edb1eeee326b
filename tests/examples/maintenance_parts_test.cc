// The parts of the maintenance example that have rules of their own.
#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "random.h"
#include "unit_features.h"

namespace maintenance {
namespace {

Reading reading(double altitude, double level) {
  return {1, {altitude, 0.5, 100}, std::vector<double>(generators::kSensors, level)};
}

TEST(Normalise, ComparesWithTheUnitsFirstReadingsInTheRegime) {
  Baselines baselines;
  for (const double level : {100.0, 104.0, 96.0, 100.0}) (void)normalise(reading(0, level), baselines);
  EXPECT_DOUBLE_EQ(normalise(reading(0.1, 103), baselines).per_cent[5], 3);
  // Later ones do not move what is usual.
  EXPECT_DOUBLE_EQ(normalise(reading(-0.1, 103), baselines).per_cent[5], 3);
  // Another regime is another engine.
  EXPECT_DOUBLE_EQ(normalise(reading(42, 700), baselines).per_cent[5], 0);
  EXPECT_DOUBLE_EQ(normalise(reading(35, 300), baselines).per_cent[5], 0);
}

TEST(Normalise, TakesAnySignAndZero) {
  Baselines baselines;
  for (int i = 0; i < 4; ++i) (void)normalise(reading(0, -100), baselines);
  EXPECT_DOUBLE_EQ(normalise(reading(0, -90), baselines).per_cent[0], 10);
  for (int i = 0; i < 4; ++i) (void)normalise(reading(20, 0), baselines);
  EXPECT_DOUBLE_EQ(normalise(reading(20, 5), baselines).per_cent[0], 0);
}

TEST(Normalise, KnowsTheRegimesOfTheFleet) {
  std::array<Baselines, 30> baselines;
  std::array<std::array<int, generators::kRegimes>, 30> flown{};
  for (const generators::Cycle& cycle : generators::Fleet({.units = 30}).fly()) {
    const auto unit = static_cast<std::size_t>(cycle.unit);
    (void)normalise(reading_of(cycle), baselines[unit]);
    ++flown[unit][static_cast<std::size_t>(cycle.regime)];
    for (std::size_t regime = 0; regime < generators::kRegimes; ++regime)
      ASSERT_EQ(baselines[unit].regimes[regime].readings, std::min(flown[unit][regime], 4));
  }
}

TEST(Normalise, RefusesWhatIsNoReading) {
  Baselines baselines;
  Reading short_one = reading(0, 1);
  short_one.sensors.pop_back();
  EXPECT_THROW((void)normalise(short_one, baselines), std::invalid_argument);
  Reading infinite = reading(0, 1);
  infinite.settings[0] = std::numeric_limits<double>::infinity();
  EXPECT_THROW((void)normalise(infinite, baselines), std::invalid_argument);
}

TEST(UnitDetector, NoticesWhatIsUnlikeTheUnitsOwnPast) {
  auto detector = weir::ml::Detector::create(unit_detector());
  ASSERT_TRUE(detector.ok()) << detector.status();
  generators::Random random(1);
  int alarms = 0;
  for (int cycle = 1; cycle <= 200; ++cycle) {
    const bool worn = cycle > 150;
    Normalised reading{cycle, {}};
    for (std::size_t i = 0; i < generators::kSensors; ++i)
      reading.per_cent.push_back(random.normal(worn && i % 3 != 2 ? 0.6 : 0, 0.4));
    const double distance = distance_of(reading);
    const auto verdict = detector->update({time_of(cycle), {&distance, 1}});
    ASSERT_TRUE(verdict.ok());
    const Watched unit = watched(reading, *verdict);
    EXPECT_EQ(unit.alarm, verdict->alarm);
    if (!worn) {
      EXPECT_FALSE(unit.alarm) << cycle;
    }
    alarms += unit.alarm ? 1 : 0;
  }
  EXPECT_GT(alarms, 0);
}

TEST(Distance, IsOverAllSensors) {
  EXPECT_EQ(distance_of({1, std::vector<double>(generators::kSensors, -2)}), 2);
  EXPECT_EQ(distance_of({1, {3, 4, 0, 0}}), 2.5);
}

}  // namespace
}  // namespace maintenance
