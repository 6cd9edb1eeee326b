// When does a rule make a challenger the champion, and when does it end the challenge?
#include <weir/ml/registry/promotion.h>

#include <array>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <weir/core/testing/topology_driver.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "ml/registry/scale_model.h"

namespace weir::ml {
namespace {

// A program that scores "in" into "out" and promotes by "evidence".
class PromotionTest : public testing::Test {
 protected:
  void SetUp() override {
    StreamBuilder builder;
    const ModelTable models(builder, {.registry = "models",
                                      .artifacts = "artifacts",
                                      .persistent = false,
                                      .formats = scale_formats(),
                                      .loading = Loading::kInline});
    builder.stream<std::string, std::int64_t>("in")
        .apply(score(
            {.models = models.use("m"), .name = "score"},
            [](std::int64_t value) { return std::array<float, 1>{static_cast<float>(value)}; },
            [](std::int64_t, std::span<const float> scores) { return static_cast<std::int64_t>(scores[0]); }))
        .to("out");
    promote(models, builder.stream<std::string, PromotionEvidence>("evidence"),
            {.model = "m",
             .store = "promotion",
             .min_rows = 100,
             .min_gain = 0.01,
             .wins = 2,
             .max_loss = 0.1,
             .lead = Duration{50}})
        .to("models");
    auto topology = builder.build();
    ASSERT_TRUE(topology.ok()) << topology.status();
    auto driver = TopologyDriver::create(*topology);
    ASSERT_TRUE(driver.ok()) << driver.status();
    driver_ = *std::move(driver);
    publish("1", "2", 0, ModelRole::kChampion);
    publish("2", "3", 10, ModelRole::kChallenger);
  }

  void publish(const std::string& id, const std::string& factor, Timestamp from, ModelRole role) {
    const ModelManifest manifest = scale_manifest("v" + factor, factor, from, role);
    ASSERT_TRUE((
        driver_->pipe<std::string, std::string>("artifacts", chunk_key(manifest.digest, 0), factor, 0).ok()));
    ASSERT_TRUE((
        driver_->pipe<std::string, std::string>("models", registry_key("m", id), text_of(manifest), 0).ok()));
  }
  // Returns what the registry was told: "role weight from".
  std::string tell(double champion, double challenger, Timestamp time, std::uint64_t rows = 100,
                   const std::string& version = "v3", const std::string& model = "m") {
    return tell({"v2", version, rows, champion, challenger}, time, model);
  }
  std::string tell(const PromotionEvidence& evidence, Timestamp time, const std::string& model = "m") {
    const absl::Status status =
        driver_->pipe<std::string, PromotionEvidence>("evidence", model, evidence, time);
    EXPECT_TRUE(status.ok()) << status;
    std::string text;
    for (const auto& output : driver_->read<std::string, ModelManifest>("models")) {
      text += output.value.role == ModelRole::kChampion ? "champion " : "challenger ";
      text += std::to_string(output.value.weight) + " " + std::to_string(output.value.effective_from);
      EXPECT_EQ(output.value.version, "v3");
    }
    return text;
  }
  std::int64_t score_at(Timestamp time) {
    EXPECT_TRUE((driver_->pipe<std::string, std::int64_t>("in", "k", 1, time).ok()));
    const auto outputs = driver_->read<std::string, std::int64_t>("out");
    return outputs.size() == 1 ? outputs[0].value : -1;
  }

  std::unique_ptr<TopologyDriver> driver_;
};

TEST_F(PromotionTest, PromotesAfterWindowsWonInARow) {
  EXPECT_EQ(tell(0.8, 0.82, 1), "");
  EXPECT_EQ(tell(0.8, 0.80, 2), "");  // not by enough
  EXPECT_EQ(tell(0.8, 0.82, 3), "");
  EXPECT_EQ(tell(0.8, 0.82, 4), "champion 10000 54");
  EXPECT_EQ(tell(0.8, 0.82, 5), "");  // it is no challenger any more
  EXPECT_EQ(score_at(5), 2);
  EXPECT_EQ(score_at(54), 3);
  publish("3", "5", 60, ModelRole::kChallenger);
  EXPECT_EQ(score_at(55), 3);
}

TEST_F(PromotionTest, EndsTheChallengeOfOneThatIsMuchWorse) {
  EXPECT_EQ(score_at(20), 3);
  EXPECT_EQ(tell(0.8, 0.75, 21), "");
  EXPECT_EQ(tell(0.8, 0.69, 22), "challenger 0 72");
  EXPECT_EQ(score_at(71), 3);
  EXPECT_EQ(score_at(72), 2);
}

TEST_F(PromotionTest, TakesOnlyEvidenceThatCounts) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(tell(0.8, 0.9, 1, 99), "");
    EXPECT_EQ(tell(0.8, 0.9, 1, 100, "v9"), "");
    EXPECT_EQ(tell(0.8, 0.9, 1, 100, "v3", "other"), "");
  }
}

TEST_F(PromotionTest, IsNotDecidedByWhatMayBeChance) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(tell({"v2", "v3", 100, 0.8, 0.9, -0.01, 0.21}, i), "");
    EXPECT_EQ(tell({"v2", "v3", 100, 0.8, 0.6, -0.35, -0.05}, i), "");  // a loss of 0.1 is allowed
  }
  EXPECT_EQ(tell({"v2", "v3", 100, 0.8, 0.9, 0.02, 0.18}, 3), "");
  EXPECT_EQ(tell({"v2", "v3", 100, 0.8, 0.9, 0.02, 0.18}, 4), "champion 10000 54");
}

TEST_F(PromotionTest, EndsAChallengeThatIsWorseBeyondChance) {
  EXPECT_EQ(tell({"v2", "v3", 100, 0.8, 0.6, -0.25, -0.15}, 22), "challenger 0 72");
}

TEST_F(PromotionTest, TakesNoEvidenceAgainstAnotherChampion) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(tell({"v1", "v3", 100, 0.8, 0.9}, i), "");
  EXPECT_EQ(tell({"", "v3", 100, 0.8, 0.9}, 3), "");
  EXPECT_EQ(tell({"", "v3", 100, 0.8, 0.9}, 4), "champion 10000 54");
}

TEST_F(PromotionTest, CountsOnAfterARestart) {
  EXPECT_EQ(tell(0.8, 0.9, 1), "");
  ASSERT_TRUE(driver_->restart().ok());
  EXPECT_EQ(tell(0.8, 0.9, 2), "champion 10000 52");
}

TEST(PromotionRule, RefusesWhatIsNone) {
  PromotionRule rule{.model = "m", .store = "s"};
  EXPECT_EQ(problem_with(rule), "");
  rule.wins = 0;
  EXPECT_NE(problem_with(rule), "");
  rule = {.model = "m", .store = "s", .role = ModelRole::kChampion};
  EXPECT_NE(problem_with(rule), "");
  rule = {.model = "m/1", .store = "s"};
  EXPECT_NE(problem_with(rule), "");
  rule = {.model = "m", .store = "s", .max_loss = -1};
  EXPECT_NE(problem_with(rule), "");
}

}  // namespace
}  // namespace weir::ml
