// Does the sketch know how rare a value is, beside a list of all values?
#include <weir/ml/anomaly/tail_sketch.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::ml {
namespace tail_sketch_test {

Bytes bytes_of(const TailSketch& sketch) {
  Bytes bytes;
  sketch.encode(bytes);
  return bytes;
}

TEST(TailSketch, SaysInDecadesHowManyValuesAreAtLeastSo) {
  TailSketch sketch;
  for (int i = 0; i < 90; ++i) sketch.add(1);
  for (int i = 0; i < 9; ++i) sketch.add(10);
  EXPECT_DOUBLE_EQ(sketch.surprise(10), 1);  // 100 / 10
  EXPECT_DOUBLE_EQ(sketch.surprise(5), 1);
  EXPECT_DOUBLE_EQ(sketch.surprise(0.5), 0);       // 100 / 100
  EXPECT_DOUBLE_EQ(sketch.surprise(1000), 2 + 2);  // 100 / 1, and a hundred times the largest
  EXPECT_EQ(sketch.surprise(0), 0);
}

TEST(TailSketch, AnythingIsADecadeBeyondZeros) {
  TailSketch sketch;
  for (int i = 0; i < 9; ++i) sketch.add(0);
  EXPECT_DOUBLE_EQ(sketch.surprise(1e-6), 1 + 1);
  EXPECT_EQ(sketch.quantile(0.99), 0);
}

TEST(TailSketch, AgreesWithAListOfAllValues) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 chance(seed);
  std::lognormal_distribution<double> values(0, 3);
  TailSketch sketch;
  std::vector<double> all;
  for (int i = 0; i < 20'000; ++i) {
    all.push_back(values(chance));
    sketch.add(all.back());
  }
  std::sort(all.begin(), all.end());
  const auto at_least = [&](double value) {
    return static_cast<double>(all.end() - std::lower_bound(all.begin(), all.end(), value));
  };
  const double n = 20'001;
  for (int i = 0; i < 200; ++i) {
    const double value = std::min(values(chance), all.back());
    const double surprise = sketch.surprise(value);
    EXPECT_LE(surprise, std::log10(n / (at_least(value) + 1)) + 1e-9);
    EXPECT_GE(surprise, std::log10(n / (at_least(value / 1.0203) + 1)) - 1e-9);
  }
  for (const double q : {0.01, 0.5, 0.9, 0.999}) {
    const double exact = all[static_cast<std::size_t>(std::ceil(q * 20'000)) - 1];
    EXPECT_NEAR(sketch.quantile(q), exact, 0.0101 * exact) << q;
  }
}

TEST(TailSketch, KeepsTheTailWhenBucketsRunOut) {
  TailSketch sketch;
  for (int exponent = -300; exponent <= 300; ++exponent) {
    for (int i = 0; i < 20; ++i) sketch.add(std::pow(10.0, exponent) * (1 + 0.045 * i));
  }
  Bytes bytes = bytes_of(sketch);
  EXPECT_LT(bytes.size(), 12 * TailSketch::kMostBuckets + 100);
  EXPECT_NEAR(sketch.surprise(1e300), std::log10((601.0 * 20 + 1) / 21), 1e-9);
}

TEST(TailSketch, TheOrderOfValuesDoesNotMatter) {
  TailSketch one;
  TailSketch other;
  for (int i = 1; i <= 100; ++i) {
    one.add(i);
    other.add(101 - i);
  }
  EXPECT_EQ(bytes_of(one), bytes_of(other));
}

TEST(TailSketch, ComesBackAsItWas) {
  TailSketch sketch;
  for (int i = 0; i < 1000; ++i) sketch.add(i * 0.37);
  const Bytes bytes = bytes_of(sketch);
  TailSketch restored;
  ByteReader reader(bytes);
  ASSERT_TRUE(restored.restore(reader).ok());
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(bytes_of(restored), bytes);
  EXPECT_EQ(restored.count(), 1000U);
  EXPECT_EQ(restored.surprise(300), sketch.surprise(300));
}

}  // namespace tail_sketch_test
}  // namespace weir::ml
