#include <weir/operators/cogroup.h>

#include <chrono>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/group_by.h>
#include <weir/operators/map_values.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/windowed_cogroup.h>

#include "support/records.h"

namespace weir {
namespace cogroup_test {

using namespace std::chrono_literals;

using Key = std::optional<std::string>;
using Value = std::optional<std::string>;

// What one input says of a text and another of a number.
std::string with_text(const std::string& value, const std::string& all) { return all + "1" + value; }
std::string with_number(const std::int64_t& value, const std::string& all) {
  return all + "2" + std::to_string(value);
}
std::string nothing() { return ""; }

auto cogrouped(StreamBuilder& builder) {
  const auto texts = builder.stream<std::string, std::string>("i1").group_by_key();
  const auto numbers = builder.stream<std::string, std::int64_t>("i2").group_by_key();
  return texts.cogroup(with_text).cogroup(numbers, with_number);
}

template <class Windows>
TextDriver windowed(const Windows& windows, WindowEmit emit = WindowEmit::kEveryUpdate) {
  return TextDriver([=](StreamBuilder& builder) {
    cogrouped(builder)
        .windowed_by(windows)
        .aggregate({.store = "rows", .emit = emit}, nothing)
        .to_stream()
        .to("out");
  });
}

std::string out(TextDriver& driver) { return driver.take<Windowed<std::string>, std::string>("out"); }

TEST(Cogroup, FoldsSeveralStreamsIntoOneRowPerKey) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto first = builder.stream<std::string, Value>("i1").group_by_key();
    const auto second = builder.stream<Key, std::int64_t>("i2").group_by_key();
    first.cogroup(with_text)
        .cogroup(second, with_number)
        .aggregate({.store = "rows"}, nothing)
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, Value>("i1", "A:a@5");
  driver.feed<Key, std::int64_t>("i2", "A:7@3");
  driver.feed<std::string, Value>("i1", "A:null@4");
  driver.feed<Key, std::int64_t>("i2", "null:8@8 A:9@9");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "A:1a@5 A:1a27@5 A:1a2729@9");
  EXPECT_EQ(driver.dropped(DropReason::kNullValue), 1U);
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
}

TEST(Cogroup, RepartitionsOnlyWhatWasRekeyed) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto by_first = builder.stream<std::string, std::string>("i3").group_by(
        [](const std::string& value) { return value.substr(0, 1); });
    cogrouped(builder)
        .cogroup(by_first, [](const std::string& value, std::string& all) { all += "3" + value; })
        .aggregate({.store = "rows"}, nothing)
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("i1", "x:a@1");
  driver.feed<std::string, std::string>("i3", "k:xyz@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "x:1a@1 x:1a3xyz@2");
  EXPECT_NE(driver.description().find("rows-3-repartition"), std::string::npos) << driver.description();
  EXPECT_EQ(driver.description().find("rows-1-repartition"), std::string::npos);
}

TEST(Cogroup, CanDeleteRowsIfOneAggregatorCan) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto deletes = builder.stream<std::string, std::string>("i3").group_by_key();
    cogrouped(builder)
        .cogroup(deletes, [](const std::string&, const std::string&) { return std::optional<std::string>(); })
        .aggregate({.store = "rows"}, nothing)
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("i1", "x:a@5");
  driver.feed<std::string, std::string>("i3", "x:b@3");
  driver.feed<std::string, std::string>("i1", "x:c@4");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "x:1a@5 x:null@5 x:1c@4");
}

TEST(Cogroup, EmitsTheLastStateOfEachCommitOfAllInputsIfAsked) {
  TextDriver driver([](StreamBuilder& builder) {
    cogrouped(builder).aggregate({.store = "rows", .emit = Emit::kOnCommit}, nothing).to_stream().to("out");
  });
  driver.feed<std::string, std::string>("i1", "x:a@5");
  driver.feed<std::string, std::int64_t>("i2", "x:1@7");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "x:1a@5 x:1a21@7");
}

TEST(Cogroup, RefusesStreamsOfAnotherBuilder) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    StreamBuilder other;
    const auto foreign = other.stream<std::string, std::string>("i3").group_by_key();
    static_cast<void>(cogrouped(builder).cogroup(foreign, with_text).aggregate({.store = "rows"}, nothing));
  });
  EXPECT_NE(problems.find("two builders"), std::string::npos) << problems;
}

TEST(WindowedCogroup, GivesEachInputAClockOfItsOwn) {
  TextDriver driver([](StreamBuilder& builder) {
    cogrouped(builder)
        .windowed_by(tumbling({.size = 10ms, .grace = 0ms}))
        .aggregate({.store = "rows", .retention = 1h}, nothing)
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("i1", "A:a@5");
  driver.feed<std::string, std::int64_t>("i2", "A:7@15");
  driver.feed<std::string, std::string>("i1", "A:c@6");
  driver.feed<std::string, std::int64_t>("i2", "A:8@12 A:9@4");
  EXPECT_EQ(out(driver), "A[0,?):1a@5 A[10,?):27@15 A[0,?):1a1c@6 A[10,?):2728@15");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
}

TEST(WindowedCogroup, DropsWhatTheSharedStoreNoLongerKeeps) {
  TextDriver driver = windowed(tumbling({.size = 10ms, .grace = 0ms}));
  driver.feed<std::string, std::string>("i1", "A:a@5");
  driver.feed<std::string, std::int64_t>("i2", "A:7@15");
  driver.feed<std::string, std::string>("i1", "A:c@6");
  EXPECT_EQ(out(driver), "A[0,?):1a@5 A[10,?):27@15");
  EXPECT_EQ(driver.dropped(DropReason::kExpired), 1U);
}

TEST(WindowedCogroup, SharesOneClockWhenItTellsOfClosedWindows) {
  TextDriver driver = windowed(tumbling({.size = 10ms, .grace = 0ms}), WindowEmit::kOnWindowClose);
  driver.feed<std::string, std::string>("i1", "A:a@5");
  driver.feed<std::string, std::int64_t>("i2", "A:7@8 B:8@15");
  driver.feed<std::string, std::string>("i1", "A:c@6 A:d@20");
  EXPECT_EQ(out(driver), "A[0,?):1a27@8 B[10,?):28@15");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
}

TEST(WindowedCogroup, SlidesToo) {
  TextDriver driver = windowed(sliding({.difference = 10ms, .grace = 50ms}));
  driver.feed<std::string, std::string>("i1", "A:a@100");
  driver.feed<std::string, std::int64_t>("i2", "A:7@105");
  EXPECT_EQ(out(driver), "A[90,?):1a@100 A[101,?):27@105 A[95,?):1a27@105");
}

TEST(WindowedCogroup, SaysWhatItCannotDo) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    static_cast<void>(
        cogrouped(builder)
            .windowed_by(sliding({.difference = 10ms, .grace = 0ms}))
            .aggregate({.store = "rows", .emit = WindowEmit::kOnWindowClose, .close_when_idle = 1s},
                       nothing));
  });
  EXPECT_NE(problems.find("a cogroup cannot in windows of this kind"), std::string::npos) << problems;
  EXPECT_NE(problems.find("close_when_idle, which a cogroup cannot have"), std::string::npos) << problems;
}

}  // namespace cogroup_test
}  // namespace weir
