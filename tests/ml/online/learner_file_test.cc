// Does a learner that was written down go on bit for bit, and is it as a Model what it was as a learner?
#include <weir/ml/online/learner_file.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/load_model.h>
#include <weir/ml/online/hoeffding_forest.h>
#include <weir/ml/online/k_means.h>
#include <weir/ml/online/linear_learner.h>
#include <weir/ml/seeded_random.h>

namespace weir::ml {
namespace learner_file_test {

const std::vector<std::string> kInputs{"a", "b", "c"};

std::vector<std::unique_ptr<Learner>> one_of_each() {
  std::vector<std::unique_ptr<Learner>> all;
  for (const LinearUpdate update :
       {LinearUpdate::kSgd, LinearUpdate::kFtrl, LinearUpdate::kPassiveAggressive}) {
    all.push_back(
        std::make_unique<LinearLearner>(LinearOptions{.inputs = kInputs, .update = update, .l1 = 0.01}));
    all.push_back(std::make_unique<LinearLearner>(LinearOptions{.inputs = kInputs,
                                                                .target = LinearTarget::kValue,
                                                                .update = update,
                                                                .rate = 0.02,
                                                                .hash_bits = 11,
                                                                .categories = {"b"},
                                                                .pairs = {{"a", "b"}}}));
  }
  HoeffdingOptions tree;
  tree.inputs = kInputs;
  tree.rules.grace = 20;
  all.push_back(std::make_unique<HoeffdingForest>(tree));
  // So quick to warn that trees grow in the background most of the time, and take over often.
  for (const MistakeRules& rules :
       {MistakeRules{MistakeTest::kPageHinkley, 2, 5}, MistakeRules{MistakeTest::kAdwin, 0.9, 0.5}})
    all.push_back(std::make_unique<HoeffdingForest>(adaptive_random_forest(kInputs, 3, rules)));
  all.push_back(
      std::make_unique<KMeans>(KMeansOptions{.inputs = kInputs, .clusters = 5, .least_step = 0.01}));
  all.push_back(std::make_unique<StandardScaler>(kInputs));
  return all;
}

struct Example {
  std::vector<float> row;
  float label = 0;
};

Example example_of(SeededRandom& random) {
  Example example{{static_cast<float>(random.uniform()), static_cast<float>(random.below(4)),
                   static_cast<float>(100 * random.uniform())}};
  example.label = example.row[0] * 3 > example.row[1] ? 1 : 0;
  if (random.below(10) == 0) example.row[random.below(3)] = std::numeric_limits<float>::quiet_NaN();
  return example;
}

void learn_some(Learner& learner, SeededRandom& random, int count) {
  for (int i = 0; i < count; ++i) {
    const Example example = example_of(random);
    learner.learn(example.row, example.label);
  }
}

TEST(LearnerFile, ALearnerGoesOnBitForBit) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const auto& steady : one_of_each()) {
    SCOPED_TRACE(std::string(steady->kind()));
    SeededRandom random(seed);
    std::unique_ptr<Learner> other = steady->clone();
    for (int round = 0; round < 12; ++round) {
      SeededRandom same = random;
      learn_some(*steady, random, 40);
      learn_some(*other, same, 40);
      ASSERT_EQ(encode_learner(*steady), encode_learner(*other));
      auto restored = decode_learner(encode_learner(*other));
      ASSERT_TRUE(restored.ok()) << restored.status();
      other = *std::move(restored);
      EXPECT_TRUE(other->touched().empty());
    }
  }
}

// What a store of parts does: writes those that were touched, and nothing else.
TEST(LearnerFile, TouchedPartsAreAllThatChanged) {
  SeededRandom random(3);
  for (const auto& learner : one_of_each()) {
    SCOPED_TRACE(std::string(learner->kind()));
    const std::unique_ptr<Learner> fresh = learner->clone();
    std::vector<Bytes> stored(learner->parts());
    for (int i = 0; i < 300; ++i) {
      learn_some(*learner, random, 1);
      for (const std::size_t part : learner->touched()) {
        stored[part].clear();
        learner->encode_part(part, stored[part]);
      }
      learner->forget_touched();
    }
    const std::unique_ptr<Learner> rebuilt = fresh->clone();
    for (std::size_t part = 0; part < stored.size(); ++part) {
      if (stored[part].empty()) continue;
      ASSERT_TRUE(rebuilt->restore_part(part, stored[part]).ok());
    }
    EXPECT_EQ(encode_learner(*rebuilt), encode_learner(*learner));
  }
}

TEST(LearnerFile, AsAModelItPredictsAsTheLearner) {
  SeededRandom random(4);
  for (const auto& learner : one_of_each()) {
    SCOPED_TRACE(std::string(learner->kind()));
    learn_some(*learner, random, 500);
    const auto model = load_model(encode_learner(*learner), {.name = "m", .version = "7"});
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ((*model)->name(), "m");
    EXPECT_EQ((*model)->version(), "7");
    EXPECT_EQ((*model)->digest().size(), 64U);
    const std::size_t outputs = learner->schema().outputs.size();
    std::vector<float> expected(outputs);
    std::vector<float> scores(outputs);
    for (int i = 0; i < 100; ++i) {
      const Example example = example_of(random);
      learner->predict(example.row, expected);
      ASSERT_TRUE((*model)->predict_row(example.row, scores).ok());
      EXPECT_EQ(scores, expected);
    }
  }
}

TEST(LearnerFile, AModelDoesNotChangeWithItsLearner) {
  LinearLearner learner({.inputs = kInputs});
  const auto model = as_model(learner, {"m", "1"});
  SeededRandom random(5);
  learn_some(learner, random, 100);
  float score = 0;
  ASSERT_TRUE(model->predict_row(std::vector<float>{1, 2, 3}, {&score, 1}).ok());
  EXPECT_EQ(score, 0.5F);
}

TEST(LearnerFile, RefusesWhatIsNotWhole) {
  LinearLearner learner({.inputs = kInputs});
  const Bytes bytes = encode_learner(learner);
  EXPECT_FALSE(decode_learner("").ok());
  EXPECT_FALSE(decode_learner(bytes + "x").ok());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_learner(bytes.substr(0, size)).ok());
  EXPECT_EQ(decode_learner(bytes, {.bytes = 10}).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(decode_learner(bytes, {.features = 2}).status().code(), absl::StatusCode::kResourceExhausted);
}

// Damaged bytes are refused, or read as a learner that is as good as any other.
TEST(LearnerFile, DamagedBytesDoNoHarm) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  SeededRandom random(seed);
  int refused = 0;
  for (const auto& learner : one_of_each()) {
    SCOPED_TRACE(std::string(learner->kind()));
    learn_some(*learner, random, 200);
    const Bytes whole = encode_learner(*learner);
    for (int round = 0; round < 300; ++round) {
      Bytes bytes = whole;
      // What comes first decides most.
      const std::uint64_t reach = random.below(2) == 0 ? 160 : bytes.size();
      for (std::uint64_t i = 0; i <= random.below(3); ++i)
        bytes[random.below(std::min<std::uint64_t>(reach, bytes.size()))] = static_cast<char>(random.next());
      auto damaged = decode_learner(bytes, {.bytes = 1 << 20, .features = 100});
      if (!damaged.ok()) {
        ++refused;
        continue;
      }
      if ((*damaged)->schema().inputs.size() != kInputs.size()) continue;
      learn_some(**damaged, random, 20);
    }
  }
  EXPECT_GT(refused, 300);
}

}  // namespace learner_file_test
}  // namespace weir::ml
