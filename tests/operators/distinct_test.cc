#include <weir/operators/distinct.h>

#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/select_key.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace distinct_test {

using namespace std::chrono_literals;

using Key = std::optional<std::string>;

template <class Stream, class Select>
concept CanDistinct = requires(const Stream& stream, Select select) {
  stream.distinct({.store = "s", .window = 1ms, .grace = 0ms}, select);
};
using Numbers = KStream<Key, std::int64_t>;
static_assert(CanDistinct<Numbers, decltype([](std::int64_t number) { return number; })>);
static_assert(
    CanDistinct<Numbers, decltype([](const Key&, std::int64_t number) { return std::optional(number); })>);
static_assert(!CanDistinct<Numbers, decltype([](const std::string& text) { return text; })>);
static_assert(
    !CanDistinct<Numbers, decltype([](std::int64_t) { return std::string_view(); })>);  // cannot be kept

TextDriver by_value(Duration window, Duration grace) {
  return TextDriver([=](StreamBuilder& builder) {
    builder.stream<Key, std::string>("in")
        .distinct({.store = "seen", .window = window, .grace = grace, .on_error = ErrorPolicy::kSkip},
                  [](const std::string& value) {
                    if (value == "bad") throw std::runtime_error("bad");
                    return value == "none" ? std::nullopt : std::optional(value);
                  })
        .to("out");
  });
}

TEST(Distinct, LetsTheFirstRecordOfAnIdThrough) {
  TextDriver driver = by_value(10ms, 0ms);
  driver.feed<Key, std::string>("in", "a:x@0 b:x@5 a:y@6 null:x@9 a:x@10 a:x@19");
  EXPECT_EQ((driver.take<Key, std::string>("out")), "a:x@0 a:y@6 a:x@10");
  EXPECT_EQ(driver.dropped(DropReason::kDuplicate), 3U);
}

TEST(Distinct, ComparesWithWhatPassedLaterToo) {
  TextDriver driver = by_value(10ms, 30ms);
  driver.feed<Key, std::string>("in", "a:x@25 b:x@16 a:x@15 a:x@36 a:x@24 a:x@5 a:x@8");
  EXPECT_EQ((driver.take<Key, std::string>("out")), "a:x@25 a:x@15 a:x@36");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);  // x@5, behind 36 by 31
}

TEST(Distinct, DropsRecordsWithoutIdAndThoseThatFail) {
  TextDriver driver = by_value(10ms, 0ms);
  driver.feed<Key, std::string>("in", "a:none@0 a:bad@0 a:bad@0 a:x@0");
  EXPECT_EQ((driver.take<Key, std::string>("out")), "a:x@0");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 2U);
}

TEST(Distinct, WithoutSelectorTheKeyIsTheId) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<Key, std::string>("in").distinct({.store = "seen", .window = 1h, .grace = 0min}).to("out");
  });
  driver.feed<Key, std::string>("in", "a:x@0 b:y@1 a:z@2 null:n@3");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:x@0 b:y@1");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
}

TEST(Distinct, RemembersAcrossARestart) {
  TextDriver driver = by_value(10ms, 5ms);
  driver.feed<Key, std::string>("in", "a:x@10 a:y@20");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<Key, std::string>("in", "a:x@19 a:x@14 a:x@20");
  EXPECT_EQ((driver.take<Key, std::string>("out")), "a:x@10 a:y@20 a:x@20");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
}

TEST(Distinct, RepartitionsAStreamWithChangedKeys) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<Key, std::string>("in")
        .select_key([](const std::string& value) { return value.substr(0, 1); })
        .distinct({.store = "seen", .window = 10ms, .grace = 0ms})
        .to("out");
  });
  driver.feed<Key, std::string>("in", "a:x1@0 b:x2@1 c:y@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "x:x1@0 y:y@2");
  EXPECT_NE(driver.description().find("seen-repartition"), std::string::npos) << driver.description();
}

TEST(Distinct, DurationsThatCannotBeAreProblems) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .distinct({.store = "s", .window = 0ms, .grace = 0ms})
        .to("out");
  });
  EXPECT_NE(problems.find("window must be positive"), std::string::npos) << problems;
  EXPECT_NE(problems.find("distinct_test.cc"), std::string::npos) << problems;
}

// Against a list of all that passed.
TEST(Distinct, IsWhatASearchThroughAllRecordsSays) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 chance(seed);
  for (int round = 0; round < 100; ++round) {
    const Timestamp window = 1 + chance() % 20;
    const Timestamp grace = chance() % 30;
    TextDriver driver = by_value(Duration(window), Duration(grace));
    std::vector<ParsedRecord<Key, std::string>> passed;
    Timestamp now = chance() % 50;
    Timestamp seen = 0;
    std::string expected;
    for (int i = 0; i < 60; ++i) {
      now += chance() % 8;
      const Timestamp time = std::max<Timestamp>(0, now - (chance() % 3 == 0 ? chance() % 40 : 0));
      const std::string id(1, static_cast<char>('a' + chance() % 3));
      driver.feed<Key, std::string>("in", "k:" + id + "@" + std::to_string(time));
      seen = std::max(seen, time);
      bool passes = time >= seen - grace;
      for (const auto& other : passed)
        passes &= other.value != id || std::abs(other.timestamp - time) >= window;
      if (!passes) continue;
      passed.push_back({"k", id, time});
      expected += (expected.empty() ? "" : " ") + print_record(Key("k"), id, time);
    }
    ASSERT_EQ((driver.take<Key, std::string>("out")), expected) << "window " << window << " grace " << grace;
  }
}

}  // namespace distinct_test
}  // namespace weir
