// Which model of a registry scores which record?
#include <weir/ml/registry/model_table.h>

#include <array>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/testing/topology_driver.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "ml/registry/scale_model.h"

namespace weir::ml {
namespace {

using Number = std::int64_t;

// A number below 0 is missing.
std::array<float, 1> row_of(Number value) { return {value < 0 ? std::nanf("") : static_cast<float>(value)}; }
Number scaled(Number, std::span<const float> scores) { return static_cast<Number>(scores[0]); }

// A program that scores "in" into "out" with the model "m", on a driver.
class ModelTableTest : public testing::Test {
 protected:
  void start(ModelUse use, ErrorPolicy on_error = ErrorPolicy::kFail, const std::string& feature_view = {},
             bool shadow = false) {
    StreamBuilder builder;
    const ModelTable models(builder, {.registry = "models",
                                      .artifacts = "artifacts",
                                      .persistent = false,
                                      .formats = scale_formats(),
                                      .limits = {.bytes = 3'000'000},
                                      .loading = Loading::kInline});
    use.status_topic = "status";
    const ScoreOptions options{
        .models = models.use("m", use), .name = "score", .feature_view = feature_view, .on_error = on_error};
    const auto numbers = builder.stream<std::string, Number>("in");
    if (shadow) {
      const auto [results, shadows] = numbers.apply(score_with_shadow(options, row_of, scaled));
      results.to("out");
      shadows.to("shadows");
    } else {
      numbers.apply(score(options, row_of, scaled)).to("out");
    }
    auto topology = builder.build();
    ASSERT_TRUE(topology.ok()) << topology.status();
    auto driver = TopologyDriver::create(*topology, {.dead_letter_topic = "aside"});
    ASSERT_TRUE(driver.ok()) << driver.status();
    driver_ = *std::move(driver);
  }

  void chunk(const std::string& digest, std::size_t number, const std::string& bytes) {
    const absl::Status status =
        driver_->pipe<std::string, std::string>("artifacts", chunk_key(digest, number), bytes, 0);
    EXPECT_TRUE(status.ok()) << status;
  }
  void announce(const std::string& id, const ModelManifest& manifest) {
    say(registry_key(manifest.name, id), text_of(manifest));
  }
  void say(const std::string& key, const std::optional<std::string>& value) {
    const absl::Status status =
        driver_->pipe<std::string, std::optional<std::string>>("models", key, value, 0);
    EXPECT_TRUE(status.ok()) << status;
  }
  void publish(const std::string& id, const std::string& factor, Timestamp effective_from,
               ModelRole role = ModelRole::kChampion, std::uint32_t weight = ModelManifest::kWhole) {
    const ModelManifest manifest = scale_manifest("v" + factor, factor, effective_from, role, weight);
    chunk(manifest.digest, 0, factor);
    announce(id, manifest);
  }

  // Feeds the value 1 at these times; returns the scores, which are the factors of the models that scored.
  std::string scores(const std::vector<Timestamp>& times) {
    for (const Timestamp time : times) {
      const absl::Status status = driver_->pipe<std::string, Number>("in", "k", 1, time);
      if (!status.ok()) return message_of(status);
    }
    return written();
  }
  std::string written() {
    std::string text;
    for (const auto& output : driver_->read<std::string, Number>("out")) {
      text += (text.empty() ? "" : " ") + std::to_string(output.value);
      versions_.insert(*output.headers.last(kModelVersionHeader)->value);
      branch_ = output.headers.last(kModelBranchHeader)->value.value_or("");
    }
    return text;
  }
  std::string states() {
    std::string text;
    for (const auto& output : driver_->read<std::string, std::string>("status")) text += output.value + "\n";
    return text;
  }

  std::unique_ptr<TopologyDriver> driver_;
  std::set<std::string> versions_;
  std::string branch_;
};

TEST_F(ModelTableTest, AsOfChoosesByTheRecordsTime) {
  start({});
  publish("1", "2", 0);
  publish("2", "3", 100);
  publish("3", "5", 200);
  EXPECT_EQ(scores({0, 99, 100, 250, 150, 200}), "2 2 3 5 3 5");
  EXPECT_EQ(versions_, (std::set<std::string>{"v2", "v3", "v5"}));
  EXPECT_EQ(branch_, "champion");
}

TEST_F(ModelTableTest, AsOfTakesTheLaterOfTwoForTheSameTime) {
  start({});
  publish("1", "2", 10);
  publish("2", "3", 10);
  EXPECT_EQ(scores({10}), "3");
}

TEST_F(ModelTableTest, ARollbackIsAnotherRecordWithTheOldBytes) {
  start({});
  publish("1", "2", 0);
  publish("2", "3", 100);
  publish("3", "2", 200);
  EXPECT_EQ(scores({50, 150, 250}), "2 3 2");
}

TEST_F(ModelTableTest, ARecordWaitsForAModelThatIsAnnounced) {
  start({});
  publish("1", "2", 0);
  const ModelManifest next = scale_manifest("v3", "3", 100);
  announce("2", next);
  EXPECT_EQ(scores({50}), "2");
  EXPECT_EQ(scores({100, 60}), "");  // the second waits behind the first
  EXPECT_NE(states().find("awaited"), std::string::npos);
  chunk(next.digest, 0, "3");
  ASSERT_TRUE(driver_->advance_wall_clock(Duration{1}).ok());
  EXPECT_EQ(written(), "3 2");
}

TEST_F(ModelTableTest, ARecordWaitsForTheFirstModel) {
  start({});
  EXPECT_EQ(scores({5}), "");
  publish("1", "2", 0);
  ASSERT_TRUE(driver_->advance_wall_clock(Duration{1}).ok());
  EXPECT_EQ(written(), "2");
}

TEST_F(ModelTableTest, AfterTheTimeoutThePolicyHasItsSay) {
  start({.load_timeout = Duration{1'000}}, ErrorPolicy::kDeadLetter);
  publish("1", "2", 0);
  announce("2", scale_manifest("v3", "3", 100));
  EXPECT_EQ(scores({150}), "");
  ASSERT_TRUE(driver_->advance_wall_clock(Duration{999}).ok());
  EXPECT_TRUE(driver_->read_raw("aside").empty());
  ASSERT_TRUE(driver_->advance_wall_clock(Duration{1}).ok());
  EXPECT_EQ(driver_->read_raw("aside").size(), 1u);
  // Those that come then need not wait once more.
  EXPECT_EQ(scores({160, 50}), "2");
  const auto letters = driver_->read_raw("aside");
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_NE(
      letters[0].record.headers.last("__streams.errors.message")->value->find("announced and not loaded"),
      std::string::npos);
}

TEST_F(ModelTableTest, AfterTheTimeoutThePreviousModelMayScore) {
  start({.load_timeout = Duration{1'000}, .on_timeout = Unloaded::kPrevious});
  publish("1", "2", 0);
  announce("2", scale_manifest("v3", "3", 100));
  EXPECT_EQ(scores({50, 150}), "2");
  ASSERT_TRUE(driver_->advance_wall_clock(Duration{1'000}).ok());
  EXPECT_EQ(written(), "2");
}

TEST_F(ModelTableTest, ModelsMayHaveSeveralChunks) {
  start({});
  const std::string bytes = "7" + std::string(2 * kChunkBytes, ' ');
  const ModelManifest manifest = scale_manifest("large", bytes, 0);
  for (std::size_t i = 0; i < chunks_of(bytes.size()); ++i)
    chunk(manifest.digest, i, bytes.substr(i * kChunkBytes, kChunkBytes));
  announce("1", manifest);
  EXPECT_EQ(scores({1}), "7");
}

TEST_F(ModelTableTest, WhatIsNotAdmittedChangesNothing) {
  for (const Activation activation : {Activation::kAsOf, Activation::kBarrier, Activation::kLatest}) {
    start({.activation = activation});
    publish("1", "2", 0);
    EXPECT_EQ(scores({10}), "2");
    states();
    ModelManifest golden = scale_manifest("wrong", "3", 5);
    golden.golden = {{{2.0F}, {7.0F}}};
    chunk(golden.digest, 0, "3");
    announce("2", golden);
    ModelManifest corrupt = scale_manifest("corrupt", "4", 5);
    chunk(corrupt.digest, 0, "5");
    announce("3", corrupt);
    announce("4", scale_manifest("oversize", std::string(3'000'001, '1'), 5));
    say("m/5", "{no manifest");
    say("m/6", text_of(scale_manifest("v1", "1", -1)));
    ModelManifest other = scale_manifest("v1", "1", 0);
    other.name = "other";
    say("m/7", text_of(other));
    say("nonsense", "x");
    EXPECT_EQ(scores({20, 30}), "2 2") << static_cast<int>(activation);
    const std::string told = states();
    for (const char* part : {"golden row 0", "its digest is", "has 0 bytes", "effective_from is negative",
                             "another model's than its manifest"})
      EXPECT_NE(told.find(part), std::string::npos) << part << " in " << told;
  }
}

TEST_F(ModelTableTest, ATombstoneOfWhatIsInUseIsRefused) {
  start({});
  publish("1", "2", 0);
  publish("2", "3", 100);
  say("m/2", std::nullopt);
  EXPECT_EQ(scores({150}), "3");
  EXPECT_NE(states().find("a tombstone for what is in use is refused"), std::string::npos);
  say("m/1", std::nullopt);  // a later champion is there
  EXPECT_NE(scores({50}), "2");
}

TEST_F(ModelTableTest, BarrierChangesAtOnceForAllTimes) {
  start({.activation = Activation::kBarrier});
  publish("1", "2", 1'000);
  EXPECT_EQ(scores({0, 500}), "2 2");
  const ModelManifest next = scale_manifest("v3", "3", 0);
  announce("2", next);
  EXPECT_EQ(scores({10}), "2");  // nobody waits for it
  chunk(next.digest, 0, "3");
  EXPECT_EQ(scores({20, 0}), "3 3");
}

TEST_F(ModelTableTest, BarrierIsCommittedState) {
  start({.activation = Activation::kBarrier});
  publish("1", "2", 0);
  EXPECT_EQ(scores({10}), "2");
  publish("2", "3", 0);
  EXPECT_EQ(scores({11}), "3");
  const std::string before = states();
  EXPECT_NE(
      before.find(
          R"("version":"v3","id":"2","state":"in use","what":"","topic":"in","partition":0,"offset":1)"),
      std::string::npos)
      << before;
  ASSERT_TRUE(driver_->restart().ok());
  EXPECT_EQ(scores({12}), "3");
}

TEST_F(ModelTableTest, LatestUsesWhatIsThere) {
  start({.activation = Activation::kLatest});
  publish("1", "2", 1'000);
  EXPECT_EQ(scores({0}), "2");
  announce("2", scale_manifest("v3", "3", 0));
  EXPECT_EQ(scores({1}), "2");
  publish("3", "5", 0);
  EXPECT_EQ(scores({2}), "5");
}

TEST_F(ModelTableTest, AModelOfAnotherFeatureViewIsNotUsed) {
  start({}, ErrorPolicy::kFail, "view-1");
  ModelManifest manifest = scale_manifest("v2", "2", 0);
  manifest.feature_view_hash = "view-1";
  chunk(manifest.digest, 0, "2");
  announce("1", manifest);
  manifest = scale_manifest("v3", "3", 10);
  manifest.feature_view_hash = "view-2";
  chunk(manifest.digest, 0, "3");
  announce("2", manifest);
  EXPECT_EQ(scores({5, 15}), "2 2");
  EXPECT_NE(states().find("feature view view-2"), std::string::npos);
}

// ---------------------------------------------------------------------------------------------------------- routing

TEST_F(ModelTableTest, AChallengerGetsAShareOfTheKeysAndKeepsThem) {
  start({});
  publish("1", "2", 0);
  publish("2", "3", 100, ModelRole::kChallenger, 1'000);
  publish("3", "3", 200, ModelRole::kChallenger, 5'000);
  std::array<std::set<int>, 3> challenged;
  for (int round = 0; round < 2; ++round) {
    for (int stage = 0; stage < 3; ++stage) {
      for (int key = 0; key < 1'000; ++key) {
        ASSERT_TRUE((driver_->pipe<std::string, Number>("in", std::to_string(key), 1, stage * 100).ok()));
      }
      std::set<int> now;
      for (const auto& output : driver_->read<std::string, Number>("out")) {
        if (output.value != 3) continue;
        now.insert(std::stoi(output.key));
        EXPECT_EQ(output.headers.last(kModelBranchHeader)->value, "canary");
      }
      if (round == 0) challenged[static_cast<std::size_t>(stage)] = now;
      EXPECT_EQ(now, challenged[static_cast<std::size_t>(stage)]);
    }
  }
  EXPECT_TRUE(challenged[0].empty());
  EXPECT_GT(challenged[1].size(), 60u);
  EXPECT_LT(challenged[1].size(), 150u);
  EXPECT_GT(challenged[2].size(), 420u);
  EXPECT_LT(challenged[2].size(), 580u);
  for (const int key : challenged[1]) EXPECT_TRUE(challenged[2].contains(key)) << key;
}

TEST_F(ModelTableTest, ALaterChampionOrNoWeightEndsAChallenge) {
  start({});
  publish("1", "2", 0);
  publish("2", "3", 100, ModelRole::kChallenger);
  publish("3", "3", 200, ModelRole::kChallenger, 0);
  publish("4", "3", 300, ModelRole::kChallenger);
  publish("5", "5", 400);
  EXPECT_EQ(scores({50, 150, 250, 350, 450}), "2 3 2 3 5");
}

TEST_F(ModelTableTest, AShadowIsHeardBesideTheResults) {
  start({}, ErrorPolicy::kFail, "", /*shadow=*/true);
  publish("1", "2", 0);
  publish("2", "3", 100, ModelRole::kShadow);
  EXPECT_EQ(scores({50, 150}), "2 2");
  const auto shadows = driver_->read<std::string, ShadowScore>("shadows");
  ASSERT_EQ(shadows.size(), 1u);
  EXPECT_EQ(shadows[0].value, (ShadowScore{"in-0-1", "m", "v2", "v3", {2}, {3}, ""}));
}

// ---------------------------------------------------------------------------------------------------------- plans

// What a plan makes of the value, by the name of its input.
CleaningPlan clipped_at(double high) { return {.columns = {{.name = "x", .steps = {clip(0, high)}}}}; }

TEST_F(ModelTableTest, AModelBringsItsPlanAtTheSameRecord) {
  start({});
  for (const auto& [id, factor, from, high] :
       {std::tuple("1", "2", 0, 10.0), std::tuple("2", "3", 100, 5.0), std::tuple("3", "2", 200, 7.0)}) {
    // The first and the last are the same bytes with other plans.
    ModelManifest manifest = scale_manifest(std::string("v") + factor, factor, from);
    manifest.cleaning = clipped_at(high);
    chunk(manifest.digest, 0, factor);
    announce(id, manifest);
  }
  for (const Timestamp time : {50, 100, 99, 200, 150, 0})
    ASSERT_TRUE((driver_->pipe<std::string, Number>("in", "k", 1'000, time).ok()));
  EXPECT_EQ(written(), "20 15 20 14 15 20");
}

TEST_F(ModelTableTest, APlanOfOtherColumnsIsNotUsed) {
  start({});
  publish("1", "2", 0);
  ModelManifest manifest = scale_manifest("v3", "3", 50);
  manifest.cleaning = CleaningPlan{.columns = {{.name = "amount"}}};
  chunk(manifest.digest, 0, "3");
  announce("2", manifest);
  EXPECT_EQ(scores({60}), "2");
  const std::string told = states();
  EXPECT_NE(told.find("the cleaning plan makes other columns than the model takes"), std::string::npos)
      << told;
}

TEST_F(ModelTableTest, ARowThatThePlanRefusesFailsAlone) {
  start({}, ErrorPolicy::kDeadLetter);
  ModelManifest manifest = scale_manifest("v3", "3", 0);
  manifest.cleaning = CleaningPlan{
      .columns = {{.name = "x", .steps = {label_encode({"7", "8"})}, .when_missing = WhenMissing::kRefuse}}};
  chunk(manifest.digest, 0, "3");
  announce("1", manifest);
  for (const Number value : {8, 1, 7})
    ASSERT_TRUE((driver_->pipe<std::string, Number>("in", "k", value, 0).ok()));
  EXPECT_EQ(written(), "6 0 3");  // numbers stand for their texts; what is no category is 0
  manifest = scale_manifest("v4", "4", 10);
  manifest.cleaning = CleaningPlan{.columns = {{.name = "x", .when_missing = WhenMissing::kRefuse}}};
  chunk(manifest.digest, 0, "4");
  announce("2", manifest);
  ASSERT_TRUE((driver_->pipe<std::string, Number>("in", "k", -1, 10).ok()));
  EXPECT_EQ(scores({11}), "4");
  const auto letters = driver_->read_raw("aside");
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_NE(letters[0]
                .record.headers.last("__streams.errors.message")
                ->value->find("model m: column 'x': the number is missing"),
            std::string::npos);
}

TEST_F(ModelTableTest, AShadowHasItsOwnPlan) {
  start({}, ErrorPolicy::kFail, "", /*shadow=*/true);
  ModelManifest manifest = scale_manifest("v2", "2", 0);
  manifest.cleaning = CleaningPlan{.columns = {{.name = "x", .steps = {impute(4)}}}};
  chunk(manifest.digest, 0, "2");
  announce("1", manifest);
  manifest = scale_manifest("v3", "3", 0, ModelRole::kShadow);
  manifest.cleaning =
      CleaningPlan{.columns = {{.name = "x", .steps = {clip(0, 5)}, .when_missing = WhenMissing::kRefuse}}};
  chunk(manifest.digest, 0, "3");
  announce("2", manifest);
  for (const Number value : {100, -1})
    ASSERT_TRUE((driver_->pipe<std::string, Number>("in", "k", value, 0).ok()));
  EXPECT_EQ(written(), "200 8");
  const auto shadows = driver_->read<std::string, ShadowScore>("shadows");
  ASSERT_EQ(shadows.size(), 2u);
  EXPECT_EQ(shadows[0].value, (ShadowScore{"in-0-0", "m", "v2", "v3", {200}, {15}, ""}));
  // What it cannot have changes nothing of the result.
  EXPECT_EQ(shadows[1].value,
            (ShadowScore{"in-0-1", "m", "v2", "v3", {8}, {}, "model m: column 'x': the number is missing"}));
}

// ---------------------------------------------------------------------------------------------------------- library

TEST(ModelLibrary, LoadsOnAThreadOfItsOwn) {
  ModelLibrary library(scale_formats(), {}, Loading::kOwnThread, 1);
  EXPECT_EQ(library.find("a").state, ModelLibrary::Answer::State::kUnknown);
  ASSERT_TRUE(library.claim("a"));
  EXPECT_FALSE(library.claim("a"));
  ASSERT_TRUE(library.claim("b"));
  library.submit("a", scale_manifest("1", "3", 0), "3");
  library.submit("b", scale_manifest("1", "3", 0), "4");
  while (library.find("b").state == ModelLibrary::Answer::State::kUnderway) std::this_thread::yield();
  EXPECT_EQ(library.find("b").state, ModelLibrary::Answer::State::kRefused);
  EXPECT_EQ(library.find("a").state, ModelLibrary::Answer::State::kReady);
  EXPECT_NE(library.find("a").model, nullptr);
}

TEST(ModelLibrary, ForgetsWhatNobodyHoldsButForTheLast) {
  ModelLibrary library(scale_formats(), {}, Loading::kInline, 1);
  std::shared_ptr<const Model> held;
  for (const std::string key : {"a", "b", "c"}) {
    ASSERT_TRUE(library.claim(key));
    library.submit(key, scale_manifest("1", "3", 0), "3");
    if (key == "a") held = library.find(key).model;
  }
  EXPECT_EQ(library.find("a").model, held);
  EXPECT_EQ(library.find("b").state, ModelLibrary::Answer::State::kUnknown);
  EXPECT_EQ(library.find("c").state, ModelLibrary::Answer::State::kReady);
  EXPECT_TRUE(library.claim("b"));
  library.give_up("b");
  EXPECT_TRUE(library.claim("b"));
}

}  // namespace
}  // namespace weir::ml
