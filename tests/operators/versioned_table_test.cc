// Tables and aggregates that remember what their rows were.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <weir/operators/cogroup.h>
#include <weir/operators/count.h>
#include <weir/operators/group_by.h>
#include <weir/operators/join_tables.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/table_filter.h>
#include <weir/operators/table_group_by.h>
#include <weir/operators/table_map_values.h>
#include <weir/operators/to.h>
#include <weir/operators/to_table.h>

#include "support/records.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Value = std::optional<std::string>;

TEST(VersionedTable, PassesUpdatesOutOfOrderAndDropsThoseBeyondTheHistory) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.table<std::string, std::string>("in", {.store = "v", .history = 100ms}).to_stream().to("out");
  });
  driver.feed<Value, Value>("in", "A:a@10 A:b@5 A:null@7 null:k@8 X:x@200 A:z@99 A:y@100");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "A:a@10 A:b@5 A:null@7 X:x@200 A:y@100");
  EXPECT_EQ(driver.dropped(DropReason::kExpired), 1U);
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
}

TEST(VersionedTable, MovesRowsBetweenGroupsInOrderOnly) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, Value>("in")
        .to_table({.store = "v", .history = 100ms})
        .group_by([](const std::string& value) { return std::pair(value, value); })
        .count({.store = "counts"})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, Value>("in", "A:a@10 A:b@5 A:c@20");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@10 a:0@20 c:1@20");
}

TEST(VersionedTable, IsNotJoinedOutOfOrder) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto left = builder.table<std::string, std::string>("l", {.store = "left", .history = 100ms});
    const auto right = builder.table<std::string, std::string>("r", {.store = "right"});
    left.join(right, [](const std::string& l, const std::string& r) { return l + r; }).to_stream().to("out");
  });
  driver.feed<std::string, Value>("r", "A:x@1");
  driver.feed<std::string, Value>("l", "A:a@10 A:b@5 A:c@20");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "A:ax@10 A:cx@20");
}

// Answers with the row as of the record's time.
template <class Access>
class LookUpNode final : public UnaryNode<std::string, std::string, std::string, std::string> {
 public:
  explicit LookUpNode(Access access) : access_(std::move(access)) {}
  void open() override { table_ = access_.open_getter(this->context(), *this); }
  void accept(const Record<std::string, std::string>& record) override {
    const auto* row = table_->find_as_of(record.key, record.timestamp, record.key_bytes);
    this->emit(record.with_value(row == nullptr ? "-" : row->value + "@" + std::to_string(row->timestamp)));
  }

 private:
  const Access access_;
  std::unique_ptr<TableGetter<std::string, std::string>> table_;
};

TEST(VersionedTable, IsReadAsItWasAlsoThroughViews) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto view = builder.table<std::string, std::string>("t", {.store = "v", .history = 100ms})
                          .filter([](const std::string& value) { return value != "hidden"; })
                          .map_values([](const std::string& value) { return value + "!"; });
    using Access = TableAccess<std::string, std::string>;
    ASSERT_EQ(view.access().history, Duration(100));
    const auto in = builder.stream<std::string, std::string>("in");
    KStream<std::string, std::string>(in.extend_named("look-up", ErrorPolicy::kInherit,
                                                      node_factory<LookUpNode<Access>>(view.access()),
                                                      Location::current(), view.access().stores))
        .to("out");
  });
  driver.feed<std::string, Value>("t", "A:a@10 A:hidden@20 A:b@30 A:c@25");
  driver.feed<std::string, std::string>("in", "A:s@9 A:s@10 A:s@20 A:s@29 A:s@99");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "A:-@9 A:a!@10@10 A:-@20 A:c!@25@29 A:b!@30@99");
}

TEST(VersionedTable, FilterPassesEveryChange) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.table<std::string, std::string>("in", {.store = "v", .history = 100ms})
        .filter([](const std::string& value) { return value.starts_with('x'); })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, Value>("in", "A:y@1 A:x@10 A:y@5 A:y@20 A:y@15");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "A:null@1 A:x@10 A:null@5 A:null@20 A:null@15");
}

TEST(VersionedTable, CannotWaitForTheCommitOrCountItsRows) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.table<std::string, std::string>(
        "in", {.store = "v", .name = "versions", .emit = Emit::kOnCommit, .history = 100ms, .max_rows = 5});
  });
  EXPECT_NE(problems.find("versions: a table with a history tells of every update at once"),
            std::string::npos)
      << problems;
  EXPECT_NE(problems.find("versions: a table with a history cannot forget rows by their number"),
            std::string::npos)
      << problems;
}

TEST(VersionedAggregate, ReadsAndWritesTheLatestVersion) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, Value>("in")
        .group_by_key()
        .count({.store = "vc", .history = 100ms})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, Value>("in", "A:a@10 A:b@5 A:null@6 B:x@200 C:y@99 A:c@50 A:d@150 C:y@100");
  // The third A would write at time 50, which is older than the history.
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "A:1@10 A:2@10 B:1@200 A:3@150 C:1@100");
  EXPECT_EQ(driver.dropped(DropReason::kExpired), 2U);
  EXPECT_EQ(driver.dropped(DropReason::kNullValue), 1U);
  auto* counts = driver.driver().store_as<VersionedStore<std::string, std::int64_t>>("vc");
  ASSERT_NE(counts, nullptr);
  EXPECT_EQ(counts->find_as_of("A", 120)->value, 2);
}

TEST(VersionedAggregate, MayBeACogroup) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto append = [](const std::string& value, const std::string& all) { return all + value; };
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .cogroup(append)
        .aggregate({.store = "all", .history = 100ms}, [] { return std::string(); })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "A:a@10 B:b@200 C:c@99 C:d@100");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "A:a@10 B:b@200 C:d@100");
  EXPECT_EQ(driver.dropped(DropReason::kExpired), 1U);
}

TEST(VersionedTable, GoesOnAfterARestart) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.table<std::string, std::string>("in", {.store = "v", .history = 100ms})
        .group_by([](const std::string& value) { return std::pair(value, value); })
        .count({.store = "counts"})
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, Value>("in", "A:a@200");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<std::string, Value>("in", "A:b@150 A:b@99 A:c@201");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@200 a:0@201 c:1@201");
  EXPECT_EQ(driver.dropped(DropReason::kExpired), 1U);
}

}  // namespace
}  // namespace weir
