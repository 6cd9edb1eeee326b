// The program itself: from readings to forecasts.
#pragma once

#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include <weir/core/topology.h>
#include <weir/ml/model.h>

namespace maintenance {

// What is longer is as good as for ever.
inline constexpr int kLongest = 125;

// Watches each unit for what is unlike its own past, forecasts every reading with that among the features, and sends units
// to the workshop that have fewer than `soon` cycles left. Readings that are none go
// to the application's dead-letter topic. Fails if the model has other inputs than the view of unit_features.h.
[[nodiscard]] absl::StatusOr<weir::Topology> make_topology(std::shared_ptr<const weir::ml::Model> model,
                                                           double soon);

// Trains the model on a fleet of its own: XGBoost's JSON, the same each time.
[[nodiscard]] absl::StatusOr<std::string> train_model();

// How long units of that fleet lived on average: what a forecast without sensors would go by.
[[nodiscard]] double mean_life();

}  // namespace maintenance
