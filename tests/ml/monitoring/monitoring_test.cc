// Are the numbers about models what happened?
#include <weir/ml/monitoring/model_metrics.h>

#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <weir/ml/async/score_async.h>
#include <weir/ml/async/scripted_scorer.h>
#include <weir/ml/monitoring/observations.h>
#include <weir/ml/registry/model_table.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "ml/registry/scale_model.h"
#include "support/batch_task.h"
#include "support/records.h"

namespace weir::ml {
namespace {

using Number = std::int64_t;

// A stopwatch that each look moves on by a microsecond.
std::shared_ptr<ModelMetrics> made_metrics() {
  return std::make_shared<ModelMetrics>(
      [now = std::make_shared<std::int64_t>(0)] { return std::chrono::nanoseconds{*now += 1'000}; });
}

// The value of a series as text() shows it; nothing if it is not there.
std::string shown_series(const ModelMetrics& metrics, const std::string& series) {
  const std::string text = "\n" + metrics.text();
  const std::size_t at = text.find("\n" + series + " ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + series.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

class Picky final : public Model {
 public:
  explicit Picky(std::string version = "1") : Model({"picky", std::move(version)}, {{"x"}, {"y"}}) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      if (rows.row(i)[0] == -7) throw std::runtime_error("seven is not served");
      scores[i] = rows.row(i)[0];
    }
  }
};

std::vector<float> picky_row(Number value) {
  return std::vector<float>(value == 99 ? 2 : 1, static_cast<float>(value));
}
Number picky_value(Number value, std::span<const float>) { return value; }

TEST(MetricHistogram, CountsIntoBucketsThatDouble) {
  MetricHistogram histogram(0.5);
  for (const double value : {-1.0, 0.5, 0.51, 1.0, 1.01, 2.0, 4.1, 1e30, std::nan("")}) histogram.add(value);
  EXPECT_EQ(histogram.in(0), 2u);
  EXPECT_EQ(histogram.in(1), 2u);
  EXPECT_EQ(histogram.in(2), 2u);
  EXPECT_EQ(histogram.in(4), 1u);
  EXPECT_EQ(histogram.in(MetricHistogram::kBuckets - 1), 1u);
  EXPECT_EQ(histogram.count(), 8u);
  EXPECT_EQ(histogram.end_of(3), 4.0);
  EXPECT_EQ(histogram.end_of(MetricHistogram::kBuckets - 1), std::numeric_limits<double>::infinity());
}

TEST(ModelMetrics, AreShownAsPrometheusReadsThem) {
  ModelMetrics metrics;
  metrics.counter("a_total", {{"name", "quoted \"x\"\\\n"}}).add(3);
  metrics.counter("a_total", {}).add();
  metrics.gauge("b", {{"x", "1"}, {"y", "2"}}).set(0.25);
  metrics.histogram("c", {{"x", "1"}}, 1).add(1.5);
  const std::string text = metrics.text();
  EXPECT_EQ(text.substr(0, text.find("# TYPE c")),
            "# TYPE a_total counter\na_total 1\na_total{name=\"quoted \\\"x\\\"\\\\\\n\"} 3\n"
            "# TYPE b gauge\nb{x=\"1\",y=\"2\"} 0.25\n");
  EXPECT_EQ(shown_series(metrics, "c_bucket{x=\"1\",le=\"1\"}"), "0");
  EXPECT_EQ(shown_series(metrics, "c_bucket{x=\"1\",le=\"2\"}"), "1");
  EXPECT_EQ(shown_series(metrics, "c_bucket{x=\"1\",le=\"+Inf\"}"), "1");
  EXPECT_EQ(shown_series(metrics, "c_sum{x=\"1\"}"), "1.5");
  EXPECT_EQ(shown_series(metrics, "c_count{x=\"1\"}"), "1");
}

TEST(ModelMetrics, CountScoresFailuresAndBatches) {
  const auto metrics = made_metrics();
  BatchTask task([&](StreamBuilder& builder) {
    builder.stream<std::string, Number>("in")
        .apply(score({.model = std::make_shared<Picky>(),
                      .name = "score",
                      .metrics = metrics,
                      .on_error = ErrorPolicy::kSkip},
                     picky_row, picky_value))
        .to("out");
  });
  const std::array<Number, 5> values{1, 2, -7, 99, 3};
  for (std::size_t i = 0; i < values.size(); ++i)
    task.add<std::string, Number>("in", "k", values[i], static_cast<Timestamp>(i), 0);
  ASSERT_TRUE(task.work().ok());
  const std::string node = "node=\"score\",task=\"" + std::string("0_0") + "\"";
  const std::string model = "{" + node + ",model=\"picky\",version=\"1\"}";
  EXPECT_EQ(shown_series(*metrics, "weir_model_scored_total" + model), "3") << metrics->text();
  EXPECT_EQ(shown_series(*metrics, "weir_model_errors_total{" + node + ",reason=\"model\"}"), "1");
  EXPECT_EQ(shown_series(*metrics, "weir_model_errors_total{" + node + ",reason=\"row\"}"), "1");
  EXPECT_EQ(shown_series(*metrics, "weir_model_batch_rows_count" + model), "1");
  EXPECT_EQ(shown_series(*metrics, "weir_model_batch_rows_sum" + model), "4");
  EXPECT_EQ(shown_series(*metrics, "weir_model_infer_seconds_count" + model), "1");
  EXPECT_EQ(shown_series(*metrics, "weir_model_infer_seconds_sum" + model), "1e-06");
  EXPECT_EQ(shown_series(*metrics, "weir_model_record_age_seconds_count" + model), "3");
  EXPECT_EQ(shown_series(*metrics, "weir_model_active" + model), "1");
}

TEST(ModelMetrics, TellHowOldRecordsAreAndWhichModelIsInUse) {
  const auto metrics = made_metrics();
  TextDriver driver(
      [&](StreamBuilder& builder) {
        const ModelTable table(builder, {.registry = "models",
                                         .artifacts = "artifacts",
                                         .persistent = false,
                                         .formats = scale_formats(),
                                         .loading = Loading::kInline,
                                         .metrics = metrics});
        builder.stream<std::string, Number>("in")
            .apply(score({.models = table.use("m"), .name = "score", .metrics = metrics}, picky_row,
                         picky_value))
            .to("out");
      },
      {.wall_clock = 10'000});
  const auto publish = [&](const std::string& factor, Timestamp from) {
    const ModelManifest manifest = scale_manifest("v" + factor, factor, from);
    ASSERT_TRUE((driver.driver().pipe<std::string, std::string>("artifacts", chunk_key(manifest.digest, 0),
                                                                factor, 0))
                    .ok());
    ASSERT_TRUE((driver.driver().pipe<std::string, std::string>("models", registry_key("m", factor),
                                                                text_of(manifest), 0))
                    .ok());
  };
  publish("2", 0);
  publish("3", 5'000);
  driver.feed<std::string, Number>("in", "a:1@4000 a:1@9000");
  const std::string node = "node=\"score\",task=\"0_0\"";
  const auto model = [&](const std::string& version) {
    return "{" + node + ",model=\"m\",version=\"" + version + "\"}";
  };
  EXPECT_EQ(shown_series(*metrics, "weir_model_record_age_seconds_sum" + model("v2")), "6")
      << metrics->text();
  EXPECT_EQ(shown_series(*metrics, "weir_model_record_age_seconds_sum" + model("v3")), "1");
  EXPECT_EQ(shown_series(*metrics, "weir_model_active" + model("v2")), "0");
  EXPECT_EQ(shown_series(*metrics, "weir_model_active" + model("v3")), "1");
  EXPECT_EQ(shown_series(*metrics, "weir_model_swaps_total{" + node + "}"), "1");
  EXPECT_EQ(shown_series(*metrics, "weir_model_admitted{model=\"m\",version=\"v3\"}"), "1");
  EXPECT_EQ(shown_series(*metrics, "weir_model_load_seconds{model=\"m\",version=\"v3\"}"), "1e-06");
}

TEST(ModelMetrics, FollowWhatIsUnderWay) {
  const auto metrics = made_metrics();
  const auto scorer = std::make_shared<ScriptedScorer>([](const ScoreRequest& request) {
    if (request.attempt == 1) return ScriptedScorer::silence();
    return ScriptedScorer::error(Duration{1}, absl::UnavailableError("busy"));
  });
  TextDriver driver([&](StreamBuilder& builder) {
    builder.stream<std::string, Number>("in")
        .apply(score_async({.scorer = scorer,
                            .name = "ask",
                            .timeout = Duration{1'000},
                            .attempt_timeout = Duration{100},
                            .attempts = 2,
                            .pause = {Duration{10}, Duration{10}},
                            .breaker = {.failures = 2, .window = 2, .open_for = Duration{60'000}},
                            .metrics = metrics,
                            .on_error = ErrorPolicy::kSkip},
                           picky_row, picky_value))
        .to("out");
  });
  const std::string labels = "{node=\"ask\",task=\"0_0\",model=\"scripted\"}";
  driver.feed<std::string, Number>("in", "a:1@1");
  EXPECT_EQ(shown_series(*metrics, "weir_async_in_flight" + labels), "1");
  for (const int step : {100, 10, 1, 0}) ASSERT_TRUE(driver.driver().advance_wall_clock(Duration{step}).ok());
  EXPECT_EQ(shown_series(*metrics, "weir_async_in_flight" + labels), "0");
  EXPECT_EQ(shown_series(*metrics, "weir_async_attempts_total" + labels), "2");
  EXPECT_EQ(shown_series(*metrics, "weir_async_retries_total" + labels), "1");
  EXPECT_EQ(shown_series(*metrics, "weir_async_timeouts_total" + labels), "1");
  EXPECT_EQ(shown_series(*metrics, "weir_async_failures_total" + labels), "1");
  EXPECT_EQ(shown_series(*metrics, "weir_async_breaker_state" + labels), "1");
  EXPECT_EQ(shown_series(*metrics, "weir_async_breaker_opened_total" + labels), "1");
}

TEST(Observations, OfShadowsLabelsAndDrift) {
  ModelMetrics metrics;
  ShadowScore score{"p", "m", "1", "2", {0.9F}, {0.4F}, ""};
  observe_shadow(metrics, score, 0.5F);
  score.shadow_scores = {0.8F};
  observe_shadow(metrics, score, 0.5F);
  score.shadow_scores = {};
  observe_shadow(metrics, score, 0.5F);
  const std::string shadow = "model=\"m\",version=\"1\",shadow_version=\"2\"";
  for (const char* outcome : {"agreed", "disagreed", "fault"})
    EXPECT_EQ(shown_series(metrics, "weir_model_shadow_total{" + shadow + ",outcome=\"" + outcome + "\"}"),
              "1");
  EXPECT_EQ(shown_series(metrics, "weir_model_shadow_difference_count{" + shadow + "}"), "2");

  Example<int, int> example{.predicted_at = 1'000, .labelled_at = 4'000};
  observe_label(metrics, "m", "1", example);
  example.kind = ExampleKind::kDefault;
  observe_label(metrics, "m", "1", example);
  EXPECT_EQ(shown_series(metrics, "weir_model_label_delay_seconds_sum{model=\"m\",version=\"1\"}"), "3");

  DriftReport report;
  report.segment = "all";
  report.name = "amount";
  report.psi = 0.25;
  report.verdict = DriftVerdict::kDrift;
  observe_drift(metrics, report);
  const auto drift = [&](const std::string& statistic) {
    return shown_series(
        metrics, "weir_drift_statistic{segment=\"all\",column=\"amount\",statistic=\"" + statistic + "\"}");
  };
  EXPECT_EQ(drift("psi"), "0.25");
  EXPECT_EQ(drift("ks"), "");
  EXPECT_EQ(drift("verdict"), "2");
}

}  // namespace
}  // namespace weir::ml
