#include <weir/ml/sketches/dd_sketch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/sketches/portable_math.h>

#include "ml/sketches/samples.h"

namespace weir::ml {
namespace dd_sketch_test {

using testing::samples;

Bytes bytes_of(const DdSketch& sketch) {
  Bytes bytes;
  sketch.serialise(bytes);
  return bytes;
}

TEST(DdSketch, OfNothingHasNoQuantiles) {
  EXPECT_EQ(DdSketch().quantile(0.5), std::nullopt);
  EXPECT_EQ(DdSketch().share_up_to(0), std::nullopt);
  EXPECT_EQ(DdSketch().min(), std::nullopt);
}

TEST(DdSketch, IsWithinItsAccuracyOfEveryQuantile) {
  for (const double accuracy : {0.001, 0.01, 0.05, 0.5}) {
    for (auto& [name, values] : samples(5'000, 11)) {
      DdSketch sketch(accuracy, DdSketch::kBucketsMax);
      for (const double value : values) ASSERT_TRUE(sketch.add(value));
      ASSERT_FALSE(sketch.has_collapsed());
      std::ranges::sort(values);
      for (std::size_t i = 0; i <= 1'000; ++i) {
        const double q = static_cast<double>(i) / 1'000;
        const double exact = values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
        ASSERT_NEAR(*sketch.quantile(q), exact, accuracy * std::abs(exact) * (1 + 1e-12))
            << name << " q=" << q;
      }
      EXPECT_EQ(sketch.quantile(0), values.front());
      EXPECT_EQ(sketch.quantile(1), values.back());
    }
  }
}

// Each number alone with a smaller and a larger one, where buckets end and over the whole range of doubles.
TEST(DdSketch, IsWithinItsAccuracyOfEveryNormalNumber) {
  std::mt19937_64 chance(3);
  for (const double accuracy : {0.0001, 0.01, 0.3}) {
    for (int i = 0; i < 3'000; ++i) {
      const double fraction = 1 + static_cast<double>(chance() >> 12) * 0x1p-52;
      const double value =
          std::ldexp(i % 5 == 0 ? 1.0 : fraction, static_cast<int>(chance() % 2'045) - 1'022);
      DdSketch sketch(accuracy, DdSketch::kBucketsMax);
      sketch.add(0);
      sketch.add(value);
      sketch.add(std::min(2 * value, std::numeric_limits<double>::max()));
      ASSERT_NEAR(*sketch.quantile(0.5), value, accuracy * value * (1 + 1e-9)) << value;
    }
  }
}

TEST(DdSketch, TellsWhichShareIsUpToANumber) {
  for (auto& [name, values] : samples(2'000, 12)) {
    DdSketch sketch(0.01, DdSketch::kBucketsMax);
    for (const double value : values) sketch.add(value);
    std::ranges::sort(values);
    const auto share = [&](double bound) {
      const auto up_to = std::ranges::upper_bound(values, bound) - values.begin();
      return static_cast<double>(up_to) / static_cast<double>(values.size());
    };
    for (std::size_t i = 0; i < values.size(); i += 17) {
      const double value = values[i];
      const double slack = 0.0203 * std::abs(value);
      const double got = *sketch.share_up_to(value);
      ASSERT_LE(share(value - slack), got) << name << " " << value;
      ASSERT_GE(share(value + slack), got) << name << " " << value;
    }
    EXPECT_EQ(sketch.share_up_to(values.front() - 1), 0.0);
    EXPECT_EQ(sketch.share_up_to(values.back()), 1.0);
  }
}

TEST(DdSketch, DependsOnTheNumbersAlone) {
  std::mt19937_64 chance(5);
  for (const std::size_t buckets : {16U, 100U, 2'048U}) {
    for (auto& [name, values] : samples(700, 13)) {
      DdSketch one(0.01, buckets);
      for (const double value : values) one.add(value);
      std::vector<DdSketch> parts(4, DdSketch(0.01, buckets));
      std::ranges::shuffle(values, chance);
      for (const double value : values) parts[chance() % parts.size()].add(value);
      for (std::size_t i = 1; i < parts.size(); ++i) ASSERT_TRUE(parts[0].merge(parts[i]).ok());
      EXPECT_EQ(parts[0], one) << name;
      EXPECT_EQ(bytes_of(parts[0]), bytes_of(one)) << name;
    }
  }
}

TEST(DdSketch, GivesUpTheSmallestMagnitudesFirst) {
  DdSketch sketch(0.01, 16);
  for (int i = 1; i <= 100; ++i) sketch.add(std::pow(1.02, i));
  EXPECT_TRUE(sketch.has_collapsed());
  EXPECT_EQ(sketch.count(), 100U);
  EXPECT_NEAR(*sketch.quantile(0.95), std::pow(1.02, 95), 0.01 * std::pow(1.02, 95));
  EXPECT_EQ(sketch.min(), 1.02);
  EXPECT_LE(sketch.heap_bytes(), 1'024U);
}

TEST(DdSketch, CountsANumberSoManyTimes) {
  DdSketch once;
  DdSketch times;
  for (int i = 0; i < 5; ++i) once.add(-2.5);
  times.add(-2.5, 5);
  times.add(7, 0);
  EXPECT_EQ(once, times);
  EXPECT_EQ(bytes_of(once), bytes_of(times));
}

TEST(DdSketch, LeavesOutWhatIsNotFinite) {
  DdSketch sketch;
  EXPECT_FALSE(sketch.add(std::nan("")));
  EXPECT_FALSE(sketch.add(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(sketch.count(), 0U);
  EXPECT_TRUE(sketch.add(-0.0));
  EXPECT_FALSE(std::signbit(*sketch.min()));
}

TEST(DdSketch, RefusesToMergeOtherAccuracies) {
  DdSketch sketch(0.01);
  EXPECT_FALSE(sketch.merge(DdSketch(0.02)).ok());
  EXPECT_FALSE(sketch.merge(DdSketch(0.01, 100)).ok());
}

TEST(PortableLog, IsTheLogarithm) {
  std::mt19937_64 chance(9);
  for (int i = 0; i < 20'000; ++i) {
    const double x = std::ldexp(1 + static_cast<double>(chance() >> 12) * 0x1p-52,
                                static_cast<int>(chance() % 2'000) - 1'000);
    ASSERT_NEAR(portable_log(x), std::log(x), 1e-15 * std::max(1.0, std::abs(std::log(x)))) << x;
  }
  EXPECT_EQ(portable_log(1), 0);
}

}  // namespace dd_sketch_test
}  // namespace weir::ml
