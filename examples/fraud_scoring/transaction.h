// What the topics and the store of the fraud example hold, all as JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <weir/core/json_serde.h>
#include <weir/core/time.h>

namespace fraud {

// A purchase with a card; topic "transactions", keyed by card. Its time is the record's.
struct Transaction {
  std::string id;
  std::string merchant;
  double amount = 0;
  std::string country;
  bool card_present = false;
};

// What the bank knows of a card; topic "profiles", keyed by card.
struct CardProfile {
  std::string country;
  double limit = 0;
  double usual_amount = 0;
  std::int32_t age_days = 0;
};

// A scored transaction; topics "scores" and "alerts", keyed by card.
struct Score {
  std::string transaction;
  double probability = 0;
  double amount = 0;
  std::optional<double> amount_to_usual;  // nothing without a profile
  bool card_present = false;
  std::string merchant;
};

// What turned out later; topic "labels", keyed by transaction: the pattern of a fraud, "" for an honest purchase. Its time is
// when that was known.
struct Label {
  std::string pattern;
};

// What is remembered of a card, in the store "card-history": the purchases of its last hour, oldest first, and the merchants
// it was used at, latest last.
struct CardHistory {
  struct Purchase {
    weir::Timestamp time = 0;
    double amount = 0;
  };
  std::vector<Purchase> last_hour;
  weir::Timestamp last_time = weir::kNoTimestamp;
  std::vector<std::string> merchants;
};

}  // namespace fraud

template <>
struct weir::Serde<fraud::Transaction> : weir::JsonSerde<fraud::Transaction> {
  static constexpr auto kFields =
      fields(field("id", &fraud::Transaction::id), field("merchant", &fraud::Transaction::merchant),
             field("amount", &fraud::Transaction::amount), field("country", &fraud::Transaction::country),
             field("card_present", &fraud::Transaction::card_present));
};

template <>
struct weir::Serde<fraud::CardProfile> : weir::JsonSerde<fraud::CardProfile> {
  static constexpr auto kFields =
      fields(field("country", &fraud::CardProfile::country), field("limit", &fraud::CardProfile::limit),
             field("usual_amount", &fraud::CardProfile::usual_amount),
             field("age_days", &fraud::CardProfile::age_days));
};

template <>
struct weir::Serde<fraud::Score> : weir::JsonSerde<fraud::Score> {
  static constexpr auto kFields = fields(
      field("transaction", &fraud::Score::transaction), field("probability", &fraud::Score::probability),
      field("amount", &fraud::Score::amount), field("amount_to_usual", &fraud::Score::amount_to_usual),
      field("card_present", &fraud::Score::card_present), field("merchant", &fraud::Score::merchant));
};

template <>
struct weir::Serde<fraud::Label> : weir::JsonSerde<fraud::Label> {
  static constexpr auto kFields = fields(field("pattern", &fraud::Label::pattern));
};

template <>
struct weir::Serde<fraud::CardHistory::Purchase> : weir::JsonSerde<fraud::CardHistory::Purchase> {
  static constexpr auto kFields = fields(field("time", &fraud::CardHistory::Purchase::time),
                                         field("amount", &fraud::CardHistory::Purchase::amount));
};

template <>
struct weir::Serde<fraud::CardHistory> : weir::JsonSerde<fraud::CardHistory> {
  static constexpr auto kFields = fields(field("last_hour", &fraud::CardHistory::last_hour),
                                         field("last_time", &fraud::CardHistory::last_time),
                                         field("merchants", &fraud::CardHistory::merchants));
};
