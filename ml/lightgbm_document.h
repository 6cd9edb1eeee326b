// What a model of LightGBM says in its text, before anyone believes it: the reader that lightgbm_text.cc
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

// One tree: arrays with an element per split, or per leaf. Children are splits, or leaves where negative (~leaf).
struct LightgbmTree {
  std::optional<std::size_t> leaf_count;
  std::size_t category_set_count = 0;
  bool is_linear = false;
  std::vector<std::int64_t> split_features;
  std::vector<double> thresholds;
  std::vector<std::int64_t> decision_types;
  std::vector<std::int64_t> left_children;
  std::vector<std::int64_t> right_children;
  std::vector<double> leaf_values;
  std::vector<std::int64_t> category_boundaries;
  std::vector<std::int64_t> category_words;
  std::vector<double> leaf_constants;
  std::vector<std::int64_t> leaf_feature_counts;
  std::vector<std::int64_t> leaf_features;  // of all leaves, one after the other
  std::vector<double> leaf_coefficients;
};

// The parts of a model file that decide its scores. Everything is optional here; what a model cannot do without
// is for the interpreter to say.
struct LightgbmDocument {
  std::optional<std::string> version;
  std::optional<std::size_t> trees_per_iteration;
  std::optional<std::size_t> class_count;
  std::optional<std::size_t> largest_feature;
  std::optional<std::string>
      objective;  // the name and its parameters; none where the trainer was given a function
  std::optional<std::string> feature_names;
  bool averages = false;
  std::vector<LightgbmTree> trees;
};

// Reads the document up to its line "end of trees"; what follows does not decide scores. Fields it does not know
// are skipped. INVALID_ARGUMENT, with the line, for what is no such text, for a number that is none and for a
// known field that is there twice; RESOURCE_EXHAUSTED beyond `limits`. Lines may end with a carriage return.
[[nodiscard]] absl::StatusOr<LightgbmDocument> read_lightgbm_document(std::string_view text,
                                                                      const LoadLimits& limits);

}  // namespace weir::ml
