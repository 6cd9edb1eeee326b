// Loads the boosted trees that XGBoost saves as JSON, and evaluates them natively.
//
//   absl::StatusOr<std::unique_ptr<const weir::ml::Model>> model =
//       weir::ml::load_xgboost_json_file("fraud.json", {.version = "2024-05-01"});
//
// A model that loads scores as XGBoost does: margins bit for bit (up to rounding for dart, which XGBoost
// itself sums in several ways), transformed scores up to rounding in exp. Whatever would score differently is
// refused.
//
// Read: files of XGBoost 1.0 and later versions 1, 2 and 3; boosters gbtree and dart; forests
// (num_parallel_tree); several classes or targets with a tree for each; missing values; either spelling of
// base_score. All trees count, also those after the best iteration of early stopping: save the slice you
// mean. Refused: gblinear, categorical splits, vector leaves, reg:expectileerror, UBJSON and the old binary
// format.
//
// The bytes are not trusted. No input crashes the loader, makes it recurse or use more than `limits` allow.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include <weir/ml/load_limits.h>
#include <weir/ml/model.h>

namespace weir::ml {

// What a model answers with.
enum class Output {
  kTransformed,  // what the objective speaks of: a probability, a rate, a class; XGBoost's predict()
  kMargin,       // the sum of the leaves, before any link; XGBoost's predict(output_margin=True)
};

struct XgboostOptions {
  std::string name = "";     // empty: "xgboost", or the file's name without its ending
  std::string version = "";  // empty: the first twelve digits of the digest
  Output output = Output::kTransformed;
  LoadLimits limits = {};
};

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
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Model>> load_xgboost_json(
    std::string_view bytes, const XgboostOptions& options = {});

// Loads a model from a file. Also NOT_FOUND if there is none, INVALID_ARGUMENT if it is no regular file and
// UNAVAILABLE if it cannot be read; messages begin with the path.
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Model>> load_xgboost_json_file(
    const std::string& path, const XgboostOptions& options = {});

}  // namespace weir::ml
