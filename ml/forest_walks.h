// The walks of a forest: how rows come down many trees at once. Internal to the room.
//
// Plain scalar code: the processor overlaps the lanes by itself. Versions compiled for AVX2 were no faster with
// g++ 12 and slower with clang 14, which moves the indexes in and out of vectors. Which number of lanes is best
// depends on the forest and on the machine, so it is measured when a forest is built. All walks add leaves in
// the order of the trees: the choice never shows in a sum.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include <weir/ml/forest_layout.h>

namespace weir::ml {

// A node as the walks read it. `threshold` is the value of a leaf where sums are of its type, and the number of
// a set in a split by category (see set_number).
template <class Value, class Number>
struct WalkNode {
  Value threshold;
  Number slot;
  Number right;
};

// The sets of categories: slots from `first_slot` on hold categories.
struct CategoryTable {
  const CategorySet* sets = nullptr;
  const std::uint32_t* words = nullptr;
  std::uint32_t first_slot = 0;

  // Where a split by set `number` sends `category`, as a slot holds it.
  template <class Value>
  bool goes_left(std::uint32_t number, Value category) const {
    if (category < Value{0}) return category == static_cast<Value>(kNoCategory);
    const CategorySet& set = sets[number];
    const auto whole = static_cast<std::uint32_t>(category);
    if (whole / 32 >= set.words) return true;
    return ((words[set.first_word + whole / 32] >> (whole % 32)) & 1u) == 0;
  }
};

inline std::uint32_t set_number(float threshold) { return std::bit_cast<std::uint32_t>(threshold); }
inline std::uint32_t set_number(double threshold) { return static_cast<std::uint32_t>(threshold); }

// What the walks need of a forest. `Value` is what slots hold, `Sum` what leaves are added in; where the two
// differ, `leaves` holds a leaf's value at the place of its node.
template <class Value, class Number, class Sum>
struct WalkView {
  using Node = WalkNode<Value, Number>;
  const Node* nodes;
  const Sum* leaves;  // null where nodes hold them
  CategoryTable categories;

  Sum leaf(std::uint32_t index) const {
    if constexpr (std::is_same_v<Sum, float>) {
      return nodes[index].threshold;
    } else {
      return leaves[index];
    }
  }

  template <bool kHasSets>
  [[gnu::always_inline]] std::uint32_t step(std::uint32_t index, const Value* slots) const {
    const Node& node = nodes[index];
    const Value value = slots[node.slot];
    if constexpr (kHasSets) {
      if (node.slot >= categories.first_slot) {
        const bool left = categories.goes_left(set_number(node.threshold), value);
        return index + node.right - static_cast<std::uint32_t>(left);
      }
    }
    return index + node.right - static_cast<std::uint32_t>(value < node.threshold);
  }
};

// Trees in the order in which one row walks them, `lanes` at a time, the last group repeating its last tree.
// Within a chunk of kChunkTrees they may be ordered by depth, so that a group does not wait for one deep tree;
// `places` then says which tree of its chunk each is, and leaves are kept until the chunk is done.
struct WalkPlan {
  static constexpr std::size_t kChunkTrees = 256;

  std::size_t lanes = 8;
  std::vector<std::uint32_t> starts = {};
  std::vector<std::uint32_t> depths = {};  // of groups
  std::vector<std::uint16_t> places = {};  // empty: in the order of the trees
};

// One row down all trees. `roots` are the trees in their own order.
template <std::size_t kLanes, bool kHasSets, class View, class Value, class Sum>
void walk_row(const View& view, const WalkPlan& plan, std::span<const TreeRoot> roots, const Value* slots,
              std::span<Sum> margins) {
  std::array<Sum, WalkPlan::kChunkTrees> kept;
  const bool is_ordered = plan.places.empty();
  // A single sum stays in a register: through memory, a fifth of the time went into waiting for the last
  // addition.
  const bool has_one_sum = margins.size() == 1;
  Sum sum = margins[0];
  const std::uint32_t* start = plan.starts.data();
  const std::uint32_t* depth = plan.depths.data();
  for (std::size_t chunk = 0; chunk < roots.size(); chunk += WalkPlan::kChunkTrees) {
    const std::size_t end = std::min(chunk + WalkPlan::kChunkTrees, roots.size());
    for (std::size_t first = chunk; first < end; first += kLanes, start += kLanes) {
      std::array<std::uint32_t, kLanes> index;
      std::copy_n(start, kLanes, index.begin());
      for (std::uint32_t steps = *depth++; steps > 0; --steps) {
#pragma GCC unroll 16
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
          index[lane] = view.template step<kHasSets>(index[lane], slots);
        }
      }
      const std::size_t count = std::min(kLanes, end - first);
      if (!is_ordered) {
        for (std::size_t lane = 0; lane < count; ++lane) {
          kept[plan.places[first + lane]] = view.leaf(index[lane]);
        }
      } else if (has_one_sum) {
        for (std::size_t lane = 0; lane < count; ++lane) sum += view.leaf(index[lane]);
      } else {
        for (std::size_t lane = 0; lane < count; ++lane) {
          margins[roots[first + lane].output] += view.leaf(index[lane]);
        }
      }
    }
    if (is_ordered) continue;
    if (has_one_sum) {
      for (std::size_t tree = chunk; tree < end; ++tree) sum += kept[tree - chunk];
    } else {
      for (std::size_t tree = chunk; tree < end; ++tree) margins[roots[tree].output] += kept[tree - chunk];
    }
  }
  if (has_one_sum) margins[0] = sum;
}

// `kLanes` rows, of `stride` slots each, down one tree after the other; of the first `count` the leaves are
// added to their `outputs` margins.
template <std::size_t kLanes, bool kHasSets, class View, class Value, class Sum>
void walk_block(const View& view, std::span<const TreeRoot> roots, const Value* slots, std::size_t stride,
                Sum* margins, std::size_t outputs, std::size_t count) {
  for (const TreeRoot& tree : roots) {
    std::array<std::uint32_t, kLanes> index;
    index.fill(tree.node);
    for (std::uint32_t steps = tree.depth; steps > 0; --steps) {
#pragma GCC unroll 16
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        index[lane] = view.template step<kHasSets>(index[lane], slots + lane * stride);
      }
    }
    for (std::size_t lane = 0; lane < count; ++lane) {
      margins[lane * outputs + tree.output] += view.leaf(index[lane]);
    }
  }
}

}  // namespace weir::ml
