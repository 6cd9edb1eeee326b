// What a model of XGBoost says, as JSON or UBJSON, before anyone believes it: the reader that xgboost_json.cc
// interprets. Internal to the room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/ml/load_limits.h>

namespace weir::ml {

// One tree: parallel arrays with an element per node. A whole number outside 32 bits, which only the unused
// fields of deleted nodes hold, is read as kNotANumber.
struct XgboostTree {
  static constexpr std::int32_t kNotANumber = INT32_MIN;

  std::optional<std::int32_t> id;
  std::optional<std::string> node_count;
  std::optional<std::string> leaf_vector_size;
  std::vector<std::int32_t> left_children;
  std::vector<std::int32_t> right_children;
  std::vector<std::int32_t> split_indices;
  std::vector<std::int32_t> default_left;
  std::optional<std::vector<std::int32_t>> split_type;
  std::vector<float> split_conditions;
  std::vector<float> base_weights;  // where leaves are vectors: those of all nodes
  std::vector<float> leaf_weights;  // the same since version 3.2: those of leaves, numbered by right_children
  // Nodes that split by category, and where in `categories` the set of each begins and how many it has.
  std::vector<std::int32_t> categories_nodes;
  std::vector<std::int32_t> categories_segments;
  std::vector<std::int32_t> categories_sizes;
  std::vector<std::int32_t> categories;
};

// The parts of a model file that decide its scores. Texts are as written, also where they hold numbers.
// Everything is optional here; what a model cannot do without is for the interpreter to say.
struct XgboostDocument {
  std::vector<std::int32_t> version;
  std::vector<std::string> feature_names;
  std::optional<std::string> objective;
  std::optional<std::string> booster;
  std::optional<std::string> feature_count;
  std::optional<std::string> class_count;
  std::optional<std::string> target_count;
  std::optional<std::string> base_score;
  std::optional<std::string> boosts_from_average;
  std::optional<std::string> tree_count;
  std::optional<std::vector<std::int32_t>> tree_outputs;
  std::optional<std::vector<XgboostTree>> trees;
  std::optional<std::vector<float>> tree_weights;
  std::optional<std::vector<float>> linear_weights;
};

// Reads the document. Fields it does not know are skipped. INVALID_ARGUMENT for what is not JSON (with the
// byte where it stops being so), for a known field of another type, and for one that is there twice;
// RESOURCE_EXHAUSTED beyond `limits`. Takes stack in constant measure and memory in proportion to `json`,
// whatever its nesting.
[[nodiscard]] absl::StatusOr<XgboostDocument> read_xgboost_document(std::string_view json,
                                                                    const LoadLimits& limits);

// The same for UBJSON.
[[nodiscard]] absl::StatusOr<XgboostDocument> read_xgboost_ubjson_document(std::string_view ubjson,
                                                                           const LoadLimits& limits);

}  // namespace weir::ml
