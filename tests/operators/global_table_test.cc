#include <weir/operators/global_table.h>

#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/join_global.h>
#include <weir/operators/map_values.h>
#include <weir/operators/process.h>
#include <weir/operators/to.h>

#include "support/records.h"
#include "support/scratch_folder.h"

namespace weir {
namespace {

using Key = std::optional<std::string>;
using Value = std::optional<std::string>;
using Rates = GlobalKTable<std::string, std::int64_t>;

template <class Stream, class Table, class Selector, class Joiner>
concept CanJoin = requires(const Stream& stream, const Table& table, Selector select, Joiner joiner) {
  stream.join(table, select, joiner);
};
template <class Stream, class Table, class Selector, class Joiner>
concept CanLeftJoin = requires(const Stream& stream, const Table& table, Selector select, Joiner joiner) {
  stream.left_join(table, select, joiner);
};
using Orders = KStream<Key, std::string>;
using ByValue = decltype([](const std::string& value) { return value; });
using ByKey = decltype([](const Key& key, const std::string&) { return key; });
using Sum = decltype([](const std::string&, std::int64_t rate) { return rate; });
static_assert(CanJoin<Orders, Rates, ByValue, Sum>);
static_assert(CanJoin<Orders, Rates, ByKey, Sum>);  // an optional key
static_assert(CanJoin<Orders, Rates, ByValue,
                      decltype([](const Key&, const std::string&, std::int64_t rate) { return rate; })>);
static_assert(!CanJoin<Orders, Rates, decltype([](const std::string&) { return 7; }), Sum>);  // no such key
static_assert(!CanJoin<Orders, Rates, ByValue, decltype([](std::int64_t, std::int64_t) { return 1; })>);
static_assert(
    CanLeftJoin<Orders, Rates, ByKey,
                decltype([](const std::string&, const std::optional<std::int64_t>&) { return 1; })>);
static_assert(!CanLeftJoin<Orders, Rates, ByKey, Sum>);  // the row may be missing

// The example of the headers: the text before the colon is a currency, what follows an amount.
struct Order {
  std::string currency;
  std::int64_t total = 0;
};
Order parsed(const std::string& text) { return {text.substr(0, 3), std::stoll(text.substr(3))}; }

void orders_and_rates(StreamBuilder& builder) {
  const auto rates = builder.global_table<std::string, std::int64_t>("rates", {.store = "rates"});
  const auto orders = builder.stream<std::string, std::string>("orders").map_values(parsed);
  orders
      .join(
          rates, [](const Order& order) { return order.currency; },
          [](const Order& order, std::int64_t rate) { return order.total * rate; })
      .to("totals");
}

using Rate = std::optional<std::int64_t>;

TEST(GlobalTable, JoinsWithTheRowTheSelectorSays) {
  TextDriver driver(orders_and_rates);
  driver.feed<Key, Value>("orders", "ann:EUR5@10");
  driver.feed<Key, Rate>("rates", "EUR:2@50 USD:3@1");
  driver.feed<Key, Value>("orders", "ann:EUR5@10 bob:USD2@3 ann:GBP1@4");
  driver.feed<Key, Rate>("rates", "EUR:4@5 USD:null@60");
  driver.feed<Key, Value>("orders", "ann:EUR5@11 bob:USD2@12");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("totals")), "ann:10@10 bob:6@3 ann:20@11");
  EXPECT_EQ(driver.processed(), 6U);  // the orders
}

void by_first_letter(StreamBuilder& builder, bool left) {
  const auto table = builder.global_table<std::string, std::string>("g", {.store = "rows"});
  const auto select = [](const Value& value) -> Key {
    if (value && *value == "throw") throw std::runtime_error("the selector threw");
    return value && value->front() != '-' ? Key(value->substr(0, 1)) : Key();
  };
  const auto stream = builder.stream<Key, Value>("s");
  if (left) {
    stream
        .left_join({.on_error = ErrorPolicy::kSkip}, table, select,
                   [](const Key& key, const std::string& value, const Value& row) {
                     return key.value_or("?") + value + row.value_or("?");
                   })
        .to("out");
  } else {
    stream
        .join({.on_error = ErrorPolicy::kSkip}, table, select,
              [](const std::string& value, const std::string& row) { return value + row; })
        .to("out");
  }
}

TEST(GlobalTable, InnerJoinDropsWhatHasNoValueOrNoKeyToLookUp) {
  TextDriver driver([](StreamBuilder& builder) { by_first_letter(builder, false); });
  driver.feed<Key, Value>("g", "x:X@1 null:N@2");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);  // a row without a key
  driver.feed<Key, Value>("s", "null:x1@3 a:-@4 a:null@5 a:y@6 a:throw@7");
  EXPECT_EQ((driver.take<Key, std::string>("out")), "null:x1X@3");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 2U);
  EXPECT_EQ(driver.dropped(DropReason::kNullValue), 1U);
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

TEST(GlobalTable, LeftJoinJoinsWithNothing) {
  TextDriver driver([](StreamBuilder& builder) { by_first_letter(builder, true); });
  driver.feed<Key, Value>("g", "x:X@1");
  driver.feed<Key, Value>("s", "null:x1@3 a:-@4 a:null@5 a:y@6");
  EXPECT_EQ((driver.take<Key, std::string>("out")), "null:?x1X@3 a:a-?@4 a:ay?@6");
  EXPECT_EQ(driver.dropped(DropReason::kNullValue), 1U);
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 0U);
}

TEST(GlobalTable, TakesWhatTheTopologyWritesToItsTopic) {
  TextDriver driver([](StreamBuilder& builder) {
    orders_and_rates(builder);
    builder.stream<std::string, std::int64_t>("found").to("rates");
  });
  driver.feed<std::string, std::int64_t>("found", "EUR:7@1");
  driver.feed<Key, Value>("orders", "ann:EUR5@10");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("totals")), "ann:35@10");
}

// Keeps the longest value of each key, with its length.
class KeepLongest final : public Processor<std::string, std::string, std::string, std::string> {
 public:
  void open(Context& context) override {
    rows_ = &context.store<KeyValueStore<std::string, std::int64_t>>("longest");
  }
  void process(const Record<std::string, std::string>& record) override {
    if (record.value == "throw") throw std::runtime_error("the keeper threw");
    const auto size = static_cast<std::int64_t>(record.value.size());
    const auto* row = rows_->find(record.key);
    if (row == nullptr || row->value < size) rows_->put(record.key, size, record.timestamp);
  }

 private:
  KeyValueStore<std::string, std::int64_t>* rows_ = nullptr;
};

class LookUp final : public ValueProcessor<std::string, std::string, std::int64_t> {
 public:
  explicit LookUp(StoreHandle<GlobalStore<std::string, std::int64_t>> rows) : handle_(std::move(rows)) {}
  void open(Context& context) override {
    context_ = &context;
    rows_ = &context.store(handle_);
  }
  void process(const Record<std::string, std::string>& record) override {
    const auto* row = rows_->find(record.value);
    context_->forward(row == nullptr ? -1 : row->value);
  }

 private:
  const StoreHandle<GlobalStore<std::string, std::int64_t>> handle_;
  Context* context_ = nullptr;
  GlobalStore<std::string, std::int64_t>* rows_ = nullptr;
};

void keep_longest(StreamBuilder& builder, ErrorPolicy on_error) {
  const auto rows = builder.add_global_store<std::string, std::string, std::string, std::int64_t>(
      "texts", {.store = "longest", .on_error = on_error}, [] { return std::make_unique<KeepLongest>(); });
  builder.stream<std::string, std::string>("in")
      .process_values([rows] { return std::make_unique<LookUp>(rows); })
      .to("out");
}

TEST(GlobalStoreVerb, AProcessorKeepsTheStoreAndAnyOtherReadsIt) {
  TextDriver driver([](StreamBuilder& builder) { keep_longest(builder, ErrorPolicy::kInherit); });
  driver.feed<std::string, std::string>("in", "k:a@1");
  driver.feed<std::string, std::string>("texts", "a:four@2 a:six@3 b:x@4");
  driver.feed<std::string, std::string>("in", "k:a@5 k:b@6 k:c@7");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "k:-1@1 k:4@5 k:1@6 k:-1@7");
  EXPECT_NE((driver.driver().store_as<KeyValueStore<std::string, std::int64_t>>("longest")), nullptr);
}

TEST(GlobalStoreVerb, AFailingRecordFollowsThePolicy) {
  TextDriver failing([](StreamBuilder& builder) { keep_longest(builder, ErrorPolicy::kInherit); });
  const absl::Status status = failing.try_feed<std::string, std::string>("texts", "a:throw@1");
  EXPECT_NE(status.message().find("the keeper threw"), std::string::npos) << status;

  TextDriver skipping([](StreamBuilder& builder) { keep_longest(builder, ErrorPolicy::kSkip); });
  skipping.feed<std::string, std::string>("texts", "a:throw@1 a:xy@2");
  skipping.feed<std::string, std::string>("in", "k:a@3");
  EXPECT_EQ((skipping.take<std::string, std::int64_t>("out")), "k:2@3");
  EXPECT_EQ(skipping.dropped(DropReason::kFailed), 1U);
}

TEST(GlobalTable, SurvivesARestartInMemoryAndOnDisk) {
  for (const bool on_disk : {false, true}) {
    const ScratchFolder scratch;
    DriverOptions options;
    if (on_disk) options.state_directory = scratch.path();
    TextDriver driver(orders_and_rates, options);
    driver.feed<Key, Rate>("rates", "EUR:2@50 USD:3@1");
    ASSERT_TRUE(driver.driver().restart().ok());
    driver.feed<Key, Rate>("rates", "EUR:4@50");
    driver.feed<Key, Value>("orders", "ann:EUR5@10 ann:USD1@11");
    EXPECT_EQ((driver.take<std::string, std::int64_t>("totals")), "ann:20@10 ann:3@11");
  }
}

TEST(GlobalTable, IsDescribedApartFromTheTasks) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto table = builder.global_table<std::string, std::string>("g", {.store = "rows", .name = "g"});
    builder.stream<std::string, std::string>("s")
        .join(
            {.name = "j"}, table, [](const std::string& value) { return value; },
            [](const std::string& value, const std::string& row) { return value + row; })
        .to("out", {.name = "sink"});
  });
  EXPECT_EQ(driver.description(), R"(Topologies:
   Sub-topology: 0
    Source: stream-1 (topics: [s])
      --> j
    Processor: j (stores: [])
      --> sink
      <-- stream-1
    Sink: sink (topic: out)
      <-- j

  Sub-topology: 1 for global store (will not generate tasks)
    Source: g-source (topics: [g])
      --> g
    Processor: g (stores: [rows])
      --> none
      <-- g-source
)");
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(GlobalTable, MistakesInWiringAreProblems) {
  const std::string connected = problems_of([](StreamBuilder& builder) {
    const auto rows = builder.add_global_store<std::string, std::string, std::string, std::int64_t>(
        "texts", {.store = "longest"}, [] { return std::make_unique<KeepLongest>(); });
    builder.stream<std::string, std::string>("in").process_values(
        {.stores = {rows}}, [rows] { return std::make_unique<LookUp>(rows); });
  });
  EXPECT_NE(connected.find("is connected to the global store 'longest'"), std::string::npos) << connected;

  const std::string twice = problems_of([](StreamBuilder& builder) {
    static_cast<void>(builder.global_table<std::string, std::string>("g", {.store = "rows"}));
    builder.stream<Key, Value>("g").to("out");
  });
  EXPECT_EQ(count_of(twice, "is read by two sources"), 1U) << twice;

  const std::string aside = problems_of([](StreamBuilder& builder) {
    static_cast<void>(builder.global_table<std::string, std::string>(
        "g", {.store = "rows", .on_error = ErrorPolicy::kDeadLetter}));
  });
  EXPECT_NE(aside.find("every instance does"), std::string::npos) << aside;

  const std::string strangers = problems_of([](StreamBuilder& builder) {
    StreamBuilder other;
    const auto table = other.global_table<std::string, std::string>("g", {.store = "rows"});
    static_cast<void>(builder.stream<std::string, std::string>("s").join(
        table, [](const std::string& value) { return value; },
        [](const std::string& value, const std::string& row) { return value + row; }));
  });
  EXPECT_NE(strangers.find("come from two builders"), std::string::npos) << strangers;
}

TEST(GlobalTable, MayBeAllThatATopologyHas) {
  TextDriver driver([](StreamBuilder& builder) {
    static_cast<void>(builder.global_table<std::string, std::string>("g", {.store = "rows"}));
  });
  driver.feed<Key, Value>("g", "a:x@1");
  auto* rows = driver.driver().store_as<KeyValueStore<std::string, std::string>>("rows");
  ASSERT_NE(rows, nullptr);
  ASSERT_NE(rows->find("a"), nullptr);
  EXPECT_EQ(rows->find("a")->value, "x");
}

}  // namespace
}  // namespace weir
