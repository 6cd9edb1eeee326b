// What becomes of records that a feature view cannot use, of answers that are none, and of which keys there is a log.
#include <set>

#include <gtest/gtest.h>

#include "ml/features/card_payments.h"

namespace weir::ml {
namespace {

using namespace std::chrono_literals;
using namespace agg;

FeatureView<CardPayment> policy_view() {
  return features<CardPayment>("card", 1)
      .agg(count(), {1h})
      .agg(sum("amount", &CardPayment::amount), {1h})
      .agg(mean("amount", &CardPayment::amount).or_else(-1), {1h});
}

template <class K, class View>
std::function<void(StreamBuilder&)> rows_of(const View& view) {
  return [view](StreamBuilder& builder) {
    builder.stream<K, CardPayment>("payments").apply(view).map_values(kRowOf).to("rows");
  };
}

TEST(FeaturePolicies, SendLateRecordsAsideAndLogNoRowOfThem) {
  CardRun run(rows_of<std::string>(policy_view().late(LatePolicy::kDeadLetter).log_to("log")),
              {.dead_letter_topic = "aside"});
  run.pipe("a", 1, 10'000'000);
  run.pipe("a", 2, 9'000'000);
  EXPECT_EQ(run.rows(), "a: 0 - -1@10000000\n");
  EXPECT_EQ(run.driver->read_raw("log").size(), 1u);
  const auto aside = run.driver->read<std::string, CardPayment>("aside");
  ASSERT_EQ(aside.size(), 1u);
  EXPECT_EQ(aside[0].value.amount, 2);
  EXPECT_EQ(run.driver->counters().dropped[static_cast<std::size_t>(DropReason::kLate)], 1u);
  EXPECT_EQ(run.driver->counters().dead_letters, 1u);
}

TEST(FeaturePolicies, DropRecordsWithoutKeyUnlessToldToSendThemAside) {
  for (const bool aside : {false, true}) {
    CardRun run(rows_of<std::optional<std::string>>(
                    policy_view().null_keys(aside ? NullKeys::kDeadLetter : NullKeys::kDrop)),
                {.dead_letter_topic = "aside"});
    run.pipe(std::nullopt, 1, 10'000'000);
    run.pipe("a", 1, 10'000'000);
    EXPECT_EQ(run.rows(), "a: 0 - -1@10000000\n");
    EXPECT_EQ(run.driver->counters().dropped[static_cast<std::size_t>(DropReason::kNullKey)], 1u);
    EXPECT_EQ(run.driver->read_raw("aside").size(), aside ? 1u : 0u);
  }
}

TEST(FeaturePolicies, SendRecordsAsideWhoseSelectedKeyIsMissing) {
  CardRun run(rows_of<std::string>(policy_view().key(&CardPayment::shop).null_keys(NullKeys::kDeadLetter)),
              {.dead_letter_topic = "aside"});
  run.pipe("a", 1, 10'000'000, std::nullopt);
  run.pipe("a", 1, 10'000'000, "x");
  EXPECT_EQ(run.rows(), "x: 0 - -1@10000000\n");
  EXPECT_EQ(run.driver->read_raw("aside").size(), 1u);
}

TEST(FeaturePolicies, AnswerForTheWholeViewWhatIsEmpty) {
  CardRun run(rows_of<std::string>(policy_view().on_empty(0)));
  run.pipe("a", 1, 10'000'000);
  EXPECT_EQ(run.rows(), "a: 0 0 -1@10000000\n");
  const auto hash = [](const FeatureView<CardPayment>& view) { return (*view.plan())->hash(); };
  EXPECT_NE(hash(policy_view()), hash(policy_view().on_empty(0)));
  EXPECT_NE(hash(policy_view()), hash(policy_view().late(LatePolicy::kDeadLetter)));
}

TEST(FeaturePolicies, LogWholeHistoriesOfSomeKeys) {
  const auto logged = [](KeySample sample) {
    CardRun run(rows_of<std::string>(policy_view().log_to("log", sample)));
    for (int i = 0; i < 400; ++i) run.pipe(fmt::format("card-{}", i % 200), 1, 1'000'000 + i);
    std::multiset<std::string> keys;
    for (const auto& entry : run.driver->read<std::string, FeatureLogEntry>("log")) keys.insert(entry.key);
    return keys;
  };
  const auto some = logged({.share = 0.25});
  for (const std::string& key : some) EXPECT_EQ(some.count(key), 2u) << key;
  // 200 keys, a quarter of them: 50 with a deviation of 6.
  EXPECT_GT(some.size(), 2u * 25);
  EXPECT_LT(some.size(), 2u * 75);
  const auto more = logged({.share = 0.5});
  EXPECT_TRUE(std::ranges::includes(more, some));
  EXPECT_NE(some, logged({.share = 0.25, .salt = 1}));
  EXPECT_EQ(logged({}).size(), 400u);
}

TEST(FeaturePolicies, WantAShareThatIsOne) {
  for (const double share : {0.0, -1.0, 1.5, std::nan("")}) {
    const auto plan = policy_view().log_to("log", {.share = share}).plan();
    ASSERT_FALSE(plan.ok()) << share;
    EXPECT_NE(plan.status().ToString().find("above 0, up to 1"), std::string::npos);
  }
}

}  // namespace
}  // namespace weir::ml
