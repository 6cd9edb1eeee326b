// Operations beside plain definitions, over random records: those that feature_reference_test.cc has no room for.
#include <weir/ml/features/operations.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/ml/features/feature_computer.h>

namespace weir::ml {
namespace {

using namespace std::chrono_literals;
using namespace agg;

struct Trip {
  int zone = 0;
  std::optional<std::string> driver;
  std::vector<double> place;
};

constexpr std::size_t kLimit = 3;
constexpr std::size_t kWidth = 2;

FeatureView<Trip, double> trips() {
  const std::vector<FeatureWindow> windows = {last(9), exact(1min), lifetime()};
  return features<Trip, double>("trips", 1)
      .agg(last_distinct_k("zone", &Trip::zone, 2), windows)
      .agg(mode("zone", &Trip::zone), windows)
      .agg(distinct_overflowed("driver", &Trip::driver, kLimit), windows)
      .agg(overflow_count("driver", &Trip::driver, kLimit), windows)
      .agg(last_distinct_k("driver", &Trip::driver, 1), {lifetime()})
      .agg(element_minima("place", &Trip::place, kWidth), windows)
      .agg(element_maxima("place", &Trip::place, kWidth), windows)
      .agg(elements("place", &Trip::place, kWidth, "range", SummaryOf::kRange), windows);
}

using History = std::vector<std::pair<Timestamp, Trip>>;

// What the operations mean, of the records of a window.
std::map<std::string, double> defined(const History& trips, const std::string& window) {
  std::map<std::string, double> row;
  const auto name = [&](const std::string& feature) {
    return feature + (window.empty() ? "" : "_" + window);
  };
  std::vector<int> newest;
  for (auto trip = trips.rbegin(); trip != trips.rend(); ++trip) {
    if (std::find(newest.begin(), newest.end(), trip->second.zone) == newest.end())
      newest.push_back(trip->second.zone);
  }
  for (std::size_t i = 0; i < 2; ++i)
    row[name(fmt::format("zone_last_distinct{}", i + 1))] = i < newest.size() ? newest[i] : kNoValue;
  std::map<std::string, int> zones;
  std::map<std::string, int> drivers;
  for (const auto& [time, trip] : trips) {
    ++zones[std::to_string(trip.zone)];
    if (trip.driver) ++drivers[*trip.driver];
  }
  double most = kNoValue;
  int count = 0;
  for (const auto& [zone, times] : zones) {
    if (times <= count) continue;
    count = times;
    most = std::stod(zone);
  }
  row[name("zone_mode")] = most;
  row[name("driver_distinct_overflowed")] = drivers.size() > kLimit ? 1 : 0;
  int beyond = 0;
  std::size_t rank = 0;
  for (const auto& [driver, times] : drivers) beyond += rank++ < kLimit ? 0 : times;
  row[name("driver_overflow_count")] = beyond;
  for (std::size_t i = 0; i < kWidth; ++i) {
    std::set<double> numbers;
    for (const auto& [time, trip] : trips) {
      if (trip.place.size() == kWidth) numbers.insert(trip.place[i]);
    }
    const bool any = !numbers.empty();
    row[name(fmt::format("place_{}_min", i))] = any ? *numbers.begin() : kNoValue;
    row[name(fmt::format("place_{}_max", i))] = any ? *numbers.rbegin() : kNoValue;
    row[name(fmt::format("place_{}_range", i))] = any ? *numbers.rbegin() - *numbers.begin() : kNoValue;
  }
  return row;
}

TEST(FeatureOperations, MeanWhatTheyAreDefinedAs) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  auto computer = FeatureComputer<Trip, double>::of(trips());
  ASSERT_TRUE(computer.ok()) << computer.status();
  const std::vector<std::string> names = computer->plan().names();
  History history;
  Timestamp now = 1'000'000'000'000;
  for (int i = 0; i < 400; ++i) {
    now += static_cast<Timestamp>(random() % (random() % 10 == 0 ? 100'000 : 5'000));
    Trip trip{static_cast<int>(random() % 6) - 2, std::nullopt, {}};
    if (random() % 4 != 0) trip.driver = std::string(1, static_cast<char>('a' + random() % 5));
    trip.place.resize(random() % 8 == 0 ? 1 : kWidth);
    for (double& number : trip.place) number = static_cast<double>(random() % 100) / 8;
    const auto row = computer->row("k", trip, now);
    History recent;
    std::copy_if(history.begin(), history.end(), std::back_inserter(recent),
                 [&](const auto& past) { return past.first >= now - 60'000; });
    const History few(history.end() - static_cast<std::ptrdiff_t>(std::min<std::size_t>(9, history.size())),
                      history.end());
    std::map<std::string, double> expected = defined(history, "");
    expected.merge(defined(recent, "exact1min"));
    expected.merge(defined(few, "last9"));
    // Texts that are no numbers.
    expected["driver_last_distinct1"] = kNoValue;
    ASSERT_EQ(names.size(), expected.size());
    for (std::size_t column = 0; column < names.size(); ++column) {
      ASSERT_TRUE(expected.contains(names[column])) << names[column];
      const double value = row.at(column).value_or(kNoValue);
      const double wanted = expected[names[column]];
      EXPECT_TRUE(value == wanted || (std::isnan(value) && std::isnan(wanted)))
          << names[column] << ": " << value << " and not " << wanted << " at record " << i;
    }
    history.emplace_back(now, trip);
  }
}

struct Reading {
  double level = 0;
  std::vector<double> place;
};

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(FeatureOperations, TakeCategoriesThatAreNotFiniteByThePolicy) {
  for (const auto& [policy, distinct] : {std::pair(NonFinite::kAsNull, 2.0F), {NonFinite::kKeep, 4.0F}}) {
    auto computer = FeatureComputer<Reading>::of(features<Reading>("readings", 1)
                                                     .not_finite(policy)
                                                     .include_current(true)
                                                     .agg(distinct_count("level", &Reading::level)));
    ASSERT_TRUE(computer.ok()) << computer.status();
    FeatureRow row;
    for (const double level : {1.0, kNoValue, kInfinity, 2.5}) row = computer->row("k", {level, {}}, 1'000);
    EXPECT_EQ(row.at(0), distinct);
  }
}

TEST(FeatureOperations, CountWhatIsNotFiniteOnceForEachColumnAndElement) {
  const auto view = features<Reading>("readings", 1)
                        .agg(sum("level", &Reading::level))
                        .agg(distinct_count("level", &Reading::level))
                        .agg(element_sums("place", &Reading::place, 3));
  const auto plan = view.plan();
  ASSERT_TRUE(plan.ok()) << plan.status();
  ColumnsOf<Reading> columns(**plan, view.readers());
  EXPECT_EQ(columns.read({1, {1, 2, 3}}), 0u);
  EXPECT_EQ(columns.read({1, {kNoValue, 2, -kInfinity}}), 2u);
  EXPECT_EQ(columns.read({kInfinity, {1, kNoValue, 3}}), 3u);
  auto computer = FeatureComputer<Reading>::of(view);
  ASSERT_TRUE(computer.ok()) << computer.status();
  computer->row("k", {1, {kNoValue, 2, 3}}, 1'000);
  EXPECT_EQ(computer->row("k", {1, {1, 2, 3}}, 1'000).at(2), std::nullopt);
  EXPECT_EQ(computer->row("k", {1, {1, 2, 3}}, 1'000).at(3), 4);
}

TEST(FeatureOperations, LetWhatIsNotFiniteInWhereTheViewKeepsIt) {
  auto computer = FeatureComputer<Reading>::of(features<Reading>("readings", 1)
                                                   .not_finite(NonFinite::kKeep)
                                                   .include_current(true)
                                                   .agg(value_count("level", &Reading::level))
                                                   .agg(sum("level", &Reading::level))
                                                   .agg(minimum("level", &Reading::level))
                                                   .agg(maximum("level", &Reading::level))
                                                   .agg(top_k("level", &Reading::level, 2))
                                                   .agg(bins("level", &Reading::level, {2.0}))
                                                   .agg(quantiles("level", &Reading::level, {0.5}, 0.001))
                                                   .agg(largest_rise("level", &Reading::level)));
  ASSERT_TRUE(computer.ok()) << computer.status();
  const auto text_after = [&](double level) {
    const FeatureRow& row = computer->row("k", {level, {}}, 1'000);
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i)
      text += row.has(i) ? fmt::format("{:.3g} ", row.values()[i]) : std::string("- ");
    return text;
  };
  EXPECT_EQ(text_after(1), "1 1 1 1 1 - 1 0 1 0 ");
  EXPECT_EQ(text_after(3), "2 4 1 3 3 1 1 1 1 2 ");
  // A quantile is one of the finite numbers; other orders know where infinity is.
  EXPECT_EQ(text_after(kInfinity), "3 inf 1 inf inf 3 1 2 1 inf ");
  EXPECT_EQ(text_after(kNoValue), "4 - 1 inf inf 3 1 2 1 inf ");
}

TEST(FeatureOperations, BoundTheErrorOfTopShares) {
  const auto view = features<Trip, double>("shares", 1)
                        .agg(top_share("zone", &Trip::zone, 1, 8))
                        .agg(top_share_error("zone", &Trip::zone, 8));
  auto computer = FeatureComputer<Trip, double>::of(view);
  ASSERT_TRUE(computer.ok()) << computer.status();
  std::mt19937_64 random(3);
  std::map<int, int> counts;
  for (int i = 0; i < 3'000; ++i) {
    const Trip trip{random() % 3 == 0 ? 1 : static_cast<int>(random() % 50), std::nullopt, {}};
    const auto row = computer->row("k", trip, 1'000 + i);
    if (i > 0) {
      int most = 0;
      for (const auto& [zone, count] : counts) most = std::max(most, count);
      const double share = static_cast<double>(most) / i;
      EXPECT_GE(row.values()[0], share - 1e-12);
      EXPECT_LE(row.values()[0] - row.values()[1], share + 1e-12);
      EXPECT_LE(row.values()[1], 1.0 / 8 + 1e-12);
    }
    ++counts[trip.zone];
  }
}

}  // namespace
}  // namespace weir::ml
