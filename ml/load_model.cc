// Telling formats apart.
#include <weir/ml/load_model.h>

#include <absl/status/status.h>

#include <weir/ml/lightgbm_text.h>
#include <weir/ml/model_file.h>
#include <weir/ml/online/learner_file.h>
#include <weir/ml/onnx/onnx_model.h>
#include <weir/ml/xgboost_json.h>

namespace weir::ml {

absl::StatusOr<std::unique_ptr<const Model>> load_model(std::string_view bytes, const LoadOptions& options) {
  if (bytes.empty()) return absl::InvalidArgumentError("the model is empty");
  if (bytes.starts_with("tree\n") || bytes.starts_with("tree\r\n")) return load_lightgbm_text(bytes, options);
  if (bytes.starts_with(kLearnerMagic)) return load_learner(bytes, options);
  if (looks_like_onnx(bytes)) return load_onnx(bytes, options);
  if (looks_like_ubjson(bytes)) return load_xgboost_ubjson(bytes, options);
  const std::size_t begin = bytes.find_first_not_of(" \t\r\n");
  const bool is_json = begin != std::string_view::npos && bytes[begin] == '{';
  if (is_json || bytes.starts_with("binf") || bytes.starts_with("bs64"))
    return load_xgboost_json(bytes, options);
  return absl::InvalidArgumentError(
      "neither a model of XGBoost (JSON or UBJSON) nor one of LightGBM (text) nor of ONNX nor a learner of "
      "learn()");
}

absl::StatusOr<std::unique_ptr<const Model>> load_model_file(const std::string& path,
                                                             const LoadOptions& options) {
  const absl::StatusOr<std::string> bytes = read_model_file(path, options.limits);
  if (!bytes.ok()) return bytes.status();
  LoadOptions named = options;
  if (named.name.empty()) named.name = name_from(path);
  absl::StatusOr<std::unique_ptr<const Model>> model = load_model(*bytes, named);
  if (!model.ok()) return about_file(path, model.status());
  return model;
}

}  // namespace weir::ml
