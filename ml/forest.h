// A forest adds up the leaves that a row falls into in many binary decision trees: the evaluator behind boosted
// models. It knows no file format; loaders hand it plain Trees.
//
// Layout. All trees lie in one array, each breadth first, the children of a node side by side:
//
//   node     { threshold, slot, right }        8 bytes; 12 in a forest too wide for 16-bit numbers
//   step     index += right - (slots[slot] < threshold)          `right` is the distance to the right child
//   leaf     { value, slot 0, 0 }              slot 0 always holds +infinity, so a leaf steps onto itself
//
// A row is first copied into slots, one per (feature, treatment of missing values) in use: a missing value
// becomes -infinity where the nodes send it left and +infinity where they send it right. A step then needs
// neither a branch nor a test for NaN, and all lanes of an interleaved walk take the same number of steps: the
// depth of the tree. Only splits by category cost a branch, and only in forests that have them.
//
// Forest adds in float, beginning with the base margin: that is XGBoost's order and precision, so margins equal
// its own bit for bit. DoubleForest adds in double, as LightGBM does, and takes rows of floats or of doubles.
// Thresholds are doubles in both. For a row of floats each is replaced by the smallest float that is not less,
// which changes no decision. The order of additions is the same for one row and for many.
//
// How many lanes walk at once is measured by build(), with rows of its own making; it takes some milliseconds
// at most, and no score depends on the outcome.
//
// Thread safety: immutable after build(); any number of threads may call margins() at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/ml/forest_layout.h>
#include <weir/ml/forest_walks.h>
#include <weir/ml/load_limits.h>
#include <weir/ml/row_batch.h>
#include <weir/ml/tree.h>

namespace weir::ml {

// A row's margins must fit on the stack of those who look for the largest.
inline constexpr std::size_t kMostForestOutputs = 4096;

template <class Sum>
class BasicForest {
 public:
  static constexpr std::size_t kMostOutputs = kMostForestOutputs;

  // Builds a forest over rows of `features` columns; one margin per element of `base_margins`, which it starts
  // from.
  //
  // Nothing about the trees is trusted. INVALID_ARGUMENT, naming tree and node, for: a tree without nodes, a
  // child or feature or output or set out of range, a node with one child, a node reached twice (a cycle, or a
  // shared child), a threshold or leaf that is not finite, a base margin that is NaN or infinity (below
  // everything it may be: there all sums stay). UNIMPLEMENTED for linear leaves where sums are of floats. RESOURCE_EXHAUSTED for more than `limits` allow.
  [[nodiscard]] static absl::StatusOr<BasicForest> build(std::span<const Tree> trees, std::size_t features,
                                                         std::vector<Sum> base_margins,
                                                         const LoadLimits& limits = {});

  // Writes the margins of each row into `margins`, row after row. The caller answers for the shapes:
  // features() columns and rows() * outputs() margins. Allocates nothing.
  void margins(const RowBatch& rows, std::span<Sum> margins) const;
  void margins(const DoubleRowBatch& rows, std::span<Sum> margins) const
    requires std::is_same_v<Sum, double>;

  std::size_t features() const { return features_; }
  std::size_t outputs() const { return base_margins_.size(); }
  std::size_t trees() const { return roots_.size(); }
  std::size_t nodes() const { return packed_.empty() ? wide_.size() : packed_.size(); }

 private:
  template <class Value, class Number>
  using Nodes = std::vector<WalkNode<Value, Number>>;

  BasicForest() = default;

  // What the rest of build() does once the trees have been checked.
  void adopt(ForestLayout layout);
  void tune();

  template <class Value, class Number>
  WalkView<Value, Number, Sum> view_of(const Nodes<Value, Number>& nodes) const;
  template <class Value>
  void fill_slots(std::span<const Value> row, Value* slots) const;
  template <class Value>
  Value read_slot(std::span<const Value> row, std::size_t slot) const;

  // The ways down, for rows of `Value`.
  template <class Value, class Number>
  void walk(const Nodes<Value, Number>& nodes, const BasicRowBatch<Value>& rows,
            std::span<Sum> margins) const;
  template <class Value, class Number>
  void walk_rows(const WalkView<Value, Number, Sum>& view, const Value* slots, std::size_t stride,
                 std::size_t count, std::span<Sum> margins) const;
  template <class Value, class Number>
  void walk_one(const WalkView<Value, Number, Sum>& view, const Value* slots, std::span<Sum> margins) const;
  template <class Value, class Number>
  void walk_plainly(const WalkView<Value, Number, Sum>& view, std::span<const Value> row,
                    std::span<Sum> margins) const;

  std::size_t features_ = 0;
  std::vector<Sum> base_margins_;
  std::vector<TreeRoot> roots_;
  // One of these two holds the nodes, the other is empty. In a DoubleForest exact_ holds them too, with
  // thresholds for rows of doubles.
  Nodes<float, std::uint16_t> packed_;
  Nodes<float, std::uint32_t> wide_;
  Nodes<double, std::uint32_t> exact_;
  std::vector<Sum> leaves_;           // of a DoubleForest: by node
  std::vector<std::int32_t> linear_;  // by node, where there are linear leaves at all
  std::vector<LinearLeaf> linear_leaves_;
  // Slots by number, ordered by kind: numbers, then from other_begin_ other kinds, then categories.
  std::vector<std::uint32_t> slot_features_;
  std::vector<float> slot_missing_;
  std::vector<SlotKind> slot_kinds_;
  std::size_t other_begin_ = 0;
  std::size_t category_begin_ = 0;
  std::vector<CategorySet> sets_;
  std::vector<std::uint32_t> category_words_;
  // What was measured to be best.
  WalkPlan row_plan_;
  std::size_t block_lanes_ = 16;
};

extern template class BasicForest<float>;
extern template class BasicForest<double>;

using Forest = BasicForest<float>;
using DoubleForest = BasicForest<double>;

}  // namespace weir::ml
