// Loads a model of whatever format its bytes are in.
//
//   absl::StatusOr<std::unique_ptr<const weir::ml::Model>> model = weir::ml::load_model_file("fraud.ubj");
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include <weir/ml/load_options.h>
#include <weir/ml/model.h>

namespace weir::ml {

// Loads a model from bytes in one of these formats, told apart by how they begin:
//
//   XGBoost's JSON        {"...           xgboost_json.h
//   XGBoost's UBJSON      {L..., {#...    xgboost_json.h
//   LightGBM's text       tree            lightgbm_text.h
//   a learner of learn()  weir-learner    online/learner_file.h
//   ONNX                  a byte 8        onnx/onnx_model.h
//
// Errors are those of the format's loader; INVALID_ARGUMENT where it is none of them.
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Model>> load_model(std::string_view bytes,
                                                                      const LoadOptions& options = {});

// Loads a model from a file; its ending does not matter. Also NOT_FOUND if there is none, INVALID_ARGUMENT if it
// is no regular file and UNAVAILABLE if it cannot be read; messages begin with the path.
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Model>> load_model_file(const std::string& path,
                                                                           const LoadOptions& options = {});

}  // namespace weir::ml
