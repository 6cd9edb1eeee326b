// What the model looks at. The same code makes the rows it is trained on.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "transaction.h"

namespace fraud {

inline constexpr std::array<std::string_view, 16> kFeatureNames = {
    "amount",          "count_1m",          "sum_1m",
    "mean_1m",         "count_1h",          "sum_1h",
    "mean_1h",         "amount_to_mean_1h", "seconds_since_last",
    "new_merchant",    "card_present",      "abroad",
    "amount_to_usual", "sum_1h_to_limit",   "card_age_days",
    "hour_of_day"};

using Features = std::array<float, kFeatureNames.size()>;

// Returns the place of a feature in a row.
consteval std::size_t column_of(std::string_view name) {
  std::size_t column = 0;
  while (kFeatureNames.at(column) != name) ++column;
  return column;
}

// Returns the row of a purchase at `time`, given what was known of its card before. What is not known is NaN: the time since
// a first purchase, anything about a card without profile.
[[nodiscard]] Features features_of(const Transaction& purchase, weir::Timestamp time,
                                   const CardHistory& history, const std::optional<CardProfile>& profile);

// Adds the purchase to what is known of its card, and forgets what is more than an hour older than the latest one. Late
// purchases are put in their place. Of a card that is used more often than 500 times an hour the latest 500 are kept, of
// its merchants the latest 50.
void remember(CardHistory& history, const Transaction& purchase, weir::Timestamp time);

}  // namespace fraud
