// Splits of every kind, in both forests, against their meaning said in the plainest way.
#include <weir/ml/forest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::ml::double_forest_test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool goes_left(const Tree& tree, const TreeNode& node, double value) {
  const bool is_zero = std::abs(value) <= static_cast<double>(1e-35f);
  if (node.categories != TreeNode::kNone) {
    if (std::isnan(value)) return node.missing == Missing::kNone || node.default_left;
    if (node.missing == Missing::kNone ? value <= -1 : value < 0) return true;
    const CategorySet& set = tree.category_sets[static_cast<std::size_t>(node.categories)];
    if (std::trunc(value) >= 32.0 * set.words) return true;
    const auto category = static_cast<std::uint32_t>(std::max(value, 0.0));
    return (tree.category_words[set.first_word + category / 32] >> category % 32 & 1u) == 0;
  }
  if (std::isnan(value) && node.missing != Missing::kNone) return node.default_left;
  if (is_zero && node.missing == Missing::kZero) return node.default_left;
  if (node.by_presence) return true;
  return (std::isnan(value) ? 0.0 : value) < node.threshold;
}

template <class Sum>
std::vector<Sum> plain_margins(const std::vector<Tree>& trees, std::size_t outputs,
                               const std::vector<double>& row) {
  std::vector<Sum> margins(outputs, Sum{0});
  for (const Tree& tree : trees) {
    const TreeNode* node = tree.nodes.data();
    while (node->left != TreeNode::kNoChild) {
      const bool left = goes_left(tree, *node, row[static_cast<std::size_t>(node->feature)]);
      node = &tree.nodes[static_cast<std::size_t>(left ? node->left : node->right)];
    }
    double leaf = node->value;
    if (node->linear != TreeNode::kNone) {
      const LinearLeaf& linear = tree.linear_leaves[static_cast<std::size_t>(node->linear)];
      double sum = linear.constant;
      bool is_whole = true;
      for (std::size_t i = 0; i < linear.features.size(); ++i) {
        const double value = row[static_cast<std::size_t>(linear.features[i])];
        is_whole = is_whole && !std::isnan(value);
        sum += value * linear.coefficients[i];
      }
      if (is_whole) leaf = sum;
    }
    margins[tree.output] += static_cast<Sum>(leaf);
  }
  return margins;
}

// Draws trees of up to `most` nodes, and rows.
class TreeDrawing {
 public:
  explicit TreeDrawing(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  bool either() { return below(2) == 0; }

  // One of few values that are floats, so that rows meet thresholds exactly.
  double eighth() { return (static_cast<double>(below(33)) - 16.0) / 8.0; }

  double value() {
    constexpr double kOdd[] = {kNaN, kInfinity, -kInfinity, -0.0, 1e-36, 70.5, 31.0, -0.5, -1.0, 1e9, 1e38};
    return below(3) == 0 ? kOdd[below(std::size(kOdd))]
           : either()    ? eighth()
                         : static_cast<double>(below(70));
  }

  Tree tree(std::size_t features, std::size_t outputs, std::size_t most, bool linear) {
    Tree result;
    result.output = below(outputs);
    result.nodes.resize(1);
    for (std::size_t at = 0; at < result.nodes.size(); ++at) {
      TreeNode node;
      if (result.nodes.size() + 2 > most || below(8) == 0) {
        node.value = static_cast<double>(std::normal_distribution<float>()(random_));
        if (linear && either()) {
          node.linear = static_cast<std::int32_t>(result.linear_leaves.size());
          result.linear_leaves.push_back({1.5, {static_cast<std::int32_t>(below(features))}, {eighth()}});
        }
        result.nodes[at] = node;
        continue;
      }
      node.feature = static_cast<std::int32_t>(below(features));
      node.default_left = either();
      node.missing = static_cast<Missing>(below(3));
      node.threshold = eighth();
      if (below(3) == 0) {
        node.categories = static_cast<std::int32_t>(result.category_sets.size());
        const std::size_t words = below(4);
        result.category_sets.push_back(
            {static_cast<std::uint32_t>(result.category_words.size()), static_cast<std::uint32_t>(words)});
        for (std::size_t i = 0; i < words; ++i)
          result.category_words.push_back(static_cast<std::uint32_t>(random_()));
      } else if (below(4) == 0) {
        node.by_presence = true;
      }
      node.left = static_cast<std::int32_t>(result.nodes.size());
      node.right = node.left + 1;
      result.nodes[at] = node;
      result.nodes.resize(result.nodes.size() + 2);
    }
    return result;
  }

 private:
  std::mt19937_64 random_;
};

template <class Number, class Sum>
void expect_agreement(const BasicForest<Sum>& forest, const std::vector<Tree>& trees,
                      const std::vector<double>& values) {
  const std::vector<Number> row_values(values.begin(), values.end());
  const BasicRowBatch<Number> rows(row_values, forest.features());
  for (const std::size_t batch : {std::size_t{1}, std::size_t{5}, rows.rows()}) {
    for (std::size_t first = 0; first + batch <= rows.rows(); first += batch) {
      std::vector<Sum> margins(batch * forest.outputs());
      forest.margins(rows.slice(first, batch), margins);
      for (std::size_t i = 0; i < batch; ++i) {
        const std::span<const Number> row = rows.row(first + i);
        const std::vector<Sum> expected =
            plain_margins<Sum>(trees, forest.outputs(), std::vector<double>(row.begin(), row.end()));
        const std::vector<Sum> actual(
            margins.begin() + static_cast<std::ptrdiff_t>(i * forest.outputs()),
            margins.begin() + static_cast<std::ptrdiff_t>((i + 1) * forest.outputs()));
        ASSERT_EQ(actual, expected) << "row " << first + i << " in batches of " << batch;
      }
    }
  }
}

TEST(DoubleForest, AgreesWithThePlainWalkOnSplitsOfEveryKind) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TreeDrawing draw(seed);
    const std::size_t features = 1 + draw.below(6);
    const std::size_t outputs = 1 + draw.below(3);
    const bool linear = seed % 3 == 0;
    std::vector<Tree> trees;
    // More trees than a walk takes at once, some of them of one leaf.
    for (std::size_t i = draw.below(300); i > 0; --i) {
      trees.push_back(draw.tree(features, outputs, 1 + draw.below(40), linear));
    }
    std::vector<double> values(23 * features);
    for (double& value : values) {
      value = draw.value();
      // Sums of infinities are no numbers, and those equal nothing.
      if (linear && std::isinf(value)) value = 1e9;
    }

    const absl::StatusOr<DoubleForest> exact =
        DoubleForest::build(trees, features, std::vector<double>(outputs, 0.0));
    ASSERT_TRUE(exact.ok()) << exact.status();
    expect_agreement<double>(*exact, trees, values);
    expect_agreement<float>(*exact, trees, values);
    if (linear) continue;
    const absl::StatusOr<Forest> forest = Forest::build(trees, features, std::vector<float>(outputs, 0.0f));
    ASSERT_TRUE(forest.ok()) << forest.status();
    expect_agreement<float>(*forest, trees, values);
  }
}

TEST(DoubleForest, ComparesRowsOfEitherPrecisionWithThresholdsThatAreNoFloats) {
  for (const double threshold : {0.1, -0.1, 1e-50, -1e-50, 1e300, -1e300, std::nextafter(0.5, 1.0)}) {
    Tree tree;
    tree.nodes = {{1, 2, 0, threshold}, {.value = 1.0}, {.value = 2.0}};
    const DoubleForest forest = *DoubleForest::build(std::vector<Tree>{tree}, 1, {0.0});
    const auto near = static_cast<float>(threshold);
    for (const float value : {near, std::nextafter(near, -1e38f), std::nextafter(near, 1e38f), 0.0f, 0.5f}) {
      if (std::isinf(value)) continue;
      double narrow = 0.0;
      double wide = 0.0;
      forest.margins(RowBatch::single(std::span(&value, 1)), std::span(&narrow, 1));
      const auto same = static_cast<double>(value);
      forest.margins(DoubleRowBatch::single(std::span(&same, 1)), std::span(&wide, 1));
      EXPECT_EQ(wide, same < threshold ? 1.0 : 2.0) << threshold << " " << value;
      EXPECT_EQ(narrow, wide) << threshold << " " << value;
    }
  }
}

TEST(DoubleForest, RefusesSetsAndLinearLeavesThatAreNone) {
  const auto message = [](const TreeNode& root, const TreeNode& leaf) {
    Tree tree;
    tree.nodes = {root, leaf, {}};
    tree.category_sets = {{0, 2}};
    tree.category_words = {1};
    tree.linear_leaves = {{1.0, {1}, {1.0}}, {1.0, {0}, {kNaN}}, {1.0, {0}, {}}};
    return std::string(DoubleForest::build(std::vector<Tree>{tree}, 1, {0.0}).status().message());
  };
  const TreeNode split{1, 2};
  EXPECT_EQ(message({.left = 1, .right = 2, .categories = 1}, {}), "tree 0 node 0: has category set 1 of 1");
  EXPECT_EQ(message({.left = 1, .right = 2, .categories = 0}, {}),
            "tree 0 node 0: has a category set that is not whole");
  EXPECT_EQ(message(split, {.linear = 3}), "tree 0 node 1: has linear leaf 3 of 3");
  EXPECT_EQ(message(split, {.linear = 0}), "tree 0 node 1: adds up feature 1 of 1");
  EXPECT_EQ(message(split, {.linear = 1}), "tree 0 node 1: coefficient is nan");
  EXPECT_EQ(message(split, {.linear = 2}),
            "tree 0 node 1: has a linear leaf that is not finite, or not whole");
}

TEST(DoubleForest, OnlyItTakesLinearLeaves) {
  Tree tree;
  tree.nodes = {{.linear = 0}};
  tree.linear_leaves = {{1.0, {0}, {2.0}}};
  const std::vector<Tree> trees{tree};
  EXPECT_EQ(Forest::build(trees, 1, {0.0f}).status().message(), "linear leaves are added in double only");
  const DoubleForest forest = *DoubleForest::build(trees, 1, {0.25});
  double margin = 0.0;
  const double value = 3.0;
  forest.margins(DoubleRowBatch::single(std::span(&value, 1)), std::span(&margin, 1));
  EXPECT_EQ(margin, 7.25);
}

}  // namespace
}  // namespace weir::ml::double_forest_test
