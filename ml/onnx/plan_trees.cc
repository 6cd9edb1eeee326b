// Ensembles of trees of ai.onnx.ml: TreeEnsembleClassifier and TreeEnsembleRegressor of the versions 1 and 3, and
// TreeEnsemble of version 5.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include <weir/ml/onnx/class_labels.h>
#include <weir/ml/onnx/plan.h>
#include <weir/ml/onnx/transform.h>
#include <weir/ml/onnx/tree_ensemble.h>

namespace weir::ml::onnx {
namespace {

// What ONNX Runtime makes of sums: a label where there are classes, and scores.
class TreeScores final : public Step {
 public:
  struct Places {
    std::size_t sums;
    std::size_t voted;
    std::size_t label;
    std::size_t scores;
  };

  TreeScores(Transform transform, bool rounds, std::vector<double> base, std::vector<double> labels,
             VotesInfo votes, Places places)
      : transform_(transform),
        rounds_(rounds),
        base_(std::move(base)),
        labels_(std::move(labels)),
        all_positive_(votes.all_positive),
        votes_(std::move(votes.voted)),
        places_(places) {}

  bool run(const Frame& frame) const override {
    const std::size_t count = votes_.size();
    const std::span<double> sums = frame.slots.subspan(places_.sums, count);
    const std::span<const double> voted = frame.slots.subspan(places_.voted, count);
    const std::span<double> scores = frame.slots.subspan(places_.scores, count);
    // ONNX Runtime leaves out the base of what no leaf has voted for, but for three classes or more.
    const bool only_voted = labels_.size() == 2 || (labels_.empty() && count > 1);
    for (std::size_t i = 0; i < base_.size(); ++i) {
      if (only_voted && voted[i] == 0.0) continue;
      sums[i] += base_[i];
      if (rounds_) sums[i] = as_float(sums[i]);
    }
    if (labels_.size() == 2) {
      score_two(sums, voted, frame.slots[places_.label], scores);
    } else {
      if (!labels_.empty() && !choose(sums, voted, frame.slots[places_.label])) return false;
      std::ranges::copy(sums, scores.begin());
      apply_transform(transform_, scores, rounds_);
    }
    for (double& score : scores) score = rounds_ ? as_float(score) : score;
    return true;
  }

 private:
  // The largest sum that a leaf has voted for, or that began with something.
  bool choose(std::span<const double> sums, std::span<const double> voted, double& label) const {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      if (base_.empty() && voted[i] == 0.0) continue;
      if (!best || sums[i] > sums[*best]) best = i;
    }
    if (!best) return false;
    label = labels_[*best];
    return true;
  }

  // Of two classes, one may be all that leaves vote for: with shares, or with sums to both sides of zero.
  void score_two(std::span<const double> sums, std::span<const double> voted, double& label,
                 std::span<double> scores) const {
    const bool single = votes_[0] != votes_[1];
    const bool share = single && all_positive_;
    const double sum = voted[1] != 0.0 ? sums[1] : sums[0];
    const bool positive = sum > (share ? 0.5 : 0.0);
    // With votes for both, ONNX Runtime answers 1 and 0 whatever the labels are.
    label = single ? labels_[positive ? 1 : 0] : (positive ? 1.0 : 0.0);
    if (voted[1] != 0.0) {
      scores[0] = sums[0];
      scores[1] = sums[1];
      apply_transform(transform_, scores, rounds_);
    } else {
      spread_score(transform_, share && transform_ != Transform::kLogistic, sum, scores.first<2>());
    }
  }

  const Transform transform_;
  const bool rounds_;
  const std::vector<double> base_;    // none, or one per target
  const std::vector<double> labels_;  // none: a regression
  const bool all_positive_;
  const std::vector<bool> votes_;
  const Places places_;
};

std::optional<Mode> mode_from(std::string_view name) {
  if (name == "BRANCH_LEQ") return Mode::kLessEqual;
  if (name == "BRANCH_LT") return Mode::kLess;
  if (name == "BRANCH_GTE") return Mode::kGreaterEqual;
  if (name == "BRANCH_GT") return Mode::kGreater;
  if (name == "BRANCH_EQ") return Mode::kEqual;
  if (name == "BRANCH_NEQ") return Mode::kNotEqual;
  if (name == "LEAF") return Mode::kLeaf;
  return std::nullopt;
}

// Numbers that version 3 may also hold as a tensor of doubles.
std::vector<double> numbers_or_tensor(NodePlan& node, const std::string& name) {
  if (node.version() >= 3 && node.has(name + "_as_tensor")) return node.tensor(name + "_as_tensor").numbers;
  return node.numbers(name);
}

using NodeKey = std::pair<std::int64_t, std::int64_t>;  // tree and node

// Reads nodes and links them; `places` says where each ended up.
absl::Status read_nodes(NodePlan& node, Ensemble& ensemble, std::map<NodeKey, std::uint32_t>& places) {
  const std::vector<std::int64_t> trees = node.integers("nodes_treeids");
  const std::vector<std::int64_t> ids = node.integers("nodes_nodeids");
  const std::vector<std::int64_t> features = node.integers("nodes_featureids");
  const std::vector<std::string> modes = node.texts("nodes_modes");
  const std::vector<double> values = numbers_or_tensor(node, "nodes_values");
  const std::vector<std::int64_t> yes = node.integers("nodes_truenodeids");
  const std::vector<std::int64_t> no = node.integers("nodes_falsenodeids");
  const std::vector<std::int64_t> missing = node.integers("nodes_missing_value_tracks_true");
  node.ignore("nodes_hitrates");
  node.ignore("nodes_hitrates_as_tensor");
  const std::size_t count = trees.size();
  if (count > node.limits().nodes) {
    return absl::ResourceExhaustedError(
        fmt::format("{} nodes, at most {} allowed", count, node.limits().nodes));
  }
  for (const std::size_t size :
       {ids.size(), features.size(), modes.size(), values.size(), yes.size(), no.size()}) {
    if (size != count) return node.wrong("its lists of nodes are of different lengths");
  }
  if (!missing.empty() && missing.size() != count)
    return node.wrong("its lists of nodes are of different lengths");
  ensemble.nodes.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!places.emplace(NodeKey(trees[i], ids[i]), static_cast<std::uint32_t>(i)).second) {
      return node.wrong(fmt::format("tree {} has the node {} twice", trees[i], ids[i]));
    }
  }
  std::vector<bool> is_child(count);
  for (std::size_t i = 0; i < count; ++i) {
    EnsembleNode& built = ensemble.nodes[i];
    const std::optional<Mode> mode = mode_from(modes[i]);
    if (!mode) return node.refuse(fmt::format("the mode '{:.40}' is unknown", modes[i]));
    built.mode = *mode;
    if (*mode == Mode::kLeaf) continue;
    if (features[i] < 0 || features[i] > std::numeric_limits<std::int32_t>::max()) {
      return node.wrong(fmt::format("a node looks at column {}", features[i]));
    }
    built.feature = static_cast<std::uint32_t>(features[i]);
    built.value = values[i];
    built.missing_is_true = !missing.empty() && missing[i] != 0;
    const auto to_yes = places.find(NodeKey(trees[i], yes[i]));
    const auto to_no = places.find(NodeKey(trees[i], no[i]));
    if (to_yes == places.end() || to_no == places.end()) {
      return node.wrong(fmt::format("a child of node {} of tree {} is no node", ids[i], trees[i]));
    }
    built.yes = to_yes->second;
    built.no = to_no->second;
    is_child[built.yes] = true;
    is_child[built.no] = true;
  }
  // In the order in which trees stand in the file: that is the order in which sums are taken.
  std::set<std::int64_t> rooted;
  for (std::size_t i = 0; i < count; ++i) {
    if (is_child[i]) continue;
    if (!rooted.insert(trees[i]).second) return node.wrong(fmt::format("tree {} has two roots", trees[i]));
    ensemble.roots.push_back(static_cast<std::uint32_t>(i));
  }
  return absl::OkStatus();
}

// Reads what leaves vote for, and hands each leaf its own.
absl::Status read_votes(NodePlan& node, const std::string& prefix,
                        const std::map<NodeKey, std::uint32_t>& places, Ensemble& ensemble) {
  const std::vector<std::int64_t> trees = node.integers(prefix + "_treeids");
  const std::vector<std::int64_t> ids = node.integers(prefix + "_nodeids");
  const std::vector<std::int64_t> targets = node.integers(prefix + "_ids");
  const std::vector<double> weights = numbers_or_tensor(node, prefix + "_weights");
  if (ids.size() != trees.size() || targets.size() != trees.size() || weights.size() != trees.size()) {
    return node.wrong("its lists of votes are of different lengths");
  }
  std::vector<std::pair<std::uint32_t, std::size_t>> order;  // leaf, and number of the vote
  for (std::size_t i = 0; i < trees.size(); ++i) {
    const auto leaf = places.find(NodeKey(trees[i], ids[i]));
    if (leaf == places.end() || ensemble.nodes[leaf->second].mode != Mode::kLeaf) {
      return node.wrong(fmt::format("node {} of tree {} votes and is no leaf", ids[i], trees[i]));
    }
    if (targets[i] < 0 || targets[i] >= static_cast<std::int64_t>(ensemble.targets)) {
      return node.wrong(fmt::format("a leaf votes for {}, of {}", targets[i], ensemble.targets));
    }
    order.emplace_back(leaf->second, i);
  }
  std::ranges::sort(order);
  for (const auto& [leaf, i] : order) {
    Slice& slice = ensemble.nodes[leaf].slice;
    if (slice.count == 0) slice.first = static_cast<std::uint32_t>(ensemble.votes.size());
    ++slice.count;
    ensemble.votes.push_back({static_cast<std::uint32_t>(targets[i]), weights[i]});
  }
  return absl::OkStatus();
}

// What sums may not be made of, since ONNX Runtime and the standard do not agree on it, or no one knows what it means.
absl::Status refuse_odd(const NodePlan& node, bool classifies, Transform transform, std::size_t base,
                        const VotesInfo& votes) {
  const std::size_t targets = votes.voted.size();
  if (classifies && targets < 2) return node.refuse("has fewer than two classes");
  if (base != 0 && base != targets && !(classifies && targets == 2 && base == 1)) {
    return node.refuse(fmt::format("has {} base values for {} sums", base, targets));
  }
  if (classifies && targets == 2) {
    if (transform == Transform::kProbit) return node.refuse("has two classes and the transform PROBIT");
    if (base != 0 && (base != 1 || votes.voted[1])) {
      return node.refuse(
          "has two classes, base values, and votes that are not just for the first: ONNX Runtime and the "
          "standard do not "
          "agree on what that gives");
    }
  }
  return absl::OkStatus();
}

// ONNX Runtime transforms a single sum by nothing but PROBIT.
Transform transform_of_sums(Transform transform, std::size_t targets) {
  return targets == 1 && transform != Transform::kProbit ? Transform::kNone : transform;
}

// A leaf without a vote is one of zero where a single target takes the least or the largest.
void add_votes_of_zero(Ensemble& ensemble) {
  for (EnsembleNode& node : ensemble.nodes) {
    if (node.mode != Mode::kLeaf || node.slice.count > 0) continue;
    node.slice = {.first = static_cast<std::uint32_t>(ensemble.votes.size()), .count = 1};
    ensemble.votes.push_back({.target = 0, .weight = 0.0});
  }
}

absl::Status plan_ensemble(NodePlan& node, bool classifies) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  std::size_t columns = 0;
  if (absl::Status status = node.expect_columns(0, columns); !status.ok()) return status;
  const Value& input = node.input(0);
  Ensemble ensemble;
  std::optional<ClassLabels> labels;
  if (classifies) {
    labels = class_labels(node, "classlabels_int64s", "classlabels_strings");
    if (!labels) return node.wrong("has no labels, or two kinds of them");
    ensemble.targets = labels->numbers.size();
  } else {
    const std::int64_t targets = node.integer("n_targets", 1);
    if (targets < 1 || targets > 1'000'000) return node.wrong(fmt::format("has {} targets", targets));
    ensemble.targets = static_cast<std::size_t>(targets);
    const std::string aggregate = node.text("aggregate_function", "SUM");
    if (aggregate == "SUM") {
      ensemble.aggregate = Aggregate::kSum;
    } else if (aggregate == "AVERAGE") {
      ensemble.aggregate = Aggregate::kAverage;
    } else if (aggregate == "MIN") {
      ensemble.aggregate = Aggregate::kMin;
    } else if (aggregate == "MAX") {
      ensemble.aggregate = Aggregate::kMax;
    } else {
      return node.refuse(fmt::format("the aggregate_function '{:.40}' is unknown", aggregate));
    }
  }
  const auto transform = transform_from(node.text("post_transform", "NONE"));
  if (!transform) return node.refuse("its post_transform is unknown");
  std::vector<double> base = numbers_or_tensor(node, "base_values");
  std::map<NodeKey, std::uint32_t> places;
  if (absl::Status status = read_nodes(node, ensemble, places); !status.ok()) return status;
  if (absl::Status status = read_votes(node, classifies ? "class" : "target", places, ensemble); !status.ok())
    return status;
  const bool sums = ensemble.aggregate == Aggregate::kSum || ensemble.aggregate == Aggregate::kAverage;
  if (!sums && ensemble.targets == 1) add_votes_of_zero(ensemble);
  if (absl::Status status = check_ensemble(ensemble, columns, node.limits()); !status.ok()) {
    return absl::Status(status.code(), fmt::format("{}: {}", node.type(), std::string(status.message())));
  }
  const VotesInfo votes = votes_info(ensemble);
  if (absl::Status status = refuse_odd(node, classifies, *transform, base.size(), votes); !status.ok())
    return status;
  for (const double number : base) {
    if (!std::isfinite(number)) return node.wrong("has a base value that is not finite");
  }

  const bool in_double = input.element == Element::kDouble;
  TreeScores::Places slots{};
  slots.sums = node.add_slots(ensemble.targets);
  slots.voted = node.add_slots(ensemble.targets);
  auto trees =
      ensemble_step(ensemble, columns, in_double, input.slot, slots.sums, slots.voted, node.limits());
  if (!trees.ok()) return trees.status();
  node.need_floats(floats_of_ensemble(ensemble, columns));
  node.add_step(*std::move(trees));
  if (labels) slots.label = add_label_output(node, *labels);
  // A classifier's scores are floats, whatever its rows are of; so are a regression's.
  slots.scores = node.add_output(Element::kFloat, {static_cast<std::int64_t>(ensemble.targets)}).slot;
  node.add_step(std::make_unique<TreeScores>(
      classifies ? *transform : transform_of_sums(*transform, ensemble.targets), true, std::move(base),
      labels ? labels->numbers : std::vector<double>(), votes, slots));
  return absl::OkStatus();
}

// ---- version 5 ---------------------------------------------------------------------------------------------

// Reads nodes, which have no leaves among them; each place that names a leaf gets one of its own.
absl::Status read_inner_nodes(NodePlan& node, Ensemble& ensemble) {
  const std::vector<std::int64_t> features = node.integers("nodes_featureids");
  const std::vector<double> modes = node.tensor("nodes_modes").numbers;
  const std::vector<double> splits = node.tensor("nodes_splits").numbers;
  const std::vector<double> members = node.tensor("membership_values").numbers;
  const std::vector<std::int64_t> missing = node.integers("nodes_missing_value_tracks_true");
  const std::vector<std::int64_t> targets = node.integers("leaf_targetids");
  const std::vector<double> weights = node.tensor("leaf_weights").numbers;
  const std::vector<std::int64_t> children[] = {node.integers("nodes_truenodeids"),
                                                node.integers("nodes_falsenodeids")};
  const std::vector<std::int64_t> leaves[] = {node.integers("nodes_trueleafs"),
                                              node.integers("nodes_falseleafs")};
  node.ignore("nodes_hitrates");
  const std::size_t count = features.size();
  if (count > node.limits().nodes / 3) {
    return absl::ResourceExhaustedError(
        fmt::format("{} nodes, at most {} allowed", count, node.limits().nodes / 3));
  }
  for (const std::size_t size :
       {modes.size(), splits.size(), children[0].size(), children[1].size(), leaves[0].size(),
        leaves[1].size(), missing.empty() ? count : missing.size()}) {
    if (size != count) return node.wrong("its lists of nodes are of different lengths");
  }
  if (targets.size() != weights.size()) return node.wrong("its lists of leaves are of different lengths");
  ensemble.nodes.resize(count);
  ensemble.members = members;
  std::size_t next_member = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (features[i] < 0 || features[i] > std::numeric_limits<std::int32_t>::max())
      return node.wrong(fmt::format("a node looks at column {}", features[i]));
    if (!(modes[i] >= 0.0 && modes[i] <= static_cast<double>(Mode::kMember)))
      return node.refuse(fmt::format("the mode {} is unknown", modes[i]));
    EnsembleNode built;
    built.mode = static_cast<Mode>(static_cast<std::uint8_t>(modes[i]));
    built.feature = static_cast<std::uint32_t>(features[i]);
    built.missing_is_true = !missing.empty() && missing[i] != 0;
    if (built.mode != Mode::kMember) {
      built.value = splits[i];
    } else {
      // The members of one node after those of the other; a NaN ends them.
      built.slice.first = static_cast<std::uint32_t>(next_member);
      while (next_member < members.size() && !std::isnan(members[next_member])) ++next_member;
      built.slice.count = static_cast<std::uint32_t>(next_member) - built.slice.first;
      if (built.slice.count == 0) return node.wrong(fmt::format("node {} has no members", i));
      if (next_member < members.size()) ++next_member;
    }
    for (std::size_t side = 0; side < 2; ++side) {
      const std::int64_t child = children[side][i];
      const std::size_t most = leaves[side][i] != 0 ? targets.size() : count;
      if (child < 0 || static_cast<std::size_t>(child) >= most)
        return node.wrong(fmt::format("a child of node {} is no node", i));
      auto place = static_cast<std::uint32_t>(child);
      if (leaves[side][i] != 0) {
        const std::int64_t target = targets[static_cast<std::size_t>(child)];
        if (target < 0 || target >= static_cast<std::int64_t>(ensemble.targets))
          return node.wrong(fmt::format("a leaf votes for {}, of {}", target, ensemble.targets));
        place = static_cast<std::uint32_t>(ensemble.nodes.size());
        EnsembleNode& leaf = ensemble.nodes.emplace_back();
        leaf.slice = {static_cast<std::uint32_t>(ensemble.votes.size()), 1};
        ensemble.votes.push_back(
            {static_cast<std::uint32_t>(target), weights[static_cast<std::size_t>(child)]});
      }
      (side == 0 ? built.yes : built.no) = place;
    }
    ensemble.nodes[i] = built;
  }
  for (const std::int64_t root : node.integers("tree_roots")) {
    if (root < 0 || static_cast<std::size_t>(root) >= count) return node.wrong("a root is no node");
    ensemble.roots.push_back(static_cast<std::uint32_t>(root));
  }
  return absl::OkStatus();
}

absl::Status plan_ensemble_of_version_5(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  std::size_t columns = 0;
  if (absl::Status status = node.expect_columns(0, columns); !status.ok()) return status;
  const Value& input = node.input(0);
  constexpr Aggregate kAggregates[] = {Aggregate::kAverage, Aggregate::kSum, Aggregate::kMin,
                                       Aggregate::kMax};
  // The standard numbers SOFTMAX before LOGISTIC. ONNX Runtime does not.
  constexpr Transform kTransforms[] = {Transform::kNone, Transform::kLogistic, Transform::kSoftmax,
                                       Transform::kSoftmaxZero, Transform::kProbit};
  Ensemble ensemble;
  const std::int64_t targets = node.integer("n_targets", 1);
  const std::int64_t aggregate = node.integer("aggregate_function", 1);
  const std::int64_t post = node.integer("post_transform", 0);
  if (targets < 1 || targets > 1'000'000) return node.wrong(fmt::format("has {} targets", targets));
  if (aggregate < 0 || aggregate > 3) return node.refuse("its aggregate_function is unknown");
  if (post < 0 || post > 4) return node.refuse("its post_transform is unknown");
  if (input.element != Element::kFloat && input.element != Element::kDouble)
    return node.refuse("its input is neither of floats nor of doubles");
  ensemble.targets = static_cast<std::size_t>(targets);
  ensemble.aggregate = kAggregates[aggregate];
  const Transform transform = kTransforms[post];
  if (absl::Status status = read_inner_nodes(node, ensemble); !status.ok()) return status;
  if (absl::Status status = check_ensemble(ensemble, columns, node.limits()); !status.ok()) {
    return absl::Status(status.code(), fmt::format("{}: {}", node.type(), std::string(status.message())));
  }
  const VotesInfo votes = votes_info(ensemble);
  if (absl::Status status = refuse_odd(node, false, transform, 0, votes); !status.ok()) return status;
  const bool in_double = input.element == Element::kDouble;
  TreeScores::Places slots{};
  slots.sums = node.add_slots(ensemble.targets);
  slots.voted = node.add_slots(ensemble.targets);
  auto trees =
      ensemble_step(ensemble, columns, in_double, input.slot, slots.sums, slots.voted, node.limits());
  if (!trees.ok()) return trees.status();
  node.need_floats(floats_of_ensemble(ensemble, columns));
  node.add_step(*std::move(trees));
  slots.scores = node.add_output(input.element, {targets}).slot;
  node.add_step(std::make_unique<TreeScores>(transform_of_sums(transform, ensemble.targets), !in_double,
                                             std::vector<double>(), std::vector<double>(), votes, slots));
  return absl::OkStatus();
}

}  // namespace

bool plan_trees(NodePlan& node, absl::Status& status) {
  if (node.type() == "TreeEnsemble" && node.version() >= 5) {
    status = plan_ensemble_of_version_5(node);
    return true;
  }
  if (node.type() != "TreeEnsembleClassifier" && node.type() != "TreeEnsembleRegressor") return false;
  status = plan_ensemble(node, node.type() == "TreeEnsembleClassifier");
  return true;
}

}  // namespace weir::ml::onnx
