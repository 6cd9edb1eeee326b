#include <weir/operators/processor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/process.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Str = std::string;

// Does with each record what a function says, and at the beginning what another says.
class Scripted final : public Processor<Str, Str, Str, Str> {
 public:
  using Open = std::function<void(Context&)>;
  using Process = std::function<void(Context&, const Record<Str, Str>&)>;

  Scripted(Open open, Process process) : open_(std::move(open)), process_(std::move(process)) {}
  void open(Context& context) override {
    context_ = &context;
    if (open_) open_(context);
  }
  void process(const Record<Str, Str>& record) override {
    if (process_) process_(*context_, record);
  }

 private:
  const Open open_;
  const Process process_;
  Context* context_ = nullptr;
};

TextDriver scripted(Scripted::Open open, Scripted::Process process = {}, const DriverOptions& options = {}) {
  return TextDriver(
      [&](StreamBuilder& builder) {
        builder.stream<Str, Str>("in")
            .process({.name = "scripted"},
                     [open, process] { return std::make_unique<Scripted>(open, process); })
            .to("out");
      },
      options);
}

// ------------------------------------------------------------------------------------------------------------- timers

Scripted::Open ticking(std::optional<Timestamp> start, Duration interval, TimerClock clock) {
  return [=](Scripted::Context& context) {
    const auto tick = [&context](Timestamp now) { context.forward("tick", "", now); };
    static_cast<void>(start ? context.schedule(*start, interval, clock, tick)
                            : context.schedule(interval, clock, tick));
  };
}

TEST(ProcessorTimer, OfStreamTimeFiresAtMultiplesFromZeroOn) {
  TextDriver driver = scripted(ticking({}, 10ms, TimerClock::kStreamTime));
  driver.feed<Str, Str>("in", "a:x@25 b:x@29 c:x@30 d:x@12 e:x@71 f:x@79 g:x@80");
  EXPECT_EQ((driver.take<Str, Str>("out")), "tick:@25 tick:@30 tick:@71 tick:@80");
}

TEST(ProcessorTimer, OfStreamTimeCanBeAnchored) {
  TextDriver driver = scripted(ticking(15, 10ms, TimerClock::kStreamTime));
  driver.feed<Str, Str>("in", "b:x@14 c:x@15 d:x@24 e:x@47 f:x@54 g:x@55");
  EXPECT_EQ((driver.take<Str, Str>("out")), "tick:@15 tick:@47 tick:@55");
}

TEST(ProcessorTimer, OfTheWallClockCountsFromNowOn) {
  TextDriver driver = scripted(ticking({}, 10ms, TimerClock::kWallClock));
  for (const Duration step : {9ms, 1ms, 25ms, 5ms})
    ASSERT_TRUE(driver.driver().advance_wall_clock(step).ok());
  EXPECT_EQ((driver.take<Str, Str>("out")), "tick:@10 tick:@35 tick:@40");
}

TEST(ProcessorTimer, OfTheWallClockCanBeAnchoredAlsoInThePast) {
  TextDriver driver = scripted(ticking(7, 10ms, TimerClock::kWallClock), {}, {.wall_clock = 30});
  for (const Duration step : {6ms, 1ms, 9ms, 1ms}) ASSERT_TRUE(driver.driver().advance_wall_clock(step).ok());
  EXPECT_EQ((driver.take<Str, Str>("out")), "tick:@37 tick:@47");
  TextDriver later = scripted(ticking(30, 10ms, TimerClock::kWallClock), {}, {.wall_clock = 30});
  ASSERT_TRUE(later.driver().advance_wall_clock(0ms).ok());
  EXPECT_EQ((later.take<Str, Str>("out")), "tick:@30");
}

TEST(ProcessorTimer, CanBeCancelledByItself) {
  TextDriver driver = scripted([](Scripted::Context& context) {
    auto count = std::make_shared<int>(0);
    auto handle = std::make_shared<std::optional<Cancellable>>();
    *handle = context.schedule(10ms, TimerClock::kStreamTime, [&context, count, handle](Timestamp now) {
      context.forward("tick", "", now);
      if (++*count == 2) (*handle)->cancel();
    });
  });
  driver.feed<Str, Str>("in", "a:x@5 b:x@15 c:x@25 d:x@35");
  EXPECT_EQ((driver.take<Str, Str>("out")), "tick:@5 tick:@15");
}

TEST(ProcessorTimer, HasNoOriginAndNoRecord) {
  TextDriver driver = scripted([](Scripted::Context& context) {
    static_cast<void>(context.schedule(10ms, TimerClock::kStreamTime, [&context](Timestamp now) {
      context.forward(Str(context.origin().topic) + std::to_string(context.origin().offset), "", now);
      context.forward("no", "time");
    }));
  });
  const absl::Status status = driver.try_feed<Str, Str>("in", "a:x@5");
  EXPECT_NE(Str(status.message()).find("outside of a record"), Str::npos) << status;
}

// ----------------------------------------------------------------------------------------------------------- records

TEST(Processor, ChangesHeadersAndTime) {
  TextDriver driver = scripted({}, [](Scripted::Context& context, const Record<Str, Str>& record) {
    Headers headers = record.headers;
    headers.add("by", "me");
    context.forward(record.with_headers(headers).with_timestamp(record.timestamp + 1000));
    headers.remove("h");
    context.forward(record.key, "without", record.timestamp, headers);
    const Header* last = record.headers.last("h");
    context.forward(record.with_value(last != nullptr ? *last->value : Str("none")));
  });
  ASSERT_TRUE((driver.driver().pipe<Str, Str>("in", "a", "x", 5, {{"h", "1"}, {"h", "2"}}).ok()));
  const auto outputs = driver.driver().read<Str, Str>("out");
  ASSERT_EQ(outputs.size(), 3U);
  EXPECT_EQ(outputs[0], (OutputRecord<Str, Str>{"a", "x", 1005, {{"h", "1"}, {"h", "2"}, {"by", "me"}}}));
  EXPECT_EQ(outputs[1], (OutputRecord<Str, Str>{"a", "without", 5, {{"by", "me"}}}));
  EXPECT_EQ(outputs[2], (OutputRecord<Str, Str>{"a", "2", 5, {{"h", "1"}, {"h", "2"}}}));
}

TEST(Processor, KnowsWhereItIs) {
  std::vector<Str> seen;
  const auto look = [&seen](Scripted::Context& context, const Record<Str, Str>&) {
    seen.push_back(context.application_id() + " " + context.task_name() + " " +
                   std::to_string(context.partition()) + " " + Str(context.origin().topic) + "/" +
                   std::to_string(context.origin().partition) + "/" +
                   std::to_string(context.origin().offset) + " " + std::to_string(context.stream_time()) +
                   " " + std::to_string(context.wall_time()) + " [" + context.state_directory() + "]");
    context.request_commit();
  };
  TextDriver driver = scripted({}, look, {.application_id = "app", .wall_clock = 70});
  driver.feed<Str, Str>("in", "a:x@9 a:x@5");
  EXPECT_EQ(seen, (std::vector<Str>{"app 0_0 0 in/0/0 9 70 []", "app 0_0 0 in/0/1 9 70 []"}));
}

TEST(Processor, CannotForwardANegativeTime) {
  TextDriver driver = scripted({}, [](Scripted::Context& context, const Record<Str, Str>& record) {
    context.forward(record.with_timestamp(-1));
  });
  const absl::Status status = driver.try_feed<Str, Str>("in", "a:x@5");
  EXPECT_NE(Str(status.message()).find("timestamp -1"), Str::npos) << status;
}

// Forwards the value twice, and to one child by name.
class Twice final : public ValueProcessor<Str, Str, Str> {
 public:
  void open(Context& context) override { context_ = &context; }
  void process(const Record<Str, Str>& record) override {
    context_->forward(record.value, 99);
    context_->forward(record.value);
    context_->forward_to("named", "!", 7, kNoHeaders);
  }

 private:
  Context* context_ = nullptr;
};

TEST(ValueProcessor, MayChangeTheTimeAndNameAChild) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto twice =
        builder.stream<Str, Str>("in").process_values([] { return std::make_unique<Twice>(); });
    twice.to("out");
    twice.to("other", {.name = "named"});
  });
  driver.feed<Str, Str>("in", "a:x@1");
  EXPECT_EQ((driver.take<Str, Str>("out")), "a:x@99 a:x@1");
  EXPECT_EQ((driver.take<Str, Str>("other")), "a:x@99 a:x@1 a:!@7");
}

// ------------------------------------------------------------------------------------------------------------ stores

class Totals final : public Processor<Str, Str, Str, std::int64_t> {
 public:
  explicit Totals(Str store) : name_(std::move(store)) {}
  void open(Context& context) override {
    context_ = &context;
    totals_ = &context.store<KeyValueStore<Str, std::int64_t>>(name_);
  }
  void process(const Record<Str, Str>& record) override {
    const auto* known = totals_->find(record.key);
    const auto total = (known != nullptr ? known->value : 0) + static_cast<std::int64_t>(record.value.size());
    totals_->put(record.key, total, record.timestamp);
    context_->forward(record.key, total);
  }

 private:
  const Str name_;
  Context* context_ = nullptr;
  KeyValueStore<Str, std::int64_t>* totals_ = nullptr;
};

// A factory with a store of its own.
struct MakeTotals {
  std::unique_ptr<Totals> operator()() const { return std::make_unique<Totals>(name); }
  std::vector<StoreSpec> stores() const { return {key_value_store_spec<Str, std::int64_t>(name)}; }
  Str name;
};

TEST(Processor, MayBringItsStores) {
  TextDriver driver(
      [](StreamBuilder& builder) { builder.stream<Str, Str>("in").process(MakeTotals{"own"}).to("out"); });
  driver.feed<Str, Str>("in", "a:xx@1 a:y@2");
  EXPECT_EQ((driver.take<Str, std::int64_t>("out")), "a:2@1 a:3@2");
  EXPECT_NE((driver.driver().store_as<KeyValueStore<Str, std::int64_t>>("own")), nullptr);
}

TEST(Processor, SharesAStoreThatAnotherBrings) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto in = builder.stream<Str, Str>("in");
    in.process(MakeTotals{"own"}).to("one");
    in.process(MakeTotals{"own"}).to("two");
  });
  driver.feed<Str, Str>("in", "a:xx@1");
  EXPECT_EQ((driver.take<Str, std::int64_t>("one")), "a:2@1");
  EXPECT_EQ((driver.take<Str, std::int64_t>("two")), "a:4@1");

  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.key_value_store<Str, Str>("own");
    builder.stream<Str, Str>("in").process(MakeTotals{"own"}).to("out");
  });
  EXPECT_NE(problems.find("two stores are called 'own'"), std::string::npos) << problems;
}

}  // namespace
}  // namespace weir
