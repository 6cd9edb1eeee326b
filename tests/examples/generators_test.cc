// The worlds of the examples: the same for the same seed on every machine, and true to what they say of themselves.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/features/feature_computer.h>
#include <weir/ml/features/feature_view.h>

#include "cards.h"
#include "clicks.h"
#include "fleet.h"
#include "portable_math.h"
#include "random.h"
#include "world_digest.h"

namespace generators {
namespace {

constexpr weir::Timestamp kHour = 3'600'000;
constexpr weir::Timestamp kDay = 24 * kHour;

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

TEST(PortableMath, AgreesWithTheStandardLibrary) {
  for (int i = 1; i < 20'000; ++i) {
    const double x = i * 0.0137;
    EXPECT_NEAR(log_of(x), std::log(x), 2e-15 * std::max(1.0, std::abs(std::log(x)))) << x;
    EXPECT_NEAR(exp_of(x - 137) / std::exp(x - 137), 1, 2e-15) << x;
    EXPECT_NEAR(cosine_of_turns(x), std::cos(x * 2 * std::numbers::pi), 1e-12) << x;
    EXPECT_NEAR(sine_of_turns(-x), -std::sin(x * 2 * std::numbers::pi), 1e-12) << x;
  }
  EXPECT_EQ(log_of(1), 0);
  EXPECT_EQ(exp_of(0), 1);
  EXPECT_NEAR(sine_of_turns(0.25), 1, 1e-15);
}

TEST(Random, HasTheMomentsOfItsLaws) {
  Random random(1);
  std::vector<double> normal;
  std::vector<double> squares;
  std::vector<double> exponential;
  std::vector<double> poisson;
  for (int i = 0; i < 50'000; ++i) {
    normal.push_back(random.normal(3, 2));
    squares.push_back((normal.back() - 3) * (normal.back() - 3));
    exponential.push_back(random.exponential(5));
    poisson.push_back(random.poisson(2.5));
  }
  EXPECT_NEAR(mean_of(normal), 3, 0.05);
  EXPECT_NEAR(mean_of(squares), 4, 0.1);
  EXPECT_NEAR(mean_of(exponential), 5, 0.1);
  EXPECT_NEAR(mean_of(poisson), 2.5, 0.04);
}

TEST(Random, PicksByShares) {
  Random random(2);
  Shares shares;
  for (const double share : {1.0, 0.0, 3.0}) shares.add(share);
  std::array<int, 3> picked{};
  for (int i = 0; i < 40'000; ++i) ++picked[shares.pick(random)];
  EXPECT_EQ(picked[1], 0);
  EXPECT_NEAR(picked[2] / 40'000.0, 0.75, 0.01);
}

std::uint64_t digest_of_cards(std::uint64_t seed) {
  CardWorld world({.seed = seed, .drift_at = 1'767'225'600'000 + 2 * kDay});
  Digest digest;
  for (int i = 0; i < 20'000; ++i) {
    const Purchase purchase = world.next();
    for (const std::int64_t value :
         {std::int64_t{purchase.card}, std::int64_t{purchase.terminal}, purchase.time,
          purchase.labelled_at.value_or(-1), std::int64_t{purchase.card_present}})
      digest.add(value);
    digest.add(purchase.amount);
  }
  return digest.sum();
}

TEST(Cards, AreTheSameOnEveryMachine) {
  EXPECT_EQ(digest_of_cards(1), 13243512288715030742U);
  EXPECT_NE(digest_of_cards(2), digest_of_cards(1));
}

TEST(Cards, BuyInOrderOfTimeAroundTheirHomes) {
  CardWorld world({.seed = 3});
  int around = 0;
  int honest = 0;
  weir::Timestamp last = 0;
  for (std::uint64_t i = 0; i < 50'000; ++i) {
    const Purchase purchase = world.next();
    ASSERT_EQ(purchase.number, i);
    ASSERT_GE(purchase.time, last);
    last = purchase.time;
    ASSERT_GT(purchase.amount, 0);
    ASSERT_DOUBLE_EQ(std::round(purchase.amount * 100), purchase.amount * 100);
    if (purchase.fraud != CardFraud::kNone) continue;
    ++honest;
    const auto& near = world.cards()[static_cast<std::size_t>(purchase.card)].terminals;
    around += std::find(near.begin(), near.end(), purchase.terminal) != near.end() ? 1 : 0;
  }
  EXPECT_GT(around, honest * 8 / 10);
  EXPECT_LT(around, honest);  // people travel
  for (const Card& card : world.cards()) {
    for (const int terminal : card.terminals) {
      const Place& place = world.terminals()[static_cast<std::size_t>(terminal)];
      ASSERT_LE(std::hypot(place.x - card.home.x, place.y - card.home.y), CardWorld::kRadius + 1e-12);
      ASSERT_EQ(place.country(), card.home.country());
    }
  }
}

TEST(Cards, AreUsedByDayMoreThanByNight) {
  CardWorld world({.seed = 4});
  std::array<int, 24> hours{};
  for (int i = 0; i < 60'000; ++i) ++hours[static_cast<std::size_t>(world.next().time / kHour % 24)];
  EXPECT_GT(hours[14], 4 * hours[2]);
}

TEST(Cards, HaveEveryModeOfFraudAndLabelsThatComeLate) {
  CardWorld world({.seed = 1});
  std::map<CardFraud, int> modes;
  int never = 0;
  std::vector<double> delays;
  for (int i = 0; i < 200'000; ++i) {
    const Purchase purchase = world.next();
    ++modes[purchase.fraud];
    if (!purchase.labelled_at) {
      ++never;
      continue;
    }
    delays.push_back(static_cast<double>(*purchase.labelled_at - purchase.time) / kHour);
  }
  for (const CardFraud mode :
       {CardFraud::kBigTicket, CardFraud::kBadTerminal, CardFraud::kStolenNumber, CardFraud::kTestThenSpend})
    EXPECT_GT(modes[mode], 20) << name_of(mode);
  const int frauds = 200'000 - modes[CardFraud::kNone];
  EXPECT_GT(frauds, 200'000 * 0.005);
  EXPECT_LT(frauds, 200'000 * 0.015);
  EXPECT_NEAR(never / 200'000.0, 0.05, 0.005);
  EXPECT_GE(*std::min_element(delays.begin(), delays.end()), 2);
  EXPECT_LE(*std::max_element(delays.begin(), delays.end()), 28 * 24);
  EXPECT_NEAR(mean_of(delays), 74, 2);
}

struct AverageBurst {
  double home = 0;
  double times_usual = 0;
};

AverageBurst burst_of(const CardOptions& options) {
  CardWorld world(options);
  AverageBurst sum;
  int bursts = 0;
  for (int i = 0; i < 60'000; ++i) {
    const Purchase purchase = world.next();
    if (purchase.fraud != CardFraud::kStolenNumber) continue;
    const Card& card = world.cards()[static_cast<std::size_t>(purchase.card)];
    const Place& terminal = world.terminals()[static_cast<std::size_t>(purchase.terminal)];
    sum.home += terminal.country() == card.home.country() ? 1 : 0;
    sum.times_usual += purchase.amount / card.usual_amount;
    ++bursts;
  }
  return {sum.home / bursts, sum.times_usual / bursts};
}

TEST(Cards, ChangeTheirWaysAtTheDriftDate) {
  const AverageBurst before = burst_of({.seed = 5});
  EXPECT_EQ(before.home, 0);
  EXPECT_NEAR(before.times_usual, 3.5, 0.3);
  const AverageBurst after = burst_of({.seed = 5, .drift_at = 0});
  EXPECT_EQ(after.home, 1);
  EXPECT_NEAR(after.times_usual, 3, 0.3);
}

// How probable it is that one of `high` is above one of `low`; ties count half.
double area(std::vector<double> low, const std::vector<double>& high) {
  std::sort(low.begin(), low.end());
  double sum = 0;
  for (const double value : high) {
    const auto [below, until] = std::equal_range(low.begin(), low.end(), value);
    sum += static_cast<double>((below - low.begin()) + (until - low.begin())) / 2;
  }
  return sum / (static_cast<double>(low.size()) * static_cast<double>(high.size()));
}

// What a terminal is known for must leave out the last week, whose frauds nobody knows yet. The view says the same as a count by
// hand, and tells the second charges of a compromised terminal from what is honest.
TEST(Cards, TerminalsThatAreCompromisedShowAWeekLater) {
  using namespace weir::ml::agg;
  const auto view =
      weir::ml::features<Purchase>("terminal", 1)
          .key([](const Purchase& purchase) { return std::to_string(purchase.terminal); })
          .agg(count_if("fraud",
                        [](const Purchase& purchase) { return purchase.fraud == CardFraud::kBadTerminal; }),
               {weir::ml::delayed(weir::ml::days(14), weir::ml::days(7))})
          .hops({weir::Duration{kDay}});
  auto computer = weir::ml::FeatureComputer<Purchase>::of(view);
  CardWorld world({.seed = 6, .cards = 500, .compromised_share = 3e-4});
  std::map<int, std::vector<weir::Timestamp>> frauds;  // by terminal
  std::vector<double> honest;
  std::vector<double> second_charges;
  for (int i = 0; i < 100'000; ++i) {
    const Purchase purchase = world.next();
    const auto row = computer->row(std::to_string(purchase.terminal), purchase, purchase.time);
    auto& known = frauds[purchase.terminal];
    // A sawtooth that is delayed: both ends of the window lie on whole days.
    const weir::Timestamp until = (purchase.time - 7 * kDay) / kDay * kDay;
    const weir::Timestamp from = until - 14 * kDay;
    const auto by_hand = std::count_if(known.begin(), known.end(),
                                       [&](weir::Timestamp time) { return time >= from && time < until; });
    ASSERT_EQ(row.values()[0], static_cast<float>(by_hand)) << "purchase " << i;
    if (purchase.fraud == CardFraud::kBadTerminal) {
      known.push_back(purchase.time);
      second_charges.push_back(static_cast<double>(by_hand));
    } else if (purchase.fraud == CardFraud::kNone) {
      honest.push_back(static_cast<double>(by_hand));
    }
  }
  ASSERT_GT(second_charges.size(), 100u);
  EXPECT_GT(area(honest, second_charges), 0.65);
}

std::uint64_t digest_of_fleet(std::uint64_t seed) {
  Digest digest;
  for (const Cycle& cycle : Fleet({.seed = seed, .units = 10}).fly()) {
    for (const std::int64_t value : {cycle.unit, cycle.cycle, cycle.regime, cycle.remaining})
      digest.add(value);
    for (const double value : cycle.sensors) digest.add(value);
    for (const double value : cycle.settings) digest.add(value);
  }
  return digest.sum();
}

TEST(Fleet, IsTheSameOnEveryMachine) {
  EXPECT_EQ(digest_of_fleet(1), 5495150876130558776U);
  EXPECT_NE(digest_of_fleet(2), digest_of_fleet(1));
}

TEST(Fleet, FliesUntilItFails) {
  std::map<int, Cycle> last;
  for (const Cycle& cycle : Fleet({.units = 50}).fly()) {
    const auto before = last.find(cycle.unit);
    if (before == last.end()) {
      EXPECT_EQ(cycle.cycle, 1);
      EXPECT_GT(cycle.health, 0.88);
    } else {
      EXPECT_EQ(cycle.cycle, before->second.cycle + 1);
      EXPECT_EQ(cycle.remaining, before->second.remaining - 1);
      EXPECT_LT(cycle.health, before->second.health);
    }
    EXPECT_EQ(cycle.health == 0, cycle.remaining == 0);
    last[cycle.unit] = cycle;
  }
  ASSERT_EQ(last.size(), 50u);
  for (const auto& [unit, cycle] : last) {
    EXPECT_EQ(cycle.remaining, 0) << unit;
    EXPECT_GT(cycle.cycle, 100) << unit;
    EXPECT_LT(cycle.cycle, 500) << unit;
  }
}

// Without noise a sensor is what its regime, its unit's fault and health make of it, and nothing else.
TEST(Fleet, SensorsFollowRegimeAndHealth) {
  Fleet fleet({.units = 20, .noise = 0});
  std::set<Fault> faults;
  for (const Cycle& cycle : fleet.fly()) {
    const Fault fault = fleet.fault_of(cycle.unit);
    faults.insert(fault);
    for (std::size_t sensor = 0; sensor < kSensors; ++sensor) {
      ASSERT_DOUBLE_EQ(cycle.sensors[sensor], fleet.usual(cycle.regime, sensor) +
                                                  (1 - cycle.health) * fleet.movement(fault, sensor));
    }
  }
  EXPECT_EQ(faults.size(), 2u);
  int both = 0;
  int none = 0;
  for (std::size_t sensor = 0; sensor < kSensors; ++sensor) {
    const bool compressor = fleet.movement(Fault::kCompressor, sensor) != 0;
    const bool fan = fleet.movement(Fault::kFan, sensor) != 0;
    both += compressor && fan ? 1 : 0;
    none += !compressor && !fan ? 1 : 0;
  }
  EXPECT_EQ(both, 7);
  EXPECT_EQ(none, 7);
}

TEST(Fleet, NoiseIsAsLargeAsItSays) {
  Fleet fleet({.units = 20});
  std::array<std::vector<double>, kSensors> squares;
  for (const Cycle& cycle : fleet.fly()) {
    for (std::size_t sensor = 0; sensor < kSensors; ++sensor) {
      const double truth = fleet.usual(cycle.regime, sensor) +
                           (1 - cycle.health) * fleet.movement(fleet.fault_of(cycle.unit), sensor);
      const double off = (cycle.sensors[sensor] - truth) / fleet.deviation(sensor);
      squares[sensor].push_back(off * off);
    }
  }
  for (const std::vector<double>& each : squares) EXPECT_NEAR(mean_of(each), 1, 0.15);
}

std::uint64_t digest_of_clicks(std::uint64_t seed) {
  Digest digest;
  for (const Click& click : Shop({.seed = seed, .clicks = 3000}).browse()) {
    for (const std::int64_t value : {std::int64_t{click.user}, std::int64_t{click.item},
                                     std::int64_t{click.position}, std::int64_t{click.session}, click.time})
      digest.add(value);
  }
  return digest.sum();
}

TEST(Clicks, AreTheSameOnEveryMachine) {
  EXPECT_EQ(digest_of_clicks(1), 1509723978651113316U);
  EXPECT_NE(digest_of_clicks(2), digest_of_clicks(1));
}

TEST(Clicks, ComeInSessionsOfOneUserAndOneKind) {
  Shop shop({.clicks = 20'000});
  std::map<int, Click> last;  // by user
  std::map<int, std::map<int, int>> kinds;
  std::map<int, std::set<int>> items;
  weir::Timestamp time = 0;
  int longest_share = 0;
  int clicks = 0;
  for (const Click& click : shop.browse()) {
    ASSERT_GE(click.time, time);
    time = click.time;
    const auto before = last.find(click.user);
    if (before != last.end()) {
      // Sessions are apart, so that a gap of half an hour tells them.
      const weir::Timestamp pause = click.time - before->second.time;
      ASSERT_EQ(pause < 1'800'000, click.session == before->second.session) << pause;
    }
    last[click.user] = click;
    ++kinds[click.session][shop.kind_of(click.item)];
    ASSERT_TRUE(items[click.session].insert(click.item).second) << "twice in a session";
  }
  for (const auto& [session, counts] : kinds) {
    int most = 0;
    for (const auto& [kind, count] : counts) {
      most = std::max(most, count);
      clicks += count;
    }
    longest_share += most;
  }
  // Of twelve kinds; by chance it would be far less.
  EXPECT_GT(longest_share, clicks / 2);
}

TEST(Clicks, FollowPopularityAndPlace) {
  const ClickOptions options{.clicks = 40'000};
  Shop shop(options);
  std::vector<std::pair<double, int>> by_popularity;
  for (int item = 0; item < options.items; ++item) by_popularity.emplace_back(-shop.popularity(item), item);
  std::sort(by_popularity.begin(), by_popularity.end());
  std::set<int> popular;
  for (std::size_t i = 0; i < 24; ++i) popular.insert(by_popularity[i].second);
  int popular_clicks = 0;
  double upper = 0;
  const std::vector<Click> clicks = shop.browse();
  ASSERT_EQ(clicks.size(), options.clicks);
  for (const Click& click : clicks) {
    popular_clicks += popular.contains(click.item) ? 1 : 0;
    upper += click.position < Shop::kPage / 2 ? 1 : 0;
  }
  EXPECT_GT(popular_clicks, 40'000 / 5);  // a tenth of the items
  EXPECT_GT(upper, 40'000 * 0.58);
}

}  // namespace
}  // namespace generators
