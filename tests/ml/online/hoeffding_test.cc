// Do trees grow where they must, and does the forest follow a world that changes?
#include <weir/ml/online/hoeffding_forest.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/seeded_random.h>

namespace weir::ml {
namespace hoeffding_test {

float predicted(const Learner& learner, const std::vector<float>& row) {
  float score = 0;
  learner.predict(row, {&score, 1});
  return score;
}

std::vector<float> random_row(SeededRandom& random, std::size_t columns = 3) {
  std::vector<float> row;
  for (std::size_t i = 0; i < columns; ++i) row.push_back(static_cast<float>(random.uniform()));
  return row;
}

TEST(HoeffdingTree, StaysALeafWhereNothingCanBeLearned) {
  SeededRandom random(1);
  HoeffdingTree tree({}, 3, random);
  for (int i = 0; i < 5000; ++i) tree.learn(random_row(random), random.below(2) == 1, 1, random);
  EXPECT_LE(tree.leaves(), 3U);
  EXPECT_NEAR(tree.predict(random_row(random)), 0.5, 0.15);
}

TEST(HoeffdingTree, SplitsWhereLabelsPart) {
  SeededRandom random(2);
  HoeffdingTree tree({}, 3, random);
  // A rectangle: neither one threshold nor one normal distribution.
  const auto truth = [](const std::vector<float>& row) {
    return (row[0] > 0.3F && row[0] < 0.7F) != (row[1] > 0.5F);
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::vector<float> row = random_row(random);
    tree.learn(row, truth(row), 1, random);
  }
  EXPECT_GT(tree.leaves(), 4U);
  int right = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::vector<float> row = random_row(random);
    right += (tree.predict(row) > 0.5) == truth(row) ? 1 : 0;
  }
  EXPECT_GT(right, 880);
}

TEST(HoeffdingTree, HasNoMoreLeavesThanAllowed) {
  SeededRandom random(3);
  HoeffdingTree tree({.confidence = 0.5, .grace = 20, .leaves = 7}, 3, random);
  for (int i = 0; i < 5000; ++i) {
    const std::vector<float> row = random_row(random);
    tree.learn(row, static_cast<int>(10 * row[0]) % 2 == 1, 1, random);
  }
  EXPECT_EQ(tree.leaves(), 7U);
}

TEST(HoeffdingTree, AMissingValueGoesWithTheMany) {
  SeededRandom random(4);
  HoeffdingTree tree({}, 1, random);
  for (int i = 0; i < 5000; ++i) {
    const std::vector<float> row = random_row(random, 1);
    tree.learn(row, row[0] > 0.8F, 1, random);
  }
  EXPECT_LT(tree.predict(std::array{std::numeric_limits<float>::quiet_NaN()}), 0.3);
  EXPECT_GT(tree.predict(std::array{0.95F}), 0.8);
}

TEST(HoeffdingTree, ComesBackAsItWas) {
  SeededRandom random(5);
  const HoeffdingTreeRules rules{.confidence = 0.1, .grace = 30, .columns_each = 2};
  HoeffdingTree tree(rules, 3, random);
  for (int i = 0; i < 3000; ++i) {
    const std::vector<float> row = random_row(random);
    tree.learn(row, row[0] + row[1] > 1, 1, random);
  }
  ASSERT_GT(tree.leaves(), 3U);
  Bytes bytes;
  tree.encode(bytes);
  SeededRandom unused;
  HoeffdingTree restored(rules, 3, unused);
  ByteReader reader(bytes);
  ASSERT_TRUE(restored.restore(reader));
  Bytes again;
  restored.encode(again);
  EXPECT_EQ(again, bytes);
}

TEST(HoeffdingForest, FollowsAWorldThatChanges) {
  HoeffdingOptions still;
  still.inputs = {"a", "b", "c"};
  HoeffdingForest tree(still);
  HoeffdingForest forest(adaptive_random_forest(still.inputs, 5));
  SeededRandom random(6);
  int tree_right = 0;
  int forest_right = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::vector<float> row = random_row(random);
    const bool truth = (row[0] > 0.5F) != (i >= 4000);  // the opposite from then on
    if (i >= 5000) {
      tree_right += (predicted(tree, row) > 0.5F) == truth ? 1 : 0;
      forest_right += (predicted(forest, row) > 0.5F) == truth ? 1 : 0;
    }
    tree.learn(row, truth ? 1 : 0);
    forest.learn(row, truth ? 1 : 0);
  }
  EXPECT_GT(forest_right, 900);
  EXPECT_GT(forest_right, tree_right);
  EXPECT_GT(forest.replaced(), 0U);
}

TEST(MistakeWatch, RisesWithTheMean) {
  MistakeWatch test;
  SeededRandom random(7);
  double before = 0;
  for (int i = 0; i < 1000; ++i) before = test.add(random.uniform() < 0.1 ? 1 : 0);
  double after = 0;
  for (int i = 0; i < 200; ++i) after = test.add(random.uniform() < 0.5 ? 1 : 0);
  EXPECT_LT(before, 20);
  EXPECT_GT(after, before + 30);
}

TEST(HoeffdingForest, OptionsThatCannotBeAreNamed) {
  HoeffdingOptions options;
  EXPECT_NE(fault_in(options), "");
  options.inputs = {"a"};
  EXPECT_EQ(fault_in(options), "");
  options.rules.confidence = 0;
  EXPECT_NE(fault_in(options), "");
  options = adaptive_random_forest({"a"});
  options.drift = options.warning / 2;
  EXPECT_NE(fault_in(options), "");
}

}  // namespace hoeffding_test
}  // namespace weir::ml
