// Is what two models predicted, and what became of it, made into evidence that a promotion can be decided by?
#include <weir/ml/registry/evidence.h>

#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/testing/topology_driver.h>
#include <weir/ml/feedback/feedback.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "ml/registry/scale_model.h"

namespace weir::ml {
namespace {

using std::chrono_literals::operator""ms;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

PairedOutcome pair_of(double champion, double challenger, double actual) {
  return {"m", "v2", "v3", champion, challenger, actual};
}

// ------------------------------------------------------------------------------------------------------------- pairs

TEST(PairedLosses, KnowTheDifferenceAndItsBounds) {
  PairedLosses losses;
  for (const PairedOutcome& outcome :
       {pair_of(0.5, 0.9, 1), pair_of(0.5, 0.1, 0), pair_of(0.5, 0.6, 1), pair_of(0.5, 0.4, 0)})
    losses.add(outcome, Loss::kBrier);
  // 0.25 against 0.01, 0.01, 0.16 and 0.16: differences of -0.24 and -0.09, twice each.
  EXPECT_EQ(losses.count, 4u);
  EXPECT_NEAR(losses.champion_mean, 0.25, 1e-12);
  EXPECT_NEAR(losses.challenger_mean, 0.085, 1e-12);
  EXPECT_NEAR(losses.difference_squares, 0.0225, 1e-12);
  const PromotionEvidence made = evidence_of(losses, "v2", "v3", 2);
  EXPECT_EQ(made.champion, "v2");
  EXPECT_EQ(made.challenger, "v3");
  EXPECT_EQ(made.rows, 4u);
  const double half = 2 * std::sqrt(0.0225 / 3 / 4);
  EXPECT_NEAR(made.difference_low.value(), -0.165 - half, 1e-12);
  EXPECT_NEAR(made.difference_high.value(), -0.165 + half, 1e-12);
}

TEST(PairedLosses, AreNarrowWhereBothFindTheSameRecordsHard) {
  // Errors of 0 to 99, and one less: what they have in common is not taken for chance.
  PairedLosses losses;
  for (int i = 0; i < 100; ++i) losses.add(pair_of(i + 1.0, i, 0), Loss::kAbsoluteError);
  const PromotionEvidence made = evidence_of(losses, "v2", "v3");
  EXPECT_NEAR(made.difference_low.value(), -1, 1e-9);
  EXPECT_NEAR(made.difference_high.value(), -1, 1e-9);
}

TEST(PairedLosses, AreOfTheLossThatIsAskedFor) {
  const auto means = [](const PairedOutcome& outcome, Loss loss) {
    PairedLosses losses;
    losses.add(outcome, loss);
    return std::pair(losses.champion_mean, losses.challenger_mean);
  };
  EXPECT_EQ(means(pair_of(3, 7, 5), Loss::kSquaredError), std::pair(4.0, 4.0));
  EXPECT_EQ(means(pair_of(3, 6, 5), Loss::kAbsoluteError), std::pair(2.0, 1.0));
  const auto [champion, challenger] = means(pair_of(0.25, 0.25, 0), Loss::kLogLoss);
  EXPECT_NEAR(champion, -std::log(0.75), 1e-12);
  EXPECT_NEAR(means(pair_of(0.25, 0, 1), Loss::kLogLoss).second, -std::log(1e-15), 1e-9);
  EXPECT_EQ(champion, challenger);
}

TEST(PairedLosses, RefuseWhatIsNone) {
  PairedLosses losses;
  for (const PairedOutcome& outcome :
       {pair_of(kNone, 0.5, 1), pair_of(0.5, kNone, 1), pair_of(0.5, 0.5, kNone), pair_of(1.5, 0.5, 1)})
    losses.add(outcome, Loss::kLogLoss);
  EXPECT_EQ(losses.count, 0u);
  EXPECT_EQ(losses.refused, 4u);
  losses.add(pair_of(0.5, 0.5, 1), Loss::kLogLoss);
  EXPECT_EQ(evidence_of(losses, "v2", "v3").difference_low, std::nullopt);  // of one row
}

TEST(PairedOutcome, IsOfTheFirstOutputOfBoth) {
  const PairedOutcome outcome = paired_outcome({"in-0-1", "m", "v2", "v3", {0.5F, 1}, {0.25F}, ""}, 1);
  EXPECT_EQ(outcome.model, "m");
  EXPECT_EQ(outcome.champion, "v2");
  EXPECT_EQ(outcome.challenger, "v3");
  EXPECT_EQ(outcome.champion_predicted, 0.5);
  EXPECT_EQ(outcome.challenger_predicted, 0.25);
  const PairedOutcome faulty = paired_outcome({"in-0-1", "m", "v2", "v3", {0.5F}, {}, "why"}, 1);
  Bytes bytes;
  Serde<PairedOutcome>::encode(faulty, bytes);
  PairedOutcome read;
  ASSERT_TRUE(Serde<PairedOutcome>::decode(bytes, read).ok());
  EXPECT_TRUE(std::isnan(read.challenger_predicted));
  EXPECT_EQ(read.challenger, "v3");
  EXPECT_FALSE(Serde<PairedOutcome>::decode(BytesView(bytes).substr(1), read).ok());
}

// ----------------------------------------------------------------------------------------------------------- reports

QualityReport report_of_window(Timestamp start, std::uint64_t count, std::uint64_t positives) {
  QualityReport report;
  report.window_start = start;
  report.window_end = start + 100;
  report.count = count;
  report.positives = positives;
  return report;
}

TEST(EvidenceOfReports, BoundsTheDifferenceOfAucs) {
  QualityReport champion = report_of_window(0, 100, 50);
  champion.auc = 0.8;
  QualityReport challenger = report_of_window(0, 100, 50);
  challenger.auc = 0.9;
  // By hand, of 50 and 50: the variances are (0.16 + 49 * 0.026667 + 49 * 0.071111) / 2500 and
  // (0.09 + 49 * 0.008182 + 49 * 0.042632) / 2500.
  const double half = 1.96 * std::sqrt(0.00198044 + 0.00103195);
  auto made = evidence_of(champion, "v2", challenger, "v3", QualityMetric::kAuc);
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->rows, 100u);
  EXPECT_EQ(made->champion_value, 0.8);
  EXPECT_EQ(made->challenger_value, 0.9);
  EXPECT_NEAR(made->difference_low.value(), 0.1 - half, 1e-6);
  EXPECT_NEAR(made->difference_high.value(), 0.1 + half, 1e-6);
  champion.auc_error = 0.01;
  challenger.auc_error = 0.02;
  made = evidence_of(champion, "v2", challenger, "v3", QualityMetric::kAuc);
  EXPECT_NEAR(made->difference_low.value(), 0.07 - half, 1e-6);
}

TEST(EvidenceOfReports, BoundsWhatReportsTellTheScatterOf) {
  QualityReport champion = report_of_window(0, 200, 100);
  champion.recall = 0.5;
  champion.precision = 0.25;  // 50 of 200 that it said yes to
  champion.f1 = 0.3;
  champion.mae = 3;
  champion.rmse = 5;
  QualityReport challenger = champion;
  challenger.recall = 1;
  challenger.mae = 2;
  challenger.rmse = 2;  // all the same
  const auto recall = evidence_of(champion, "v2", challenger, "v3", QualityMetric::kRecall, 1);
  const double lost = 101.0 / 102;
  EXPECT_NEAR(recall->difference_high.value(), 0.5 + std::sqrt(0.25 / 102 + lost * (1 - lost) / 102), 1e-12);
  const auto mae = evidence_of(champion, "v2", challenger, "v3", QualityMetric::kMae, 1);
  EXPECT_NEAR(mae->difference_low.value(), -1 - std::sqrt(16.0 / 199), 1e-12);
  const auto precision = evidence_of(champion, "v2", champion, "v3", QualityMetric::kPrecision, 1);
  const double yes = 51.0 / 202;
  EXPECT_NEAR(precision->difference_high.value(), std::sqrt(2 * yes * (1 - yes) / 202), 1e-12);
  const auto f1 = evidence_of(champion, "v2", challenger, "v3", QualityMetric::kF1);
  ASSERT_TRUE(f1.has_value());
  EXPECT_EQ(f1->difference_low, std::nullopt);
}

TEST(EvidenceOfReports, IsOfOneWindowAndOneMetric) {
  QualityReport champion = report_of_window(0, 10, 5);
  QualityReport challenger = report_of_window(100, 10, 5);
  champion.brier = challenger.brier = 0.2;
  EXPECT_EQ(evidence_of(champion, "v2", challenger, "v3", QualityMetric::kBrier), std::nullopt);
  challenger = report_of_window(0, 10, 5);
  EXPECT_EQ(evidence_of(champion, "v2", challenger, "v3", QualityMetric::kBrier), std::nullopt);
  EXPECT_TRUE(larger_is_better(QualityMetric::kAuc));
  EXPECT_FALSE(larger_is_better(QualityMetric::kBrier));
}

TEST(EvidenceOfReports, JoinsThoseOfAWindowWhicheverComesLast) {
  StreamBuilder builder;
  builder.stream<std::string, QualityReport>("reports")
      .apply(evidence({.store = "evidence", .metric = QualityMetric::kBrier, .kept = 4},
                      [](const QualityReport& report) {
                        return ReportOf{
                            "m", report.segment,
                            report.segment == "v2" ? ModelRole::kChampion : ModelRole::kChallenger};
                      }))
      .to("evidence");
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  auto driver = TopologyDriver::create(*topology);
  ASSERT_TRUE(driver.ok()) << driver.status();
  const auto tell = [&](const std::string& version, Timestamp start, double brier) {
    QualityReport report = report_of_window(start, 10, 5);
    report.segment = version;
    report.brier = brier;
    EXPECT_TRUE(((*driver)->pipe<std::string, QualityReport>("reports", version, report, start + 100)).ok());
    std::string text;
    for (const auto& output : (*driver)->read<std::string, PromotionEvidence>("evidence")) {
      EXPECT_EQ(output.key, "m");
      text += output.value.champion + "=" + std::to_string(output.value.champion_value).substr(0, 4) + " " +
              output.value.challenger + "=" + std::to_string(output.value.challenger_value).substr(0, 4);
    }
    return text;
  };
  EXPECT_EQ(tell("v2", 0, 0.25), "");
  EXPECT_EQ(tell("v3", 100, 0.5), "");  // of another window
  ASSERT_TRUE((*driver)->restart().ok());
  EXPECT_EQ(tell("v3", 0, 0.75), "v2=0.25 v3=0.75");
  EXPECT_EQ(tell("v3", 0, 0.75), "");  // again
  EXPECT_EQ(tell("v2", 100, 0.25), "v2=0.25 v3=0.50");
  EXPECT_EQ(tell("v2", 200, 0.25), "");
  for (const Timestamp start : {300, 400, 500, 600}) EXPECT_EQ(tell("v2", start, 0.25), "");
  EXPECT_EQ(tell("v3", 200, 0.5), "");  // four others came since
}

// ------------------------------------------------------------------------------------------------------- all of it

}  // namespace
}  // namespace weir::ml

namespace evidence_test {

struct Question {
  float x = 0;
};
struct Truth {
  bool yes = false;
};

}  // namespace evidence_test

template <>
struct weir::Serde<evidence_test::Question> : weir::JsonSerde<evidence_test::Question> {
  static constexpr auto kFields = fields(field("x", &evidence_test::Question::x));
};
template <>
struct weir::Serde<evidence_test::Truth> : weir::JsonSerde<evidence_test::Truth> {
  static constexpr auto kFields = fields(field("yes", &evidence_test::Truth::yes));
};

namespace weir::ml {
namespace {

using evidence_test::Question;
using evidence_test::Truth;

// A champion and its shadow score, labels come, and the shadow becomes the champion or is put away.
class ShadowTrial : public testing::Test {
 protected:
  void SetUp() override {
    StreamBuilder builder;
    const ModelTable models(builder, {.registry = "models",
                                      .artifacts = "artifacts",
                                      .persistent = false,
                                      .formats = scale_formats(),
                                      .loading = Loading::kInline});
    const auto [results, shadows] = builder.stream<std::string, Question>("in").apply(score_with_shadow(
        {.models = models.use("m"), .name = "score"},
        [](const Question& question) { return std::array<float, 1>{question.x}; },
        [](const Question&, std::span<const float> scores) { return static_cast<double>(scores[0]); }));
    results.to("out");
    const auto joined = shadows
                            .map({.name = "by-prediction"},
                                 [](const std::string&, const ShadowScore& score) {
                                   return std::pair(score.prediction, score);
                                 })
                            .apply(feedback({.store = "feedback", .horizon = 50ms, .grace = 0ms},
                                            builder.stream<std::string, Truth>("labels")));
    const auto made = joined.examples.apply(
        paired_evidence({.store = "evidence", .window = 100ms, .grace = 0ms, .loss = Loss::kLogLoss},
                        [](const Example<ShadowScore, Truth>& example) {
                          return paired_outcome(example.prediction, example.label.yes ? 1 : 0);
                        }));
    promote(models, made,
            {.model = "m",
             .store = "promotion",
             .role = ModelRole::kShadow,
             .larger_is_better = false,
             .min_rows = 10,
             .wins = 2,
             .lead = Duration{50}})
        .to("models");
    const auto topology = builder.build();
    ASSERT_TRUE(topology.ok()) << topology.status();
    auto driver = TopologyDriver::create(*topology);
    ASSERT_TRUE(driver.ok()) << driver.status();
    driver_ = *std::move(driver);
    publish("1", "2", ModelRole::kChampion);
    publish("2", "3", ModelRole::kShadow);
  }

  void publish(const std::string& id, const std::string& factor, ModelRole role) {
    const ModelManifest manifest = scale_manifest("v" + factor, factor, 0, role);
    ASSERT_TRUE((
        driver_->pipe<std::string, std::string>("artifacts", chunk_key(manifest.digest, 0), factor, 0).ok()));
    ASSERT_TRUE((
        driver_->pipe<std::string, std::string>("models", registry_key("m", id), text_of(manifest), 0).ok()));
  }
  // Asks, and answers a moment later. Returns the score.
  double ask(float x, bool yes, Timestamp time) {
    EXPECT_TRUE((driver_->pipe<std::string, Question>("in", "k", {x}, time)).ok());
    EXPECT_TRUE(
        (driver_->pipe<std::string, Truth>("labels", "in-0-" + std::to_string(asked_++), {yes}, time + 1))
            .ok());
    const auto outputs = driver_->read<std::string, double>("out");
    return outputs.size() == 1 ? outputs[0].value : -1;
  }
  // A window of twenty; of 0.25 that many are so.
  void window(Timestamp start, int so) {
    for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(0.25F, i < so, start + i * 4), 0.5);
  }
  std::vector<OutputRecord<std::string, ModelManifest>> decisions() {
    return driver_->read<std::string, ModelManifest>("models");
  }

  std::unique_ptr<TopologyDriver> driver_;
  int asked_ = 0;
};

TEST_F(ShadowTrial, PromotesAShadowThatIsBetterBeyondChance) {
  window(0, 18);
  window(100, 16);  // better, but twenty records do not tell: what was won counts no more
  window(200, 18);
  window(300, 18);
  EXPECT_TRUE(decisions().empty());
  ASSERT_TRUE(driver_->restart().ok());
  EXPECT_EQ(ask(0.25F, true, 400), 0.5);
  EXPECT_EQ(ask(0.25F, true, 402), 0.5);
  const auto made = decisions();
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].value.version, "v3");
  EXPECT_EQ(made[0].value.role, ModelRole::kChampion);
  EXPECT_EQ(made[0].value.parent, "v2");
  EXPECT_EQ(made[0].value.effective_from, made[0].timestamp + 50);
  EXPECT_EQ(ask(0.25F, true, made[0].value.effective_from), 0.75);
}

TEST_F(ShadowTrial, PutsAwayAShadowThatIsWorseBeyondChance) {
  window(0, 3);
  ask(0.25F, false, 100);
  const auto made = decisions();
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].value.version, "v3");
  EXPECT_EQ(made[0].value.role, ModelRole::kShadow);
  EXPECT_EQ(made[0].value.weight, 0u);
}

}  // namespace
}  // namespace weir::ml
