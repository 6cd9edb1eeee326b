// Ensembles of trees as ONNX describes them, which is more than the native forest takes: six comparisons, sets, leaves
// that vote for several targets, and four ways to put votes together. Internal to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/ml/load_limits.h>
#include <weir/ml/onnx/program.h>

namespace weir::ml::onnx {

enum class Mode : std::uint8_t {
  kLessEqual,
  kLess,
  kGreaterEqual,
  kGreater,
  kEqual,
  kNotEqual,
  kMember,
  kLeaf
};
enum class Aggregate { kSum, kAverage, kMin, kMax };

// Some elements of an array that belong to a node.
struct Slice {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

struct EnsembleNode {
  Mode mode = Mode::kLeaf;
  bool missing_is_true = false;  // a NaN goes to `yes`, whatever the mode makes of it
  std::uint32_t feature = 0;
  double value = 0.0;
  std::uint32_t yes = 0;
  std::uint32_t no = 0;
  Slice slice;  // of a leaf: votes; of kMember: members
};

struct Vote {
  std::uint32_t target = 0;
  double weight = 0.0;
};

struct Ensemble {
  std::vector<EnsembleNode> nodes;
  std::vector<std::uint32_t> roots;
  std::vector<Vote> votes;
  std::vector<double> members;
  std::size_t targets = 0;
  Aggregate aggregate = Aggregate::kSum;
};

// What is known of an ensemble's sums by all of its leaves.
struct VotesInfo {
  std::vector<bool> voted;  // by target: whether any leaf votes for it
  bool all_positive = true;
};
VotesInfo votes_info(const Ensemble& ensemble);

// Refuses trees with a child or feature out of range, a node below itself or below no root, a threshold that is no number,
// a weight that is not finite, a leaf that votes twice for a target, or more than `limits` allow.
absl::Status check_ensemble(const Ensemble& ensemble, std::size_t features, const LoadLimits& limits);

// Returns the step that reads `features` slots from `input` and writes one sum per target to `sums`, and to `voted`
// 1 or 0 for each: whether a leaf has voted for it. In float or in double. Where the native forest can do it, it does.
// The ensemble has been checked.
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Step>> ensemble_step(const Ensemble& ensemble,
                                                                        std::size_t features, bool in_double,
                                                                        std::size_t input, std::size_t sums,
                                                                        std::size_t voted,
                                                                        const LoadLimits& limits);

// How many floats the step needs while it runs.
std::size_t floats_of_ensemble(const Ensemble& ensemble, std::size_t features);

}  // namespace weir::ml::onnx
