// Checks trees that nobody trusts, and lays them out. Internal to the room: what forest.cc is built on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/ml/load_limits.h>
#include <weir/ml/tree.h>

namespace weir::ml {

// What a slot holds of its feature. The numbers order the slots.
enum class SlotKind : std::uint8_t {
  kNumber,          // the value; `missing` for a NaN
  kNonZero,         // the value; `missing` for a NaN and for a zero
  kPresent,         // 0; `missing` for a NaN
  kPresentNonZero,  // 0; `missing` for a NaN and for a zero
  kCategory,        // the number of the category, or -1; `missing` for a NaN
  kWholeCategory,   // the same, but (-1, 0) is category 0
};

// One column of what a walk looks at: made of a row's feature before the walk.
struct Slot {
  std::uint32_t feature = 0;
  SlotKind kind = SlotKind::kNumber;
  double missing = 0.0;
  bool operator==(const Slot&) const = default;
};

// In a slot of a category: not one that a set can hold (left), and missing where that goes right.
inline constexpr double kNoCategory = -1.0;
inline constexpr double kMissingGoesRight = -2.0;

// A node in its final place. Leaves have slot 0, which always holds +infinity, and no distance to the right
// child, so that a step leads from a leaf to itself.
struct PlacedNode {
  double threshold = 0.0;  // of a split by number
  double value = 0.0;      // of a leaf
  std::uint32_t slot = 0;
  std::uint32_t right = 0;   // distance to the right child; the left one is before it
  std::uint32_t set = 0;     // of a split by category: its number in ForestLayout::sets
  std::int32_t linear = -1;  // of a leaf: its number in ForestLayout::linear_leaves
};

struct TreeRoot {
  std::uint32_t node;
  std::uint32_t depth;
  std::uint32_t output;
};

struct ForestLayout {
  std::vector<TreeRoot> roots;
  std::vector<PlacedNode> nodes;  // tree after tree, each breadth first
  std::vector<Slot> slots;        // ordered by kind; slot 0 belongs to the leaves
  std::vector<CategorySet> sets;
  std::vector<std::uint32_t> category_words;
  std::vector<LinearLeaf> linear_leaves;
};

// Lays `trees` out over rows of `features` columns, adding to `outputs` margins. The refusals are those of
// BasicForest::build.
[[nodiscard]] absl::StatusOr<ForestLayout> lay_out(std::span<const Tree> trees, std::size_t features,
                                                   std::size_t outputs, const LoadLimits& limits);

}  // namespace weir::ml
