// Loads models in ONNX's format: what converters make of scikit-learn's models and of other trainers'.
//
// A subset of the operators is interpreted here, row by row; see the table in this folder's README. What is not in it is
// refused with the operator's name. Scores are those of ONNX Runtime, within 1e-6.
#pragma once

#include <memory>
#include <string_view>

#include <absl/status/statusor.h>

#include <weir/ml/load_options.h>
#include <weir/ml/model.h>

namespace weir::ml {

// Loads a model from the bytes of an ONNX file.
//
// Inputs are the columns of the graph's inputs, one after the other: an input of one column is called as in the graph,
// one of several NAME_0, NAME_1, ... Outputs are named and flattened in the same way, in the graph's order: as a rule a
// label, then a score for each class. A label that is a text comes as its number in the model's list of labels, from 0.
// A row that ONNX Runtime would refuse, as one with a category that the model does not know, gets NaN in all outputs.
//
// Scores are floats unless the graph has inputs or outputs in double (see Model::precision). A row's scores depend on
// that row alone: graphs that mix rows are refused.
//
// Where options.onnx_runtime names a library, it scores what would be UNIMPLEMENTED here, or everything.
//
// INVALID_ARGUMENT for bytes that are no such model, UNIMPLEMENTED, with the operator's name, for one with operators,
// attributes or shapes beyond the subset, and for Output::kMargin: a graph has no margins. RESOURCE_EXHAUSTED for more
// than options.limits allow.
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Model>> load_onnx(std::string_view bytes,
                                                                     const LoadOptions& options = {});

// Returns whether bytes begin as an ONNX model does: with the version of its format.
[[nodiscard]] bool looks_like_onnx(std::string_view bytes);

}  // namespace weir::ml
