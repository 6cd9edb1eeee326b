#include "world.h"

#include <fmt/format.h>

namespace fraud {
namespace {

std::string card_name(std::size_t number) { return fmt::format("card-{:06}", number); }

std::string country_of(const generators::Place& place) {
  return std::string(generators::kCountries[static_cast<std::size_t>(place.country())]);
}

}  // namespace

World::World(const WorldOptions& options)
    : unreadable_share_(options.unreadable_share), cards_(options.cards), random_(options.cards.seed + 1) {}

WorldRecord World::next() {
  const generators::Purchase purchase = cards_.next();
  WorldRecord record;
  record.card = card_name(static_cast<std::size_t>(purchase.card));
  record.id = fmt::format("t{:09}", purchase.number);
  record.time = purchase.time;
  record.pattern = name_of(purchase.fraud);
  record.labelled_at = purchase.labelled_at;
  record.transaction = {
      .id = record.id,
      .merchant = fmt::format("m{:03}", purchase.terminal),
      .amount = purchase.amount,
      .country = country_of(cards_.terminals()[static_cast<std::size_t>(purchase.terminal)]),
      .card_present = purchase.card_present};
  record.readable = !random_.chance(unreadable_share_);
  if (record.readable) {
    weir::Serde<Transaction>::encode(record.transaction, record.bytes);
  } else {
    record.bytes = damage(record.transaction);
  }
  return record;
}

std::string World::damage(const Transaction& transaction) {
  std::string bytes;
  switch (random_.pick(3)) {
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

std::vector<std::pair<std::string, CardProfile>> World::profiles() const {
  std::vector<std::pair<std::string, CardProfile>> result;
  for (std::size_t number = 0; number < cards_.cards().size(); ++number) {
    const generators::Card& card = cards_.cards()[number];
    result.emplace_back(card_name(number),
                        CardProfile{country_of(card.home), card.limit, card.usual_amount, card.age_days});
  }
  return result;
}

}  // namespace fraud
