#include <weir/ml/sketches/t_digest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "ml/sketches/samples.h"

namespace weir::ml {
namespace t_digest_test {

using testing::rank_error;
using testing::samples;

Bytes bytes_of(const TDigest& digest) {
  Bytes bytes;
  digest.serialise(bytes);
  return bytes;
}

TEST(TDigest, OfNothingHasNoQuantiles) {
  EXPECT_EQ(TDigest().quantile(0.5), std::nullopt);
  EXPECT_EQ(TDigest().share_up_to(0), std::nullopt);
}

TEST(TDigest, IsCloseInTheMiddleAndCloserAtTheEnds) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    for (auto& [name, values] : samples(30'000, seed)) {
      // A mean of equal numbers' neighbours lies between them: ranks say nothing then.
      if (name == "few values") continue;
      TDigest whole(100);
      TDigest parts[2] = {TDigest(100), TDigest(100)};
      for (std::size_t i = 0; i < values.size(); ++i) {
        whole.add(values[i]);
        parts[i % 3 == 0 ? 0 : 1].add(values[i]);
      }
      ASSERT_TRUE(parts[0].merge(parts[1]).ok());
      std::ranges::sort(values);
      for (const TDigest* digest : {&whole, &parts[0]}) {
        EXPECT_EQ(digest->quantile(0), values.front());
        EXPECT_EQ(digest->quantile(1), values.back());
        for (const double q : {0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999}) {
          const double bound = 0.0315 * std::sqrt(q * (1 - q));  // half of a cluster
          EXPECT_LE(rank_error(values, *digest->quantile(q), q), bound)
              << name << " q=" << q << " seed " << seed;
          const double value = values[static_cast<std::size_t>(q * 30'000)];
          EXPECT_LE(rank_error(values, value, *digest->share_up_to(value)), 2 * bound) << name << " q=" << q;
        }
      }
    }
  }
}

TEST(TDigest, IsExactOfAFew) {
  TDigest digest;
  for (const int value : {4, 2, 1, 3}) digest.add(value);
  EXPECT_EQ(digest.quantile(0.5), 2.5);
  EXPECT_EQ(digest.quantile(0.125), 1);
  EXPECT_EQ(digest.share_up_to(2), 0.375);
  EXPECT_EQ(digest.share_up_to(4), 1.0);
  EXPECT_EQ(digest.share_up_to(0), 0.0);
}

TEST(TDigest, StaysSmall) {
  for (const std::uint32_t compression : {10U, 100U, 500U}) {
    for (const auto& [name, values] : samples(40'000, 3)) {
      TDigest digest(compression);
      for (const double value : values) digest.add(value);
      EXPECT_LT(bytes_of(digest).size(), 4 * compression * 11 + 40) << name;
    }
  }
}

TEST(TDigest, IsTheSameForTheSameCallsAcrossRestarts) {
  for (auto& [name, values] : samples(3'000, 4)) {
    TDigest one(20);
    TDigest restarted(20);
    std::mt19937 chance(6);
    for (const double value : values) {
      one.add(value, 1 + static_cast<std::uint64_t>(value > 0.5));
      restarted.add(value, 1 + static_cast<std::uint64_t>(value > 0.5));
      // To be asked and to be written changes nothing.
      if (chance() % 20 == 0) static_cast<void>(restarted.quantile(0.5));
      if (chance() % 50 == 0) restarted = *TDigest::parse(bytes_of(restarted));
    }
    EXPECT_EQ(one, restarted) << name;
  }
}

TEST(TDigest, TakesTheLargestNumbers) {
  TDigest digest(10);
  const double most = std::numeric_limits<double>::max();
  for (int i = 0; i < 200; ++i) digest.add(i % 2 == 0 ? most : -most);
  EXPECT_TRUE(std::isfinite(*digest.quantile(0.5)));
  EXPECT_TRUE(std::isfinite(*digest.share_up_to(1)));
  EXPECT_FALSE(digest.add(std::nan("")));
  EXPECT_EQ(digest.count(), 200U);
  ASSERT_TRUE(digest.merge(digest).ok());
  EXPECT_EQ(digest.count(), 400U);
  EXPECT_FALSE(digest.merge(TDigest(11)).ok());
}

}  // namespace t_digest_test
}  // namespace weir::ml
