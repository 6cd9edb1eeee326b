#include <weir/ml/link.h>

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace weir::ml {
namespace {

std::vector<float> linked(Link link, std::vector<float> row) {
  apply_link(link, row);
  return row;
}

TEST(Link, IdentityLeavesMarginsAlone) {
  EXPECT_EQ(linked(Link::kIdentity, {-1.5f, 0.0f, 7.0f}), (std::vector<float>{-1.5f, 0.0f, 7.0f}));
}

TEST(Link, SigmoidOfZeroIsAHalfAndItsEndsAreFinite) {
  const std::vector<float> scores = linked(Link::kSigmoid, {0.0f, 1.0f, 1000.0f, -1000.0f});
  EXPECT_EQ(scores[0], 0.5f);
  EXPECT_NEAR(scores[1], 1.0 / (1.0 + std::exp(-1.0)), 1e-7);
  EXPECT_EQ(scores[2], 1.0f);
  EXPECT_GE(scores[3], 0.0f);
  EXPECT_LT(scores[3], 1e-37f);
}

TEST(Link, ExpIsTheExponential) {
  EXPECT_EQ(linked(Link::kExp, {0.0f}), std::vector<float>{1.0f});
  EXPECT_NEAR(linked(Link::kExp, {2.0f})[0], std::exp(2.0), 1e-6);
}

TEST(Link, SoftmaxSumsToOneAndDoesNotOverflow) {
  const std::vector<float> scores = linked(Link::kSoftmax, {1000.0f, 1001.0f, 999.0f});
  EXPECT_NEAR(scores[0] + scores[1] + scores[2], 1.0f, 1e-6f);
  EXPECT_NEAR(scores[1] / scores[0], std::exp(1.0), 1e-5);
  EXPECT_EQ(linked(Link::kSoftmax, {42.0f}), std::vector<float>{1.0f});
}

TEST(Link, StepIsOneOnlyAboveZero) {
  EXPECT_EQ(linked(Link::kStep, {-1.0f, 0.0f, 1e-30f}), (std::vector<float>{0.0f, 0.0f, 1.0f}));
}

TEST(Link, ArgmaxTakesTheFirstOfEquals) {
  EXPECT_EQ(argmax(std::vector<float>{1.0f, 3.0f, 3.0f, 2.0f}), 1u);
  EXPECT_EQ(argmax(std::vector<float>{-5.0f}), 0u);
}

TEST(Link, OnlyArgmaxChangesTheNumberOfOutputs) {
  EXPECT_EQ(outputs_of(Link::kArgmax, 7), 1u);
  EXPECT_EQ(outputs_of(Link::kSoftmax, 7), 7u);
  EXPECT_EQ(outputs_of(Link::kIdentity, 1), 1u);
}

TEST(Link, ANaNStaysANaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(linked(Link::kSigmoid, {nan})[0]));
  EXPECT_TRUE(std::isnan(linked(Link::kExp, {nan})[0]));
}

}  // namespace
}  // namespace weir::ml
