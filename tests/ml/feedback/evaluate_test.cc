#include <weir/ml/feedback/evaluate.h>

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/feedback/feedback.h>
#include <weir/operators/filter.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/random_cases.h"
#include "support/records.h"

namespace weir {
namespace evaluate_test {

using namespace std::chrono_literals;

// Keys are segments, values predictions in hundredths with the outcome behind: 901 is 0.90 and yes.
TextDriver evaluating(ml::OutcomeKind kind, WindowEmit emit, const DriverOptions& options = {}) {
  return TextDriver(
      [=](StreamBuilder& builder) {
        builder.stream<std::string, std::int64_t>("in")
            .apply(
                ml::evaluate({.store = "quality", .window = 10ms, .grace = 0ms, .kind = kind, .emit = emit},
                             [](const std::string& key, std::int64_t value) {
                               return ml::Outcome{.segment = key,
                                                  .predicted = static_cast<double>(value / 10) / 100,
                                                  .actual = static_cast<double>(value % 10)};
                             }))
            .to("reports");
      },
      options);
}

using Reports = std::vector<OutputRecord<std::string, ml::QualityReport>>;

Reports reports(TextDriver& driver) {
  return driver.driver().read<std::string, ml::QualityReport>("reports");
}

TEST(Evaluate, TellsEachSegmentOnceItsWindowCloses) {
  TextDriver driver = evaluating(ml::OutcomeKind::kBinary, WindowEmit::kOnWindowClose);
  driver.feed<std::string, std::int64_t>("in", "v1:901@1 v2:101@2 v1:200@3 v1:600@4");
  EXPECT_TRUE(reports(driver).empty());
  driver.feed<std::string, std::int64_t>("in", "v1:500@10");
  const Reports told = reports(driver);
  ASSERT_EQ(told.size(), 2U);
  const ml::QualityReport& report = told[0].value;
  EXPECT_EQ(told[0].key, "v1");
  EXPECT_EQ(report.segment, "v1");
  EXPECT_EQ(report.window_start, 0);
  EXPECT_EQ(report.window_end, 10);
  EXPECT_EQ(report.count, 3U);
  EXPECT_EQ(report.positives, 1U);
  EXPECT_EQ(report.precision, 0.5);
  EXPECT_EQ(report.recall, 1.0);
  EXPECT_EQ(report.auc, 1.0);
  EXPECT_NEAR(*report.brier, (0.01 + 0.04 + 0.36) / 3, 1e-8);
  EXPECT_EQ(report.mae, std::nullopt);
  EXPECT_EQ(told[1].key, "v2");
  EXPECT_EQ(told[1].value.precision, std::nullopt);
  EXPECT_EQ(told[1].value.auc, std::nullopt);
}

TEST(Evaluate, TellsOfNumbers) {
  TextDriver driver = evaluating(ml::OutcomeKind::kNumber, WindowEmit::kEveryUpdate);
  driver.feed<std::string, std::int64_t>("in", "v:4003@1 v:1000@2");
  const Reports told = reports(driver);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].value.mae, 1.0);
  EXPECT_EQ(told[1].value.count, 2U);
  EXPECT_EQ(told[1].value.rmse, 1.0);
  EXPECT_EQ(told[1].value.bias, 1.0);
  EXPECT_EQ(told[1].value.log_loss, std::nullopt);
}

TEST(Evaluate, IsTheSameAcrossRestarts) {
  for (const ml::OutcomeKind kind : {ml::OutcomeKind::kBinary, ml::OutcomeKind::kNumber}) {
    play_cases(1, /*on_disk=*/true, [kind](unsigned seed, const std::string& folder) {
      std::mt19937 chance(seed);
      DriverOptions options;
      options.state_directory = folder;
      TextDriver restarted = evaluating(kind, WindowEmit::kOnWindowClose, options);
      TextDriver running = evaluating(kind, WindowEmit::kOnWindowClose);
      for (int i = 0; i < 100; ++i) {
        const std::string record = "v" + std::to_string(chance() % 3) + ":" +
                                   std::to_string(chance() % 1'000 / 10 * 10 + chance() % 2) + "@" +
                                   std::to_string(i);
        restarted.feed<std::string, std::int64_t>("in", record);
        running.feed<std::string, std::int64_t>("in", record);
        if (chance() % 20 == 0) {
          ASSERT_TRUE(restarted.driver().restart().ok());
        }
      }
      const Reports expected = reports(running);
      const Reports told = reports(restarted);
      ASSERT_EQ(told.size(), expected.size());
      ASSERT_GT(told.size(), 9U);
      for (std::size_t i = 0; i < told.size(); ++i) {
        Bytes one;
        Bytes other;
        Serde<ml::QualityReport>::encode(told[i].value, one);
        Serde<ml::QualityReport>::encode(expected[i].value, other);
        ASSERT_EQ(one, other);
        ASSERT_EQ(told[i].timestamp, expected[i].timestamp);
      }
    });
  }
}

}  // namespace evaluate_test
}  // namespace weir
