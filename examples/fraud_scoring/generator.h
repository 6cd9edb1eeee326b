// Invents cards and their purchases, honest and fraudulent ones. The same seed gives the same purchases on every machine.
//
// Each card has a home country, a circle of merchants, a usual amount and a pace. Honest people travel, and now and then buy
// something big or somewhere new. Frauds come in three patterns:
//
//   test-then-spend   a few tiny purchases by a stolen number within a minute or two, then big ones
//   abroad-burst      many purchases in a foreign country within ten minutes
//   big-ticket        one purchase of a multiple of the usual amount, at a merchant the card was never used at
#pragma once

#include <cstdint>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "transaction.h"

namespace fraud {

struct GeneratorOptions {
  std::uint64_t seed = 1;
  std::uint64_t transactions = 300'000;
  int cards = 2'000;
  // Of the records that are no valid transaction: cut off, without an amount, with a negative one.
  double unreadable_share = 0.001;
  // Frauds begin at this share of honest purchases; each has one to ten purchases.
  double fraud_share = 0.003;
  weir::Timestamp start = 1'767'225'600'000;  // 2026-01-01
};

struct GeneratedRecord {
  std::string card;
  std::string bytes;  // the value as it is written
  weir::Timestamp time = 0;
  std::string id;
  std::string pattern;  // of a fraud
  bool readable = true;
};

class Generator {
 public:
  explicit Generator(const GeneratorOptions& options);

  // Returns the next purchase, in order of time. Requires that fewer than options.transactions were made.
  [[nodiscard]] GeneratedRecord next();

  [[nodiscard]] std::uint64_t made() const { return made_; }

  // By card name; fixed from the beginning.
  [[nodiscard]] std::vector<std::pair<std::string, CardProfile>> profiles() const;

 private:
  struct Card {
    std::string name;
    CardProfile profile;
    std::vector<int> merchants;  // its circle
    double pace = 1;             // relative to other cards
    weir::Timestamp away_until = 0;
    std::string away_country;
  };
  struct Event {
    weir::Timestamp time;
    std::uint64_t order;  // breaks ties
    std::size_t card;
    std::string pattern;
    double amount;
    std::string country;
    int merchant;
    bool card_present;
  };
  struct Later {
    bool operator()(const Event& left, const Event& right) const {
      return left.time != right.time ? left.time > right.time : left.order > right.order;
    }
  };

  double uniform(double from, double to);
  bool chance(double probability);
  int pick(int count);
  double amount_around(double usual);
  std::string foreign_country(const Card& card);
  void plan_honest();
  void plan_fraud(std::size_t card, weir::Timestamp time);
  void plan(Event event);
  std::string damage(const Transaction& transaction);

  const GeneratorOptions options_;
  std::mt19937_64 random_;
  std::vector<Card> cards_;
  std::vector<double> pace_sums_;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  weir::Timestamp honest_time_;
  std::uint64_t order_ = 0;
  std::uint64_t made_ = 0;
};

}  // namespace fraud
