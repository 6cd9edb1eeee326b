#include <weir/ml/features/feature_node.h>

#include <algorithm>
#include <chrono>

namespace weir::ml {

void require_prepared(FeatureStore& store) {
  if (absl::Status status = store.prepare(); !status.ok()) throw ProcessingFailure{status};
}

void stamp_features(const FeaturePlan& plan, Headers& headers) {
  headers.add(kFeaturesViewHeader, plan.spec().name);
  headers.add(kFeaturesVersionHeader, std::to_string(plan.spec().version));
  headers.add(kFeaturesHashHeader, plan.hash_text());
}

Duration expiry_interval(const FeaturePlan& plan) {
  constexpr std::int64_t kWalksPerHorizon = 256;
  return std::max<Duration>(Duration(plan.horizon() / kWalksPerHorizon), std::chrono::seconds(1));
}

}  // namespace weir::ml
