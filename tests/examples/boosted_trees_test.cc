// The small trainer: what it learns, and that what it writes is a model.
#include "boosted_trees.h"

#include <array>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/xgboost_json.h>

#include "random.h"

namespace training {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

std::unique_ptr<const weir::ml::Model> load(const std::string& text) {
  auto model = weir::ml::load_xgboost_json(text);
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

float answer(const weir::ml::Model& model, std::initializer_list<float> row) {
  float score = kMissing;
  const absl::Status scored = model.predict_row(std::vector<float>(row), {&score, 1});
  EXPECT_TRUE(scored.ok()) << scored;
  return score;
}

// Classes that no single column tells apart.
Table exclusive_or(std::size_t rows) {
  generators::Random random(1);
  Table table;
  table.columns = {"a", "b", "noise"};
  for (std::size_t i = 0; i < rows; ++i) {
    const std::array<float, 3> row = {static_cast<float>(random.uniform(-1, 1)),
                                      static_cast<float>(random.uniform(-1, 1)),
                                      static_cast<float>(random.uniform())};
    table.add(row, (row[0] > 0.1F) != (row[1] > -0.3F) ? 1.0F : 0.0F);
  }
  return table;
}

TEST(BoostedTrees, LearnWhatColumnsSayTogether) {
  const auto model = load(train_boosted_trees(exclusive_or(4000), {.trees = 30, .depth = 3}));
  EXPECT_EQ(model->inputs().size(), 3u);
  EXPECT_EQ(model->inputs()[1], "b");
  EXPECT_GT(answer(*model, {0.8F, -0.8F, 0}), 0.95F);
  EXPECT_GT(answer(*model, {-0.8F, 0.8F, 1}), 0.95F);
  EXPECT_LT(answer(*model, {0.8F, 0.8F, 0}), 0.05F);
  EXPECT_LT(answer(*model, {-0.8F, -0.8F, 1}), 0.05F);
}

TEST(BoostedTrees, LearnValuesAndBeginWithTheirMean) {
  generators::Random random(2);
  Table table;
  table.columns = {"x"};
  for (int i = 0; i < 4000; ++i) {
    const std::array<float, 1> row = {static_cast<float>(random.uniform(0, 10))};
    table.add(row, 3 * row[0] + 100);
  }
  const BoostingOptions options{.objective = Objective::kSquaredError, .trees = 60, .depth = 4};
  const auto model = load(train_boosted_trees(table, options));
  EXPECT_NEAR(answer(*model, {2}), 106, 1);
  EXPECT_NEAR(answer(*model, {9}), 127, 1);
  const auto stump =
      load(train_boosted_trees(table, {.objective = Objective::kSquaredError, .trees = 1, .depth = 0}));
  EXPECT_NEAR(answer(*stump, {2}), 115, 0.5);
}

TEST(BoostedTrees, SendWhatIsMissingWhereItBelongs) {
  generators::Random random(3);
  Table table;
  table.columns = {"x"};
  for (int i = 0; i < 3000; ++i) {
    const float x = random.chance(0.3) ? kMissing : static_cast<float>(random.uniform(0, 1));
    // Missing ones are as the small ones.
    table.add(std::array<float, 1>{x}, std::isnan(x) || x < 0.5F ? 1.0F : 0.0F);
  }
  const auto model = load(train_boosted_trees(table, {.trees = 20, .depth = 2}));
  EXPECT_GT(answer(*model, {kMissing}), 0.9F);
  EXPECT_GT(answer(*model, {0.2F}), 0.9F);
  EXPECT_LT(answer(*model, {0.8F}), 0.1F);
}

TEST(BoostedTrees, AreTheSameEachTime) {
  const Table table = exclusive_or(500);
  EXPECT_EQ(train_boosted_trees(table, {.trees = 5}), train_boosted_trees(table, {.trees = 5}));
}

TEST(BoostedTrees, AreOneLeafWhereNothingCanBeLearned) {
  Table table;
  table.columns = {"constant", "missing"};
  for (int i = 0; i < 100; ++i) table.add(std::array<float, 2>{1, kMissing}, i % 4 == 0 ? 1.0F : 0.0F);
  const auto model = load(train_boosted_trees(table, {.trees = 60, .depth = 3, .hessian_min = 1}));
  EXPECT_NEAR(answer(*model, {1, kMissing}), 0.25, 0.01);
  EXPECT_NEAR(answer(*model, {-5, 3}), 0.25, 0.01);
}

}  // namespace
}  // namespace training
