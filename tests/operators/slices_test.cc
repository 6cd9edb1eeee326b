// Windows that share slices: what is told, what is kept, and what happens when something goes wrong. That all of it is as
// without slices is the business of slices_property_test.cc.
#include <weir/operators/sliced_stream.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/group_by.h>
#include <weir/operators/join_table.h>
#include <weir/operators/map_values.h>
#include <weir/operators/merge_laws.h>
#include <weir/operators/suppress.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>
#include <weir/state/byte_queryable.h>

#include "support/records.h"
#include "support/scratch_folder.h"

namespace weir {
namespace slices_test {

using namespace std::chrono_literals;

using Str = std::string;
using Value = std::optional<Str>;

Str nothing() { return ""; }
Str mixed(const Str& left, const Str& right) {
  if (left == "bad" || right == "bad") throw std::runtime_error("bad");
  Str text = left + right;
  std::sort(text.begin(), text.end());
  return text;
}
Str added(const Str& value, const Str& text) { return mixed(text, value); }

template <class Describe>
TextDriver over(const TimeWindows& windows, Describe describe, const DriverOptions& options = {}) {
  return TextDriver(
      [=](StreamBuilder& builder) {
        describe(builder.stream<Str, Str>("in").group_by_key().windowed_by(windows));
      },
      options);
}

TextDriver letters(const TimeWindows& windows, WindowEmit emit, const DriverOptions& options = {}) {
  return over(
      windows,
      [=](const auto& windowed) {
        windowed.slices()
            .aggregate({.store = "letters", .emit = emit}, nothing, added, mixed)
            .to_stream()
            .to("out");
      },
      options);
}

Str out(TextDriver& driver) { return driver.take<Windowed<Str>, Str>("out"); }

// Returns the rows of the store as slice:value, with the first window they count in.
Str pieces(TextDriver& driver, const Str& store) {
  Str text;
  auto* queryable = dynamic_cast<ByteQueryable*>(driver.driver().store(store));
  if (queryable == nullptr) return "no store";
  const absl::Status status = queryable->for_each({}, {}, [&](BytesView key, BytesView value, Timestamp) {
    const SessionKey piece = *split_session_changelog_key(key);
    text += (text.empty() ? "" : " ") + Str(piece.key) + "@" + std::to_string(piece.end) + "from" +
            std::to_string(piece.start) + ":" + Str(value);
  });
  return status.ok() ? text : status.ToString();
}

constexpr auto kEvery = WindowEmit::kEveryUpdate;
constexpr auto kCommit = WindowEmit::kOnCommit;
constexpr auto kClose = WindowEmit::kOnWindowClose;

// ------------------------------------------------------------------------------------------------------------- types

template <class Windows, class V = Str>
concept CanSlice = requires(const KWindowedStream<Str, V, Windows>& windowed) { windowed.slices(); };
static_assert(CanSlice<TimeWindows> && CanSlice<TimeWindows, Value>);
static_assert(!CanSlice<SlidingWindows>);
static_assert(!CanSlice<UnlimitedWindows>);

template <class V, class Aggregator, class Merger>
concept CanAggregate = requires(const KSlicedStream<Str, V>& sliced, Aggregator aggregator, Merger merger) {
  sliced.aggregate({.store = "s"}, nothing, aggregator, merger);
};
template <class V, class Reducer>
concept CanReduce = requires(const KSlicedStream<Str, V>& sliced, Reducer reducer) {
  sliced.reduce({.store = "s"}, reducer, reducer);
};
using Mixed = decltype(&mixed);
static_assert(CanAggregate<Str, Mixed, Mixed>);
static_assert(
    CanAggregate<Str, Mixed, decltype([](const Str&, const Str& left, const Str&) { return left; })>);
static_assert(CanAggregate<Str, decltype([](const Str& key, const Str&, Str& text) { text += key; }), Mixed>);
static_assert(!CanAggregate<Str, Mixed, decltype([](int, int) { return 0; })>);
// A row of a window cannot be deleted slice by slice.
static_assert(!CanAggregate<Str, decltype([](const Str& value, const Str&) { return Value(value); }), Mixed>);
static_assert(CanReduce<Str, Mixed>);
static_assert(!CanReduce<Str, decltype([](const Str& left, const Str&) { return Value(left); })>);
static_assert(!CanReduce<Value, decltype([](const Str& left, const Value&) { return left; })>);

// ------------------------------------------------------------------------------------------------------ what is told

TEST(Slices, TellOfEachWindowOfARecord) {
  TextDriver driver = letters(hopping({.size = 10ms, .advance = 5ms, .grace = 20ms}), kEvery);
  driver.feed<Str, Str>("in", "a:x@0 a:b@7 b:z@7 a:v@12");
  EXPECT_EQ(out(driver), "a[0,?):x@0 a[0,?):bx@7 a[5,?):b@7 b[0,?):z@7 b[5,?):z@7 a[5,?):bv@12 a[10,?):v@12");
}

TEST(Slices, ObeyTheirLawsInTheseTests) {
  const absl::Status laws = check_merge_laws(nothing, added, mixed, std::vector<Str>{"x", "", "b", "bx"});
  EXPECT_TRUE(laws.ok()) << laws;
}

TEST(Slices, CountAndReduce) {
  const TimeWindows windows = hopping({.size = 10ms, .advance = 5ms, .grace = 0ms});
  TextDriver driver = over(windows, [](const auto& windowed) {
    windowed.slices().count({.store = "counts", .emit = kClose}).to_stream().to("counts");
    windowed.slices().reduce({.store = "largest", .emit = kClose}, mixed, mixed).to_stream().to("out");
  });
  driver.feed<Str, Str>("in", "a:y@4 a:x@5 b:q@9 a:z@30");
  EXPECT_EQ((driver.take<Windowed<Str>, std::int64_t>("counts")),
            "a[0,?):2@5 b[0,?):1@9 a[5,?):1@5 b[5,?):1@9");
  EXPECT_EQ(out(driver), "a[0,?):xy@5 b[0,?):q@9 a[5,?):x@5 b[5,?):q@9");
}

TEST(Slices, NeverAddALateRecordToAWindowThatIsClosed) {
  TextDriver driver = letters(hopping({.size = 20ms, .advance = 5ms, .grace = 0ms}), kClose);
  driver.feed<Str, Str>("in", "a:x@15 a:y@22");  // [0,20) is closed by the second
  EXPECT_EQ(out(driver), "a[0,?):x@15");
  driver.feed<Str, Str>("in", "a:l@16 a:l@3");  // late for [0,20), and for all of its windows
  driver.feed<Str, Str>("in", "a:z@60");
  EXPECT_EQ(out(driver), "a[5,?):lxy@22 a[10,?):lxy@22 a[15,?):lxy@22 a[20,?):y@22");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 2U);
}

TEST(Slices, AnswerForAClosedWindowWithoutWhatCameLate) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto table = builder.stream<Str, Str>("in")
                           .group_by_key()
                           .windowed_by(hopping({.size = 20ms, .advance = 10ms, .grace = 0ms}))
                           .slices()
                           .aggregate({.store = "letters", .retention = 100ms}, nothing, added, mixed);
    builder.stream<Windowed<Str>, Str>("questions")
        .left_join(table, [](const Str&, const Value& row) { return row.value_or("none"); })
        .to("out");
  });
  const auto ask = [&](Timestamp start) {
    EXPECT_TRUE(
        (driver.driver().pipe<Windowed<Str>, Str>("questions", {"a", {start, start + 20}}, "?", 0)).ok());
    return out(driver);
  };
  driver.feed<Str, Str>("in", "a:x@15 a:y@22 a:l@16");
  EXPECT_EQ(ask(0), "a[0,?):x@0");
  EXPECT_EQ(ask(10), "a[10,?):lxy@0");
  EXPECT_EQ(ask(20), "a[20,?):y@0");
  EXPECT_EQ(ask(5), "a[5,?):none@0");  // no window starts there
  EXPECT_EQ(ask(30), "a[30,?):none@0");
  driver.feed<Str, Str>("in", "a:z@115");  // the clock is that of windows: 110
  EXPECT_EQ(ask(10), "a[10,?):none@0");
  EXPECT_EQ(ask(20), "a[20,?):y@0");
}

TEST(Slices, TellAtTheCommitWithTheHeadersOfTheLastRecord) {
  TextDriver driver = letters(hopping({.size = 10ms, .advance = 5ms, .grace = 20ms}), kCommit);
  ASSERT_TRUE((driver.driver().pipe<Str, Str>("in", "a", "x", 7, {{"h", "first"}})).ok());
  ASSERT_TRUE((driver.driver().pipe<Str, Str>("in", "a", "b", 6, {{"h", "second"}})).ok());
  const auto records = driver.driver().read<Windowed<Str>, Str>("out");
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[3].value, "bx");
  EXPECT_EQ(records[3].timestamp, 7);
  EXPECT_EQ(records[3].headers, (Headers{{"h", "second"}}));
}

TEST(Slices, LoseNoWindowWhenTimeJumps) {
  TextDriver driver = letters(hopping({.size = 20ms, .advance = 5ms, .grace = 5ms}), kClose);
  driver.feed<Str, Str>("in", "a:x@17 b:y@99000000000000 c:z@99000000000100");
  EXPECT_EQ(out(driver),
            "a[0,?):x@17 a[5,?):x@17 a[10,?):x@17 a[15,?):x@17 b[98999999999985,?):y@99000000000000 "
            "b[98999999999990,?):y@99000000000000 b[98999999999995,?):y@99000000000000 "
            "b[99000000000000,?):y@99000000000000");
}

TEST(Slices, LastUntilTheEndOfTime) {
  constexpr Timestamp kEnd = std::numeric_limits<Timestamp>::max();
  TextDriver driver = letters(hopping({.size = 20ms, .advance = 10ms, .grace = 5ms}), kEvery);
  ASSERT_TRUE((driver.driver().pipe<Str, Str>("in", "a", "x", kEnd - 1)).ok());
  const auto records = driver.driver().read<Windowed<Str>, Str>("out");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[1].key.window.start, (kEnd - 1) / 10 * 10);
  EXPECT_EQ(records[1].value, "x");
}

TEST(Slices, FeedSuppress) {
  TextDriver driver = over(hopping({.size = 10ms, .advance = 5ms, .grace = 0ms}), [](const auto& windowed) {
    windowed.slices()
        .aggregate({.store = "letters"}, nothing, added, mixed)
        .suppress(until_window_closes({.store = "held"}))
        .to_stream()
        .to("out");
  });
  driver.feed<Str, Str>("in", "a:y@4 a:x@6 b:z@20");
  EXPECT_EQ(out(driver), "a[0,?):xy@6 a[5,?):x@6");
}

// ------------------------------------------------------------------------------------------------------ what is kept

TEST(Slices, KeepOneRowForEachKeyAndSlice) {
  TextDriver driver = letters(hopping({.size = 60ms, .advance = 5ms, .grace = 0ms}), kCommit);
  driver.feed<Str, Str>("in", "a:x@100 a:y@104 b:z@101 a:v@105");
  EXPECT_EQ(pieces(driver, "letters"), "a@100from45:xy a@105from50:v b@100from45:z");
  EXPECT_EQ(driver.driver().read_raw("driver-letters-changelog").size(), 4U);
}

TEST(Slices, KeepWhatCameLateApart) {
  TextDriver driver = letters(hopping({.size = 20ms, .advance = 10ms, .grace = 0ms}), kEvery);
  driver.feed<Str, Str>("in", "a:x@15 a:y@22 a:l@16 a:m@17");
  EXPECT_EQ(pieces(driver, "letters"), "a@10from0:x a@10from10:lm a@20from10:y");
}

TEST(Slices, AreGivenBackWhenNoWindowNeedsThem) {
  TextDriver driver = letters(hopping({.size = 20ms, .advance = 10ms, .grace = 0ms}), kClose);
  driver.feed<Str, Str>("in", "a:x@15 a:y@1000 a:z@1001");
  EXPECT_EQ(pieces(driver, "letters"), "a@1000from990:yz");
}

TEST(Slices, AreAsWideAsTheGreatestCommonDivisor) {
  TextDriver driver = letters(hopping({.size = 9ms, .advance = 6ms, .grace = 0ms}), kClose);
  driver.feed<Str, Str>("in", "a:x@7 a:y@8 a:z@9 a:w@100");
  EXPECT_EQ(out(driver), "a[0,?):xy@8 a[6,?):xyz@9");
  const Slices slices(hopping({.size = 9ms, .advance = 6ms, .grace = 0ms}));
  EXPECT_EQ(slices.width(), 3ms);
  EXPECT_EQ(slices.per_window(), 3);
}

// Windows one by one are in a window store, which is readable as such.
bool one_by_one(const TimeWindows& windows) {
  TextDriver driver = letters(windows, kEvery);
  driver.feed<Str, Str>("in", "a:x@5000");
  return driver.driver().store_as<WindowStore<Str, Str>>("letters") != nullptr;
}

TEST(Slices, AreLeftAloneWhereTheyCannotPay) {
  EXPECT_TRUE(one_by_one(tumbling({.size = 10ms, .grace = 0ms})));
  EXPECT_FALSE(one_by_one(hopping({.size = 10ms, .advance = 5ms, .grace = 0ms})));
  EXPECT_FALSE(one_by_one(hopping({.size = Duration(kSlicesPerWindowMax), .advance = 1ms, .grace = 0ms})));
  EXPECT_TRUE(
      one_by_one(hopping({.size = Duration(kSlicesPerWindowMax + 1), .advance = 1000ms, .grace = 0ms})));
}

TEST(Slices, ComeBackAfterARestartInMemoryAndOnDisk) {
  for (const bool on_disk : {false, true}) {
    const ScratchFolder scratch;
    SCOPED_TRACE(on_disk ? "on disk" : "in memory");
    {
      TextDriver driver = letters(hopping({.size = 20ms, .advance = 10ms, .grace = 0ms}), kClose,
                                  {.state_directory = on_disk ? scratch.path() : ""});
      driver.feed<Str, Str>("in", "a:x@15 a:y@22 a:l@16");
      ASSERT_TRUE(driver.driver().restart().ok());
      driver.feed<Str, Str>("in", "a:z@23");
      ASSERT_TRUE(driver.driver().restart().ok());
      driver.feed<Str, Str>("in", "a:w@100");
      EXPECT_EQ(out(driver), "a[0,?):x@15 a[10,?):lxyz@23 a[20,?):yz@23");
    }
  }
}

TEST(Slices, RefuseAStoreOnDiskThatHasSomethingElse) {
  const ScratchFolder scratch;
  {
    TextDriver driver = letters(hopping({.size = 20ms, .advance = 10ms, .grace = 0ms}), kEvery,
                                {.state_directory = scratch.path()});
    driver.feed<Str, Str>("in", "a:x@15");
  }
  const auto problem = [&](const TextDriver::Describe& describe) {
    StreamBuilder builder;
    describe(builder);
    return TopologyDriver::create(*builder.build(), {.state_directory = scratch.path()}).status().ToString();
  };
  const auto windowed = [](StreamBuilder& builder, const TimeWindows& windows) {
    return builder.stream<Str, Str>("in").group_by_key().windowed_by(windows);
  };
  // Other windows that happen to be kept as long.
  const std::string other = problem([&](StreamBuilder& builder) {
    static_cast<void>(windowed(builder, hopping({.size = 10ms, .advance = 10ms / 2, .grace = 15ms}))
                          .slices()
                          .aggregate({.store = "letters"}, nothing, added, mixed));
  });
  EXPECT_NE(other.find("kind was slices of windows of 20 ms by 10 ms, is slices of windows of 10 ms by 5 ms"),
            std::string::npos)
      << other;
  const std::string without = problem([&](StreamBuilder& builder) {
    static_cast<void>(windowed(builder, hopping({.size = 20ms, .advance = 10ms, .grace = 0ms}))
                          .aggregate({.store = "letters"}, nothing, added));
  });
  EXPECT_NE(without.find("kind was slices of windows of 20 ms by 10 ms, is window"), std::string::npos)
      << without;
}

// ---------------------------------------------------------------------------------------------- when something is wrong

TEST(Slices, KeepAPieceAsItWasWhenTheAggregatorThrows) {
  TextDriver driver = letters(hopping({.size = 20ms, .advance = 10ms, .grace = 0ms}), kEvery,
                              {.on_error = ErrorPolicy::kSkip});
  driver.feed<Str, Str>("in", "a:x@15 a:bad@16 a:y@17");
  EXPECT_EQ(out(driver), "a[0,?):x@15 a[10,?):x@15 a[0,?):xy@17 a[10,?):xy@17");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

TEST(Slices, TellOfOtherKeysWhenTheMergerThrows) {
  for (const WindowEmit emit : {kEvery, kCommit, kClose}) {
    SCOPED_TRACE(static_cast<int>(emit));
    TextDriver driver = over(hopping({.size = 10ms, .advance = 5ms, .grace = 0ms}),
                             [=](const auto& windowed) {
                               const auto last = [](const Str& value, const Str&) { return value; };
                               windowed.slices()
                                   .aggregate({.store = "letters", .emit = emit}, nothing, last, mixed)
                                   .to_stream()
                                   .to("out");
                             },
                             {.on_error = ErrorPolicy::kSkip});
    driver.feed<Str, Str>("in", "a:x@4 b:bad@4 b:y@6 a:y@6 a:z@20");
    const Str told = out(driver);
    EXPECT_NE(told.find("a[0,?):xy@6"), Str::npos) << told;
    EXPECT_EQ(told.find("b[0,?):bady@6"), Str::npos) << told;
    EXPECT_GE(driver.dropped(DropReason::kFailed), 1U);
  }
}

TEST(Slices, FailTheTaskWhereThePolicySaysSoAndGoOnAfterARestart) {
  TextDriver driver = letters(hopping({.size = 20ms, .advance = 10ms, .grace = 0ms}), kEvery);
  driver.feed<Str, Str>("in", "a:x@15");
  const absl::Status status = driver.try_feed<Str, Str>("in", "a:bad@16");
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.ToString().find("windowed-aggregate"), std::string::npos) << status;
}

TEST(Slices, ReportTheProblemsOfTheirOptions) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    static_cast<void>(builder.stream<Str, Str>("in")
                          .group_by_key()
                          .windowed_by(hopping({.size = 20ms, .advance = 10ms, .grace = 5ms}))
                          .slices()
                          .count({.store = "counts", .close_when_idle = 5ms, .retention = 24ms}));
  });
  EXPECT_NE(problems.find("'counts' has close_when_idle"), std::string::npos) << problems;
  EXPECT_NE(problems.find("keeps windows for 24 ms, but they can change for 25 ms"), std::string::npos)
      << problems;
}

}  // namespace slices_test
}  // namespace weir
