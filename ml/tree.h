// Trees as loaders describe them: plain data, believed by no one. BasicForest::build checks them and lays them
// out for evaluation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::ml {

// What counts as a missing value where a node decides, and goes where `default_left` says.
enum class Missing : std::uint8_t {
  kNan,   // a NaN
  kZero,  // a NaN, and whatever is as good as zero (at most 1e-35)
  kNone,  // nothing: a NaN is a zero to a threshold, and in no set to a set
};

// A node. A leaf has kNoChild on both sides, and only `value` and `linear` count.
//
// Any other node looks at `feature`. Without `categories` it sends a row left when the value is less than
// `threshold`. With them, the value is the number of a category, its fraction cut off, and the node sends the
// row right when the set with that number holds it; a number that is negative, or in no set because it is too
// large, goes left. (-1, 0) is negative, but with Missing::kNone it is category 0. With `by_presence`, the node
// sends left whatever is not missing, infinities included, and has no threshold.
struct TreeNode {
  static constexpr std::int32_t kNoChild = -1;
  static constexpr std::int32_t kNone = -1;

  std::int32_t left = kNoChild;
  std::int32_t right = kNoChild;
  std::int32_t feature = 0;
  double threshold = 0.0;
  bool default_left = false;
  double value = 0.0;
  Missing missing = Missing::kNan;
  bool by_presence = false;
  std::int32_t categories = kNone;  // a number in Tree::category_sets
  std::int32_t linear = kNone;      // a number in Tree::linear_leaves
};

// Some words of Tree::category_words: category c is in the set if bit c % 32 of its word c / 32 is one.
struct CategorySet {
  std::uint32_t first_word = 0;
  std::uint32_t words = 0;
};

// A leaf whose value depends on the row: `constant` and the products of features and coefficients, added in
// that order. The leaf's own value stands in when one of the features is NaN.
struct LinearLeaf {
  double constant = 0.0;
  std::vector<std::int32_t> features;
  std::vector<double> coefficients;
};

// A tree: node 0 is the root, and its leaves add to the margin numbered `output`. Nodes that cannot be reached
// are ignored.
struct Tree {
  std::vector<TreeNode> nodes;
  std::size_t output = 0;
  std::vector<CategorySet> category_sets = {};
  std::vector<std::uint32_t> category_words = {};
  std::vector<LinearLeaf> linear_leaves = {};
};

}  // namespace weir::ml
