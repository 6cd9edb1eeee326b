#include <weir/operators/suppress.h>

#include <chrono>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/group_by.h>
#include <weir/operators/join_tables.h>
#include <weir/operators/map_values.h>
#include <weir/operators/sliding_windows.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/table_group_by.h>
#include <weir/operators/to.h>
#include <weir/operators/windowed_by.h>

#include "support/records.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;

using Key = std::optional<std::string>;
using Value = std::optional<std::string>;
using Texts = KTable<std::string, std::string>;
using WindowedTexts = KTable<Windowed<std::string>, std::string>;

template <class Table, class How>
concept CanSuppress = requires(const Table& table, const How& how) { table.suppress(how); };
static_assert(CanSuppress<WindowedTexts, UntilWindowCloses>);
static_assert(!CanSuppress<Texts, UntilWindowCloses>);
static_assert(CanSuppress<Texts, UntilTimeLimit>);
// A window that is gone is not mentioned, so what is mentioned stays.
static_assert(
    std::same_as<decltype(std::declval<WindowedTexts>().suppress(std::declval<UntilWindowCloses>())),
                 KTable<Windowed<std::string>, std::string, Rows::kStay>>);

std::string append(const std::string& value, const std::string& aggregate) { return aggregate + value; }

// Windows of 10 with a grace of 5, their values in the order in which they came.
auto in_windows(StreamBuilder& builder) {
  return builder.stream<Key, std::string>("in")
      .group_by_key()
      .windowed_by(tumbling({.size = 10ms, .grace = 5ms}))
      .aggregate(
          {.store = "windows"}, [] { return std::string(); }, append);
}

void final_windows(StreamBuilder& builder) {
  in_windows(builder).suppress(until_window_closes({.store = "final"})).to_stream().to("out");
}

// ------------------------------------------------------------------------------------------------ until windows close

TEST(SuppressUntilWindowCloses, RunsTheExampleOfItsHeader) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("orders")
        .group_by_key()
        .windowed_by(tumbling({.size = 5min, .grace = 1min}))
        .count({.store = "orders-per-5-minutes"})
        .suppress(until_window_closes({.store = "final-orders-per-5-minutes"}))
        .to_stream()
        .to("order-counts");
  });
  driver.feed<std::string, std::string>("orders", "a:x@0 a:y@299999 a:z@359999 a:z@360000");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("order-counts")), "a[0,?):2@299999");
}

TEST(SuppressUntilWindowCloses, TellsOfEachWindowOnceWhenItIsFinal) {
  TextDriver driver(final_windows);
  driver.feed<Key, std::string>("in", "A:a@0 B:b@3 A:c@7 A:d@14 A:e@5");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::string>("out")), "");
  driver.feed<Key, std::string>("in", "C:f@15");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::string>("out")), "A[0,?):ace@7 B[0,?):b@3");
  driver.feed<Key, std::string>("in", "A:late@9 A:h@40");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::string>("out")), "A[10,?):d@14 C[10,?):f@15");
}

TEST(SuppressUntilWindowCloses, GivesTheWindowWithItsEnd) {
  TextDriver driver([](StreamBuilder& builder) {
    in_windows(builder)
        .suppress(until_window_closes({.store = "final"}))
        .to_stream()
        .map_values([](const Windowed<std::string>& key, const std::string& value) {
          return value + std::to_string(key.window.start) + "-" + std::to_string(key.window.end);
        })
        .to("out");
  });
  driver.feed<Key, std::string>("in", "A:a@12 A:b@40");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::string>("out")), "A[10,?):a10-20@12");
}

TEST(SuppressUntilWindowCloses, HasTheHeadersOfTheLastChange) {
  TextDriver driver(final_windows);
  const auto pipe = [&](const std::string& value, Timestamp time, const Headers& headers) {
    EXPECT_TRUE((driver.driver().pipe<std::string, std::string>("in", "A", value, time, headers).ok()));
  };
  pipe("a", 7, {{"first", "1"}});
  pipe("b", 5, {{"second", "2"}, {"second", std::nullopt}});
  pipe("c", 40, {{"third", "3"}});
  const auto out = driver.driver().read<Windowed<std::string>, std::string>("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].value, "ab");
  EXPECT_EQ(out[0].timestamp, 7);
  EXPECT_EQ(out[0].headers, (Headers{{"second", "2"}, {"second", std::nullopt}}));
}

TEST(SuppressUntilWindowCloses, DoesNotSeeTheTimeOfWhatIsDroppedAbove) {
  TextDriver driver(final_windows);
  driver.feed<Key, std::string>("in", "A:a@0 null:x@50");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::string>("out")), "");
}

TEST(SuppressUntilWindowCloses, DoesNotMentionAWindowThatIsGone) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(tumbling({.size = 10ms, .grace = 0ms}))
        .aggregate(
            {.store = "windows"}, [] { return std::string(); },
            [](const std::string& value, const std::string& aggregate) {
              return value == "del" ? std::nullopt : std::optional<std::string>(aggregate + value);
            })
        .suppress(until_window_closes({.store = "final"}))
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "A:a@0 A:del@1 B:b@2 A:c@30");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::string>("out")), "B[0,?):b@2");
}

TEST(SuppressUntilWindowCloses, FailsWhenMoreIsHeldBackThanMayBe) {
  TextDriver driver([](StreamBuilder& builder) {
    in_windows(builder)
        .suppress(until_window_closes({.store = "final", .name = "finally", .max_records = 1}))
        .to_stream()
        .to("out");
  });
  driver.feed<Key, std::string>("in", "A:a@0 A:b@1");
  const absl::Status status = driver.try_feed<Key, std::string>("in", "B:b@2");
  EXPECT_NE(std::string(status.message()).find("'finally' holds back more than it may: records=2"),
            std::string::npos)
      << status;
}

// A window that has its end takes records one millisecond longer than one that has not.
TEST(SuppressUntilWindowCloses, TellsOfAWindowThatHasItsEndOnceOnly) {
  const auto describe = [](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(sliding({.difference = 10ms, .grace = 0ms}))
        .count({.store = "windows"})
        .suppress(until_window_closes({.store = "final"}))
        .to_stream()
        .to("out");
  };
  TextDriver driver(describe);
  driver.feed<std::string, std::string>("in", "A:a@100 A:b@100");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")), "");
  driver.feed<std::string, std::string>("in", "A:c@120");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")), "A[90,?):2@100");

  StreamBuilder builder(Likeness::kKafkaStreams);
  describe(builder);
  auto like_kafka_streams = TopologyDriver::create(*builder.build());
  ASSERT_TRUE(like_kafka_streams.ok());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(((*like_kafka_streams)->pipe<std::string, std::string>("in", "A", "a", 100).ok()));
  }
  EXPECT_EQ(((*like_kafka_streams)->read<Windowed<std::string>, std::int64_t>("out").size()), 2U);
}

TEST(SuppressUntilWindowCloses, GoesOnAfterARestart) {
  TextDriver driver(final_windows);
  driver.feed<Key, std::string>("in", "A:a@0 B:b@12");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<Key, std::string>("in", "A:c@8");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<Key, std::string>("in", "C:c@15");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::string>("out")), "A[0,?):ac@8");
}

TEST(SuppressUntilWindowCloses, WorksBelowATableThatTellsAtTheCommit) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(tumbling({.size = 10ms, .grace = 5ms}))
        .count({.store = "windows", .emit = WindowEmit::kOnCommit})
        .suppress(until_window_closes({.store = "final"}))
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "A:a@0 A:b@5 A:c@15");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")), "A[0,?):2@5");
}

TEST(SuppressUntilWindowCloses, KnowsWhenJoinedWindowsClose) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto counts = [&](const std::string& topic, Duration grace) {
      return builder.stream<std::string, std::string>(topic)
          .group_by_key()
          .windowed_by(tumbling({.size = 10ms, .grace = grace}))
          .count({.store = topic});
    };
    counts("a", 1ms)
        .join(counts("b", 7ms), [](std::int64_t left, std::int64_t right) { return left * 10 + right; })
        .suppress(until_window_closes({.store = "final"}))
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("a", "A:x@3");
  driver.feed<std::string, std::string>("b", "A:x@4 A:x@16");
  driver.feed<std::string, std::string>("a", "A:x@16");
  driver.feed<std::string, std::string>("b", "A:late@5");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")), "");
  driver.feed<std::string, std::string>("b", "A:x@17");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")), "A[0,?):12@5");
}

TEST(SuppressUntilWindowCloses, NeedsToKnowWhenWindowsClose) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.table<Windowed<std::string>, std::string>("in", {.store = "windows"})
        .suppress(until_window_closes({.store = "final"}));
  });
  EXPECT_NE(problems.find("nobody knows when these windows close"), std::string::npos) << problems;
  EXPECT_NE(problems.find("suppress_test.cc"), std::string::npos) << problems;
}

// -------------------------------------------------------------------------------------------------- until a time limit

class Limited {
 public:
  explicit Limited(const UntilTimeLimit& how)
      : driver_([&](StreamBuilder& builder) {
          builder.table<std::string, std::string>("in", {.store = "rows"})
              .suppress(how)
              .to_stream()
              .to("out");
        }) {}

  std::string operator()(const std::string& records) {
    driver_.feed<Key, Value>("in", records);
    return driver_.take<std::string, Value>("out");
  }
  TextDriver& driver() { return driver_; }

 private:
  TextDriver driver_;
};

TEST(SuppressUntilTimeLimit, RunsTheExampleOfItsHeader) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.table<std::string, std::string>("positions", {.store = "positions"})
        .suppress(until_time_limit({.store = "slow-positions", .limit = 10s, .max_records = 100'000}))
        .to_stream()
        .to("positions-on-map");
  });
  driver.feed<std::string, Value>("positions", "a:here@0 a:there@5000 b:x@10000");
  EXPECT_EQ((driver.take<std::string, Value>("positions-on-map")), "a:there@5000");
}

TEST(SuppressUntilTimeLimit, WaitsFromTheFirstChangeOn) {
  Limited rows({.store = "held", .limit = 10ms});
  EXPECT_EQ(rows("A:a@0 B:x@3 A:b@5 A:c@9"), "");
  EXPECT_EQ(rows("C:y@10"), "A:c@9");
  EXPECT_EQ(rows("A:d@12"), "");
  EXPECT_EQ(rows("D:z@13"), "B:x@3");
  EXPECT_EQ(rows("A:null@14"), "");
  EXPECT_EQ(rows("E:q@30"), "C:y@10 A:null@14 D:z@13");
}

TEST(SuppressUntilTimeLimit, TellsOfARowThatIsGoneEvenIfNobodyHeardOfIt) {
  Limited rows({.store = "held", .limit = 10ms});
  EXPECT_EQ(rows("A:a@0 A:null@1 B:z@20"), "A:null@1");
}

TEST(SuppressUntilTimeLimit, LetsEverythingPassWithoutALimit) {
  Limited rows({.store = "held", .limit = 0ms});
  EXPECT_EQ(rows("A:a@5 A:b@3 B:c@9 B:null@9"), "A:a@5 A:b@3 B:c@9 B:null@9");
}

TEST(SuppressUntilTimeLimit, LetsAChangeThatIsOldEnoughPass) {
  Limited rows({.store = "held", .limit = 10ms});
  EXPECT_EQ(rows("A:a@50 B:b@40 C:c@41"), "B:b@40");
}

TEST(SuppressUntilTimeLimit, TellsEarlyWhenItIsFull) {
  Limited rows({.store = "held", .limit = 1s, .max_records = 1});
  EXPECT_EQ(rows("A:a@0 A:b@5"), "");
  EXPECT_EQ(rows("B:x@1"), "A:b@5");
  EXPECT_EQ(rows("C:y@7"), "B:x@1");
}

TEST(SuppressUntilTimeLimit, TellsOfTheOldestAndThenOfTheLeastKeyWhenItIsFull) {
  Limited rows({.store = "held", .limit = 1s, .max_records = 2});
  EXPECT_EQ(rows("B:b@5 A:a@5"), "");
  EXPECT_EQ(rows("C:c@7"), "A:a@5");
  EXPECT_EQ(rows("D:d@1"), "D:d@1");
}

TEST(SuppressUntilTimeLimit, CountsBytes) {
  Limited rows({.store = "held", .limit = 1s, .max_bytes = 66});
  EXPECT_EQ(rows("A:a@0 B:b@1"), "");
  EXPECT_EQ(rows("C:" + std::string(20, 'c') + "@2"), "A:a@0");
  EXPECT_EQ(rows("C:c@3"), "");
  EXPECT_EQ(rows("C:" + std::string(200, 'c') + "@4"), "B:b@1 C:" + std::string(200, 'c') + "@4");
  ASSERT_TRUE(rows.driver().driver().restart().ok());
  EXPECT_EQ(rows("A:a@5 B:b@6"), "");
  ASSERT_TRUE(rows.driver().driver().restart().ok());
  EXPECT_EQ(rows("C:" + std::string(20, 'c') + "@7"), "A:a@5");
}

TEST(SuppressUntilTimeLimit, FailsWhenItIsFullIfAskedTo) {
  Limited rows({.store = "held", .limit = 10ms, .max_records = 1, .when_full = WhenFull::kFail});
  EXPECT_EQ(rows("A:a@0 B:b@10"), "A:a@0");
  EXPECT_FALSE((rows.driver().try_feed<std::string, std::string>("in", "C:c@11").ok()));
}

TEST(SuppressUntilTimeLimit, RemembersTimeAndOrderOverARestart) {
  Limited rows({.store = "held", .limit = 10ms});
  EXPECT_EQ(rows("B:b@3 A:a@3 C:c@4 B:bb@5"), "");
  ASSERT_TRUE(rows.driver().driver().restart().ok());
  EXPECT_EQ(rows("D:d@13"), "A:a@3 B:bb@5");
  ASSERT_TRUE(rows.driver().driver().restart().ok());
  EXPECT_EQ(rows("E:e@2"), "E:e@2");
}

// An outer join says what its left side was told before: nothing is told of a row that was deleted before anybody heard.
TEST(SuppressUntilTimeLimit, SaysWhatItToldLastOfWhatWasThereBefore) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto left = builder.table<std::string, std::string>("in", {.store = "rows"})
                          .suppress(until_time_limit({.store = "held", .limit = 10ms}));
    const auto right = builder.table<std::string, std::string>("other", {.store = "others"});
    left.outer_join(right, [](const Value& l,
                              const Value& r) { return l.value_or("null") + "+" + r.value_or("null"); })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, Value>("in", "A:a@0 A:b@1 A:null@2 T:t@12");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "");
  driver.feed<std::string, Value>("in", "A:c@13 T:t@25");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "T:t+null@25 A:c+null@13");
  driver.feed<std::string, Value>("in", "A:null@26 T:t@40");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "A:null@26");
}

TEST(SuppressUntilTimeLimit, IsReadAsItWasTold) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto left = builder.table<std::string, std::string>("in", {.store = "rows"})
                          .suppress(until_time_limit({.store = "held", .limit = 10ms}));
    const auto right = builder.table<std::string, std::string>("other", {.store = "others"});
    left.join(right, [](const std::string& l, const std::string& r) { return l + "+" + r; })
        .to_stream()
        .to("out");
  });
  const auto told = [&] { return driver.take<std::string, Value>("out"); };
  driver.feed<std::string, Value>("in", "A:a@10");
  driver.feed<std::string, Value>("other", "A:1@11");
  EXPECT_EQ(told(), "");
  driver.feed<std::string, Value>("in", "T:t@20");
  EXPECT_EQ(told(), "A:a+1@11");
  driver.feed<std::string, Value>("in", "A:b@21");
  driver.feed<std::string, Value>("other", "A:2@5");
  EXPECT_EQ(told(), "A:a+2@5");  // the time of what is held back is not known any more
  driver.feed<std::string, Value>("in", "A:null@22");
  driver.feed<std::string, Value>("other", "A:3@22");
  EXPECT_EQ(told(), "A:a+3@22");
  driver.feed<std::string, Value>("in", "T:t@40");
  EXPECT_EQ(told(), "A:null@22");
  driver.feed<std::string, Value>("other", "A:4@41");
  EXPECT_EQ(told(), "");
}

TEST(SuppressUntilTimeLimit, NeedsNoRowsWhereNobodyReadsThem) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .count({.store = "counts"})
        .suppress(until_time_limit({.store = "held", .limit = 8ms, .persistent = false}))
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "A:a@0 A:b@1 B:b@8");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "A:2@1");
}

TEST(SuppressUntilTimeLimit, RefusesANegativeLimit) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.table<std::string, std::string>("in", {.store = "rows"})
        .suppress(until_time_limit({.store = "held", .limit = -1ms}));
  });
  EXPECT_NE(problems.find(".limit must not be negative"), std::string::npos) << problems;
}

// A group below counts right, and as Kafka Streams does where that is asked for.
TEST(SuppressUntilTimeLimit, LetsAGroupSubtractWhatItAdded) {
  const auto describe = [](StreamBuilder& builder) {
    builder.table<std::string, std::string>("in", {.store = "rows"})
        .suppress(until_time_limit({.store = "held", .limit = 10ms}))
        .group_by([](const std::string& value) { return std::pair(value, value); })
        .count({.store = "counts"})
        .to_stream()
        .to("out");
  };
  TextDriver driver(describe);
  driver.feed<std::string, Value>("in", "C:a@0 Y:y@12 A:a@13 A:b@14 Z:z@40");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@0 y:1@12 b:1@14");

  StreamBuilder builder(Likeness::kKafkaStreams);
  describe(builder);
  auto like_kafka_streams = TopologyDriver::create(*builder.build());
  ASSERT_TRUE(like_kafka_streams.ok());
  std::string out;
  for (const auto& record : parse_records<std::string, Value>("C:a@0 Y:y@12 A:a@13 A:b@14 Z:z@40")) {
    ASSERT_TRUE((*like_kafka_streams)->pipe("in", record.key, record.value, record.timestamp).ok());
  }
  for (const auto& record : (*like_kafka_streams)->read<std::string, std::int64_t>("out")) {
    out += print_record(record.key, record.value, record.timestamp) + " ";
  }
  EXPECT_EQ(out, "a:1@0 y:1@12 a:0@14 b:1@14 ");
}

// --------------------------------------------------------------------------------------------------------- what is held

TEST(Held, ComesBackFromItsBytes) {
  const Headers headers{{"a", "1"}, {"a", std::nullopt}, {"", ""}};
  for (const auto& now : {Value(), Value(""), Value("now")}) {
    for (const auto& before : {Value(), Value(""), Value("before")}) {
      const Held<std::string> held{42, now, before, before ? now : before, headers};
      Bytes bytes;
      Serde<Held<std::string>>::encode(held, bytes);
      Held<std::string> again{1, "x", "y", "z", {{"z", "z"}}};
      ASSERT_TRUE(Serde<Held<std::string>>::decode(bytes, again).ok());
      EXPECT_EQ(again, held);
      const std::size_t last = held.replaced ? held.replaced->size() : 0;
      for (std::size_t size = 0; size < bytes.size() - last; ++size) {
        EXPECT_FALSE((Serde<Held<std::string>>::decode(BytesView(bytes).substr(0, size), again).ok()))
            << size;
      }
    }
  }
}

}  // namespace
}  // namespace weir
