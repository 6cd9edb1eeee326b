// Does each member find what it is there to find, and compute what its header says?
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/anomaly/detector.h>
#include <weir/ml/seeded_random.h>

namespace weir::ml {
namespace members_test {

constexpr Timestamp kFiveMinutes = 300'000;

template <class M>
std::vector<double> strangeness(M member, const std::vector<double>& values) {
  std::vector<double> found;
  Timestamp time = 0;
  for (const double& value : values) {
    found.push_back(member.update({time, {&value, 1}}));
    time += kFiveMinutes;
  }
  return found;
}

std::vector<double> noise(std::size_t count, std::uint64_t seed) {
  SeededRandom random(seed);
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(10 + random.uniform() + random.uniform());
  return values;
}

// The largest before `at`, where the figures have settled.
double largest_before(const std::vector<double>& found, std::size_t at) {
  return *std::max_element(found.begin() + static_cast<std::ptrdiff_t>(at / 2),
                           found.begin() + static_cast<std::ptrdiff_t>(at));
}

TEST(Ewma, WeighsTheNewestValueAsAsked) {
  Ewma member({.weight = 0.5});
  const auto see = [&](double value) { return member.update({0, {&value, 1}}); };
  EXPECT_EQ(see(1), 0);
  EXPECT_EQ(see(3), 0);  // nothing can be said after one value
  EXPECT_EQ(member.mean(), 2);
  EXPECT_EQ(member.variance(), 1);
  EXPECT_EQ(see(6), 4);  // 4 off, deviation 1
  EXPECT_EQ(member.mean(), 4);
  EXPECT_EQ(member.variance(), 0.5 * (1 + 0.5 * 16));
}

TEST(Ewma, AValueThatMovesAfterManyThatDidNotIsStrange) {
  std::vector<double> values(100, 5.0);
  values.push_back(5.1);
  const auto found = strangeness(Ewma({}), values);
  EXPECT_EQ(found[99], 0);
  EXPECT_GT(found[100], 1e6);
}

TEST(RobustZ, CountsInDeviationsFromTheMedian) {
  std::vector<double> values;
  for (int i = 1; i <= 21; ++i) values.push_back(i);  // median 11, median deviation 5
  values.push_back(11 + 5 * 1.4826 * 3);
  const auto found = strangeness(RobustZ({.window = 21}), values);
  EXPECT_EQ(found[18], 0);
  EXPECT_NEAR(found[21], 3, 1e-12);
}

TEST(RobustZ, OutliersAmongThePastDoNotHideTheNext) {
  std::vector<double> values = noise(300, 1);
  for (const std::size_t at : {250U, 260U, 270U, 299U}) values[at] = 1000;
  const auto found = strangeness(RobustZ({}), values);
  EXPECT_GT(found[299], 0.5 * found[250]);
  EXPECT_LT(strangeness(Ewma({}), values)[299], 0.1 * strangeness(Ewma({}), values)[250]);
}

TEST(SeasonalResidual, FindsWhatIsUnusualAtThisHour) {
  std::vector<double> values;
  for (int i = 0; i < 288 * 6; ++i) values.push_back(i % 288 < 144 ? 1 : 3);
  const std::size_t at = 288 * 5 + 20;
  values[at] = 3;  // as often at other hours
  const auto found = strangeness(SeasonalResidual({}), values);
  EXPECT_DOUBLE_EQ(found[at], 2);
  EXPECT_EQ(largest_before(found, at), 0);
}

TEST(SeasonalResidual, TimesBeforeTheEpochHaveAHourToo) {
  SeasonalResidual member({});
  const double one = 1;
  const double two = 2;
  constexpr Timestamp kDay = 86'400'000;
  EXPECT_EQ(member.update({-kDay + 1, {&one, 1}}), 0);
  EXPECT_EQ(member.update({5 * kDay, {&two, 1}}), 1);
}

TEST(LevelShift, ComparesMeans) {
  std::vector<double> values;
  for (int i = 0; i < 30; ++i) values.push_back(i % 2);  // mean 0.5, mean deviation 0.5
  values.push_back(2);
  values.push_back(4);
  EXPECT_NEAR(strangeness(LevelShift({.recent = 2, .before = 30}), values)[31], 5, 1e-6);
}

TEST(LevelShift, FindsAShiftNoSingleValueShows) {
  std::vector<double> values = noise(1000, 2);
  for (std::size_t i = 900; i < 1000; ++i) values[i] += 0.8;
  const auto found = strangeness(LevelShift({}), values);
  EXPECT_GT(found[915], 1.5 * largest_before(found, 900));
}

TEST(LaggedNeighbours, IsWhatASearchThroughAllStretchesSays) {
  const std::vector<double> values = noise(400, 3);
  const LaggedNeighboursOptions options{.lags = 6, .neighbours = 4, .history = 150};
  const auto found = strangeness(LaggedNeighbours(options), values);
  for (std::size_t at : {100U, 200U, 399U}) {
    std::vector<double> distances;
    for (std::size_t end = 5; end + 3 <= at; ++end) {
      if (at - 3 - end >= options.history) continue;
      double sum = 0;
      for (std::size_t lag = 0; lag < 6; ++lag) sum += std::pow(values[at - lag] - values[end - lag], 2);
      distances.push_back(std::sqrt(sum));
    }
    std::sort(distances.begin(), distances.end());
    EXPECT_NEAR(found[at], (distances[0] + distances[1] + distances[2] + distances[3]) / 4, 1e-12) << at;
  }
}

TEST(LaggedNeighbours, AreTheSameWhetherOrNotTheLastOnesAreKnown) {
  for (const std::size_t lags : {3U, 8U, 21U}) {
    const LaggedNeighboursOptions options{.lags = lags, .neighbours = 5, .history = 200};
    std::vector<double> values = noise(700, 11);
    for (std::size_t i = 1; i < 400; ++i) values[i] += values[i - 1];    // a walk
    for (std::size_t i = 500; i < 560; ++i) values[i] = values[i - 60];  // a shape again
    for (std::size_t i = 600; i < 640; ++i) values[i] = values[600];     // ties
    LaggedNeighbours knowing(options);
    for (std::size_t i = 0; i < values.size(); ++i) {
      LaggedNeighbours fresh(options);
      Bytes bytes;
      knowing.encode(bytes);
      ByteReader reader(bytes);
      ASSERT_TRUE(fresh.restore(reader).ok());
      const Sample sample{0, {&values[i], 1}};
      ASSERT_EQ(std::bit_cast<std::uint64_t>(knowing.update(sample)),
                std::bit_cast<std::uint64_t>(fresh.update(sample)))
          << "value " << i << " with " << lags << " lags";
    }
  }
}

TEST(LaggedNeighbours, FindsAShapeOfOrdinaryValues) {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(std::sin(i * 0.2));
  for (std::size_t i = 900; i < 1000; ++i) values[i] = std::sin(static_cast<double>(i) * 0.6);
  const auto found = strangeness(LaggedNeighbours({}), values);
  EXPECT_GT(*std::max_element(found.begin() + 900, found.end()), 10 * largest_before(found, 900));
}

TEST(HalfSpaceTrees, FindsWhereNothingWas) {
  std::vector<double> values = noise(1200, 4);
  values[1100] = 25;
  const auto found = strangeness(HalfSpaceTrees({}), values);
  EXPECT_EQ(found[499], 0);  // the first window gives the scale, the second the reference
  EXPECT_GT(found[1100], largest_before(found, 1100));
}

TEST(HalfSpaceTrees, LooksAtColumnsTogether) {
  HalfSpaceTrees member({.depth = 8, .columns = 2});
  SeededRandom random(6);
  double usual = 0;
  for (int i = 0; i < 1500; ++i) {
    const double x = random.uniform();
    const std::array sample{x, x + 0.02 * random.uniform()};  // on a diagonal
    const double strange = member.update({i, sample});
    if (i > 1000) usual += strange / 499;
  }
  EXPECT_GT(member.update({1500, std::array{0.1, 0.9}}), usual + 1);
}

TEST(RandomCutForest, FindsASpikeAndAChangedShape) {
  std::vector<double> values;
  for (int i = 0; i < 1500; ++i) values.push_back(std::sin(i * 0.3));
  values[1200] = 4;
  values[1400] = values[1402] = 0;
  const auto found = strangeness(RandomCutForest({}), values);
  EXPECT_GT(found[1200], 3 * largest_before(found, 1200));
  EXPECT_GT(*std::max_element(found.begin() + 1400, found.begin() + 1405),
            *std::max_element(found.begin() + 1300, found.begin() + 1400));
}

TEST(Members, OptionsThatCannotBeAreNamed) {
  EXPECT_NE(fault_in(EwmaOptions{.weight = 0}), "");
  EXPECT_NE(fault_in(EwmaOptions{.weight = std::nan("")}), "");
  EXPECT_NE(fault_in(RobustZOptions{.window = 1}), "");
  EXPECT_NE(fault_in(SeasonalResidualOptions{.period = Duration(0)}), "");
  EXPECT_NE(fault_in(SeasonalResidualOptions{.slots = 0}), "");
  EXPECT_NE(fault_in(LevelShiftOptions{.recent = 0}), "");
  EXPECT_NE(fault_in(LaggedNeighboursOptions{.neighbours = 500, .history = 400}), "");
  EXPECT_NE(fault_in(HalfSpaceTreesOptions{.depth = 40}), "");
  EXPECT_NE(fault_in(RandomCutForestOptions{.points = 100, .horizon = 50}), "");
  for (const DetectorMember& member : usual_detector().members)
    EXPECT_EQ(std::visit([](const auto& options) { return fault_in(options); }, member.options), "");
}

}  // namespace members_test
}  // namespace weir::ml
