// Forest: the check of untrusted trees, the layout, and the walks over it.
#include <weir/ml/forest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <fmt/format.h>

namespace weir::ml {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Rows interleaved in a batch: 8 were slower by a third on deep models, 32 on small ones (bench/score_bench).
// For the same reason eight trees are interleaved for one row.
constexpr std::size_t kRowLanes = 16;

// Slots are kept on the stack: 64 KB for a block of rows, of which one row may have all in the single-row
// walk.
constexpr std::size_t kScratchFloats = 16 * 1024;

// Below this many rows left over, one row after the other is faster than a block with idle lanes.
constexpr std::size_t kSmallestBlock = 4;

// ---- walks ------------------------------------------------------------------------------------------------
// Plain scalar code: the processor overlaps the lanes by itself. Versions compiled for AVX2 were no faster
// with g++ 12 and slower with clang 14, which moves the indexes in and out of vectors.

using Root = Forest::Root;
using Group = Forest::Group;

// What the walk of a single row reads and writes.
template <class Node>
struct RowWalk {
  const Node* nodes;
  std::span<const Group> groups;
  std::span<const Root> trees;
  const float* slots;
  std::span<float> margins;
};

template <class Node>
void walk_row(const RowWalk<Node>& walk) {
  constexpr std::size_t kLanes = Forest::kGroupTrees;
  const Node* const nodes = walk.nodes;
  const float* const slots = walk.slots;
  // A single sum stays in a register: through memory, a fifth of the time went into waiting for the last
  // addition.
  const bool has_one_sum = walk.margins.size() == 1;
  float sum = walk.margins[0];
  std::size_t first = 0;
  for (const Group& group : walk.groups) {
    std::array<std::uint32_t, kLanes> index = group.nodes;
    for (std::uint32_t step = 0; step < group.depth; ++step) {
#pragma GCC unroll 8
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const Node& node = nodes[index[lane]];
        index[lane] += node.right - static_cast<std::uint32_t>(slots[node.slot] < node.threshold_or_value);
      }
    }
    const std::size_t count = std::min(kLanes, walk.trees.size() - first);
    if (has_one_sum) {
      for (std::size_t lane = 0; lane < count; ++lane) sum += nodes[index[lane]].threshold_or_value;
    } else {
      for (std::size_t lane = 0; lane < count; ++lane) {
        walk.margins[walk.trees[first + lane].output] += nodes[index[lane]].threshold_or_value;
      }
    }
    first += count;
  }
  if (has_one_sum) walk.margins[0] = sum;
}

// What the walk of a block reads and writes: `slots` holds kRowLanes rows of `stride` slots, `margins` a row
// of `outputs` for each of the `count` rows that are asked for.
template <class Node>
struct BlockWalk {
  const Node* nodes;
  std::span<const Root> trees;
  const float* slots;
  std::size_t stride;
  float* margins;
  std::size_t outputs;
  std::size_t count;
};

template <class Node>
void walk_block(const BlockWalk<Node>& walk) {
  const Node* const nodes = walk.nodes;
  const float* const slots = walk.slots;
  const std::size_t stride = walk.stride;
  for (const Root& tree : walk.trees) {
    std::array<std::uint32_t, kRowLanes> index;
    index.fill(tree.node);
    for (std::uint32_t step = 0; step < tree.depth; ++step) {
#pragma GCC unroll 16
      for (std::size_t lane = 0; lane < kRowLanes; ++lane) {
        const Node& node = nodes[index[lane]];
        index[lane] += node.right -
                       static_cast<std::uint32_t>(slots[lane * stride + node.slot] < node.threshold_or_value);
      }
    }
    for (std::size_t lane = 0; lane < walk.count; ++lane) {
      walk.margins[lane * walk.outputs + tree.output] += nodes[index[lane]].threshold_or_value;
    }
  }
}

// ---- checks -----------------------------------------------------------------------------------------------

// A node in its final place, before it is known whether the forest fits the packed layout.
struct PlacedNode {
  float threshold_or_value;
  std::uint32_t slot;
  std::uint32_t right;
};

// Lays trees out breadth first and refuses what is not a tree.
class Builder {
 public:
  Builder(std::size_t features, std::size_t outputs, const LoadLimits& limits)
      : features_(features), outputs_(outputs), limits_(limits) {
    slot_features.push_back(0);
    slot_missing.push_back(kInfinity);
  }

  absl::Status add(const Tree& tree, std::size_t number) {
    if (tree.nodes.empty()) return refuse(number, "has no nodes");
    if (tree.output >= outputs_) {
      return refuse(number, fmt::format("adds to output {} of {}", tree.output, outputs_));
    }
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
        if (!std::isfinite(node.value)) return refuse(number, id, fmt::format("leaf is {}", node.value));
        nodes.push_back({node.value, 0, 0});
        continue;
      }
      if (!std::isfinite(node.threshold)) {
        return refuse(number, id, fmt::format("threshold is {}", node.threshold));
      }
      if (node.feature < 0 || static_cast<std::size_t>(node.feature) >= features_) {
        return refuse(number, id, fmt::format("decides by feature {} of {}", node.feature, features_));
      }
      for (const std::int32_t child : {node.left, node.right}) {
        if (child < 0 || static_cast<std::size_t>(child) >= tree.nodes.size()) {
          return refuse(number, id, fmt::format("has child {} of {} nodes", child, tree.nodes.size()));
        }
        if (reached_[static_cast<std::size_t>(child)]) {
          return refuse(number, id,
                        fmt::format("has child {}, which has a parent already or is the root", child));
        }
        reached_[static_cast<std::size_t>(child)] = true;
      }
      const std::size_t right = order_.size() + 1;
      nodes.push_back({node.threshold, slot_of(static_cast<std::uint32_t>(node.feature), node.default_left),
                       static_cast<std::uint32_t>(right - place)});
      for (const std::int32_t child : {node.left, node.right}) {
        order_.push_back(static_cast<std::uint32_t>(child));
        depths_.push_back(depths_[place] + 1);
      }
    }
    roots.push_back({static_cast<std::uint32_t>(start), depth, static_cast<std::uint32_t>(tree.output)});
    return absl::OkStatus();
  }

  // The layout so far.
  std::vector<Root> roots;
  std::vector<PlacedNode> nodes;
  std::vector<std::uint32_t> slot_features;
  std::vector<float> slot_missing;

 private:
  static absl::Status refuse(std::size_t tree, const std::string& what) {
    return absl::InvalidArgumentError(fmt::format("tree {} {}", tree, what));
  }
  static absl::Status refuse(std::size_t tree, std::uint32_t node, const std::string& what) {
    return absl::InvalidArgumentError(fmt::format("tree {} node {}: {}", tree, node, what));
  }

  std::uint32_t slot_of(std::uint32_t feature, bool default_left) {
    const auto [found, is_new] =
        slots_.try_emplace({feature, default_left}, static_cast<std::uint32_t>(slot_features.size()));
    if (is_new) {
      slot_features.push_back(feature);
      slot_missing.push_back(default_left ? -kInfinity : kInfinity);
    }
    return found->second;
  }

  const std::size_t features_;
  const std::size_t outputs_;
  const LoadLimits& limits_;
  absl::flat_hash_map<std::pair<std::uint32_t, bool>, std::uint32_t> slots_;
  // Of the tree at hand: node numbers breadth first, their depths, and who has been reached.
  std::vector<std::uint32_t> order_;
  std::vector<std::uint32_t> depths_;
  std::vector<bool> reached_;
};

template <class Number>
std::vector<Forest::Node<Number>> narrowed(const std::vector<PlacedNode>& nodes) {
  std::vector<Forest::Node<Number>> result;
  result.reserve(nodes.size());
  for (const PlacedNode& node : nodes) {
    result.push_back(
        {node.threshold_or_value, static_cast<Number>(node.slot), static_cast<Number>(node.right)});
  }
  return result;
}

std::vector<Group> grouped(std::span<const Root> trees) {
  std::vector<Group> groups;
  for (std::size_t first = 0; first < trees.size(); first += Forest::kGroupTrees) {
    const std::span<const Root> some =
        trees.subspan(first, std::min(Forest::kGroupTrees, trees.size() - first));
    Group group{{}, 0};
    for (std::size_t lane = 0; lane < Forest::kGroupTrees; ++lane) {
      group.nodes[lane] = some[std::min(lane, some.size() - 1)].node;
    }
    for (const Root& tree : some) group.depth = std::max(group.depth, tree.depth);
    groups.push_back(group);
  }
  return groups;
}

}  // namespace

absl::StatusOr<Forest> Forest::build(std::span<const Tree> trees, std::size_t features,
                                     std::vector<float> base_margins, const LoadLimits& limits) {
  constexpr std::size_t kLargestNumber = std::numeric_limits<std::int32_t>::max();
  LoadLimits bounds = limits;
  bounds.nodes = std::min(bounds.nodes, kLargestNumber);
  bounds.features = std::min(bounds.features, kLargestNumber);
  bounds.outputs = std::min(bounds.outputs, kMostOutputs);
  if (features > bounds.features) {
    return absl::ResourceExhaustedError(
        fmt::format("{} features, at most {} allowed", features, bounds.features));
  }
  if (trees.size() > bounds.trees) {
    return absl::ResourceExhaustedError(
        fmt::format("{} trees, at most {} allowed", trees.size(), bounds.trees));
  }
  if (base_margins.empty()) return absl::InvalidArgumentError("a forest without outputs");
  if (base_margins.size() > bounds.outputs) {
    return absl::ResourceExhaustedError(
        fmt::format("{} outputs, at most {} allowed", base_margins.size(), bounds.outputs));
  }
  for (std::size_t i = 0; i < base_margins.size(); ++i) {
    if (!std::isfinite(base_margins[i])) {
      return absl::InvalidArgumentError(fmt::format("base margin {} is {}", i, base_margins[i]));
    }
  }

  Builder builder(features, base_margins.size(), bounds);
  for (std::size_t i = 0; i < trees.size(); ++i) {
    if (absl::Status status = builder.add(trees[i], i); !status.ok()) return status;
  }

  Forest forest;
  forest.features_ = features;
  forest.base_margins_ = std::move(base_margins);
  forest.trees_ = std::move(builder.roots);
  forest.groups_ = grouped(forest.trees_);
  forest.slot_features_ = std::move(builder.slot_features);
  forest.slot_missing_ = std::move(builder.slot_missing);
  const bool fits = std::all_of(builder.nodes.begin(), builder.nodes.end(), [](const PlacedNode& node) {
    constexpr std::uint32_t kLargest = std::numeric_limits<std::uint16_t>::max();
    return node.slot <= kLargest && node.right <= kLargest;
  });
  if (fits) {
    forest.packed_ = narrowed<std::uint16_t>(builder.nodes);
  } else {
    forest.wide_ = narrowed<std::uint32_t>(builder.nodes);
  }
  return forest;
}

void Forest::margins(const RowBatch& rows, std::span<float> margins) const {
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    std::copy(base_margins_.begin(), base_margins_.end(),
              margins.begin() + static_cast<std::ptrdiff_t>(row * outputs()));
  }
  if (wide_.empty()) {
    walk<std::uint16_t>(packed_, rows, margins);
  } else {
    walk<std::uint32_t>(wide_, rows, margins);
  }
}

template <class Number>
void Forest::walk(std::span<const Node<Number>> nodes, const RowBatch& rows, std::span<float> margins) const {
  const std::size_t stride = slot_features_.size();
  const auto fill_slots = [&](std::span<const float> row, float* slots) {
    slots[0] = kInfinity;
    for (std::size_t slot = 1; slot < stride; ++slot) {
      const float value = row[slot_features_[slot]];
      slots[slot] = std::isnan(value) ? slot_missing_[slot] : value;
    }
  };

  // A row too wide for the stack is walked without slots, a tree at a time.
  if (stride > kScratchFloats) {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const std::span<const float> row = rows.row(i);
      for (const Root& tree : trees_) {
        const Node<Number>* node = &nodes[tree.node];
        while (node->right != 0) {
          float value = row[slot_features_[node->slot]];
          if (std::isnan(value)) value = slot_missing_[node->slot];
          node += value < node->threshold_or_value ? node->right - 1 : node->right;
        }
        margins[i * outputs() + tree.output] += node->threshold_or_value;
      }
    }
    return;
  }

  std::array<float, kScratchFloats> slots;
  std::size_t first = 0;
  const bool blocks_fit = stride * kRowLanes <= kScratchFloats;
  while (blocks_fit && rows.rows() - first >= kSmallestBlock) {
    const std::size_t count = std::min(kRowLanes, rows.rows() - first);
    for (std::size_t lane = 0; lane < kRowLanes; ++lane) {
      // Idle lanes repeat the last row; their leaf is not added.
      fill_slots(rows.row(first + std::min(lane, count - 1)), slots.data() + lane * stride);
    }
    walk_block<Node<Number>>(
        {nodes.data(), trees_, slots.data(), stride, margins.data() + first * outputs(), outputs(), count});
    first += count;
  }
  for (; first < rows.rows(); ++first) {
    fill_slots(rows.row(first), slots.data());
    walk_row<Node<Number>>(
        {nodes.data(), groups_, trees_, slots.data(), margins.subspan(first * outputs(), outputs())});
  }
}

}  // namespace weir::ml
