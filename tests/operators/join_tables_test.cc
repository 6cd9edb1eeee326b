#include <weir/operators/join_tables.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/group_by.h>
#include <weir/operators/join_table.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>
#include <weir/operators/to_table.h>

#include "support/records.h"

namespace weir {

// Has no Serde.
struct Opaque {
  int value = 0;
};

namespace {

using Value = std::optional<std::string>;
using Texts = KTable<std::string, std::string>;
using Counts = KTable<std::string, std::int64_t, Rows::kStay>;

std::string both(const std::string& left, const std::string& right) { return left + right; }
std::string with_nothing(const std::string& left, const Value& right) {
  return left + "|" + right.value_or("null");
}
std::string outer(const Value& left, const Value& right) {
  return left.value_or("null") + "|" + right.value_or("null");
}

// ------------------------------------------------------------------------------------------------------------ types

template <class Left, class Right, class Joiner>
concept CanJoin = requires(const Left& left, const Right& right, Joiner joiner) { left.join(right, joiner); };
template <class Left, class Right, class Joiner>
concept CanOuterJoin =
    requires(const Left& left, const Right& right, Joiner joiner) { left.outer_join(right, joiner); };

static_assert(CanJoin<Texts, Counts, decltype([](const std::string&, std::int64_t count) { return count; })>);
static_assert(CanJoin<Texts, Counts, decltype([](const std::string&, const std::string&, std::int64_t count) {
                        return count;
                      })>);
static_assert(
    !CanJoin<Texts, Counts, decltype([](std::int64_t count, const std::string&) { return count; })>);
static_assert(!CanJoin<Texts, Counts, decltype([](const std::string&, std::int64_t) {})>);
static_assert(
    !CanJoin<Texts, KTable<int, int>, decltype([](const std::string&, int) { return 1; })>);  // other key
static_assert(CanOuterJoin<Texts, Texts, decltype(&outer)>);
static_assert(CanOuterJoin<Texts, Texts, decltype([](const std::string*, const std::string*) { return 1; })>);
static_assert(!CanOuterJoin<Texts, Texts, decltype(&both)>);

template <JoinKind kind, Rows left, Rows right, class Joiner>
constexpr bool kStays =
    std::same_as<JoinedTable<kind, left, right, Joiner, int, int, int>, KTable<int, int, Rows::kStay>>;
using Sum = decltype([](int, int) { return 1; });
using LeftSum = decltype([](int, const std::optional<int>&) { return 1; });
using OuterSum = decltype([](const std::optional<int>&, const std::optional<int>&) { return 1; });
using Perhaps = decltype([](int, int) { return std::optional<int>(); });
static_assert(kStays<JoinKind::kInner, Rows::kStay, Rows::kStay, Sum>);
static_assert(!kStays<JoinKind::kInner, Rows::kStay, Rows::kMayVanish, Sum>);
static_assert(!kStays<JoinKind::kInner, Rows::kStay, Rows::kStay, Perhaps>);
static_assert(kStays<JoinKind::kLeft, Rows::kStay, Rows::kMayVanish, LeftSum>);
static_assert(!kStays<JoinKind::kLeft, Rows::kMayVanish, Rows::kStay, LeftSum>);
static_assert(kStays<JoinKind::kOuter, Rows::kStay, Rows::kStay, OuterSum>);
static_assert(!kStays<JoinKind::kOuter, Rows::kStay, Rows::kMayVanish, OuterSum>);

// -------------------------------------------------------------------------------------------------------- behaviour

// A driver with tables l and r, and what `join` makes of them in "out".
class Tables {
 public:
  explicit Tables(const std::function<void(const Texts&, const Texts&)>& join,
                  const DriverOptions& options = {})
      : driver_(
            [&](StreamBuilder& builder) {
              const auto left = builder.table<std::string, std::string>("l", {.store = "left"});
              const auto right = builder.table<std::string, std::string>("r", {.store = "right"});
              join(left, right);
            },
            options) {}

  // Returns what one record leads to.
  std::string left(const std::string& record) { return tell("l", record); }
  std::string right(const std::string& record) { return tell("r", record); }
  TextDriver& driver() { return driver_; }

 private:
  std::string tell(const std::string& topic, const std::string& record) {
    driver_.feed<std::string, Value>(topic, record);
    return driver_.take<std::string, Value>("out");
  }

  TextDriver driver_;
};

TEST(JoinTables, RunsTheExampleOfItsHeader) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto profiles = builder.table<std::string, std::string>("profiles", {.store = "profiles"});
    const auto cities = builder.table<std::string, std::string>("cities", {.store = "cities"});
    profiles
        .join(cities,
              [](const std::string& profile, const std::string& city) { return profile + " of " + city; })
        .to_stream()
        .to("people");
  });
  driver.feed<std::string, Value>("profiles", "a:ann@1");
  driver.feed<std::string, Value>("cities", "a:rome@2");
  driver.feed<std::string, Value>("profiles", "a:null@3");
  EXPECT_EQ((driver.take<std::string, Value>("people")), "a:ann of rome@2 a:null@3");
}

TEST(JoinTables, HasARowWhereBothHaveOne) {
  Tables tables([](const Texts& left, const Texts& right) { left.join(right, both).to_stream().to("out"); });
  EXPECT_EQ(tables.left("A:a@10"), "");
  EXPECT_EQ(tables.right("A:x@5"), "A:ax@10");
  EXPECT_EQ(tables.left("A:b@3"), "A:bx@5");
  EXPECT_EQ(tables.right("A:null@20"), "A:null@20");
  EXPECT_EQ(tables.left("A:c@21"), "");
  EXPECT_EQ(tables.left("A:null@22"), "");
  EXPECT_EQ(tables.right("A:y@1"), "");
  EXPECT_EQ(tables.left("A:d@30"), "A:dy@30");
  EXPECT_EQ(tables.left("A:null@4"), "A:null@4");
  EXPECT_EQ(tables.left("A:null@5"), "A:null@5");  // nobody remembers that it is gone already
}

TEST(LeftJoinTables, HasARowWhereTheLeftTableHasOne) {
  Tables tables([](const Texts& left, const Texts& right) {
    left.left_join(right, with_nothing).to_stream().to("out");
  });
  EXPECT_EQ(tables.left("A:a@10"), "A:a|null@10");
  EXPECT_EQ(tables.right("A:x@5"), "A:a|x@10");
  EXPECT_EQ(tables.left("A:b@3"), "A:b|x@5");
  EXPECT_EQ(tables.right("A:null@20"), "A:b|null@20");
  EXPECT_EQ(tables.left("A:null@22"), "A:null@22");
  EXPECT_EQ(tables.left("A:null@23"), "");
  EXPECT_EQ(tables.right("A:y@30"), "");
  EXPECT_EQ(tables.left("A:c@4"), "A:c|y@30");
  EXPECT_EQ(tables.left("B:null@5"), "");
}

TEST(OuterJoinTables, HasARowWhereEitherTableHasOne) {
  Tables tables(
      [](const Texts& left, const Texts& right) { left.outer_join(right, outer).to_stream().to("out"); });
  EXPECT_EQ(tables.left("A:a@2"), "A:a|null@2");
  EXPECT_EQ(tables.right("A:x@10"), "A:a|x@10");
  EXPECT_EQ(tables.left("A:null@3"), "A:null|x@10");
  EXPECT_EQ(tables.right("A:null@20"), "A:null@20");
  EXPECT_EQ(tables.right("A:null@21"), "");
}

TEST(JoinTables, LeavesOutARowTheJoinerReturnsNothingFor) {
  Tables tables([](const Texts& left, const Texts& right) {
    left.join(right,
              [](const std::string& l, const std::string& r) {
                return l == r ? std::optional<std::string>(l) : std::nullopt;
              })
        .to_stream()
        .to("out");
  });
  EXPECT_EQ(tables.left("A:a@1"), "");
  EXPECT_EQ(tables.right("A:a@2"), "A:a@2");
  EXPECT_EQ(tables.right("A:b@3"), "A:null@3");
}

TEST(JoinTables, GivesTheKeyToAJoinerThatWantsIt) {
  Tables tables([](const Texts& left, const Texts& right) {
    left.outer_join(right,
                    [](const std::string& key, const std::string* l, const std::string* r) {
                      return key + (l == nullptr ? "-" : *l) + (r == nullptr ? "-" : *r);
                    })
        .to_stream()
        .to("out");
  });
  EXPECT_EQ(tables.left("A:a@1"), "A:Aa-@1");
  EXPECT_EQ(tables.right("A:b@1"), "A:Aab@1");
}

TEST(JoinTables, KeepsTheHeadersOfTheChange) {
  Tables tables([](const Texts& left, const Texts& right) { left.join(right, both).to_stream().to("out"); });
  tables.left("A:a@1");
  ASSERT_TRUE(
      (tables.driver().driver().pipe<std::string, std::string>("r", "A", "x", 7, Headers{{"h", "1"}}).ok()));
  const auto out = tables.driver().driver().read<std::string, std::string>("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].headers, (Headers{{"h", "1"}}));
}

TEST(JoinTables, IsReadThroughBothSides) {
  Tables tables([](const Texts& left, const Texts& right) {
    const auto joined = left.outer_join(right, outer);
    joined.join(right, both).to_stream().to("out");
  });
  EXPECT_EQ(tables.left("A:a@9"), "");
  // The change of the right table comes through the join, and by itself.
  EXPECT_EQ(tables.right("A:x@5"), "A:a|xx@9 A:a|xx@9");
  EXPECT_EQ(tables.left("A:b@6"), "A:b|xx@6");
}

TEST(JoinTables, KeepsItsRowsInAStoreThatIsAskedFor) {
  Tables tables([](const Texts& left, const Texts& right) {
    left.left_join({.store = "joined"}, right, with_nothing).to_stream().to("out");
  });
  EXPECT_EQ(tables.left("A:a@10 B:b@11"), "A:a|null@10 B:b|null@11");
  EXPECT_EQ(tables.right("A:x@5"), "A:a|x@10");
  EXPECT_EQ(tables.left("B:null@12"), "B:null@12");
  using Store = KeyValueStore<std::string, std::string>;
  auto* store = tables.driver().driver().store_as<Store>("joined");
  ASSERT_NE(store, nullptr);
  const auto* row = store->find("A");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->value, "a|x");
  EXPECT_EQ(row->timestamp, 10);
  EXPECT_EQ(store->find("B"), nullptr);
}

TEST(JoinTables, TellsAtTheCommitIfAskedTo) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto left =
        builder.table<std::string, std::string>("l", {.store = "left", .emit = Emit::kOnCommit});
    const auto right =
        builder.table<std::string, std::string>("r", {.store = "right", .emit = Emit::kOnCommit});
    left.join({.store = "joined", .emit = Emit::kOnCommit}, right, both).to_stream().to("out");
  });
  driver.feed<std::string, Value>("l", "A:a@1");
  driver.feed<std::string, Value>("r", "A:x@2 A:y@3 A:null@4");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "A:ax@2 A:ay@3 A:null@4");
}

TEST(JoinTables, JoinsATableWithItself) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto table = builder.table<std::string, std::string>("l", {.store = "left"});
    const auto twice = table.join(table, both);
    twice.to_stream().to("out");
    builder.stream<std::string, std::string>("s").join(twice, both).to("seen");
  });
  driver.feed<std::string, Value>("l", "A:a@1");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "A:aa@1 A:aa@1");
  driver.feed<std::string, std::string>("s", "A:s@5");
  driver.feed<std::string, Value>("l", "A:null@6");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "");
  driver.feed<std::string, std::string>("s", "A:s@7");
  EXPECT_EQ((driver.take<std::string, std::string>("seen")), "A:saa@5");
}

TEST(JoinTables, LeavesOutTheResultWhenTheJoinerThrows) {
  DriverOptions options;
  options.on_error = ErrorPolicy::kSkip;
  Tables tables(
      [](const Texts& left, const Texts& right) {
        left.join({.store = "joined"}, right,
                  [](const std::string& l, const std::string& r) {
                    if (r == "boom") throw std::runtime_error("boom");
                    return l + r;
                  })
            .to_stream()
            .to("out");
      },
      options);
  EXPECT_EQ(tables.left("A:a@1"), "");
  EXPECT_EQ(tables.right("A:x@2 A:boom@3"), "A:ax@2");
  EXPECT_EQ(tables.driver().dropped(DropReason::kFailed), 1U);
  EXPECT_EQ(tables.right("A:y@4"), "A:ay@4");
}

TEST(JoinTables, GoesOnAfterARestart) {
  Tables tables([](const Texts& left, const Texts& right) {
    left.outer_join({.store = "joined"}, right, outer).to_stream().to("out");
  });
  tables.left("A:a@1");
  ASSERT_TRUE(tables.driver().driver().restart().ok());
  EXPECT_EQ(tables.right("A:x@2"), "A:a|x@2");
}

// --------------------------------------------------------------------------------------------------- wrong programs

TEST(JoinTables, DemandsAsManyPartitionsOnBothSides) {
  StreamBuilder builder;
  const auto left = builder.table<std::string, std::string>("l", {.store = "left"});
  const auto right = builder.table<std::string, std::string>("r", {.store = "right"});
  left.join({.name = "people"}, right, both).to_stream().to("out");
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok());
  ASSERT_EQ(topology->copartitions.size(), 1U);
  EXPECT_EQ(topology->copartitions[0].topics, (std::set<TopicName>{{"l", false}, {"r", false}}));
  EXPECT_NE(topology->describe().find("people-left"), std::string::npos) << topology->describe();
}

TEST(JoinTables, OfTwoBuildersIsAProblem) {
  StreamBuilder other;
  const auto right = other.table<std::string, std::string>("r", {.store = "right"});
  const std::string problems = problems_of([&](StreamBuilder& builder) {
    builder.table<std::string, std::string>("l", {.store = "left"}).join(right, both);
  });
  EXPECT_NE(problems.find("join: the tables come from two builders"), std::string::npos) << problems;
  EXPECT_NE(problems.find("join_tables_test.cc"), std::string::npos) << problems;
}

TEST(JoinTables, CannotKeepWhatHasNoBytes) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    const auto left = builder.table<std::string, std::string>("l", {.store = "left"});
    left.join({.store = "joined"}, left, [](const std::string&, const std::string&) { return Opaque(); });
  });
  EXPECT_NE(problems.find("the store 'joined' cannot keep this key or value"), std::string::npos) << problems;
}

}  // namespace
}  // namespace weir
