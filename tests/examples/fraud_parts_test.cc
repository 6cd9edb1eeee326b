// The parts of the fraud example that have rules of their own: what a card's history remembers, what the model sees of it, and
// what its world and its models are worth.
#include <cmath>
#include <limits>
#include <map>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include <weir/ml/feedback/metrics.h>
#include <weir/ml/load_model.h>

#include "card_features.h"
#include "training_table.h"
#include "world.h"

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

TEST(World, IsTheSameForTheSameSeed) {
  World one({.cards = {.seed = 5}});
  World two({.cards = {.seed = 5}});
  World other({.cards = {.seed = 6}});
  int differences = 0;
  for (int i = 0; i < 5000; ++i) {
    const WorldRecord record = one.next();
    const WorldRecord again = two.next();
    ASSERT_EQ(record.bytes, again.bytes);
    ASSERT_EQ(record.time, again.time);
    differences += other.next().bytes != record.bytes ? 1 : 0;
  }
  EXPECT_GT(differences, 4900);
}

TEST(World, HasRecordsThatAreNoTransactions) {
  World world({.cards = {.seed = 1}});
  int unreadable = 0;
  for (int i = 0; i < 100'000; ++i) {
    const WorldRecord record = world.next();
    unreadable += record.readable ? 0 : 1;
    Transaction transaction;
    const bool decodes = weir::Serde<Transaction>::decode(record.bytes, transaction).ok();
    EXPECT_EQ(decodes && transaction.amount > 0, record.readable) << record.bytes;
  }
  EXPECT_GT(unreadable, 50);
  EXPECT_LT(unreadable, 200);
}

// What the shipped models are worth on a world that they were not trained on, as the tool that trains them would say.
TEST(Models, TellFraudsOfTheirOwnTimeFromHonestPurchases) {
  for (const bool drifted : {false, true}) {
    WorldOptions options{.cards = {.seed = 77, .purchases = 60'000}};
    if (drifted) options.cards.drift_at = options.cards.start;
    const training::Table rows = training_table(options, 0, std::numeric_limits<weir::Timestamp>::max());
    std::map<std::string, weir::ml::BinaryMetrics> metrics;
    for (const char* file : {"model.json", "model_after_drift.json"}) {
      const auto model = weir::ml::load_model_file(std::string(WEIR_FRAUD_FOLDER "/") + file);
      ASSERT_TRUE(model.ok()) << model.status();
      for (std::size_t row = 0; row < rows.rows(); ++row) {
        float score = 0;
        const auto values = std::span(rows.values).subspan(row * kFeatureNames.size(), kFeatureNames.size());
        ASSERT_TRUE((*model)->predict_row(values, {&score, 1}).ok());
        metrics[file].add(static_cast<double>(score), rows.labels[row] > 0);
      }
    }
    const double old_model = metrics["model.json"].recall().value_or(0);
    const double new_model = metrics["model_after_drift.json"].recall().value_or(0);
    if (drifted) {
      EXPECT_LT(old_model, 0.65);
      EXPECT_GT(new_model, 0.7);
    } else {
      EXPECT_GT(old_model, 0.85);
    }
  }
}

}  // namespace
}  // namespace fraud
