#include <weir/ml/sketches/kll_sketch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "ml/sketches/samples.h"

namespace weir::ml {
namespace kll_sketch_test {

using testing::rank_error;
using testing::samples;

Bytes bytes_of(const KllSketch& sketch) {
  Bytes bytes;
  sketch.serialise(bytes);
  return bytes;
}

TEST(KllSketch, OfNothingHasNoQuantiles) {
  EXPECT_EQ(KllSketch().quantile(0.5), std::nullopt);
  EXPECT_EQ(KllSketch().share_up_to(1), std::nullopt);
}

TEST(KllSketch, IsExactWhileItKeepsAll) {
  KllSketch sketch(200);
  for (const int value : {5, 1, 3, 2, 4}) sketch.add(value);
  EXPECT_EQ(sketch.quantile(0), 1);
  EXPECT_EQ(sketch.quantile(0.2), 1);
  EXPECT_EQ(sketch.quantile(0.21), 2);
  EXPECT_EQ(sketch.quantile(0.6), 3);
  EXPECT_EQ(sketch.quantile(1), 5);
  EXPECT_EQ(sketch.share_up_to(3), 0.6);
  EXPECT_EQ(sketch.share_up_to(0.5), 0.0);
}

// Of all queries of all sketches 99 of 100 must keep the error; so must those of merged ones.
TEST(KllSketch, KeepsItsErrorOfRank) {
  for (const std::uint32_t k : {50U, 200U}) {
    std::size_t queries = 0;
    std::size_t beyond = 0;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      for (auto& [name, values] : samples(6'000, seed)) {
        KllSketch whole(k, seed);
        KllSketch parts[3] = {KllSketch(k, seed), KllSketch(k, seed + 100), KllSketch(k, seed + 200)};
        for (std::size_t i = 0; i < values.size(); ++i) {
          whole.add(values[i]);
          parts[i < 1'000 ? 0 : i % 2 + 1].add(values[i]);
        }
        ASSERT_TRUE(parts[1].merge(parts[0]).ok());
        ASSERT_TRUE(parts[1].merge(parts[2]).ok());
        std::ranges::sort(values);
        for (const KllSketch* sketch : {&whole, &parts[1]}) {
          EXPECT_EQ(sketch->count(), values.size());
          EXPECT_EQ(sketch->min(), values.front());
          EXPECT_EQ(sketch->max(), values.back());
          for (int i = 1; i < 20; ++i) {
            const double q = i / 20.0;
            ++queries;
            if (rank_error(values, *sketch->quantile(q), q) > sketch->rank_error()) ++beyond;
            const double value = values[static_cast<std::size_t>(q * static_cast<double>(values.size()))];
            ++queries;
            if (rank_error(values, value, *sketch->share_up_to(value)) > sketch->rank_error()) ++beyond;
          }
        }
      }
    }
    EXPECT_LE(beyond * 100, queries) << "k=" << k;
  }
}

TEST(KllSketch, StaysSmall) {
  KllSketch sketch(200);
  for (int i = 0; i < 300'000; ++i) sketch.add(i % 1'000);
  EXPECT_LT(bytes_of(sketch).size(), 3U * 200 * sizeof(double) + 200);
  EXPECT_EQ(sketch.count(), 300'000U);
}

TEST(KllSketch, IsTheSameForTheSameCallsAcrossRestarts) {
  for (auto& [name, values] : samples(3'000, 4)) {
    KllSketch one(20, 77);
    KllSketch restarted(20, 77);
    std::mt19937 chance(6);
    for (const double value : values) {
      one.add(value);
      restarted.add(value);
      if (chance() % 50 == 0) restarted = *KllSketch::parse(bytes_of(restarted));
    }
    EXPECT_EQ(one, restarted) << name;
    KllSketch other(20, 78);
    for (const double value : values) other.add(value);
    EXPECT_NE(bytes_of(one), bytes_of(other)) << name;
  }
}

TEST(KllSketch, MergesWithItself) {
  KllSketch sketch(8, 1);
  for (int i = 0; i < 1'000; ++i) sketch.add(i);
  ASSERT_TRUE(sketch.merge(sketch).ok());
  EXPECT_EQ(sketch.count(), 2'000U);
  EXPECT_TRUE(KllSketch::parse(bytes_of(sketch)).ok());
}

TEST(KllSketch, LeavesOutWhatIsNotFiniteAndRefusesAnotherK) {
  KllSketch sketch(8);
  EXPECT_FALSE(sketch.add(std::nan("")));
  EXPECT_FALSE(sketch.add(-std::numeric_limits<double>::infinity()));
  EXPECT_EQ(sketch.count(), 0U);
  EXPECT_EQ(sketch.merge(KllSketch(9)).message(), "KLL: sketches with k=8 and k=9 cannot be merged");
}

}  // namespace kll_sketch_test
}  // namespace weir::ml
