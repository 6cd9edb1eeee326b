// Do linear learners change their weights as their papers say, and learn what can be learned?
#include <weir/ml/online/linear_learner.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/seeded_random.h>

namespace weir::ml {
namespace linear_learner_test {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

float predicted(const Learner& learner, std::vector<float> row) {
  float score = 0;
  learner.predict(row, {&score, 1});
  return score;
}

// The share of late examples that are predicted right before they are learned.
template <class Example>
double accuracy(Learner& learner, Example&& example, int examples = 3000) {
  SeededRandom random(11);
  int right = 0;
  for (int i = 0; i < examples; ++i) {
    const auto [row, label] = example(random);
    if (i >= examples / 2) right += (predicted(learner, row) > 0.5F) == (label == 1) ? 1 : 0;
    learner.learn(row, label);
    EXPECT_TRUE(learner.sound());
  }
  return 2.0 * right / examples;
}

TEST(LinearLearner, GradientDescentStepsByTheSlope) {
  LinearLearner learner({.inputs = {"x"}, .rate = 0.5, .scale = false});
  EXPECT_EQ(predicted(learner, {2}), 0.5F);
  learner.learn(std::array{2.0F}, 1);  // slope 0.5 - 1: weights 0.5, and 0.25 for the constant
  EXPECT_FLOAT_EQ(predicted(learner, {2}), static_cast<float>(1 / (1 + std::exp(-1.25))));
  LinearLearner value(
      {.inputs = {"x"}, .target = LinearTarget::kValue, .rate = 0.1, .l2 = 0.5, .scale = false});
  value.learn(std::array{2.0F}, 10);  // weights 2 and 1
  EXPECT_FLOAT_EQ(predicted(value, {2}), 5);
  value.learn(std::array{2.0F}, 5);  // right, but weights shrink by a twentieth
  EXPECT_FLOAT_EQ(predicted(value, {2}), 4.75);
}

TEST(LinearLearner, PassiveAggressiveGivesWayAsFarAsItMust) {
  LinearLearner learner(
      {.inputs = {"x"}, .update = LinearUpdate::kPassiveAggressive, .aggressiveness = 0.5, .scale = false});
  learner.learn(std::array{3.0F}, 1);  // loss 1, step 1 / (10 + 1)
  const double margin = 10.0 / 11;
  EXPECT_FLOAT_EQ(predicted(learner, {3}), static_cast<float>(1 / (1 + std::exp(-margin))));
  LinearLearner value({.inputs = {"x"},
                       .target = LinearTarget::kValue,
                       .update = LinearUpdate::kPassiveAggressive,
                       .aggressiveness = 0.5,
                       .insensitivity = 1,
                       .scale = false});
  value.learn(std::array{3.0F}, 12);  // loss 11
  EXPECT_FLOAT_EQ(predicted(value, {3}), 10);
  value.forget_touched();
  value.learn(std::array{3.0F}, 10.5F);  // near enough
  EXPECT_FLOAT_EQ(predicted(value, {3}), 10);
  EXPECT_TRUE(value.touched().empty());
}

TEST(LinearLearner, FtrlFollowsTheRegularisedLeader) {
  LinearLearner learner(
      {.inputs = {"x"}, .update = LinearUpdate::kFtrl, .rate = 2, .l1 = 0.6, .l2 = 1, .scale = false});
  learner.learn(std::array{2.0F}, 1);
  // Gradients -1 and -0.5: z = those, n = 1 and 0.25; the constant's z does not reach l1.
  const double weight = (1 - 0.6) / ((1 + 1) / 2.0 + 1);
  EXPECT_FLOAT_EQ(predicted(learner, {2}), static_cast<float>(1 / (1 + std::exp(-2 * weight))));
  EXPECT_EQ(predicted(learner, {0}), 0.5F);
}

TEST(LinearLearner, EachLearnsALine) {
  const auto example = [](SeededRandom& random) {
    const std::vector<float> row{static_cast<float>(random.uniform() * 1e4),
                                 static_cast<float>(random.uniform())};
    return std::pair(row, row[0] / 1e4F + row[1] > 1 ? 1.0F : 0.0F);
  };
  for (const LinearUpdate update :
       {LinearUpdate::kSgd, LinearUpdate::kFtrl, LinearUpdate::kPassiveAggressive}) {
    LinearLearner learner({.inputs = {"a", "b"}, .update = update, .rate = 0.5});
    EXPECT_GT(accuracy(learner, example), 0.93) << static_cast<int>(update);
  }
}

TEST(LinearLearner, CategoriesAreNamesAndNotNumbers) {
  const auto example = [](SeededRandom& random) {
    const auto city = static_cast<float>(random.below(100));
    return std::pair(std::vector<float>{city == 0 ? kMissing : city},
                     static_cast<int>(city) % 3 == 0 ? 1.0F : 0.0F);
  };
  LinearLearner as_number({.inputs = {"city"}, .rate = 0.5});
  LinearLearner as_name({.inputs = {"city"}, .rate = 0.5, .hash_bits = 14, .categories = {"city"}});
  EXPECT_LT(accuracy(as_number, example), 0.75);
  EXPECT_GT(accuracy(as_name, example), 0.97);
}

TEST(LinearLearner, PairsCountTogether) {
  const auto example = [](SeededRandom& random) {
    const std::vector<float> row{static_cast<float>(random.below(4)), static_cast<float>(random.below(4))};
    return std::pair(row, row[0] == row[1] ? 1.0F : 0.0F);
  };
  LinearLearner alone({.inputs = {"a", "b"}, .hash_bits = 10, .categories = {"a", "b"}});
  LinearLearner paired(
      {.inputs = {"a", "b"}, .hash_bits = 10, .categories = {"a", "b"}, .pairs = {{"a", "b"}}});
  EXPECT_LT(accuracy(alone, example), 0.85);
  EXPECT_GT(accuracy(paired, example), 0.97);
}

TEST(LinearLearner, AMissingNumberCountsAsTheMean) {
  LinearLearner learner({.inputs = {"x"}, .target = LinearTarget::kValue});
  SeededRandom random(2);
  for (int i = 0; i < 2000; ++i) {
    const auto x = static_cast<float>(random.uniform());
    learner.learn(std::array{x}, 3 * x + 1);
  }
  EXPECT_NEAR(predicted(learner, {kMissing}), 2.5, 0.1);
  EXPECT_NEAR(predicted(learner, {1}), 4, 0.1);
}

TEST(LinearLearner, TouchesOnlyWhatAnExampleChanges) {
  LinearLearner learner({.inputs = {"city"}, .scale = false, .hash_bits = 20, .categories = {"city"}});
  EXPECT_EQ(learner.parts(), 1 + (1U << 20) / 512 + 1);
  learner.learn(std::array{7.0F}, 1);
  EXPECT_EQ(learner.touched().size(), 2U);  // the city's block and that of the constant
  learner.forget_touched();
  EXPECT_TRUE(learner.touched().empty());
}

TEST(LinearLearner, SaysWhenItIsNoLongerSound) {
  LinearLearner learner({.inputs = {"x"}, .target = LinearTarget::kValue, .rate = 1e6, .scale = false});
  bool sound = true;
  for (int i = 0; sound && i < 100; ++i) {
    learner.learn(std::array{1000.0F}, 1);
    sound = learner.sound();
  }
  EXPECT_FALSE(sound);
}

TEST(LinearLearner, OptionsThatCannotBeAreNamed) {
  EXPECT_NE(fault_in(LinearOptions{}), "");
  EXPECT_NE(fault_in(LinearOptions{.inputs = {"a", "a"}}), "");
  EXPECT_NE(fault_in(LinearOptions{.inputs = {"a"}, .rate = 0}), "");
  EXPECT_NE(fault_in(LinearOptions{.inputs = {"a"}, .hash_bits = 25}), "");
  EXPECT_NE(fault_in(LinearOptions{.inputs = {"a"}, .categories = {"a"}}), "");
  EXPECT_NE(fault_in(LinearOptions{.inputs = {"a"}, .hash_bits = 5, .categories = {"b"}}), "");
  EXPECT_NE(fault_in(LinearOptions{.inputs = {"a"}, .hash_bits = 5, .pairs = {{"a", "b"}}}), "");
  EXPECT_EQ(
      fault_in(LinearOptions{.inputs = {"a"}, .hash_bits = 5, .categories = {"a"}, .pairs = {{"a", "a"}}}),
      "");
}

}  // namespace linear_learner_test
}  // namespace weir::ml
