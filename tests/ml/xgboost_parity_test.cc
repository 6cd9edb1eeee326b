// Do we score as XGBoost does? Each test has XGBoost train a model on generated data, loads what it saved,
// and compares the two on rows neither has seen.
#include <weir/ml/xgboost_json.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "trainer.h"

namespace weir::ml {
namespace {

using testing::Data;
using testing::generate;
using testing::Label;
using testing::Trained;
using Parameters = std::map<std::string, std::string>;

constexpr std::size_t kColumns = 12;

std::unique_ptr<const Model> load(const std::string& json, Output output) {
  absl::StatusOr<std::unique_ptr<const Model>> model = load_xgboost_json(json, {.output = output});
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : nullptr;
}

std::vector<float> scores_of(const Model& model, const Data& data) {
  std::vector<float> scores(data.rows * model.outputs().size());
  const absl::Status status = model.predict(RowBatch(data.values, data.columns), scores);
  EXPECT_TRUE(status.ok()) << status;
  return scores;
}

// Relative for large scores, absolute for small ones.
void expect_close(const std::vector<float>& actual, const std::vector<float>& expected,
                  float tolerance = 1e-6f) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], tolerance * std::max(1.0f, std::abs(expected[i]))) << "at " << i;
  }
}

void expect_same_bits(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(actual[i]), std::bit_cast<std::uint32_t>(expected[i]))
        << "at " << i << ": " << actual[i] << " is not " << expected[i];
  }
}

// A test that passes because every score is alike would be worthless.
void expect_varied(const std::vector<float>& scores) {
  EXPECT_NE(*std::min_element(scores.begin(), scores.end()), *std::max_element(scores.begin(), scores.end()));
}

void expect_parity(const Trained& trained, const Data& unseen) {
  const std::string json = trained.json();
  const std::unique_ptr<const Model> margins = load(json, Output::kMargin);
  const std::unique_ptr<const Model> scores = load(json, Output::kTransformed);
  ASSERT_TRUE(margins && scores);
  const std::vector<float> expected = trained.predict(unseen, true);
  expect_varied(expected);
  expect_same_bits(scores_of(*margins, unseen), expected);
  expect_close(scores_of(*scores, unseen), trained.predict(unseen, false));
}

struct Case {
  std::string name;
  Label label;
  Parameters parameters;
};

std::ostream& operator<<(std::ostream& out, const Case& test) { return out << test.name; }

class XgboostParity : public ::testing::TestWithParam<Case> {};

TEST_P(XgboostParity, MarginsAreBitEqualAndScoresAgree) {
  for (const std::uint64_t seed : {11u, 12u, 13u}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Data data = generate(seed, 600, kColumns, GetParam().label);
    const Data unseen = generate(seed + 1000, 300, kColumns, GetParam().label);
    Parameters parameters{{"max_depth", "5"}, {"eta", "0.3"}};
    for (const auto& [name, value] : GetParam().parameters) parameters[name] = value;
    expect_parity(Trained(data, parameters, 20), unseen);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Objectives, XgboostParity,
    ::testing::Values(
        Case{"squarederror", Label::kReal, {{"objective", "reg:squarederror"}}},
        Case{"squarederror_base", Label::kReal, {{"objective", "reg:squarederror"}, {"base_score", "-7.25"}}},
        Case{"pseudohuber", Label::kReal, {{"objective", "reg:pseudohubererror"}}},
        Case{"squaredlogerror", Label::kPositive, {{"objective", "reg:squaredlogerror"}}},
        Case{"absoluteerror", Label::kReal, {{"objective", "reg:absoluteerror"}}},
        Case{"logistic", Label::kBinary, {{"objective", "binary:logistic"}}},
        Case{"logistic_base", Label::kBinary, {{"objective", "binary:logistic"}, {"base_score", "0.0372"}}},
        Case{"reg_logistic", Label::kBinary, {{"objective", "reg:logistic"}, {"base_score", "0.9"}}},
        Case{"logitraw", Label::kBinary, {{"objective", "binary:logitraw"}, {"base_score", "0.2"}}},
        Case{"hinge", Label::kBinary, {{"objective", "binary:hinge"}}},
        Case{"poisson", Label::kCount, {{"objective", "count:poisson"}, {"base_score", "1.7"}}},
        Case{"gamma", Label::kPositive, {{"objective", "reg:gamma"}, {"base_score", "2.5"}}},
        Case{"tweedie", Label::kPositive, {{"objective", "reg:tweedie"}, {"base_score", "0.3"}}},
        Case{"cox", Label::kPositive, {{"objective", "survival:cox"}}},
        Case{"rank", Label::kCount, {{"objective", "rank:pairwise"}}},
        Case{"softprob", Label::kClass, {{"objective", "multi:softprob"}, {"num_class", "3"}}},
        Case{"softmax", Label::kClass, {{"objective", "multi:softmax"}, {"num_class", "3"}}},
        Case{"deep", Label::kReal, {{"max_depth", "14"}, {"min_child_weight", "0"}}},
        Case{"stumps", Label::kReal, {{"max_depth", "1"}}},
        Case{"leaf_wise",
             Label::kReal,
             {{"tree_method", "hist"},
              {"grow_policy", "lossguide"},
              {"max_leaves", "40"},
              {"max_depth", "0"}}},
        Case{"pruned", Label::kReal, {{"gamma", "40"}, {"tree_method", "exact"}}},
        Case{"forest",
             Label::kBinary,
             {{"objective", "binary:logistic"},
              {"num_parallel_tree", "6"},
              {"subsample", "0.6"},
              {"colsample_bynode", "0.6"}}},
        Case{"forest_of_classes",
             Label::kClass,
             {{"objective", "multi:softprob"},
              {"num_class", "3"},
              {"num_parallel_tree", "3"},
              {"subsample", "0.7"}}}),
    [](const auto& test) { return test.param.name; });

// Dropped-out trees are scaled when they are scored, and XGBoost does that in several ways that round
// differently: so close, not equal.
TEST(XgboostParityOfDart, MarginsAndScoresAgree) {
  for (const std::string normalize : {"tree", "forest"}) {
    SCOPED_TRACE(normalize);
    const Data data = generate(21, 600, kColumns, Label::kBinary);
    const Data unseen = generate(1021, 300, kColumns, Label::kBinary);
    const Trained trained(data,
                          {{"booster", "dart"},
                           {"objective", "binary:logistic"},
                           {"rate_drop", "0.4"},
                           {"skip_drop", "0.2"},
                           {"normalize_type", normalize}},
                          25);
    const std::string json = trained.json();
    // The weights must matter, or this would show nothing.
    const nlohmann::json weights = nlohmann::json::parse(json)["learner"]["gradient_booster"]["weight_drop"];
    ASSERT_EQ(weights.size(), 25u);
    ASSERT_TRUE(std::any_of(weights.begin(), weights.end(), [](const auto& weight) { return weight < 0.9; }));
    expect_close(scores_of(*load(json, Output::kMargin), unseen), trained.predict(unseen, true), 2e-6f);
    expect_close(scores_of(*load(json, Output::kTransformed), unseen), trained.predict(unseen, false));
  }
}

// From 3.3 on, a dart booster is saved as a gbtree with weights: at first beside the model, then in it.
TEST(XgboostParityOfDart, ReadsTheWeightsWhereLaterVersionsPutThem) {
  const Data data = generate(22, 400, kColumns, Label::kReal);
  const Trained trained(data, {{"booster", "dart"}, {"rate_drop", "0.5"}}, 12);
  const std::string original = trained.json();
  const std::vector<float> expected = scores_of(*load(original, Output::kMargin), data);
  for (const bool in_model : {false, true}) {
    nlohmann::json document = nlohmann::json::parse(original);
    nlohmann::json& booster = document["learner"]["gradient_booster"];
    nlohmann::json later = {{"name", "gbtree"}, {"model", booster["gbtree"]["model"]}};
    (in_model ? later["model"] : later)["weight_drop"] = booster["weight_drop"];
    booster = later;
    document["version"] = {3, in_model ? 4 : 3, 0};
    expect_same_bits(scores_of(*load(document.dump(), Output::kMargin), data), expected);
  }
}

TEST(XgboostParityOfBaseScore, ReadsTheListOfLaterVersions) {
  const Data data = generate(31, 400, kColumns, Label::kClass);
  const Trained trained(data, {{"objective", "multi:softprob"}, {"num_class", "3"}, {"base_score", "0.25"}},
                        8);
  nlohmann::json document = nlohmann::json::parse(trained.json());
  const std::vector<float> expected = trained.predict(data, true);
  document["version"] = {3, 2, 0};
  nlohmann::json& base_score = document["learner"]["learner_model_param"]["base_score"];
  for (const std::string list : {"[2.5E-1]", "[2.5E-1,2.5E-1,2.5E-1]", "[2.5E-1, 2.5E-1, 2.5E-1]"}) {
    base_score = list;
    expect_same_bits(scores_of(*load(document.dump(), Output::kMargin), data), expected);
  }
  base_score = "[2.5E-1,1.25E0,2.5E-1]";
  const std::vector<float> shifted = scores_of(*load(document.dump(), Output::kMargin), data);
  for (std::size_t row = 0; row < data.rows; ++row) {
    ASSERT_EQ(shifted[3 * row], expected[3 * row]);
    ASSERT_NEAR(shifted[3 * row + 1], expected[3 * row + 1] + 1.0f, 1e-5f);
  }
}

TEST(XgboostParityOfScores, AreTheSameInABatchOfAnySize) {
  const Data data = generate(41, 200, kColumns, Label::kClass);
  for (const std::string objective : {"multi:softprob", "multi:softmax"}) {
    const Trained trained(data, {{"objective", objective}, {"num_class", "3"}}, 10);
    const std::unique_ptr<const Model> model = load(trained.json(), Output::kTransformed);
    const std::vector<float> together = scores_of(*model, data);
    const std::size_t outputs = model->outputs().size();
    for (const std::size_t size : {1, 2, 7, 16, 33, 64}) {
      std::vector<float> pieces(together.size());
      for (std::size_t first = 0; first < data.rows; first += size) {
        const std::size_t count = std::min(size, data.rows - first);
        ASSERT_TRUE(model
                        ->predict(RowBatch(data.values, kColumns).slice(first, count),
                                  std::span(pieces).subspan(first * outputs, count * outputs))
                        .ok());
      }
      expect_same_bits(pieces, together);
    }
  }
}

TEST(XgboostParityOfNames, InputsAreCalledAsTheModelSays) {
  const Data data = generate(51, 100, 3, Label::kReal);
  const std::vector<std::string> names{"amount", "age", "größe"};
  const std::unique_ptr<const Model> named = load(Trained(data, {}, 2, names).json(), Output::kTransformed);
  EXPECT_EQ(std::vector<std::string>(named->inputs().begin(), named->inputs().end()), names);
  const std::unique_ptr<const Model> unnamed = load(Trained(data, {}, 2).json(), Output::kTransformed);
  EXPECT_EQ(std::vector<std::string>(unnamed->inputs().begin(), unnamed->inputs().end()),
            (std::vector<std::string>{"f0", "f1", "f2"}));
}

}  // namespace
}  // namespace weir::ml
