// The check of untrusted trees, and their layout.
#include <weir/ml/forest_layout.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <tuple>

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <fmt/format.h>

namespace weir::ml {
namespace {

constexpr double kEndless = std::numeric_limits<double>::infinity();

absl::Status refuse_tree(std::size_t tree, const std::string& what) {
  return absl::InvalidArgumentError(fmt::format("tree {} {}", tree, what));
}

absl::Status refuse_node(std::size_t tree, std::uint32_t node, const std::string& what) {
  return absl::InvalidArgumentError(fmt::format("tree {} node {}: {}", tree, node, what));
}

// What a node reads: its slot, before slots are numbered.
Slot slot_of(const TreeNode& node) {
  Slot slot;
  slot.feature = static_cast<std::uint32_t>(node.feature);
  if (node.categories != TreeNode::kNone && !node.by_presence) {
    slot.kind = node.missing == Missing::kNone ? SlotKind::kWholeCategory : SlotKind::kCategory;
    slot.missing = node.missing == Missing::kNone || node.default_left ? kNoCategory : kMissingGoesRight;
    return slot;
  }
  const bool zero_is_missing = node.missing == Missing::kZero;
  slot.kind = zero_is_missing ? SlotKind::kNonZero : SlotKind::kNumber;
  if (node.by_presence) slot.kind = zero_is_missing ? SlotKind::kPresentNonZero : SlotKind::kPresent;
  slot.missing = node.missing == Missing::kNone ? 0.0 : node.default_left ? -kEndless : kEndless;
  return slot;
}

class Planner {
 public:
  Planner(std::size_t features, std::size_t outputs, const LoadLimits& limits)
      : features_(features), outputs_(outputs), limits_(limits) {
    layout_.slots.push_back({0, SlotKind::kNumber, kEndless});
  }

  absl::Status add(const Tree& tree, std::size_t number) {
    if (tree.nodes.empty()) return refuse_tree(number, "has no nodes");
    if (tree.output >= outputs_) {
      return refuse_tree(number, fmt::format("adds to output {} of {}", tree.output, outputs_));
    }
    std::vector<PlacedNode>& nodes = layout_.nodes;
    if (tree.nodes.size() > limits_.nodes || nodes.size() > limits_.nodes - tree.nodes.size()) {
      return absl::ResourceExhaustedError(
          fmt::format("tree {}: more than {} nodes in all", number, limits_.nodes));
    }
    const std::size_t start = nodes.size();
    order_.assign(1, 0);
    depths_.assign(1, 0);
    reached_.assign(tree.nodes.size(), false);
    reached_[0] = true;
    std::uint32_t depth = 0;
    for (std::size_t place = 0; place < order_.size(); ++place) {
      const std::uint32_t id = order_[place];
      const TreeNode& node = tree.nodes[id];
      depth = std::max(depth, depths_[place]);
      if (depth > limits_.depth) {
        return absl::ResourceExhaustedError(fmt::format("tree {}: deeper than {}", number, limits_.depth));
      }
      if (node.left == TreeNode::kNoChild && node.right == TreeNode::kNoChild) {
        if (absl::Status status = add_leaf(tree, number, id); !status.ok()) return status;
        continue;
      }
      if (node.feature < 0 || static_cast<std::size_t>(node.feature) >= features_) {
        return refuse_node(number, id, fmt::format("decides by feature {} of {}", node.feature, features_));
      }
      for (const std::int32_t child : {node.left, node.right}) {
        if (child < 0 || static_cast<std::size_t>(child) >= tree.nodes.size()) {
          return refuse_node(number, id, fmt::format("has child {} of {} nodes", child, tree.nodes.size()));
        }
        if (reached_[static_cast<std::size_t>(child)]) {
          return refuse_node(number, id,
                             fmt::format("has child {}, which has a parent already or is the root", child));
        }
        reached_[static_cast<std::size_t>(child)] = true;
      }
      PlacedNode placed;
      placed.slot = number_of(slot_of(node));
      placed.right = static_cast<std::uint32_t>(order_.size() + 1 - place);
      if (node.by_presence) {
        placed.threshold = 1.0;
      } else if (node.categories == TreeNode::kNone) {
        if (!std::isfinite(node.threshold)) {
          return refuse_node(number, id, fmt::format("threshold is {}", node.threshold));
        }
        placed.threshold = node.threshold;
      } else if (absl::Status status = add_set(tree, number, id, placed); !status.ok()) {
        return status;
      }
      nodes.push_back(placed);
      for (const std::int32_t child : {node.left, node.right}) {
        order_.push_back(static_cast<std::uint32_t>(child));
        depths_.push_back(depths_[place] + 1);
      }
    }
    layout_.roots.push_back(
        {static_cast<std::uint32_t>(start), depth, static_cast<std::uint32_t>(tree.output)});
    return absl::OkStatus();
  }

  // Orders the slots by kind, so that a row is copied into them without asking each for its kind.
  ForestLayout finish() {
    std::vector<std::uint32_t> order(layout_.slots.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin() + 1, order.end(), [this](std::uint32_t a, std::uint32_t b) {
      return layout_.slots[a].kind < layout_.slots[b].kind;
    });
    std::vector<std::uint32_t> places(order.size());
    std::vector<Slot> slots;
    for (const std::uint32_t old : order) {
      places[old] = static_cast<std::uint32_t>(slots.size());
      slots.push_back(layout_.slots[old]);
    }
    layout_.slots = std::move(slots);
    for (PlacedNode& node : layout_.nodes) node.slot = places[node.slot];
    return std::move(layout_);
  }

 private:
  absl::Status add_leaf(const Tree& tree, std::size_t number, std::uint32_t id) {
    const TreeNode& node = tree.nodes[id];
    if (!std::isfinite(node.value)) return refuse_node(number, id, fmt::format("leaf is {}", node.value));
    PlacedNode placed;
    placed.value = node.value;
    if (node.linear != TreeNode::kNone) {
      if (node.linear < 0 || static_cast<std::size_t>(node.linear) >= tree.linear_leaves.size()) {
        return refuse_node(number, id,
                           fmt::format("has linear leaf {} of {}", node.linear, tree.linear_leaves.size()));
      }
      const LinearLeaf& linear = tree.linear_leaves[static_cast<std::size_t>(node.linear)];
      if (!std::isfinite(linear.constant) || linear.features.size() != linear.coefficients.size()) {
        return refuse_node(number, id, "has a linear leaf that is not finite, or not whole");
      }
      for (std::size_t i = 0; i < linear.features.size(); ++i) {
        const std::int32_t feature = linear.features[i];
        if (feature < 0 || static_cast<std::size_t>(feature) >= features_) {
          return refuse_node(number, id, fmt::format("adds up feature {} of {}", feature, features_));
        }
        if (!std::isfinite(linear.coefficients[i])) {
          return refuse_node(number, id, fmt::format("coefficient is {}", linear.coefficients[i]));
        }
      }
      placed.linear = static_cast<std::int32_t>(layout_.linear_leaves.size());
      layout_.linear_leaves.push_back(linear);
    }
    layout_.nodes.push_back(placed);
    return absl::OkStatus();
  }

  absl::Status add_set(const Tree& tree, std::size_t number, std::uint32_t id, PlacedNode& placed) {
    const std::int32_t index = tree.nodes[id].categories;
    if (index < 0 || static_cast<std::size_t>(index) >= tree.category_sets.size()) {
      return refuse_node(number, id,
                         fmt::format("has category set {} of {}", index, tree.category_sets.size()));
    }
    const CategorySet& set = tree.category_sets[static_cast<std::size_t>(index)];
    const std::size_t end = std::size_t{set.first_word} + set.words;
    if (end > tree.category_words.size()) {
      return refuse_node(number, id, "has a category set that is not whole");
    }
    // The same words may be named by many nodes, so what they add is limited too.
    std::vector<std::uint32_t>& words = layout_.category_words;
    if (set.words > limits_.nodes || words.size() > limits_.nodes - set.words) {
      return absl::ResourceExhaustedError(
          fmt::format("tree {}: category sets of more than {} words in all", number, limits_.nodes));
    }
    placed.set = static_cast<std::uint32_t>(layout_.sets.size());
    layout_.sets.push_back({static_cast<std::uint32_t>(words.size()), set.words});
    words.insert(words.end(), tree.category_words.begin() + set.first_word,
                 tree.category_words.begin() + static_cast<std::ptrdiff_t>(end));
    return absl::OkStatus();
  }

  std::uint32_t number_of(const Slot& slot) {
    const auto [found, is_new] = numbers_.try_emplace(std::tuple(slot.feature, slot.kind, slot.missing),
                                                      static_cast<std::uint32_t>(layout_.slots.size()));
    if (is_new) layout_.slots.push_back(slot);
    return found->second;
  }

  const std::size_t features_;
  const std::size_t outputs_;
  const LoadLimits& limits_;
  ForestLayout layout_;
  absl::flat_hash_map<std::tuple<std::uint32_t, SlotKind, double>, std::uint32_t> numbers_;
  // Of the tree at hand: node numbers breadth first, their depths, and who has been reached.
  std::vector<std::uint32_t> order_;
  std::vector<std::uint32_t> depths_;
  std::vector<bool> reached_;
};

}  // namespace

absl::StatusOr<ForestLayout> lay_out(std::span<const Tree> trees, std::size_t features, std::size_t outputs,
                                     const LoadLimits& limits) {
  Planner planner(features, outputs, limits);
  for (std::size_t i = 0; i < trees.size(); ++i) {
    if (absl::Status status = planner.add(trees[i], i); !status.ok()) return status;
  }
  return planner.finish();
}

}  // namespace weir::ml
