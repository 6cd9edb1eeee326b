// Are the features of another entity those that it had at the time of the record?
#include <weir/ml/features/join_features.h>

#include <gtest/gtest.h>

#include "ml/features/card_payments.h"

namespace weir::ml {
namespace {

using namespace std::chrono_literals;
using namespace agg;

constexpr Timestamp kStart = 1'000'000'000'000 / 300'000 * 300'000;  // begins a tile

auto shop_view() {
  return features<CardPayment>("shop", 1)
      .key(&CardPayment::shop)
      .agg(count(), {exact(10min)})
      .agg(sum("amount", &CardPayment::amount).or_else(-1), {exact(10min)})
      .grace(5min);
}

const auto kShopOf = [](const std::string& question) {
  return question.empty() ? std::nullopt : std::optional<std::string>(question);
};
const auto kBoth = [](const std::string&, const FeatureRow& row) { return row; };

// "questions" name a shop.
std::function<void(StreamBuilder&)> questions(const JoinFeaturesOptions& options) {
  return [options](StreamBuilder& builder) {
    const auto shops = builder.stream<std::string, CardPayment>("payments").apply(shop_view());
    builder.stream<std::string, std::string>("questions")
        .apply(join_features(options, shops, kShopOf, kBoth))
        .map([](const std::optional<std::string>& shop, const FeatureRow& row) {
          return std::pair(shop.value_or("none"), row);
        })
        .to("rows");
  };
}

void question(CardRun& run, const std::string& shop, Timestamp time) {
  ASSERT_TRUE((run.driver->pipe<std::string, std::string>("questions", "q", shop, time)).ok());
}

TEST(JoinFeatures, MakesTheRowAsOfTheTimeOfTheRecord) {
  CardRun run(questions({.name = "shop-of"}));
  run.pipe("a", 5, kStart, "x");
  run.pipe("b", 7, kStart + 300'000, "x");
  question(run, "x", kStart + 300'001);
  question(run, "x", kStart + 600'001);    // the first has run out
  question(run, "x", kStart + 9'600'001);  // both have
  question(run, "y", kStart + 9'600'002);  // never seen
  question(run, "", kStart + 9'600'003);   // of no shop
  EXPECT_EQ(run.rows(),
            fmt::format("x: 2 12@{}\nx: 1 7@{}\nx: 0 -1@{}\ny: 0 -1@{}\nnone: 0 -1@{}\n", kStart + 300'001,
                        kStart + 600'001, kStart + 9'600'001, kStart + 9'600'002, kStart + 9'600'003));
}

TEST(JoinFeatures, WaitsForWhatIsOutOfOrder) {
  CardRun run(questions({.name = "shop-of", .store = "waiting", .grace = 1min}));
  run.pipe("a", 5, kStart, "x");
  question(run, "x", kStart + 20'000);
  run.pipe("b", 7, kStart + 10'000, "x");  // came later, and was before
  run.pipe("b", 9, kStart + 30'000, "x");  // was not
  EXPECT_EQ(run.rows(), "");
  question(run, "x", kStart + 90'000);  // lets the first pass
  EXPECT_EQ(run.rows(), fmt::format("x: 2 12@{}\n", kStart + 20'000));
  ASSERT_TRUE(run.driver->restart().ok());
  question(run, "x", kStart + 200'000);
  EXPECT_EQ(run.rows(), fmt::format("x: 3 21@{}\n", kStart + 90'000));
}

TEST(JoinFeatures, TakesTheTimeItIsTold) {
  CardRun run([](StreamBuilder& builder) {
    const auto shops = builder.stream<std::string, CardPayment>("payments").apply(shop_view());
    builder.stream<std::string, CardPayment>("questions")
        .apply(join_features(
                   {.name = "shop-of"}, shops, [](const CardPayment& asked) { return *asked.shop; },
                   [](const std::string&, const CardPayment&, const FeatureRow& row) { return row; })
                   .as_of([](const CardPayment& asked) {
                     return kStart + static_cast<Timestamp>(asked.amount);
                   }))
        .to("rows");
  });
  run.pipe("a", 5, kStart, "x");
  run.pipe("a", 6, kStart + 1'000, "x");
  ASSERT_TRUE(
      (run.driver->pipe<std::string, CardPayment>("questions", "q", {500, "x"}, kStart + 9'000)).ok());
  EXPECT_EQ(run.rows(), fmt::format("x: 1 5@{}\n", kStart + 9'000));
}

TEST(JoinFeatures, TakesRowsOfTablesAsTheyWere) {
  CardRun run([](StreamBuilder& builder) {
    const auto prices =
        builder.table<std::string, std::int64_t>("prices", {.store = "prices", .history = 1h});
    builder.stream<std::string, std::string>("questions")
        .apply(join_features(
                   {.name = "price-of"}, prices, [](const std::string& shop) { return shop; },
                   [](const std::string&, std::int64_t price) { return price; })
                   .otherwise(-1))
        .to("answers");
  });
  ASSERT_TRUE((run.driver->pipe<std::string, std::int64_t>("prices", "x", 5, kStart)).ok());
  ASSERT_TRUE((run.driver->pipe<std::string, std::int64_t>("prices", "x", 6, kStart + 10)).ok());
  question(run, "x", kStart + 9);
  question(run, "x", kStart + 10);
  question(run, "y", kStart + 10);
  std::vector<std::int64_t> answers;
  for (const auto& answer : run.driver->read<std::string, std::int64_t>("answers"))
    answers.push_back(answer.value);
  EXPECT_EQ(answers, (std::vector<std::int64_t>{5, 6, -1}));
}

TEST(JoinFeatures, GivesOneViewTheFeaturesOfAnother) {
  CardRun run([](StreamBuilder& builder) {
    const auto payments = builder.stream<std::string, CardPayment>("payments");
    const auto shops = payments.apply(shop_view());
    payments.apply(features<CardPayment>("card", 1).agg(count(), {1h}))
        .apply(join_features(
            {.name = "shop-of"}, shops,
            [](const Featured<CardPayment>& payment) { return *payment.value.shop; },
            [](const Featured<CardPayment>& payment, const FeatureRow& shop) {
              return fmt::format("{} {}", text_of(payment.row), text_of(shop));
            }))
        .to("both");
  });
  run.pipe("a", 5, kStart, "x");
  run.pipe("a", 6, kStart + 1'000, "y");
  run.pipe("b", 7, kStart + 2'000, "x");
  std::vector<std::string> both;
  for (const auto& row : run.driver->read<std::string, std::string>("both"))
    both.push_back(row.key + ": " + row.value);
  ASSERT_EQ(both.size(), 3u);
  // The card's row is of what came before. The shop's may have the payment itself, which has the same time.
  EXPECT_TRUE(both[2] == "x: 0 1 5" || both[2] == "x: 0 2 12") << both[2];
}

TEST(JoinFeatures, ReportsMistakesWithTheLine) {
  StreamBuilder builder;
  questions({.name = "shop-of", .grace = 1min})(builder);
  const auto topology = builder.build();
  ASSERT_FALSE(topology.ok());
  EXPECT_NE(topology.status().ToString().find("records that wait need a store"), std::string::npos)
      << topology.status();
}

}  // namespace
}  // namespace weir::ml
