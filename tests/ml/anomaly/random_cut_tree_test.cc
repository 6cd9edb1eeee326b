// Is the tree, whatever came and went, one that parts the points it holds?
#include <weir/ml/anomaly/random_cut_tree.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::ml {
namespace random_cut_tree_test {

Bytes bytes_of(const RandomCutTree& tree) {
  Bytes bytes;
  tree.encode(bytes);
  return bytes;
}

TEST(RandomCutTree, MissesWhatIsAloneMost) {
  SeededRandom random(5);
  double alone = 0;
  double most_of_others = 0;
  for (int round = 0; round < 30; ++round) {
    RandomCutTree tree(101, 2);
    for (std::size_t i = 0; i < 100; ++i)
      tree.insert(i, std::array{random.uniform(), random.uniform()}, random);
    tree.insert(100, std::array{9.0, 0.5}, random);
    alone += tree.displacement(100);
    for (std::size_t i = 0; i < 100; ++i)
      most_of_others = std::max(most_of_others, tree.displacement(i) / 30);
  }
  EXPECT_GT(alone / 30, 50);  // all others are beside it, but for where the box of the others is cut first
  EXPECT_LT(most_of_others, alone / 30);
}

TEST(RandomCutTree, PointsThatAreEqualShareALeaf) {
  SeededRandom random(1);
  RandomCutTree tree(4, 1);
  tree.insert(0, std::array{1.0}, random);
  tree.insert(1, std::array{1.0}, random);
  EXPECT_EQ(tree.displacement(1), 0);
  tree.insert(2, std::array{5.0}, random);
  EXPECT_EQ(tree.displacement(2), 2);
  EXPECT_EQ(tree.displacement(0), 0.5);
  tree.remove(0);
  EXPECT_EQ(tree.displacement(2), 1);
  tree.remove(2);
  tree.remove(1);
  EXPECT_EQ(tree.size(), 0U);
}

// restore() refuses a tree whose cuts do not part its points.
TEST(RandomCutTree, PartsItsPointsWhateverCameAndWent) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 chance(seed);
  SeededRandom random(seed);
  constexpr std::size_t kPoints = 40;
  RandomCutTree tree(kPoints, 3);
  std::set<std::size_t> inside;
  for (int step = 0; step < 3000; ++step) {
    const std::size_t slot = chance() % kPoints;
    if (inside.erase(slot) > 0) {
      tree.remove(slot);
    } else {
      // Few different numbers: many points are equal, or differ in one column.
      const std::array point{static_cast<double>(chance() % 3), static_cast<double>(chance() % 4), 0.1};
      tree.insert(slot, point, random);
      inside.insert(slot);
    }
    ASSERT_EQ(tree.size(), inside.size());
    RandomCutTree copy(kPoints, 3);
    const Bytes bytes = bytes_of(tree);
    ByteReader reader(bytes);
    ASSERT_TRUE(copy.restore(reader).ok()) << "step " << step;
    ASSERT_TRUE(reader.at_end());
    ASSERT_EQ(bytes_of(copy), bytes);
    for (const std::size_t each : inside) ASSERT_EQ(copy.displacement(each), tree.displacement(each));
  }
}

TEST(RandomCutTree, RefusesCutsThatDoNotPart) {
  SeededRandom random(1);
  RandomCutTree tree(4, 1);
  tree.insert(0, std::array{1.0}, random);
  tree.insert(1, std::array{5.0}, random);
  Bytes bytes = bytes_of(tree);
  bytes[4 + 4 + 4] = '\x7f';  // the cut, now far above both
  ByteReader reader(bytes);
  EXPECT_FALSE(tree.restore(reader).ok());
  EXPECT_EQ(tree.size(), 0U);
}

}  // namespace random_cut_tree_test
}  // namespace weir::ml
