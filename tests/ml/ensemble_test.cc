// Do models made of models say what their members' scores amount to?
#include <weir/ml/cascade.h>
#include <weir/ml/ensemble.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace weir::ml {
namespace {

// Computes each output from the row.
class Computed final : public Model {
 public:
  using Output = std::function<float(std::span<const float>)>;
  Computed(std::string name, std::vector<std::string> inputs, std::vector<Output> outputs)
      : Model({std::move(name), "1"}, {std::move(inputs), std::vector<std::string>(outputs.size(), "y")}),
        outputs_(std::move(outputs)) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      for (std::size_t j = 0; j < outputs_.size(); ++j)
        scores[i * outputs_.size() + j] = outputs_[j](rows.row(i));
    }
  }
  const std::vector<Output> outputs_;
};

std::shared_ptr<const Model> times(float factor) {
  return std::make_shared<Computed>(
      "times", std::vector<std::string>{"x"},
      std::vector<Computed::Output>{[factor](auto row) { return row[0] * factor; }});
}

std::vector<float> scores(const Model& model, const std::vector<float>& rows) {
  std::vector<float> result(rows.size() / model.inputs().size() * model.outputs().size());
  EXPECT_TRUE(model.predict(RowBatch(rows, model.inputs().size()), result).ok());
  return result;
}

TEST(Ensemble, MeansTheScores) {
  const auto model = ensemble({"e", "1"}, {times(1), times(2), times(6)}, Combine::kMean);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(scores(**model, {1, 2}), (std::vector<float>{3, 6}));
  const auto weighted = ensemble({"e", "1"}, {times(1), times(2), times(6)}, Combine::kMean, {1, 0, 3});
  EXPECT_EQ(scores(**weighted, {1, 2}), (std::vector<float>{4.75F, 9.5F}));
}

TEST(Ensemble, AMemberWithoutAScoreMakesTheMeanNone) {
  const auto model = ensemble({"e", "1"}, {times(1), times(std::nanf(""))}, Combine::kMean);
  EXPECT_TRUE(std::isnan(scores(**model, {1})[0]));
}

TEST(Ensemble, CountsVotes) {
  const auto model =
      ensemble({"e", "1"}, {times(1), times(2), times(std::nanf("")), times(0.1F)}, Combine::kVote);
  ASSERT_TRUE(model.ok()) << model.status();
  // 0.4, 0.8, nobody, 0.04
  const std::vector<float> votes = scores(**model, {0.4F});
  EXPECT_FLOAT_EQ(votes[0], 2.0F / 3);
  EXPECT_FLOAT_EQ(votes[1], 1.0F / 3);
}

TEST(Ensemble, VotesForTheLargestOfSeveralOutputs) {
  const auto chooser = [](int favourite) {
    std::vector<Computed::Output> outputs;
    for (int i = 0; i < 3; ++i) outputs.emplace_back([=](auto) { return i == favourite ? 0.4F : 0.3F; });
    return std::make_shared<Computed>("chooser", std::vector<std::string>{"x"}, std::move(outputs));
  };
  const auto model = ensemble({"e", "1"}, {chooser(2), chooser(2), chooser(0)}, Combine::kVote, {1, 2, 1});
  EXPECT_EQ(scores(**model, {0}), (std::vector<float>{0.25F, 0, 0.75F}));
}

TEST(Ensemble, StacksAModelOnTheOthers) {
  const auto difference =
      std::make_shared<Computed>("difference", std::vector<std::string>{"a", "b"},
                                 std::vector<Computed::Output>{[](auto row) { return row[1] - row[0]; }});
  const auto model = stack({"s", "1"}, {times(2), times(5)}, difference);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(scores(**model, {1, 2}), (std::vector<float>{3, 6}));
  EXPECT_FALSE(stack({"s", "1"}, {times(2)}, difference).ok());
}

TEST(Ensemble, MayHaveEnsemblesAsMembers) {
  const auto inner = ensemble({"i", "1"}, {times(1), times(3)}, Combine::kMean);
  const auto outer = ensemble({"o", "1"}, {*inner, times(4), *inner}, Combine::kMean);
  ASSERT_TRUE(outer.ok()) << outer.status();
  EXPECT_FLOAT_EQ(scores(**outer, {3})[0], 8);
}

TEST(Ensemble, RefusesWhatDoesNotGoTogether) {
  EXPECT_FALSE(ensemble({"e", "1"}, {}, Combine::kMean).ok());
  EXPECT_FALSE(ensemble({"e", "1"}, {times(1), nullptr}, Combine::kMean).ok());
  EXPECT_FALSE(ensemble({"e", "1"}, {times(1), times(2)}, Combine::kMean, {1}).ok());
  EXPECT_FALSE(ensemble({"e", "1"}, {times(1), times(2)}, Combine::kMean, {0, 0}).ok());
  EXPECT_FALSE(ensemble({"e", "1"}, {times(1), times(2)}, Combine::kMean, {1, -1}).ok());
  const auto other = std::make_shared<Computed>(
      "other", std::vector<std::string>{"z"}, std::vector<Computed::Output>{[](auto row) { return row[0]; }});
  const auto refused = ensemble({"e", "1"}, {times(1), other}, Combine::kMean);
  EXPECT_NE(refused.status().message().find("member 1 (other) takes other inputs"), std::string_view::npos)
      << refused.status();
}

TEST(Cascade, AsksTheLargeModelWhereTheSmallOneIsNotSure) {
  const auto model = cascade({"c", "1"}, times(1), times(10), unsure_between(0.2F, 0.8F));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->outputs().back(), "stage");
  EXPECT_EQ(scores(**model, {0.1F, 0.5F, 0.9F}), (std::vector<float>{0.1F, 0, 5, 1, 0.9F, 0}));
}

TEST(Cascade, ASmallModelWithoutAScoreIsNotSure) {
  const auto model = cascade({"c", "1"}, times(std::nanf("")), times(10), unsure_below(0));
  EXPECT_EQ(scores(**model, {0.5F}), (std::vector<float>{5, 1}));
}

TEST(Cascade, RefusesModelsOfOtherShapes) {
  const auto wide = std::make_shared<Computed>(
      "wide", std::vector<std::string>{"x"},
      std::vector<Computed::Output>{[](auto row) { return row[0]; }, [](auto row) { return row[0]; }});
  EXPECT_FALSE(cascade({"c", "1"}, times(1), wide, unsure_below(1)).ok());
  EXPECT_FALSE(cascade({"c", "1"}, times(1), nullptr, unsure_below(1)).ok());
}

}  // namespace
}  // namespace weir::ml
