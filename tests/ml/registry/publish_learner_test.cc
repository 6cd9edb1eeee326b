// Does what a learner learned come into the registry, whole and only when it is worth it?
#include <weir/ml/registry/publish_learner.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/testing/topology_driver.h>
#include <weir/ml/online/linear_learner.h>
#include <weir/ml/registry/model_table.h>
#include <weir/ml/score.h>
#include <weir/ml/seeded_random.h>
#include <weir/weir.h>

namespace weir::ml {
namespace {

std::shared_ptr<const Learner> line(double rate = 0.1) {
  return std::make_shared<LinearLearner>(
      LinearOptions{.inputs = {"x"}, .target = LinearTarget::kValue, .rate = rate, .scale = false});
}

// Values of "examples" are "x/label", "x/" for a row whose label comes later, "/label" for a label. Those of "in" are x.
std::optional<std::vector<float>> row_of(const std::string& text) {
  if (text.starts_with("/")) return std::nullopt;
  return std::vector<float>{std::stof(text)};
}
std::optional<float> label_of(const std::string& text) {
  const std::string label = text.substr(text.find('/') + 1);
  return label.empty() ? std::nullopt : std::optional(std::stof(label));
}
std::string text_of(double number) { return fmt::format("{}", number); }

// A program that learns from "examples" and publishes, and one that scores "in" with what was published.
class PublishLearnerTest : public testing::Test {
 protected:
  void start(const PublishLearnerOptions& options, const LearnRules& rules, double rate = 0.1) {
    published_.clear();
    StreamBuilder learning;
    const auto learned =
        learning.stream<std::string, std::string>("examples")
            .apply(learn({.store = "learner",
                          .learner = line(rate),
                          .rules = rules,
                          .wait_for_labels = Duration{1000}},
                         row_of, label_of, [](const std::string&, const Learned& judged) { return judged; }));
    const auto published = learned.apply(publish_learner(options));
    published.artifacts.to("artifacts");
    published.registry.to("models");
    published.events.to("events");
    make(learning, learner_);

    StreamBuilder scoring;
    const ModelTable models(
        scoring,
        {.registry = "models", .artifacts = "artifacts", .persistent = false, .loading = Loading::kInline});
    scoring.stream<std::string, std::string>("in")
        .apply(score(
            {.models = models.use("m"), .name = "score"},
            [](const std::string& text) { return std::array<float, 1>{std::stof(text)}; },
            [](const std::string&, std::span<const float> scores) {
              return text_of(static_cast<double>(scores[0]));
            }))
        .map_values([](const std::string&, const std::string& text, const RecordInfo& info) {
          return *info.headers.last(kModelVersionHeader)->value + " " + text;
        })
        .to("out");
    make(scoring, scorer_);
  }

  void example(const std::string& text, Timestamp time, const std::string& key = "k") {
    const absl::Status piped = learner_->pipe<std::string, std::string>("examples", key, text, time);
    ASSERT_TRUE(piped.ok()) << piped;
    // As the broker would, in the order in which they were written.
    for (RawOutput& output : learner_->read_all_raw()) {
      if (output.topic == "artifacts" || output.topic == "models") {
        ASSERT_TRUE(scorer_->pipe_raw(output.topic, output.record).ok());
      }
      published_[output.topic].push_back(std::move(output.record));
    }
  }
  std::string scored(const std::string& x, Timestamp time) {
    EXPECT_TRUE((scorer_->pipe<std::string, std::string>("in", "k", x, time).ok()));
    const auto outputs = scorer_->read<std::string, std::string>("out");
    return outputs.size() == 1 ? outputs[0].value : "none";
  }
  // What happened since the last call: "kind version".
  std::vector<std::string> events() {
    std::vector<std::string> texts;
    for (const OwnedRecord& record : std::exchange(published_["events"], {})) {
      LearnerEvent event;
      EXPECT_TRUE(Serde<LearnerEvent>::decode(*record.value, event).ok());
      constexpr std::array kKinds{"published", "held-back", "taken-back"};
      texts.push_back(std::string(kKinds[static_cast<std::size_t>(event.kind)]) + " " + event.version);
    }
    return texts;
  }
  // Keys of a topic, and whether they are there.
  std::map<std::string, bool> left_in(const std::string& topic) {
    std::map<std::string, bool> keys;
    for (const OwnedRecord& record : published_[topic]) keys[*record.key] = record.value.has_value();
    return keys;
  }

  static void make(StreamBuilder& builder, std::unique_ptr<TopologyDriver>& driver) {
    auto topology = builder.build();
    ASSERT_TRUE(topology.ok()) << topology.status();
    auto made = TopologyDriver::create(*topology);
    ASSERT_TRUE(made.ok()) << made.status();
    driver = *std::move(made);
  }

  std::unique_ptr<TopologyDriver> learner_;
  std::unique_ptr<TopologyDriver> scorer_;
  std::map<std::string, std::vector<OwnedRecord>> published_;  // by topic
};

using Texts = std::vector<std::string>;

TEST_F(PublishLearnerTest, WhatWasLearnedScoresFromItsTimeOn) {
  start({.store = "publication", .model = "m", .lead = Duration{50}}, {.publish_every = 10});
  const auto twin = line()->clone();
  std::map<std::uint64_t, std::string> says;  // of a row of 3, after so many examples
  SeededRandom random(7);
  for (int i = 1; i <= 30; ++i) {
    const auto x = static_cast<float>(random.uniform());
    example(fmt::format("{}/{}", x, 2 * x + 1), i);
    twin->learn(std::array<float, 1>{x}, 2 * x + 1);
    float score = 0;
    twin->predict(std::array<float, 1>{3}, {&score, 1});
    says[static_cast<std::uint64_t>(i)] = text_of(static_cast<double>(score));
  }
  EXPECT_EQ(events(), (Texts{"published learned-10", "published learned-20", "published learned-30"}));
  // Published at 10, 20 and 30, each for records of 50 ms later.
  EXPECT_EQ(scored("3", 60), "learned-10 " + says[10]);
  EXPECT_EQ(scored("3", 69), "learned-10 " + says[10]);
  EXPECT_EQ(scored("3", 70), "learned-20 " + says[20]);
  EXPECT_EQ(scored("3", 90), "learned-30 " + says[30]);
}

TEST_F(PublishLearnerTest, GoesOnAfterRestartsAsIfNothingHadHappened) {
  std::vector<std::vector<ModelManifest>> manifests;
  for (const int restart_every : {1000, 7}) {
    start({.store = "publication", .model = "m", .keep = 3}, {.checkpoint_every = 20, .publish_every = 10});
    SeededRandom random(8);
    for (int i = 1; i <= 60; ++i) {
      const auto x = static_cast<float>(random.uniform());
      // Half of the labels come three records later.
      example(fmt::format("{}/{}", x, i % 2 == 0 ? text_of(static_cast<double>(x)) : ""), i,
              "k" + std::to_string(i));
      if (i % 2 == 0 && i > 3) example(fmt::format("/{}", x), i, "k" + std::to_string(i - 3));
      if (i % restart_every == 0) {
        ASSERT_TRUE(learner_->restart().ok());
      }
    }
    std::vector<ModelManifest> published;
    for (const OwnedRecord& record : published_["models"]) {
      if (!record.value) continue;
      EXPECT_TRUE(Serde<ModelManifest>::decode(*record.value, published.emplace_back()).ok());
    }
    manifests.push_back(published);
  }
  ASSERT_EQ(manifests[0].size(), 5u);
  EXPECT_EQ(manifests[0], manifests[1]);
  EXPECT_EQ(manifests[0][2].parent, "learned-20");
  EXPECT_GT(manifests[0][0].metrics.at("loss"), manifests[0][4].metrics.at("loss"));
}

TEST_F(PublishLearnerTest, KeepsTheLastRecordsAndTakesOlderOnesOut) {
  start({.store = "publication", .model = "m", .lead = Duration{0}, .keep = 2}, {.publish_every = 1});
  for (int i = 1; i <= 4; ++i) example(fmt::format("1/{}", i), i);
  const std::map<std::string, bool> chunks = left_in("artifacts");
  const std::map<std::string, bool> records = left_in("models");
  const auto there = [](const std::map<std::string, bool>& all) {
    return std::count_if(all.begin(), all.end(), [](const auto& each) { return each.second; });
  };
  EXPECT_EQ(chunks.size(), 4u);
  EXPECT_EQ(there(chunks), 2);
  EXPECT_EQ(records.size(), 4u);
  EXPECT_EQ(there(records), 2);
  EXPECT_TRUE(scored("1", 10).starts_with("learned-4 "));
}

TEST_F(PublishLearnerTest, KeepsBytesThatAnotherRecordNeeds) {
  start({.store = "publication", .model = "m", .lead = Duration{0}, .keep = 1}, {.publish_every = 1});
  // A row of zeros and a label of zero change nothing but the count of examples: two snapshots have the same weights.
  for (int i = 1; i <= 3; ++i) example("0/0", i);
  EXPECT_TRUE(scored("1", 10).starts_with("learned-3 ")) << "its bytes are gone";
}

TEST_F(PublishLearnerTest, HoldsBackWhatDoesBadly) {
  start({.store = "publication", .model = "m", .lead = Duration{0}, .max_loss = 1}, {.publish_every = 5});
  for (int i = 1; i <= 5; ++i) example("1/1", i);
  for (int i = 6; i <= 10; ++i) example(i % 2 == 0 ? "1/10" : "1/-10", i);
  EXPECT_EQ(events(), (Texts{"published learned-5", "held-back "}));
  EXPECT_TRUE(scored("1", 20).starts_with("learned-5 "));
}

// A row beyond all measure makes the weights such that the next prediction is infinite.
TEST_F(PublishLearnerTest, TakesBackWhatALearnerThatDivergedHadPublished) {
  start({.store = "publication", .model = "m", .lead = Duration{5}},
        {.checkpoint_every = 4, .explosion = 1e300, .publish_every = 3}, 0.01);
  for (int i = 1; i <= 6; ++i) example("1/2", i);
  EXPECT_EQ(events(), (Texts{"published learned-3", "published learned-6"}));
  const std::string third = scored("1", 8);
  EXPECT_TRUE(third.starts_with("learned-3 ")) << third;
  EXPECT_TRUE(scored("1", 11).starts_with("learned-6 "));
  // The checkpoint is of four examples: what six know is taken back.
  example("1e30/1e38", 20);
  example("1/2", 20);
  EXPECT_EQ(events(), (Texts{"taken-back learned-3"}));
  EXPECT_TRUE(scored("1", 24).starts_with("learned-6 "));
  EXPECT_EQ(scored("1", 25), third);
  // The next snapshot is held back: it has that example in its interval. The one after it is published.
  for (int i = 0; i < 6; ++i) example("1/2", 30 + i);
  EXPECT_EQ(events(), (Texts{"held-back ", "published learned-12"}));
}

TEST(PublishLearnerOptions, AreRefusedWhereTheyCannotBe) {
  PublishLearnerOptions options{.store = "s", .model = "m"};
  EXPECT_EQ(problem_with(options), "");
  options.model = "a/b";
  EXPECT_NE(problem_with(options), "");
  options = {.store = "s", .model = "m", .lead = Duration{-1}};
  EXPECT_NE(problem_with(options), "");
  options = {.store = "s", .model = "m", .keep = 0};
  EXPECT_NE(problem_with(options), "");
}

}  // namespace
}  // namespace weir::ml
