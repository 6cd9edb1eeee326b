// Names of inputs and outputs.
#include <weir/ml/schema_names.h>

#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <fmt/format.h>

namespace weir::ml {

absl::StatusOr<std::vector<std::string>> input_names(std::vector<std::string> names, std::size_t features) {
  if (names.empty()) {
    names.reserve(features);
    for (std::size_t i = 0; i < features; ++i) names.push_back(fmt::format("f{}", i));
    return names;
  }
  if (names.size() != features) {
    return absl::InvalidArgumentError(
        fmt::format("{} feature names for {} features", names.size(), features));
  }
  absl::flat_hash_set<std::string> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second)
      return absl::InvalidArgumentError(fmt::format("two features are called {:.80}", name));
  }
  return names;
}

std::vector<std::string> output_names(std::string_view name, std::size_t count) {
  if (count == 1) return {std::string(name)};
  std::vector<std::string> names;
  names.reserve(count);
  for (std::size_t i = 0; i < count; ++i) names.push_back(fmt::format("{}_{}", name, i));
  return names;
}

}  // namespace weir::ml
