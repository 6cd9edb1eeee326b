// The parts of the fraud example that have rules of their own: what a card's history remembers, what the model sees of it, and
// that the generator invents the same world for the same seed.
#include <cmath>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "card_features.h"
#include "generator.h"

namespace fraud {
namespace {

constexpr weir::Timestamp kMinute = 60'000;
constexpr weir::Timestamp kHour = 60 * kMinute;

std::size_t column(std::string_view name) {
  for (std::size_t i = 0; i < kFeatureNames.size(); ++i) {
    if (kFeatureNames[i] == name) return i;
  }
  ADD_FAILURE() << "no feature " << name;
  return 0;
}

Transaction purchase(double amount, const std::string& merchant = "m1") {
  return {.id = "t", .merchant = merchant, .amount = amount, .country = "DE", .card_present = true};
}

float feature(std::string_view name, const CardHistory& history, weir::Timestamp time,
              const Transaction& transaction = purchase(10)) {
  return features_of(transaction, time, history, CardProfile{"DE", 1000, 20, 100})[column(name)];
}

TEST(CardFeatures, CountTheMinuteAndTheHourBeforeAPurchase) {
  CardHistory history;
  remember(history, purchase(10), 0);
  remember(history, purchase(20), kHour - 2 * kMinute);
  remember(history, purchase(40), kHour - 1);
  EXPECT_EQ(feature("count_1m", history, kHour - 1), 1);
  EXPECT_EQ(feature("sum_1m", history, kHour - 1), 40);
  EXPECT_EQ(feature("count_1h", history, kHour - 1), 3);
  EXPECT_EQ(feature("sum_1h", history, kHour - 1), 70);
  EXPECT_EQ(feature("count_1h", history, kHour), 2);  // the first one is a whole hour old
  EXPECT_EQ(feature("mean_1h", history, kHour), 30);
}

TEST(CardFeatures, PutALatePurchaseInItsPlace) {
  CardHistory history;
  remember(history, purchase(1), 5 * kMinute);
  remember(history, purchase(2), 1 * kMinute);
  EXPECT_EQ(feature("sum_1h", history, 5 * kMinute), 3);
  EXPECT_EQ(feature("sum_1m", history, 5 * kMinute), 1);
  EXPECT_EQ(feature("sum_1h", history, 2 * kMinute), 2);  // as of then the other had not happened
  EXPECT_EQ(feature("seconds_since_last", history, 6 * kMinute), 60);
}

TEST(CardFeatures, ForgetWhatIsOlderThanAnHourAndBoundTheRest) {
  CardHistory history;
  for (int i = 0; i < 2000; ++i) remember(history, purchase(1, "m" + std::to_string(i)), i);
  EXPECT_EQ(history.last_hour.size(), 500u);
  EXPECT_EQ(history.merchants.size(), 50u);
  remember(history, purchase(1), 10 * kHour);
  EXPECT_EQ(history.last_hour.size(), 1u);
}

TEST(CardFeatures, KnowAMerchantTheCardWasUsedAt) {
  CardHistory history;
  EXPECT_EQ(feature("new_merchant", history, 0), 1);
  remember(history, purchase(1, "m1"), 0);
  EXPECT_EQ(feature("new_merchant", history, 1, purchase(1, "m1")), 0);
  EXPECT_EQ(feature("new_merchant", history, 1, purchase(1, "m2")), 1);
}

TEST(CardFeatures, AreMissingWhereNothingIsKnown) {
  const Features row = features_of(purchase(1), 0, {}, std::nullopt);
  for (const char* name : {"seconds_since_last", "mean_1h", "abroad", "amount_to_usual", "card_age_days"}) {
    EXPECT_TRUE(std::isnan(row[column(name)])) << name;
  }
}

TEST(Generator, InventsTheSamePurchasesForTheSameSeed) {
  Generator one({.seed = 5, .transactions = 5000});
  Generator two({.seed = 5, .transactions = 5000});
  Generator other({.seed = 6, .transactions = 5000});
  int differences = 0;
  weir::Timestamp last = 0;
  for (int i = 0; i < 5000; ++i) {
    const GeneratedRecord record = one.next();
    const GeneratedRecord again = two.next();
    ASSERT_EQ(record.bytes, again.bytes);
    ASSERT_EQ(record.time, again.time);
    ASSERT_GE(record.time, last);
    last = record.time;
    differences += other.next().bytes != record.bytes ? 1 : 0;
  }
  EXPECT_GT(differences, 4900);
}

TEST(Generator, InventsEveryPatternAndSomeUnreadableRecords) {
  Generator generator({.seed = 1, .transactions = 100'000});
  std::map<std::string, int> patterns;
  int unreadable = 0;
  for (int i = 0; i < 100'000; ++i) {
    const GeneratedRecord record = generator.next();
    ++patterns[record.pattern];
    unreadable += record.readable ? 0 : 1;
  }
  EXPECT_EQ(patterns.size(), 4u);  // three, and none
  for (const char* pattern : {"test-then-spend", "abroad-burst", "big-ticket"})
    EXPECT_GT(patterns[pattern], 20) << pattern;
  EXPECT_GT(patterns[""], 98'000);
  EXPECT_GT(unreadable, 50);
  EXPECT_LT(unreadable, 200);
}

}  // namespace
}  // namespace fraud
