#include "generator.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace fraud {
namespace {

constexpr std::array<const char*, 8> kCountries = {"DE", "FR", "IT", "ES", "PL", "NL", "US", "JP"};
constexpr int kMerchants = 600;
constexpr weir::Timestamp kSecond = 1000;
constexpr weir::Timestamp kMsPerHour = 3600 * kSecond;
// Honest purchases of all cards together come this far apart on average: two thousand cards make some six purchases a day.
constexpr double kMeanGap = 7'000;

}  // namespace

Generator::Generator(const GeneratorOptions& options)
    : options_(options), random_(options.seed), honest_time_(options.start) {
  double pace_sum = 0;
  for (int number = 0; number < options_.cards; ++number) {
    Card card;
    card.name = fmt::format("card-{:06}", number);
    card.profile.country = kCountries[static_cast<std::size_t>(pick(kCountries.size()))];
    card.profile.usual_amount = std::round(std::exp(uniform(2.3, 4.8)) * 100) / 100;
    card.profile.limit = std::round(card.profile.usual_amount * uniform(20, 60));
    card.profile.age_days = 30 + pick(3000);
    for (int i = 0; i < 8; ++i) card.merchants.push_back(pick(kMerchants));
    card.pace = uniform(0.2, 2.0);
    pace_sum += card.pace;
    pace_sums_.push_back(pace_sum);
    cards_.push_back(std::move(card));
  }
}

// The distributions of the standard library differ between implementations; these do not.
double Generator::uniform(double from, double to) {
  return from + (to - from) * (static_cast<double>(random_() >> 11) * 0x1.0p-53);
}

bool Generator::chance(double probability) { return uniform(0, 1) < probability; }

int Generator::pick(int count) { return static_cast<int>(uniform(0, count)); }

double Generator::amount_around(double usual) {
  return std::max(0.5, std::round(usual * std::exp(uniform(-1.0, 1.0)) * 100) / 100);
}

std::string Generator::foreign_country(const Card& card) {
  while (true) {
    const std::string country = kCountries[static_cast<std::size_t>(pick(kCountries.size()))];
    if (country != card.profile.country) return country;
  }
}

void Generator::plan(Event event) {
  event.order = order_++;
  events_.push(std::move(event));
}

void Generator::plan_honest() {
  honest_time_ += static_cast<weir::Timestamp>(-kMeanGap * std::log(1 - uniform(0, 1))) + 1;
  const double place = uniform(0, pace_sums_.back());
  const auto index = static_cast<std::size_t>(std::upper_bound(pace_sums_.begin(), pace_sums_.end(), place) -
                                              pace_sums_.begin());
  Card& card = cards_[std::min(index, cards_.size() - 1)];
  if (card.away_until < honest_time_ && chance(0.002)) {
    card.away_until = honest_time_ + static_cast<weir::Timestamp>(uniform(6, 120)) * kMsPerHour;
    card.away_country = foreign_country(card);
  }
  const bool away = card.away_until > honest_time_;
  Event event{honest_time_,
              0,
              index,
              "",
              amount_around(card.profile.usual_amount),
              away ? card.away_country : card.profile.country,
              card.merchants[static_cast<std::size_t>(pick(static_cast<int>(card.merchants.size())))],
              chance(0.65)};
  if (away || chance(0.05)) event.merchant = pick(kMerchants);
  if (chance(0.01)) event.amount = std::round(event.amount * uniform(3, 9));
  plan(event);
  // People who shop, shop again.
  if (chance(0.15)) {
    event.time += static_cast<weir::Timestamp>(uniform(20, 900)) * kSecond;
    event.amount = amount_around(card.profile.usual_amount);
    plan(event);
  }
  if (chance(options_.fraud_share))
    plan_fraud(index, honest_time_ + static_cast<weir::Timestamp>(uniform(1, 6) * kMsPerHour));
}

void Generator::plan_fraud(std::size_t index, weir::Timestamp time) {
  const Card& card = cards_[index];
  switch (pick(3)) {
    case 0: {
      const int tests = 2 + pick(3);
      for (int i = 0; i < tests; ++i) {
        time += static_cast<weir::Timestamp>(uniform(3, 40)) * kSecond;
        plan({time, 0, index, "test-then-spend", std::round(uniform(0.5, 4) * 100) / 100,
              card.profile.country, pick(kMerchants), false});
      }
      const int big = 1 + pick(3);
      for (int i = 0; i < big; ++i) {
        time += static_cast<weir::Timestamp>(uniform(10, 120)) * kSecond;
        plan({time, 0, index, "test-then-spend", std::round(card.profile.usual_amount * uniform(4, 15)),
              card.profile.country, pick(kMerchants), false});
      }
      break;
    }
    case 1: {
      const std::string country = foreign_country(card);
      const int purchases = 4 + pick(6);
      for (int i = 0; i < purchases; ++i) {
        time += static_cast<weir::Timestamp>(uniform(10, 90)) * kSecond;
        plan({time, 0, index, "abroad-burst", std::round(card.profile.usual_amount * uniform(1, 6)), country,
              pick(kMerchants), chance(0.3)});
      }
      break;
    }
    default:
      plan({time, 0, index, "big-ticket", std::round(card.profile.usual_amount * uniform(8, 20)),
            card.profile.country, pick(kMerchants), chance(0.2)});
  }
}

GeneratedRecord Generator::next() {
  // Nothing planned later can come before the honest time, so what is due until then is settled.
  while (events_.empty() || events_.top().time > honest_time_) plan_honest();
  const Event event = events_.top();
  events_.pop();

  Transaction transaction;
  transaction.id = fmt::format("t{:09}", made_++);
  transaction.merchant = fmt::format("m{:03}", event.merchant);
  transaction.amount = event.amount;
  transaction.country = event.country;
  transaction.card_present = event.card_present;

  GeneratedRecord record;
  record.card = cards_[event.card].name;
  record.time = event.time;
  record.id = transaction.id;
  record.pattern = event.pattern;
  record.readable = !chance(options_.unreadable_share);
  if (record.readable) {
    weir::Serde<Transaction>::encode(transaction, record.bytes);
  } else {
    record.bytes = damage(transaction);
  }
  return record;
}

std::string Generator::damage(const Transaction& transaction) {
  std::string bytes;
  switch (pick(3)) {
    case 0:
      weir::Serde<Transaction>::encode(transaction, bytes);
      return bytes.substr(0, bytes.size() / 2);
    case 1:
      return fmt::format(R"({{"id":"{}","merchant":"{}"}})", transaction.id, transaction.merchant);
    default: {
      Transaction negative = transaction;
      negative.amount = -negative.amount;
      weir::Serde<Transaction>::encode(negative, bytes);
      return bytes;
    }
  }
}

std::vector<std::pair<std::string, CardProfile>> Generator::profiles() const {
  std::vector<std::pair<std::string, CardProfile>> result;
  for (const Card& card : cards_) result.emplace_back(card.name, card.profile);
  return result;
}

}  // namespace fraud
