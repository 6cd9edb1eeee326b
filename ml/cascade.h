// A small model that scores what it is sure of, and a large one for the rest.
//
//   auto model = weir::ml::cascade({.name = "fraud", .version = "3"}, small, large,
//                                  weir::ml::unsure_between(0.2F, 0.8F));
//
// The outputs are those of the small model, and "stage" behind them: 0 where the small one answered, 1 where the large one
// did. A row's scores depend on that row alone. A small model without a score (NaN) is not sure.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include <absl/status/statusor.h>

#include <weir/ml/model.h>

namespace weir::ml {

// Says of the small model's scores whether the large one is to be asked. Called on many threads; depends on the scores alone.
using Unsure = std::function<bool(std::span<const float> scores)>;

// Whether the first output is greater than `low` and less than `high`.
[[nodiscard]] Unsure unsure_between(float low, float high);

// Whether the largest output, of a model with one for each class, is less than `confidence`.
[[nodiscard]] Unsure unsure_below(float confidence);

// Both models take the same inputs and have the same number of outputs; otherwise INVALID_ARGUMENT.
[[nodiscard]] absl::StatusOr<std::shared_ptr<const Model>> cascade(ModelIdentity identity,
                                                                   std::shared_ptr<const Model> small_model,
                                                                   std::shared_ptr<const Model> large_model,
                                                                   Unsure unsure);

}  // namespace weir::ml
