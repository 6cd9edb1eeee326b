#include <weir/operators/to_table.h>

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/select_key.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/records.h"

namespace weir {
namespace {

static_assert(std::same_as<decltype(std::declval<KStream<int, std::string>>().to_table({.store = "s"})),
                           KTable<int, std::string, Rows::kStay>>);
static_assert(
    std::same_as<decltype(std::declval<KStream<int, std::optional<std::string>>>().to_table({.store = "s"})),
                 KTable<int, std::string, Rows::kMayVanish>>);

TEST(ToTable, KeepsTheLastValueAndForgetsWithANull) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::optional<std::string>, std::optional<std::string>>("in")
        .to_table({.store = "rows"})
        .to_stream()
        .to("out");
  });
  driver.feed<std::optional<std::string>, std::optional<std::string>>("in", "a:x@1 null:y@2 a:null@3 b:z@4");
  EXPECT_EQ((driver.take<std::string, std::optional<std::string>>("out")), "a:x@1 a:null@3 b:z@4");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
  auto* rows = driver.driver().store_as<KeyValueStore<std::string, std::string>>("rows");
  ASSERT_NE(rows, nullptr);
  EXPECT_EQ(rows->find("a"), nullptr);
  ASSERT_NE(rows->find("b"), nullptr);
  EXPECT_EQ(*rows->find("b"), (Timestamped<std::string>{"z", 4}));
}

TEST(ToTable, RepartitionsAStreamWhoseKeysWereChanged) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .select_key([](const std::string& value) { return value; })
        .to_table({.store = "rows"})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "x:x@1");
  EXPECT_NE(driver.description().find("rows-repartition"), std::string::npos);
}

}  // namespace
}  // namespace weir
