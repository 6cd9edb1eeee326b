#include <weir/operators/windowed.h>

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include <weir/core/partitioner.h>
#include <weir/operators/map_values.h>
#include <weir/operators/sink.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

static_assert(Serde<Windowed<std::string>>::kFormat == "windowed-string");

TEST(WindowedSerde, WritesTheKeyAndTheStartAsKafkaDoes) {
  Bytes bytes;
  Serde<Windowed<std::string>>::encode({"A", {10, 20}}, bytes);
  EXPECT_EQ(bytes, Bytes("A\0\0\0\0\0\0\0\x0a", 9));
}

TEST(WindowedSerde, ReadsWhatItWroteButTheEnd) {
  Bytes bytes;
  Serde<Windowed<std::int64_t>>::encode({7, {10, 20}}, bytes);
  Windowed<std::int64_t> back;
  ASSERT_TRUE(Serde<Windowed<std::int64_t>>::decode(bytes, back).ok());
  EXPECT_EQ(back, (Windowed<std::int64_t>{7, {10, kUnknownEnd}}));
}

TEST(WindowedSerde, RefusesBytesThatAreNoWindow) {
  Windowed<std::string> out;
  EXPECT_FALSE(Serde<Windowed<std::string>>::decode("", out).ok());
  EXPECT_FALSE(Serde<Windowed<std::string>>::decode("1234567", out).ok());
  EXPECT_TRUE(Serde<Windowed<std::string>>::decode(Bytes(8, '\0'), out).ok());
  EXPECT_FALSE(Serde<Windowed<std::string>>::decode(Bytes(8, '\xff'), out).ok());  // starts before the epoch
  EXPECT_FALSE(RepartitionKey<Windowed<std::string>>::decode(Bytes(15, '\0'), out).ok());
  Windowed<std::int64_t> number;
  EXPECT_FALSE(Serde<Windowed<std::int64_t>>::decode(Bytes(12, '\0'), number).ok());
}

TEST(WindowedSource, IsToldHowLargeWindowsAre) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<Windowed<std::string>, std::int64_t>("in", {.window_size = 5ms})
        .map_values([](const Windowed<std::string>& key, std::int64_t) { return key.window.end; })
        .to("out");
    // Asked again, it knows.
    builder.stream<Windowed<std::string>, std::int64_t>("in")
        .map_values([](const Windowed<std::string>& key, std::int64_t) { return key.window.end; })
        .to("again");
  });
  ASSERT_TRUE(
      (driver.driver()
           .pipe<Windowed<std::string>, std::int64_t>("in", Windowed<std::string>{"a", {10, 0}}, 1, 12)
           .ok()));
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("out")), "a[10,?):15@12");
  EXPECT_EQ((driver.take<Windowed<std::string>, std::int64_t>("again")), "a[10,?):15@12");
}

// A task context of which only the way out works.
class Outbox final : public TaskContext {
 public:
  explicit Outbox(Partition partitions) : partitions_(partitions) {}

  const std::string& task_name() const override { return name_; }
  Partition partition() const override { return 0; }
  const std::string& application_id() const override { return name_; }
  const Clock& clock() const override { return system_clock(); }
  Timestamp stream_time() const override { return 0; }
  StateStore& store(const Node&, std::string_view) override { std::abort(); }
  Timestamp* persistent_time(const std::string&) override { std::abort(); }
  OutputTopic output(const std::string&) override { return {0, partitions_}; }
  void send(const OutgoingRecord& record) override { sent.push_back(record.partition); }
  void drop(DropReason) override {}
  void failed(const Node&, DropReason, const std::string&) override {}
  Cancellable schedule(Duration, TimerClock, std::function<void(Timestamp)>) override { std::abort(); }
  Cancellable schedule_from(Timestamp, Duration, TimerClock, std::function<void(Timestamp)>) override {
    std::abort();
  }
  const std::string& state_directory() const override { return name_; }
  void request_commit() override {}
  const Origin& origin() const override { return origin_; }

  std::vector<Partition> sent;

 private:
  const std::string name_ = "task";
  const Partition partitions_;
  const Origin origin_;
};

TEST(WindowedSink, SendsAllWindowsOfAKeyToThePartitionOfTheKey) {
  Outbox outbox(12);
  TopicSink<Windowed<std::string>, std::int64_t> sink(TopicName{"out", false});
  sink.settle("sink", ErrorPolicy::kFail, outbox);
  sink.open();
  const Origin origin;
  const std::int64_t value = 1;
  std::vector<Partition> expected;
  for (const std::string key : {"a", "b", "longer key", ""}) {
    for (const Timestamp start : {0, 10, 1000}) {
      const Windowed<std::string> windowed{key, {start, start + 10}};
      sink.accept({windowed, value, 0, kNoHeaders, origin, {}});
      expected.push_back(partition_for_key(key, 12));
    }
  }
  EXPECT_EQ(outbox.sent, expected);
}

TEST(WindowedSink, LeavesThePartitionOpenWhenTheCountIsNotKnown) {
  Outbox outbox(0);
  TopicSink<Windowed<std::string>, std::int64_t> sink(TopicName{"out", false});
  sink.settle("sink", ErrorPolicy::kFail, outbox);
  sink.open();
  const Origin origin;
  const std::int64_t value = 1;
  const Windowed<std::string> windowed{"a", {0, 10}};
  sink.accept({windowed, value, 0, kNoHeaders, origin, {}});
  EXPECT_EQ(outbox.sent, std::vector<Partition>{kAnyPartition});
}

}  // namespace
}  // namespace weir
