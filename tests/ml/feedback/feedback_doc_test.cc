// The examples of docs/feedback.md, as they are written there.
#include <chrono>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>
#include <gtest/gtest.h>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/json_serde.h>
#include <weir/core/testing/topology_driver.h>
#include <weir/ml/feedback/evaluate.h>
#include <weir/ml/feedback/feedback.h>
#include <weir/ml/feedback/point_in_time.h>
#include <weir/ml/feedback/training_export.h>
#include <weir/weir.h>

namespace feedback_doc {

struct Decision {
  std::string model_version = {};
  double score = 0;
  std::vector<float> features = {};
};
struct Chargeback {
  bool is_fraud = false;
};
struct Report {
  bool is_fraud = false;
  weir::Timestamp paid_at = 0;
};

}  // namespace feedback_doc

template <>
struct weir::Serde<feedback_doc::Decision> : weir::JsonSerde<feedback_doc::Decision> {
  using T = feedback_doc::Decision;
  static constexpr auto kFields = fields(field("model_version", &T::model_version), field("score", &T::score),
                                         field("features", &T::features));
};
template <>
struct weir::Serde<feedback_doc::Chargeback> : weir::JsonSerde<feedback_doc::Chargeback> {
  static constexpr auto kFields = fields(field("is_fraud", &feedback_doc::Chargeback::is_fraud));
};
template <>
struct weir::Serde<feedback_doc::Report> : weir::JsonSerde<feedback_doc::Report> {
  using T = feedback_doc::Report;
  static constexpr auto kFields = fields(field("is_fraud", &T::is_fraud), field("paid_at", &T::paid_at));
};

namespace feedback_doc {
namespace {

using namespace std::chrono_literals;

constexpr weir::Timestamp kHour = 3'600'000;

std::unique_ptr<weir::TopologyDriver> driver_of(weir::StreamBuilder& builder) {
  const auto topology = builder.build();
  EXPECT_TRUE(topology.ok()) << topology.status();
  auto driver = weir::TopologyDriver::create(*topology);
  EXPECT_TRUE(driver.ok()) << driver.status();
  return *std::move(driver);
}

TEST(FeedbackDoc, MeasuresModelsAndMakesATrainingSet) {
  weir::StreamBuilder builder;
  const auto decisions = builder.stream<std::string, Decision>("decisions");  // key: the prediction's id
  const auto chargebacks = builder.stream<std::string, Chargeback>("chargebacks");  // the same

  const auto joined = decisions.apply(
      weir::ml::feedback({.store = "fraud-feedback", .horizon = 720h, .grace = 1h}, chargebacks)
          .otherwise(Chargeback{.is_fraud = false}));

  joined.examples
      .filter([](const weir::ml::Example<Decision, Chargeback>& example) {
        return example.kind != weir::ml::ExampleKind::kCorrection;
      })
      .apply(weir::ml::evaluate({.store = "fraud-quality", .window = 1h, .grace = 5min},
                                [](const weir::ml::Example<Decision, Chargeback>& example) {
                                  return weir::ml::Outcome{.segment = example.prediction.model_version,
                                                           .predicted = example.prediction.score,
                                                           .actual = example.label.is_fraud ? 1.0 : 0.0};
                                }))
      .to("fraud-quality");

  joined.examples
      .map_values([](const std::string& id, const weir::ml::Example<Decision, Chargeback>& example) {
        return weir::ml::training_row(id, example, example.prediction.features,
                                      example.label.is_fraud ? 1.0 : 0.0);
      })
      .to("fraud-training");

  const auto driver = driver_of(builder);
  const auto decided = [&](const std::string& id, double score, weir::Timestamp time) {
    ASSERT_TRUE(
        (driver->pipe<std::string, Decision>("decisions", id, {"v1", score, {12.5F, 40}}, time)).ok());
  };
  decided("1", 0.9, 0);
  decided("2", 0.2, 1);
  ASSERT_TRUE((driver->pipe<std::string, Chargeback>("chargebacks", "1", {true}, kHour)).ok());
  decided("3", 0.2, 730 * kHour);
  decided("4", 0.2, 1'500 * kHour);
  const auto told = driver->read<std::string, weir::ml::QualityReport>("fraud-quality");
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].value.positives, 1U);
  EXPECT_NEAR(*told[0].value.brier, 0.01, 1e-8);
  EXPECT_EQ(told[1].value.positives, 0U);
  EXPECT_NEAR(*told[1].value.brier, 0.04, 1e-8);

  // What the program wrote, for another program.
  const auto broker = std::make_shared<weir::EmbeddedBroker>();
  const std::unique_ptr<weir::Transport> transport = weir::make_embedded_transport(broker);
  ASSERT_TRUE(broker->create_topic("fraud-training", 1).ok());
  for (const weir::RawOutput& row : driver->read_raw("fraud-training")) {
    ASSERT_TRUE(
        broker
            ->append("fraud-training", 0, {.key = row.record.key, .value = row.record.value, .timestamp = 1})
            .ok());
  }
  const std::string name = ::testing::TempDir() + "/fraud-" + std::to_string(::getpid()) + ".csv";
  {
    std::ofstream file(name);
    const auto written = weir::ml::export_training_csv(
        *transport, {.topic = "fraud-training", .columns = {"amount", "age"}}, file);
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_EQ(written->written, 3U);
  }
  std::ifstream file(name);
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "id,kind,feature_time,predicted_at,labelled_at,weight,label,amount,age");
  std::getline(file, line);
  EXPECT_EQ(line, "1,labelled,,0,3600000,1,1,12.5,40");
  std::remove(name.c_str());
}

TEST(FeedbackDoc, JoinsLabelsWithAFeatureLog) {
  weir::StreamBuilder builder;
  const auto chargebacks = builder.stream<std::string, Chargeback>("chargebacks");
  const auto reports = builder.stream<std::string, Report>("reports");

  const auto log = builder.stream<std::string, weir::ml::FeatureLogEntry>("card-features");

  const auto by_id = log.apply(
      weir::ml::point_in_time({.store = "by-id", .earliest = 24h, .latest = 720h, .grace = 1h}, chargebacks,
                              [](const Chargeback& chargeback) { return chargeback.is_fraud ? 1.0 : 0.0; }));
  by_id.rows.to("fraud-training");

  const auto by_card = log.apply(
      weir::ml::point_in_time({.store = "by-card", .earliest = 24h, .latest = 720h, .grace = 1h}, reports,
                              [](const Report& report) { return report.is_fraud ? 1.0 : 0.0; })
          .as_of([](const Report& report) { return report.paid_at; }));
  by_card.rows.to("fraud-training");

  const auto driver = driver_of(builder);
  weir::ml::FeatureLogEntry entry;
  entry.view = "card";
  entry.time = kHour;
  entry.topic = "payments";
  entry.values = {5};
  ASSERT_TRUE(
      (driver->pipe<std::string, weir::ml::FeatureLogEntry>("card-features", "ann", entry, kHour)).ok());
  ASSERT_TRUE(
      (driver->pipe<std::string, Chargeback>("chargebacks", "payments-0-0", {true}, 30 * kHour)).ok());
  ASSERT_TRUE((driver->pipe<std::string, Report>("reports", "ann", {false, 2 * kHour}, 31 * kHour)).ok());
  ASSERT_TRUE((driver->pipe<std::string, Report>("reports", "ann", {false, 40 * kHour}, 40 * kHour)).ok());
  const auto rows = driver->read<std::string, weir::ml::TrainingRow>("fraud-training");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].value.label, 1);
  EXPECT_EQ(rows[0].value.predicted_at, kHour);
  EXPECT_EQ(rows[1].value.label, 0);
  EXPECT_EQ(rows[1].value.feature_time, kHour);
  EXPECT_EQ(rows[1].value.predicted_at, 2 * kHour);
}

}  // namespace
}  // namespace feedback_doc
