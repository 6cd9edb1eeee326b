// filter, map_values and transform_values of tables, and tables that keep no rows.
#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/group_by.h>
#include <weir/operators/join_table.h>
#include <weir/operators/join_tables.h>
#include <weir/operators/map_values.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/table_filter.h>
#include <weir/operators/table_map_values.h>
#include <weir/operators/table_transform_values.h>
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
using Number = std::optional<std::int64_t>;
using Texts = KTable<std::string, std::string>;
using Counts = KTable<std::string, std::int64_t, Rows::kStay>;

bool begins_with_x(const std::string& value) { return value.starts_with('x'); }
std::string shout(const std::string& value) { return value + "!"; }
std::string both(const std::string& left, const std::string& right) { return left + right; }

// ------------------------------------------------------------------------------------------------------------ types

template <class Table, class Predicate>
concept CanFilter = requires(const Table& table, Predicate keep) { table.filter(keep); };
template <class Table, class Mapper>
concept CanMap = requires(const Table& table, Mapper mapper) { table.map_values(mapper); };

static_assert(CanFilter<Counts, decltype([](std::int64_t) { return true; })>);
static_assert(CanFilter<Counts, decltype([](const std::string&, std::int64_t) { return true; })>);
static_assert(!CanFilter<Counts, decltype([](const std::string&) { return true; })>);
static_assert(
    !CanFilter<Counts, decltype([](const std::string&, std::int64_t, const RecordInfo&) { return true; })>);
static_assert(!CanMap<Counts, decltype([](std::int64_t) {})>);
static_assert(std::same_as<decltype(std::declval<Counts>().filter([](std::int64_t) { return true; })),
                           KTable<std::string, std::int64_t, Rows::kMayVanish>>);
static_assert(std::same_as<decltype(std::declval<Counts>().map_values([](std::int64_t) { return 1.5; })),
                           KTable<std::string, double, Rows::kStay>>);
static_assert(std::same_as<decltype(std::declval<Counts>().map_values([](std::int64_t n) {
                             return n > 1 ? std::optional<double>(1.5) : std::nullopt;
                           })),
                           KTable<std::string, double, Rows::kMayVanish>>);

std::string run(const TextDriver::Describe& describe, const std::string& records) {
  TextDriver driver(describe);
  driver.feed<std::string, Value>("in", records);
  return driver.take<std::string, Value>("out");
}

// ---------------------------------------------------------------------------------------------------- without a store

TEST(TableWithoutStore, PassesEveryChange) {
  TextDriver driver(
      [](StreamBuilder& builder) { builder.table<std::string, std::string>("in").to_stream().to("out"); });
  driver.feed<Value, Value>("in", "a:x@5 null:y@6 a:null@3 a:null@4 a:z@1");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "a:x@5 a:null@3 a:null@4 a:z@1");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
  EXPECT_EQ(driver.description().find("changelog"), std::string::npos);
}

TEST(TableWithoutStore, CannotBeLookedUp) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    const auto table = builder.table<std::string, std::string>("t", {.name = "loose"}).filter(begins_with_x);
    builder.stream<std::string, std::string>("in").join(table, both).to("out");
    table.join(table, both);
  });
  EXPECT_NE(problems.find("join: it needs the rows of a table that keeps none"), std::string::npos)
      << problems;
}

// ------------------------------------------------------------------------------------------------------------- filter

TEST(TableFilter, DeletesWhatFailsWhereNobodyKnowsWhatWasThere) {
  EXPECT_EQ(run(
                [](StreamBuilder& builder) {
                  builder.table<std::string, std::string>("in").filter(begins_with_x).to_stream().to("out");
                },
                "a:y@1 a:x@2 a:y@3 a:y@4 a:null@5"),
            "a:null@1 a:x@2 a:null@3 a:null@4 a:null@5");
}

TEST(TableFilter, DeletesOnlyWhatWasThereIfTheTableKeepsItsRows) {
  const std::string records = "a:y@1 a:x@2 a:y@3 a:y@4 a:null@5";
  EXPECT_EQ(run(
                [](StreamBuilder& builder) {
                  builder.table<std::string, std::string>("in", {.store = "t"})
                      .filter(begins_with_x)
                      .to_stream()
                      .to("out");
                },
                records),
            "a:x@2 a:null@3");
  EXPECT_EQ(run(
                [](StreamBuilder& builder) {
                  builder.table<std::string, std::string>("in", {.store = "t"})
                      .map_values(shout)
                      .filter({.store = "f"}, begins_with_x)
                      .to_stream()
                      .to("out");
                },
                records),
            "a:x!@2 a:null@3");
}

TEST(TableFilter, KeepsItsRowsInAStoreThatIsAskedFor) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.table<std::string, std::string>("in").filter({.store = "f"}, begins_with_x).to_stream().to("out");
  });
  driver.feed<std::string, Value>("in", "a:x1@1 a:y@2 b:x2@3");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "a:x1@1 a:null@2 b:x2@3");
  auto* rows = driver.driver().store_as<KeyValueStore<std::string, std::string>>("f");
  ASSERT_NE(rows, nullptr);
  EXPECT_EQ(rows->find("a"), nullptr);
  ASSERT_NE(rows->find("b"), nullptr);
  EXPECT_EQ(*rows->find("b"), (Timestamped<std::string>{"x2", 3}));
}

TEST(TableFilter, OfCountsTellsWhenARowComesAndGoes) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto counts =
        builder.stream<std::string, std::string>("in").group_by_key().count({.store = "counts"});
    counts.filter([](std::int64_t n) { return n >= 2; }).to_stream().to("many");
    counts.filter_not([](const std::string&, std::int64_t n) { return n >= 2; }).to_stream().to("few");
  });
  driver.feed<std::string, std::string>("in", "a:v@1 a:v@2 b:v@3 a:v@4");
  EXPECT_EQ((driver.take<std::string, Number>("many")), "a:2@2 a:3@4");
  EXPECT_EQ((driver.take<std::string, Number>("few")), "a:1@1 a:null@2 b:1@3");
}

TEST(TableFilter, IsReadThroughTheTable) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto table =
        builder.table<std::string, std::string>("t", {.store = "rows"})
            .filter(begins_with_x)
            .map_values([](const std::string& key, const std::string& value) { return key + "=" + value; });
    builder.stream<std::string, std::string>("in").join(table, both).to("out");
  });
  driver.feed<std::string, Value>("t", "a:x@1 b:y@1");
  driver.feed<std::string, std::string>("in", "a:s@2 b:s@3 c:s@4");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "a:sa=x@2");
}

TEST(TableViews, AreWrittenLikeThis) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto orders = builder.table<std::string, std::int64_t>("orders", {.store = "orders"});
    orders.filter([](std::int64_t amount) { return amount >= 100; }).to_stream().to("large-orders");
    orders.map_values([](std::int64_t amount) { return amount * 119 / 100; }).to_stream().to("gross");
    orders.to_stream([](const std::string& customer, const Number&) { return "customer-" + customer; })
        .to("orders-of-customers");
  });
  driver.feed<std::string, Number>("orders", "ann:100@1 bob:50@2 ann:null@3");
  EXPECT_EQ((driver.take<std::string, Number>("large-orders")), "ann:100@1 ann:null@3");
  EXPECT_EQ((driver.take<std::string, Number>("gross")), "ann:119@1 bob:59@2 ann:null@3");
  EXPECT_EQ((driver.take<std::string, Number>("orders-of-customers")),
            "customer-ann:100@1 customer-bob:50@2 customer-ann:null@3");
}

TEST(TableFilter, LeavesOutTheChangeWhenThePredicateThrows) {
  DriverOptions options;
  options.on_error = ErrorPolicy::kSkip;
  TextDriver driver(
      [](StreamBuilder& builder) {
        builder.table<std::string, std::string>("in")
            .filter([](const std::string& value) {
              if (value == "boom") throw std::runtime_error("boom");
              return true;
            })
            .to_stream()
            .to("out");
      },
      options);
  driver.feed<std::string, Value>("in", "a:x@1 a:boom@2 a:y@3");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "a:x@1 a:y@3");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

TEST(TableFilter, SeesOneChangePerCommitOfATableThatTellsThen) {
  EXPECT_EQ(run(
                [](StreamBuilder& builder) {
                  builder.table<std::string, std::string>("in", {.store = "t", .emit = Emit::kOnCommit})
                      .filter({.store = "f", .emit = Emit::kOnCommit}, begins_with_x)
                      .to_stream()
                      .to("out");
                },
                "a:y@1 a:x@2 a:x2@3 a:y@4 a:null@5"),
            "a:x@2 a:x2@3 a:null@4");
}

// --------------------------------------------------------------------------------------------------------- map_values

TEST(TableMapValues, DoesNotAskAboutDeletedRows) {
  EXPECT_EQ(run(
                [](StreamBuilder& builder) {
                  builder.table<std::string, std::string>("in").map_values(shout).to_stream().to("out");
                },
                "a:x@1 a:null@2 b:null@3"),
            "a:x!@1 a:null@2 b:null@3");
}

TEST(TableMapValues, CanLeaveARowOut) {
  EXPECT_EQ(run(
                [](StreamBuilder& builder) {
                  builder.table<std::string, std::string>("in")
                      .map_values([](const std::string& value) {
                        return value == "x" ? std::optional<std::string>("X") : std::nullopt;
                      })
                      .to_stream()
                      .to("out");
                },
                "a:x@1 a:y@2"),
            "a:X@1 a:null@2");
}

TEST(TableMapValues, KeepsTheReasonOfTheTable) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .to_table({.store = "t", .emit = Emit::kOnCommit})
        .map_values(shout)
        .to_stream_with_reason()
        .map_values([](const Told<std::string>& told) -> std::string {
          return told.reason == EmitReason::kCommit ? "commit" : "other";
        })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "a:commit@1");
}

TEST(TableMapValues, MayMakeWhatHasNoBytesUnlessItIsToBeKept) {
  const auto opaque = [](const std::string&) { return Opaque{1}; };
  TextDriver driver([&](StreamBuilder& builder) {
    builder.table<std::string, std::string>("in")
        .map_values(opaque)
        .map_values([](const Opaque& o) { return std::to_string(o.value); })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, Value>("in", "a:x@1");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "a:1@1");

  const std::string problems = problems_of([&](StreamBuilder& builder) {
    builder.table<std::string, std::string>("in").map_values({.store = "kept"}, opaque);
  });
  EXPECT_NE(problems.find("map-values: the store 'kept' cannot keep"), std::string::npos) << problems;
}

TEST(TableViews, TellWhatWasThereBefore) {
  // An outer join tells of a deletion only if it knows that there was a row.
  TextDriver driver([](StreamBuilder& builder) {
    const auto left = builder.table<std::string, std::string>("in", {.store = "left"})
                          .filter(begins_with_x)
                          .map_values(shout);
    const auto right = builder.table<std::string, std::string>("r", {.store = "right"});
    left.outer_join(right, [](const Value& l, const Value& r) { return l.value_or("-") + r.value_or("-"); })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, Value>("in", "a:y@1 a:null@2 a:x@3 a:null@4");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "a:x!-@3 a:null@4");
}

// --------------------------------------------------------------------------------------------------- transform_values

class Changes final : public TableTransformer<std::string, std::string, std::int64_t> {
 public:
  void open(Context& context) override {
    seen_ = &context.store<KeyValueStore<std::string, std::int64_t>>("seen");
  }
  std::optional<std::int64_t> transform(const std::string& key, const Value& value) override {
    if (value == "boom") throw std::runtime_error("boom");
    if (value == "none") return std::nullopt;
    const auto* row = seen_->find(key);
    const std::int64_t times = row == nullptr ? 1 : row->value + 1;
    seen_->put(key, times, /*timestamp=*/0);
    return times;
  }

 private:
  KeyValueStore<std::string, std::int64_t>* seen_ = nullptr;
};
const auto kChanges = [] { return std::make_unique<Changes>(); };

TEST(TableTransformValues, IsAskedOncePerChangeAlsoAboutDeletedRows) {
  DriverOptions options;
  options.on_error = ErrorPolicy::kSkip;
  TextDriver driver(
      [](StreamBuilder& builder) {
        builder.key_value_store<std::string, std::int64_t>("seen");
        builder.table<std::string, std::string>("in")
            .transform_values({.store = "changes", .uses = {"seen"}}, kChanges)
            .to_stream()
            .to("out");
      },
      options);
  driver.feed<std::string, Value>("in", "a:x@1 a:null@2 b:y@3 a:boom@4 a:none@5 a:z@6");
  EXPECT_EQ((driver.take<std::string, Number>("out")), "a:1@1 a:2@2 b:1@3 a:null@5 a:3@6");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
  auto* rows = driver.driver().store_as<KeyValueStore<std::string, std::int64_t>>("changes");
  ASSERT_NE(rows, nullptr);
  EXPECT_EQ(rows->find("a")->value, 3);
}

class KeyAndValue final : public TableTransformer<std::string, std::string, std::string> {
 public:
  std::optional<std::string> transform(const std::string& key, const Value& value) override {
    return key + ":" + value.value_or("null");
  }
};

TEST(TableTransformValues, IsAskedAgainByThoseWhoReadIt) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto table = builder.table<std::string, std::string>("t", {.store = "rows"}).transform_values([] {
      return std::make_unique<KeyAndValue>();
    });
    table.to_stream().to("changes");
    builder.stream<std::string, std::string>("in").join(table, both).to("out");
  });
  driver.feed<std::string, Value>("t", "a:x@1 b:null@2");
  driver.feed<std::string, std::string>("in", "a:s@3 c:s@4");
  EXPECT_EQ((driver.take<std::string, Value>("changes")), "a:a:x@1 b:b:null@2");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "a:sa:x@3 c:sc:null@4");
}

TEST(TableTransformValues, FailsTheTaskIfItAsksForAStoreItDoesNotUse) {
  StreamBuilder builder;
  builder.table<std::string, std::string>("in").transform_values({.name = "changes"}, kChanges);
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  const auto driver = TopologyDriver::create(*topology);
  ASSERT_FALSE(driver.ok());
  EXPECT_NE(std::string(driver.status().message()).find("changes"), std::string::npos) << driver.status();
}

// ------------------------------------------------------------------------------------------------- to_stream with keys

TEST(ToStream, UnderNewKeysIsRepartitionedByWhatGroups) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto rekeyed = builder.table<std::string, std::string>("in").to_stream(
        [](const std::string& key, const Value& value) { return key + value.value_or("-"); });
    rekeyed.to("out");
    rekeyed.group_by_key().count({.store = "counts"}).to_stream().to("counts");
  });
  driver.feed<std::string, Value>("in", "a:x@1 a:null@2 a:x@3");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "ax:x@1 a-:null@2 ax:x@3");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("counts")), "ax:1@1 ax:2@3");
  EXPECT_NE(driver.description().find("counts-repartition"), std::string::npos);
}

}  // namespace
}  // namespace weir
