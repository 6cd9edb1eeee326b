// From a manifest and bytes to a model that may score: nothing is believed before it was looked at.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include <weir/ml/load_limits.h>
#include <weir/ml/load_options.h>
#include <weir/ml/model.h>
#include <weir/ml/registry/manifest.h>

namespace weir::ml {

// Makes a model of bytes whose digest is right. It takes name, version and margin from the manifest, and trusts the bytes with
// nothing. Called on any thread, on several at a time.
using ModelLoader = std::function<absl::StatusOr<std::shared_ptr<const Model>>(
    std::string_view bytes, const ModelManifest& manifest, const LoadLimits& limits)>;

// Loaders by the format's name.
class ModelFormats {
 public:
  // Those of this library: "auto", which is whatever load_model.h tells apart by how the bytes begin. With a library of ONNX
  // Runtime, ONNX models beyond the native operators load too; each instance says itself where it has one.
  [[nodiscard]] static ModelFormats standard(const OnnxRuntimeOptions& onnx_runtime = {});

  // Replaces an earlier one of that name.
  void add(std::string format, ModelLoader loader) { loaders_[std::move(format)] = std::move(loader); }
  // Returns null if there is none.
  [[nodiscard]] const ModelLoader* find(std::string_view format) const;
  // All names, for messages: "a, b".
  [[nodiscard]] std::string names() const;

 private:
  std::map<std::string, ModelLoader, std::less<>> loaders_;
};

// Loads a model and compares: size and digest, inputs and outputs, the names of its cleaning plan and drift references, and the
// scores of the golden rows. Fails with what differs;
// an exception of a loader or a model counts as a failure. Needs no clock and no network, so everybody comes to the same
// result.
[[nodiscard]] absl::StatusOr<std::shared_ptr<const Model>> admit_model(const ModelManifest& manifest,
                                                                       std::string_view bytes,
                                                                       const ModelFormats& formats,
                                                                       const LoadLimits& limits);

}  // namespace weir::ml
