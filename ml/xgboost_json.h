// Loads the models that XGBoost saves as JSON or UBJSON, and evaluates them natively.
//
//   absl::StatusOr<std::unique_ptr<const weir::ml::Model>> model =
//       weir::ml::load_xgboost_json_file("fraud.json", {.version = "2024-05-01"});
//
// A model that loads scores as XGBoost does: margins bit for bit, transformed scores up to rounding in exp.
// Whatever would score differently is refused. (Dropped-out trees of a dart booster XGBoost itself sums in
// several ways, which round differently; ours is that of its predict() for a DMatrix.)
//
// Read: files of XGBoost 1.0 and later versions 1, 2 and 3; boosters gbtree, dart and gblinear; forests
// (num_parallel_tree); several classes or targets with a tree for each; splits by category; missing values;
// either spelling of base_score. All trees count, also those after the best iteration of early stopping: save
// the slice you mean. Refused: vector leaves, reg:expectileerror and the old binary format.
//
// A category is the number that the model was trained on. Models that remember the names of their categories
// are read, but names are not turned into numbers here.
//
// The bytes are not trusted. No input crashes the loader, makes it recurse or use more than `limits` allow.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include <weir/ml/load_options.h>
#include <weir/ml/model.h>

namespace weir::ml {

using XgboostOptions = LoadOptions;

// Loads a model from the bytes of a JSON file.
//
// Inputs are named after the model's feature names, f0, f1, ... if it has none. Outputs are "probability"
// (logistic), "class" (multi:softmax, binary:hinge), "prediction" (any other objective) or "margin"; where
// there are several, "_0", "_1", ... is appended.
//
// An objective we do not know has no transformation we could apply: only Output::kMargin loads, and takes
// base_score for a margin, as XGBoost does for objectives without a link.
//
// INVALID_ARGUMENT for a file that is no model or contradicts itself, UNIMPLEMENTED for one of a kind not
// read, RESOURCE_EXHAUSTED for one beyond the limits; the message names tree and node where it is about one.
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Model>> load_xgboost_json(std::string_view bytes,
                                                                             const LoadOptions& options = {});

// The same from the bytes of a UBJSON file.
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Model>> load_xgboost_ubjson(
    std::string_view bytes, const LoadOptions& options = {});

// Returns whether bytes that are known to be a model of XGBoost are its UBJSON rather than its JSON.
[[nodiscard]] bool looks_like_ubjson(std::string_view bytes);

// Loads a model from a JSON file. Also NOT_FOUND if there is none, INVALID_ARGUMENT if it is no regular file and
// UNAVAILABLE if it cannot be read; messages begin with the path.
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Model>> load_xgboost_json_file(
    const std::string& path, const LoadOptions& options = {});

}  // namespace weir::ml
