#include <weir/ml/forest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace weir::ml {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TreeNode leaf(float value) { return {.value = value}; }

TreeNode split(std::int32_t feature, float threshold, bool default_left, std::int32_t left,
               std::int32_t right) {
  return {left, right, feature, threshold, default_left, 0.0f};
}

// What a forest means, said in the plainest way: the oracle of these tests.
std::vector<float> plain_margins(const std::vector<Tree>& trees, const std::vector<float>& base,
                                 RowBatch rows) {
  std::vector<float> margins;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    std::vector<float> row_margins = base;
    for (const Tree& tree : trees) {
      const TreeNode* node = &tree.nodes[0];
      while (node->left != TreeNode::kNoChild) {
        const float value = rows.row(i)[static_cast<std::size_t>(node->feature)];
        const bool goes_left = std::isnan(value) ? node->default_left : value < node->threshold;
        node = &tree.nodes[static_cast<std::size_t>(goes_left ? node->left : node->right)];
      }
      row_margins[tree.output] += node->value;
    }
    margins.insert(margins.end(), row_margins.begin(), row_margins.end());
  }
  return margins;
}

std::vector<float> margins_of(const Forest& forest, const std::vector<float>& values) {
  const RowBatch rows(values, forest.features());
  std::vector<float> margins(rows.rows() * forest.outputs());
  forest.margins(rows, margins);
  return margins;
}

// Compares bit by bit: 0.0 is not -0.0 here.
void expect_same_bits(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(actual[i]), std::bit_cast<std::uint32_t>(expected[i]))
        << "at " << i;
  }
}

// Draws forests and rows with everything a comparison can stumble over.
class Drawing {
 public:
  explicit Drawing(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }

  float value() {
    switch (below(12)) {
      case 0:
        return kNaN;
      case 1:
        return kInfinity;
      case 2:
        return -kInfinity;
      case 3:
        return -0.0f;
      case 4:
        return std::numeric_limits<float>::max();
      case 5:
        return std::numeric_limits<float>::denorm_min();
      default:
        return threshold();
    }
  }

  // One of few values, so that rows meet thresholds exactly.
  float threshold() { return (static_cast<float>(below(33)) - 16.0f) / 8.0f; }

  // A tree with up to `most` nodes whose children lie anywhere; as unbalanced as chance will have it.
  Tree tree(std::size_t features, std::size_t outputs, std::size_t most) {
    Tree result;
    result.output = below(outputs);
    std::vector<std::size_t> open{0};
    result.nodes.emplace_back();
    while (!open.empty()) {
      std::swap(open[below(open.size())], open.back());
      const std::size_t at = open.back();
      open.pop_back();
      if (result.nodes.size() + 2 > most) {
        result.nodes[at] = leaf(std::normal_distribution<float>()(random_));
        continue;
      }
      const std::size_t first = result.nodes.size();
      const bool mirrored = below(2) == 0;
      result.nodes[at] = split(static_cast<std::int32_t>(below(features)), threshold(), below(2) == 0,
                               static_cast<std::int32_t>(first + (mirrored ? 1 : 0)),
                               static_cast<std::int32_t>(first + (mirrored ? 0 : 1)));
      result.nodes.resize(first + 2);
      open.push_back(first);
      open.push_back(first + 1);
    }
    return result;
  }

  std::mt19937_64& random() { return random_; }

  std::vector<float> values(std::size_t count) {
    std::vector<float> result(count);
    for (float& each : result) each = value();
    return result;
  }

 private:
  std::mt19937_64 random_;
};

TEST(Forest, SendsLeftWhatIsLessThanTheThreshold) {
  const std::vector<Tree> trees{{{split(0, 1.0f, false, 1, 2), leaf(10), leaf(20)}, 0}};
  const Forest forest = *Forest::build(trees, 1, {0.5f});
  EXPECT_EQ(margins_of(forest, {0.0f, 1.0f, 2.0f}), (std::vector<float>{10.5f, 20.5f, 20.5f}));
}

TEST(Forest, SendsMissingValuesWhereTheNodeSays) {
  const std::vector<Tree> left{{{split(0, 1.0f, true, 1, 2), leaf(10), leaf(20)}, 0}};
  const std::vector<Tree> right{{{split(0, 1.0f, false, 1, 2), leaf(10), leaf(20)}, 0}};
  EXPECT_EQ(margins_of(*Forest::build(left, 1, {0.0f}), {kNaN}), std::vector<float>{10.0f});
  EXPECT_EQ(margins_of(*Forest::build(right, 1, {0.0f}), {kNaN}), std::vector<float>{20.0f});
}

TEST(Forest, TakesInfinityForAValue) {
  const std::vector<Tree> trees{{{split(0, 1.0f, true, 1, 2), leaf(10), leaf(20)}, 0}};
  const Forest forest = *Forest::build(trees, 1, {0.0f});
  EXPECT_EQ(margins_of(forest, {kInfinity, -kInfinity}), (std::vector<float>{20.0f, 10.0f}));
}

TEST(Forest, WithoutTreesAnswersTheBaseMargins) {
  const Forest forest = *Forest::build({}, 2, {1.0f, -2.0f});
  EXPECT_EQ(margins_of(forest, {0, 0, 0, 0}), (std::vector<float>{1.0f, -2.0f, 1.0f, -2.0f}));
}

TEST(Forest, IgnoresNodesNobodyReaches) {
  const std::vector<Tree> trees{
      {{split(0, 1.0f, false, 1, 3), leaf(1), split(99, kNaN, true, -7, 2), leaf(2)}, 0}};
  const absl::StatusOr<Forest> forest = Forest::build(trees, 1, {0.0f});
  ASSERT_TRUE(forest.ok()) << forest.status();
  EXPECT_EQ(forest->nodes(), 3u);
  EXPECT_EQ(margins_of(*forest, {5.0f}), std::vector<float>{2.0f});
}

TEST(Forest, AgreesWithThePlainWalkOnRandomForests) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Drawing draw(seed);
    const std::size_t features = 1 + draw.below(40);
    const std::size_t outputs = 1 + draw.below(4);
    std::vector<Tree> trees(draw.below(40));
    for (Tree& tree : trees) tree = draw.tree(features, outputs, 1 + draw.below(120));
    std::vector<float> base(outputs);
    for (float& each : base) each = draw.threshold();
    const absl::StatusOr<Forest> forest = Forest::build(trees, features, base);
    ASSERT_TRUE(forest.ok()) << forest.status();
    const std::vector<float> values = draw.values(features * 50);
    expect_same_bits(margins_of(*forest, values), plain_margins(trees, base, RowBatch(values, features)));
  }
}

TEST(Forest, ScoresARowTheSameInABatchOfAnySize) {
  const std::uint64_t seed = 4711;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Drawing draw(seed);
  std::vector<Tree> trees(23);
  for (Tree& tree : trees) tree = draw.tree(11, 3, 63);
  const Forest forest = *Forest::build(trees, 11, {0.5f, 0.25f, -1.0f});
  const std::vector<float> values = draw.values(11 * 70);
  const std::vector<float> together = margins_of(forest, values);
  for (std::size_t size = 1; size <= 70; ++size) {
    std::vector<float> pieces;
    for (std::size_t first = 0; first < 70; first += size) {
      const std::size_t count = std::min(size, 70 - first);
      const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first * 11);
      const std::vector<float> piece =
          margins_of(forest, std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(count * 11)));
      pieces.insert(pieces.end(), piece.begin(), piece.end());
    }
    SCOPED_TRACE("batches of " + std::to_string(size));
    expect_same_bits(pieces, together);
  }
}

// One tree per column, so that every column has its slot: beyond 1,024 slots no block of rows fits the stack,
// beyond 16,384 no row does, and beyond 65,535 slots the packed nodes are too narrow.
TEST(Forest, AgreesWithThePlainWalkHoweverWideTheRowsAre) {
  for (const std::size_t features : {1'100u, 20'000u, 70'000u}) {
    SCOPED_TRACE(std::to_string(features) + " features");
    Drawing draw(features);
    std::vector<Tree> trees(features);
    for (std::size_t i = 0; i < features; ++i) {
      trees[i].nodes = {split(static_cast<std::int32_t>(i), draw.threshold(), i % 2 == 0, 1, 2),
                        leaf(draw.threshold()), leaf(draw.threshold())};
    }
    const absl::StatusOr<Forest> forest = Forest::build(trees, features, {0.0f});
    ASSERT_TRUE(forest.ok()) << forest.status();
    const std::vector<float> values = draw.values(features * 9);
    expect_same_bits(margins_of(*forest, values), plain_margins(trees, {0.0f}, RowBatch(values, features)));
  }
}

// The distance to a child exceeds 16 bits on the last levels of a tree this wide.
TEST(Forest, AgreesWithThePlainWalkOnATreeOfManyNodes) {
  const std::uint64_t seed = 3;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Drawing draw(seed);
  constexpr std::int32_t kInner = (1 << 17) - 1;
  Tree tree;
  for (std::int32_t i = 0; i < kInner; ++i) {
    const float threshold = std::normal_distribution<float>()(draw.random());
    tree.nodes.push_back(
        split(static_cast<std::int32_t>(draw.below(6)), threshold, i % 2 == 0, 2 * i + 1, 2 * i + 2));
  }
  for (std::int32_t i = 0; i <= kInner; ++i) tree.nodes.push_back(leaf(static_cast<float>(i)));
  const std::vector<Tree> trees{tree};
  const absl::StatusOr<Forest> forest = Forest::build(trees, 6, {0.0f});
  ASSERT_TRUE(forest.ok()) << forest.status();
  const std::vector<float> values = draw.values(6 * 200);
  expect_same_bits(margins_of(*forest, values), plain_margins(trees, {0.0f}, RowBatch(values, 6)));
}

void expect_refused(const std::vector<Tree>& trees, absl::StatusCode code, const std::string& message,
                    const LoadLimits& limits = {}) {
  const absl::StatusOr<Forest> forest = Forest::build(trees, 3, {0.0f}, limits);
  EXPECT_EQ(forest.status().code(), code);
  EXPECT_EQ(forest.status().message(), message);
}

TEST(Forest, RefusesWhatIsNotATree) {
  const absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  const Tree good{{leaf(1)}, 0};
  expect_refused({good, {}}, kInvalid, "tree 1 has no nodes");
  expect_refused({{{leaf(1)}, 1}}, kInvalid, "tree 0 adds to output 1 of 1");
  expect_refused({{{split(0, 1, false, 1, 3), leaf(1), leaf(2)}, 0}}, kInvalid,
                 "tree 0 node 0: has child 3 of 3 nodes");
  expect_refused({{{split(0, 1, false, 1, -1), leaf(1), leaf(2)}, 0}}, kInvalid,
                 "tree 0 node 0: has child -1 of 3 nodes");
  expect_refused({{{split(0, 1, false, -2, 1), leaf(1), leaf(2)}, 0}}, kInvalid,
                 "tree 0 node 0: has child -2 of 3 nodes");
  expect_refused({{{split(0, 1, false, 1, 1), leaf(1)}, 0}}, kInvalid,
                 "tree 0 node 0: has child 1, which has a parent already or is the root");
  expect_refused({{{split(0, 1, false, 1, 2), split(0, 1, false, 0, 2), leaf(2)}, 0}}, kInvalid,
                 "tree 0 node 1: has child 0, which has a parent already or is the root");
  expect_refused({{{split(0, 1, false, 0, 1), leaf(2)}, 0}}, kInvalid,
                 "tree 0 node 0: has child 0, which has a parent already or is the root");
  expect_refused({good, {{split(3, 1, false, 1, 2), leaf(1), leaf(2)}, 0}}, kInvalid,
                 "tree 1 node 0: decides by feature 3 of 3");
  expect_refused({{{split(-1, 1, false, 1, 2), leaf(1), leaf(2)}, 0}}, kInvalid,
                 "tree 0 node 0: decides by feature -1 of 3");
  expect_refused({{{split(0, kNaN, false, 1, 2), leaf(1), leaf(2)}, 0}}, kInvalid,
                 "tree 0 node 0: threshold is nan");
  expect_refused({{{split(0, 1, false, 1, 2), leaf(1), leaf(-kInfinity)}, 0}}, kInvalid,
                 "tree 0 node 2: leaf is -inf");
}

TEST(Forest, RefusesMoreThanTheLimitsAllow) {
  const absl::StatusCode kExhausted = absl::StatusCode::kResourceExhausted;
  const Tree stump{{split(0, 1, false, 1, 2), leaf(1), leaf(2)}, 0};
  const Tree deep{{split(0, 1, false, 1, 2), split(0, 1, false, 3, 4), leaf(1), leaf(2), leaf(3)}, 0};
  expect_refused({stump, stump}, kExhausted, "2 trees, at most 1 allowed", {.trees = 1});
  expect_refused({stump, stump}, kExhausted, "tree 1: more than 5 nodes in all", {.nodes = 5});
  expect_refused({stump, deep}, kExhausted, "tree 1: deeper than 1", {.depth = 1});
  expect_refused({stump}, kExhausted, "3 features, at most 2 allowed", {.features = 2});
  EXPECT_EQ(Forest::build({}, 1, std::vector<float>(5'000)).status().message(),
            "5000 outputs, at most 4096 allowed");
}

TEST(Forest, RefusesBaseMarginsThatAreNone) {
  EXPECT_EQ(Forest::build({}, 1, {}).status().message(), "a forest without outputs");
  EXPECT_EQ(Forest::build({}, 1, {0.0f, kNaN}).status().message(), "base margin 1 is nan");
}

}  // namespace
}  // namespace weir::ml
