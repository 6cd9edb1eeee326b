// What support vector machines in ONNX's format give, and what is refused of them.
#include <weir/ml/load_model.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loaded_bytes.h"
#include "onnx_graph.h"

namespace weir::ml {
namespace {

using testing::attribute;
using testing::learned;
using testing::model;
using testing::refusal_of;
using testing::scores_of;
using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

std::string kernel(const std::string& kind, const Floats& parameters) {
  return attribute("kernel_type", kind) + attribute("kernel_params", parameters);
}

std::string regressor(const std::string& attributes) {
  return model(learned("SVMRegressor", {"X"}, {"Y"}, attributes), 2, {"Y"});
}

std::string classifier(const std::string& attributes) {
  return model(learned("SVMClassifier", {"X"}, {"label", "scores"}, attributes), 2, {"label", "scores"});
}

// Vectors (1, 0) and (0, 2), weighed with 2 and -1.
std::string two_vectors(const std::string& kernel_of) {
  return regressor(kernel_of + attribute("support_vectors", Floats{1, 0, 0, 2}) +
                   attribute("coefficients", Floats{2, -1}) + attribute("rho", Floats{0.5f}) +
                   attribute("n_supports", 2));
}

TEST(OnnxSvm, ComparesRowsByEveryKernel) {
  const Floats row = {3,
                      1};  // its products with the vectors are 3 and 2, the squares of its distances 5 and 10
  EXPECT_EQ(scores_of(two_vectors(kernel("LINEAR", {1, 0, 3})), row), (Floats{4.5f}));
  EXPECT_EQ(scores_of(two_vectors(kernel("POLY", {2, 1, 2})), row), (Floats{2 * 49 - 25 + 0.5f}));
  EXPECT_EQ(scores_of(two_vectors(kernel("POLY", {1, 0, 3})), row), (Floats{2 * 27 - 8 + 0.5f}));
  EXPECT_EQ(scores_of(two_vectors(kernel("POLY", {1, 0, 5})), row), (Floats{2 * 243 - 32 + 0.5f}));
  EXPECT_NEAR(scores_of(two_vectors(kernel("POLY", {1, 0, 0.5f})), row).at(0),
              2 * std::sqrt(3.0) - std::sqrt(2.0) + 0.5, 1e-6);
  EXPECT_NEAR(scores_of(two_vectors(kernel("RBF", {0.1f, 0, 3})), row).at(0),
              2 * std::exp(-0.5) - std::exp(-1.0) + 0.5, 1e-6);
  EXPECT_NEAR(scores_of(two_vectors(kernel("SIGMOID", {0.1f, -0.25f, 3})), row).at(0),
              2 * std::tanh(0.05) - std::tanh(-0.05) + 0.5, 1e-6);
}

TEST(OnnxSvm, WeighsColumnsWhereThereAreNoVectors) {
  const std::string weights = kernel("LINEAR", {1, 0, 3}) + attribute("coefficients", Floats{2, -1}) +
                              attribute("rho", Floats{0.5f}) + attribute("n_supports", 0);
  EXPECT_EQ(scores_of(regressor(weights), {3, 1}), (Floats{5.5f}));
  EXPECT_EQ(scores_of(regressor(weights + attribute("one_class", 1)), {3, 1}), (Floats{1}));
  EXPECT_EQ(scores_of(regressor(weights + attribute("one_class", 1)), {0, 1}), (Floats{-1}));
}

// A class for each of the vectors (1, 0), (-1, 0) and (0, 1).
std::string three_classes(const std::string& more) {
  return classifier(kernel("LINEAR", {1, 0, 3}) + attribute("vectors_per_class", Integers{1, 1, 1}) +
                    attribute("support_vectors", Floats{1, 0, -1, 0, 0, 1}) +
                    attribute("coefficients", Floats{1, -1, -1, 1, 1, -1}) +
                    attribute("rho", Floats{0, 0, 0}) + attribute("classlabels_ints", Integers{4, 5, 6}) +
                    more);
}

TEST(OnnxSvm, LetsPairsOfClassesVote) {
  EXPECT_EQ(scores_of(three_classes(""), {2, 0.5f}), (Floats{4, 4, 1.5f, -2.5f}));
  EXPECT_EQ(scores_of(three_classes(""), {-2, 0.5f}).at(0), 5);
  EXPECT_EQ(scores_of(three_classes(""), {0, 3}).at(0), 6);
}

TEST(OnnxSvm, CouplesTheProbabilitiesOfPairs) {
  const std::string sure = attribute("prob_a", Floats{-1, -1, -1}) + attribute("prob_b", Floats{0, 0, 0});
  const Floats scores = scores_of(three_classes(sure), {2, 0.5f});
  ASSERT_EQ(scores.size(), 4u);
  EXPECT_EQ(scores[0], 4);
  EXPECT_NEAR(std::accumulate(scores.begin() + 1, scores.end(), 0.0f), 1.0f, 1e-6f);
  EXPECT_GT(scores[1], scores[3]);
  EXPECT_GT(scores[3], scores[2]);
  const std::string even = attribute("prob_a", Floats{0, 0, 0}) + attribute("prob_b", Floats{0, 0, 0});
  const Floats thirds = scores_of(three_classes(even), {2, 0.5f});
  ASSERT_EQ(thirds.size(), 4u);
  for (std::size_t i = 1; i < thirds.size(); ++i) EXPECT_NEAR(thirds[i], 1.0f / 3, 1e-6f);
}

std::string two_classes(const std::string& more) {
  return classifier(kernel("LINEAR", {1, 0, 3}) + attribute("vectors_per_class", Integers{1, 1}) +
                    attribute("support_vectors", Floats{1, 0, 0, 1}) +
                    attribute("coefficients", Floats{1, -1}) + attribute("rho", Floats{0.25f}) +
                    attribute("classlabels_strings", std::vector<std::string>{"a", "b"}) + more);
}

TEST(OnnxSvm, GivesASingleScoreToBothClasses) {
  EXPECT_EQ(scores_of(two_classes(""), {3, 1}), (Floats{0, -2.25f, 2.25f}));
  EXPECT_EQ(scores_of(two_classes(""), {1, 3}), (Floats{1, 1.75f, -1.75f}));
  EXPECT_EQ(scores_of(two_classes(attribute("post_transform", "LOGISTIC")), {3, 1}),
            (Floats{0, -1.25f, 2.25f}));
  const std::string platt = attribute("prob_a", Floats{-2}) + attribute("prob_b", Floats{1});
  const Floats shares = scores_of(two_classes(platt), {3, 1});
  ASSERT_EQ(shares.size(), 3u);
  EXPECT_EQ(shares[0], 0);
  EXPECT_NEAR(shares[1], 1.0 / (1.0 + std::exp(-3.5)), 1e-2);  // as far as the coupling goes
  EXPECT_NEAR(shares[1] + shares[2], 1.0, 1e-6);
}

TEST(OnnxSvm, HasNoScoreOfWhatIsMissing) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(scores_of(two_vectors(kernel("RBF", {0.1f, 0, 3})), {nan, 1}).at(0)));
  EXPECT_TRUE(std::isnan(scores_of(two_classes(""), {nan, 1}).at(2)));
}

TEST(OnnxSvm, RefusesMachinesThatAreNotWhole) {
  const std::string offset = attribute("rho", Floats{0});
  EXPECT_EQ(refusal_of(regressor(attribute("coefficients", Floats{1}) + offset)),
            "SVMRegressor 'n': has 1 coefficients and 1 offsets for 0 vectors of 2 columns");
  EXPECT_EQ(refusal_of(two_vectors(kernel("LAPLACE", {1, 0, 3}))),
            "SVMRegressor 'n': its kernel_type is unknown");
  EXPECT_EQ(refusal_of(two_vectors(kernel("RBF", {1}))), "SVMRegressor 'n': has 1 kernel_params");
  const std::string labels = attribute("classlabels_ints", Integers{0, 1});
  EXPECT_EQ(refusal_of(classifier(attribute("vectors_per_class", Integers{-1, 2}) +
                                  attribute("support_vectors", Floats{1, 0}) + labels)),
            "SVMClassifier 'n': has classes with more vectors than there are");
  const std::string too_few = attribute("prob_a", Floats{1}) + attribute("prob_b", Floats{1});
  EXPECT_EQ(refusal_of(three_classes(too_few)),
            "SVMClassifier 'n': has 6 coefficients, 3 offsets and 1 slopes for 3 pairs of classes");
  EXPECT_EQ(refusal_of(classifier(attribute("coefficients", Floats{1, 2, 3, 4}) + offset + labels)),
            "SVMClassifier 'n': has two classes and no weight below zero");
}

}  // namespace
}  // namespace weir::ml
