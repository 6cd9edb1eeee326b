#include <weir/ml/feedback/metrics.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace weir::ml {
namespace metrics_test {

template <class M>
Bytes bytes_of(const M& metrics) {
  Bytes bytes;
  metrics.serialise(bytes);
  return bytes;
}

using Pairs = std::vector<std::pair<double, bool>>;

Pairs random_pairs(std::mt19937& chance, std::size_t count) {
  Pairs pairs;
  for (std::size_t i = 0; i < count; ++i) {
    const double probability =
        chance() % 20 == 0 ? static_cast<double>(chance() % 2) : static_cast<double>(chance()) / 4294967296.0;
    pairs.emplace_back(probability, static_cast<double>(chance()) < (0.2 + 0.6 * probability) * 4294967296.0);
  }
  return pairs;
}

// Against the definitions, over all pairs.
TEST(BinaryMetrics, AreWhatTheirDefinitionsSay) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 chance(seed);
  for (int round = 0; round < 50; ++round) {
    const Pairs pairs = random_pairs(chance, 2 + chance() % 300);
    const double threshold = 0.1 * static_cast<double>(1 + chance() % 9);
    BinaryMetrics metrics(threshold);
    double loss = 0;
    double brier = 0;
    double yes = 0;
    double right_yes = 0;
    double positives = 0;
    double won = 0;
    double bins[16][2] = {};
    for (const auto& [probability, outcome] : pairs) {
      ASSERT_TRUE(metrics.add(probability, outcome));
      loss -= std::log(std::clamp(outcome ? probability : 1 - probability, 1e-15, 1 - 1e-15));
      brier += (probability - (outcome ? 1 : 0)) * (probability - (outcome ? 1 : 0));
      positives += outcome ? 1 : 0;
      yes += probability >= threshold ? 1 : 0;
      right_yes += probability >= threshold && outcome ? 1 : 0;
      auto& bin = bins[std::min(15, static_cast<int>(probability * 16))];
      bin[0] += probability;
      bin[1] += outcome ? 1 : 0;
      for (const auto& [other, its] : pairs) {
        if (outcome && !its) won += probability > other ? 1 : probability == other ? 0.5 : 0;
      }
    }
    const auto count = static_cast<double>(pairs.size());
    EXPECT_EQ(metrics.count(), pairs.size());
    EXPECT_NEAR(*metrics.log_loss(), loss / count, 1e-8);
    EXPECT_NEAR(*metrics.brier(), brier / count, 1e-8);
    double apart = 0;
    for (const auto& bin : bins) apart += std::abs(bin[0] - bin[1]);
    EXPECT_NEAR(*metrics.calibration_error(), apart / count, 1e-8);
    if (positives > 0 && positives < count) {
      EXPECT_NEAR(*metrics.auc(), won / (positives * (count - positives)), *metrics.auc_error() + 1e-12);
      // A pair of a few in one bin is a large part of them.
      if (std::min(positives, count - positives) >= 30) {
        EXPECT_LT(*metrics.auc_error(), 0.05);
      }
    } else {
      EXPECT_EQ(metrics.auc(), std::nullopt);
    }
    EXPECT_EQ(metrics.precision(), yes == 0 ? std::nullopt : std::optional(right_yes / yes));
    EXPECT_EQ(metrics.recall(), positives == 0 ? std::nullopt : std::optional(right_yes / positives));
    EXPECT_EQ(metrics.f1(),
              yes + positives == 0 ? std::nullopt : std::optional(2 * right_yes / (yes + positives)));
  }
}

TEST(BinaryMetrics, AreNothingWhereNothingIsDefined) {
  BinaryMetrics metrics;
  EXPECT_EQ(metrics.log_loss(), std::nullopt);
  EXPECT_EQ(metrics.calibration_error(), std::nullopt);
  EXPECT_FALSE(metrics.add(std::nan(""), true));
  EXPECT_FALSE(metrics.add(1.5, true));
  EXPECT_FALSE(metrics.add(-0.1, false));
  EXPECT_EQ(metrics.count(), 0U);
  EXPECT_EQ(metrics.refused(), 3U);
  metrics.add(0.2, true);
  EXPECT_EQ(metrics.auc(), std::nullopt);
  EXPECT_EQ(metrics.auc_error(), std::nullopt);
  EXPECT_EQ(metrics.precision(), std::nullopt);
  EXPECT_EQ(metrics.recall(), 0.0);
}

TEST(BinaryMetrics, DoNotDependOnOrderNorParts) {
  std::mt19937 chance(3);
  Pairs pairs = random_pairs(chance, 500);
  BinaryMetrics one(0.3);
  for (const auto& [probability, outcome] : pairs) one.add(probability, outcome);
  std::ranges::shuffle(pairs, chance);
  BinaryMetrics parts[2] = {BinaryMetrics(0.3), BinaryMetrics(0.3)};
  for (const auto& [probability, outcome] : pairs) parts[chance() % 2].add(probability, outcome);
  ASSERT_TRUE(parts[1].merge(parts[0]).ok());
  EXPECT_EQ(parts[1], one);
  EXPECT_EQ(bytes_of(parts[1]), bytes_of(one));
  EXPECT_EQ(*BinaryMetrics::parse(bytes_of(one)), one);
  EXPECT_FALSE(one.merge(BinaryMetrics(0.4)).ok());
}

TEST(RegressionMetrics, AreWhatTheirDefinitionsSay) {
  std::mt19937 chance(4);
  RegressionMetrics metrics;
  EXPECT_EQ(metrics.mae(), std::nullopt);
  EXPECT_EQ(metrics.rmse(), std::nullopt);
  long double absolute = 0;
  long double squares = 0;
  long double errors = 0;
  for (int i = 0; i < 3'000; ++i) {
    // Sums that cancel.
    const double predicted = (i % 2 == 0 ? 1e9 : -1e9) + static_cast<double>(chance() % 1'000) / 7;
    ASSERT_TRUE(metrics.add(predicted, 0.5));
    const long double error = static_cast<long double>(predicted) - 0.5L;
    absolute += std::abs(error);
    squares += error * error;
    errors += error;
  }
  EXPECT_NEAR(*metrics.mae(), static_cast<double>(absolute / 3'000), 1e-6);
  EXPECT_NEAR(*metrics.rmse(), static_cast<double>(std::sqrt(squares / 3'000)), 1e-6);
  EXPECT_NEAR(*metrics.bias(), static_cast<double>(errors / 3'000), 1e-9);
  EXPECT_FALSE(metrics.add(std::nan(""), 1));
  EXPECT_FALSE(metrics.add(1e300, -1));
  EXPECT_EQ(metrics.count(), 3'000U);
  EXPECT_EQ(metrics.refused(), 2U);
  EXPECT_EQ(*RegressionMetrics::parse(bytes_of(metrics)), metrics);
  RegressionMetrics twice = metrics;
  twice.merge(twice);
  EXPECT_EQ(twice.count(), 6'000U);
  EXPECT_NEAR(*twice.bias(), *metrics.bias(), 1e-12);
}

}  // namespace metrics_test
}  // namespace weir::ml
