// Loads the boosted trees that LightGBM saves as text, and evaluates them natively.
//
//   absl::StatusOr<std::unique_ptr<const weir::ml::Model>> model =
//       weir::ml::load_lightgbm_text(bytes, {.name = "fraud"});
//
// A model that loads scores as LightGBM does, in double: Model::predict for doubles agrees with its predict()
// up to rounding in exp, the one for floats with that rounded to float. Whatever would score differently is
// refused.
//
// Read: format v2, v3 and v4 (LightGBM 2 to 4); gbdt, dart, goss and rf (which averages); several classes;
// splits by number with each way of treating missing values, and by category; linear trees. All trees count,
// also those after the best iteration of early stopping: save the slice you mean.
//
// A category is the number that the model was trained on; a dictionary of pandas categories behind the trees is
// not looked at.
//
// The bytes are not trusted. No input crashes the loader, makes it recurse or use more than `limits` allow.
#pragma once

#include <memory>
#include <string_view>

#include <absl/status/statusor.h>

#include <weir/ml/load_options.h>
#include <weir/ml/model.h>

namespace weir::ml {

// Loads a model from the bytes of a text file.
//
// Inputs are named after the model's feature names. Outputs are "probability" (binary, multiclass,
// cross_entropy), "prediction" (any other objective) or "margin"; where there are several, "_0", "_1", ... is
// appended. A model without an objective was trained with the caller's own: its scores are margins, as the
// trainer has it.
//
// INVALID_ARGUMENT for a file that is no model or contradicts itself, UNIMPLEMENTED for one of a kind not read
// (an objective we do not know loads as Output::kMargin only), RESOURCE_EXHAUSTED for one beyond the limits; the
// message names line, tree or node where it is about one.
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Model>> load_lightgbm_text(
    std::string_view bytes, const LoadOptions& options = {});

}  // namespace weir::ml
