// Do trees grow where they must, and does the forest follow a world that changes?
#include <weir/ml/online/hoeffding_forest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/seeded_random.h>

namespace weir::ml {
namespace hoeffding_test {

float predicted(const Learner& learner, const std::vector<float>& row) {
  float score = 0;
  learner.predict(row, {&score, 1});
  return score;
}

std::vector<float> random_row(SeededRandom& random, std::size_t columns = 3) {
  std::vector<float> row;
  for (std::size_t i = 0; i < columns; ++i) row.push_back(static_cast<float>(random.uniform()));
  return row;
}

TEST(HoeffdingTree, StaysALeafWhereNothingCanBeLearned) {
  SeededRandom random(1);
  HoeffdingTree tree({}, 3, random);
  for (int i = 0; i < 5000; ++i) tree.learn(random_row(random), random.below(2) == 1, 1, random);
  EXPECT_LE(tree.leaves(), 3U);
  EXPECT_NEAR(tree.predict(random_row(random)), 0.5, 0.15);
}

TEST(HoeffdingTree, SplitsWhereLabelsPart) {
  SeededRandom random(2);
  HoeffdingTree tree({}, 3, random);
  // A rectangle: neither one threshold nor one normal distribution.
  const auto truth = [](const std::vector<float>& row) {
    return (row[0] > 0.3F && row[0] < 0.7F) != (row[1] > 0.5F);
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::vector<float> row = random_row(random);
    tree.learn(row, truth(row), 1, random);
  }
  EXPECT_GT(tree.leaves(), 4U);
  int right = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::vector<float> row = random_row(random);
    right += (tree.predict(row) > 0.5) == truth(row) ? 1 : 0;
  }
  EXPECT_GT(right, 880);
}

TEST(HoeffdingTree, HasNoMoreLeavesThanAllowed) {
  SeededRandom random(3);
  HoeffdingTree tree({.confidence = 0.5, .grace = 20, .leaves = 7}, 3, random);
  for (int i = 0; i < 5000; ++i) {
    const std::vector<float> row = random_row(random);
    tree.learn(row, static_cast<int>(10 * row[0]) % 2 == 1, 1, random);
  }
  EXPECT_EQ(tree.leaves(), 7U);
}

TEST(HoeffdingTree, AMissingValueGoesWithTheMany) {
  SeededRandom random(4);
  HoeffdingTree tree({}, 1, random);
  for (int i = 0; i < 5000; ++i) {
    const std::vector<float> row = random_row(random, 1);
    tree.learn(row, row[0] > 0.8F, 1, random);
  }
  EXPECT_LT(tree.predict(std::array{std::numeric_limits<float>::quiet_NaN()}), 0.3);
  EXPECT_GT(tree.predict(std::array{0.95F}), 0.8);
}

TEST(HoeffdingTree, ComesBackAsItWas) {
  SeededRandom random(5);
  const HoeffdingTreeRules rules{.confidence = 0.1, .grace = 30, .columns_each = 2};
  HoeffdingTree tree(rules, 3, random);
  for (int i = 0; i < 3000; ++i) {
    const std::vector<float> row = random_row(random);
    tree.learn(row, row[0] + row[1] > 1, 1, random);
  }
  ASSERT_GT(tree.leaves(), 3U);
  Bytes bytes;
  tree.encode(bytes);
  SeededRandom unused;
  HoeffdingTree restored(rules, 3, unused);
  ByteReader reader(bytes);
  ASSERT_TRUE(restored.restore(reader));
  Bytes again;
  restored.encode(again);
  EXPECT_EQ(again, bytes);
}

// A line between two classes that turns: at once, or little by little.
class TurningWorld {
 public:
  explicit TurningWorld(double length) : length_(length) {}

  std::pair<std::vector<float>, bool> example(int number) {
    std::vector<float> row = random_row(random_, 5);
    const double turned = std::clamp((number - kTurn) / length_, 0.0, 1.0);
    const double angle = std::numbers::pi * turned;
    const double side = (row[0] - 0.5) * std::cos(angle) + (row[1] - 0.5) * std::sin(angle);
    // One in twenty is labelled wrong.
    return {std::move(row), (side > 0) != (random_.below(20) == 0)};
  }
  static constexpr int kTurn = 5000;

 private:
  const double length_;
  SeededRandom random_{6};
};

struct Passage {
  double before = 0;  // share of right predictions of the last 1000 before the turn
  double after = 0;   // ... and of 1000 after it, of which the first 500 do not count
  std::uint64_t replaced_before = 0;
  std::uint64_t replaced = 0;
};

Passage run_through(double length, const HoeffdingOptions& options) {
  TurningWorld world(length);
  HoeffdingForest forest(options);
  Passage run;
  const int examples = TurningWorld::kTurn + static_cast<int>(length) + 1500;
  for (int i = 0; i < examples; ++i) {
    const auto [row, truth] = world.example(i);
    const double right = (predicted(forest, row) > 0.5F) == truth ? 0.001 : 0;
    if (i >= TurningWorld::kTurn - 1000 && i < TurningWorld::kTurn) run.before += right;
    if (i >= examples - 1000) run.after += right;
    if (i == TurningWorld::kTurn) run.replaced_before = forest.replaced();
    forest.learn(row, truth ? 1 : 0);
  }
  run.replaced = forest.replaced();
  return run;
}

TEST(HoeffdingForest, FollowsAWorldThatChanges) {
  const std::vector<std::string> columns{"a", "b", "c", "d", "e"};
  for (const double length : {1.0, 3000.0}) {
    HoeffdingOptions still = adaptive_random_forest(columns);
    still.adaptive = false;
    const Passage unmoved = run_through(length, still);
    EXPECT_EQ(unmoved.replaced, 0U);
    for (const MistakeRules& rules : {MistakeRules{}, kPageHinkleyRules}) {
      SCOPED_TRACE(testing::Message() << "by " << static_cast<int>(rules.test) << " over " << length);
      const Passage run = run_through(length, adaptive_random_forest(columns, 10, rules));
      EXPECT_GT(run.before, 0.86);
      EXPECT_GT(run.after, 0.86);
      EXPECT_GT(run.after, unmoved.after + 0.05);
      // A tree gets worse by itself only seldom.
      EXPECT_LE(run.replaced_before, 5U);
      EXPECT_GT(run.replaced, run.replaced_before + 5);
    }
  }
}

// Whether it is a tree in the foreground or in the background, a window or chance: all of it is in the bytes, at any moment.
TEST(HoeffdingForest, GoesOnThroughDriftAsIfItHadNeverBeenWrittenDown) {
  const HoeffdingOptions options =
      adaptive_random_forest({"a", "b", "c", "d", "e"}, 4, {MistakeTest::kAdwin, 0.3, 0.05});
  TurningWorld world(200);
  HoeffdingForest steady(options);
  auto moved = std::make_unique<HoeffdingForest>(options);
  for (int i = 0; i < 7000; ++i) {
    const auto [row, truth] = world.example(i);
    ASSERT_EQ(predicted(steady, row), predicted(*moved, row)) << i;
    steady.learn(row, truth ? 1 : 0);
    moved->learn(row, truth ? 1 : 0);
    if (i % 97 != 0) continue;
    auto restored = std::make_unique<HoeffdingForest>(options);
    for (std::size_t part = 0; part < moved->parts(); ++part) {
      Bytes bytes;
      moved->encode_part(part, bytes);
      ASSERT_TRUE(restored->restore_part(part, bytes).ok());
    }
    moved = std::move(restored);
  }
  EXPECT_GT(steady.replaced(), 0U);
  EXPECT_EQ(steady.replaced(), moved->replaced());
}

TEST(MistakeWatch, WarnsBeforeItFindsDrift) {
  for (const MistakeRules& rules : {MistakeRules{}, kPageHinkleyRules}) {
    MistakeWatch watch(rules);
    SeededRandom random(7);
    for (int i = 0; i < 2000; ++i)
      ASSERT_EQ(watch.add(random.uniform() < 0.1), MistakeNews::kNone) << "at " << i;
    std::vector<MistakeNews> news;
    while (news.empty() || news.back() != MistakeNews::kDrift) {
      ASSERT_LT(news.size(), 500U);
      news.push_back(watch.add(random.uniform() < 0.5));
    }
    EXPECT_NE(std::find(news.begin(), news.end(), MistakeNews::kWarning), news.end());
    // What has been reset knows nothing of the past.
    watch.reset();
    Bytes bytes;
    Bytes of_new;
    watch.encode(bytes);
    MistakeWatch(rules).encode(of_new);
    EXPECT_EQ(bytes, of_new);
  }
}

TEST(MistakeWatch, FewerMistakesAreNoNews) {
  MistakeWatch watch({MistakeTest::kAdwin, 1e-4, 1e-5});
  SeededRandom random(8);
  for (int i = 0; i < 4000; ++i)
    ASSERT_EQ(watch.add(random.uniform() < (i < 1000 ? 0.5 : 0.1)), MistakeNews::kNone) << "at " << i;
}

TEST(MistakeWatch, RefusesBytesOfOtherRules) {
  MistakeWatch watch({MistakeTest::kAdwin, 0.2, 0.1});
  for (int i = 0; i < 100; ++i) static_cast<void>(watch.add(i % 3 == 0));
  Bytes bytes;
  watch.encode(bytes);
  for (const MistakeRules& rules : {MistakeRules{MistakeTest::kAdwin, 0.2, 0.05}, MistakeRules{}}) {
    ByteReader reader(bytes);
    EXPECT_FALSE(MistakeWatch(rules).restore(reader));
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader reader(BytesView(bytes).substr(0, size));
    EXPECT_FALSE(MistakeWatch({MistakeTest::kAdwin, 0.2, 0.1}).restore(reader));
  }
}

TEST(HoeffdingForest, OptionsThatCannotBeAreNamed) {
  HoeffdingOptions options;
  EXPECT_NE(fault_in(options), "");
  options.inputs = {"a"};
  EXPECT_EQ(fault_in(options), "");
  options.rules.confidence = 0;
  EXPECT_NE(fault_in(options), "");
  for (const MistakeRules& rules :
       {MistakeRules{MistakeTest::kAdwin, 0.001, 0.01}, MistakeRules{MistakeTest::kAdwin, 1, 0.01},
        MistakeRules{MistakeTest::kAdwin, 0.1, 0}, MistakeRules{MistakeTest::kPageHinkley, 20, 10},
        MistakeRules{MistakeTest::kPageHinkley, 0, 10}})
    EXPECT_NE(fault_in(adaptive_random_forest({"a"}, 10, rules)), "");
  EXPECT_EQ(fault_in(adaptive_random_forest({"a"})), "");
}

}  // namespace hoeffding_test
}  // namespace weir::ml
