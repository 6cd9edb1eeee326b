// Card holders who buy at terminals, and thieves.
//
// Both live on a unit square, cut into countries. A holder buys within a radius of home, has a usual amount, a pace and a day,
// travels now and then, and sometimes buys something big or somewhere new. Frauds come in four modes:
//
//   big-ticket         one purchase of a multiple of the usual amount, at a terminal the card was never used at
//   bad-terminal       a terminal is compromised for weeks; after some purchases there a second one is charged, alike
//   stolen-number      a burst of purchases without the card, abroad, within some minutes
//   test-then-spend    a few tiny purchases without the card within a minute or two, then big ones
//
// From the drift date on the world is another one: prices are higher and more is bought without the card; bursts come from the
// holder's own country, smaller and slower, and big tickets are less big. A model of before knows none of that.
//
// What a purchase was turns out later: its label comes after hours to weeks, or, for some, never.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <queue>
#include <string_view>
#include <vector>

#include <weir/core/time.h>

#include "random.h"

namespace generators {

struct CardOptions {
  std::uint64_t seed = 1;
  std::uint64_t purchases = 300'000;
  int cards = 0;  // 0: one for 150 purchases, so that the world lasts some 25 days whatever its size
  // Frauds begin at this share of honest purchases; each has one to ten purchases.
  double fraud_share = 0.003;
  double compromised_share = 3e-5;            // terminals are compromised at this share of honest purchases
  weir::Timestamp start = 1'767'225'600'000;  // 2026-01-01
  std::optional<weir::Timestamp> drift_at = {};
  double never_labelled_share = 0.05;
};

enum class CardFraud : std::uint8_t { kNone, kBigTicket, kBadTerminal, kStolenNumber, kTestThenSpend };

// "" for kNone.
[[nodiscard]] std::string_view name_of(CardFraud fraud);

inline constexpr std::array<std::string_view, 8> kCountries = {"DE", "FR", "IT", "ES",
                                                               "PL", "NL", "US", "JP"};

struct Place {
  double x = 0;
  double y = 0;

  [[nodiscard]] int country() const { return static_cast<int>(x * kCountries.size()); }
};

struct Card {
  Place home;
  double usual_amount = 0;
  double limit = 0;
  int age_days = 0;
  double pace = 1;             // relative to other cards
  std::vector<int> terminals;  // within the radius of home
};

struct Purchase {
  std::uint64_t number = 0;
  int card = 0;
  int terminal = 0;
  weir::Timestamp time = 0;
  double amount = 0;
  bool card_present = false;
  CardFraud fraud = CardFraud::kNone;
  std::optional<weir::Timestamp> labelled_at = {};
};

class CardWorld {
 public:
  static constexpr double kRadius = 0.1;

  explicit CardWorld(const CardOptions& options);

  // Returns the next purchase, in order of time; there is no end.
  [[nodiscard]] Purchase next();

  [[nodiscard]] const std::vector<Card>& cards() const { return cards_; }
  [[nodiscard]] const std::vector<Place>& terminals() const { return terminals_; }

 private:
  struct Trip {
    weir::Timestamp until = 0;
    std::vector<int> terminals;
  };
  struct Later {
    bool operator()(const Purchase& left, const Purchase& right) const {
      return left.time != right.time ? left.time > right.time : left.number > right.number;
    }
  };

  [[nodiscard]] bool drifted(weir::Timestamp time) const {
    return options_.drift_at && time >= *options_.drift_at;
  }
  [[nodiscard]] std::vector<int> terminals_around(const Place& place) const;
  double amount_around(double usual, weir::Timestamp time);
  int terminal_abroad(const Card& card);
  int terminal_at_home(const Card& card);
  void plan(Purchase purchase);
  void plan_honest();
  void plan_second_charge(const Purchase& first);
  void plan_fraud(int card, weir::Timestamp time);
  void plan_burst(int card, weir::Timestamp time);
  void plan_tests(int card, weir::Timestamp time);

  const CardOptions options_;
  Random random_;
  std::vector<Place> terminals_;
  std::vector<std::vector<int>> terminals_of_country_;
  std::vector<weir::Timestamp> compromised_until_;  // by terminal
  std::vector<Card> cards_;
  std::vector<Trip> trips_;  // by card
  Shares paces_;
  double mean_gap_ = 0;  // between honest purchases, in ms
  std::priority_queue<Purchase, std::vector<Purchase>, Later> planned_;
  weir::Timestamp honest_time_;
  std::uint64_t planned_count_ = 0;  // breaks ties
  std::uint64_t made_ = 0;
};

}  // namespace generators
