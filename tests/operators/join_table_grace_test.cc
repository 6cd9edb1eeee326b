// Joins of a stream with a table whose records wait.
#include <chrono>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/join_table.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;

using Key = std::optional<std::string>;
using Value = std::optional<std::string>;
using Texts = KTable<std::string, std::string>;

std::string inner(const std::string& left, const std::string& right) { return left + "|" + right; }
std::string left(const std::string& left, const Value& right) { return left + "|" + right.value_or("null"); }

// A table that says it keeps its history, and answers with the row as it is: so one sees when it is looked up.
Texts table(StreamBuilder& builder, Duration history = 100ms) {
  const Texts rows = builder.table<std::string, std::string>("t", {.store = "rows"});
  TableAccess<std::string, std::string> access = rows.access();
  access.history = history;
  return Texts(rows, access);
}

class Joined {
 public:
  explicit Joined(bool inner_join)
      : driver_([&](StreamBuilder& builder) {
          const auto stream = builder.stream<Key, Value>("s");
          const JoinTableOptions options{.store = "waiting", .name = "graceful", .grace = 5ms};
          if (inner_join) {
            stream.join(options, table(builder), inner).to("out");
          } else {
            stream.left_join(options, table(builder), left).to("out");
          }
        }) {}

  std::string stream(const std::string& records) {
    driver_.feed<Key, Value>("s", records);
    return driver_.take<Key, std::string>("out");
  }
  void rows(const std::string& records) { driver_.feed<std::string, Value>("t", records); }
  TextDriver& driver() { return driver_; }

 private:
  TextDriver driver_;
};

TEST(JoinTableWithGrace, LetsRecordsWaitForTheTable) {
  Joined joined(/*inner_join=*/true);
  joined.rows("A:a@0");
  EXPECT_EQ(joined.stream("A:1@10"), "");
  joined.rows("A:b@8");
  EXPECT_EQ(joined.stream("A:2@14"), "");
  EXPECT_EQ(joined.stream("A:3@15"), "A:1|b@10");
  EXPECT_EQ(joined.stream("A:4@9"), "A:4|b@9");  // too late to wait
  EXPECT_EQ(joined.stream("A:5@10"), "A:5|b@10");
  EXPECT_EQ(joined.stream("B:z@100"), "A:2|b@14 A:3|b@15");
}

TEST(LeftJoinTableWithGrace, JoinsWithNothingWhenTheWaitIsOver) {
  Joined joined(/*inner_join=*/false);
  EXPECT_EQ(joined.stream("A:1@10 A:2@12"), "");
  joined.rows("B:b@11");
  EXPECT_EQ(joined.stream("B:3@17"), "A:1|null@10 A:2|null@12");
  EXPECT_EQ(joined.stream("C:4@22"), "B:3|b@17");
}

TEST(JoinTableWithGrace, TellsByTimeThenKeyThenArrival) {
  Joined joined(/*inner_join=*/false);
  EXPECT_EQ(joined.stream("b:1@12 a:2@12 a:3@12 c:4@11 a:5@12"), "");
  EXPECT_EQ(joined.stream("z:z@17"), "c:4|null@11 a:2|null@12 a:3|null@12 a:5|null@12 b:1|null@12");
}

TEST(LeftJoinTableWithGrace, DoesNotKeepARecordWithoutKeyWaiting) {
  Joined joined(/*inner_join=*/false);
  EXPECT_EQ(joined.stream("null:1@50"), "null:1|null@50");
  EXPECT_EQ(joined.stream("a:2@10"), "");  // and it moved no time
}

TEST(JoinTableWithGrace, DropsRecordsWithoutKeyOrValueWhichMoveNoTime) {
  Joined joined(/*inner_join=*/true);
  joined.rows("a:x@0");
  EXPECT_EQ(joined.stream("a:1@10 null:2@50 a:null@50 a:3@11"), "");
  EXPECT_EQ(joined.driver().dropped(DropReason::kNullKey), 1U);
  EXPECT_EQ(joined.driver().dropped(DropReason::kNullValue), 1U);
}

TEST(JoinTableWithGrace, KeepsTheHeadersOfTheRecordThatWaited) {
  Joined joined(/*inner_join=*/false);
  ASSERT_TRUE((joined.driver().driver().pipe<Key, Value>("s", "a", "1", 10, Headers{{"h", "1"}}).ok()));
  ASSERT_TRUE((joined.driver().driver().pipe<Key, Value>("s", "a", "2", 20, Headers{{"h", "2"}}).ok()));
  const auto out = joined.driver().driver().read<Key, std::string>("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].headers, (Headers{{"h", "1"}}));
}

TEST(JoinTableWithGrace, GoesOnAfterARestart) {
  Joined joined(/*inner_join=*/false);
  EXPECT_EQ(joined.stream("b:1@10 a:2@10"), "");
  ASSERT_TRUE(joined.driver().driver().restart().ok());
  EXPECT_EQ(joined.stream("a:3@10 a:0@4"), "a:0|null@4");
  ASSERT_TRUE(joined.driver().driver().restart().ok());
  EXPECT_EQ(joined.stream("c:4@15"), "a:2|null@10 a:3|null@10 b:1|null@10");
}

std::string problems_with(const JoinTableOptions& options, std::optional<Duration> history) {
  return problems_of([&](StreamBuilder& builder) {
    const auto stream = builder.stream<std::string, std::string>("s");
    if (history) {
      stream.join(options, table(builder, *history), inner).to("out");
    } else {
      stream.join(options, builder.table<std::string, std::string>("t", {.store = "rows"}), inner).to("out");
    }
  });
}

TEST(JoinTableWithGrace, NeedsAStoreAndATableWithAHistoryThatIsLongEnough) {
  EXPECT_EQ(problems_with({.store = "waiting", .grace = 5ms}, 5ms), "");
  EXPECT_NE(problems_with({.grace = 5ms}, 5ms).find("records that wait need a store"), std::string::npos);
  EXPECT_NE(problems_with({.store = "waiting"}, 5ms).find("without a grace none do"), std::string::npos);
  EXPECT_NE(
      problems_with({.store = "waiting", .grace = 5ms}, std::nullopt).find("a table that keeps its history"),
      std::string::npos);
  EXPECT_NE(problems_with({.store = "waiting", .grace = 5ms}, 4ms)
                .find("for 4 ms, which is less than the grace of 5"),
            std::string::npos);
  EXPECT_NE(problems_with({.store = "waiting", .grace = -5ms}, 4ms).find("must not be negative"),
            std::string::npos);
}

TEST(JoinTable, NeedsATableWithRows) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("s")
        .join(builder.table<std::string, std::string>("t"), inner)
        .to("out");
  });
  EXPECT_NE(problems.find("join: it needs the rows of a table that keeps none"), std::string::npos)
      << problems;
}

}  // namespace
}  // namespace weir
