#include <weir/ml/feedback/drift_reference.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace weir::ml {
namespace drift_reference_test {

using Values = std::vector<double>;

Values normals(std::mt19937_64& chance, std::size_t count, double mean, double deviation) {
  Values values(count);
  for (double& value : values) {
    // Irwin and Hall's sum of twelve: near enough, and the same everywhere.
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(chance() >> 11) * 0x1p-53;
    value = mean + deviation * sum;
  }
  return values;
}

BinCounts counted(const DriftReference& reference, const Values& values) {
  BinCounts counts(reference);
  for (const double value : values) counts.add(reference, value);
  return counts;
}

double exact_ks(Values first, Values second) {
  std::ranges::sort(first);
  std::ranges::sort(second);
  double largest = 0;
  for (const Values* values : {&first, &second}) {
    for (const double value : *values) {
      const auto share = [&](const Values& all) {
        return static_cast<double>(std::ranges::upper_bound(all, value) - all.begin()) /
               static_cast<double>(all.size());
      };
      largest = std::max(largest, std::abs(share(first) - share(second)));
    }
  }
  return largest;
}

TEST(DriftReference, CutsNumbersIntoBinsOfAboutEqualShare) {
  std::mt19937_64 chance(1);
  const Values values = normals(chance, 10'000, 5, 2);
  const DriftReference reference = drift_reference("x", values);
  EXPECT_EQ(reference.fault(), "");
  EXPECT_EQ(reference.counts.size(), 200U);
  for (const std::uint64_t count : reference.counts) EXPECT_NEAR(static_cast<double>(count), 50, 3);
}

TEST(DriftReference, TakesConstantsTiesAndWhatIsMissing) {
  const double infinity = std::numeric_limits<double>::infinity();
  const DriftReference reference = drift_reference("x", Values{1, 1, 1, 2, std::nan(""), infinity});
  EXPECT_EQ(reference.edges, Values{1});
  EXPECT_EQ(reference.counts, (std::vector<std::uint64_t>{3, 1}));
  EXPECT_EQ(reference.missing, 2U);
  EXPECT_NE(drift_reference("x", Values{}).fault(), "");
}

TEST(DriftReference, ComesBackFromJson) {
  std::mt19937_64 chance(2);
  const DriftReference reference = drift_reference("amount", normals(chance, 1'000, 0, 1));
  Bytes json;
  Serde<DriftReference>::encode(reference, json);
  DriftReference read;
  ASSERT_TRUE(Serde<DriftReference>::decode(json, read).ok());
  EXPECT_EQ(read.edges, reference.edges);
  EXPECT_EQ(read.counts, reference.counts);
}

// Both by their definitions: ks against the exact two-sample statistic, psi over the same 20 bins.
TEST(Compare, IsWhatTheDefinitionsSay) {
  std::mt19937_64 chance(3);
  for (const double shift : {0.0, 0.1, 0.5, 3.0}) {
    const Values before = normals(chance, 4'000, 0, 1);
    const Values now = normals(chance, 900, shift, 1);
    const DriftReference reference = drift_reference("x", before);
    const DriftReport report = compare(reference, counted(reference, now), {});
    const double exact = exact_ks(before, now);
    EXPECT_LE(*report.ks, exact + 1e-12);
    EXPECT_GE(*report.ks, exact - 2.0 / 200);
    double psi = 0;
    double shares[2][20] = {};
    const auto bin = [&](double x) {
      std::size_t at = 0;
      while (at < 19 && x > reference.edges[10 * at + 9]) ++at;
      return at;
    };
    for (const double value : before) shares[0][bin(value)] += 1.0 / 4'000;
    for (const double value : now) shares[1][bin(value)] += 1.0 / 900;
    for (int i = 0; i < 20; ++i) {
      const double a = std::max(shares[1][i], 1e-4);
      const double b = std::max(shares[0][i], 1e-4);
      psi += (a - b) * std::log(a / b);
    }
    // Groups end where their share is reached, which may be a bin later.
    EXPECT_NEAR(*report.psi, psi, 0.02 + 0.1 * psi) << shift;
    EXPECT_EQ(report.verdict, shift >= 0.5 ? DriftVerdict::kDrift : DriftVerdict::kStable) << shift;
  }
}

TEST(Compare, SaysInsufficientOfTooFewRows) {
  std::mt19937_64 chance(4);
  const DriftReference reference = drift_reference("x", normals(chance, 1'000, 0, 1));
  const DriftReport report = compare(reference, counted(reference, Values(499, 50.0)), {.rows_min = 500});
  EXPECT_EQ(report.verdict, DriftVerdict::kInsufficient);
  EXPECT_GT(*report.psi, 1);
  EXPECT_EQ(compare(reference, counted(reference, Values(500, 50.0)), {.rows_min = 500}).verdict,
            DriftVerdict::kDrift);
  const DriftReport none = compare(reference, BinCounts(reference), {.rows_min = 0});
  EXPECT_EQ(none.verdict, DriftVerdict::kInsufficient);
  EXPECT_EQ(none.psi, std::nullopt);
  EXPECT_EQ(none.ks, std::nullopt);
}

TEST(Compare, SeesThatMoreIsMissing) {
  std::mt19937_64 chance(5);
  const DriftReference reference = drift_reference("x", normals(chance, 2'000, 0, 1));
  Values now = normals(chance, 1'000, 0, 1);
  for (std::size_t i = 0; i < 300; ++i) now[i] = std::nan("");
  const DriftReport report = compare(reference, counted(reference, now), {});
  EXPECT_EQ(report.missing_share, 0.3);
  EXPECT_LT(*report.ks, 0.1);
  EXPECT_EQ(report.verdict, DriftVerdict::kDrift);
}

// Samples of one distribution: ks_p must be below p about as often as p says.
TEST(Compare, ProbabilitiesAreAsOftenAsTheySay) {
  std::mt19937_64 chance(6);
  int below_tenth = 0;
  int drifts = 0;
  for (int i = 0; i < 400; ++i) {
    const DriftReference reference = drift_reference("x", normals(chance, 1'000, 0, 1));
    const DriftReport report = compare(reference, counted(reference, normals(chance, 500, 0, 1)), {});
    below_tenth += *report.ks_p < 0.1 ? 1 : 0;
    drifts += report.verdict == DriftVerdict::kDrift ? 1 : 0;
  }
  EXPECT_GT(below_tenth, 15);
  EXPECT_LT(below_tenth, 60);
  EXPECT_EQ(drifts, 0);
}

TEST(KsProbability, IsKolmogorovsDistribution) {
  // Its quantiles for large samples: 1.2239 at 10 %, 1.3581 at 5 %, 1.6276 at 1 %.
  const double root = std::sqrt(1e8 / 2);
  EXPECT_NEAR(ks_probability(1.2239 / root, 1e8, 1e8), 0.10, 1e-4);
  EXPECT_NEAR(ks_probability(1.3581 / root, 1e8, 1e8), 0.05, 1e-4);
  EXPECT_NEAR(ks_probability(1.6276 / root, 1e8, 1e8), 0.01, 1e-4);
  EXPECT_EQ(ks_probability(0, 10, 10), 1);
  EXPECT_LT(ks_probability(1, 100, 100), 1e-30);
}

TEST(BinCounts, MergeAndComeBack) {
  std::mt19937_64 chance(7);
  const DriftReference reference = drift_reference("x", normals(chance, 500, 0, 1));
  const Values now = normals(chance, 100, 0, 1);
  const BinCounts all = counted(reference, now);
  BinCounts first = counted(reference, Values(now.begin(), now.begin() + 40));
  ASSERT_TRUE(first.merge(counted(reference, Values(now.begin() + 40, now.end()))));
  EXPECT_EQ(first, all);
  Bytes bytes;
  all.serialise(bytes);
  EXPECT_EQ(*BinCounts::parse(bytes), all);
  EXPECT_FALSE(first.merge(BinCounts()));
  EXPECT_FALSE(BinCounts::parse(BytesView(bytes).substr(0, 20)).ok());
}

}  // namespace drift_reference_test
}  // namespace weir::ml
