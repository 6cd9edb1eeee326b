// Walking ONNX's trees.
#include <weir/ml/onnx/tree_ensemble.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <absl/status/status.h>
#include <fmt/format.h>

#include <weir/ml/forest.h>
#include <weir/ml/onnx/transform.h>
#include <weir/ml/onnx/widths.h>

namespace weir::ml::onnx {
namespace {

absl::Status about_node(std::size_t node, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("node {} of the trees {}", node, why));
}

// Walks node by node, whatever the nodes are.
class PlainTrees final : public Step {
 public:
  PlainTrees(const Ensemble& ensemble, bool in_double, std::size_t input, std::size_t sums, std::size_t voted)
      : ensemble_(ensemble), in_double_(in_double), input_(input), sums_(sums), voted_(voted) {}

  bool run(const Frame& frame) const override {
    const double* const row = frame.slots.data() + input_;
    double* const sums = frame.slots.data() + sums_;
    double* const voted = frame.slots.data() + voted_;
    std::fill_n(voted, ensemble_.targets, 0.0);
    std::fill_n(sums, ensemble_.targets, 0.0);
    for (const std::uint32_t root : ensemble_.roots) {
      const Slice leaf = walk(root, row);
      for (std::uint32_t i = leaf.first; i < leaf.first + leaf.count; ++i) {
        const Vote& vote = ensemble_.votes[i];
        sums[vote.target] = put_together(sums[vote.target], voted[vote.target] != 0.0, vote.weight);
        voted[vote.target] = 1.0;
      }
    }
    if (ensemble_.aggregate != Aggregate::kAverage) return true;
    for (std::size_t i = 0; i < ensemble_.targets; ++i) {
      sums[i] = rounded(sums[i] / static_cast<double>(ensemble_.roots.size()));
    }
    return true;
  }

 private:
  double rounded(double number) const { return in_double_ ? number : as_float(number); }

  double put_together(double sum, bool has_sum, double weight) const {
    switch (ensemble_.aggregate) {
      case Aggregate::kMin:
        return has_sum ? std::min(sum, weight) : weight;
      case Aggregate::kMax:
        return has_sum ? std::max(sum, weight) : weight;
      case Aggregate::kSum:
      case Aggregate::kAverage:
        return rounded(sum + weight);
    }
    return sum;
  }

  Slice walk(std::uint32_t index, const double* row) const {
    const EnsembleNode* node = &ensemble_.nodes[index];
    while (node->mode != Mode::kLeaf) {
      const double value = row[node->feature];
      const bool yes = (std::isnan(value) && node->missing_is_true) || holds(*node, value);
      node = &ensemble_.nodes[yes ? node->yes : node->no];
    }
    return node->slice;
  }

  bool holds(const EnsembleNode& node, double value) const {
    switch (node.mode) {
      case Mode::kLessEqual:
        return value <= node.value;
      case Mode::kLess:
        return value < node.value;
      case Mode::kGreaterEqual:
        return value >= node.value;
      case Mode::kGreater:
        return value > node.value;
      case Mode::kEqual:
        return value == node.value;
      case Mode::kNotEqual:
        return value != node.value;
      case Mode::kMember: {
        const double* const first = ensemble_.members.data() + node.slice.first;
        return std::find(first, first + node.slice.count, value) != first + node.slice.count;
      }
      case Mode::kLeaf:
        break;
    }
    return false;
  }

  const Ensemble ensemble_;
  const bool in_double_;
  const std::size_t input_;
  const std::size_t sums_;
  const std::size_t voted_;
};

// The native forest, in the precision of the ensemble.
template <class Number>
class ForestStep final : public Step {
 public:
  ForestStep(BasicForest<Number> forest, double divisor, std::vector<double> voted_for, std::size_t input,
             std::size_t sums, std::size_t voted)
      : forest_(std::move(forest)),
        divisor_(divisor),
        voted_for_(std::move(voted_for)),
        input_(input),
        sums_(sums),
        voted_(voted) {}

  bool run(const Frame& frame) const override {
    const std::span<const double> row = frame.slots.subspan(input_, forest_.features());
    const std::span<double> sums = frame.slots.subspan(sums_, forest_.outputs());
    std::ranges::copy(voted_for_, frame.slots.subspan(voted_).begin());
    if constexpr (std::is_same_v<Number, double>) {
      forest_.margins(DoubleRowBatch::single(row), sums);
    } else {
      const std::span<float> values = frame.floats.first(row.size());
      const std::span<float> margins = frame.floats.subspan(row.size(), sums.size());
      std::ranges::transform(row, values.begin(), [](double value) { return static_cast<float>(value); });
      forest_.margins(RowBatch::single(values), margins);
      std::ranges::copy(margins, sums.begin());
    }
    divide(sums);
    return true;
  }

  // In float, all rows go down the trees together.
  void run_rows(const Block& block) const override {
    if constexpr (std::is_same_v<Number, double>) {
      Step::run_rows(block);
    } else {
      const std::size_t features = forest_.features();
      const std::size_t outputs = forest_.outputs();
      const std::span<float> values = block.floats.first(block.rows() * features);
      const std::span<float> margins = block.floats.subspan(values.size(), block.rows() * outputs);
      for (std::size_t row = 0; row < block.rows(); ++row) {
        convert(block.slots.data() + row * block.stride() + input_, features, values.data() + row * features);
      }
      forest_.margins(RowBatch(values, features), margins);
      for (std::size_t row = 0; row < block.rows(); ++row) {
        const std::span<double> slots = block.slots.subspan(row * block.stride(), block.stride());
        std::ranges::copy(voted_for_, slots.subspan(voted_).begin());
        const std::span<double> sums = slots.subspan(sums_, outputs);
        std::ranges::copy(margins.subspan(row * outputs, outputs), sums.begin());
        divide(sums);
      }
    }
  }

 private:
  void divide(std::span<double> sums) const {
    if (divisor_ == 1.0) return;
    for (double& sum : sums) {
      sum /= divisor_;
      if constexpr (!std::is_same_v<Number, double>) sum = as_float(sum);
    }
  }

  const BasicForest<Number> forest_;
  const double divisor_;
  const std::vector<double> voted_for_;
  const std::size_t input_;
  const std::size_t sums_;
  const std::size_t voted_;
};

// Returns the smallest number that is greater, in the precision of the rows.
double next_after(double value, bool in_double) {
  if (in_double) return std::nextafter(value, std::numeric_limits<double>::infinity());
  const auto rounded = static_cast<float>(value);
  return static_cast<double>(std::nextafterf(rounded, std::numeric_limits<float>::infinity()));
}

// Describes the tree below `root` as the native forest wants it: one for each target that its leaves vote for, alike but for
// the leaves. Returns false where that has no such trees, or leaves vote for different targets.
bool add_native_trees(const Ensemble& ensemble, std::uint32_t root, bool in_double,
                      std::vector<Tree>& trees) {
  Tree tree;
  std::vector<std::uint32_t> from = {root};  // by the number of a node in the tree
  std::vector<std::uint32_t> targets;
  std::vector<std::vector<double>> weights;  // by leaf in order, for each target
  for (std::size_t i = 0; i < from.size(); ++i) {
    const EnsembleNode& node = ensemble.nodes[from[i]];
    TreeNode& native = tree.nodes.emplace_back();
    if (node.mode == Mode::kLeaf) {
      const std::span<const Vote> votes =
          std::span(ensemble.votes).subspan(node.slice.first, node.slice.count);
      if (targets.empty()) {
        for (const Vote& vote : votes) targets.push_back(vote.target);
      }
      if (votes.empty() || votes.size() != targets.size()) return false;
      weights.emplace_back();
      for (std::size_t k = 0; k < votes.size(); ++k) {
        if (votes[k].target != targets[k]) return false;
        weights.back().push_back(votes[k].weight);
      }
      continue;
    }
    // A step goes left where the value is less: to `yes`, or for the opposite comparisons to `no`.
    const bool turned = node.mode == Mode::kGreaterEqual || node.mode == Mode::kGreater;
    const bool includes = node.mode == Mode::kLessEqual || node.mode == Mode::kGreater;
    if (!turned && !includes && node.mode != Mode::kLess) return false;
    native.feature = static_cast<std::int32_t>(node.feature);
    // Nothing is greater than infinity: only what is missing may go the other way.
    native.by_presence = includes && node.value == std::numeric_limits<double>::infinity();
    if (!native.by_presence) native.threshold = includes ? next_after(node.value, in_double) : node.value;
    if (!std::isfinite(native.threshold)) return false;
    native.default_left = turned != node.missing_is_true;
    native.left = static_cast<std::int32_t>(from.size());
    native.right = native.left + 1;
    from.push_back(turned ? node.no : node.yes);
    from.push_back(turned ? node.yes : node.no);
  }
  for (std::size_t k = 0; k < targets.size(); ++k) {
    tree.output = targets[k];
    std::size_t leaf = 0;
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (ensemble.nodes[from[i]].mode == Mode::kLeaf) tree.nodes[i].value = weights[leaf++][k];
    }
    trees.push_back(tree);
  }
  return true;
}

template <class Number>
absl::StatusOr<std::unique_ptr<const Step>> forest_step(const Ensemble& ensemble, std::span<const Tree> trees,
                                                        std::size_t features, std::size_t input,
                                                        std::size_t sums, std::size_t voted,
                                                        const LoadLimits& limits) {
  auto forest =
      BasicForest<Number>::build(trees, features, std::vector<Number>(ensemble.targets, Number{0}), limits);
  if (!forest.ok()) return forest.status();
  std::vector<double> voted_for;
  for (const bool is_voted : votes_info(ensemble).voted) voted_for.push_back(is_voted ? 1.0 : 0.0);
  const double divisor =
      ensemble.aggregate == Aggregate::kAverage ? static_cast<double>(ensemble.roots.size()) : 1.0;
  return std::make_unique<ForestStep<Number>>(*std::move(forest), divisor, std::move(voted_for), input, sums,
                                              voted);
}

}  // namespace

VotesInfo votes_info(const Ensemble& ensemble) {
  VotesInfo info;
  info.voted.resize(ensemble.targets);
  for (const Vote& vote : ensemble.votes) {
    info.voted[vote.target] = true;
    if (vote.weight < 0.0) info.all_positive = false;
  }
  return info;
}

namespace {

// Follows all ways from the roots: none may come back to where it has been, or be too long. Converters let several nodes
// have the same child, which is no harm. Takes no stack.
absl::Status check_ways(const Ensemble& ensemble, const LoadLimits& limits) {
  constexpr std::size_t kOpen = std::numeric_limits<std::size_t>::max();
  constexpr std::size_t kNew = kOpen - 1;
  std::vector<std::size_t> heights(ensemble.nodes.size(), kNew);
  std::vector<std::uint32_t> way;
  std::size_t found = 0;
  for (const std::uint32_t root : ensemble.roots) {
    if (root >= ensemble.nodes.size()) return absl::InvalidArgumentError("a root is no node");
    way.assign(1, root);
    while (!way.empty()) {
      const std::uint32_t index = way.back();
      const EnsembleNode& node = ensemble.nodes[index];
      const bool is_leaf = node.mode == Mode::kLeaf;
      if (heights[index] == kNew) {
        heights[index] = kOpen;
        ++found;
        for (const std::uint32_t child : {node.yes, node.no}) {
          if (is_leaf) break;
          if (heights[child] == kOpen) return about_node(child, "is below itself");
          if (heights[child] == kNew) way.push_back(child);
        }
        continue;
      }
      way.pop_back();
      if (heights[index] != kOpen) continue;
      heights[index] = is_leaf ? 0 : 1 + std::max(heights[node.yes], heights[node.no]);
      if (heights[index] > limits.depth) return absl::ResourceExhaustedError("a tree is too deep");
    }
  }
  if (found != ensemble.nodes.size()) return absl::InvalidArgumentError("some nodes belong to no tree");
  return absl::OkStatus();
}

// The most targets that a leaf votes for.
std::size_t targets_of_leaf(const Ensemble& ensemble) {
  std::size_t most = 0;
  for (const EnsembleNode& node : ensemble.nodes) {
    if (node.mode == Mode::kLeaf) most = std::max<std::size_t>(most, node.slice.count);
  }
  return most;
}

// Whether a node is the child of several, or a root too.
bool shares_nodes(const Ensemble& ensemble) {
  std::vector<bool> reached(ensemble.nodes.size());
  const auto reach = [&](std::uint32_t node) {
    const bool again = reached[node];
    reached[node] = true;
    return again;
  };
  for (const std::uint32_t root : ensemble.roots) {
    if (reach(root)) return true;
  }
  for (const EnsembleNode& node : ensemble.nodes) {
    if (node.mode != Mode::kLeaf && (reach(node.yes) || reach(node.no))) return true;
  }
  return false;
}

}  // namespace

absl::Status check_ensemble(const Ensemble& ensemble, std::size_t features, const LoadLimits& limits) {
  const std::size_t count = ensemble.nodes.size();
  if (count == 0 || ensemble.roots.empty()) return absl::InvalidArgumentError("there are no trees");
  if (count > limits.nodes || ensemble.roots.size() > limits.trees) {
    return absl::ResourceExhaustedError(
        fmt::format("{} trees of {} nodes are more than allowed", ensemble.roots.size(), count));
  }
  if (ensemble.targets == 0 || ensemble.targets > std::min(limits.outputs, kMostForestOutputs)) {
    return absl::ResourceExhaustedError(fmt::format("{} targets are none, or too many", ensemble.targets));
  }
  std::vector<bool> voted(ensemble.targets);
  for (std::size_t index = 0; index < count; ++index) {
    const EnsembleNode& node = ensemble.nodes[index];
    if (node.mode != Mode::kLeaf) {
      if (node.feature >= features) return about_node(index, "looks at a column that rows do not have");
      if (std::isnan(node.value)) return about_node(index, "has a threshold that is no number");
      if (node.yes >= count || node.no >= count) return absl::InvalidArgumentError("a child is no node");
      continue;
    }
    for (std::uint32_t i = node.slice.first; i < node.slice.first + node.slice.count; ++i) {
      const Vote& vote = ensemble.votes[i];
      if (vote.target >= ensemble.targets) return about_node(index, "votes for no target");
      if (!std::isfinite(vote.weight)) return about_node(index, "has a weight that is not finite");
      if (voted[vote.target]) return about_node(index, "votes twice for a target");
      voted[vote.target] = true;
    }
    for (std::uint32_t i = node.slice.first; i < node.slice.first + node.slice.count; ++i) {
      voted[ensemble.votes[i].target] = false;
    }
  }
  return check_ways(ensemble, limits);
}

absl::StatusOr<std::unique_ptr<const Step>> ensemble_step(const Ensemble& ensemble, std::size_t features,
                                                          bool in_double, std::size_t input, std::size_t sums,
                                                          std::size_t voted, const LoadLimits& limits) {
  std::vector<Tree> trees;
  const bool adds = (ensemble.aggregate == Aggregate::kSum || ensemble.aggregate == Aggregate::kAverage) &&
                    !shares_nodes(ensemble);
  const std::size_t votes_of_leaf = std::max<std::size_t>(1, targets_of_leaf(ensemble));
  const bool is_native = adds && ensemble.nodes.size() <= limits.nodes / votes_of_leaf &&
                         ensemble.roots.size() <= limits.trees / votes_of_leaf &&
                         std::ranges::all_of(ensemble.roots, [&](std::uint32_t root) {
                           return add_native_trees(ensemble, root, in_double, trees);
                         });
  if (!is_native) return std::make_unique<PlainTrees>(ensemble, in_double, input, sums, voted);
  if (in_double) return forest_step<double>(ensemble, trees, features, input, sums, voted, limits);
  return forest_step<float>(ensemble, trees, features, input, sums, voted, limits);
}

std::size_t floats_of_ensemble(const Ensemble& ensemble, std::size_t features) {
  return features + ensemble.targets;
}

}  // namespace weir::ml::onnx
