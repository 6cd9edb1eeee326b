#include <weir/operators/process.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/filter.h>
#include <weir/operators/group_by.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

// Lets through the first record of each key.
class FirstOnly final : public Processor<std::string, std::string, std::string, std::string> {
 public:
  void open(Context& context) override {
    context_ = &context;
    seen_ = &context.store<KeyValueStore<std::string, bool>>("seen");
  }
  void process(const Record<std::string, std::string>& record) override {
    if (seen_->put_if_absent(record.key, true, record.timestamp, record.key_bytes) == nullptr) {
      context_->forward(record);
    }
  }

 private:
  Context* context_ = nullptr;
  KeyValueStore<std::string, bool>* seen_ = nullptr;
};

TEST(Process, KeepsWhatItKnowsInAStore) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto seen = builder.key_value_store<std::string, bool>("seen");
    builder.stream<std::string, std::string>("in")
        .process({.stores = {seen}}, [] { return std::make_unique<FirstOnly>(); })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@1 a:y@2 b:z@3");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<std::string, std::string>("in", "b:again@4 c:w@5");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:x@1 b:z@3 c:w@5");
}

TEST(Process, FailsWithoutTheStoreItAsksFor) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").filter([](const std::string&) { return true; }).to("out");
  });
  StreamBuilder builder;
  builder.key_value_store<std::string, bool>("seen");
  builder.stream<std::string, std::string>("in").process({.name = "first"},
                                                         [] { return std::make_unique<FirstOnly>(); });
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  const auto opened = TopologyDriver::create(*topology);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(std::string(opened.status().message()).find("'first'"), std::string::npos) << opened.status();
  EXPECT_NE(std::string(opened.status().message()).find("'seen'"), std::string::npos) << opened.status();
}

TEST(Process, FailsWithAStoreOfAnotherType) {
  StreamBuilder builder;
  builder.key_value_store<std::string, std::int64_t>("seen");
  builder.stream<std::string, std::string>("in").process({.stores = {"seen"}},
                                                         [] { return std::make_unique<FirstOnly>(); });
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  const auto opened = TopologyDriver::create(*topology);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(std::string(opened.status().message()).find("another type"), std::string::npos)
      << opened.status();
}

TEST(Process, OfAStoreThatWasNeverAddedIsAProblem) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").process({.stores = {"seen"}},
                                                           [] { return std::make_unique<FirstOnly>(); });
  });
  EXPECT_NE(problems.find("'seen', which was never added"), std::string::npos) << problems;
}

// Does what the value says.
class Obedient final : public Processor<std::string, std::string, std::string, std::string> {
 public:
  void open(Context& context) override { context_ = &context; }
  void process(const Record<std::string, std::string>& record) override {
    if (record.value == "throw") throw std::runtime_error("as told");
    if (record.value == "left") return context_->forward_to("left", record);
    if (record.value == "nobody") return context_->forward_to("nobody", record);
    if (record.value == "past") return context_->forward(record.key, record.value, -1);
    if (record.value == "later") return context_->forward(record.key, record.value, 99, Headers{{"m", "1"}});
    if (record.value == "twice") context_->forward(record.key, "once");
    context_->forward(record.key, record.value);
  }

 private:
  Context* context_ = nullptr;
};

void obedience(StreamBuilder& builder) {
  const auto done = builder.stream<std::string, std::string>("in").process(
      {.name = "obey", .on_error = ErrorPolicy::kSkip}, [] { return std::make_unique<Obedient>(); });
  done.filter({.name = "left"}, [](const std::string&) { return true; }).to("left");
  done.filter({.name = "right"}, [](const std::string&) { return true; }).to("right");
}

TEST(Process, ForwardsToAllChildrenOrToOneByName) {
  TextDriver driver(obedience);
  driver.feed<std::string, std::string>("in", "a:all@1 b:left@2 c:twice@3");
  EXPECT_EQ((driver.take<std::string, std::string>("left")), "a:all@1 b:left@2 c:once@3 c:twice@3");
  EXPECT_EQ((driver.take<std::string, std::string>("right")), "a:all@1 c:once@3 c:twice@3");
}

TEST(Process, ForwardsWithTimeAndHeadersOfItsOwn) {
  TextDriver driver(obedience);
  driver.feed<std::string, std::string>("in", "a:later@1");
  const auto out = driver.driver().read<std::string, std::string>("left");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].timestamp, 99);
  EXPECT_EQ(out[0].headers, (Headers{{"m", "1"}}));
}

TEST(Process, TakesMistakesInForwardingForFailuresOfTheRecord) {
  TextDriver driver(obedience);
  driver.feed<std::string, std::string>("in", "a:nobody@1 b:past@2 c:throw@3 d:fine@4");
  EXPECT_EQ((driver.take<std::string, std::string>("right")), "d:fine@4");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 3U);
}

TEST(Process, RepartitionsWhatIsGroupedAfterwards) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .process([] { return std::make_unique<Obedient>(); })
        .group_by_key()
        .count({.store = "counts"});
  });
  EXPECT_NE(driver.description().find("counts-repartition"), std::string::npos);
}

// Tells the time on both clocks, every 10 ms.
class Ticking final : public Processor<std::string, std::string, std::string, std::int64_t> {
 public:
  void open(Context& context) override {
    stream_ = std::make_unique<Cancellable>(context.schedule(
        10ms, TimerClock::kStreamTime, [&context](Timestamp now) { context.forward("stream", now, now); }));
    static_cast<void>(context.schedule(10ms, TimerClock::kWallClock, [&context](Timestamp now) {
      if (now >= 50) context.forward("no record to take time from", now);
      context.forward("wall", now, now);
    }));
  }
  void process(const Record<std::string, std::string>& record) override {
    if (record.value == "stop") stream_->cancel();
  }

 private:
  std::unique_ptr<Cancellable> stream_;
};

TEST(Process, FiresTimersOnStreamTimeAndOnTheWallClock) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .process({.on_error = ErrorPolicy::kSkip}, [] { return std::make_unique<Ticking>(); })
        .to("out");
  });
  driver.feed<std::string, std::string>("in", "a:x@25 b:x@29 c:x@30 d:x@12 e:x@71 f:stop@200");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "stream:25@25 stream:30@30 stream:71@71");
  ASSERT_TRUE(driver.driver().advance_wall_clock(9ms).ok());
  ASSERT_TRUE(driver.driver().advance_wall_clock(1ms).ok());
  ASSERT_TRUE(driver.driver().advance_wall_clock(25ms).ok());
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "wall:10@10 wall:35@35");
  ASSERT_TRUE(driver.driver().advance_wall_clock(25ms).ok());
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

// Doubles values; may also forward with another time.
class Doubling final : public ValueProcessor<std::string, std::int64_t, std::int64_t> {
 public:
  void open(Context& context) override { context_ = &context; }
  void process(const Record<std::string, std::int64_t>& record) override {
    context_->forward(record.value * 2);
    context_->forward(record.value * 4, 99);
  }

 private:
  Context* context_ = nullptr;
};

TEST(ProcessValues, KeepsTheKeySoThatNothingIsRepartitioned) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto doubled = builder.stream<std::string, std::int64_t>("in").process_values(
        [] { return std::make_unique<Doubling>(); });
    doubled.to("out");
    static_cast<void>(doubled.group_by_key().count({.store = "counts"}));
  });
  driver.feed<std::string, std::int64_t>("in", "a:3@1");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:6@1 a:12@99");
  EXPECT_EQ(driver.description().find("repartition"), std::string::npos);
}

TEST(Process, FailsIfTheProcessorCannotBeMade) {
  StreamBuilder builder;
  builder.stream<std::string, std::string>("in").process(
      {.name = "broken"}, []() -> std::unique_ptr<Obedient> { throw std::runtime_error("no parts"); });
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok());
  const auto opened = TopologyDriver::create(*topology);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(std::string(opened.status().message()).find("no parts"), std::string::npos) << opened.status();
}

}  // namespace
}  // namespace weir
