#include <weir/operators/sliding_windows.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/group_by.h>
#include <weir/operators/map_values.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/windowed_by.h>

#include "support/records.h"

namespace weir {
namespace sliding_windows_test {

using namespace std::chrono_literals;

using Key = std::optional<std::string>;
using Value = std::optional<std::string>;

TextDriver concatenated(Duration grace, WindowEmit emit = WindowEmit::kEveryUpdate,
                        std::optional<Duration> idle = {}, const DriverOptions& driver = {}) {
  return TextDriver(
      [=](StreamBuilder& builder) {
        builder.stream<Key, Value>("in")
            .group_by_key()
            .windowed_by(sliding({.difference = 10ms, .grace = grace}))
            .reduce({.store = "rows", .emit = emit, .close_when_idle = idle},
                    [](const std::string& left, const std::string& right) {
                      if (right == "bad") throw std::runtime_error("bad");
                      return left + right;
                    })
            .to_stream()
            .to("out");
      },
      driver);
}

std::string out(TextDriver& driver) { return driver.take<Windowed<std::string>, std::string>("out"); }

TEST(Sliding, MakesAWindowThatEndsWithEachRecordAndOneThatBeginsAfterIt) {
  TextDriver driver = concatenated(50ms);
  driver.feed<Key, Value>("in", "A:a@100");
  EXPECT_EQ(out(driver), "A[90,?):a@100");
  driver.feed<Key, Value>("in", "A:b@105");
  EXPECT_EQ(out(driver), "A[101,?):b@105 A[95,?):ab@105");
  driver.feed<Key, Value>("in", "A:c@110");
  EXPECT_EQ(out(driver), "A[101,?):bc@110 A[106,?):c@110 A[100,?):abc@110");
  driver.feed<Key, Value>("in", "A:d@111");
  EXPECT_EQ(out(driver), "A[106,?):cd@111 A[101,?):bcd@111 A[111,?):d@111");
  driver.feed<Key, Value>("in", "A:e@103");
  EXPECT_EQ(out(driver),
            "A[101,?):bcde@111 A[100,?):abce@110 A[95,?):abe@105 A[93,?):ae@103 A[104,?):bcd@111");
}

TEST(Sliding, MakesAWindowOnceThatBothEndsWithARecordAndBeginsAfterAnother) {
  TextDriver driver = concatenated(50ms);
  driver.feed<Key, Value>("in", "A:a@100 A:b@111");
  EXPECT_EQ(out(driver), "A[90,?):a@100 A[101,?):b@111");
}

TEST(Sliding, SharesOneWindowAtTheBeginningOfTime) {
  TextDriver driver = concatenated(0ms);
  driver.feed<Key, Value>("in", "A:a@0 A:b@5 A:c@6 A:d@2");
  EXPECT_EQ(out(driver),
            "A[0,?):a@0 A[1,?):b@5 A[0,?):ab@5 A[1,?):bc@6 A[6,?):c@6 A[0,?):abc@6 "
            "A[1,?):bcd@6 A[3,?):bc@6 A[0,?):abcd@6");
}

TEST(Sliding, ChangesWindowsAtTheBeginningOfTimeFromTheFirstToTheLastAndTheSharedOneAtTheEnd) {
  TextDriver driver = concatenated(0ms);
  driver.feed<Key, Value>("in", "A:a@4 A:b@8 A:c@6");
  EXPECT_EQ(out(driver), "A[0,?):a@4 A[5,?):b@8 A[0,?):ab@8 A[5,?):bc@8 A[7,?):b@8 A[0,?):abc@8");
  driver.feed<Key, Value>("in", "A:d@7");
  EXPECT_EQ(out(driver), "A[5,?):bcd@8 A[7,?):bd@8 A[8,?):b@8 A[0,?):abcd@8");
}

TEST(Sliding, RefusesWhatIsLateForEveryWindowOrForOne) {
  TextDriver driver = concatenated(0ms);
  driver.feed<Key, Value>("in", "A:a@100 A:b@110");
  static_cast<void>(out(driver));
  driver.feed<Key, Value>("in", "A:c@100 A:d@99");
  EXPECT_EQ(out(driver), "A[100,?):abc@110");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 2U);
}

TEST(Sliding, DropsNulls) {
  TextDriver driver = concatenated(0ms);
  driver.feed<Key, Value>("in", "A:null@100 null:a@100");
  EXPECT_EQ(out(driver), "");
  EXPECT_EQ(driver.dropped(DropReason::kNullValue), 1U);
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
}

TEST(Sliding, TellsTheEndOfTheWindowAndCounts) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .windowed_by(sliding({.difference = 10ms, .grace = 0ms}))
        .count({.store = "counts"})
        .to_stream()
        .map_values([](const Windowed<std::string>& key, std::int64_t count) {
          return std::to_string(key.window.end) + "/" + std::to_string(count);
        })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "A:a@100 A:b@104");
  EXPECT_EQ(out(driver), "A[90,?):100/1@100 A[101,?):111/1@104 A[94,?):104/2@104");
}

TEST(Sliding, LeavesEveryWindowAloneWhenTheReducerThrows) {
  TextDriver driver = concatenated(50ms, WindowEmit::kEveryUpdate, {}, {.on_error = ErrorPolicy::kSkip});
  driver.feed<Key, Value>("in", "A:a@100 A:b@105 A:bad@106 A:c@106");
  EXPECT_EQ(out(driver),
            "A[90,?):a@100 A[101,?):b@105 A[95,?):ab@105 A[101,?):bc@106 A[106,?):c@106 "
            "A[96,?):abc@106");
}

TEST(Sliding, TellsOfAWindowOnceWhenItCloses) {
  TextDriver driver = concatenated(0ms, WindowEmit::kOnWindowClose);
  driver.feed<Key, Value>("in", "A:a@100 A:b@105");
  EXPECT_EQ(out(driver), "A[90,?):a@100");
  driver.feed<Key, Value>("in", "A:c@110");
  EXPECT_EQ(out(driver), "A[95,?):ab@105");
  driver.feed<Key, Value>("in", "A:d@111");
  EXPECT_EQ(out(driver), "A[100,?):abc@110");
  driver.feed<Key, Value>("in", "A:e@130");
  EXPECT_EQ(out(driver), "A[101,?):bcd@111 A[106,?):cd@111 A[111,?):d@111");
}

TEST(Sliding, LosesNoWindowWhenTimeJumps) {
  TextDriver driver = concatenated(0ms, WindowEmit::kOnWindowClose);
  driver.feed<Key, Value>("in", "A:a@100 B:b@200 C:c@1000");
  EXPECT_EQ(out(driver), "A[90,?):a@100 B[190,?):b@200");
}

TEST(Sliding, KnowsWhichWindowsAreOpenAfterARestart) {
  TextDriver driver = concatenated(0ms, WindowEmit::kOnWindowClose);
  driver.feed<Key, Value>("in", "A:a@100 A:b@105");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<Key, Value>("in", "B:c@150");
  EXPECT_EQ(out(driver), "A[90,?):a@100 A[95,?):ab@105 A[101,?):b@105");
}

TEST(Sliding, ClosesItsWindowsWhenNothingCame) {
  TextDriver driver = concatenated(5ms, WindowEmit::kOnWindowClose, 30s);
  driver.feed<Key, Value>("in", "A:a@100 A:b@105");
  ASSERT_TRUE(driver.driver().advance_wall_clock(30s).ok());
  EXPECT_EQ(out(driver), "A[90,?):a@100 A[95,?):ab@105 A[101,?):b@105");
}

TEST(Sliding, TellsTheLastStateOfEachCommitIfAsked) {
  TextDriver driver = concatenated(50ms, WindowEmit::kOnCommit);
  driver.feed<Key, Value>("in", "A:a@100 A:b@105");
  EXPECT_EQ(out(driver), "A[90,?):a@100 A[101,?):b@105 A[95,?):ab@105");
}

TEST(Sliding, ReportsWindowsThatCannotBe) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    static_cast<void>(builder.stream<std::string, std::string>("in")
                          .group_by_key()
                          .windowed_by(sliding({.difference = 0ms, .grace = 0ms}))
                          .count({.store = "counts"}));
  });
  EXPECT_NE(problems.find("difference of sliding windows must be positive"), std::string::npos) << problems;
}

}  // namespace sliding_windows_test
}  // namespace weir
