// What score_async can be told.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/backoff.h>
#include <weir/core/error_policy.h>
#include <weir/core/time.h>
#include <weir/ml/async/async_scorer.h>

namespace weir::ml {

class ModelMetrics;

// In which order results leave the operator.
enum class AsyncOrder {
  kPartition,  // as the records of each partition came
  kKey,        // as the records of each key came; those of other keys overtake
  kNone,       // as the answers come
};

// When a task stops to ask a scorer that does not answer, so that neither has to suffer from the other.
//
//   closed  →  (failures of the last `window` attempts)  →  open  →  (open_for)  →  half open: one attempt at a time
//     ↑                                                      ↑___________ it failed ___________|
//     |_______________________________________________________ it was answered _______________|
struct BreakerOptions {
  int failures = 0;  // 0: there is no breaker
  int window = 20;   // attempts, at most 64, no less than `failures`
  Duration open_for{5'000};
};

// What happens to records while the breaker is open.
enum class WhileOpen {
  // The task takes up no further record until the scorer is asked again. Those that wait for an answer wait on, as long as
  // their timeout allows.
  kPause,
  // A record that would have to be asked for fails at once: fallback, or the error policy.
  kFail,
};

struct AsyncOptions {
  // Required. Shared by the tasks.
  std::shared_ptr<AsyncScorer> scorer = {};
  std::string name = {};
  // The most rows that a task has under way at a time. A full task leaves its input where it is.
  std::size_t capacity = 100;
  AsyncOrder order = AsyncOrder::kPartition;
  // How long a record may take, over all attempts and the pauses between them. A commit waits for what is under way, so exactly
  // once this should be well below the 10 s after which the broker gives a transaction up.
  Duration timeout{5'000};
  // How long one attempt may take; 0: what is left of the whole.
  Duration attempt_timeout{0};
  int attempts = 3;  // in all, at least 1
  Backoff pause = {.first = Duration{50}, .longest = Duration{1'000}};
  BreakerOptions breaker = {};
  WhileOpen while_open = WhileOpen::kPause;
  // Scores of a record that got none, finite; its branch in the headers is "fallback". Empty: it meets the error policy.
  std::vector<float> fallback = {};
  // Whether the headers are written, and the hash of the feature view for them; see ScoreOptions.
  bool stamp = true;
  std::string feature_view = {};
  // What is measured goes there, see <weir/ml/monitoring/model_metrics.h>. Null: nothing is measured.
  std::shared_ptr<ModelMetrics> metrics = {};
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// Returns what is wrong with the options, or nothing.
[[nodiscard]] std::string problem_with(const AsyncOptions& options);

}  // namespace weir::ml
