// A Forest adds up the leaves that a row falls into in many binary decision trees: the evaluator behind
// boosted models. It knows no file format; loaders hand it plain Trees.
//
// Layout. All trees lie in one array, each breadth first, the children of a node side by side:
//
//   node     { threshold, slot, right }        8 bytes; 12 in a forest too wide for 16-bit numbers
//   step     index += right - (slots[slot] < threshold)          `right` is the distance to the right child
//   leaf     { value, slot 0, 0 }              slot 0 always holds +infinity, so a leaf steps onto itself
//
// A row is first copied into slots, one per (feature, side for missing values) in use: a missing value
// becomes -infinity where the nodes send it left and +infinity where they send it right. A step then needs
// neither a branch nor a test for NaN, and all lanes of an interleaved walk take the same number of steps:
// the depth of the tree.
//
// Sums are taken tree by tree in float, beginning with the base margin. That is XGBoost's order, so margins
// equal its own bit for bit; and it is the same order for one row and for many.
//
// Thread safety: immutable after build(); any number of threads may call margins() at the same time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/ml/load_limits.h>
#include <weir/ml/row_batch.h>

namespace weir::ml {

// A node as loaders describe it. A leaf has kNoChild on both sides and only `value` counts. Any other node
// sends a row left when its `feature` is less than `threshold`, or is missing and `default_left` is set;
// otherwise right.
struct TreeNode {
  static constexpr std::int32_t kNoChild = -1;

  std::int32_t left = kNoChild;
  std::int32_t right = kNoChild;
  std::int32_t feature = 0;
  float threshold = 0.0f;
  bool default_left = false;
  float value = 0.0f;
};

// A tree as loaders describe it: node 0 is the root, and its leaves add to the margin numbered `output`.
// Nodes that cannot be reached are ignored.
struct Tree {
  std::vector<TreeNode> nodes;
  std::size_t output = 0;
};

class Forest {
 public:
  // A row's margins must fit on the stack of those who look for the largest.
  static constexpr std::size_t kMostOutputs = 4096;

  // Builds a forest over rows of `features` columns; one margin per element of `base_margins`, which it
  // starts from.
  //
  // Nothing about the trees is trusted. INVALID_ARGUMENT, naming tree and node, for: a tree without nodes, a
  // child or feature or output out of range, a node with one child, a node reached twice (a cycle, or a
  // shared child), a threshold, leaf or base margin that is not finite. RESOURCE_EXHAUSTED for more than
  // `limits` allow.
  [[nodiscard]] static absl::StatusOr<Forest> build(std::span<const Tree> trees, std::size_t features,
                                                    std::vector<float> base_margins,
                                                    const LoadLimits& limits = {});

  // Writes the margins of each row into `margins`, row after row. The caller answers for the shapes:
  // features() columns and rows() * outputs() margins. Allocates nothing.
  void margins(const RowBatch& rows, std::span<float> margins) const;

  std::size_t features() const { return features_; }
  std::size_t outputs() const { return base_margins_.size(); }
  std::size_t trees() const { return trees_.size(); }
  std::size_t nodes() const { return packed_.empty() ? wide_.size() : packed_.size(); }

  // The shapes the walks read. Public for their kernels, of no use to callers.
  template <class Number>
  struct Node {
    float threshold_or_value;
    Number slot;
    Number right;
  };
  using PackedNode = Node<std::uint16_t>;
  using WideNode = Node<std::uint32_t>;
  struct Root {
    std::uint32_t node;
    std::uint32_t depth;
    std::uint32_t output;
  };
  // Consecutive trees that one row walks at the same time. A last group that is not full repeats its last
  // tree.
  static constexpr std::size_t kGroupTrees = 8;
  struct Group {
    std::array<std::uint32_t, kGroupTrees> nodes;
    std::uint32_t depth;  // of the deepest
  };

 private:
  Forest() = default;

  template <class Number>
  void walk(std::span<const Node<Number>> nodes, const RowBatch& rows, std::span<float> margins) const;

  std::size_t features_ = 0;
  std::vector<float> base_margins_;
  std::vector<Root> trees_;
  std::vector<Group> groups_;       // the trees again, by kGroupTrees
  std::vector<PackedNode> packed_;  // one of these two holds the nodes, the other is empty
  std::vector<WideNode> wide_;
  std::vector<std::uint32_t> slot_features_;  // by slot; slot 0 has none
  std::vector<float> slot_missing_;           // by slot: what a missing value becomes
};

}  // namespace weir::ml
