// The program itself: from transactions to scores and alerts.
#pragma once

#include <memory>

#include <absl/status/statusor.h>

#include <weir/core/topology.h>
#include <weir/ml/model.h>

namespace fraud {

inline constexpr char kTransactions[] = "transactions";
inline constexpr char kProfiles[] = "profiles";
inline constexpr char kScores[] = "scores";
inline constexpr char kAlerts[] = "alerts";
inline constexpr char kDeadLetters[] = "dead-letters";
inline constexpr char kLabels[] = "labels";

// Scores every transaction with the model, whose inputs are kFeatureNames, and alerts from `threshold` up. Records that are
// no valid transaction go to the application's dead-letter topic. Fails if the model has other inputs.
[[nodiscard]] absl::StatusOr<weir::Topology> make_topology(std::shared_ptr<const weir::ml::Model> model,
                                                           double threshold);

}  // namespace fraud
