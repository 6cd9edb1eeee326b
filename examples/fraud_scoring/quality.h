// The second program: were the scores right, and is the world still the one that the model was trained on? It reads what the
// first one writes, so it can be stopped, changed and run again without it.
#pragma once

#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/topology.h>
#include <weir/ml/feedback/drift_reference.h>

namespace fraud {

inline constexpr char kQuality[] = "quality";
inline constexpr char kDrift[] = "drift";
inline constexpr char kErrorChanges[] = "error-changes";

// What drift looks at, in this order: the references have these names.
inline constexpr const char* kWatched[] = {"probability", "amount_to_usual", "card_present"};

// Joins scores with labels, and writes
//   quality         how good each version of the model was, by weeks in which labels came (weir::ml::QualityReport)
//   drift           how far each day's scores and inputs are from the training's (weir::ml::DriftReport)
//   error-changes   when the share of frauds that are missed has changed (weir::ml::ChangeEvent)
[[nodiscard]] absl::StatusOr<weir::Topology> make_quality_topology(
    const std::vector<weir::ml::DriftReference>& references, double threshold);

}  // namespace fraud
