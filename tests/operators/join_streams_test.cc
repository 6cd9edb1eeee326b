#include <weir/operators/join_streams.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <weir/operators/select_key.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

using Key = std::optional<std::string>;
using Value = std::optional<std::string>;

template <class Left, class Right, class Joiner>
concept CanJoin = requires(const Left& left, const Right& right, Joiner joiner) {
  left.join(right, {.store = "s", .within = 1ms, .grace = 0ms}, joiner);
};
template <class Left, class Right, class Joiner>
concept CanLeftJoin = requires(const Left& left, const Right& right, Joiner joiner) {
  left.left_join(right, {.store = "s", .within = 1ms, .grace = 0ms}, joiner);
};
template <class Left, class Right, class Joiner>
concept CanOuterJoin = requires(const Left& left, const Right& right, Joiner joiner) {
  left.outer_join(right, {.store = "s", .within = 1ms, .grace = 0ms}, joiner);
};

using Numbers = KStream<std::string, std::int64_t>;
using Names = KStream<Key, Value>;
static_assert(CanJoin<Numbers, Names, decltype([](std::int64_t, const std::string& name) { return name; })>);
static_assert(CanJoin<Numbers, Names, decltype([](const std::string&, std::int64_t, const std::string& name) {
                        return name;
                      })>);
static_assert(!CanJoin<Numbers, Names, decltype([](const std::string& name, std::int64_t) { return name; })>);
static_assert(!CanJoin<Numbers, Names, decltype([](std::int64_t, const std::string&) {})>);
static_assert(!CanJoin<Numbers, KStream<int, std::string>,
                       decltype([](std::int64_t, const std::string& name) { return name; })>);  // another key
static_assert(!CanJoin<Numbers, KStream<std::string, std::string_view>,
                       decltype([](std::int64_t, std::string_view) { return 1; })>);  // a view cannot be kept
static_assert(CanLeftJoin<Numbers, Names, decltype([](std::int64_t, const Value& name) { return name; })>);
static_assert(CanLeftJoin<Numbers, Names, decltype([](std::int64_t, const std::string*) { return 1; })>);
static_assert(
    !CanLeftJoin<Numbers, Names, decltype([](std::int64_t, const std::string& name) { return name; })>);
static_assert(
    CanOuterJoin<Numbers, Names,
                 decltype([](const std::optional<std::int64_t>&, const Value& name) { return name; })>);
static_assert(CanOuterJoin<Numbers, Names,
                           decltype([](const Key&, const std::int64_t*, const std::string*) { return 1; })>);
static_assert(!CanOuterJoin<Numbers, Names, decltype([](std::int64_t, const Value& name) { return name; })>);

std::string pair(const std::string& left, const std::string& right) { return left + "+" + right; }
std::string pair_or_null(const Value& left, const Value& right) {
  return pair(left.value_or("null"), right.value_or("null"));
}

struct Windows {
  Duration before;
  Duration after;
  Duration grace;
};

// Feeds "l a:x@1 r a:y@2": l and r say to which stream the records after them belong.
class Joined {
 public:
  Joined(JoinKind kind, Windows windows)
      : driver_([=](StreamBuilder& builder) {
          const auto left = builder.stream<Key, Value>("l");
          const auto right = builder.stream<Key, Value>("r");
          const StreamJoinOptions options{
              .store = "s", .before = windows.before, .after = windows.after, .grace = windows.grace};
          if (kind == JoinKind::kInner) left.join(right, options, pair).to("out");
          if (kind == JoinKind::kLeft) left.left_join(right, options, pair_or_null).to("out");
          if (kind == JoinKind::kOuter) left.outer_join(right, options, pair_or_null).to("out");
        }) {}

  std::string feed(const std::string& text) {
    std::istringstream in(text);
    for (std::string word; in >> word;) {
      if (word == "l" || word == "r") {
        topic_ = word;
      } else {
        driver_.feed<Key, Value>(topic_, word);
      }
    }
    return driver_.take<Key, std::string>("out");
  }
  TextDriver& driver() { return driver_; }

 private:
  TextDriver driver_;
  std::string topic_ = "l";
};

Joined inner(Duration within, Duration grace = 0ms) { return {JoinKind::kInner, {within, within, grace}}; }
Joined left_join(Duration within, Duration grace = 0ms) { return {JoinKind::kLeft, {within, within, grace}}; }
Joined outer(Duration within, Duration grace = 0ms) { return {JoinKind::kOuter, {within, within, grace}}; }

// ------------------------------------------------------------------------------------------------------------ inner

TEST(JoinStreams, PairsRecordsOfAKeyThatAreCloseEnough) {
  Joined join = inner(10ms);
  EXPECT_EQ(join.feed("l A:a@0 r A:x@10"), "A:a+x@10");
  EXPECT_EQ(join.feed("r A:y@11"), "");
  EXPECT_EQ(join.feed("l A:b@21"), "A:b+y@21");
  EXPECT_EQ(join.feed("l A:c@22 B:c@11"), "");
}

TEST(JoinStreams, BothEndsOfTheWindowCount) {
  const auto matches = [](Windows windows, int from, int to) {
    std::string times;
    for (int time = from; time <= to; ++time) {
      Joined join(JoinKind::kInner, windows);
      if (!join.feed("l A:a@100 r A:x@" + std::to_string(time)).empty()) times += std::to_string(time) + " ";
    }
    return times;
  };
  EXPECT_EQ(matches({0ms, 3ms, 0ms}, 98, 105), "100 101 102 103 ");
  EXPECT_EQ(matches({3ms, 0ms, 1ms}, 95, 102), "97 98 99 100 ");
  EXPECT_EQ(matches({-2ms, 4ms, 0ms}, 98, 106), "102 103 104 ");
  EXPECT_EQ(matches({4ms, -2ms, 3ms}, 94, 102), "96 97 98 ");
}

TEST(JoinStreams, ARecordMeetsItsPartnersByTimeAndArrival) {
  EXPECT_EQ(inner(10ms).feed("l A:a1@0 A:a2@5 A:a3@0 r A:x@3"), "A:a1+x@3 A:a3+x@3 A:a2+x@5");
}

TEST(JoinStreams, ALateRecordFindsWhatTheOtherSideStillHas) {
  EXPECT_EQ(inner(10ms).feed("l A:a@0 r B:z@1000 A:x@5"), "A:a+x@5");
  // The left store has moved on.
  EXPECT_EQ(inner(10ms).feed("l A:a@0 B:z@19 r A:x@5"), "A:a+x@5");
  EXPECT_EQ(inner(10ms).feed("l A:a@0 B:z@20 r A:x@5"), "");
}

TEST(JoinStreams, WithoutAnyTimeNothingIsKept) {
  EXPECT_EQ(inner(0ms).feed("l A:a@5 r A:x@5"), "");
  EXPECT_EQ(inner(0ms, 1ms).feed("l A:a@5 r A:x@5"), "A:a+x@5");
}

TEST(JoinStreams, DropsRecordsWithoutKeyOrValueOrTooOld) {
  Joined join = inner(10ms);
  EXPECT_EQ(join.feed("l A:null@1 null:a@1 r A:null@1 null:x@1 A:x@50 A:y@30"), "");
  EXPECT_EQ(join.driver().dropped(DropReason::kNullKey), 2U);
  EXPECT_EQ(join.driver().dropped(DropReason::kNullValue), 2U);
  EXPECT_EQ(join.driver().dropped(DropReason::kExpired), 1U);
}

TEST(JoinStreams, HasTheHeadersOfWhoCameSecond) {
  Joined join = inner(10ms);
  TopologyDriver& driver = join.driver().driver();
  ASSERT_TRUE((driver.pipe<Key, Value>("l", "A", "a", 9, Headers{{"h", "left"}}).ok()));
  ASSERT_TRUE((driver.pipe<Key, Value>("r", "A", "x", 3, Headers{{"h", "right"}}).ok()));
  const auto out = driver.read<std::string, std::string>("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].timestamp, 9);
  EXPECT_EQ(out[0].headers, (Headers{{"h", "right"}}));
}

TEST(JoinStreams, RunsTheExamples) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto orders = builder.stream<std::string, std::int64_t>("orders");
    const auto payments = builder.stream<std::string, std::int64_t>("payments");
    orders
        .join(payments, {.store = "order-payments", .within = 5min, .grace = 1min},
              [](std::int64_t order, std::int64_t payment) { return order * 100 + payment; })
        .to("paid-orders");
    orders
        .left_join(payments, {.store = "settled", .before = 0min, .after = 5min, .grace = 1min},
                   [](std::int64_t order, const std::optional<std::int64_t>& payment) {
                     return order - payment.value_or(0);
                   })
        .to("open");
    orders
        .outer_join(payments, {.store = "visits", .within = 10s, .grace = 5s},
                    [](const std::string& key, const std::int64_t* order, const std::int64_t* payment) {
                      return key + (order != nullptr ? "o" : "-") + (payment != nullptr ? "p" : "-");
                    })
        .to("visits");
  });
  driver.feed<std::string, std::int64_t>("orders", "a:7@1000 b:5@1000");
  driver.feed<std::string, std::int64_t>("payments", "a:5@2000 c:1@500000");
  driver.feed<std::string, std::int64_t>("orders", "d:7@600000");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("paid-orders")), "a:705@2000");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("open")), "a:2@2000 b:5@1000");
  EXPECT_EQ((driver.take<std::string, std::string>("visits")), "a:aop@2000 b:bo-@1000 c:c-p@500000");
}

// ------------------------------------------------------------------------------------------------------------- left

TEST(LeftJoinStreams, TellsOfARecordWithoutMatchOnceItsWindowHasPassed) {
  Joined join = left_join(10ms);
  EXPECT_EQ(join.feed("l A:a@0 B:b@10"), "");
  EXPECT_EQ(join.feed("l C:c@11"), "A:a+null@0");

  Joined with_grace = left_join(10ms, 5ms);
  EXPECT_EQ(with_grace.feed("l A:a@0 B:b@15"), "");
  EXPECT_EQ(with_grace.feed("l C:c@16"), "A:a+null@0");
}

TEST(LeftJoinStreams, ARecordOfEitherSideMovesTheTime) {
  EXPECT_EQ(left_join(10ms).feed("l A:a@0 r Z:z@11"), "A:a+null@0");
  EXPECT_EQ(left_join(10ms).feed("l A:a@0 r Z:null@11 Z:z@11"), "A:a+null@0");
  EXPECT_EQ(left_join(10ms).feed("l A:a@0 r null:z@11 Z:z@11"), "A:a+null@0");
}

TEST(LeftJoinStreams, AMatchedRecordIsNotToldAgain) {
  Joined join = left_join(10ms);
  EXPECT_EQ(join.feed("l A:a@0 r A:x@10"), "A:a+x@10");
  EXPECT_EQ(join.feed("l B:b@50"), "");
}

TEST(LeftJoinStreams, ALateRecordIsToldAtOnceAndMayBeJoinedToo) {
  Joined join = left_join(10ms, 100ms);
  EXPECT_EQ(join.feed("l B:b@50 A:a@0"), "A:a+null@0");
  EXPECT_EQ(join.feed("r A:x@5"), "A:a+x@5");
}

TEST(LeftJoinStreams, NullKeysAreToldAtOnceOnTheLeft) {
  Joined join = left_join(10ms);
  EXPECT_EQ(join.feed("l null:a@0"), "null:a+null@0");
  EXPECT_EQ(join.feed("r null:x@0 l A:null@1 r A:null@1"), "");
  EXPECT_EQ(join.driver().dropped(DropReason::kNullKey), 1U);
  EXPECT_EQ(join.driver().dropped(DropReason::kNullValue), 2U);
}

TEST(LeftJoinStreams, AnExpiredRecordHasTheHeadersOfTheOneThatCame) {
  Joined join = left_join(10ms);
  TopologyDriver& driver = join.driver().driver();
  ASSERT_TRUE((driver.pipe<Key, Value>("l", "A", "a", 0, Headers{{"h", "own"}}).ok()));
  ASSERT_TRUE((driver.pipe<Key, Value>("r", "C", "c", 11, Headers{{"h", "cause"}}).ok()));
  const auto out = driver.read<std::string, std::string>("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].headers, (Headers{{"h", "cause"}}));
}

TEST(LeftJoinStreams, GivesAPointerToTheMatchIfTheJoinerTakesThat) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto right = builder.stream<Key, std::string>("r");
    builder.stream<std::string, std::string>("l")
        .left_join(right, {.store = "s", .within = 10ms, .grace = 0ms},
                   [](const std::string& key, const std::string& left, const std::string* match) {
                     return key + left + (match != nullptr ? *match : "-");
                   })
        .to("out");
  });
  driver.feed<std::string, std::string>("l", "a:1@5 b:2@5");
  driver.feed<Key, std::string>("r", "a:x@6 c:z@20");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:a1x@6 b:b2-@5");
}

// ------------------------------------------------------------------------------------------------------------ outer

TEST(OuterJoinStreams, TellsOfRecordsWithoutMatchOfBothSidesByTheirTimes) {
  Joined join = outer(10ms);
  EXPECT_EQ(join.feed("l A:a@0 r B:x@1 l A:a2@0 r A:y@0"), "A:a+y@0 A:a2+y@0");
  EXPECT_EQ(join.feed("l C:c@2"), "");
  EXPECT_EQ(join.feed("r Z:z@100"), "B:null+x@1 C:c+null@2");
}

TEST(OuterJoinStreams, OfOneTimeTheRightOnesComeFirstThenByKeyThenByArrival) {
  EXPECT_EQ(outer(10ms).feed("l B:b@5 A:a1@5 A:a2@5 r D:d@5 C:c@5 Z:z@100"),
            "C:null+c@5 D:null+d@5 A:a1+null@5 A:a2+null@5 B:b+null@5");
}

TEST(OuterJoinStreams, EachSideWaitsForWhatItCanStillMatch) {
  Joined join(JoinKind::kOuter, {0ms, 10ms, 0ms});
  EXPECT_EQ(join.feed("l A:a@0 r B:x@0"), "");
  EXPECT_EQ(join.feed("r C:c@1"), "B:null+x@0");
  EXPECT_EQ(join.feed("l D:d@11"), "A:a+null@0 C:null+c@1");
}

TEST(OuterJoinStreams, NullKeysAreToldAtOnceOnBothSides) {
  EXPECT_EQ(outer(10ms).feed("r null:x@0 l null:a@1"), "null:null+x@0 null:a+null@1");
}

TEST(OuterJoinStreams, AMatchTakesOutAllThatWaitedAtItsTime) {
  Joined join = outer(10ms);
  EXPECT_EQ(join.feed("l A:a@0 B:b@0 r A:x@5"), "A:a+x@5");
  EXPECT_EQ(join.feed("r Z:z@100"), "B:b+null@0");
}

TEST(OuterJoinStreams, WhatWaitsSurvivesARestart) {
  Joined join = outer(10ms, 2ms);
  EXPECT_EQ(join.feed("l A:a1@0 A:a2@0 r B:x@3"), "");
  ASSERT_TRUE(join.driver().driver().restart().ok());
  EXPECT_EQ(join.feed("l C:c@12"), "");
  EXPECT_EQ(join.feed("l C:c@13"), "A:a1+null@0 A:a2+null@0");
  ASSERT_TRUE(join.driver().driver().restart().ok());
  // The time is known, too: what comes late does not wait.
  EXPECT_EQ(join.feed("r D:d@2"), "D:null+d@2");
  EXPECT_EQ(join.feed("r C:y@14"), "C:c+y@14 C:c+y@14");
}

// ------------------------------------------------------------------------------------------------------------- self

TextDriver with_itself(bool optimized = false) {
  return TextDriver([=](StreamBuilder& builder) {
    const auto stream = builder.stream<Key, Value>("in");
    stream
        .join(stream, {.store = "s", .within = 10ms, .grace = 50ms, .optimized_self_join = optimized},
              [](const std::string& left, const std::string& right) { return left + right; })
        .to("out");
  });
}

TEST(JoinWithItself, EachRecordJoinsThoseBeforeItBothWaysAndItself) {
  for (const bool optimized : {false, true}) {
    TextDriver driver = with_itself(optimized);
    driver.feed<Key, Value>("in", "A:a@0");
    EXPECT_EQ((driver.take<Key, std::string>("out")), "A:aa@0");
    driver.feed<Key, Value>("in", "A:b@5");
    EXPECT_EQ((driver.take<Key, std::string>("out")), "A:ba@5 A:ab@5 A:bb@5");
    driver.feed<Key, Value>("in", "A:c@3 A:null@4 null:d@4");
    EXPECT_EQ((driver.take<Key, std::string>("out")), "A:ca@3 A:cb@5 A:ac@3 A:cc@3 A:bc@5");
  }
}

TEST(JoinWithItself, TheOldestRecordsJoinThemselvesUnlessItIsOptimized) {
  for (const bool optimized : {false, true}) {
    TextDriver driver = with_itself(optimized);
    driver.feed<Key, Value>("in", "A:z@100");
    EXPECT_EQ((driver.take<Key, std::string>("out")), "A:zz@100");
    driver.feed<Key, Value>("in", "A:a@32 A:b@31 A:c@30");  // 70 are kept
    EXPECT_EQ((driver.take<Key, std::string>("out")),
              optimized ? "A:aa@32 A:ba@32 A:ab@32 A:cb@31 A:ca@32 A:bc@31 A:ac@32"
                        : "A:aa@32 A:ba@32 A:bb@31 A:ab@32 A:cb@31 A:ca@32 A:bc@31 A:ac@32");
  }
}

TEST(JoinWithItself, AnOuterOneMeetsTheLeftSideFirst) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto stream = builder.stream<std::string, std::string>("in");
    stream.outer_join(stream, {.store = "s", .within = 10ms, .grace = 0ms}, pair_or_null).to("out");
  });
  driver.feed<std::string, std::string>("in", "A:a@0 A:b@5");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "A:a+a@0 A:b+a@5 A:a+b@5 A:b+b@5");
}

// ------------------------------------------------------------------------------------------------- wiring, failures

TEST(JoinStreams, OfStreamsWithChangedKeysRepartitionsThem) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto rekeyed = [&](const char* topic) {
      return builder.stream<std::string, std::string>(topic).select_key([](const std::string& value) {
        return value == "n" ? std::nullopt : std::optional(value.substr(0, 1));
      });
    };
    rekeyed("l")
        .outer_join(rekeyed("r"), {.store = "s", .name = "both", .within = 10ms, .grace = 0ms}, pair_or_null)
        .to("out");
    rekeyed("l").join(rekeyed("r"), {.store = "t", .within = 10ms, .grace = 0ms}, pair).to("inner");
  });
  driver.feed<std::string, std::string>("l", "a:n@1 a:b1@2");
  driver.feed<std::string, std::string>("r", "c:b2@3 c:n@4");
  EXPECT_EQ((driver.take<Key, std::string>("out")), "null:n+null@1 b:b1+b2@3 null:null+n@4");
  EXPECT_EQ((driver.take<Key, std::string>("inner")), "b:b1+b2@3");
  for (const char* topic :
       {"both-left-repartition", "both-right-repartition", "t-left-repartition", "t-right-repartition"}) {
    EXPECT_NE(driver.description().find(topic), std::string::npos) << topic << "\n" << driver.description();
  }
}

TEST(JoinStreams, DemandsAsManyPartitionsOnBothSides) {
  StreamBuilder builder;
  const auto right = builder.stream<std::string, std::string>("r");
  builder.stream<std::string, std::string>("l")
      .join(right, {.store = "s", .within = 10ms, .grace = 0ms}, pair)
      .to("out");
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok());
  ASSERT_EQ(topology->copartitions.size(), 1U);
  EXPECT_EQ(topology->copartitions[0].topics, (std::set<TopicName>{{"l", false}, {"r", false}}));
}

std::string problems_with(StreamJoinOptions options) {
  return problems_of([&](StreamBuilder& builder) {
    const auto right = builder.stream<std::string, std::string>("r");
    builder.stream<std::string, std::string>("l").join(right, options, pair).to("out");
  });
}

TEST(JoinStreams, WindowsThatCannotBeAreProblems) {
  const std::string missing = problems_with({.store = "s", .before = 1ms, .grace = 0ms});
  EXPECT_NE(missing.find("how far apart"), std::string::npos) << missing;
  EXPECT_NE(missing.find("join_streams_test.cc"), std::string::npos) << missing;
  const std::string negative = problems_with({.store = "s", .before = 1ms, .after = -2ms, .grace = 0ms});
  EXPECT_NE(negative.find("no record can match"), std::string::npos) << negative;
  EXPECT_NE(problems_with({.store = "s", .within = 1ms, .grace = -1ms}).find("grace"), std::string::npos);
  EXPECT_NE(problems_with({.store = "s", .within = Duration::max(), .grace = 1ms}).find("too large"),
            std::string::npos);
  EXPECT_EQ(problems_with({.store = "s", .before = -1ms, .after = 1ms, .grace = 0ms}), "");
}

TEST(JoinStreams, WithAStreamOfAnotherBuilderIsAProblem) {
  StreamBuilder other;
  const auto right = other.stream<std::string, std::string>("r");
  const std::string problems = problems_of([&](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("l")
        .join(right, {.store = "s", .within = 1ms, .grace = 0ms}, pair)
        .to("out");
  });
  EXPECT_NE(problems.find("two builders"), std::string::npos) << problems;
}

TEST(JoinStreams, ARecordWhoseJoinerThrewIsSkippedButKept) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto right = builder.stream<std::string, std::string>("r");
    builder.stream<std::string, std::string>("l")
        .left_join(right, {.store = "s", .within = 10ms, .grace = 0ms, .on_error = ErrorPolicy::kSkip},
                   [](const std::string& left, const Value& match) {
                     if (match == "bad" || left == "bad") throw std::runtime_error("bad");
                     return pair_or_null(left, match);
                   })
        .to("out");
  });
  driver.feed<std::string, std::string>("l", "A:1@0 A:2@0 C:bad@0");
  driver.feed<std::string, std::string>("r", "A:bad@1 A:x@2 Z:z@50");
  driver.feed<std::string, std::string>("l", "Z:y@100");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "A:1+x@2 A:2+x@2");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 2U);
}

}  // namespace
}  // namespace weir
