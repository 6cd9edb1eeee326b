// Does the learn verb do in a topology what ml/online/learn.h says?
#include <weir/ml/online/learn.h>

#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/load_model.h>
#include <weir/ml/online/hoeffding_forest.h>
#include <weir/ml/online/k_means.h>
#include <weir/ml/online/linear_learner.h>
#include <weir/ml/seeded_random.h>
#include <weir/weir.h>

#include "support/records.h"

namespace weir::ml {
namespace learn_test {

using namespace std::chrono_literals;

using Key = std::optional<std::string>;

std::shared_ptr<const Learner> line(double rate = 0.1) {
  return std::make_shared<LinearLearner>(
      LinearOptions{.inputs = {"x"}, .target = LinearTarget::kValue, .rate = rate, .scale = false});
}

// Values are text: "x/label", "x/" without label, "/label" without row. The label is x when it learns to copy.
std::optional<std::vector<float>> row_of(const std::string& text) {
  if (text.starts_with("/")) return std::nullopt;
  return std::vector<float>{std::stof(text)};
}
std::optional<float> label_of(const std::string& text) {
  const std::string label = text.substr(text.find('/') + 1);
  return label.empty() ? std::nullopt : std::optional(std::stof(label));
}

std::string shown(const std::string&, const Learned& learned) {
  constexpr std::array kSteps{"predicted", "learned", "rolled-back", "no-row"};
  std::string text = kSteps[static_cast<std::size_t>(learned.step)];
  for (const float score : learned.scores) text += fmt::format("/{}", score);
  return text + fmt::format("/n{}", learned.examples);
}

TextDriver::Describe learning(const LearnOptions& options,
                              const std::shared_ptr<bool>& fails = std::make_shared<bool>(false)) {
  return [options, fails](StreamBuilder& builder) {
    builder.stream<Key, std::string>("in")
        .apply(learn(options, row_of, label_of, shown))
        .map_values([fails](const std::string& text) {
          if (*fails) throw std::runtime_error("asked to");
          return text;
        })
        .to("out");
  };
}

LearnOptions plain(std::shared_ptr<const Learner> learner = line()) {
  return {.store = "learner", .learner = std::move(learner), .on_error = ErrorPolicy::kSkip};
}

std::string take(TextDriver& driver) { return driver.take<Key, std::string>("out"); }

TEST(Learn, PredictsBeforeItLearns) {
  TextDriver driver(learning(plain()));
  driver.feed<Key, std::string>("in", "a:1/10@0 a:1/10@1 null:1/@2");
  EXPECT_EQ(take(driver), "a:learned/0/n1@0 a:learned/2/n2@1 null:predicted/3.6/n2@2");
}

TEST(Learn, WhatCannotBeLearnedGoesTheWayOfThePolicy) {
  const auto classes = std::make_shared<LinearLearner>(LinearOptions{.inputs = {"x"}});
  TextDriver driver(learning(plain(classes)));
  driver.feed<Key, std::string>("in", "a:1/2@0 a:inf/1@1 a:1/nan@2 a:nan/1@3");
  EXPECT_EQ(take(driver), "a:learned/0.5/n1@3");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 3U);
}

TEST(Learn, ALabelWithoutARowIsNotLearned) {
  TextDriver driver(learning(plain()));
  driver.feed<Key, std::string>("in", "a:/10@0");
  EXPECT_EQ(take(driver), "a:no-row/n0@0");
}

TEST(Learn, RowsWaitForTheirLabels) {
  LearnOptions options = plain();
  options.wait_for_labels = 100ms;
  TextDriver driver(learning(options));
  driver.feed<Key, std::string>("in", "a:1/@0 b:2/@10 c:3/@20 b:/10@50 a:/10@60 a:/10@61");
  // A label's record has the scores of when its row came.
  EXPECT_EQ(take(driver),
            "a:predicted/0/n0@0 b:predicted/0/n0@10 c:predicted/0/n0@20 "
            "b:learned/0/n1@50 a:learned/0/n2@60 a:no-row/n2@61");
  driver.feed<Key, std::string>("in", "d:0/@121 c:/5@122");
  EXPECT_NE(take(driver).find("c:no-row"), std::string::npos);
  EXPECT_EQ(driver.dropped(DropReason::kExpired), 1U);
}

TEST(Learn, RowsWaitAcrossARestart) {
  LearnOptions options = plain();
  options.wait_for_labels = 100ms;
  TextDriver driver(learning(options));
  driver.feed<Key, std::string>("in", "a:1/@0 b:1/@5");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<Key, std::string>("in", "a:/10@50 x:1/@104 b:/10@106");
  EXPECT_EQ(take(driver),
            "a:predicted/0/n0@0 b:predicted/0/n0@5 a:learned/0/n1@50 x:predicted/2/n1@104 b:no-row/n1@106");
}

std::vector<std::string> examples(int count) {
  SeededRandom random(8);
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) {
    const auto x = std::floor(1000 * random.uniform()) / 500;
    all.push_back(fmt::format("k:{}/{}@{}", x, x > 1 ? 1 : 0, i));
  }
  return all;
}

std::vector<std::shared_ptr<const Learner>> learners() {
  return {
      std::make_shared<LinearLearner>(LinearOptions{.inputs = {"x"}, .update = LinearUpdate::kFtrl}),
      std::make_shared<LinearLearner>(LinearOptions{
          .inputs = {"x"}, .update = LinearUpdate::kPassiveAggressive, .hash_bits = 12, .categories = {"x"}}),
      std::make_shared<HoeffdingForest>(adaptive_random_forest({"x"}, 3, {MistakeTest::kPageHinkley, 1, 2})),
      std::make_shared<HoeffdingForest>(adaptive_random_forest({"x"}, 3, {MistakeTest::kAdwin, 0.9, 0.5})),
      std::make_shared<KMeans>(KMeansOptions{.inputs = {"x"}, .clusters = 3})};
}

TEST(Learn, GoesOnAfterARestart) {
  for (const auto& learner : learners()) {
    SCOPED_TRACE(std::string(learner->kind()));
    LearnOptions options = plain(learner);
    options.rules.checkpoint_every = 10;
    TextDriver steady(learning(options));
    TextDriver restarted(learning(options));
    int step = 0;
    for (const std::string& example : examples(150)) {
      steady.feed<Key, std::string>("in", example);
      restarted.feed<Key, std::string>("in", example);
      if (++step % 9 != 0) continue;
      ASSERT_TRUE(restarted.driver().restart().ok());
    }
    EXPECT_EQ(take(steady), take(restarted));
  }
}

TEST(Learn, ARecordThatFailsFurtherDownIsLearnedOnce) {
  for (const auto& learner : learners()) {
    SCOPED_TRACE(std::string(learner->kind()));
    LearnOptions options = plain(learner);
    options.rules.checkpoint_every = 10;
    const auto fails = std::make_shared<bool>(false);
    TextDriver steady(learning(options));
    TextDriver failing(learning(options, fails));
    int step = 0;
    for (const std::string& example : examples(100)) {
      steady.feed<Key, std::string>("in", example);
      *fails = ++step % 5 == 0;
      const absl::Status status = failing.try_feed<Key, std::string>("in", example);
      EXPECT_EQ(status.ok(), !*fails);
      if (status.ok()) continue;
      *fails = false;  // and the record is read again
      ASSERT_TRUE(failing.driver().restart().ok());
    }
    EXPECT_EQ(take(steady), take(failing));
  }
}

TEST(Learn, GoesBackToItsCheckpointWhenItDiverges) {
  LearnOptions options = plain(line(0.05));
  options.rules.checkpoint_every = 100;
  TextDriver driver(learning(options));
  int time = 0;
  const auto feed = [&](const std::string& example) {
    driver.feed<Key, std::string>("in", fmt::format("k:{}@{}", example, time++));
    return take(driver);
  };
  for (int i = 0; i < 399; ++i) feed(i % 2 == 0 ? "1/1" : "0/0");
  const std::string before = feed("0/0");  // checkpoint after this one
  EXPECT_NE(before.find("n400"), std::string::npos) << before;
  const std::string expected = feed("1/").substr(0, 20);
  // A step of 0.05 for rows of this size makes each error larger than the last, until there are no numbers for it.
  std::string last;
  for (int i = 0; i < 300 && last.find("rolled-back") == std::string::npos; ++i) last = feed("5000/1");
  EXPECT_NE(last.find("rolled-back"), std::string::npos) << last;
  EXPECT_EQ(feed("1/").substr(0, 20), expected);
  ASSERT_TRUE(driver.driver().restart().ok());
  EXPECT_EQ(feed("1/").substr(0, 20), expected);
}

TEST(Learn, GivesSnapshotsThatLoadAsModels) {
  TextDriver driver([](StreamBuilder& builder) {
    LearnOptions options = plain();
    options.rules.publish_every = 2;
    builder.stream<std::string, std::string>("in")
        .apply(learn(options, row_of, label_of,
                     [](const std::string&, const Learned& learned) { return learned.snapshot; }))
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:1/10@0 a:1/10@1 a:1/10@2");
  const auto snapshots = driver.driver().read<std::string, std::string>("out");
  ASSERT_EQ(snapshots.size(), 3U);
  EXPECT_EQ(snapshots[0].value, "");
  EXPECT_EQ(snapshots[2].value, "");
  const auto model = load_model(snapshots[1].value);
  ASSERT_TRUE(model.ok()) << model.status();
  float score = 0;
  ASSERT_TRUE((*model)->predict_row(std::array{1.0F}, {&score, 1}).ok());
  EXPECT_FLOAT_EQ(score, 3.6F);
}

TEST(Learn, LearnersWithoutLabelsLearnEveryRow) {
  TextDriver driver(learning(
      plain(std::make_shared<KMeans>(KMeansOptions{.inputs = {"x"}, .clusters = 2, .scale = false}))));
  driver.feed<Key, std::string>("in", "a:1/@0 a:5/@1 a:4/@2");
  EXPECT_EQ(take(driver), "a:learned/nan/nan/n1@0 a:learned/0/4/n2@1 a:learned/1/1/n3@2");
}

TEST(Learn, OptionsThatCannotBeAreProblems) {
  const auto problem_with = [](const LearnOptions& options) { return problems_of(learning(options)); };
  EXPECT_NE(problem_with(plain(nullptr)).find("options.learner is not set"), std::string::npos);
  LearnOptions options = plain();
  options.rules.checkpoint_every = 0;
  EXPECT_NE(problem_with(options).find("checkpoint_every"), std::string::npos);
  options = plain();
  options.wait_for_labels = -1ms;
  EXPECT_NE(problem_with(options).find("wait_for_labels"), std::string::npos);
}

template <class Row, class Label>
concept CanLearn = requires(const KStream<std::string, std::string>& stream, Row row, Label label) {
  stream.apply(learn({.store = "s", .learner = nullptr}, row, label, shown));
};
using Rows = decltype([](const std::string&) { return std::array<float, 2>(); });
using Labels = decltype([](const std::string&) { return 1; });
static_assert(CanLearn<Rows, Labels>);
static_assert(!CanLearn<decltype([](const std::string&) { return std::array<double, 2>(); }), Labels>);
static_assert(!CanLearn<Rows, decltype([](const std::string& text) { return text; })>);

}  // namespace learn_test
}  // namespace weir::ml
