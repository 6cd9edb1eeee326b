// The examples of docs/serving.md and of the headers, as they are written there.
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <weir/core/json_serde.h>
#include <weir/core/testing/topology_driver.h>
#include <weir/ml/async/score_async.h>
#include <weir/ml/async/scripted_scorer.h>
#include <weir/ml/cascade.h>
#include <weir/ml/ensemble.h>
#include <weir/ml/feedback/feedback.h>
#include <weir/ml/inference/serve_requests.h>
#include <weir/ml/registry/evidence.h>
#include <weir/ml/registry/model_table.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

namespace serving_doc {

struct Payment {
  std::string id;
  float amount = 0;
  float age = 0;
};
struct Decision {
  std::string id;
  float fraud = 0;
};
struct Chargeback {
  bool is_fraud = false;
};

}  // namespace serving_doc

template <>
struct weir::Serde<serving_doc::Payment> : weir::JsonSerde<serving_doc::Payment> {
  using T = serving_doc::Payment;
  static constexpr auto kFields =
      fields(field("id", &T::id), field("amount", &T::amount), field("age", &T::age));
};
template <>
struct weir::Serde<serving_doc::Decision> : weir::JsonSerde<serving_doc::Decision> {
  using T = serving_doc::Decision;
  static constexpr auto kFields = fields(field("id", &T::id), field("fraud", &T::fraud));
};
template <>
struct weir::Serde<serving_doc::Chargeback> : weir::JsonSerde<serving_doc::Chargeback> {
  static constexpr auto kFields = fields(field("is_fraud", &serving_doc::Chargeback::is_fraud));
};

namespace serving_doc {
namespace {

using std::chrono_literals::operator""h;

class Ratio final : public weir::ml::Model {
 public:
  Ratio() : Model({.name = "ratio", .version = "1"}, {.inputs = {"amount", "age"}, .outputs = {"ratio"}}) {}

 private:
  void evaluate(const weir::ml::RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) scores[i] = rows.row(i)[0] / rows.row(i)[1];
  }
};

std::string decided(const std::shared_ptr<const weir::ml::Model>& model) {
  weir::StreamBuilder builder;
  const auto payments = builder.stream<std::string, Payment>("payments");
  payments
      .apply(weir::ml::score(
          {.model = model},
          [](const Payment& payment) {
            return std::array{payment.amount, payment.age};
          },
          [](const Payment& payment, std::span<const float> scores) {
            return Decision{payment.id, scores[0]};
          }))
      .to("decisions");
  auto driver = weir::TopologyDriver::create(*builder.build());
  EXPECT_TRUE(driver.ok()) << driver.status();
  EXPECT_TRUE(((*driver)->pipe<std::string, Payment>("payments", "k", {"p1", 6, 2}, 0)).ok());
  const auto decisions = (*driver)->read<std::string, std::string>("decisions");
  return decisions.empty() ? "" : decisions.front().value;
}

TEST(ServingDoc, AnswersRequests) {
  weir::StreamBuilder builder;
  const weir::ml::ModelTable models(
      builder, {.registry = "models", .artifacts = "model-artifacts", .persistent = false});
  const auto risk = std::make_shared<Ratio>();
  weir::ml::serve_requests(builder.stream<std::string, std::optional<weir::Bytes>>("score-requests"),
                           {.models = {{"fraud", models.use("fraud")}, {"risk", weir::ml::fixed_model(risk)}},
                            .reply_topics = {"score-replies"}});
  EXPECT_TRUE(builder.build().ok());
}

TEST(ServingDoc, AsksElsewhere) {
  using std::chrono_literals::operator""ms;
  using std::chrono_literals::operator""s;
  const auto risk_service =
      std::make_shared<weir::ml::ScriptedScorer>([](const weir::ml::ScoreRequest& request) {
        if (request.attempt == 1) return weir::ml::ScriptedScorer::error(5ms, absl::UnavailableError("busy"));
        return weir::ml::ScriptedScorer::scores(20ms, {request.row[0] * 2});
      });
  weir::StreamBuilder builder;
  const auto payments = builder.stream<std::string, Payment>("payments");
  payments
      .apply(weir::ml::score_async(
          {.scorer = risk_service,
           .capacity = 200,
           .order = weir::ml::AsyncOrder::kKey,
           .timeout = 2s,
           .attempt_timeout = 300ms,
           .breaker = {.failures = 10, .window = 20, .open_for = 5s},
           .fallback = {0.5F}},
          [](const Payment& payment) {
            return std::array{payment.amount, payment.age};
          },
          [](const Payment& payment, std::span<const float> scores) {
            return Decision{payment.id, scores[0]};
          }))
      .to("decisions");
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  const auto driver = weir::TopologyDriver::create(*topology);
  ASSERT_TRUE(driver.ok()) << driver.status();
  ASSERT_TRUE(((*driver)->pipe<std::string, Payment>("payments", "ann", {"p1", 3, 4}, 10)).ok());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE((*driver)->advance_wall_clock(1ms).ok());
  const auto decisions = (*driver)->read<std::string, Decision>("decisions");
  ASSERT_EQ(decisions.size(), 1u);
  EXPECT_EQ(decisions[0].value.fraud, 6);
  EXPECT_EQ(risk_service->requests().size(), 2u);
}

TEST(ServingDoc, ScoresARow) {
  const auto ratio = std::make_shared<Ratio>();
  EXPECT_EQ(decided(ratio), R"({"id":"p1","fraud":3})");
  const auto trees = ratio;
  const auto linear = ratio;
  auto both =
      weir::ml::ensemble({.name = "fraud", .version = "3"}, {trees, linear}, weir::ml::Combine::kMean);
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(decided(*both), R"({"id":"p1","fraud":3})");
  auto staged = weir::ml::cascade({.name = "fraud", .version = "3"}, trees, linear,
                                  weir::ml::unsure_between(0.2F, 0.8F));
  ASSERT_TRUE(staged.ok()) << staged.status();
  EXPECT_EQ(decided(*staged), R"({"id":"p1","fraud":3})");
}

TEST(ServingDoc, FollowsARegistry) {
  weir::StreamBuilder builder;
  const auto payments = builder.stream<std::string, Payment>("payments");
  const auto row_of = [](const Payment& payment) { return std::array{payment.amount, payment.age}; };
  const auto decide = [](const Payment& payment, std::span<const float> scores) {
    return Decision{payment.id, scores[0]};
  };
  weir::ml::ModelTable models(builder, {.registry = "models", .artifacts = "model-artifacts"});
  const auto [decisions, shadows] =
      payments.apply(weir::ml::score_with_shadow({.models = models.use("fraud")}, row_of, decide));
  decisions.to("decisions");
  shadows.to("fraud-shadow", {.on_error = weir::ErrorPolicy::kSkip});
  shadows
      .group_by({.name = "by-version"},
                [](const weir::ml::ShadowScore& score) { return score.shadow_version; })
      .aggregate(
          {.store = "fraud-shadow-comparison"}, [] { return weir::ml::ShadowComparison(); },
          [](const weir::ml::ShadowScore& score, const weir::ml::ShadowComparison& so_far) {
            return so_far.with(score, /*threshold=*/0.5F);
          });

  const auto chargebacks =
      builder.stream<std::string, Chargeback>("chargebacks");  // key: the prediction's id
  const auto judged =
      shadows
          .map([](const std::string&, const weir::ml::ShadowScore& score) {
            return std::pair(score.prediction, score);
          })
          .apply(weir::ml::feedback({.store = "fraud-feedback", .horizon = 720h, .grace = 1h}, chargebacks)
                     .otherwise(Chargeback{.is_fraud = false}));
  const auto evidence = judged.examples.apply(weir::ml::paired_evidence(
      {.store = "fraud-evidence", .window = 24h, .grace = 1h, .loss = weir::ml::Loss::kLogLoss},
      [](const weir::ml::Example<weir::ml::ShadowScore, Chargeback>& example) {
        return weir::ml::paired_outcome(example.prediction, example.label.is_fraud ? 1.0 : 0.0);
      }));
  weir::ml::promote(models, evidence,
                    {.model = "fraud",
                     .store = "fraud-promotion",
                     .role = weir::ml::ModelRole::kShadow,
                     .larger_is_better = false,
                     .min_gain = 0.01,
                     .wins = 3})
      .to("models");
  const auto topology = builder.build();
  EXPECT_TRUE(topology.ok()) << topology.status();
}

}  // namespace
}  // namespace serving_doc
