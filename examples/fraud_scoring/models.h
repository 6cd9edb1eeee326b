// The models of this example: how they are trained, and how they come into the registry.
#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/core/time.h>
#include <weir/core/transport.h>
#include <weir/ml/feedback/drift_reference.h>

namespace fraud {

// A trained model as its file has it, and what it was trained on as drift looks at it.
struct TrainedModel {
  std::string model;       // XGBoost's JSON
  std::string references;  // JSON
};

// Trains on worlds of their own: model.json on one before the drift, model_after_drift.json on one after it. Takes some
// seconds; gives the same bytes every time.
[[nodiscard]] absl::StatusOr<TrainedModel> train_model(bool after_drift);

[[nodiscard]] absl::StatusOr<std::vector<weir::ml::DriftReference>> read_references(const std::string& path);

// Puts a model into the registry, for transactions of `effective_from` or later. Says why not if it is none, or was not trained
// on these features.
[[nodiscard]] absl::Status publish_model(weir::Transport& transport, const std::string& path,
                                         const std::string& version, weir::Timestamp effective_from);

}  // namespace fraud
