// Tables grouped by another key.
#include <weir/operators/table_group_by.h>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <absl/strings/escaping.h>
#include <gtest/gtest.h>

#include <weir/operators/stream_builder.h>
#include <weir/operators/table_filter.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

using Value = std::optional<std::string>;
using Number = std::optional<std::int64_t>;
using Texts = KTable<std::string, std::string>;

// The group "g" of all rows, with their values.
const auto kOneGroup = [](const std::string& value) {
  return std::pair<std::string, std::string>("g", value);
};
// A group for each first character; none for "n...", and no value for "z...".
std::pair<Value, Value> by_first(const std::string& value) {
  const std::string first = value.substr(0, 1);
  return {first == "n" ? Value() : Value(first), first == "z" ? Value() : Value(value)};
}
std::string plus(const std::string& all, const std::string& value) { return all + "+" + value; }
std::string minus(const std::string& all, const std::string& value) { return all + "-" + value; }
std::string add(const std::string& value, const std::string& all) { return plus(all, value); }
std::string subtract(const std::string& value, const std::string& all) { return minus(all, value); }
std::string nothing() { return ""; }

template <class Out>
std::string run(const std::string& records, const std::function<void(const Texts&)>& describe,
                Emit emit = Emit::kEveryUpdate) {
  TextDriver driver([&](StreamBuilder& builder) {
    describe(builder.table<std::string, std::string>("in", {.store = "rows", .emit = emit}));
  });
  driver.feed<std::string, Value>("in", records);
  return driver.take<std::string, Out>("out");
}

// ------------------------------------------------------------------------------------------------------------ types

template <class Table, class Mapper>
concept CanGroup = requires(const Table& table, Mapper mapper) { table.group_by(mapper); };
static_assert(CanGroup<Texts, decltype([](const std::string& v) { return std::pair(v, v); })>);
static_assert(
    CanGroup<Texts, decltype([](const std::string& k, const std::string& v) { return std::pair(k, v); })>);
static_assert(CanGroup<Texts, decltype(&by_first)>);
static_assert(!CanGroup<Texts, decltype([](const std::string& v) { return v; })>);
static_assert(
    !CanGroup<Texts, decltype([](const std::string& v) { return std::pair(v, std::string_view()); })>);

// ------------------------------------------------------------------------------------------------------------ verbs

TEST(TableGroupBy, CountsTheRowsOfEachGroup) {
  EXPECT_EQ(run<std::int64_t>("A:x@1 A:y@2 B:y@3 B:null@4 A:null@5 A:null@6",
                              [](const Texts& table) {
                                table
                                    .group_by([](const std::string& key, const std::string& value) {
                                      return std::pair(value, key);
                                    })
                                    .count({.store = "counts"})
                                    .to_stream()
                                    .to("out");
                              }),
            "x:1@1 x:0@2 y:1@2 y:2@3 y:1@4 y:0@5");
}

TEST(TableGroupBy, IsWrittenLikeThis) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto customers =
        builder.table<std::string, std::string>("city-of-customer", {.store = "customers"});
    customers
        .group_by(
            [](const std::string& customer, const std::string& city) { return std::pair(city, customer); })
        .count({.store = "customers-per-city"})
        .to_stream()
        .to("customers-per-city");
  });
  driver.feed<std::string, Value>("city-of-customer", "ann:rome@1 bob:rome@2 ann:oslo@3");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("customers-per-city")),
            "rome:1@1 rome:2@2 rome:1@3 oslo:1@3");
}

TEST(TableGroupBy, ReducesSubtractingFirst) {
  EXPECT_EQ(run<std::string>(
                "A:a@1 A:b@5 B:c@3 A:null@4",
                [](const Texts& table) {
                  table.group_by(kOneGroup).reduce({.store = "all"}, plus, minus).to_stream().to("out");
                }),
            "g:a@1 g:a-a+b@5 g:a-a+b+c@5 g:a-a+b+c-b@5");
}

TEST(TableGroupBy, AggregatesAndMovesRowsBetweenGroups) {
  EXPECT_EQ(run<std::string>("A:x1@10 A:x2@5 A:y1@7 A:null@3",
                             [](const Texts& table) {
                               table.group_by(by_first)
                                   .aggregate({.store = "all"}, nothing, add, subtract)
                                   .to_stream()
                                   .to("out");
                             }),
            "x:+x1@10 x:+x1-x1+x2@10 x:+x1-x1+x2-x2@10 y:+y1@7 y:+y1-y1@7");
}

TEST(TableGroupBy, LeavesOutRowsWithoutGroupOrValue) {
  EXPECT_EQ(run<std::int64_t>("A:a@1 A:n@2 A:z@3 A:a@4",
                              [](const Texts& table) {
                                table.group_by(by_first).count({.store = "counts"}).to_stream().to("out");
                              }),
            "a:1@1 a:0@2 a:1@4");
}

TEST(TableGroupBy, DeletesAGroupAndBeginsAnew) {
  EXPECT_EQ(run<Value>("A:a@1 B:b@9 A:null@4 B:c@2",
                       [](const Texts& table) {
                         table.group_by(kOneGroup)
                             .aggregate({.store = "all"}, nothing, add,
                                        [](const std::string&, const std::string& all) {
                                          return all.size() > 4 ? Value(all) : std::nullopt;
                                        })
                             .to_stream()
                             .to("out");
                       }),
            "g:+a@1 g:+a+b@9 g:null@9 g:+c@2");
}

TEST(TableGroupBy, SeesOnlyWhatAFilterLetsThrough) {
  EXPECT_EQ(run<std::string>("A:x@1 A:y@2 A:y@3 A:x@4 A:null@5 A:null@6",
                             [](const Texts& table) {
                               table.filter([](const std::string& value) { return value == "x"; })
                                   .group_by(kOneGroup)
                                   .aggregate({.store = "all"}, nothing, add, subtract)
                                   .to_stream()
                                   .to("out");
                             }),
            "g:+x@1 g:+x-x@2 g:+x-x+x@4 g:+x-x+x-x@5");
}

TEST(TableGroupBy, TellsAtTheCommitIfAskedTo) {
  EXPECT_EQ(run<std::string>(
                "A:null@1 A:a@2 A:b@3",
                [](const Texts& table) {
                  table.group_by(kOneGroup)
                      .aggregate({.store = "all", .emit = Emit::kOnCommit}, nothing, add, subtract)
                      .to_stream()
                      .to("out");
                },
                Emit::kOnCommit),
            "g:+a@2 g:+a-a+b@3");
}

TEST(TableGroupBy, KeepsTheGroupWhenTheAdderThrows) {
  DriverOptions options;
  options.on_error = ErrorPolicy::kSkip;
  TextDriver driver(
      [](StreamBuilder& builder) {
        builder.table<std::string, std::string>("in", {.store = "rows"})
            .group_by(kOneGroup)
            .aggregate(
                {.store = "all"}, nothing,
                [](const std::string& value, std::string& all) {
                  if (value == "boom") throw std::runtime_error("boom");
                  all += "+" + value;
                },
                [](const std::string& value, std::string& all) { all += "-" + value; })
            .to_stream()
            .to("out");
      },
      options);
  driver.feed<std::string, Value>("in", "A:a@1 A:boom@2 A:b@3");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "g:+a@1 g:+a-boom+b@3");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

TEST(TableGroupBy, SharesTheTopicOfANamedGroupAndHasOneOfItsOwnOtherwise) {
  const auto description = [](const std::string& name) {
    TextDriver driver([&](StreamBuilder& builder) {
      const auto group = builder.table<std::string, std::string>("in", {.store = "rows"})
                             .group_by({.name = name}, kOneGroup);
      group.count({.store = "counts"});
      group.reduce({.store = "all"}, plus, minus);
    });
    return driver.description();
  };
  EXPECT_NE(description("shared").find("shared-repartition"), std::string::npos) << description("shared");
  EXPECT_EQ(description("shared").find("counts-repartition"), std::string::npos);
  EXPECT_NE(description("").find("counts-repartition"), std::string::npos);
  EXPECT_NE(description("").find("all-repartition"), std::string::npos);
}

TEST(TableGroupBy, OfATableWithoutRowsIsAProblem) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.table<std::string, std::string>("in").group_by(kOneGroup).count({.store = "counts"});
  });
  EXPECT_NE(problems.find("group-by: it needs the rows of a table that keeps none"), std::string::npos)
      << problems;
}

TEST(TableGroupBy, GoesOnAfterARestart) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.table<std::string, std::string>("in", {.store = "rows"})
        .group_by(kOneGroup)
        .reduce({.store = "all"}, plus, minus)
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, Value>("in", "A:a@1");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<std::string, Value>("in", "A:b@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "g:a@1 g:a-a+b@2");
}

// ------------------------------------------------------------------------------------------------------------- bytes

std::string bytes_of(const GroupChange<std::string>& change) {
  std::string bytes;
  Serde<GroupChange<std::string>>::encode(change, bytes);
  return bytes;
}

// Reads it into a change that held something else.
std::string read(const std::string& bytes) {
  GroupChange<std::string> change{"stale", "stale"};
  const absl::Status status = Serde<GroupChange<std::string>>::decode(bytes, change);
  return status.ok() ? change.before.value_or("null") + ">" + change.now.value_or("null")
                     : std::string(status.message());
}

TEST(GroupChangeSerde, WritesWhatKafkaStreamsWrites) {
  using namespace std::string_literals;
  EXPECT_EQ(bytes_of({std::nullopt, "b"}), "b\0"s);
  EXPECT_EQ(bytes_of({"b", std::nullopt}), "b\1"s);
  EXPECT_EQ(bytes_of({"bb", "a"}), "\4bba\2"s);
  EXPECT_EQ(bytes_of({std::string(100, 'x'), "a"}), "\xc8\1"s + std::string(100, 'x') + "a\2");
}

TEST(GroupChangeSerde, ReadsAllShapes) {
  using namespace std::string_literals;
  EXPECT_EQ(read("b\0"s), "b>null");
  EXPECT_EQ(read("b\1"s), "null>b");
  EXPECT_EQ(read("\4bba\2"s), "a>bb");
  EXPECT_EQ(read("\0\0\2"s).size(), 2U);  // a '\0' that was there before an empty value
  EXPECT_EQ(read("b\1\3"s), "b>null");
  EXPECT_EQ(read("b\1\4"s), "null>b");
  EXPECT_EQ(read("\4bba\1\5"s), "a>bb");
  EXPECT_EQ(read("\xc8\1"s + std::string(100, 'x') + "a\2"), "a>" + std::string(100, 'x'));
}

TEST(GroupChangeSerde, RefusesWhatIsNoChange) {
  using namespace std::string_literals;
  for (const std::string& bytes : {""s, "\2"s, "\3"s, "x\6"s,
                                   "\x08"
                                   "ab\2"s,
                                   "\3ab\2"s, "\xff\xff\xff\xff\xff\xff\2"s}) {
    EXPECT_NE(read(bytes).find("change of a table"), std::string::npos) << absl::CHexEscape(bytes);
  }
}

}  // namespace
}  // namespace weir
