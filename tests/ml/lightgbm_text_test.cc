#include <weir/ml/lightgbm_text.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "lightgbm_sample.h"

namespace weir::ml::lightgbm_text_test {
namespace {

using testing::lightgbm_sample;
using testing::with;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::unique_ptr<const Model> load(const std::string& text, const LoadOptions& options = {}) {
  absl::StatusOr<std::unique_ptr<const Model>> model = load_lightgbm_text(text, options);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : nullptr;
}

std::vector<double> scores_of(const Model& model, const std::vector<double>& row) {
  std::vector<double> scores(model.outputs().size());
  EXPECT_TRUE(model.predict(DoubleRowBatch::single(row), scores).ok());
  const std::vector<float> narrow(row.begin(), row.end());
  std::vector<float> narrow_scores(scores.size());
  EXPECT_TRUE(model.predict_row(narrow, narrow_scores).ok());
  for (std::size_t i = 0; i < scores.size(); ++i)
    EXPECT_FLOAT_EQ(narrow_scores[i], static_cast<float>(scores[i]));
  return scores;
}

double score_of(const Model& model, const std::vector<double>& row) { return scores_of(model, row)[0]; }

void expect_refused(const std::string& text, absl::StatusCode code, const std::string& message,
                    const LoadOptions& options = {}) {
  const absl::Status status = load_lightgbm_text(text, options).status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_EQ(status.message(), message);
}

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kUnimplemented = absl::StatusCode::kUnimplemented;
constexpr absl::StatusCode kExhausted = absl::StatusCode::kResourceExhausted;

TEST(LightgbmText, AddsUpWhatEachTreeSays) {
  const std::unique_ptr<const Model> model = load(lightgbm_sample());
  EXPECT_EQ(score_of(*model, {0.5, 0, 2}), 1 + 20 + 100 + 1000);
  EXPECT_EQ(score_of(*model, {0.75, 1, -1}), 2 + 10 + 100 + 1000);
  EXPECT_EQ(score_of(*model, {0.75, 2, 3}), 3 + 20 + 100 + (1 + 2 * 0.75 - 3));
}

TEST(LightgbmText, TreatsWhatIsMissingAsEachSplitSays) {
  const std::unique_ptr<const Model> model = load(lightgbm_sample());
  // The first split sends NaN left. The one by age takes a NaN, a zero and what is next to zero for missing, and
  // sends it right; the one at 2.5 takes a NaN for zero.
  EXPECT_EQ(score_of(*model, {kNaN, 0, 1}), 1 + 20 + 100 + 1000);
  EXPECT_EQ(score_of(*model, {0, 0, kNaN}), 1 + 20 + 100 + 1000);
  EXPECT_EQ(score_of(*model, {0, 0, 0}), 1 + 20 + 100 + 1000);
  EXPECT_EQ(score_of(*model, {0, 0, -1e-36}), 1 + 20 + 100 + 1000);
  EXPECT_EQ(score_of(*model, {0, 0, -1e-34}), 1 + 10 + 100 + 1000);
  // A linear leaf with a missing value falls back.
  EXPECT_EQ(score_of(*model, {kNaN, 0, 3}), 1 + 20 + 100 + 7);
}

TEST(LightgbmText, SendsCategoriesOfTheSetLeft) {
  const std::unique_ptr<const Model> model = load(lightgbm_sample());
  for (const double category : {1.0, 33.0, 1.9}) {
    EXPECT_EQ(score_of(*model, {1, category, 0}), 2 + 20 + 100 + 1000) << category;
  }
  for (const double category : {0.0, 2.0, 32.0, 64.0, 1e9, 1e30, -1.0, -0.5, kNaN, kInfinity, -kInfinity}) {
    EXPECT_EQ(score_of(*model, {1, category, 0}), 3 + 20 + 100 + 1000) << category;
  }
  // A number between -1 and 0 is category 0.
  const auto with_zero = load(with(lightgbm_sample(), "cat_threshold=2 2", "cat_threshold=3 2"));
  EXPECT_EQ(score_of(*with_zero, {1, -0.5, 0}), 2 + 20 + 100 + 1000);
}

TEST(LightgbmText, ComparesInDouble) {
  const double above = std::nextafter(0.5, 1.0);
  const std::unique_ptr<const Model> model = load(lightgbm_sample());
  std::vector<double> scores(1);
  ASSERT_TRUE(model->predict(DoubleRowBatch::single(std::vector<double>{above, 0, 2}), scores).ok());
  EXPECT_EQ(scores[0], 3 + 20 + 100 + 1000);
  // A threshold between two floats parts them in either precision.
  const auto between = load(with(lightgbm_sample(), "threshold=0.5 0", "threshold=0.50000001 0"));
  EXPECT_EQ(score_of(*between, {0.5, 0, 2}), 1 + 20 + 100 + 1000);
  EXPECT_EQ(score_of(*between, {static_cast<double>(std::nextafter(0.5f, 1.0f)), 0, 2}), 3 + 20 + 100 + 1000);
}

TEST(LightgbmText, AnInfiniteThresholdPartsWhatIsMissingFromWhatIsNot) {
  const std::string right =
      with(with(lightgbm_sample(), "threshold=0.5 0", "threshold=inf 0"), "=10 9", "=8 9");
  const std::unique_ptr<const Model> model = load(right);
  for (const double value : {0.0, 1e300, kInfinity, -kInfinity}) {
    EXPECT_EQ(score_of(*model, {value, 0, 2}), 1 + 20 + 100 + 1000) << value;
  }
  EXPECT_EQ(score_of(*model, {kNaN, 0, 2}), 3 + 20 + 100 + 1000);
}

TEST(LightgbmText, PutsTheObjectivesLinkBehindTheMargin) {
  const auto score = [](const std::string& objective, double leaf) {
    std::string text = with(lightgbm_sample(), "objective=regression", "objective=" + objective);
    text = with(text, "leaf_value=100", "leaf_value=" + std::to_string(leaf - 1021));
    return score_of(*load(text), {0.5, 0, 2});
  };
  EXPECT_NEAR(score("regression sqrt", -3), -9, 1e-9);
  EXPECT_NEAR(score("binary sigmoid:2", 0.25), 1 / (1 + std::exp(-0.5)), 1e-9);
  EXPECT_NEAR(score("cross_entropy", 0.25), 1 / (1 + std::exp(-0.25)), 1e-9);
  EXPECT_NEAR(score("cross_entropy_lambda", 0.25), std::log1p(std::exp(0.25)), 1e-9);
  EXPECT_NEAR(score("poisson", 0.25), std::exp(0.25), 1e-9);
  EXPECT_NEAR(score("quantile", 0.25), 0.25, 1e-9);
  EXPECT_NEAR(score("custom", 0.25), 0.25, 1e-9);
  EXPECT_NEAR(score("", 0.25), 0.25, 1e-9);
}

TEST(LightgbmText, AddsTreesToOutputsInTurnAndAverages) {
  std::string text = with(lightgbm_sample(), "num_class=1", "num_class=2");
  text = with(with(text, "num_tree_per_iteration=1", "num_tree_per_iteration=2"), "objective=regression",
              "objective=multiclassova num_class:2 sigmoid:1\naverage_output");
  const auto margins = load(text, {.output = Output::kMargin});
  EXPECT_EQ(scores_of(*margins, {0.5, 0, 2}), (std::vector<double>{101, 1020}));
  EXPECT_EQ(margins->outputs()[1], "margin_1");
  const auto scores = load(with(text, "leaf_value=1 2 3", "leaf_value=-99 2 3"));
  EXPECT_NEAR(scores_of(*scores, {0.5, 0, 2})[0], 1 / (1 + std::exp(-0.5)), 1e-12);
  EXPECT_EQ(scores->outputs()[1], "probability_1");
}

TEST(LightgbmText, SaysWhatItIs) {
  const std::unique_ptr<const Model> model = load(lightgbm_sample());
  EXPECT_EQ(model->name(), "lightgbm");
  EXPECT_EQ(model->version(), model->digest().substr(0, 12));
  EXPECT_EQ(std::vector<std::string>(model->inputs().begin(), model->inputs().end()),
            (std::vector<std::string>{"amount", "kind", "age"}));
  EXPECT_EQ(model->outputs()[0], "prediction");
  EXPECT_EQ(model->precision(), Precision::kDouble);
}

TEST(LightgbmText, ReadsLinesThatEndInCarriageReturns) {
  std::string text;
  for (const char c : lightgbm_sample()) text += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(score_of(*load(text), {0.5, 0, 2}), 1 + 20 + 100 + 1000);
}

TEST(LightgbmText, RefusesWhatIsNoModel) {
  expect_refused("", kInvalid, "line 0: the first line is not 'tree': not a model of LightGBM");
  expect_refused("trees\n", kInvalid, "line 1: the first line is not 'tree': not a model of LightGBM");
  const std::string sample = lightgbm_sample();
  expect_refused(sample.substr(0, sample.find("end of trees")), kInvalid,
                 "line 70: the text ends before its line 'end of trees'");
  expect_refused(with(sample, "version=v4\n", ""), kInvalid, "version is missing: not a model of LightGBM");
  expect_refused(with(sample, "max_feature_idx=2\n", ""), kInvalid, "max_feature_idx is missing");
  expect_refused(with(sample, "num_tree_per_iteration=1", "num_tree_per_iteration=0"), kInvalid,
                 "num_tree_per_iteration is 0");
  expect_refused(with(sample, "num_class=1", "num_class=3"), kInvalid,
                 "3 classes, but 1 trees per iteration");
  expect_refused(with(sample, "feature_names=amount kind age", "feature_names=amount kind"), kInvalid,
                 "2 feature names for 3 features");
  expect_refused(with(sample, "feature_names=amount kind age", "feature_names=age kind age"), kInvalid,
                 "two features are called age");
  expect_refused(with(sample, "num_leaves=3", "num_leaves=3\nnum_leaves=3"), kInvalid,
                 "line 14: num_leaves is there twice");
  expect_refused(with(sample, "Tree=1", "Tree=2"), kInvalid, "line 28: tree 2 stands where tree 1 belongs");
  expect_refused(with(sample, "leaf_value=1 2 3", "leaf_value=1 2 x"), kInvalid,
                 "line 21: 'x' is not a number that fits");
  expect_refused(with(sample, "num_leaves=3", "num_leaves=-3"), kInvalid,
                 "line 13: '-3' is not a number that fits");
}

TEST(LightgbmText, RefusesTreesThatAreNone) {
  const std::string sample = lightgbm_sample();
  expect_refused(with(sample, "leaf_value=1 2 3", "leaf_value=1 2"), kInvalid,
                 "tree 0 has arrays of another length than its 3 leaves want");
  expect_refused(with(sample, "num_leaves=1", "num_leaves=0"), kInvalid, "tree 2 has no leaves");
  expect_refused(with(sample, "leaf_value=1 2 3", "leaf_value=1 2 inf"), kInvalid,
                 "tree 0 node 4: leaf is inf");
  expect_refused(with(sample, "threshold=0.5 0", "threshold=nan 0"), kInvalid,
                 "tree 0 node 0: threshold is nan");
  expect_refused(with(sample, "split_feature=0 1", "split_feature=0 3"), kInvalid,
                 "tree 0 node 1: decides by feature 3 of 3");
  expect_refused(with(sample, "left_child=-1 -2", "left_child=-1 -1"), kInvalid,
                 "tree 0 node 1: has child 2, which has a parent already or is the root");
  expect_refused(with(sample, "left_child=-1 -2", "left_child=-1 0"), kInvalid,
                 "tree 0 node 1: has child 0, which has a parent already or is the root");
  expect_refused(with(sample, "left_child=-1 -2", "left_child=-1 -9"), kInvalid,
                 "tree 0 node 1: has child -2 of 5 nodes");
  expect_refused(with(sample, "decision_type=10 9", "decision_type=14 9"), kInvalid,
                 "tree 0 split 0: decision_type 14 is not known");
  expect_refused(with(sample, "threshold=0.5 0", "threshold=0.5 1"), kInvalid,
                 "tree 0 split 1: has category set 1 of 1");
  expect_refused(with(sample, "threshold=0.5 0", "threshold=0.5 0.5"), kInvalid,
                 "tree 0 split 1: has category set 0.5 of 1");
  expect_refused(with(sample, "cat_boundaries=0 2", "cat_boundaries=0 3"), kInvalid,
                 "tree 0 has category sets that are not whole");
  expect_refused(with(with(sample, "num_cat=1", "num_cat=18446744073709551615"), "cat_boundaries=0 2", ""),
                 kInvalid, "tree 0 has category sets that are not whole");
  expect_refused(with(sample, "cat_threshold=2 2", "cat_threshold=2 4294967296"), kInvalid,
                 "tree 0 has category bits that are not 32: 4294967296");
  expect_refused(with(sample, "num_features=0 2", "num_features=0 3"), kInvalid,
                 "tree 3 leaf 1 adds up 3 features of 2");
  expect_refused(with(sample, "num_features=0 2", "num_features=0 1"), kInvalid,
                 "tree 3 has features that no leaf adds up");
  expect_refused(with(sample, "leaf_features= 0 2", "leaf_features= 0 3"), kInvalid,
                 "tree 3 node 2: adds up feature 3 of 3");
}

TEST(LightgbmText, RefusesKindsItCannotScore) {
  const std::string sample = lightgbm_sample();
  expect_refused(with(sample, "version=v4", "version=v5"), kUnimplemented,
                 "models of version v5 are not known");
  const std::string unknown = with(sample, "objective=regression", "objective=regression_l7");
  expect_refused(
      unknown, kUnimplemented,
      "objective regression_l7 is not known: its scores can be had as margins only (Output::kMargin)");
  EXPECT_EQ(load(unknown, {.output = Output::kMargin})->outputs()[0], "margin");
  expect_refused(
      with(sample, "objective=regression", "objective=huber sqrt"), kUnimplemented,
      "objective huber sqrt is not known: its scores can be had as margins only (Output::kMargin)");
  expect_refused(with(sample, "objective=regression", "objective=binary sigmoid:-1"), kInvalid,
                 "objective's sigmoid is not a number above zero: -1");
}

TEST(LightgbmText, RefusesMoreThanTheLimitsAllow) {
  const std::string sample = lightgbm_sample();
  expect_refused(sample, kExhausted, "line 54: more than 3 trees", {.limits = {.trees = 3}});
  expect_refused(sample, kExhausted, "more than 2 features", {.limits = {.features = 2}});
  expect_refused(sample, kExhausted, "tree 0: deeper than 1", {.limits = {.depth = 1}});
  expect_refused(sample, kExhausted, "line 21: an array is too long", {.limits = {.nodes = 2}});
  expect_refused(sample, kExhausted, std::to_string(sample.size()) + " bytes, at most 100 allowed",
                 {.limits = {.bytes = 100}});
}

}  // namespace
}  // namespace weir::ml::lightgbm_text_test
