// Several models that score as one.
//
//   auto model = weir::ml::ensemble({.name = "fraud", .version = "3"}, {trees, linear}, weir::ml::Combine::kMean);
//   payments.apply(weir::ml::score({.model = *model}, row, decide));
//
// The inputs are those of the first member; the others take the same names in the same order. So a member that wants other
// columns is wrapped in a Model that picks them.
//
// A row's scores depend on that row alone, as for every model. A member without a score for a row (NaN) makes the row's mean
// NaN; in a vote it has no voice.
#pragma once

#include <memory>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/ml/model.h>

namespace weir::ml {

enum class Combine {
  // The mean of the members' outputs, one by one, in double; with weights their weighted mean. Outputs are those of the
  // first member; all have the same number.
  kMean,
  // Each member votes for its largest output or, if it has one output, for 1 where that is at least 0.5 and otherwise for 0.
  // The outputs are the shares of the votes: "vote_0", "vote_1", ... With weights a vote counts as much.
  kVote,
};

// The members are at least one and at most 64. `weights`: none, or one for each member; finite, none negative, not all zero.
// INVALID_ARGUMENT, naming the member, for what does not go together.
[[nodiscard]] absl::StatusOr<std::shared_ptr<const Model>> ensemble(
    ModelIdentity identity, std::vector<std::shared_ptr<const Model>> members, Combine combine,
    std::vector<double> weights = {});

// Members whose outputs, one after the other, are the inputs of a further model.
[[nodiscard]] absl::StatusOr<std::shared_ptr<const Model>> stack(
    ModelIdentity identity, std::vector<std::shared_ptr<const Model>> members,
    std::shared_ptr<const Model> last);

}  // namespace weir::ml
