// Does the anomaly verb do in a topology what ml/anomaly/anomaly.h says?
#include <weir/ml/anomaly/anomaly.h>

#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/seeded_random.h>
#include <weir/weir.h>

#include "support/records.h"

namespace weir::ml {
namespace anomaly_test {

using Key = std::optional<std::string>;

DetectorOptions small_detector() {
  return {.members = {{EwmaOptions{}},
                      {RandomCutForestOptions{.trees = 3, .points = 16, .horizon = 40, .lags = 2}, 0.5}},
          .warm_up = 5,
          .refractory = 4};
}

// The value is the score in all its digits. While `fails` a node further down does.
TextDriver::Describe judged(const std::shared_ptr<bool>& fails = std::make_shared<bool>(false)) {
  return [fails](StreamBuilder& builder) {
    builder.stream<Key, double>("in")
        .apply(anomaly(
            {.store = "detectors", .detector = small_detector(), .on_error = ErrorPolicy::kSkip},
            [](double value) { return value; },
            [](double value, const Verdict& verdict) { return fmt::format("{}/{}", value, verdict.score); }))
        .map_values([fails](const std::string& text) {
          if (*fails) throw std::runtime_error("asked to");
          return text;
        })
        .to("out");
  };
}

std::string record(const std::string& key, double value, int time) {
  return fmt::format("{}:{}@{}", key, value, time);
}

std::vector<std::string> records(int count) {
  SeededRandom random(7);
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i)
    all.push_back(record(i % 3 == 0 ? "a" : "b", std::floor(1000 * random.uniform()) / 100, i));
  return all;
}

TEST(Anomaly, EachKeyHasADetectorOfItsOwn) {
  TextDriver driver(judged());
  Detector alone = Detector::create(small_detector()).value();
  for (int i = 0; i < 60; ++i) {
    const double value = i % 7;
    driver.feed<Key, double>("in", record("x", value, i) + " " + record("y", 100 - value, i));
    const double score = alone.update({i, {&value, 1}})->score;
    const auto out = driver.driver().read<std::string, std::string>("out");
    ASSERT_EQ(out.size(), 2U);
    EXPECT_EQ(out[0].key, "x");
    EXPECT_EQ(out[0].value, fmt::format("{}/{}", value, score));
    EXPECT_EQ(out[0].timestamp, i);
  }
}

TEST(Anomaly, ScoresGoOnAfterARestart) {
  TextDriver steady(judged());
  TextDriver restarted(judged());
  int step = 0;
  for (const std::string& each : records(200)) {
    steady.feed<Key, double>("in", each);
    restarted.feed<Key, double>("in", each);
    if (++step % 7 != 0) continue;
    ASSERT_TRUE(restarted.driver().restart().ok());
  }
  EXPECT_EQ((steady.take<std::string, std::string>("out")),
            (restarted.take<std::string, std::string>("out")));
}

TEST(Anomaly, ARecordThatFailsFurtherDownIsLearnedOnce) {
  const auto fails = std::make_shared<bool>(false);
  TextDriver steady(judged());
  TextDriver failing(judged(fails));
  int step = 0;
  for (const std::string& each : records(120)) {
    steady.feed<Key, double>("in", each);
    *fails = ++step % 10 == 0;
    const absl::Status status = failing.try_feed<Key, double>("in", each);
    EXPECT_EQ(status.ok(), !*fails);
    if (status.ok()) continue;
    *fails = false;  // and the record is read again
    ASSERT_TRUE(failing.driver().restart().ok());
  }
  EXPECT_EQ((steady.take<std::string, std::string>("out")), (failing.take<std::string, std::string>("out")));
}

TEST(Anomaly, SamplesThatCannotBeJudgedGoTheWayOfThePolicy) {
  TextDriver driver(judged());
  ASSERT_TRUE((driver.driver().pipe<Key, double>("in", "a", std::nan(""), 1).ok()));
  ASSERT_TRUE((driver.driver().pipe<Key, double>("in", std::nullopt, 1.0, 2).ok()));
  driver.feed<Key, double>("in", "a:1@3");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:1/0@3");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
}

TEST(Anomaly, TakesSeveralColumns) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, double>("in")
        .apply(anomaly(
            {.store = "detectors",
             .detector = {.members = {{HalfSpaceTreesOptions{.window = 10, .columns = 2}}}, .columns = 2}},
            [](double value) {
              return std::vector<double>{value, -value};
            },
            [](double, const Verdict& verdict) { return verdict.warm; }))
        .to("out");
  });
  driver.feed<std::string, double>("in", "a:1@0 a:2@1");
  EXPECT_EQ((driver.take<std::string, bool>("out")), "a:false@0 a:false@1");
}

TEST(Anomaly, OptionsThatCannotBeAreProblems) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.stream<std::string, double>("in")
        .apply(anomaly(
            {.store = "detectors", .detector = {.members = {{EwmaOptions{.weight = 7}}}}},
            [](double value) { return value; }, [](double, const Verdict& verdict) { return verdict.score; }))
        .to("out");
  });
  EXPECT_NE(problems.find("the weight must be in (0, 1]"), std::string::npos) << problems;
  EXPECT_NE(problems.find("anomaly_test.cc"), std::string::npos) << problems;
}

template <class Maker, class Taker>
concept CanJudge = requires(const KStream<std::string, std::string>& stream, Maker maker, Taker taker) {
  stream.apply(anomaly({.store = "s"}, maker, taker));
};
using Takes = decltype([](const std::string&, const Verdict&) { return 1; });
static_assert(CanJudge<decltype([](const std::string& text) { return text.size(); }), Takes>);
static_assert(!CanJudge<decltype([](const std::string& text) { return text; }), Takes>);  // no number
static_assert(!CanJudge<decltype([](const std::string& text) { return text.size(); }),
                        decltype([](int) { return 1; })>);

}  // namespace anomaly_test
}  // namespace weir::ml
