// Do clusters and scalers follow the rows?
#include <weir/ml/online/k_means.h>

#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/seeded_random.h>

namespace weir::ml {
namespace k_means_test {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

std::array<float, 2> predicted(const KMeans& learner, std::vector<float> row) {
  std::array<float, 2> scores{};
  learner.predict(row, scores);
  return scores;
}

TEST(KMeans, ACentreIsTheMeanOfItsRows) {
  KMeans learner({.inputs = {"x"}, .clusters = 2, .scale = false});
  EXPECT_TRUE(std::isnan(predicted(learner, {1})[0]));
  for (const float x : {0.0F, 10.0F, 2.0F, 12.0F, 4.0F}) learner.learn(std::array{x}, 0);
  EXPECT_EQ(predicted(learner, {2}), (std::array{0.0F, 0.0F}));
  EXPECT_EQ(predicted(learner, {14}), (std::array{1.0F, 3.0F}));
}

TEST(KMeans, FindsGroupsWhateverTheirScales) {
  // More clusters than groups: the first rows decide where centres begin, and each group needs one.
  KMeans learner({.inputs = {"x", "y"}, .clusters = 12});
  SeededRandom random(9);
  for (int i = 0; i < 4000; ++i) {
    const bool right = random.below(2) == 1;
    const bool high = random.below(2) == 1;
    learner.learn(std::array{static_cast<float>((right ? 1e6 : 0) + 1e5 * random.uniform()),
                             static_cast<float>((high ? 1e-3 : 0) + 1e-4 * random.uniform())},
                  0);
  }
  std::set<float> clusters;
  for (const float x : {5e4F, 1.05e6F}) {
    for (const float y : {5e-5F, 1.05e-3F}) clusters.insert(predicted(learner, {x, y})[0]);
  }
  EXPECT_EQ(clusters.size(), 4U);
}

TEST(KMeans, ForgetsAsFastAsAsked) {
  KMeans steady({.inputs = {"x"}, .clusters = 1, .scale = false});
  KMeans moving({.inputs = {"x"}, .clusters = 1, .least_step = 0.1, .scale = false});
  for (int i = 0; i < 400; ++i) {
    const std::array row{i < 300 ? 0.0F : 1.0F};
    steady.learn(row, 0);
    moving.learn(row, 0);
  }
  EXPECT_FLOAT_EQ(predicted(steady, {0})[1], 0.25);
  EXPECT_GT(predicted(moving, {0})[1], 0.99);
}

TEST(KMeans, AMissingValueIsTheCentresOwn) {
  KMeans learner({.inputs = {"x", "y"}, .clusters = 2, .scale = false});
  learner.learn(std::array{0.0F, 5.0F}, 0);
  learner.learn(std::array{10.0F, 7.0F}, 0);
  EXPECT_EQ(predicted(learner, {9, kMissing}), (std::array{1.0F, 1.0F}));
  learner.learn(std::array{10.0F, kMissing}, 0);
  EXPECT_EQ(predicted(learner, {10, 7}), (std::array{1.0F, 0.0F}));
}

TEST(KMeans, OptionsThatCannotBeAreNamed) {
  EXPECT_NE(fault_in(KMeansOptions{}), "");
  EXPECT_NE(fault_in(KMeansOptions{.inputs = {"a"}, .clusters = 0}), "");
  EXPECT_NE(fault_in(KMeansOptions{.inputs = {"a"}, .least_step = 2}), "");
  EXPECT_EQ(fault_in(KMeansOptions{.inputs = {"a"}}), "");
}

TEST(StandardScaler, ScalesByTheRowsSoFar) {
  StandardScaler scaler({"x", "y"});
  std::array<float, 2> scaled{};
  for (const float x : {2.0F, 4.0F, 4.0F, 4.0F, 5.0F, 5.0F, 7.0F, 9.0F}) scaler.learn(std::array{x, 3.0F}, 0);
  scaler.predict(std::array{9.0F, 4.0F}, scaled);
  EXPECT_FLOAT_EQ(scaled[0], 2);  // mean 5, deviation 2
  EXPECT_EQ(scaled[1], 0);        // a column that never moved
  scaler.predict(std::array{kMissing, 3.0F}, scaled);
  EXPECT_EQ(scaled[0], 0);
}

TEST(StandardScaler, HoldsForLargeMeans) {
  RunningMoments moments;
  for (int i = 0; i < 10'000; ++i) moments.add(1e9 + i % 2);
  EXPECT_NEAR(moments.variance(), 0.25, 1e-6);
}

}  // namespace k_means_test
}  // namespace weir::ml
