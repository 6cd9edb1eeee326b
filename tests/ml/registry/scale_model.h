// A model whose bytes are a factor, for tests of what happens to models: "3" makes 6 of 2.
#pragma once

#include <charconv>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <weir/ml/digest.h>
#include <weir/ml/registry/admission.h>

namespace weir::ml {

class ScaleModel final : public Model {
 public:
  ScaleModel(const ModelManifest& manifest, float factor)
      : Model({manifest.name, manifest.version, manifest.digest}, {{"x"}, {"y"}}), factor_(factor) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) scores[i] = rows.row(i)[0] * factor_;
  }
  const float factor_;
};

// Loads "scale"; throws for the bytes "throw". Digits may be followed by spaces, so that models can be large.
inline ModelFormats scale_formats() {
  ModelFormats formats = ModelFormats::standard();
  formats.add("scale",
              [](std::string_view bytes, const ModelManifest& manifest,
                 const LoadLimits& limits) -> absl::StatusOr<std::shared_ptr<const Model>> {
                if (bytes == "throw") throw std::runtime_error("thrown by a loader");
                if (bytes.size() > limits.bytes) return absl::ResourceExhaustedError("too many bytes");
                int factor = 0;
                if (std::from_chars(bytes.data(), bytes.data() + bytes.size(), factor).ec != std::errc())
                  return absl::InvalidArgumentError("no factor");
                return std::make_shared<ScaleModel>(manifest, static_cast<float>(factor));
              });
  return formats;
}

inline ModelManifest scale_manifest(const std::string& version, std::string_view bytes,
                                    Timestamp effective_from, ModelRole role = ModelRole::kChampion,
                                    std::uint32_t weight = ModelManifest::kWhole) {
  ModelManifest manifest;
  manifest.name = "m";
  manifest.version = version;
  manifest.digest = *sha256_hex(bytes);
  manifest.size = bytes.size();
  manifest.format = "scale";
  manifest.effective_from = effective_from;
  manifest.role = role;
  manifest.weight = weight;
  return manifest;
}

inline std::string text_of(const ModelManifest& manifest) {
  Bytes text;
  Serde<ModelManifest>::encode(manifest, text);
  return text;
}

}  // namespace weir::ml
