// A feature view as a table: what is told of its rows, and when.
#include <random>

#include <gtest/gtest.h>

#include "ml/features/card_payments.h"

namespace weir::ml {
namespace {

using namespace std::chrono_literals;
using namespace agg;

constexpr Timestamp kBegin = 1'000'000'000'000 / 300'000 * 300'000;  // begins a tile

FeatureView<CardPayment> table_view() {
  return features<CardPayment>("card", 1)
      .agg(count(), {exact(10min)})
      .agg(maximum("amount", &CardPayment::amount), {exact(10min)})
      .grace(1min);
}

std::function<void(StreamBuilder&)> table_of(const FeatureTableOptions& options) {
  return [options](StreamBuilder& builder) {
    builder.stream<std::string, CardPayment>("payments")
        .apply(table_view())
        .table(options)
        .to_stream()
        .to("rows");
  };
}

TEST(FeatureTable, TellsWhatTheNextRecordWouldFind) {
  CardRun run(table_of({.store = "rows"}));
  run.pipe("a", 5, kBegin);
  run.pipe("b", 1, kBegin + 1);
  run.pipe("a", 7, kBegin + 2);
  EXPECT_EQ(run.rows(), fmt::format("a: 1 5@{}\nb: 1 1@{}\na: 2 7@{}\n", kBegin, kBegin + 1, kBegin + 2));
}

TEST(FeatureTable, IsSilentAboutRowsThatStayTheSame) {
  for (const bool suppress : {true, false}) {
    const auto view = features<CardPayment>("card", 1).agg(maximum("amount", &CardPayment::amount), {1h});
    CardRun run([&](StreamBuilder& builder) {
      builder.stream<std::string, CardPayment>("payments")
          .apply(view)
          .table({.store = "rows", .suppress_same = suppress})
          .to_stream()
          .to("rows");
    });
    run.pipe("a", 5, kBegin);
    run.pipe("a", 4, kBegin + 1);
    run.pipe("a", 6, kBegin + 2);
    EXPECT_EQ(run.rows(), suppress
                              ? fmt::format("a: 5@{}\na: 6@{}\n", kBegin, kBegin + 2)
                              : fmt::format("a: 5@{}\na: 5@{}\na: 6@{}\n", kBegin, kBegin + 1, kBegin + 2));
  }
}

TEST(FeatureTable, TellsOfTheNewestTimeWhenARecordIsOutOfOrder) {
  CardRun run(table_of({.store = "rows"}));
  run.pipe("a", 5, kBegin + 60'000);
  run.pipe("a", 9, kBegin + 30'000);  // in the grace
  run.pipe("a", 99, kBegin - 1);      // late
  EXPECT_EQ(run.rows(), fmt::format("a: 1 5@{}\na: 2 9@{}\n", kBegin + 60'000, kBegin + 30'000));
}

TEST(FeatureTable, FollowsItsWindowsWhenTheyRunOutAndForgetsWhoIsGone) {
  CardRun run(table_of({.store = "rows", .refresh = 1min}));
  run.pipe("a", 5, kBegin);
  run.pipe("a", 3, kBegin + 300'000);
  EXPECT_EQ(run.rows(), fmt::format("a: 1 5@{}\na: 2 5@{}\n", kBegin, kBegin + 300'000));
  // Of another key, so that time goes on.
  run.pipe("b", 1, kBegin + 599'000);
  EXPECT_EQ(run.rows(), fmt::format("b: 1 1@{}\n", kBegin + 599'000));
  run.pipe("b", 1, kBegin + 660'000);
  EXPECT_EQ(run.rows(), fmt::format("b: 2 1@{0}\na: 1 3@{0}\n", kBegin + 660'000));
  run.pipe("b", 1, kBegin + 901'000);
  EXPECT_EQ(run.rows(), fmt::format("b: 3 1@{0}\na: 0 -@{0}\n", kBegin + 901'000));
  run.pipe("b", 1, kBegin + 3'600'000);
  EXPECT_EQ(run.rows(), fmt::format("b: 1 1@{0}\na: gone@{0}\n", kBegin + 3'600'000));
}

TEST(FeatureTable, TellsTheSameAcrossRestarts) {
  const auto told = [](bool restarts) {
    CardRun run(table_of({.store = "rows", .refresh = 2min}));
    std::mt19937_64 random(11);
    Timestamp time = kBegin;
    std::string text;
    for (int i = 0; i < 200; ++i) {
      time += static_cast<Timestamp>(random() % 90'000);
      run.pipe(std::string(1, static_cast<char>('a' + random() % 5)), static_cast<double>(random() % 50),
               time - static_cast<Timestamp>(random() % 80'000));
      text += run.rows();
      if (restarts && i % 7 == 0) {
        EXPECT_TRUE(run.driver->restart().ok());
      }
    }
    return text;
  };
  const std::string plain = told(false);
  EXPECT_NE(plain.find("gone"), std::string::npos);
  EXPECT_TRUE(plain == told(true));
}

TEST(FeatureTable, KnowsWhatWasThereBefore) {
  // How many cards have how many payments, which takes away what was there before.
  CardRun run([](StreamBuilder& builder) {
    builder.stream<std::string, CardPayment>("payments")
        .apply(table_view())
        .table({.store = "rows", .refresh = 1min})
        .group_by([](const std::string&, const FeatureRow& row) {
          return std::pair(fmt::format("{}", row.values()[0]), std::string("x"));
        })
        .count({.store = "cards"})
        .to_stream()
        .to("counts");
  });
  run.pipe("a", 5, kBegin);
  run.pipe("b", 5, kBegin);
  run.pipe("a", 5, kBegin + 1);
  run.pipe("c", 5, kBegin + 3'600'000);
  std::map<std::string, std::int64_t> counts;
  for (const auto& count : run.driver->read<std::string, std::int64_t>("counts"))
    counts[count.key] = count.value;
  EXPECT_EQ(counts, (std::map<std::string, std::int64_t>{{"1", 1}, {"2", 0}}));
}

TEST(FeatureTable, IsJoinedWithAsItWasToldLast) {
  CardRun run([](StreamBuilder& builder) {
    const auto table =
        builder.stream<std::string, CardPayment>("payments").apply(table_view()).table({.store = "rows"});
    builder.stream<std::string, std::string>("questions")
        .join(table, [](const std::string&, const FeatureRow& row) { return row; })
        .to("rows");
  });
  run.pipe("a", 5, kBegin);
  ASSERT_TRUE((run.driver->pipe<std::string, std::string>("questions", "a", "", kBegin + 3'600'000)).ok());
  EXPECT_EQ(run.rows(), fmt::format("a: 1 5@{}\n", kBegin + 3'600'000));
}

TEST(FeatureTable, ReportsMistakesWithTheLine) {
  StreamBuilder builder;
  builder.stream<std::string, CardPayment>("payments")
      .apply(table_view())
      .table({.store = "rows", .refresh = 0ms})
      .to_stream()
      .to("rows");
  const auto topology = builder.build();
  ASSERT_FALSE(topology.ok());
  EXPECT_NE(topology.status().ToString().find(".refresh must be at least 1 ms"), std::string::npos);
  EXPECT_NE(topology.status().ToString().find("feature_table_test.cc"), std::string::npos);
}

}  // namespace
}  // namespace weir::ml
