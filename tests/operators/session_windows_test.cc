#include <weir/operators/session_windows.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/flat_map_values.h>
#include <weir/operators/group_by.h>
#include <weir/operators/map_values.h>
#include <weir/operators/select_key.h>
#include <weir/operators/session_by.h>
#include <weir/operators/session_cogroup.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/records.h"

namespace weir {

template <class K>
struct Text<SessionWindowed<K>> {
  static std::string print(const SessionWindowed<K>& value) {
    return Text<K>::print(value.key) + "[" + std::to_string(value.window.start) + "," +
           std::to_string(value.window.end) + "]";
  }
};

namespace session_windows_test {

using namespace std::chrono_literals;

using Key = std::optional<std::string>;
using Value = std::optional<std::string>;

std::string nothing() { return ""; }
std::string joined(const std::string& left, const std::string& right) { return left + right; }
std::optional<std::string> added(const std::string& value, const std::string& text) {
  if (value == "bad") throw std::runtime_error("bad");
  return value == "del" ? std::nullopt : std::optional(text + value);
}

TextDriver aggregated(Duration grace, WindowEmit emit = WindowEmit::kEveryUpdate,
                      std::optional<Duration> idle = {}, const DriverOptions& driver = {}) {
  return TextDriver(
      [=](StreamBuilder& builder) {
        builder.stream<Key, std::string>("in")
            .group_by_key()
            .windowed_by(session({.gap = 10ms, .grace = grace}))
            .aggregate({.store = "rows", .emit = emit, .close_when_idle = idle}, nothing, added, joined)
            .to_stream()
            .to("out");
      },
      driver);
}

std::string out(TextDriver& driver) { return driver.take<SessionWindowed<std::string>, Value>("out"); }

TEST(Session, GrowsWithRecordsAGapApartAndJoinsOthers) {
  TextDriver driver = aggregated(50ms);
  driver.feed<Key, std::string>("in", "A:a@0 A:b@10 A:c@21");
  EXPECT_EQ(out(driver), "A[0,0]:a@0 A[0,0]:null@0 A[0,10]:ab@10 A[21,21]:c@21");
  driver.feed<Key, std::string>("in", "A:d@15 A:e@15");
  EXPECT_EQ(out(driver), "A[0,10]:null@10 A[21,21]:null@21 A[0,21]:abcd@21 A[0,21]:null@21 A[0,21]:abcde@21");
}

TEST(Session, ReplacesNothingWhenARecordComesAtTheSameTime) {
  TextDriver driver = aggregated(0ms);
  driver.feed<Key, std::string>("in", "A:a@5 A:b@5");
  EXPECT_EQ(out(driver), "A[5,5]:a@5 A[5,5]:ab@5");
}

TEST(Session, TakesRecordsUntilGapAndGraceAfterItsEnd) {
  TextDriver driver = aggregated(0ms);
  driver.feed<Key, std::string>("in", "A:a@0 B:x@10 A:b@0 B:y@11 A:c@0");
  EXPECT_EQ(out(driver), "A[0,0]:a@0 B[10,10]:x@10 A[0,0]:ab@0 B[10,10]:null@10 B[10,11]:xy@11");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
}

TEST(Session, TakesALateRecordThatJoinsAnOpenSession) {
  TextDriver driver = aggregated(0ms);
  driver.feed<Key, std::string>("in", "A:a@100 B:x@108");
  static_cast<void>(out(driver));
  driver.feed<Key, std::string>("in", "A:b@91 A:c@82 A:d@60");
  EXPECT_EQ(out(driver), "A[100,100]:null@100 A[91,100]:ab@100 A[91,100]:null@100 A[82,100]:abc@100");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
}

TEST(Session, DeletesARow) {
  TextDriver driver = aggregated(0ms);
  driver.feed<Key, std::string>("in", "A:x@1 A:del@2 A:y@3");
  EXPECT_EQ(out(driver), "A[1,1]:x@1 A[1,1]:null@1 A[1,2]:null@2 A[3,3]:y@3");
}

TEST(Session, LeavesSessionsAloneWhenTheAggregatorThrows) {
  TextDriver driver = aggregated(0ms, WindowEmit::kEveryUpdate, {}, {.on_error = ErrorPolicy::kSkip});
  driver.feed<Key, std::string>("in", "A:x@1 A:bad@2 A:y@3");
  EXPECT_EQ(out(driver), "A[1,1]:x@1 A[1,1]:null@1 A[1,3]:xy@3");
}

TEST(Session, CountsNullValuesAndMergesCounts) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<Key, Value>("in")
        .group_by_key()
        .windowed_by(session({.gap = 10ms, .grace = 50ms}))
        .count({.store = "counts"})
        .to_stream()
        .to("out");
  });
  driver.feed<Key, Value>("in", "A:v@100 A:null@101 null:x@300 A:v@120 A:v@111");
  EXPECT_EQ((driver.take<SessionWindowed<std::string>, std::optional<std::int64_t>>("out")),
            "A[100,100]:1@100 A[100,100]:null@100 A[100,101]:2@101 A[120,120]:1@120 "
            "A[100,101]:null@101 A[120,120]:null@120 A[100,120]:4@120");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
}

TEST(Session, ReducesAndMergesWithTheReducer) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, Value>("in")
        .group_by_key()
        .windowed_by(session({.gap = 10ms, .grace = 50ms}))
        .reduce({.store = "rows"},
                [](const std::string& text, const Value& value) { return text + value.value_or("null"); })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, Value>("in", "A:a@0 A:b@20 A:null@10");
  EXPECT_EQ(out(driver), "A[0,0]:a@0 A[20,20]:b@20 A[0,0]:null@0 A[20,20]:null@20 A[0,20]:abnull@20");
}

TEST(Session, CarriesNoHeadersUnlessItCloses) {
  for (const WindowEmit emit : {WindowEmit::kEveryUpdate, WindowEmit::kOnWindowClose}) {
    TextDriver driver = aggregated(0ms, emit);
    ASSERT_TRUE((driver.driver().pipe<Key, std::string>("in", "A", "a", 1, {{"h", "1"}}).ok()));
    ASSERT_TRUE((driver.driver().pipe<Key, std::string>("in", "A", "a", 30, {{"h", "2"}}).ok()));
    const auto records = driver.driver().read<SessionWindowed<std::string>, Value>("out");
    ASSERT_FALSE(records.empty());
    EXPECT_EQ(records[0].headers, emit == WindowEmit::kEveryUpdate ? Headers() : Headers({{"h", "2"}}));
  }
}

TEST(Session, TellsTheLastStateOfEachCommitIfAsked) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .flat_map_values([](const std::string& value) { return std::vector<std::string>(2, value); })
        .group_by_key()
        .windowed_by(session({.gap = 10ms, .grace = 50ms}))
        .aggregate({.store = "rows", .emit = WindowEmit::kOnCommit}, nothing, added, joined)
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "A:a@0");
  EXPECT_EQ(out(driver), "A[0,0]:aa@0");
  driver.feed<std::string, std::string>("in", "A:b@5");
  EXPECT_EQ(out(driver), "A[0,0]:null@0 A[0,5]:aabb@5");
}

TEST(Session, IsToldOfOnceWhenItCloses) {
  TextDriver driver = aggregated(5ms, WindowEmit::kOnWindowClose);
  driver.feed<Key, std::string>("in", "A:a@0 C:x@3 A:b@8 B:z@3 B:c@23");
  EXPECT_EQ(out(driver), "B[3,3]:z@3 C[3,3]:x@3");
  driver.feed<Key, std::string>("in", "B:d@24");
  EXPECT_EQ(out(driver), "A[0,8]:ab@8");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<Key, std::string>("in", "D:d@1000");
  EXPECT_EQ(out(driver), "B[23,24]:cd@24");
}

TEST(Session, ClosesWhenNothingCame) {
  TextDriver driver = aggregated(5ms, WindowEmit::kOnWindowClose, 30s);
  driver.feed<Key, std::string>("in", "A:a@0 A:b@8");
  ASSERT_TRUE(driver.driver().advance_wall_clock(30s).ok());
  EXPECT_EQ(out(driver), "A[0,8]:ab@8");
}

TEST(Session, GivesLateRecordsAsAStream) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(session({.gap = 10ms, .grace = 0ms}))
        .late([](const KStream<std::string, Late<std::string>>& late) {
          late.map_values([](const Late<std::string>& record) {
                return record.value + std::to_string(record.window.start) + "-" +
                       std::to_string(record.window.end);
              })
              .to("late");
        })
        .count({.store = "counts"});
  });
  driver.feed<std::string, std::string>("in", "A:a@3 A:b@50 A:c@5");
  EXPECT_EQ((driver.take<std::string, std::string>("late")), "A:c5-5@5");
}

TEST(Session, KeepsItsWindowThroughARepartitionTopic) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(session({.gap = 10ms, .grace = 0ms}))
        .count({.store = "counts"})
        .to_stream()
        .select_key([](const SessionWindowed<std::string>& key, const std::optional<std::int64_t>&) {
          return SessionWindowed<std::string>{"x" + key.key, key.window};
        })
        .group_by_key()
        .count({.store = "updates"})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "A:a@3 A:b@7");
  EXPECT_EQ((driver.take<SessionWindowed<std::string>, std::int64_t>("out")), "xA[3,3]:1@3 xA[3,7]:1@7");
}

TEST(Session, IsWrittenAsKafkaDoes) {
  Bytes bytes;
  const SessionWindowed<std::string> key{"A", {12, 15}};
  Serde<SessionWindowed<std::string>>::encode(key, bytes);
  EXPECT_EQ(bytes, Bytes("A\0\0\0\0\0\0\0\x0f\0\0\0\0\0\0\0\x0c", 17));
  SessionWindowed<std::string> read;
  ASSERT_TRUE(Serde<SessionWindowed<std::string>>::decode(bytes, read).ok());
  EXPECT_EQ(read, key);
  EXPECT_EQ(TopicKey<SessionWindowed<std::string>>::hashed_bytes(bytes), "A");
  EXPECT_FALSE(Serde<SessionWindowed<std::string>>::decode("short", read).ok());
  EXPECT_EQ(Serde<SessionWindowed<std::string>>::kFormat, "session-string");
}

TEST(Session, ReportsSessionsThatCannotBe) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    static_cast<void>(builder.stream<std::string, std::string>("in")
                          .group_by_key()
                          .windowed_by(session({.gap = 0ms, .grace = 0ms}))
                          .count({.store = "counts"}));
  });
  EXPECT_NE(problems.find("gap between sessions must be positive"), std::string::npos) << problems;
}

TEST(SessionCogroup, MakesSessionsOfTheRecordsOfAllStreams) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto texts = builder.stream<std::string, std::string>("i1").group_by_key();
    const auto numbers = builder.stream<std::string, std::int64_t>("i2").group_by_key();
    texts.cogroup([](const std::string& value, const std::string& all) { return all + "1" + value; })
        .cogroup(numbers,
                 [](std::int64_t value, const std::string& all) { return all + "2" + std::to_string(value); })
        .windowed_by(session({.gap = 10ms, .grace = 0ms}))
        .aggregate({.store = "rows"}, nothing, joined)
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("i1", "A:a@100");
  driver.feed<std::string, std::int64_t>("i2", "A:7@105");
  EXPECT_EQ(out(driver), "A[100,100]:1a@100 A[100,100]:null@100 A[100,105]:1a27@105");
}

}  // namespace session_windows_test
}  // namespace weir
