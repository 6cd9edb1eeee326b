#include <weir/ml/registry/manifest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/ml/cleaning/row_cleaner.h>

namespace weir::ml {
namespace {

constexpr std::size_t kLongestName = 200;
constexpr std::size_t kDigestLength = 64;
// 99,999 chunks are 90 GB: far beyond what loads.
constexpr std::uint64_t kLargestModel = std::uint64_t{99'999} * kChunkBytes;

bool is_digest(std::string_view text) {
  return text.size() == kDigestLength && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

absl::Status wrong(const ModelManifest& manifest, const std::string& what) {
  return absl::InvalidArgumentError(
      fmt::format("manifest of the model '{}', version '{}': {}", manifest.name, manifest.version, what));
}

}  // namespace

bool is_model_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

absl::Status check_manifest(const ModelManifest& manifest) {
  if (!is_model_name(manifest.name)) return wrong(manifest, "the name is none");
  if (!is_model_name(manifest.version)) return wrong(manifest, "the version is no name");
  if (!manifest.experiment.empty() && !is_model_name(manifest.experiment))
    return wrong(manifest, "the experiment is no name");
  if (!is_digest(manifest.digest))
    return wrong(manifest, "the digest is no SHA-256 in lower-case hexadecimal");
  if (manifest.size == 0 || manifest.size > kLargestModel)
    return wrong(manifest, fmt::format("the size is {}", manifest.size));
  if (manifest.format.empty()) return wrong(manifest, "there is no format");
  if (manifest.effective_from < 0) return wrong(manifest, "effective_from is negative");
  if (manifest.weight > ModelManifest::kWhole)
    return wrong(manifest,
                 fmt::format("the weight {} is more than {}", manifest.weight, ModelManifest::kWhole));
  if (manifest.role == ModelRole::kChampion && manifest.weight != ModelManifest::kWhole)
    return wrong(manifest, "a champion has what challengers leave it, not a weight");
  if (!std::isfinite(manifest.tolerance) || manifest.tolerance < 0)
    return wrong(manifest, "the tolerance is no distance");
  for (std::size_t i = 0; i < manifest.golden.size(); ++i) {
    const GoldenRow& golden = manifest.golden[i];
    if (golden.scores.empty() || golden.row.size() != manifest.golden.front().row.size() ||
        golden.scores.size() != manifest.golden.front().scores.size())
      return wrong(manifest, fmt::format("golden row {} has another width", i));
  }
  if (manifest.cleaning) {
    if (const auto cleaner = RowCleaner::make(*manifest.cleaning); !cleaner.ok())
      return wrong(manifest, "cleaning: " + message_of(cleaner.status()));
  }
  std::set<std::string_view> references;
  for (const DriftReference& reference : manifest.references) {
    if (const std::string fault = reference.fault(); !fault.empty())
      return wrong(manifest, fmt::format("the drift reference '{}': {}", reference.name, fault));
    if (!references.insert(reference.name).second)
      return wrong(manifest, fmt::format("the drift reference '{}' is there twice", reference.name));
  }
  return absl::OkStatus();
}

std::string registry_key(std::string_view model, std::string_view id) {
  return fmt::format("{}/{}", model, id);
}

std::string_view model_in_key(std::string_view key) {
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos || !is_model_name(key.substr(0, slash)) ||
      !is_model_name(key.substr(slash + 1)))
    return {};
  return key.substr(0, slash);
}

std::string chunk_key(std::string_view digest, std::size_t number) {
  return fmt::format("{}/{:05}", digest, number);
}

}  // namespace weir::ml
