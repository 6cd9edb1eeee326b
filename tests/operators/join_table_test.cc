#include <weir/operators/join_table.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/group_by.h>
#include <weir/operators/select_key.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace join_table_test {

using Key = std::optional<std::string>;
using Value = std::optional<std::string>;

template <class Stream, class Table, class Joiner>
concept CanJoin =
    requires(const Stream& stream, const Table& table, Joiner joiner) { stream.join(table, joiner); };
template <class Stream, class Table, class Joiner>
concept CanLeftJoin =
    requires(const Stream& stream, const Table& table, Joiner joiner) { stream.left_join(table, joiner); };

using Numbers = KStream<std::string, std::int64_t>;
using Names = KTable<std::string, std::string>;
static_assert(CanJoin<Numbers, Names, decltype([](std::int64_t, const std::string& name) { return name; })>);
static_assert(CanJoin<Numbers, Names, decltype([](const std::string&, std::int64_t, const std::string& name) {
                        return name;
                      })>);
static_assert(!CanJoin<Numbers, Names, decltype([](const std::string& name, std::int64_t) { return name; })>);
static_assert(!CanJoin<Numbers, Names, decltype([](std::int64_t, const std::string&) {})>);
static_assert(!CanJoin<Numbers, KTable<int, std::string>,
                       decltype([](std::int64_t, const std::string& name) { return name; })>);  // another key
static_assert(!CanJoin<Numbers, Names, decltype([](std::int64_t, const std::string& name) {
                         return std::string_view(name);
                       })>);  // the row may be gone
static_assert(CanLeftJoin<Numbers, Names, decltype([](std::int64_t, const Value& name) { return name; })>);
static_assert(CanLeftJoin<Numbers, Names, decltype([](std::int64_t, const std::string*) { return 1; })>);
static_assert(
    !CanLeftJoin<Numbers, Names, decltype([](std::int64_t, const std::string& name) { return name; })>);

void inner(StreamBuilder& builder) {
  const auto table = builder.table<std::string, std::string>("t", {.store = "rows"});
  builder.stream<Key, Value>("s")
      .join(table, [](const std::string& left, const std::string& right) { return left + right; })
      .to("out");
}

TEST(Join, FindsTheRowOfTheKeyWhateverItsTime) {
  TextDriver driver(inner);
  driver.feed<Key, Value>("s", "a:1@5");
  driver.feed<std::string, Value>("t", "a:x@10");
  driver.feed<Key, Value>("s", "a:2@3");
  driver.feed<std::string, Value>("t", "a:null@4");
  driver.feed<Key, Value>("s", "a:3@6");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:2x@3");
}

TEST(Join, DropsRecordsWithoutKeyOrValue) {
  TextDriver driver(inner);
  driver.feed<std::string, Value>("t", "a:x@1");
  driver.feed<Key, Value>("s", "null:4@7 a:null@8");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
  EXPECT_EQ(driver.dropped(DropReason::kNullValue), 1U);
}

TEST(Join, KeepsTimeAndHeadersOfTheStream) {
  TextDriver driver(inner);
  driver.feed<std::string, Value>("t", "a:x@100");
  ASSERT_TRUE((driver.driver().pipe<std::string, std::string>("s", "a", "1", 7, Headers{{"h", "1"}}).ok()));
  const auto out = driver.driver().read<std::string, std::string>("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].timestamp, 7);
  EXPECT_EQ(out[0].headers, (Headers{{"h", "1"}}));
}

TEST(LeftJoin, JoinsWithNothingWhereThereIsNoRowOrNoKey) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto table = builder.table<std::string, std::string>("t", {.store = "rows"});
    builder.stream<Key, Value>("s")
        .left_join(table, [](const std::string& left,
                             const Value& right) { return left + "|" + right.value_or("null"); })
        .to("out");
  });
  driver.feed<Key, Value>("s", "a:1@5 null:4@7 a:null@8");
  driver.feed<std::string, Value>("t", "a:x@10");
  driver.feed<Key, Value>("s", "a:2@3");
  EXPECT_EQ((driver.take<Key, std::string>("out")), "a:1|null@5 null:4|null@7 a:2|x@3");
  EXPECT_EQ(driver.dropped(DropReason::kNullValue), 1U);
}

TEST(LeftJoin, GivesAPointerToTheRowIfTheJoinerTakesThat) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto table = builder.table<std::string, std::string>("t", {.store = "rows"});
    builder.stream<std::string, std::string>("s")
        .left_join(table,
                   [](const std::string& key, const std::string& left, const std::string* right) {
                     return key + left + (right != nullptr ? *right : "-");
                   })
        .to("out");
  });
  driver.feed<std::string, std::string>("s", "a:1@5");
  driver.feed<std::string, Value>("t", "a:x@10");
  driver.feed<std::string, std::string>("s", "a:2@6");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:a1-@5 a:a2x@6");
}

TEST(LeftJoin, LetsNullKeysPassTheRepartitionTopic) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto table = builder.table<std::string, std::string>("t", {.store = "rows"});
    builder.stream<std::string, std::string>("s")
        .select_key(
            [](const std::string& value) { return value == "n" ? std::nullopt : std::optional(value); })
        .left_join(
            {.name = "enrich"}, table,
            [](const std::string& left, const Value& right) { return left + "|" + right.value_or("null"); })
        .to("out");
  });
  driver.feed<std::string, std::string>("s", "a:n@6 a:b@7");
  EXPECT_EQ((driver.take<Key, std::string>("out")), "null:n|null@6 b:b|null@7");
  EXPECT_NE(driver.description().find("enrich-repartition"), std::string::npos) << driver.description();
}

TEST(Join, OfAStreamWithChangedKeysNeedsAName) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    const auto table = builder.table<std::string, std::string>("t", {.store = "rows"});
    builder.stream<std::string, std::string>("s")
        .select_key([](const std::string& value) { return value; })
        .join(table, [](const std::string& left, const std::string& right) { return left + right; })
        .to("out");
  });
  EXPECT_NE(problems.find("name the join"), std::string::npos) << problems;
  EXPECT_NE(problems.find("join_table_test.cc"), std::string::npos) << problems;
}

TEST(Join, WithATableOfAnotherBuilderIsAProblem) {
  StreamBuilder other;
  const auto table = other.table<std::string, std::string>("t", {.store = "rows"});
  const std::string problems = problems_of([&](StreamBuilder& builder) {
    static_cast<void>(builder.stream<std::string, std::string>("s").join(
        table, [](const std::string& left, const std::string& right) { return left + right; }));
  });
  EXPECT_NE(problems.find("two builders"), std::string::npos) << problems;
}

TEST(Join, DemandsAsManyPartitionsOnBothSides) {
  StreamBuilder builder;
  inner(builder);
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok());
  ASSERT_EQ(topology->copartitions.size(), 1U);
  EXPECT_EQ(topology->copartitions[0].topics, (std::set<TopicName>{{"s", false}, {"t", false}}));
}

TEST(Join, SeesTheCountOfItsOwnStreamUpdated) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto stream = builder.stream<std::string, std::string>("s");
    const auto counts = stream.group_by_key().count({.store = "counts"});
    stream
        .join(counts,
              [](const std::string& value, std::int64_t count) { return value + std::to_string(count); })
        .to("out");
  });
  driver.feed<std::string, std::string>("s", "a:a@1 a:b@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:a1@1 a:b2@2");
}

TEST(Join, SkipsTheRecordWhenTheJoinerThrows) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto table = builder.table<std::string, std::string>("t", {.store = "rows"});
    builder.stream<std::string, std::string>("s")
        .join({.on_error = ErrorPolicy::kSkip}, table,
              [](const std::string& left, const std::string& right) {
                if (left == "bad") throw std::runtime_error("bad");
                return left + right;
              })
        .to("out");
  });
  driver.feed<std::string, Value>("t", "a:x@1");
  driver.feed<std::string, std::string>("s", "a:bad@2 a:ok@3");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:okx@3");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

}  // namespace join_table_test
}  // namespace weir
