// Is what is served what was learned, whatever happens? A program that learns, publishes and scores, with crashes, restores,
// rebalances and lost answers at seeded moments.
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/testing/simulation.h>
#include <weir/ml/digest.h>
#include <weir/ml/online/hoeffding_forest.h>
#include <weir/ml/online/learn.h>
#include <weir/ml/online/learner_file.h>
#include <weir/ml/online/linear_learner.h>
#include <weir/ml/registry/model_table.h>
#include <weir/ml/registry/publish_learner.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "ml/registry/scale_model.h"
#include "support/environment.h"

namespace weir::ml {
namespace {

constexpr std::uint64_t kPublishEvery = 15;
constexpr Timestamp kBegin = 1'000'000;

std::shared_ptr<const Learner> learner_called(const std::string& kind) {
  if (kind == "linear") {
    return std::make_shared<LinearLearner>(
        LinearOptions{.inputs = {"x"}, .target = LinearTarget::kValue, .update = LinearUpdate::kFtrl});
  }
  HoeffdingOptions options = adaptive_random_forest({"x"}, 3, {MistakeTest::kAdwin, 0.9, 0.5});
  options.rules.grace = 10;
  return std::make_shared<HoeffdingForest>(options);
}

// Examples are "x/label", what is scored is "x".
std::array<float, 1> example_row(const std::string& text) { return {std::stof(text)}; }
float example_label(const std::string& text) { return std::stof(text.substr(text.find('/') + 1)); }
std::string score_text(const std::string& text, float score) { return fmt::format("{}={}", text, score); }

absl::StatusOr<Topology> learning_and_scoring(const std::string& kind) {
  StreamBuilder builder;
  const auto published =
      builder.stream<std::string, std::string>("examples")
          .apply(learn(
              {.store = "learner",
               .learner = learner_called(kind),
               .rules = {.checkpoint_every = 40, .explosion = 1e300, .publish_every = kPublishEvery}},
              example_row, example_label, [](const std::string&, const Learned& learned) { return learned; }))
          .apply(publish_learner({.store = "publication", .model = "m", .keep = 10'000}));
  published.artifacts.to("artifacts");
  published.registry.to("models");
  published.events.to("events");

  const ModelTable models(
      builder,
      {.registry = "models", .artifacts = "artifacts", .persistent = false, .loading = Loading::kInline});
  builder.stream<std::string, std::string>("in")
      .apply(score(
          {.models = models.use("m", {.activation = Activation::kBarrier}), .name = "score"}, example_row,
          [](const std::string& text, std::span<const float> scores) { return score_text(text, scores[0]); }))
      .map_values([](const std::string&, const std::string& text, const RecordInfo& info) {
        return text + " " + info.headers.last(kModelVersionHeader)->value.value_or("");
      })
      .to("out");
  return builder.build();
}

NewRecord learnable(SimulationChance& chance, const SimulationPlan&, int n) {
  const auto x = static_cast<double>(chance.below(1000)) / 1000;
  // What is true of x turns around now and then.
  const bool label = (x > 0.5) != (n / 150 % 2 == 1);
  return {.key = "k", .value = fmt::format("{}/{}", x, label ? 1 : 0), .timestamp = kBegin + n * 10};
}

NewRecord scorable(SimulationChance& chance, const SimulationPlan& plan, int n) {
  return {.key = fmt::format("k{}", chance.below(static_cast<std::uint64_t>(plan.keys))),
          .value = fmt::format("{}", static_cast<double>(chance.below(1000)) / 1000),
          .timestamp = kBegin + n * 10};
}

// The learner before it has learned anything, so that there is a model from the beginning.
absl::Status publish_nothing_learned(const std::string& kind, EmbeddedBroker& broker) {
  for (const char* topic : {"models", "artifacts"})
    WEIR_RETURN_IF_ERROR(broker.create_topic(topic, 1, {{"cleanup.policy", "compact"}}));
  const Bytes bytes = encode_learner(*learner_called(kind));
  ModelManifest manifest = scale_manifest("learned-0", bytes, 0);
  manifest.format = "auto";
  WEIR_RETURN_IF_ERROR(
      broker
          .append("artifacts", 0, {.key = chunk_key(manifest.digest, 0), .value = bytes, .timestamp = kBegin})
          .status());
  return broker
      .append("models", 0,
              {.key = registry_key("m", "first"), .value = text_of(manifest), .timestamp = kBegin})
      .status();
}

// The learner after each number of examples that has to be published: learned here, of the topic, without a break.
std::map<std::string, std::unique_ptr<Learner>> as_they_should_be(const std::string& kind,
                                                                  EmbeddedBroker& broker) {
  std::map<std::string, std::unique_ptr<Learner>> versions;
  const std::unique_ptr<Learner> learner = learner_called(kind)->clone();
  versions["learned-0"] = learner->clone();
  std::uint64_t examples = 0;
  for (const BrokerRecord& record : broker.read("examples", 0)) {
    if (!record.value) continue;
    learner->learn(example_row(*record.value), example_label(*record.value));
    learner->forget_touched();
    if (++examples % kPublishEvery == 0) versions[fmt::format("learned-{}", examples)] = learner->clone();
  }
  return versions;
}

absl::Status wrong(const std::string& what) { return absl::InternalError(what); }

// Notes which versions were served.
absl::Status served_is_learned(const std::string& kind, EmbeddedBroker& broker, const SimulationPlan& plan,
                               std::set<std::string>& served) {
  const auto learned = as_they_should_be(kind, broker);
  std::map<std::string, std::string> artifacts;
  for (const BrokerRecord& record : broker.read("artifacts", 0))
    artifacts[record.key.value_or("")] = record.value.value_or("");

  std::map<std::string, int> published;
  for (const BrokerRecord& record : broker.read("models", 0)) {
    ModelManifest manifest;
    WEIR_RETURN_IF_ERROR(Serde<ModelManifest>::decode(record.value.value_or(""), manifest));
    const auto expected = learned.find(manifest.version);
    if (expected == learned.end()) return wrong("nobody learned " + manifest.version);
    if (++published[manifest.version] > 1) return wrong("twice: " + manifest.version);
    if (artifacts[chunk_key(manifest.digest, 0)] != encode_learner(*expected->second))
      return wrong(manifest.version + " is not what was learned");
  }
  if (published.size() != learned.size())
    return wrong(fmt::format("{} versions, {} should be published", published.size(), learned.size()));

  // "x=score version": by that version, and never by an earlier one than before.
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    std::map<std::string, std::uint64_t> last;  // by key: a key is of one partition of the input
    std::size_t scored = 0;
    for (const BrokerRecord& record : broker.read("out", partition)) {
      const std::string value = record.value.value_or("");
      const std::string version = value.substr(value.find(' ') + 1);
      const std::string x = value.substr(0, value.find('='));
      const auto by = learned.find(version);
      if (by == learned.end()) return wrong("scored by nobody: " + value);
      float score = 0;
      by->second->predict(example_row(x), {&score, 1});
      if (value != score_text(x, score) + " " + version)
        return wrong(fmt::format("{} is not what {} says: {}", value, version, score));
      const std::uint64_t examples = std::stoull(version.substr(version.find('-') + 1));
      std::uint64_t& before = last[record.key.value_or("")];
      if (examples < before) return wrong("back to an earlier model: " + value);
      before = examples;
      served.insert(version);
      ++scored;
    }
    if (scored != broker.read("in", partition).size())
      return wrong(fmt::format("{} of {} records are scored", scored, broker.read("in", partition).size()));
  }
  return absl::OkStatus();
}

SimulatedScenario learned_and_served(const std::string& kind,
                                     const std::shared_ptr<std::set<std::string>>& served) {
  return {.name = "learned-and-served",
          .topology = [kind] { return learning_and_scoring(kind); },
          .inputs = {{"examples", learnable, 1, /*partitions=*/1}, {"in", scorable}},
          .outputs = {{"out", OutputRule::kNotCompared}, {"events", OutputRule::kSamePerKey}},
          .limits = {.records_max = 600, .at_least_once = false, .beside = true},
          .prepare = [kind](EmbeddedBroker& broker) { return publish_nothing_learned(kind, broker); },
          .check =
              [kind, served](EmbeddedBroker& broker, const SimulationPlan& plan) {
                return served_is_learned(kind, broker, plan, *served);
              }};
}

class PublishLearnerSimulation : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Learners, PublishLearnerSimulation, testing::Values("linear", "forest"),
                         [](const auto& parameter) { return parameter.param; });

// More or others: WEIR_SIMULATION_SEEDS, WEIR_SIMULATION_FIRST.
TEST_P(PublishLearnerSimulation, WhatIsServedIsWhatWasLearned) {
  const auto served = std::make_shared<std::set<std::string>>();
  const Simulation simulation(learned_and_served(GetParam(), served));
  const std::uint64_t first = number_from("WEIR_SIMULATION_FIRST", 1);
  const std::uint64_t seeds = number_from("WEIR_SIMULATION_SEEDS", 12);
  std::uint64_t restored = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const SimulationResult result = simulation.run(simulation.draw(seed));
    ASSERT_TRUE(result.ok()) << "seed " << seed << ": " << simulation.explain(result);
    restored += result.restored;
  }
  EXPECT_GT(restored, 0U);
  EXPECT_GT(served->size(), 5U);
}

}  // namespace
}  // namespace weir::ml
