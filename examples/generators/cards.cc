#include "cards.h"

#include <algorithm>
#include <cmath>

namespace generators {
namespace {

constexpr weir::Timestamp kSecond = 1000;
constexpr weir::Timestamp kHour = 3600 * kSecond;
constexpr weir::Timestamp kDay = 24 * kHour;
constexpr double kPurchasesPerCardAndDay = 6;
// How much more is bought at the best hour of the day than on average.
constexpr double kDaySwing = 0.8;

double cents(double amount) { return std::max(0.5, std::round(amount * 100) / 100); }

}  // namespace

std::string_view name_of(CardFraud fraud) {
  switch (fraud) {
    case CardFraud::kNone:
      return "";
    case CardFraud::kBigTicket:
      return "big-ticket";
    case CardFraud::kBadTerminal:
      return "bad-terminal";
    case CardFraud::kStolenNumber:
      return "stolen-number";
    case CardFraud::kTestThenSpend:
      return "test-then-spend";
  }
  return "";
}

CardWorld::CardWorld(const CardOptions& options)
    : options_(options), random_(options.seed), honest_time_(options.start) {
  const int count =
      options_.cards > 0
          ? options_.cards
          : std::max(10, static_cast<int>(std::min<std::uint64_t>(options_.purchases / 150, 1'000'000)));
  // Dense enough that everybody has some around.
  terminals_.resize(static_cast<std::size_t>(std::max(400, count * 3 / 10)));
  compromised_until_.resize(terminals_.size());
  terminals_of_country_.resize(kCountries.size());
  for (std::size_t terminal = 0; terminal < terminals_.size(); ++terminal) {
    terminals_[terminal] = {random_.uniform(), random_.uniform()};
    terminals_of_country_[static_cast<std::size_t>(terminals_[terminal].country())].push_back(
        static_cast<int>(terminal));
  }
  cards_.resize(static_cast<std::size_t>(count));
  trips_.resize(cards_.size());
  for (Card& card : cards_) {
    do {
      card.home = {random_.uniform(), random_.uniform()};
      card.terminals = terminals_around(card.home);
    } while (card.terminals.empty());
    card.usual_amount = cents(exp_of(random_.uniform(2.3, 4.8)));
    card.limit = std::round(card.usual_amount * random_.uniform(20, 60));
    card.age_days = 30 + random_.pick(3000);
    card.pace = random_.uniform(0.2, 2.0);
    paces_.add(card.pace);
  }
  mean_gap_ = static_cast<double>(kDay) / (kPurchasesPerCardAndDay * count);
}

std::vector<int> CardWorld::terminals_around(const Place& place) const {
  std::vector<int> around;
  for (const int terminal : terminals_of_country_[static_cast<std::size_t>(place.country())]) {
    const double x = terminals_[static_cast<std::size_t>(terminal)].x - place.x;
    const double y = terminals_[static_cast<std::size_t>(terminal)].y - place.y;
    if (x * x + y * y <= kRadius * kRadius) around.push_back(terminal);
  }
  return around;
}

double CardWorld::amount_around(double usual, weir::Timestamp time) {
  const double prices = drifted(time) ? 1.3 : 1.0;
  return cents(usual * prices * exp_of(random_.uniform(-1.0, 1.0)));
}

int CardWorld::terminal_abroad(const Card& card) {
  while (true) {
    const int terminal = random_.pick(static_cast<int>(terminals_.size()));
    if (terminals_[static_cast<std::size_t>(terminal)].country() != card.home.country()) return terminal;
  }
}

int CardWorld::terminal_at_home(const Card& card) {
  return random_.one_of(terminals_of_country_[static_cast<std::size_t>(card.home.country())]);
}

void CardWorld::plan(Purchase purchase) {
  purchase.number = planned_count_++;
  if (!random_.chance(options_.never_labelled_share)) {
    const double delay = std::min(2.0 * kHour + random_.exponential(3.0 * kDay), 28.0 * kDay);
    purchase.labelled_at = purchase.time + static_cast<weir::Timestamp>(delay);
  }
  planned_.push(purchase);
}

void CardWorld::plan_honest() {
  // Thinned: the hour decides whether what may be a purchase is one.
  do {
    honest_time_ += static_cast<weir::Timestamp>(random_.exponential(mean_gap_ / (1 + kDaySwing))) + 1;
  } while (!random_.chance(
      (1 - kDaySwing * cosine_of_turns(static_cast<double>(honest_time_ % kDay) / kDay - 2.0 / 24)) /
      (1 + kDaySwing)));
  const std::size_t index = paces_.pick(random_);
  const Card& card = cards_[index];
  Trip& trip = trips_[index];
  if (trip.until < honest_time_ && random_.chance(0.002)) {
    trip.until = honest_time_ + static_cast<weir::Timestamp>(random_.uniform(6, 120) * kHour);
    trip.terminals = terminals_around(terminals_[static_cast<std::size_t>(terminal_abroad(card))]);
  }
  const bool away = trip.until > honest_time_;
  Purchase purchase;
  purchase.card = static_cast<int>(index);
  purchase.time = honest_time_;
  purchase.terminal = random_.one_of(away ? trip.terminals : card.terminals);
  purchase.amount = amount_around(card.usual_amount, honest_time_);
  purchase.card_present = random_.chance(drifted(honest_time_) ? 0.45 : 0.65);
  // Shops far away are reached without the card.
  if (!away && !purchase.card_present && random_.chance(0.12)) purchase.terminal = terminal_at_home(card);
  if (random_.chance(0.01)) purchase.amount = std::round(purchase.amount * random_.uniform(3, 9));
  plan(purchase);
  if (compromised_until_[static_cast<std::size_t>(purchase.terminal)] > honest_time_ && random_.chance(0.2))
    plan_second_charge(purchase);
  // People who shop, shop again.
  if (random_.chance(0.15)) {
    purchase.time += static_cast<weir::Timestamp>(random_.uniform(20, 900) * kSecond);
    purchase.amount = amount_around(card.usual_amount, purchase.time);
    plan(purchase);
  }
  if (random_.chance(options_.fraud_share)) {
    plan_fraud(static_cast<int>(index),
               honest_time_ + static_cast<weir::Timestamp>(random_.uniform(1, 6) * kHour));
  }
  if (random_.chance(options_.compromised_share)) {
    const int terminal = random_.pick(static_cast<int>(terminals_.size()));
    compromised_until_[static_cast<std::size_t>(terminal)] =
        honest_time_ + static_cast<weir::Timestamp>(random_.uniform(14, 28) * kDay);
  }
}

void CardWorld::plan_second_charge(const Purchase& first) {
  Purchase second = first;
  second.time += static_cast<weir::Timestamp>(random_.uniform(60, 7200) * kSecond);
  second.amount = cents(first.amount * random_.uniform(0.8, 1.2));
  second.fraud = CardFraud::kBadTerminal;
  plan(second);
}

void CardWorld::plan_fraud(int index, weir::Timestamp time) {
  const Card& card = cards_[static_cast<std::size_t>(index)];
  switch (random_.pick(3)) {
    case 0:
      return plan_tests(index, time);
    case 1:
      return plan_burst(index, time);
    default: {
      const double times = drifted(time) ? random_.uniform(5, 10) : random_.uniform(8, 20);
      Purchase purchase{.card = index, .terminal = terminal_at_home(card), .time = time};
      purchase.amount = std::round(card.usual_amount * times);
      purchase.card_present = random_.chance(0.2);
      purchase.fraud = CardFraud::kBigTicket;
      plan(purchase);
    }
  }
}

void CardWorld::plan_tests(int index, weir::Timestamp time) {
  const Card& card = cards_[static_cast<std::size_t>(index)];
  Purchase purchase{.card = index, .time = time, .fraud = CardFraud::kTestThenSpend};
  for (int tests = 2 + random_.pick(3); tests > 0; --tests) {
    purchase.time += static_cast<weir::Timestamp>(random_.uniform(3, 40) * kSecond);
    purchase.terminal = terminal_at_home(card);
    purchase.amount = cents(random_.uniform(0.5, 4));
    plan(purchase);
  }
  for (int big = 1 + random_.pick(3); big > 0; --big) {
    purchase.time += static_cast<weir::Timestamp>(random_.uniform(10, 120) * kSecond);
    purchase.terminal = terminal_at_home(card);
    purchase.amount = std::round(card.usual_amount * random_.uniform(4, 15));
    plan(purchase);
  }
}

void CardWorld::plan_burst(int index, weir::Timestamp time) {
  const Card& card = cards_[static_cast<std::size_t>(index)];
  const bool new_way = drifted(time);
  Purchase purchase{.card = index, .time = time, .fraud = CardFraud::kStolenNumber};
  for (int purchases = 4 + random_.pick(6); purchases > 0; --purchases) {
    purchase.time += static_cast<weir::Timestamp>(
        (new_way ? random_.uniform(60, 400) : random_.uniform(10, 90)) * kSecond);
    purchase.terminal = new_way ? terminal_at_home(card) : terminal_abroad(card);
    purchase.amount = cents(card.usual_amount * (new_way ? random_.uniform(2, 4) : random_.uniform(1, 6)));
    plan(purchase);
  }
}

Purchase CardWorld::next() {
  // Nothing planned later can come before the honest time, so what is due until then is settled.
  while (planned_.empty() || planned_.top().time > honest_time_) plan_honest();
  Purchase purchase = planned_.top();
  planned_.pop();
  purchase.number = made_++;
  return purchase;
}

}  // namespace generators
