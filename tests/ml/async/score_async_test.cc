// Does score_async do in a topology what its header says?
#include <weir/ml/async/score_async.h>

#include <array>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/async/scripted_scorer.h>
#include <weir/weir.h>

#include "support/records.h"

namespace weir::ml {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using Number = std::int64_t;

std::array<float, 1> asked_row(Number value) { return {static_cast<float>(value)}; }
std::string asked_text(Number value, std::span<const float> scores) {
  return std::to_string(value) + "=" + std::to_string(static_cast<int>(scores[0]));
}

// Ten times its input: after as many milliseconds as it is; 13 never, negative ones are refused, 0 at once.
ScriptedScorer::Reply tenfold(const ScoreRequest& request) {
  const float value = request.row[0];
  if (value == 13) return ScriptedScorer::silence();
  if (value < 0) return ScriptedScorer::error(0ms, absl::InvalidArgumentError("negative"));
  return ScriptedScorer::scores(Duration{static_cast<int>(value)}, {value * 10});
}

struct Service {
  std::shared_ptr<ScriptedScorer> scorer = std::make_shared<ScriptedScorer>(tenfold);

  AsyncOptions options(AsyncOrder order = AsyncOrder::kPartition) const {
    return {.scorer = scorer, .name = "ask", .order = order, .timeout = 1'000ms};
  }
};

TextDriver::Describe asking(const AsyncOptions& options) {
  return [options](StreamBuilder& builder) {
    builder.stream<std::string, Number>("in").apply(score_async(options, asked_row, asked_text)).to("out");
  };
}

std::string outputs(TextDriver& driver) { return driver.take<std::string, std::string>("out"); }

TEST(ScoreAsync, KeepsTheOrderThatItIsTold) {
  const std::string input = "a:30@1 b:20@2 a:10@3";
  for (const auto& [order, expected] : {std::pair{AsyncOrder::kPartition, "a:30=300@1 b:20=200@2 a:10=100@3"},
                                        std::pair{AsyncOrder::kKey, "b:20=200@2 a:30=300@1 a:10=100@3"},
                                        std::pair{AsyncOrder::kNone, "a:10=100@3 b:20=200@2 a:30=300@1"}}) {
    const Service service;
    TextDriver driver(asking(service.options(order)));
    driver.feed<std::string, Number>("in", input);
    EXPECT_EQ(outputs(driver), "");
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(driver.driver().advance_wall_clock(1ms).ok());
    EXPECT_EQ(outputs(driver), expected);
    EXPECT_EQ(driver.processed(), 3u);
  }
}

TEST(ScoreAsync, StampsWhoScoredAndNamesTheRecordToTheScorer) {
  const auto scorer = std::make_shared<ScriptedScorer>(
      [](const ScoreRequest& request) {
        return ScriptedScorer::Reply{0ms, ScoreAnswer{{1}, request.row[0] == 2 ? "2b" : ""}};
      },
      ModelIdentity{"risk", "2", "0123456789abcdef"});
  TextDriver driver([&](StreamBuilder& builder) {
    builder.stream<std::string, Number>("in")
        .flat_map_values([](Number value) {
          return std::vector<Number>{value, value + 1};
        })
        .apply(score_async({.scorer = scorer, .feature_view = "cafe"}, asked_row, asked_text))
        .to("out");
  });
  ASSERT_TRUE((driver.driver().pipe<std::string, Number>("in", "a", 1, 5, {{"trace", "t1"}})).ok());
  const auto outputs = driver.driver().read<std::string, std::string>("out");
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_EQ(outputs[0].headers, (Headers{{"trace", "t1"},
                                         {kModelNameHeader, "risk"},
                                         {kModelVersionHeader, "2"},
                                         {kModelDigestHeader, "0123456789ab"},
                                         {kFeatureViewHeader, "cafe"},
                                         {kPredictionHeader, "in-0-0"}}));
  EXPECT_EQ(outputs[1].headers, (Headers{{"trace", "t1"},
                                         {kModelNameHeader, "risk"},
                                         {kModelVersionHeader, "2b"},
                                         {kFeatureViewHeader, "cafe"},
                                         {kPredictionHeader, "in-0-0#1"}}));
  const auto requests = scorer->requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].id, "in-0-0");
  EXPECT_EQ(requests[1].id, "in-0-0#1");
  EXPECT_EQ(requests[0].key, "a");
  EXPECT_EQ(requests[0].timestamp, 5);
}

TEST(ScoreAsync, TakesUpNoMoreThanItsCapacity) {
  const Service service;
  AsyncOptions options = service.options();
  options.capacity = 2;
  TextDriver driver(asking(options));
  driver.feed<std::string, Number>("in", "a:5@1 a:5@2 a:5@3 a:5@4 a:5@5");
  EXPECT_EQ(driver.processed(), 2u);
  EXPECT_EQ(service.scorer->requests().size(), 2u);
  ASSERT_TRUE(driver.driver().advance_wall_clock(5ms).ok());
  EXPECT_EQ(driver.processed(), 4u);
  ASSERT_TRUE(driver.driver().advance_wall_clock(5ms).ok());
  ASSERT_TRUE(driver.driver().advance_wall_clock(5ms).ok());
  EXPECT_EQ(outputs(driver), "a:5=50@1 a:5=50@2 a:5=50@3 a:5=50@4 a:5=50@5");
}

TEST(ScoreAsync, ARecordWithoutAScoreMeetsThePolicyOrTheFallback) {
  const std::string input = "a:1@1 a:-1@2 a:13@3 a:2@4";
  const Service service;
  AsyncOptions options = service.options();
  options.attempts = 1;
  options.on_error = ErrorPolicy::kSkip;
  TextDriver skipping(asking(options));
  skipping.feed<std::string, Number>("in", input);
  ASSERT_TRUE(skipping.driver().advance_wall_clock(1s).ok());
  EXPECT_EQ(outputs(skipping), "a:1=10@1 a:2=20@4");
  EXPECT_EQ(skipping.dropped(DropReason::kFailed), 2u);

  options.scorer = Service().scorer;
  options.fallback = {7};
  TextDriver falling_back(asking(options));
  falling_back.feed<std::string, Number>("in", input);
  ASSERT_TRUE(falling_back.driver().advance_wall_clock(1s).ok());
  const auto results = falling_back.driver().read<std::string, std::string>("out");
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[1].value, "-1=7");
  EXPECT_EQ(results[1].headers.last(kModelBranchHeader)->value, "fallback");
  EXPECT_EQ(results[2].value, "13=7");
  EXPECT_EQ(results[3].headers.last(kModelBranchHeader), nullptr);
}

TEST(ScoreAsync, AFailedRecordGoesToTheDeadLettersAsItCameAlthoughItFailedLater) {
  const Service service;
  AsyncOptions options = service.options();
  options.on_error = ErrorPolicy::kDeadLetter;
  DriverOptions driver_options;
  driver_options.dead_letter_topic = "dead";
  TextDriver driver(asking(options), driver_options);
  driver.feed<std::string, Number>("in", "a:1@1 b:13@2 c:2@3");
  ASSERT_TRUE(driver.driver().advance_wall_clock(1s).ok());
  EXPECT_EQ(outputs(driver), "a:1=10@1 c:2=20@3");
  const auto letters = driver.driver().read<std::string, Number>("dead");
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].key, "b");
  EXPECT_EQ(letters[0].value, 13);
  EXPECT_EQ(letters[0].headers.last("__streams.errors.offset")->value, "1");
  EXPECT_EQ(letters[0].headers.last("__streams.errors.message")->value,
            "model scripted: no score after 1 attempts: the scorer did not answer in time");
}

TEST(ScoreAsync, WithoutAPolicyTheTaskFailsAtTheRecordAndARestartAsksAgainForWhatWasUnderWay) {
  const Service service;
  AsyncOptions options = service.options(AsyncOrder::kNone);
  options.fallback = {};
  TextDriver driver(asking(options));
  driver.feed<std::string, Number>("in", "a:40@1");
  const absl::Status failed = driver.try_feed<std::string, Number>("in", "b:-1@2");
  EXPECT_NE(failed.message().find("node 'ask': topic=in partition=0 offset=1"), std::string::npos) << failed;
  EXPECT_FALSE(driver.driver().restart().ok()) << "the record fails again";
  EXPECT_EQ(service.scorer->requests().size(), 4u) << "both, twice";
  std::set<std::string> ids;
  for (const ScoreRequest& request : service.scorer->requests()) ids.insert(request.id);
  EXPECT_EQ(ids, (std::set<std::string>{"in-0-0", "in-0-1"}));
}

TEST(ScoreAsync, WhatComesBehindItSeesRecordsOneByOneWithTheirTimes) {
  const Service service;
  TextDriver driver([&](StreamBuilder& builder) {
    builder.stream<std::string, Number>("in")
        .apply(score_async(service.options(AsyncOrder::kNone), asked_row, asked_text))
        .group_by_key()
        .count({.store = "counts"})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, Number>("in", "a:3@7 a:2@5 b:1@6");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(driver.driver().advance_wall_clock(1ms).ok());
  EXPECT_EQ((driver.take<std::string, Number>("out")), "b:1@6 a:1@5 a:2@7");
}

TEST(ScoreAsync, OneBehindAnotherKeepsTheRecordUntilBothAreDone) {
  const Service service;
  AsyncOptions second = service.options();
  second.name = "ask-again";
  TextDriver driver([&](StreamBuilder& builder) {
    builder.stream<std::string, Number>("in")
        .apply(
            score_async(service.options(), asked_row,
                        [](Number, std::span<const float> scores) { return static_cast<Number>(scores[0]); }))
        .apply(score_async(second, asked_row, asked_text))
        .to("out");
  });
  driver.feed<std::string, Number>("in", "a:1@1 a:2@2");
  ASSERT_TRUE(driver.driver().advance_wall_clock(2ms).ok());
  EXPECT_EQ(service.scorer->requests().size(), 4u);
  EXPECT_EQ(outputs(driver), "");
  ASSERT_TRUE(driver.driver().advance_wall_clock(20ms).ok());
  EXPECT_EQ(outputs(driver), "a:10=100@1 a:20=200@2");
}

TEST(ScoreAsync, OptionsThatCannotWorkAreRefused) {
  const Service service;
  const auto problem = [&](auto change) {
    AsyncOptions options = service.options();
    change(options);
    return problem_with(options);
  };
  EXPECT_EQ(problem([](AsyncOptions&) {}), "");
  EXPECT_EQ(problem([](AsyncOptions& options) { options.scorer = nullptr; }), "options.scorer is not set");
  EXPECT_EQ(problem([](AsyncOptions& options) { options.capacity = 0; }), "options.capacity is 0");
  EXPECT_EQ(problem([](AsyncOptions& options) { options.timeout = 0ms; }), "options.timeout is not positive");
  EXPECT_EQ(problem([](AsyncOptions& options) { options.attempts = 0; }), "options.attempts is less than 1");
  EXPECT_EQ(problem([](AsyncOptions& options) { options.breaker = {.failures = 5, .window = 4}; }),
            "options.breaker.window is 4, not between options.breaker.failures and 64");
  EXPECT_EQ(problem([](AsyncOptions& options) { options.fallback = {NAN}; }),
            "options.fallback is not finite");
  AsyncOptions none;
  EXPECT_NE(problems_of(asking(none)).find("score_async: options.scorer is not set"), std::string::npos);
}

}  // namespace
}  // namespace weir::ml
