// Is the detector's score what its header says, and does a detector that was written down go on as if nothing had happened?
#include <weir/ml/anomaly/detector.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/seeded_random.h>

namespace weir::ml {
namespace detector_test {

constexpr Timestamp kFiveMinutes = 300'000;

Detector made(const DetectorOptions& options) {
  absl::StatusOr<Detector> detector = Detector::create(options);
  EXPECT_TRUE(detector.ok()) << detector.status();
  return *std::move(detector);
}

Bytes bytes_of(const Detector& detector) {
  Bytes bytes;
  detector.encode(bytes);
  return bytes;
}

// All members, small enough for thousands of copies.
DetectorOptions all_members() {
  return {
      .members = {{EwmaOptions{}},
                  {RobustZOptions{.window = 30}},
                  {SeasonalResidualOptions{.slots = 12}},
                  {LevelShiftOptions{.recent = 3, .before = 40}},
                  {LaggedNeighboursOptions{.lags = 4, .neighbours = 3, .history = 100}},
                  {HalfSpaceTreesOptions{.trees = 3, .depth = 3, .window = 20, .columns = 2}},
                  {RandomCutForestOptions{.trees = 3, .points = 16, .horizon = 40, .lags = 2, .columns = 2}}},
      .columns = 2,
      .warm_up = 20,
      .refractory = 10};
}

std::vector<double> sample_of(SeededRandom& random) {
  const double base = random.below(50) == 0 ? 30 * random.uniform() : 1;
  return {base + random.uniform(), std::floor(4 * random.uniform())};
}

TEST(Detector, PassesOnASurpriseThatExceedsThoseOfTheRefractoryPeriod) {
  Detector detector = made({.members = {{EwmaOptions{}}}, .warm_up = 10, .refractory = 5});
  SeededRandom random(1);
  std::vector<double> surprises;
  int told = 0;
  for (int i = 0; i < 500; ++i) {
    const double value = random.uniform();
    const auto verdict = detector.update({i, {&value, 1}});
    ASSERT_TRUE(verdict.ok());
    bool exceeds = true;
    for (std::size_t back = 1; back <= 5 && back <= surprises.size(); ++back)
      exceeds = exceeds && verdict->surprise > surprises[surprises.size() - back];
    surprises.push_back(verdict->surprise);
    EXPECT_EQ(verdict->score, exceeds || i == 0 ? 1 - std::exp2(-verdict->surprise) : 0) << i;
    EXPECT_GE(verdict->score, 0);
    EXPECT_LT(verdict->score, 1);
    told += verdict->score > 0 ? 1 : 0;
  }
  EXPECT_GT(told, 20);
}

TEST(Detector, TheRefractoryPeriodOfAShortSeriesIsShort) {
  Detector detector =
      made({.members = {{EwmaOptions{}}}, .warm_up = 10, .refractory = 100, .refractory_share = 0.2});
  SeededRandom random(2);
  std::vector<double> surprises;
  for (std::size_t i = 0; i < 900; ++i) {
    const double value = random.uniform();
    const auto verdict = detector.update({static_cast<Timestamp>(i), {&value, 1}});
    ASSERT_TRUE(verdict.ok());
    const std::size_t period = std::min<std::size_t>(100, std::max<std::size_t>(50, i / 5));
    bool exceeds = true;
    for (std::size_t back = 1; back <= period && back <= i; ++back)
      exceeds = exceeds && verdict->surprise > surprises[i - back];
    surprises.push_back(verdict->surprise);
    EXPECT_EQ(verdict->score, exceeds || i == 0 ? 1 - std::exp2(-verdict->surprise) : 0) << i;
  }
}

// A daily rhythm, noise, and one sample that does not belong; at some time of the day a stretch is missing.
class OddSeries {
 public:
  static constexpr int kOdd = 3000;

  // Returns the sample with the largest score.
  int loudest(Duration step, const std::function<double(double)>& seen) {
    Detector detector = made(usual_detector());
    SeededRandom random(11);
    Timestamp time = 1'700'000'000'000;
    double most = 0;
    int at = -1;
    for (int i = 0; i < 3600; ++i) {
      // Neither evenly spaced nor complete.
      time +=
          step.count() / 2 + static_cast<Timestamp>(random.below(static_cast<std::uint64_t>(step.count())));
      if (i % 700 == 650) time += 40 * step.count();
      const double turns = static_cast<double>(time % 86'400'000) / 86'400'000;
      const double value =
          seen(10 + 3 * std::sin(turns * 6.283185307179586) + 0.3 * random.uniform() + (i == kOdd ? 9 : 0));
      const auto verdict = detector.update({time, {&value, 1}});
      EXPECT_TRUE(verdict.ok());
      if (verdict->score <= most) continue;
      most = verdict->score;
      at = i;
    }
    return at;
  }
};

TEST(UsualDetector, MindsNeitherUnitsNorSignNorPace) {
  OddSeries series;
  for (const auto& [factor, offset] : {std::pair(1.0, 0.0), std::pair(-1.0, 1e4), std::pair(1e6, -273.15),
                                       std::pair(-1e-6, 0.0), std::pair(1e100, 1e4)}) {
    const auto seen = [f = factor, o = offset](double value) { return f * (value + o); };
    EXPECT_EQ(series.loudest(std::chrono::minutes(5), seen), OddSeries::kOdd) << factor << " " << offset;
  }
  for (const int minutes : {1, 60, 240}) {
    const auto seen = [](double value) { return value; };
    EXPECT_EQ(series.loudest(std::chrono::minutes(minutes), seen), OddSeries::kOdd) << minutes << " minutes";
  }
}

TEST(UsualDetector, AConstantIsNoNewsAndItsFirstChangeIs) {
  for (const double constant : {0.0, 0.1, -1e9}) {
    Detector detector = made(usual_detector());
    for (int i = 0; i < 2000; ++i) {
      const double value = i == 1500 ? constant + 1 + 0.01 * std::abs(constant) : constant;
      const auto verdict = detector.update({1'000LL * i * 300, {&value, 1}});
      ASSERT_TRUE(verdict.ok());
      if (i < 1500) {
        ASSERT_EQ(verdict->score, 0) << i;
      } else if (i == 1500) {
        EXPECT_TRUE(verdict->alarm) << constant;
      }
    }
  }
}

TEST(Detector, SaysNothingUntilItIsWarm) {
  Detector detector = made({.members = {{EwmaOptions{}}}, .warm_up = 10});
  for (int i = 0; i < 12; ++i) {
    const double value = i % 2 == 0 ? 0 : 1000 * i;
    const auto verdict = detector.update({i, {&value, 1}});
    EXPECT_EQ(verdict->warm, i >= 10);
    if (i < 10) {
      EXPECT_EQ(verdict->score, 0);
    }
  }
}

TEST(Detector, AlarmsAtAFixedSurpriseOrAtAShareOfItsOwn) {
  const auto alarms = [](DetectorOptions options) {
    options.refractory = 0;
    Detector detector = made(options);
    SeededRandom random(3);
    int count = 0;
    for (int i = 0; i < 5000; ++i) {
      const double value = random.uniform();
      count += detector.update({i, {&value, 1}})->alarm ? 1 : 0;
    }
    const double spike = 1e9;
    EXPECT_TRUE(detector.update({5000, {&spike, 1}})->alarm);
    return count;
  };
  EXPECT_LT(alarms({.members = {{EwmaOptions{}}}, .alarm_at = 3.5}), 10);
  const int share = alarms({.members = {{EwmaOptions{}}}, .alarm_share = 0.02});
  EXPECT_GT(share, 50);
  EXPECT_LT(share, 200);
}

TEST(Detector, RefusesASampleItCannotJudgeAndLearnsNothingOfIt) {
  Detector detector = made(usual_detector());
  const Bytes before = bytes_of(detector);
  for (const double value : {std::nan(""), std::numeric_limits<double>::infinity(), -2e150})
    EXPECT_EQ(detector.update({0, {&value, 1}}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(detector.update({0, {}}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(bytes_of(detector), before);
}

TEST(Detector, TheLargestNumbersThereAreDoNoHarm) {
  Detector detector = made(all_members());
  for (int i = 0; i < 300; ++i) {
    const double huge = kLargestValue;
    const std::vector<double> sample{i % 7 == 0 ? huge : -huge, i % 5 == 0 ? 1e-308 : huge};
    const auto verdict = detector.update({i, sample});
    ASSERT_TRUE(verdict.ok());
    EXPECT_TRUE(std::isfinite(verdict->score));
  }
}

TEST(Detector, GoesOnBitForBitWhereItWasWrittenDown) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  SeededRandom random(seed);
  Detector detector = made(all_members());
  Detector restored = detector;
  for (int i = 0; i < 1500; ++i) {
    if (random.below(10) == 0) {
      absl::StatusOr<Detector> again = Detector::restore(all_members(), bytes_of(restored));
      ASSERT_TRUE(again.ok()) << again.status();
      restored = *std::move(again);
    }
    const std::vector<double> sample = sample_of(random);
    const Sample seen{i * kFiveMinutes, sample};
    const auto one = detector.update(seen);
    const auto other = restored.update(seen);
    ASSERT_EQ(std::bit_cast<std::uint64_t>(one->surprise), std::bit_cast<std::uint64_t>(other->surprise))
        << i;
    ASSERT_EQ(one->score, other->score);
    ASSERT_EQ(one->alarm, other->alarm);
  }
  EXPECT_EQ(bytes_of(detector), bytes_of(restored));
}

TEST(Detector, OtherOptionsDoNotReadItsState) {
  const Bytes bytes = bytes_of(made(usual_detector()));
  DetectorOptions others = usual_detector();
  others.members[1].weight = 0.75;
  const absl::Status status = Detector::restore(others, bytes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("store of another name"), std::string::npos) << status;
  DetectorOptions alarms = usual_detector();
  alarms.alarm_at = 9;
  EXPECT_TRUE(Detector::restore(alarms, bytes).ok());
}

TEST(Detector, OptionsThatCannotBeAreRefused) {
  EXPECT_FALSE(Detector::create({}).ok());
  EXPECT_FALSE(Detector::create({.members = {{EwmaOptions{.column = 1}}}}).ok());
  EXPECT_FALSE(Detector::create({.members = {{HalfSpaceTreesOptions{.columns = 2}}}}).ok());
  EXPECT_FALSE(Detector::create({.members = {{EwmaOptions{}, 0}}}).ok());
  EXPECT_FALSE(Detector::create({.members = {{EwmaOptions{}}}, .alarm_share = 1.5}).ok());
  EXPECT_FALSE(Detector::create({.members = {{EwmaOptions{}}}, .columns = 0}).ok());
}

// Damaged bytes are refused, or read as a state that is as good as any other.
TEST(Detector, DamagedBytesDoNoHarm) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  SeededRandom random(seed);
  Detector detector = made(all_members());
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(detector.update({i * kFiveMinutes, sample_of(random)}).ok());
  const Bytes whole = bytes_of(detector);
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    Bytes bytes = whole;
    for (std::uint64_t i = 0; i <= random.below(3); ++i)
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    if (random.below(4) == 0) bytes.resize(random.below(bytes.size()));
    absl::StatusOr<Detector> damaged = Detector::restore(all_members(), bytes);
    if (!damaged.ok()) {
      ++refused;
      continue;
    }
    for (int i = 0; i < 40; ++i) {
      const auto verdict = damaged->update({i * kFiveMinutes, sample_of(random)});
      ASSERT_TRUE(verdict.ok());
      ASSERT_FALSE(std::isnan(verdict->score));
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace detector_test
}  // namespace weir::ml
