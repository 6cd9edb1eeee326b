#include <weir/core/task.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <weir/core/serde.h>
#include <weir/core/testing/capturing_producer.h>

#include "list_reader.h"
#include "map_engine.h"
#include "text_nodes.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using test::ListPartition;
using test::ListReader;
using test::map_store;
using test::MapEngine;
using test::MapStore;
using test::TextBuilder;
using test::TextNode;
using test::TextRecord;

std::source_location here(std::source_location where = std::source_location::current()) { return where; }

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

class SetBackClock final : public Clock {
 public:
  [[nodiscard]] Timestamp wall() const override { return now; }
  [[nodiscard]] Duration steady() const override { return Duration{0}; }
  Timestamp now = 0;
};

// A task with partitions, a clock and a producer that a test commands.
class TaskTest : public testing::Test {
 protected:
  TaskTest() {
    environment_.application_id = "app";
    environment_.clock = &clock_;
    environment_.producer = &producer_;
    environment_.partitions = &partition_counts_;
    environment_.log = [this](LogLevel, std::string_view line) { log_.emplace_back(line); };
  }

  // Writes down what reaches a node.
  TextNode::Accept note() {
    return [this](TextNode&, const TextRecord& record) {
      seen_.push_back(fmt::format("{}:{}@{}", record.key, record.value, record.timestamp));
    };
  }
  std::string seen() {
    const std::string text = fmt::format("{}", fmt::join(seen_, " "));
    seen_.clear();
    return text;
  }

  ListPartition& partition(const std::string& topic) {
    auto& partition = partitions_[topic];
    if (partition == nullptr) partition = std::make_shared<ListPartition>();
    return *partition;
  }

  // Makes the task of everything in text_, on a store that goes on from the last one's disk.
  void make_task() {
    auto topology = text_.builder.build();
    ASSERT_TRUE(topology.ok()) << topology.status();
    task_.reset();
    topology_ = *std::move(topology);
    std::unique_ptr<TaskStore> store;
    if (!topology_.stores.empty()) {
      auto opened = topology_.engine->open({.directory = "disk"}, topology_.stores);
      ASSERT_TRUE(opened.ok()) << opened.status();
      store = *std::move(opened);
    }
    std::vector<NodeIndex> nodes(topology_.nodes.size());
    for (NodeIndex i = 0; i < nodes.size(); ++i) nodes[i] = i;
    task_ = std::make_unique<Task>(TaskId{0, 2}, topology_, nodes, environment_, std::move(store));
  }

  std::vector<Task::Input> inputs() {
    std::vector<Task::Input> result;
    for (const NodeSpec& node : topology_.nodes) {
      if (node.kind != NodeKind::kSource) continue;
      for (const TopicName& topic : node.topics) {
        const TopicPartition where{topic.on_broker("app"), 2};
        partition(where.topic);
        result.push_back({where, std::make_unique<ListReader>(where, partitions_[where.topic]),
                          partition(where.topic).position});
      }
    }
    return result;
  }

  void start() {
    make_task();
    const absl::Status opened = task_->open(inputs());
    ASSERT_TRUE(opened.ok()) << opened;
    task_->fill({100});
  }

  // Processes until the task has nothing it may process. Returns how many there were.
  int work() {
    task_->fill({100});
    for (int processed = 0;; ++processed) {
      const auto more = task_->process_next();
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) return processed;
    }
  }

  absl::Status first_failure() {
    task_->fill({100});
    for (;;) {
      const auto more = task_->process_next();
      if (!more.ok()) return more.status();
      if (!*more) return absl::OkStatus();
    }
  }

  void commit() {
    const absl::Status prepared = task_->prepare_commit();
    ASSERT_TRUE(prepared.ok()) << prepared;
    const absl::Status applied = task_->apply();
    ASSERT_TRUE(applied.ok()) << applied;
  }

  Offset position(const std::string& topic) {
    for (const PartitionOffset& position : task_->positions()) {
      if (position.where == TopicPartition{topic, 2}) return position.offset;
    }
    return kNoOffset;
  }

  std::uint64_t dropped(DropReason reason) {
    return task_->counters().dropped[static_cast<std::size_t>(reason)];
  }

  TextBuilder text_;
  std::shared_ptr<MapEngine> engine_ = std::make_shared<MapEngine>();
  ManualClock clock_{1000};
  CapturingProducer producer_;
  std::map<std::string, Partition> partition_counts_;
  TaskEnvironment environment_;
  std::map<std::string, std::shared_ptr<ListPartition>> partitions_;
  Topology topology_;
  std::unique_ptr<Task> task_;
  std::vector<std::string> seen_;
  std::vector<std::string> log_;
};

// ------------------------------------------------------------------------------------------------ choosing

TEST_F(TaskTest, TakesTheHeadWithTheLowestTimestampOverPartitions) {
  text_.node("note", {text_.source("a", {{"a"}}), text_.source("b", {{"b"}})}, note());
  for (const Timestamp time : {1, 5, 3}) partition("a").add("a", "x", time);
  for (const Timestamp time : {2, 4, 6}) partition("b").add("b", "x", time);
  start();
  EXPECT_EQ(work(), 6);
  // Within a partition the order of offsets holds: a@3 waits behind a@5.
  EXPECT_EQ(seen(), "a:x@1 b:x@2 b:x@4 a:x@5 a:x@3 b:x@6");
  EXPECT_EQ(task_->stream_time(), 6);
  EXPECT_EQ(task_->counters().processed, 6u);
}

TEST_F(TaskTest, GivesRecordsToChildrenInTheOrderOfTheirAddingDepthFirst) {
  const NodeIndex in = text_.source("in", {{"in"}});
  const auto tagged = [](const std::string& tag) {
    return
        [tag](TextNode& self, const TextRecord& record) { self.emit(record.with_value(record.value + tag)); };
  };
  const NodeIndex first = text_.node("first", {in}, tagged("1"));
  const NodeIndex second = text_.node("second", {in}, tagged("2"));
  text_.node("second-child", {second}, note());
  const NodeIndex deeper = text_.node("deeper", {first}, tagged("+"));
  text_.node("deepest", {deeper, in}, note());
  partition("in").add("k", "v", 1);
  start();
  work();
  EXPECT_EQ(seen(), "k:v1+@1 k:v2@1 k:v@1");
}

TEST_F(TaskTest, WaitsForAPartitionThatTheBrokerHasNotAnsweredFor) {
  text_.node("note", {text_.source("a", {{"a"}}), text_.source("b", {{"b"}})}, note());
  partition("a").add("a", "x", 5);
  start();
  EXPECT_EQ(work(), 0);
  clock_.advance(1h);
  EXPECT_EQ(work(), 0);
  partition("b").known_end = 0;
  EXPECT_EQ(work(), 1);
}

TEST_F(TaskTest, WaitsForAPartitionThatIsKnownToHaveMore) {
  text_.node("note", {text_.source("a", {{"a"}}), text_.source("b", {{"b"}})}, note());
  partition("a").add("a", "x", 5);
  partition("b").known_end = 1;  // it was announced, and comes later
  start();
  EXPECT_EQ(partition("b").position, 1);
  partition("b").position = 0;
  ASSERT_FALSE(*task_->process_next());
  partition("b").add("b", "x", 4);
  EXPECT_EQ(work(), 2);
  EXPECT_EQ(seen(), "b:x@4 a:x@5");
}

TEST_F(TaskTest, WaitsForNothingIfToldSo) {
  environment_.max_task_idle = -1ms;
  text_.node("note", {text_.source("a", {{"a"}}), text_.source("b", {{"b"}})}, note());
  partition("a").add("a", "x", 5);
  start();
  EXPECT_EQ(work(), 1);
}

TEST_F(TaskTest, WaitsAsLongAsToldForAnEmptyPartition) {
  environment_.max_task_idle = 100ms;
  text_.node("note", {text_.source("a", {{"a"}}), text_.source("b", {{"b"}})}, note());
  partition("b").known_end = 0;
  partition("a").add("a", "x", 5);
  start();
  EXPECT_EQ(work(), 0);
  clock_.advance(99ms);
  EXPECT_EQ(work(), 0);
  clock_.advance(1ms);
  EXPECT_EQ(work(), 1);
  // It has been waited for; until it delivers again there is no new wait.
  partition("a").add("a", "y", 6);
  EXPECT_EQ(work(), 1);
  EXPECT_EQ(seen(), "a:x@5 a:y@6");
  // A delivery starts the wait anew.
  partition("b").add("b", "x", 7);
  partition("a").add("a", "z", 8);
  EXPECT_EQ(work(), 1);
  EXPECT_EQ(seen(), "b:x@7");
  clock_.advance(100ms);
  EXPECT_EQ(work(), 1);
}

TEST_F(TaskTest, CountsTheIdleTimeFromWhenThePartitionWasCaughtUp) {
  environment_.max_task_idle = 100ms;
  text_.node("note", {text_.source("a", {{"a"}}), text_.source("b", {{"b"}})}, note());
  partition("b").known_end = 0;
  partition("a").add("a", "x", 5);
  start();
  EXPECT_EQ(work(), 0);
  clock_.advance(99ms);
  partition("b").known_end = 1;
  ASSERT_FALSE(*task_->process_next());  // the broker has something after all: wait for that
  clock_.advance(1s);
  ASSERT_FALSE(*task_->process_next());
  partition("b").position = 1;  // it was a control record
  ASSERT_FALSE(*task_->process_next());
  clock_.advance(99ms);
  ASSERT_FALSE(*task_->process_next());
  clock_.advance(1ms);
  EXPECT_TRUE(*task_->process_next());
}

TEST_F(TaskTest, WithOneInputWaitsForNothing) {
  environment_.max_task_idle = 1h;
  text_.node("note", {text_.source("a", {{"a"}})}, note());
  partition("a").add("a", "x", 5);
  start();
  EXPECT_EQ(work(), 1);
}

TEST_F(TaskTest, ReadsNoMoreThanItMayBuffer) {
  text_.node("note", {text_.source("a", {{"a"}}), text_.source("b", {{"b"}})}, note());
  for (int i = 0; i < 10; ++i) partition("a").add("a", "x", i);
  partition("b").add("b", "x", 1);
  make_task();
  ASSERT_TRUE(task_->open(inputs()).ok());
  EXPECT_EQ(task_->fill({4}), 5u);
  EXPECT_EQ(task_->buffered_records(), 5u);
  EXPECT_EQ(task_->lag(), 11u);
  EXPECT_EQ(task_->fill({4}), 0u);
}

// ------------------------------------------------------------------------------------------------ positions

TEST_F(TaskTest, NotesThePositionAlsoOfRecordsThatNodesDrop) {
  text_.node("drop", {text_.source("in", {{"in"}})},
             [](TextNode& self, const TextRecord&) { self.context().drop(DropReason::kNullValue); });
  partition("in").add("a", "x", 1);
  partition("in").add("a", "y", 2);
  start();
  EXPECT_EQ(position("in"), 0);
  EXPECT_FALSE(task_->dirty());
  ASSERT_TRUE(*task_->process_next());
  EXPECT_EQ(position("in"), 1);
  EXPECT_TRUE(task_->dirty());
  EXPECT_EQ(dropped(DropReason::kNullValue), 1u);
}

TEST_F(TaskTest, DropsRecordsWithoutATimeAndMovesThePositionOn) {
  text_.node("note", {text_.source("in", {{"in"}})}, note());
  partition("in").add("a", "x", -1);
  partition("in").add("a", "y", -7);
  partition("in").add("a", "z", 4);
  start();
  EXPECT_EQ(work(), 1);
  EXPECT_EQ(seen(), "a:z@4");
  EXPECT_EQ(dropped(DropReason::kBadTimestamp), 2u);
  EXPECT_EQ(task_->counters().dropped_total(), 2u);
  EXPECT_EQ(position("in"), 3);
}

TEST_F(TaskTest, CommitsThePositionOfRecordsWithoutATimeEvenIfNoOtherCame) {
  text_.node("note", {text_.source("in", {{"in"}})}, note());
  partition("in").add("a", "x", -1);
  start();
  EXPECT_EQ(work(), 0);
  EXPECT_EQ(position("in"), 1);
  EXPECT_TRUE(task_->dirty());
  EXPECT_EQ(task_->stream_time(), kNoTimestamp);
}

TEST_F(TaskTest, PassesControlRecordsOnceAllBeforeThemAreProcessed) {
  text_.node("note", {text_.source("in", {{"in"}})}, note());
  partition("in").add("a", "x", 1);
  partition("in").add("a", "y", 2);
  partition("in").add_control();
  start();
  EXPECT_EQ(position("in"), 0);
  ASSERT_TRUE(*task_->process_next());
  EXPECT_EQ(position("in"), 1);
  ASSERT_TRUE(*task_->process_next());
  EXPECT_EQ(position("in"), 3);
  partition("in").add_control();
  task_->fill({100});
  EXPECT_EQ(position("in"), 4);
  // What comes then does not make it go back: that position may be committed.
  partition("in").add("a", "z", 3);
  task_->fill({100});
  EXPECT_EQ(position("in"), 4);
  ASSERT_TRUE(*task_->process_next());
  EXPECT_EQ(position("in"), 5);
}

TEST_F(TaskTest, KeepsTheGivenPositionUntilSomethingIsRead) {
  text_.node("note", {text_.source("in", {{"in"}})}, note());
  make_task();
  std::vector<Task::Input> inputs;
  inputs.push_back({{"in", 2}, nullptr, 41});
  ASSERT_TRUE(task_->open(std::move(inputs)).ok());
  EXPECT_EQ(position("in"), 41);
  task_->add({"in", 2}, to_raw({.key = "a", .value = "x", .timestamp = 1, .offset = 45}));
  EXPECT_EQ(work(), 1);
  EXPECT_EQ(position("in"), 46);
}

TEST_F(TaskTest, RefusesAnInputThatNoSourceReads) {
  text_.node("note", {text_.source("in", {{"in"}})}, note());
  make_task();
  std::vector<Task::Input> inputs;
  inputs.push_back({{"other", 2}, nullptr, 0});
  const absl::Status status = task_->open(std::move(inputs));
  EXPECT_HAS(message_of(status), "task 0_2 has no source for the topic 'other'");
}

// ------------------------------------------------------------------------------------------------ failures

// Fails at values that say so, by throwing as user code does.
TextNode::Accept throwing() {
  return [](TextNode& self, const TextRecord& record) {
    const bool well = self.guarded([&] {
      if (record.value == "bad") throw std::runtime_error("cannot digest this");
    });
    if (well) self.emit(record);
  };
}

TEST_F(TaskTest, FailsAtABadRecordWhenThatIsThePolicy) {
  text_.node("note", {text_.node("digest", {text_.source("in", {{"in"}})}, throwing())}, note());
  partition("in").add("a", "x", 1);
  partition("in").add("a", "bad", 2);
  partition("in").add("a", "y", 3);
  start();
  const absl::Status status = first_failure();
  EXPECT_EQ(message_of(status),
            "failed at node 'digest': topic=in partition=2 offset=1 task=0_2: cannot digest this");
  EXPECT_EQ(class_of(status), ErrorClass::kFatal);
  EXPECT_EQ(seen(), "a:x@1");
  // The record that failed is the one to go on with, and it fails again.
  EXPECT_EQ(position("in"), 1);
  EXPECT_EQ(first_failure(), status);
  EXPECT_EQ(task_->counters().processed, 1u);
  EXPECT_EQ(task_->counters().dropped_total(), 0u);
}

TEST_F(TaskTest, SkipsABadRecordAtTheNodeThatFailed) {
  environment_.on_error = ErrorPolicy::kSkip;
  const NodeIndex in = text_.source("in", {{"in"}});
  text_.node("before", {in}, note());
  text_.node("after", {text_.node("digest", {in}, throwing())}, note());
  partition("in").add("a", "bad", 2);
  partition("in").add("a", "y", 3);
  start();
  EXPECT_EQ(work(), 2);
  // What a sibling did with it stays done.
  EXPECT_EQ(seen(), "a:bad@2 a:y@3 a:y@3");
  EXPECT_EQ(dropped(DropReason::kFailed), 1u);
  EXPECT_EQ(task_->counters().dead_letters, 0u);
  EXPECT_EQ(position("in"), 2);
}

TEST_F(TaskTest, TheNodesPolicyGoesBeforeTheApplications) {
  environment_.on_error = ErrorPolicy::kSkip;
  text_.node("digest", {text_.source("in", {{"in"}})}, throwing(), {}, {}, ErrorPolicy::kFail);
  partition("in").add("a", "bad", 2);
  start();
  EXPECT_HAS(message_of(first_failure()), "failed at node 'digest'");
}

TEST_F(TaskTest, LogsSkippedRecordsAtPowersOfTwo) {
  environment_.on_error = ErrorPolicy::kSkip;
  text_.node("digest", {text_.source("in", {{"in"}})}, throwing());
  for (int i = 0; i < 20; ++i) partition("in").add("a", "bad", i);
  start();
  EXPECT_EQ(work(), 20);
  ASSERT_EQ(log_.size(), 5u);  // 1, 2, 4, 8, 16
  EXPECT_HAS(log_[4], "offset=15 task=0_2: cannot digest this (16 so far)");
}

TEST_F(TaskTest, SendsABadRecordAsideWithItsBytesAndTheReason) {
  environment_.on_error = ErrorPolicy::kDeadLetter;
  environment_.dead_letter_topic = "aside";
  text_.node("note", {text_.node("digest", {text_.source("in", {{"in"}})}, throwing())}, note());
  partition("in").add("a", "bad", 2, {{"h", "1"}});
  partition("in").add("a", "y", 3);
  start();
  EXPECT_EQ(work(), 2);
  EXPECT_EQ(seen(), "a:y@3");
  const auto sent = producer_.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(producer_.name_of(sent[0].topic), "aside");
  EXPECT_EQ(sent[0].record,
            (OwnedRecord{.key = "a",
                         .value = "bad",
                         .timestamp = 2,
                         .headers = {{"h", "1"},
                                     {"__streams.errors.exception", "failed"},
                                     {"__streams.errors.message", "cannot digest this"},
                                     {"__streams.errors.stacktrace", "at node 'digest' of task 0_2"},
                                     {"__streams.errors.topic", "in"},
                                     {"__streams.errors.partition", "2"},
                                     {"__streams.errors.offset", "0"}},
                         .offset = 0}));
  EXPECT_EQ(task_->counters().dead_letters, 1u);
  EXPECT_EQ(dropped(DropReason::kFailed), 1u);
}

TEST_F(TaskTest, SendsAnUndecodableRecordAsideWithItsNull) {
  text_.source("in", {{"in"}}, ErrorPolicy::kDeadLetter);
  environment_.dead_letter_topic = "aside";
  start();
  partition("in").records.push_back(
      {.key = std::nullopt, .value = std::nullopt, .timestamp = 2, .offset = 0});
  EXPECT_EQ(work(), 1);
  EXPECT_EQ(dropped(DropReason::kUndecodable), 1u);
  const auto sent = producer_.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_FALSE(sent[0].record.key.has_value());
  EXPECT_FALSE(sent[0].record.value.has_value());
}

TEST_F(TaskTest, FailsIfThereIsNowhereToSendBadRecords) {
  environment_.on_error = ErrorPolicy::kDeadLetter;
  text_.node("digest", {text_.source("in", {{"in"}})}, throwing());
  partition("in").add("a", "bad", 2);
  start();
  EXPECT_HAS(message_of(first_failure()), "the application has no dead-letter topic: cannot digest this");
}

TEST_F(TaskTest, SendsAsideWhatFailedInATimerWithoutAnOrigin) {
  environment_.on_error = ErrorPolicy::kDeadLetter;
  environment_.dead_letter_topic = "aside";
  text_.node(
      "tick", {text_.source("in", {{"in"}})}, [](TextNode&, const TextRecord&) {},
      [](TextNode& self) {
        self.context().schedule(10ms, TimerClock::kWallClock, [&self](Timestamp) {
          EXPECT_FALSE(self.guarded([] { throw std::runtime_error("late for tea"); }));
        });
      });
  partition("in").add("a", "x", 1);
  start();
  work();
  clock_.advance(10ms);
  ASSERT_TRUE(task_->fire_wall_timers().ok());
  const auto sent = producer_.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_FALSE(sent[0].record.key.has_value());
  EXPECT_EQ(sent[0].record.timestamp, 1010);
  EXPECT_EQ(sent[0].record.headers.last("__streams.errors.topic")->value, "");
}

TEST_F(TaskTest, FailsInAllPoliciesWhenExceptionsPassTheNodesDoor) {
  environment_.on_error = ErrorPolicy::kSkip;
  text_.node("rude", {text_.source("in", {{"in"}})},
             [](TextNode&, const TextRecord&) { throw std::runtime_error("not guarded"); });
  partition("in").add("a", "x", 2);
  start();
  EXPECT_EQ(message_of(first_failure()), "task 0_2: exception: not guarded");
}

TEST_F(TaskTest, ReportsAFactoryThatThrows) {
  text_.builder.add_processor(
      "stillborn", {text_.source("in", {{"in"}})}, {}, ErrorPolicy::kInherit,
      []() -> std::unique_ptr<Node> { throw std::runtime_error("no such model"); }, here());
  make_task();
  EXPECT_HAS(message_of(task_->open(inputs())), "no such model");
}

TEST_F(TaskTest, ReportsASourceThatIsNone) {
  text_.builder.add_source(
      "in", {{"in"}}, ErrorPolicy::kInherit,
      [] { return std::make_unique<TextNode>([](TextNode&, const TextRecord&) {}); }, here());
  make_task();
  EXPECT_HAS(message_of(task_->open({})), "source 'in' makes no source node");
}

// A source whose extractor gives up.
class TimelessSource final : public Emitter<std::string, std::string>, public SourceNode {
 public:
  void accept(const RawRecord&, Timestamp, const Headers&, const Origin&) override {}
  Timestamp timestamp_of(const RawRecord&, Timestamp, const Origin&) override {
    context().failed(*this, DropReason::kBadTimestamp, "no time in it");
    return kNoTimestamp;
  }
};

TEST_F(TaskTest, ReportsAnExtractorThatFails) {
  const NodeIndex in = text_.builder.add_source(
      "in", {{"in"}}, ErrorPolicy::kInherit, [] { return std::make_unique<TimelessSource>(); }, here());
  text_.node(
      "tick", {in}, [](TextNode&, const TextRecord&) {},
      [](TextNode& self) {
        self.context().schedule(1ms, TimerClock::kWallClock, [&self](Timestamp) {
          self.context().failed(self, DropReason::kFailed, "in a timer");
        });
      });
  partition("in").add("a", "x", 2);
  start();
  EXPECT_EQ(message_of(first_failure()),
            "bad timestamp at node 'in': topic=in partition=2 offset=0 task=0_2: no time in it");
  // What fails afterwards is not taken for that record.
  clock_.advance(1ms);
  EXPECT_EQ(message_of(task_->fire_wall_timers()),
            "failed at node 'tick': topic= partition=-1 offset=-1 task=0_2: in a timer");
}

// A failed record must not be looked at any more once the buffers are gone.
TEST_F(TaskTest, ForgetsTheFailedRecordWhenItRewinds) {
  environment_.dead_letter_topic = "aside";
  bool fail = true;
  text_.node("digest", {text_.source("in", {{"in"}})}, [&fail](TextNode& self, const TextRecord&) {
    if (fail) self.context().failed(self, DropReason::kFailed, "once");
  });
  partition("in").add("a", std::string(100, 'x'), 2, {{"h", "1"}});
  start();
  ASSERT_FALSE(first_failure().ok());
  task_->rewind();
  EXPECT_FALSE(partition("in").reader_is_alive);
  ASSERT_TRUE(task_->fire_wall_timers().ok());
  partition("in") = {};
  partition("in").add("a", "again", 2);
  fail = false;
  ASSERT_TRUE(task_->open(inputs()).ok());
  EXPECT_EQ(work(), 1);
}

// ------------------------------------------------------------------------------------------------ timers

// A node with a timer that notes when it fires.
TextNode::Open timer(std::vector<Timestamp>& fired, Duration interval, TimerClock clock) {
  return [&fired, interval, clock](TextNode& self) {
    self.context().schedule(interval, clock, [&fired](Timestamp now) { fired.push_back(now); });
  };
}

constexpr auto kIgnore = [](TextNode&, const TextRecord&) {};

TEST_F(TaskTest, FiresStreamTimeTimersAsKafkaStreamsDoes) {
  std::vector<Timestamp> fired;
  text_.node("tick", {text_.source("in", {{"in"}})}, kIgnore, timer(fired, 10ms, TimerClock::kStreamTime));
  start();
  const std::vector<std::pair<Timestamp, std::vector<Timestamp>>> steps{
      {25, {25}}, {29, {}}, {30, {30}}, {12, {}}, {71, {71}}, {79, {}}, {80, {80}}};
  for (const auto& [time, expected] : steps) {
    fired.clear();
    partition("in").add("k", "v", time);
    EXPECT_EQ(work(), 1);
    EXPECT_EQ(fired, expected) << "at " << time;
  }
}

TEST_F(TaskTest, GoesOnFiringWhenTheWallClockIsSetBack) {
  std::vector<Timestamp> fired;
  text_.node("tick", {text_.source("in", {{"in"}})}, kIgnore, timer(fired, 10ms, TimerClock::kWallClock));
  SetBackClock wall;
  environment_.clock = &wall;
  wall.now = 1'000;
  start();
  for (const Timestamp now : {1'009, 1'010, 205, 210, 219, 220}) {
    wall.now = now;
    ASSERT_TRUE(task_->fire_wall_timers().ok());
  }
  EXPECT_EQ(fired, (std::vector<Timestamp>{1'010, 210, 220}));
}

TEST_F(TaskTest, FiresWallClockTimersAsKafkaStreamsDoes) {
  clock_ = ManualClock(0);
  std::vector<Timestamp> fired;
  text_.node("tick", {text_.source("in", {{"in"}})}, kIgnore, timer(fired, 10ms, TimerClock::kWallClock));
  start();
  const std::vector<std::pair<Duration, std::vector<Timestamp>>> steps{
      {9ms, {}}, {1ms, {10}}, {25ms, {35}}, {5ms, {40}}};
  for (const auto& [by, expected] : steps) {
    fired.clear();
    clock_.advance(by);
    ASSERT_TRUE(task_->fire_wall_timers().ok());
    EXPECT_EQ(fired, expected) << "at " << clock_.wall();
  }
}

TEST_F(TaskTest, FiresTheFirstStreamTimeTimerWithTheFirstRecordWhateverItsTime) {
  std::vector<Timestamp> fired;
  text_.node("tick", {text_.source("in", {{"in"}})}, kIgnore, timer(fired, 1h, TimerClock::kStreamTime));
  partition("in").add("k", "v", 0);
  partition("in").add("k", "v", 1);
  start();
  ASSERT_TRUE(task_->fire_wall_timers().ok());
  work();
  EXPECT_EQ(fired, std::vector<Timestamp>{0});
}

TEST_F(TaskTest, FiresDueTimersByDueTimeThenByOrderOfScheduling) {
  std::vector<std::string> fired;
  text_.node("tick", {text_.source("in", {{"in"}})}, kIgnore, [&fired](TextNode& self) {
    for (const auto& [name, interval] :
         {std::pair{"slow", 30ms}, {"quick", 10ms}, {"quick-too", 10ms}, {"middle", 20ms}}) {
      self.context().schedule(interval, TimerClock::kWallClock,
                              [&fired, name = std::string(name)](Timestamp) { fired.push_back(name); });
    }
  });
  start();
  clock_.advance(30ms);
  ASSERT_TRUE(task_->fire_wall_timers().ok());
  EXPECT_EQ(fired, (std::vector<std::string>{"quick", "quick-too", "middle", "slow"}));
}

TEST_F(TaskTest, ATimerMayCancelItselfOrAnother) {
  std::vector<std::string> fired;
  std::optional<Cancellable> first;
  std::optional<Cancellable> second;
  text_.node("tick", {text_.source("in", {{"in"}})}, kIgnore, [&](TextNode& self) {
    first = self.context().schedule(10ms, TimerClock::kWallClock, [&](Timestamp) {
      fired.push_back("first");
      first->cancel();
      second->cancel();
    });
    second =
        self.context().schedule(10ms, TimerClock::kWallClock, [&](Timestamp) { fired.push_back("second"); });
  });
  start();
  for (int i = 0; i < 3; ++i) {
    clock_.advance(10ms);
    ASSERT_TRUE(task_->fire_wall_timers().ok());
  }
  EXPECT_EQ(fired, std::vector<std::string>{"first"});
}

// Each firing schedules the next timer, which is due at once: it waits for the next record all the same.
TEST_F(TaskTest, ATimerThatReplacesItselfFiresOnceARecord) {
  int fired = 0;
  TextNode* node = nullptr;
  std::function<void()> schedule = [&] {
    const auto handle = std::make_shared<std::optional<Cancellable>>();
    *handle = node->context().schedule(5ms, TimerClock::kStreamTime, [&, handle](Timestamp) {
      ++fired;
      (*handle)->cancel();
      schedule();
    });
  };
  text_.node("tick", {text_.source("in", {{"in"}})}, kIgnore, [&](TextNode& self) {
    node = &self;
    schedule();
  });
  start();
  for (int i = 1; i <= 3; ++i) {
    partition("in").add("k", "v", 100);
    EXPECT_EQ(work(), 1);
    EXPECT_EQ(fired, i);
  }
}

TEST_F(TaskTest, ATimerScheduledWhileProcessingFiresAfterThatRecord) {
  std::vector<Timestamp> fired;
  text_.node("tick", {text_.source("in", {{"in"}})}, [&](TextNode& self, const TextRecord& record) {
    if (record.value == "start") {
      self.context().schedule(10ms, TimerClock::kStreamTime, [&](Timestamp now) { fired.push_back(now); });
    }
  });
  partition("in").add("k", "v", 5);
  partition("in").add("k", "start", 7);
  start();
  work();
  EXPECT_EQ(fired, std::vector<Timestamp>{7});
}

TEST_F(TaskTest, WhatATimerEmitsHasNoOrigin) {
  std::string origin;
  const NodeIndex tick = text_.node("tick", {text_.source("in", {{"in"}})}, kIgnore, [](TextNode& self) {
    self.context().schedule(1ms, TimerClock::kStreamTime,
                            [&self](Timestamp now) { self.emit_text("t", "t", now); });
  });
  text_.node("look", {tick}, [&](TextNode&, const TextRecord& record) {
    origin = fmt::format("'{}' {} {}", record.origin.topic, record.origin.partition, record.origin.offset);
  });
  partition("in").add("k", "v", 5);
  start();
  work();
  EXPECT_EQ(origin, "'' -1 -1");
}

TEST_F(TaskTest, RefusesAnIntervalBelowAMillisecond) {
  text_.node("tick", {text_.source("in", {{"in"}})}, kIgnore,
             [](TextNode& self) { self.context().schedule(0ms, TimerClock::kWallClock, [](Timestamp) {}); });
  make_task();
  EXPECT_EQ(message_of(task_->open(inputs())), "a timer of task 0_2 has an interval of 0 ms");
}

TEST_F(TaskTest, TimersReachTheEndOfTimeWithoutOverflow) {
  constexpr Timestamp kEnd = std::numeric_limits<Timestamp>::max();
  std::vector<Timestamp> wall;
  std::vector<Timestamp> stream;
  const NodeIndex in = text_.source("in", {{"in"}});
  text_.node("wall", {in}, kIgnore, timer(wall, Duration::max(), TimerClock::kWallClock));
  text_.node("stream", {in}, kIgnore, timer(stream, 10ms, TimerClock::kStreamTime));
  partition("in").add("k", "v", kEnd);
  start();
  work();
  ASSERT_TRUE(task_->fire_wall_timers().ok());
  EXPECT_TRUE(wall.empty());
  EXPECT_EQ(stream, std::vector<Timestamp>{kEnd});
}

TEST_F(TaskTest, AFailingTimerFailsTheTaskAfterTheRecord) {
  text_.node("tick", {text_.source("in", {{"in"}})}, kIgnore, [](TextNode& self) {
    self.context().schedule(1ms, TimerClock::kStreamTime,
                            [&self](Timestamp) { self.context().failed(self, DropReason::kFailed, "tick"); });
  });
  partition("in").add("k", "v", 5);
  start();
  EXPECT_HAS(message_of(first_failure()),
             "failed at node 'tick': topic= partition=-1 offset=-1 task=0_2: tick");
}

TEST_F(TaskTest, TimersStopWhenTheTaskClosesAndStartAnewWhenItOpens) {
  std::vector<Timestamp> fired;
  text_.node("tick", {text_.source("in", {{"in"}})}, kIgnore, timer(fired, 10ms, TimerClock::kWallClock));
  start();
  clock_.advance(5ms);
  task_->rewind();
  clock_.advance(20ms);
  ASSERT_TRUE(task_->fire_wall_timers().ok());
  EXPECT_TRUE(fired.empty());
  ASSERT_TRUE(task_->open(inputs()).ok());
  ASSERT_TRUE(task_->fire_wall_timers().ok());
  EXPECT_TRUE(fired.empty());
  clock_.advance(10ms);
  ASSERT_TRUE(task_->fire_wall_timers().ok());
  EXPECT_EQ(fired, std::vector<Timestamp>{1035});
}

TEST_F(TaskTest, ATimerMakesTheTaskDirty) {
  std::vector<Timestamp> fired;
  text_.node("tick", {text_.source("in", {{"in"}})}, kIgnore, timer(fired, 10ms, TimerClock::kWallClock));
  start();
  ASSERT_TRUE(task_->fire_wall_timers().ok());
  EXPECT_FALSE(task_->dirty());
  clock_.advance(10ms);
  ASSERT_TRUE(task_->fire_wall_timers().ok());
  EXPECT_TRUE(task_->dirty());
}

// ------------------------------------------------------------------------------------------------ committing

TEST_F(TaskTest, ARequestForACommitIsForgottenOnceItIsPrepared) {
  text_.node("ask", {text_.source("in", {{"in"}})},
             [](TextNode& self, const TextRecord&) { self.context().request_commit(); });
  partition("in").add("k", "v", 5);
  start();
  EXPECT_FALSE(task_->commit_requested());
  work();
  EXPECT_TRUE(task_->commit_requested());
  commit();
  EXPECT_FALSE(task_->commit_requested());
  EXPECT_FALSE(task_->dirty());
}

// Puts each record into the store "s" and keeps the largest time of those it saw.
class StatefulTask : public TaskTest {
 protected:
  StatefulTask() {
    text_.builder.add_store(map_store("s"), engine_, here());
    text_.node(
        "keep", {text_.source("in", {{"in"}})},
        [this](TextNode& self, const TextRecord& record) {
          store(self).put(record.key, record.value, record.timestamp);
          *time_ = std::max(*time_, record.timestamp);
        },
        [this](TextNode& self) { time_ = self.context().persistent_time("keep"); }, {"s"});
  }

  static MapStore& store(TextNode& self) { return static_cast<MapStore&>(self.context().store(self, "s")); }
  MapStore& store() { return static_cast<MapStore&>(*task_->task_store()->find("s")); }
  const TaskMeta& meta() { return task_->task_store()->meta(); }

  Timestamp* time_ = nullptr;
};

TEST_F(StatefulTask, SendsTheChangelogToItsOwnPartition) {
  // The capturing producer has partition 0 only, and says so of any other.
  partition("in").add("a", "x", 5);
  start();
  work();
  ASSERT_TRUE(task_->prepare_commit().ok());
  EXPECT_HAS(message_of(producer_.failure()), "topic=app-s-changelog partition=2");
}

// The positions that a commit wrote, as the group gives them back to whoever opens the task next.
std::vector<Task::Input> reopened(std::vector<PartitionOffset> committed) {
  std::vector<Task::Input> inputs;
  for (PartitionOffset& position : committed) {
    inputs.push_back({position.where, nullptr, position.offset, std::move(position.metadata)});
  }
  return inputs;
}

TEST_F(TaskTest, FindsItsTimesBesideItsPositionsWhereNothingIsOnDisk) {
  Timestamp* time = nullptr;
  text_.node(
      "watch", {text_.source("in", {{"in"}})},
      [&](TextNode&, const TextRecord& record) { *time = record.timestamp + 1; },
      [&](TextNode& self) { time = self.context().persistent_time("a name = 100%"); });
  partition("in").add("k", "v", 70);
  start();
  work();
  const auto committed = task_->positions_to_commit();
  EXPECT_TRUE(task_->positions()[0].metadata.empty());
  make_task();
  ASSERT_TRUE(task_->open(reopened(committed)).ok());
  EXPECT_EQ(*time, 71);
  EXPECT_EQ(task_->stream_time(), 70);
  // Text of somebody else's says nothing.
  make_task();
  ASSERT_TRUE(task_->open(reopened({{{"in", 2}, 1, "AQAAAYuK"}})).ok());
  EXPECT_EQ(*time, kNoTimestamp);
  EXPECT_EQ(task_->stream_time(), kNoTimestamp);
}

TEST_F(StatefulTask, BelievesTheLaterOfItsDiskAndItsPositions) {
  partition("in").add("k", "v", 70);
  start();
  work();
  commit();
  const auto first = task_->positions_to_commit();
  partition("in").add("k", "w", 90);
  work();
  const auto second = task_->positions_to_commit();
  // On disk there is the first commit: another instance made the second.
  make_task();
  ASSERT_TRUE(task_->open(reopened(second)).ok());
  EXPECT_EQ(*time_, 90);
  EXPECT_EQ(task_->stream_time(), 90);
  commit();
  // On disk there is the second: at least once, the group may have only the first.
  make_task();
  ASSERT_TRUE(task_->open(reopened(first)).ok());
  EXPECT_EQ(*time_, 90);
}

TEST_F(TaskTest, LeavesOutTheTimesThatHaveNoRoomBesideItsPositions) {
  constexpr int kMany = 200;
  const std::string stem(40, 'n');
  std::vector<Timestamp*> times(kMany);
  text_.node(
      "watch", {text_.source("in", {{"in"}})},
      [&](TextNode&, const TextRecord&) {
        for (Timestamp* time : times) *time = 1'700'000'000'000;
      },
      [&](TextNode& self) {
        for (int i = 0; i < kMany; ++i) times[i] = self.context().persistent_time(stem + std::to_string(i));
      });
  partition("in").add("k", "v", 70);
  start();
  work();
  const auto committed = task_->positions_to_commit();
  std::ignore = task_->positions_to_commit();
  EXPECT_LE(committed[0].metadata.size(), 4096U);
  ASSERT_EQ(log_.size(), 1U);
  EXPECT_HAS(log_[0], "of its times");
  make_task();
  ASSERT_TRUE(task_->open(reopened(committed)).ok());
  EXPECT_EQ(task_->stream_time(), 70);
  const auto kept =
      std::count_if(times.begin(), times.end(), [](const Timestamp* time) { return *time > 0; });
  EXPECT_GT(kept, 10);
  EXPECT_LT(kept, kMany);
}

// Acknowledges what was sent up to a record of the test's choice.
class SlowProducer final : public Producer {
 public:
  TopicId topic(const std::string& name) override {
    for (TopicId id = 0; id < names.size(); ++id) {
      if (names[id] == name) return id;
    }
    names.push_back(name);
    return static_cast<TopicId>(names.size() - 1);
  }
  void send(const OutgoingRecord& record) override {
    sent.push_back(fmt::format("{}/{} {}:{}@{}", names[record.topic], record.partition,
                               record.key.value_or("null"), record.value.value_or("null"), record.timestamp));
  }
  bool has_room() const override { return true; }
  void poll() override {}
  void flush() override {}
  std::size_t in_flight() const override { return 0; }
  absl::Status failure() const override { return absl::OkStatus(); }
  void clear_failure() override {}
  Offset last_acknowledged(TopicId, Partition) const override { return acknowledged; }
  Pending<> init_transactions() override { return Pending<>::completed(Done{}); }
  absl::Status begin_transaction() override { return absl::OkStatus(); }
  Pending<> send_offsets(std::vector<PartitionOffset>, const GroupMetadata&) override {
    return Pending<>::completed(Done{});
  }
  Pending<> commit_transaction() override { return Pending<>::completed(Done{}); }
  Pending<> abort_transaction() override { return Pending<>::completed(Done{}); }

  std::vector<std::string> names;
  std::vector<std::string> sent;
  Offset acknowledged = kNoOffset;
};

TEST_F(StatefulTask, NotesChangelogOffsetsOnceTheyAreAcknowledged) {
  SlowProducer producer;
  environment_.producer = &producer;
  partition("in").add("a", "x", 5);
  start();
  commit();
  EXPECT_TRUE(meta().changelogs.empty());  // nothing was written
  work();
  ASSERT_TRUE(task_->prepare_commit().ok());
  EXPECT_EQ(producer.sent, std::vector<std::string>{"app-s-changelog/2 a:x@5"});
  EXPECT_TRUE(meta().changelogs.empty());
  producer.acknowledged = 17;
  ASSERT_TRUE(task_->apply().ok());
  EXPECT_EQ(meta().changelogs, (std::map<std::string, Offset>{{"s", 18}}));
}

TEST_F(StatefulTask, KeepsChangelogOffsetsWhenAnotherProducerTakesOver) {
  SlowProducer first;
  environment_.producer = &first;
  partition("in").add("a", "x", 5);
  start();
  work();
  first.acknowledged = 17;
  commit();
  SlowProducer second;
  // Its ids differ.
  EXPECT_EQ(second.topic("another"), 0u);
  task_->use(second);
  commit();
  EXPECT_EQ(meta().changelogs.at("s"), 18);  // it has written nothing
  partition("in").add("b", "y", 6);
  work();
  ASSERT_TRUE(task_->prepare_commit().ok());
  EXPECT_EQ(second.sent, std::vector<std::string>{"app-s-changelog/2 b:y@6"});
  second.acknowledged = 30;
  ASSERT_TRUE(task_->apply().ok());
  EXPECT_EQ(meta().changelogs.at("s"), 31);
}

TEST_F(StatefulTask, RemembersPositionsTimesAndTheWallClock) {
  SlowProducer producer;
  environment_.producer = &producer;
  partition("in").add("a", "x", 50);
  partition("in").add("a", "y", 20);
  start();
  work();
  clock_.advance(5ms);
  commit();
  EXPECT_EQ(meta().positions, (std::map<TopicPartition, Offset>{{{"in", 2}, 2}}));
  EXPECT_EQ(meta().wall, 1005);
  // Another task on the same disk goes on from there.
  start();
  EXPECT_EQ(task_->stream_time(), 50);
  EXPECT_EQ(*time_, 50);
  EXPECT_EQ(store().get("a"), "y");
}

TEST_F(StatefulTask, RewindsStoresAndTimesToTheLastCommit) {
  SlowProducer producer;
  environment_.producer = &producer;
  partition("in").add("a", "x", 50);
  start();
  work();
  commit();
  Timestamp* const before = time_;
  partition("in").add("a", "y", 70);
  work();
  EXPECT_EQ(*time_, 70);
  EXPECT_EQ(task_->stream_time(), 70);

  task_->rewind();

  EXPECT_EQ(time_, before);  // the pointer lives as long as the task
  EXPECT_EQ(*time_, 50);
  EXPECT_EQ(task_->stream_time(), 50);
  EXPECT_EQ(store().get("a"), "x");
  EXPECT_FALSE(task_->dirty());
  EXPECT_FALSE(partition("in").reader_is_alive);
  EXPECT_EQ(task_->buffered_records(), 0u);

  // The same record comes again.
  partition("in") = {};
  partition("in").next_offset = partition("in").position = 1;
  partition("in").add("a", "y", 70);
  ASSERT_TRUE(task_->open(inputs()).ok());
  EXPECT_EQ(work(), 1);
  commit();
  EXPECT_EQ(store().get("a"), "y");
  EXPECT_EQ(meta().positions.at({"in", 2}), 2);
  EXPECT_EQ(*time_, 70);
}

TEST_F(StatefulTask, ATimeThatWasNeverCommittedGoesBackToUnknown) {
  partition("in").add("a", "x", 50);
  start();
  work();
  EXPECT_EQ(*time_, 50);
  task_->rewind();
  EXPECT_EQ(*time_, kNoTimestamp);
  EXPECT_EQ(task_->stream_time(), kNoTimestamp);
}

TEST_F(TaskTest, EmitsWhatWaitedForTheCommitUntilNothingIsLeft) {
  // Two stores, each of which emits what it holds at a commit; what the second emits dirties the first again.
  const auto stage = [](const std::string& name, const std::string& other) {
    return [name, other](TextNode& self) {
      auto& mine = static_cast<MapStore&>(self.context().store(self, name));
      auto& theirs = static_cast<MapStore&>(self.context().store(self, other));
      mine.on_commit = [&self, &mine, &theirs] {
        const auto waiting = mine.get("w");
        if (!waiting) return false;
        mine.put("w", std::nullopt, 0);
        if (waiting->size() < 4) theirs.put("w", *waiting + "+", 0);
        self.emit_text("k", *waiting, 0);
        return true;
      };
    };
  };
  for (const char* name : {"one", "two"}) {
    StoreSpec spec = map_store(name);
    spec.logged = false;
    text_.builder.add_store(spec, engine_, here());
  }
  const NodeIndex in = text_.source("in", {{"in"}});
  const NodeIndex one = text_.node(
      "first", {in},
      [](TextNode& self, const TextRecord& record) {
        static_cast<MapStore&>(self.context().store(self, "one")).put("w", record.value, record.timestamp);
      },
      stage("one", "two"), {"one", "two"});
  const NodeIndex two = text_.node("second", {in}, kIgnore, stage("two", "one"), {"one", "two"});
  text_.node("note", {one, two}, note());
  partition("in").add("a", "v", 1);
  start();
  work();
  EXPECT_EQ(seen(), "");
  ASSERT_TRUE(task_->prepare_commit().ok());
  EXPECT_EQ(seen(), "k:v@0 k:v+@0 k:v++@0 k:v+++@0");
}

TEST_F(TaskTest, AFailureWhileEmittingAtTheCommitIsTheCommits) {
  StoreSpec spec = map_store("s");
  spec.logged = false;
  text_.builder.add_store(spec, engine_, here());
  text_.node("keep", {text_.source("in", {{"in"}})}, kIgnore,
             [](TextNode& self) {
               static_cast<MapStore&>(self.context().store(self, "s")).on_commit = [&self]() -> bool {
                 self.context().failed(self, DropReason::kFailed, "at the commit");
                 return true;
               };
             },
             {"s"});
  start();
  EXPECT_HAS(message_of(task_->prepare_commit()), "at the commit");
}

TEST_F(TaskTest, RefusesAStoreTheNodeIsNotConnectedTo) {
  text_.builder.add_store(map_store("s"), engine_, here());
  const NodeIndex in = text_.source("in", {{"in"}});
  text_.pass("owner", {in}, {"s"});
  text_.node("stranger", {in}, kIgnore, [](TextNode& self) { (void)self.context().store(self, "s"); });
  make_task();
  EXPECT_EQ(message_of(task_->open(inputs())), "node 'stranger' of task 0_2 is not connected to a store 's'");
}

// ------------------------------------------------------------------------------------------------ nodes

TEST_F(TaskTest, OpensParentsFirstAndClosesChildrenFirst) {
  std::vector<std::string> order;
  const auto noted = [&order](const std::string& what) {
    return [&order, what](TextNode& self) { order.push_back(what + " " + self.name()); };
  };
  const auto make = [&] { return std::make_unique<TextNode>(kIgnore, noted("open"), noted("close")); };
  const NodeIndex in = text_.source("in", {{"in"}});
  const NodeIndex a = text_.builder.add_processor("a", {in}, {}, ErrorPolicy::kInherit, make, here());
  const NodeIndex b = text_.builder.add_processor("b", {in}, {}, ErrorPolicy::kInherit, make, here());
  text_.builder.add_processor("c", {a, b}, {}, ErrorPolicy::kInherit, make, here());
  start();
  EXPECT_EQ(order, (std::vector<std::string>{"open a", "open b", "open c"}));
  order.clear();
  task_->close();
  task_->close();
  EXPECT_EQ(order, (std::vector<std::string>{"close c", "close b", "close a"}));
  order.clear();
  ASSERT_TRUE(task_->open(inputs()).ok());
  EXPECT_EQ(order, (std::vector<std::string>{"open a", "open b", "open c"}));
}

TEST_F(TaskTest, ClosesAllNodesEvenIfOneThrows) {
  std::vector<std::string> closed;
  const NodeIndex in = text_.source("in", {{"in"}});
  for (const char* name : {"a", "b"}) {
    text_.builder.add_processor(
        name, {in}, {}, ErrorPolicy::kInherit,
        [&closed] {
          return std::make_unique<TextNode>(kIgnore, TextNode::Open(), [&closed](TextNode& self) {
            closed.push_back(self.name());
            throw std::runtime_error("stuck");
          });
        },
        here());
  }
  start();
  task_->close();
  EXPECT_EQ(closed, (std::vector<std::string>{"b", "a"}));
  ASSERT_EQ(log_.size(), 2u);
  EXPECT_HAS(log_[0], "closing node 'b': task 0_2: exception: stuck");
}

TEST_F(TaskTest, TellsNodesWhereTheyAre) {
  std::string where;
  partition_counts_["out"] = 12;
  text_.node(
      "look", {text_.source("in", {{"in"}})},
      [&](TextNode& self, const TextRecord& record) {
        where += fmt::format(" {}/{}/{} stream={}", self.context().origin().topic,
                             self.context().origin().partition, record.origin.offset,
                             self.context().stream_time());
      },
      [&](TextNode& self) {
        where = fmt::format("{} {} {} {} out={} unknown={} stream={}", self.context().task_name(),
                            self.context().partition(), self.context().application_id(),
                            self.context().clock().wall(), self.context().output("out").partitions,
                            self.context().output("unknown").partitions, self.context().stream_time());
      });
  partition("in").add("k", "v", 5);
  start();
  work();
  EXPECT_EQ(where, "0_2 2 app 1000 out=12 unknown=0 stream=-1 in/2/0 stream=5");
}

TEST_F(TaskTest, PassesHeadersAndKeyBytesOn) {
  std::string seen;
  text_.node("look", {text_.source("in", {{"in"}})}, [&](TextNode&, const TextRecord& record) {
    seen += fmt::format("{} headers={};", record.key_bytes, record.headers.size());
  });
  partition("in").add("key", "v", 5, {{"h", "1"}, {"h", "2"}});
  partition("in").add("other", "v", 6);
  start();
  work();
  EXPECT_EQ(seen, "key headers=2;other headers=0;");
}

TEST_F(TaskTest, ReadsInternalTopicsUnderTheApplicationsName) {
  const NodeIndex in = text_.source("in", {{"in"}});
  text_.builder.add_repartition({"r", {}, text_.sink("s", in, {"r", true}, "app"), here()});
  text_.node("note", {text_.source("r", {{"r", true}})}, note());
  environment_.max_task_idle = -1ms;
  partition("app-r").add("k", "v", 5);
  start();
  work();
  EXPECT_EQ(seen(), "k:v@5");
}

}  // namespace
}  // namespace weir
