// The program itself: from transactions to scores and alerts.
#pragma once

#include <absl/status/statusor.h>

#include <weir/core/topology.h>

namespace fraud {

inline constexpr char kTransactions[] = "transactions";
inline constexpr char kProfiles[] = "profiles";
inline constexpr char kScores[] = "scores";
inline constexpr char kAlerts[] = "alerts";
inline constexpr char kDeadLetters[] = "dead-letters";
inline constexpr char kLabels[] = "labels";

// The registry of models, see <weir/ml/registry/manifest.h>, and the name of the one that is followed.
inline constexpr char kRegistry[] = "models";
inline constexpr char kArtifacts[] = "model-artifacts";
inline constexpr char kModel[] = "card-fraud";

// Scores every transaction with the model that the registry has for its time, whose inputs are kFeatureNames, and alerts from
// `threshold` up. Records that are no valid transaction go to the application's dead-letter topic.
[[nodiscard]] absl::StatusOr<weir::Topology> make_topology(double threshold);

}  // namespace fraud
