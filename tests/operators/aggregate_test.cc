#include <weir/operators/aggregate.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/flat_map_values.h>
#include <weir/operators/group_by.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/records.h"

namespace weir {
namespace {

template <class Group, class Init, class Aggregator>
concept CanAggregate = requires(const Group& group, Init init, Aggregator aggregator) {
  group.aggregate({.store = "s"}, init, aggregator);
};

using Numbers = KGroupedStream<std::string, std::int64_t>;
using Text = decltype([] { return std::string(); });
static_assert(
    CanAggregate<Numbers, Text, decltype([](std::int64_t, const std::string& text) { return text; })>);
static_assert(CanAggregate<Numbers, Text, decltype([](std::int64_t, std::string text) { return text; })>);
static_assert(CanAggregate<Numbers, Text, decltype([](std::int64_t, std::string&) {})>);
static_assert(CanAggregate<Numbers, Text, decltype([](const std::string&, std::int64_t, std::string&) {})>);
static_assert(CanAggregate<Numbers, Text, decltype([](const auto&, auto& text) { text += "x"; })>);
static_assert(
    !CanAggregate<Numbers, Text, decltype([](std::int64_t, const std::string&) {})>);  // changes nothing
static_assert(
    !CanAggregate<Numbers, Text, decltype([](std::int64_t, int sum) { return sum; })>);  // another aggregate
static_assert(
    !CanAggregate<Numbers, decltype([] { return "text"; }), decltype([](std::int64_t, const char* text) {
                    return text;
                  })>);  // nothing that a store can keep
static_assert(!CanAggregate<Numbers, decltype([] {}), decltype([](std::int64_t, int sum) { return sum; })>);

template <class Aggregator>
TextDriver concatenation(Aggregator aggregator, ErrorPolicy on_error = ErrorPolicy::kInherit) {
  return TextDriver([=](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .aggregate(
            {.store = "rows", .on_error = on_error}, [] { return std::string("i"); }, aggregator)
        .to_stream()
        .to("out");
  });
}

TEST(Aggregate, TakesAnAggregatorThatReturnsTheNewAggregate) {
  TextDriver driver =
      concatenation([](const std::string& value, const std::string& text) { return text + value; });
  driver.feed<std::string, std::string>("in", "a:x@10 a:y@5 b:z@7");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:ix@10 a:ixy@10 b:iz@7");
}

TEST(Aggregate, TakesAnAggregatorThatAsksForTheKey) {
  TextDriver driver = concatenation(
      [](const std::string& key, const std::string& value, std::string text) { return text + key + value; });
  driver.feed<std::string, std::string>("in", "a:x@1 a:y@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:iax@1 a:iaxay@2");
}

TEST(Aggregate, TakesAnAggregatorThatWorksInPlace) {
  TextDriver driver = concatenation([](const std::string& value, std::string& text) { text += value; });
  driver.feed<std::string, std::string>("in", "a:x@1 a:y@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:ix@1 a:ixy@2");
}

TEST(Aggregate, TakesAnAggregatorThatWorksOnTheRowItself) {
  TextDriver driver = concatenation([](const std::string& key, const std::string& value,
                                       std::string& text) noexcept { text += key + value; });
  driver.feed<std::string, std::string>("in", "a:x@1 a:y@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:iax@1 a:iaxay@2");
}

TEST(Aggregate, DeletesWithAnEmptyOptionalAndBeginsAnewWithItsTime) {
  TextDriver driver = concatenation([](const std::string& value, const std::string& text) {
    return value == "del" ? std::nullopt : std::optional(text + value);
  });
  driver.feed<std::string, std::string>("in", "a:a@10 a:del@5 a:b@3 b:del@4");
  EXPECT_EQ((driver.take<std::string, std::optional<std::string>>("out")),
            "a:ia@10 a:null@10 a:ib@3 b:null@4");
}

TEST(Aggregate, LeavesTheRowAloneWhenAnAggregatorInPlaceThrowsHalfway) {
  TextDriver driver = concatenation(
      [](const std::string& value, std::string& text) {
        text += value;
        if (value == "bad") throw std::runtime_error("bad");
      },
      ErrorPolicy::kSkip);
  driver.feed<std::string, std::string>("in", "a:x@1 a:bad@9 a:y@2 b:bad@3 b:z@4");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:ix@1 a:ixy@2 b:iz@4");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 2U);
}

TEST(Aggregate, ReportsTheNodeWhenTheInitializerThrows) {
  TextDriver driver([](StreamBuilder& builder) {
    static_cast<void>(builder.stream<std::string, std::string>("in").group_by_key().aggregate(
        {.store = "rows", .name = "sum"}, []() -> std::string { throw std::runtime_error("no beginning"); },
        [](const std::string&, std::string text) { return text; }));
  });
  const std::string message((driver.try_feed<std::string, std::string>("in", "a:x@1")).message());
  EXPECT_NE(message.find("'sum'"), std::string::npos) << message;
  EXPECT_NE(message.find("no beginning"), std::string::npos) << message;
}

TEST(Aggregate, NeverTellsOnCommitOfARowThatCameAndWent) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .flat_map_values([](const std::string& value) {
          return std::vector<std::string>{value, "del"};
        })
        .group_by_key()
        .aggregate(
            {.store = "rows", .emit = Emit::kOnCommit}, [] { return std::string(); },
            [](const std::string& value, const std::string& text) {
              return value == "del" ? std::nullopt : std::optional(text + value);
            })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@10");
  EXPECT_EQ((driver.take<std::string, std::optional<std::string>>("out")), "");
}

TEST(Aggregate, ContinuesAfterARestart) {
  TextDriver driver = concatenation([](const std::string& value, std::string& text) { text += value; });
  driver.feed<std::string, std::string>("in", "a:x@1");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<std::string, std::string>("in", "a:y@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:ix@1 a:ixy@2");
}

// A node that asks for Change::before, as table verbs do.
struct Changes final : LeafNode<std::string, Change<std::string>> {
  explicit Changes(std::shared_ptr<std::string> log) : seen(std::move(log)) {}
  void accept(const Record<std::string, Change<std::string>>& record) override {
    const Change<std::string>& change = record.value;
    *seen += (change.before != nullptr ? *change.before : "null") + ">" +
             (change.now != nullptr ? *change.now : "null") + " ";
  }
  std::shared_ptr<std::string> seen;
};

TEST(Aggregate, TellsWhatWasBeforeOnlyIfSomebodyAsks) {
  for (const bool asked : {false, true}) {
    const auto seen = std::make_shared<std::string>();
    TextDriver driver([&](StreamBuilder& builder) {
      const auto table = builder.stream<std::string, std::string>("in").group_by_key().aggregate(
          {.store = "rows"}, [] { return std::string(); },
          [](const std::string& value, const std::string& text) {
            return value == "del" ? std::nullopt : std::optional(text + value);
          });
      table.extend("changes", {}, node_factory<Changes>(seen), Location::current());
      if (asked) table.access().before->express();
    });
    driver.feed<std::string, std::string>("in", "a:x@1 a:y@2 a:del@3");
    EXPECT_EQ(*seen, asked ? "null>x x>xy xy>null " : "null>x null>xy null>null ");
  }
}

}  // namespace
}  // namespace weir
