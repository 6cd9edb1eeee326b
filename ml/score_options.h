// What a scoring operator can be told.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/error_policy.h>
#include <weir/core/time.h>
#include <weir/ml/model.h>
#include <weir/ml/served_model.h>

namespace weir::ml {

class ModelMetrics;

// What happens to a record that waited for its score longer than ScoreOptions::budget.
enum class Overrun {
  kScore,     // it is scored all the same
  kFallback,  // ScoreOptions::fallback is its score, and "fallback" the branch in its headers
  kError,     // it goes the way of the node's error policy
};

struct ScoreOptions {
  // One of these two is required. The model is shared by the tasks; `models` says record by record which one it is, see
  // <weir/ml/registry/model_table.h>.
  std::shared_ptr<const Model> model = {};
  std::shared_ptr<const ModelSource> models = {};
  std::string name = {};
  // Whether the headers are written. They cost a copy of the record's headers.
  bool stamp = true;
  // Of the view whose rows are scored, see <weir/ml/features/>: for the headers, and a model of the registry that was trained
  // on another view is not used. Empty: not known.
  std::string feature_view = {};
  // The most rows that are scored at a time; 1: each record for itself.
  std::size_t max_batch = 64;
  // How long a batch that is not full may wait when the task has nothing else to do. 0: not at all; waiting pays only with
  // models that cost much more for a row than for a row among others.
  Duration max_wait{0};
  // How long a record may wait for its score; 0: for ever. No less than max_wait. With another policy than kScore results
  // depend on the clock, and a replay may differ.
  Duration budget{0};
  Overrun on_overrun = Overrun::kScore;
  std::vector<float> fallback = {};  // finite; for kFallback
  // What is measured goes there, see <weir/ml/monitoring/model_metrics.h>. Null: nothing is measured.
  std::shared_ptr<ModelMetrics> metrics = {};
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// Returns what is wrong with the options, or nothing.
[[nodiscard]] std::string problem_with(const ScoreOptions& options);

// The models of these options.
[[nodiscard]] std::shared_ptr<const ModelSource> models_of(const ScoreOptions& options);

}  // namespace weir::ml
