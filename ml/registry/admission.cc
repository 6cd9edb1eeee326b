#include <weir/ml/registry/admission.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/ml/cleaning/row_cleaner.h>
#include <weir/ml/digest.h>
#include <weir/ml/load_model.h>

namespace weir::ml {
namespace {

absl::StatusOr<std::shared_ptr<const Model>> load_file(std::string_view bytes, const ModelManifest& manifest,
                                                       const LoadLimits& limits,
                                                       const OnnxRuntimeOptions& onnx_runtime) {
  auto model = load_model(bytes, {.name = manifest.name,
                                  .version = manifest.version,
                                  .output = manifest.margin ? Output::kMargin : Output::kTransformed,
                                  .limits = limits,
                                  .onnx_runtime = onnx_runtime});
  if (!model.ok()) return model.status();
  return std::shared_ptr<const Model>(*std::move(model));
}

absl::Status refused(const ModelManifest& manifest, const std::string& what) {
  return absl::FailedPreconditionError(
      fmt::format("model '{}' version '{}' is not admitted: {}", manifest.name, manifest.version, what));
}

absl::Status compare_names(const ModelManifest& manifest, const char* what,
                           const std::vector<std::string>& said, std::span<const std::string> has) {
  if (said.empty() || std::equal(said.begin(), said.end(), has.begin(), has.end())) return absl::OkStatus();
  const std::size_t common = std::min(said.size(), has.size());
  std::size_t i = 0;
  while (i < common && said[i] == has[i]) ++i;
  return refused(manifest,
                 fmt::format("{} differ from the manifest's at {}: it says {}, the model has {}", what, i,
                             i < said.size() ? said[i] : "none", i < has.size() ? has[i] : "none"));
}

bool is_among(std::span<const std::string> names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The plan makes the model's rows; references are of what goes in, before or behind the plan, or comes out.
absl::Status compare_columns(const ModelManifest& manifest, const Model& model) {
  const std::span<const std::string> inputs = model.inputs();
  std::span<const std::string> taken = inputs;
  absl::StatusOr<RowCleaner> cleaner = absl::NotFoundError("no plan");
  if (manifest.cleaning) {
    cleaner = RowCleaner::make(*manifest.cleaning);
    if (!cleaner.ok()) return refused(manifest, "cleaning: " + message_of(cleaner.status()));
    taken = cleaner->inputs();
    const std::span<const std::string> made = cleaner->outputs();
    const auto [column, input] = std::mismatch(made.begin(), made.end(), inputs.begin(), inputs.end());
    if (column != made.end() || input != inputs.end()) {
      return refused(manifest,
                     fmt::format("the cleaning plan makes other columns than the model takes, from {} "
                                 "on: it makes {} ('{}'), the model takes {} ('{}')",
                                 column - made.begin(), made.size(), column == made.end() ? "none" : *column,
                                 inputs.size(), input == inputs.end() ? "none" : *input));
    }
  }
  for (const DriftReference& reference : manifest.references) {
    if (is_among(taken, reference.name) || is_among(inputs, reference.name) ||
        is_among(model.outputs(), reference.name))
      continue;
    return refused(manifest, fmt::format("the drift reference '{}' is of nothing that goes in or comes out",
                                         reference.name));
  }
  return absl::OkStatus();
}

absl::Status compare_golden(const ModelManifest& manifest, const Model& model) {
  std::vector<float> scores(model.outputs().size());
  for (std::size_t i = 0; i < manifest.golden.size(); ++i) {
    const GoldenRow& golden = manifest.golden[i];
    std::vector<float> row;
    for (const std::optional<float>& value : golden.row) row.push_back(value.value_or(std::nanf("")));
    if (row.size() != model.inputs().size() || golden.scores.size() != scores.size()) {
      return refused(manifest,
                     fmt::format("golden row {} has {} inputs and {} scores, the model {} and {}", i,
                                 row.size(), golden.scores.size(), model.inputs().size(), scores.size()));
    }
    if (absl::Status scored = model.predict_row(row, scores); !scored.ok())
      return refused(manifest, message_of(scored));
    for (std::size_t j = 0; j < scores.size(); ++j) {
      const double difference =
          std::abs(static_cast<double>(scores[j]) - static_cast<double>(golden.scores[j]));
      if (difference <= manifest.tolerance) continue;
      return refused(manifest, fmt::format("golden row {}, output {}: expected {}, got {}, tolerance {}", i,
                                           j, golden.scores[j], scores[j], manifest.tolerance));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Model>> admit(const ModelManifest& manifest, std::string_view bytes,
                                                   const ModelFormats& formats, const LoadLimits& limits) {
  WEIR_RETURN_IF_ERROR(check_manifest(manifest));
  if (bytes.size() != manifest.size)
    return refused(manifest,
                   fmt::format("it has {} bytes, the manifest says {}", bytes.size(), manifest.size));
  const auto digest = sha256_hex(bytes);
  if (!digest.ok()) return digest.status();
  if (*digest != manifest.digest)
    return refused(manifest, fmt::format("its digest is {}, the manifest says {}", *digest, manifest.digest));
  const ModelLoader* loader = formats.find(manifest.format);
  if (loader == nullptr) {
    return refused(manifest, fmt::format("nobody here loads the format '{}', only: {}", manifest.format,
                                         formats.names()));
  }
  auto model = (*loader)(bytes, manifest, limits);
  if (!model.ok()) return refused(manifest, message_of(model.status()));
  if (*model == nullptr) return refused(manifest, "its loader made none");
  WEIR_RETURN_IF_ERROR(compare_names(manifest, "inputs", manifest.inputs, (*model)->inputs()));
  WEIR_RETURN_IF_ERROR(compare_names(manifest, "outputs", manifest.outputs, (*model)->outputs()));
  WEIR_RETURN_IF_ERROR(compare_columns(manifest, **model));
  WEIR_RETURN_IF_ERROR(compare_golden(manifest, **model));
  return model;
}

}  // namespace

ModelFormats ModelFormats::standard(const OnnxRuntimeOptions& onnx_runtime) {
  ModelFormats formats;
  formats.add("auto", [onnx_runtime](std::string_view bytes, const ModelManifest& manifest,
                                     const LoadLimits& limits) {
    return load_file(bytes, manifest, limits, onnx_runtime);
  });
  return formats;
}

const ModelLoader* ModelFormats::find(std::string_view format) const {
  const auto found = loaders_.find(format);
  return found == loaders_.end() ? nullptr : &found->second;
}

std::string ModelFormats::names() const {
  std::string names;
  for (const auto& [name, loader] : loaders_) names += (names.empty() ? "" : ", ") + name;
  return names;
}

absl::StatusOr<std::shared_ptr<const Model>> admit_model(const ModelManifest& manifest,
                                                         std::string_view bytes, const ModelFormats& formats,
                                                         const LoadLimits& limits) {
  try {
    return admit(manifest, bytes, formats, limits);
  } catch (const std::exception& error) {
    return refused(manifest, fmt::format("an exception: {}", error.what()));
  }
}

}  // namespace weir::ml
