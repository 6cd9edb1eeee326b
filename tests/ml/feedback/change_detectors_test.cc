#include <weir/ml/feedback/change_detectors.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::ml {
namespace change_detectors_test {

template <class D>
Bytes bytes_of(const D& detector) {
  Bytes bytes;
  detector.serialise(bytes);
  return bytes;
}

double coin(std::mt19937_64& chance, double rate) {
  return static_cast<double>(chance() >> 11) * 0x1p-53 < rate ? 1 : 0;
}

// What the paper shows: a step is found soon, the sooner the larger it is, and the past is then forgotten. Seeds are fixed.
TEST(Adwin, FindsStepsSoonAndForgetsWhatWasBefore) {
  struct Step {
    double from;
    double to;
    int delay_max;
  };
  for (const auto& [from, to, delay_max] :
       {Step{0.2, 0.8, 100}, Step{0.2, 0.4, 500}, Step{0.1, 0.2, 1'500}}) {
    double total = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      std::mt19937_64 chance(seed);
      Adwin adwin;
      for (int i = 0; i < 5'000; ++i) adwin.add(coin(chance, from));
      int delay = 0;
      while (delay < 5'000) {
        ++delay;
        if (adwin.add(coin(chance, to))) break;
      }
      ASSERT_LT(delay, delay_max) << "seed " << seed << " " << from << " to " << to;
      total += delay;
      for (int i = 0; i < 5'000; ++i) adwin.add(coin(chance, to));
      EXPECT_NEAR(adwin.mean(), to, 0.05) << "seed " << seed;
      EXPECT_LT(adwin.count(), 6'500U) << "seed " << seed;
    }
    EXPECT_LT(total / 20, 0.6 * delay_max);
  }
}

TEST(Adwin, SeldomRaisesFalseAlarmsAndKeepsAllThen) {
  int alarms = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    std::mt19937_64 chance(seed);
    Adwin adwin(0.002);
    int own = 0;
    for (int i = 0; i < 10'000; ++i) own += adwin.add(coin(chance, 0.3)) ? 1 : 0;
    alarms += own;
    if (own == 0) {
      EXPECT_EQ(adwin.count(), 10'000U);
    }
  }
  EXPECT_LE(alarms, 3);  // of 9,360 looks
}

TEST(Adwin, TellsWhichWay) {
  for (const bool up : {true, false}) {
    Adwin adwin;
    MeanChange last = MeanChange::kNone;
    for (int i = 0; i < 400 && last == MeanChange::kNone; ++i)
      last = adwin.change((i >= 200) == up ? 0.8 : 0.2);
    EXPECT_EQ(last, up ? MeanChange::kUp : MeanChange::kDown);
  }
}

TEST(Adwin, FollowsASlope) {
  std::mt19937_64 chance(5);
  Adwin adwin;
  int changes = 0;
  for (int i = 0; i < 8'000; ++i) changes += adwin.add(coin(chance, 0.1 + 0.8 * i / 8'000)) ? 1 : 0;
  EXPECT_GE(changes, 3);
  EXPECT_NEAR(adwin.mean(), 0.85, 0.12);
}

// The window as a list, cut by the paper's rule wherever buckets end: what adwin keeps must have the list's own mean.
TEST(Adwin, ItsMeanIsThatOfTheNumbersItKeeps) {
  std::mt19937_64 chance(6);
  Adwin adwin;
  std::vector<double> all;
  for (int i = 0; i < 3'000; ++i) {
    all.push_back(coin(chance, i < 1'500 ? 0.2 : 0.7) + static_cast<double>(chance() % 100) / 1'000);
    adwin.add(all.back());
    ASSERT_LE(adwin.count(), all.size());
    double sum = 0;
    for (std::size_t j = all.size() - adwin.count(); j < all.size(); ++j) sum += all[j];
    ASSERT_NEAR(adwin.mean(), sum / static_cast<double>(adwin.count()), 1e-9);
  }
}

TEST(Adwin, NeedsLittleMemory) {
  std::mt19937_64 chance(7);
  Adwin adwin;
  for (int i = 0; i < 100'000; ++i) adwin.add(coin(chance, 0.5));
  EXPECT_LT(bytes_of(adwin).size(), 2'000U);
}

// Classical: a shift of one deviation is found within some threshold / shift numbers, in both directions.
TEST(PageHinkley, FindsShiftsInBothDirections) {
  for (const double shift : {1.0, -1.0}) {
    double total = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      std::mt19937_64 chance(seed);
      const auto number = [&] { return 2 * (static_cast<double>(chance() >> 11) * 0x1p-53 - 0.5); };
      PageHinkley detector;
      for (int i = 0; i < 1'000; ++i) ASSERT_FALSE(detector.add(number())) << "seed " << seed;
      int delay = 0;
      while (delay < 1'000) {
        ++delay;
        if (detector.add(number() + shift)) break;
      }
      EXPECT_LT(delay, 75) << "seed " << seed;
      EXPECT_EQ(detector.count(), 0U);
      total += delay;
    }
    // Fifty, less what noise had summed up before.
    EXPECT_GT(total / 20, 25);
    EXPECT_LT(total / 20, 55);
  }
}

TEST(PageHinkley, IsSilentAtFirst) {
  PageHinkley detector({.rows_min = 30, .threshold = 1});
  for (int i = 0; i < 29; ++i) ASSERT_FALSE(detector.add(i % 2 == 0 ? 100 : -100));
  EXPECT_TRUE(detector.add(100));
}

template <class D>
void expect_the_same_across_restarts(const D& fresh) {
  std::mt19937_64 chance(8);
  D one = fresh;
  D restarted = fresh;
  for (int i = 0; i < 2'000; ++i) {
    const double value = coin(chance, i < 700 ? 0.2 : 0.6) + static_cast<double>(chance() % 1'000) / 7'777;
    ASSERT_EQ(one.add(value), restarted.add(value)) << i;
    if (chance() % 20 == 0) {
      const auto read = D::parse(bytes_of(restarted));
      ASSERT_TRUE(read.ok()) << read.status();
      restarted = *read;
    }
  }
  EXPECT_EQ(one, restarted);
  EXPECT_FALSE(one.add(std::nan("")));
  EXPECT_FALSE(one.add(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(one, restarted);
}

TEST(ChangeDetectors, AreTheSameAcrossRestarts) {
  expect_the_same_across_restarts(Adwin());
  expect_the_same_across_restarts(PageHinkley({.threshold = 10}));
}

template <class D>
void expect_damage_is_harmless(const D& fresh) {
  std::mt19937_64 chance(9);
  D detector = fresh;
  for (int i = 0; i < 500; ++i) detector.add(coin(chance, 0.3));
  const Bytes bytes = bytes_of(detector);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    ASSERT_FALSE(D::parse(BytesView(bytes).substr(0, size)).ok());
  for (int round = 0; round < 3'000; ++round) {
    Bytes damaged = bytes;
    damaged[chance() % damaged.size()] = static_cast<char>(chance());
    auto read = D::parse(damaged);
    if (!read.ok()) continue;
    ASSERT_EQ(bytes_of(*read), damaged);
    for (int i = 0; i < 100; ++i) read->add(coin(chance, 0.5));
  }
}

TEST(ChangeDetectors, DamagedBytesAreRefusedOrHarmless) {
  expect_damage_is_harmless(Adwin());
  expect_damage_is_harmless(PageHinkley());
}

}  // namespace change_detectors_test
}  // namespace weir::ml
