#include <weir/operators/stores.h>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/process.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

using Prices = VersionedStore<std::string, std::string>;
using Sessions = SessionStore<std::string, std::int64_t>;
using Waiting = JoinStore<std::string, std::string>;

// Keeps prices, and says what became of them.
class KeepPrices final : public Processor<std::string, std::optional<std::string>, std::string, std::string> {
 public:
  void open(Context& context) override {
    context_ = &context;
    prices_ = &context.store<Prices>("prices");
  }
  void process(const Record<std::string, std::optional<std::string>>& record) override {
    const VersionPut done = prices_->put(record.key, record.value, record.timestamp, record.key_bytes);
    const auto* now = prices_->find(record.key);
    const auto* then = prices_->find_as_of(record.key, record.timestamp - 50);
    context_->forward(record.key, std::string(done.accepted ? "+" : "-") +
                                      (now == nullptr ? "null" : now->value) + "/" +
                                      (then == nullptr ? "null" : then->value));
  }

 private:
  Context* context_ = nullptr;
  Prices* prices_ = nullptr;
};

TEST(Stores, AVersionedStoreAnswersAsOfATime) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto prices = builder.versioned_store<std::string, std::string>("prices", 150ms);
    builder.stream<std::string, std::optional<std::string>>("in")
        .process({.stores = {prices}}, [] { return std::make_unique<KeepPrices>(); })
        .to("out");
  });
  driver.feed<std::string, std::optional<std::string>>(
      "in", "a:v1@100 a:v2@200 a:v3@150 a:v4@50 a:v5@49 a:null@210 a:v6@205");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<std::string, std::optional<std::string>>("in", "b:v7@30 b:v8@60 b:v9@400 a:v11@250 a:v12@249");
  EXPECT_EQ(
      (driver.take<std::string, std::string>("out")),
      "a:+v1/null@100 a:+v2/v1@200 a:+v2/v1@150 a:+v2/null@50 a:-v2/null@49 a:+null/v3@210 a:+null/v3@205 "
      "b:-null/null@30 b:+v8/null@60 b:+v9/v8@400 a:+v11/null@250 a:-v11/null@249");
}

// Merges the sessions that a record touches.
class MergeSessions final : public Processor<std::string, std::string, std::string, std::string> {
 public:
  void open(Context& context) override {
    context_ = &context;
    sessions_ = &context.store<Sessions>("sessions");
  }
  void process(const Record<std::string, std::string>& record) override {
    Timestamp start = record.timestamp;
    Timestamp end = record.timestamp;
    std::int64_t sum = 1;
    sessions_->visit_sessions(record.key, record.timestamp - 50, record.timestamp + 50,
                              [&](Timestamp from, Timestamp to, const Sessions::Row& row) {
                                sum += row.value;
                                start = std::min(start, from);
                                end = std::max(end, to);
                                sessions_->erase(record.key, from, to, record.timestamp);
                              });
    if (!sessions_->put(record.key, start, end, sum, record.timestamp)) return;
    context_->forward(record.key,
                      std::to_string(start) + "-" + std::to_string(end) + "=" + std::to_string(sum));
  }

 private:
  Context* context_ = nullptr;
  Sessions* sessions_ = nullptr;
};

TEST(Stores, ASessionStoreFindsWhatARecordTouches) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.session_store<std::string, std::int64_t>("sessions", 500ms);
    builder.stream<std::string, std::string>("in")
        .process({.stores = {"sessions"}}, [] { return std::make_unique<MergeSessions>(); })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@100 a:x@200 b:x@150 a:x@150");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<std::string, std::string>("in", "a:x@90 a:x@1000 a:x@200 a:x@500 a:x@501");
  EXPECT_EQ(
      (driver.take<std::string, std::string>("out")),
      "a:100-100=1@100 a:200-200=1@200 b:150-150=1@150 a:100-200=3@150 a:90-200=4@90 a:1000-1000=1@1000 "
      "a:501-501=1@501");
}

// Pairs a record with those of its key that came before it; reads through a view that cannot write.
class PairUp final : public Processor<std::string, std::string, std::string, std::string> {
 public:
  void open(Context& context) override {
    context_ = &context;
    waiting_ = &context.store<Waiting>("waiting");
  }
  void process(const Record<std::string, std::string>& record) override {
    const auto before = context_->read_only_store<Waiting>("waiting");
    before.visit(
        record.key, record.timestamp - 10, record.timestamp + 10,
        [&](Timestamp, const std::string& other) { context_->forward(record.key, other + record.value); });
    static_cast<void>(waiting_->put(record.key, record.timestamp, record.value));
  }

 private:
  Context* context_ = nullptr;
  Waiting* waiting_ = nullptr;
};

TEST(Stores, AJoinStoreKeepsWhatCameAtOneTime) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto waiting = builder.join_store<std::string, std::string>("waiting", 20ms);
    builder.stream<std::string, std::string>("in")
        .process({.stores = {waiting}}, [] { return std::make_unique<PairUp>(); })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:1@5 a:2@5 b:3@5 a:4@14 a:5@40 a:6@25");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:12@5 a:14@14 a:24@14");
}

template <class Store>
concept CanPut = requires(Store store) { store.put(std::string(), Timestamp{}, std::string()); };
template <class Store>
concept CanErase = requires(Store store) { store.erase(std::string(), Timestamp{}); };

static_assert(CanPut<Waiting&> && !CanPut<ReadOnly<Waiting>>);
static_assert(CanErase<Prices&> && !CanErase<ReadOnly<Prices>>);
static_assert(CanErase<KeyValueStore<std::string, int>&> &&
              !CanErase<ReadOnly<KeyValueStore<std::string, int>>>);

}  // namespace
}  // namespace weir
