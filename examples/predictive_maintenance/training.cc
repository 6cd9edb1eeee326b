// How the model is trained.
#include <algorithm>
#include <map>
#include <string>

#include <weir/ml/anomaly/detector.h>
#include <weir/ml/features/feature_computer.h>

#include "boosted_trees.h"
#include "forecasting.h"
#include "unit_features.h"

namespace maintenance {
namespace {

constexpr generators::FleetOptions kTrainingFleet{.seed = 2001, .units = 150};

}  // namespace

absl::StatusOr<std::string> train_model() {
  auto computer = weir::ml::FeatureComputer<Watched>::of(unit_view());
  if (!computer.ok()) return computer.status();
  const auto fresh = weir::ml::Detector::create(unit_detector());
  if (!fresh.ok()) return fresh.status();
  std::map<int, Baselines> baselines;
  std::map<int, weir::ml::Detector> detectors;
  training::Table table;
  table.columns = computer->plan().names();
  for (const generators::Cycle& cycle : generators::Fleet(kTrainingFleet).fly()) {
    const Normalised reading = normalise(reading_of(cycle), baselines[cycle.unit]);
    const double distance = distance_of(reading);
    const weir::Timestamp time = time_of(cycle.cycle);
    const auto verdict =
        detectors.try_emplace(cycle.unit, *fresh).first->second.update({time, {&distance, 1}});
    if (!verdict.ok()) return verdict.status();
    const auto& row = computer->row(std::to_string(cycle.unit), watched(reading, *verdict), time);
    table.add(row.values(), static_cast<float>(std::min(cycle.remaining, kLongest)));
  }
  return training::train_boosted_trees(table, {.objective = training::Objective::kSquaredError,
                                               .trees = 60,
                                               .depth = 4,
                                               .rate = 0.1,
                                               .hessian_min = 50,
                                               .bins = 32});
}

double mean_life() {
  double cycles = 0;
  for (const generators::Cycle& cycle : generators::Fleet(kTrainingFleet).fly())
    cycles += cycle.remaining == 0 ? cycle.cycle : 0;
  return cycles / kTrainingFleet.units;
}

}  // namespace maintenance
