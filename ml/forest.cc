// BasicForest: rows into slots, the choice of a walk, and what is measured for it.
#include <weir/ml/forest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <absl/status/status.h>
#include <fmt/format.h>

namespace weir::ml {
namespace {

constexpr double kBoundless = std::numeric_limits<double>::infinity();

// Slots are kept on the stack: 64 KB for a block of rows, of which one row may have all in the single-row walk.
template <class Value>
constexpr std::size_t kScratch = 64 * 1024 / sizeof(Value);

// Below this many rows left over, one row after the other is faster than a block with idle lanes.
constexpr std::size_t kSmallestBlock = 4;

// The most that both a float and a set can tell apart.
constexpr double kMostCategories = 16'777'216.0;
constexpr double kMostWholeCategories = 2'147'483'648.0;

// As good as zero: the trainer's bound, which it writes as a float.
constexpr double kNearZero = static_cast<double>(1e-35f);

// Returns the smallest float that is not less than `threshold`: no float lies between the two, so each is less
// than both or than neither.
float float_not_less(double threshold) {
  const auto nearest = static_cast<float>(threshold);
  if (static_cast<double>(nearest) >= threshold) return nearest;
  return std::nextafter(nearest, std::numeric_limits<float>::infinity());
}

// The trees as one row walks them: see WalkPlan.
WalkPlan plan_of(std::span<const TreeRoot> roots, std::size_t lanes, bool by_depth) {
  WalkPlan plan;
  plan.lanes = lanes;
  for (std::size_t chunk = 0; chunk < roots.size(); chunk += WalkPlan::kChunkTrees) {
    const std::size_t count = std::min(WalkPlan::kChunkTrees, roots.size() - chunk);
    std::vector<std::uint16_t> order(count);
    std::iota(order.begin(), order.end(), std::uint16_t{0});
    if (by_depth) {
      std::stable_sort(order.begin(), order.end(), [&](std::uint16_t a, std::uint16_t b) {
        return roots[chunk + a].depth < roots[chunk + b].depth;
      });
      plan.places.insert(plan.places.end(), order.begin(), order.end());
    }
    for (std::size_t first = 0; first < count; first += lanes) {
      std::uint32_t depth = 0;
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const TreeRoot& tree = roots[chunk + order[std::min(first + lane, count - 1)]];
        plan.starts.push_back(tree.node);
        depth = std::max(depth, tree.depth);
      }
      plan.depths.push_back(depth);
    }
  }
  return plan;
}

template <class Number>
void add_node(std::vector<WalkNode<float, Number>>& nodes, const PlacedNode& node, bool splits_by_set,
              bool holds_value) {
  float threshold = float_not_less(node.threshold);
  if (splits_by_set) threshold = std::bit_cast<float>(node.set);
  if (node.right == 0) threshold = holds_value ? static_cast<float>(node.value) : 0.0f;
  nodes.push_back({threshold, static_cast<Number>(node.slot), static_cast<Number>(node.right)});
}

}  // namespace

template <class Sum>
absl::StatusOr<BasicForest<Sum>> BasicForest<Sum>::build(std::span<const Tree> trees, std::size_t features,
                                                         std::vector<Sum> base_margins,
                                                         const LoadLimits& limits) {
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
    if (!(base_margins[i] < std::numeric_limits<Sum>::infinity())) {
      return absl::InvalidArgumentError(fmt::format("base margin {} is {}", i, base_margins[i]));
    }
  }
  absl::StatusOr<ForestLayout> layout = lay_out(trees, features, base_margins.size(), bounds);
  if (!layout.ok()) return layout.status();
  if (std::is_same_v<Sum, float> && !layout->linear_leaves.empty()) {
    return absl::UnimplementedError("linear leaves are added in double only");
  }

  BasicForest forest;
  forest.features_ = features;
  forest.base_margins_ = std::move(base_margins);
  forest.adopt(*std::move(layout));
  forest.tune();
  return forest;
}

template <class Sum>
void BasicForest<Sum>::adopt(ForestLayout layout) {
  constexpr bool kSumsDoubles = std::is_same_v<Sum, double>;
  roots_ = std::move(layout.roots);
  sets_ = std::move(layout.sets);
  category_words_ = std::move(layout.category_words);
  linear_leaves_ = std::move(layout.linear_leaves);
  const auto begin_of = [&](SlotKind kind) {
    const auto slot = std::find_if(layout.slots.begin(), layout.slots.end(),
                                   [kind](const Slot& each) { return each.kind >= kind; });
    return static_cast<std::size_t>(slot - layout.slots.begin());
  };
  other_begin_ = begin_of(SlotKind::kNonZero);
  category_begin_ = begin_of(SlotKind::kCategory);
  for (const Slot& slot : layout.slots) {
    slot_features_.push_back(slot.feature);
    slot_missing_.push_back(static_cast<float>(slot.missing));
    slot_kinds_.push_back(slot.kind);
  }
  const bool fits = std::all_of(layout.nodes.begin(), layout.nodes.end(), [](const PlacedNode& node) {
    constexpr std::uint32_t kLargest = std::numeric_limits<std::uint16_t>::max();
    return node.slot <= kLargest && node.right <= kLargest;
  });
  if (fits) {
    packed_.reserve(layout.nodes.size());
  } else {
    wide_.reserve(layout.nodes.size());
  }
  for (const PlacedNode& node : layout.nodes) {
    const bool splits_by_set = node.right != 0 && node.slot >= category_begin_;
    if (fits) {
      add_node(packed_, node, splits_by_set, !kSumsDoubles);
    } else {
      add_node(wide_, node, splits_by_set, !kSumsDoubles);
    }
    if constexpr (kSumsDoubles) {
      exact_.push_back(
          {splits_by_set ? static_cast<double>(node.set) : node.threshold, node.slot, node.right});
      leaves_.push_back(node.value);
      if (!linear_leaves_.empty()) linear_.push_back(node.linear);
    }
  }
  row_plan_ = plan_of(roots_, 8, false);
}

// ---- slots ------------------------------------------------------------------------------------------------

namespace {

template <class Value>
bool is_near_zero(Value value) {
  const auto wide = static_cast<double>(value);
  return std::isnan(value) || (wide >= -kNearZero && wide <= kNearZero);
}

template <class Value>
Value category(Value value, Value missing) {
  if (std::isnan(value)) return missing;
  if (value < Value{0} || static_cast<double>(value) >= kMostCategories) {
    return static_cast<Value>(kNoCategory);
  }
  return value;
}

template <class Value>
Value whole_category(Value value, Value missing) {
  if (std::isnan(value)) return missing;
  if (value <= Value{-1} || static_cast<double>(value) >= kMostWholeCategories) {
    return static_cast<Value>(kNoCategory);
  }
  return std::max(value, Value{0});
}

}  // namespace

template <class Sum>
template <class Value>
void BasicForest<Sum>::fill_slots(std::span<const Value> row, Value* slots) const {
  slots[0] = static_cast<Value>(kBoundless);
  std::size_t slot = 1;
  for (; slot < other_begin_; ++slot) {
    const Value value = row[slot_features_[slot]];
    slots[slot] = std::isnan(value) ? static_cast<Value>(slot_missing_[slot]) : value;
  }
  for (; slot < slot_features_.size(); ++slot) slots[slot] = read_slot(row, slot);
}

template <class Sum>
template <class Value>
Value BasicForest<Sum>::read_slot(std::span<const Value> row, std::size_t slot) const {
  const Value value = row[slot_features_[slot]];
  const auto missing = static_cast<Value>(slot_missing_[slot]);
  switch (slot_kinds_[slot]) {
    case SlotKind::kNumber:
      return std::isnan(value) ? missing : value;
    case SlotKind::kNonZero:
      return is_near_zero(value) ? missing : value;
    case SlotKind::kPresent:
      return std::isnan(value) ? missing : Value{0};
    case SlotKind::kPresentNonZero:
      return is_near_zero(value) ? missing : Value{0};
    case SlotKind::kCategory:
      return category(value, missing);
    case SlotKind::kWholeCategory:
      return whole_category(value, missing);
  }
  return missing;
}

// ---- walks ------------------------------------------------------------------------------------------------

template <class Sum>
template <class Value, class Number>
WalkView<Value, Number, Sum> BasicForest<Sum>::view_of(const Nodes<Value, Number>& nodes) const {
  return {nodes.data(), leaves_.data(),
          CategoryTable{sets_.data(), category_words_.data(), static_cast<std::uint32_t>(category_begin_)}};
}

template <class Sum>
template <class Value, class Number>
void BasicForest<Sum>::walk_one(const WalkView<Value, Number, Sum>& view, const Value* slots,
                                std::span<Sum> margins) const {
  const bool has_sets = !sets_.empty();
  if (row_plan_.lanes == 16) {
    if (has_sets) return walk_row<16, true>(view, row_plan_, roots_, slots, margins);
    return walk_row<16, false>(view, row_plan_, roots_, slots, margins);
  }
  if (has_sets) return walk_row<8, true>(view, row_plan_, roots_, slots, margins);
  return walk_row<8, false>(view, row_plan_, roots_, slots, margins);
}

// `count` rows, whose slots begin `stride` apart; there are slots for block_lanes_ rows.
template <class Sum>
template <class Value, class Number>
void BasicForest<Sum>::walk_rows(const WalkView<Value, Number, Sum>& view, const Value* slots,
                                 std::size_t stride, std::size_t count, std::span<Sum> margins) const {
  const std::span<const TreeRoot> roots = roots_;
  Sum* const sums = margins.data();
  if (sets_.empty()) {
    if (block_lanes_ == 8) return walk_block<8, false>(view, roots, slots, stride, sums, outputs(), count);
    return walk_block<16, false>(view, roots, slots, stride, sums, outputs(), count);
  }
  if (block_lanes_ == 8) return walk_block<8, true>(view, roots, slots, stride, sums, outputs(), count);
  return walk_block<16, true>(view, roots, slots, stride, sums, outputs(), count);
}

// A tree at a time, without slots: for rows too wide for the stack, and for linear leaves.
template <class Sum>
template <class Value, class Number>
void BasicForest<Sum>::walk_plainly(const WalkView<Value, Number, Sum>& view, std::span<const Value> row,
                                    std::span<Sum> margins) const {
  for (const TreeRoot& tree : roots_) {
    std::uint32_t index = tree.node;
    while (view.nodes[index].right != 0) {
      const auto& node = view.nodes[index];
      const Value value = read_slot(row, node.slot);
      const bool left = node.slot >= category_begin_
                            ? view.categories.goes_left(set_number(node.threshold), value)
                            : value < node.threshold;
      index += node.right - static_cast<std::uint32_t>(left);
    }
    Sum leaf = view.leaf(index);
    if (!linear_.empty() && linear_[index] != TreeNode::kNone) {
      const LinearLeaf& linear = linear_leaves_[static_cast<std::size_t>(linear_[index])];
      double sum = linear.constant;
      bool is_whole = true;
      for (std::size_t i = 0; i < linear.features.size() && is_whole; ++i) {
        const auto value = static_cast<double>(row[static_cast<std::size_t>(linear.features[i])]);
        is_whole = !std::isnan(value);
        sum += value * linear.coefficients[i];
      }
      if (is_whole) leaf = static_cast<Sum>(sum);
    }
    margins[tree.output] += leaf;
  }
}

template <class Sum>
template <class Value, class Number>
void BasicForest<Sum>::walk(const Nodes<Value, Number>& nodes, const BasicRowBatch<Value>& rows,
                            std::span<Sum> margins) const {
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    std::copy(base_margins_.begin(), base_margins_.end(),
              margins.begin() + static_cast<std::ptrdiff_t>(row * outputs()));
  }
  const WalkView<Value, Number, Sum> view = view_of(nodes);
  const std::size_t stride = slot_features_.size();
  if (stride > kScratch<Value> || !linear_.empty()) {
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      walk_plainly(view, rows.row(row), margins.subspan(row * outputs(), outputs()));
    }
    return;
  }

  std::array<Value, kScratch<Value>> slots;
  std::size_t first = 0;
  const bool blocks_fit = stride * block_lanes_ <= slots.size();
  while (blocks_fit && rows.rows() - first >= kSmallestBlock) {
    const std::size_t count = std::min(block_lanes_, rows.rows() - first);
    for (std::size_t lane = 0; lane < block_lanes_; ++lane) {
      // Idle lanes repeat the last row; their leaf is not added.
      fill_slots(rows.row(first + std::min(lane, count - 1)), slots.data() + lane * stride);
    }
    walk_rows(view, slots.data(), stride, count, margins.subspan(first * outputs(), count * outputs()));
    first += count;
  }
  for (; first < rows.rows(); ++first) {
    fill_slots(rows.row(first), slots.data());
    walk_one(view, slots.data(), margins.subspan(first * outputs(), outputs()));
  }
}

template <class Sum>
void BasicForest<Sum>::margins(const RowBatch& rows, std::span<Sum> margins) const {
  if (wide_.empty()) {
    walk(packed_, rows, margins);
  } else {
    walk(wide_, rows, margins);
  }
}

template <class Sum>
void BasicForest<Sum>::margins(const DoubleRowBatch& rows, std::span<Sum> margins) const
  requires std::is_same_v<Sum, double>
{
  walk(exact_, rows, margins);
}

// ---- measuring --------------------------------------------------------------------------------------------

// Times the walks on rows that fall on both sides of the thresholds, and keeps the fastest. Forests so small
// that it hardly matters, and so large that it would take long, keep what suits most.
template <class Sum>
void BasicForest<Sum>::tune() {
  constexpr std::size_t kTestRows = 32;
  constexpr std::size_t kFewestTrees = 16;
  constexpr std::size_t kMostSteps = 40'000;  // of one row; some 100 microseconds
  std::size_t steps = 0;
  for (const TreeRoot& tree : roots_) steps += tree.depth;
  if (roots_.size() < kFewestTrees || steps > kMostSteps || features_ > kScratch<float> || !linear_.empty()) {
    return;
  }
  std::vector<float> values(kTestRows * features_, 0.0f);
  const auto scatter = [&](const auto& nodes) {
    std::uint64_t state = 88172645463325252;  // any seed but zero
    for (const auto& node : nodes) {
      if (node.right == 0) continue;
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      const float value = node.slot < category_begin_ ? node.threshold : static_cast<float>(state % 16);
      values[(state >> 32) % kTestRows * features_ + slot_features_[node.slot]] = value;
    }
  };
  if (wide_.empty()) {
    scatter(packed_);
  } else {
    scatter(wide_);
  }
  std::vector<Sum> sums(kTestRows * outputs());
  const RowBatch rows(values, features_);
  const auto time_of = [&](bool one_by_one) {
    auto best = std::chrono::steady_clock::duration::max();
    for (int repeat = 0; repeat < 3; ++repeat) {
      const auto start = std::chrono::steady_clock::now();
      if (one_by_one) {
        for (std::size_t row = 0; row < kTestRows; ++row)
          margins(rows.slice(row, 1), std::span(sums).first(outputs()));
      } else {
        margins(rows, sums);
      }
      best = std::min(best, std::chrono::steady_clock::now() - start);
    }
    return best;
  };

  auto best = time_of(true);
  WalkPlan best_plan = row_plan_;
  for (const std::size_t lanes : {std::size_t{8}, std::size_t{16}}) {
    for (const bool by_depth : {false, true}) {
      if (lanes == 8 && !by_depth) continue;  // has been measured
      row_plan_ = plan_of(roots_, lanes, by_depth);
      if (const auto time = time_of(true); time < best) {
        best = time;
        best_plan = row_plan_;
      }
    }
  }
  row_plan_ = std::move(best_plan);

  best = time_of(false);
  block_lanes_ = 8;
  if (time_of(false) >= best) block_lanes_ = 16;
}

template class BasicForest<float>;
template class BasicForest<double>;

}  // namespace weir::ml
