// Records that are tried again: by what throws weir::Retriable, and by policy.
#include <map>
#include <set>

#include <weir/core/backoff.h>
#include <weir/core/record_retries.h>
#include <weir/core/task_backoffs.h>

#include "map_engine.h"
#include "stepped_worker.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using test::MapEngine;
using test::MapStore;
using test::RawRecordView;
using test::ScriptedNode;

TEST(Backoff, DoublesUpToItsLongest) {
  const Backoff backoff{100ms, 1000ms};
  EXPECT_EQ(backoff.after(1), 100ms);
  EXPECT_EQ(backoff.after(2), 200ms);
  EXPECT_EQ(backoff.after(4), 800ms);
  EXPECT_EQ(backoff.after(5), 1000ms);
  EXPECT_EQ(backoff.after(1'000'000), 1000ms);
}

TEST(RecordRetries, CountAttemptsAndPauseBetweenThem) {
  ManualClock clock;
  RecordRetries retries({.attempts = 2, .first_pause = 10ms, .longest_pause = 1s}, clock);
  const TopicPartition where{"in", 3};
  EXPECT_TRUE(retries.empty());
  EXPECT_TRUE(retries.failed(where, 7));
  EXPECT_TRUE(retries.known(where, 7));
  EXPECT_FALSE(retries.known(where, 8));
  EXPECT_TRUE(retries.waits(where, 7));
  EXPECT_EQ(retries.until_next(), 10ms);
  clock.advance(10ms);
  EXPECT_FALSE(retries.waits(where, 7));
  EXPECT_FALSE(retries.until_next().has_value());
  EXPECT_TRUE(retries.failed(where, 7));
  EXPECT_EQ(retries.until_next(), 20ms);
  clock.advance(20ms);
  EXPECT_FALSE(retries.failed(where, 7)) << "two attempts after the first";
  EXPECT_TRUE(retries.empty());
}

TEST(RecordRetries, ForgetTheRecordThatWentThroughAndThoseBeforeOneThatFails) {
  ManualClock clock;
  RecordRetries retries({.attempts = 1}, clock);
  const TopicPartition where{"in", 0};
  EXPECT_TRUE(retries.failed(where, 7));
  retries.settle(where, 6);
  EXPECT_TRUE(retries.known(where, 7));
  EXPECT_TRUE(retries.failed(where, 5)) << "an attempt of its own";
  EXPECT_TRUE(retries.known(where, 7)) << "both were under way";
  EXPECT_TRUE(retries.failed(where, 8));
  EXPECT_FALSE(retries.known(where, 5));
  EXPECT_FALSE(retries.known(where, 7));
  retries.settle(where, 8);
  EXPECT_TRUE(retries.empty());
}

TEST(TaskBackoffs, PauseLongerWithEachFailureUntilSomethingIsCommitted) {
  ManualClock clock;
  TaskBackoffs backoffs(clock);
  EXPECT_FALSE(backoffs.waits(3));
  backoffs.failed(3);
  EXPECT_TRUE(backoffs.waits(3));
  EXPECT_FALSE(backoffs.waits(4));
  clock.advance(100ms);
  EXPECT_FALSE(backoffs.waits(3));
  backoffs.failed(3);
  clock.advance(199ms);
  EXPECT_TRUE(backoffs.waits(3));
  clock.advance(1ms);
  EXPECT_FALSE(backoffs.waits(3));
  backoffs.settle();
  backoffs.failed(3);
  clock.advance(100ms);
  EXPECT_FALSE(backoffs.waits(3));
}

class RetryTest : public test::GuaranteedWorkerTest {
 protected:
  // Throws for a value as often as failures_ says; `before` runs first.
  ScriptedNode::Script failing(ScriptedNode::Script before = {}) {
    return [this, before](ScriptedNode& node, const RawRecordView& record) {
      if (before) before(node, record);
      if (failures_[std::string(record.value)]-- > 0) throw Retriable("the service is down");
      node.pass(record);
    };
  }

  std::map<std::string, int> failures_;
};

INSTANTIATE_TEST_SUITE_P(BothGuarantees, RetryTest,
                         testing::Values(Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce),
                         test::name_of_guarantee);

TEST_P(RetryTest, ARecordStaysAtTheHeadUntilItGoesThroughAndOtherTasksGoOn) {
  failures_["b"] = 3;
  options_.retry = {.attempts = 5, .first_pause = 1s, .longest_pause = 1s};
  start(scripted(failing()));
  for (const char* value : {"a", "b", "c"}) write(0, value);
  write(1, "other");
  // The clock passes the first pause only after the other task has done its work and committed it.
  ASSERT_TRUE(step_until([this] { return committed(1) == 1; }));
  EXPECT_LE(committed(0), 1);
  ASSERT_TRUE(step_until([this] { return committed(0) == 3; })) << worker_->failure();
  std::vector<std::string> values = output();
  std::erase(values, "other");
  EXPECT_EQ(values, (std::vector<std::string>{"a", "b", "c"}));
  ASSERT_TRUE(step_until([this] { return worker_->metrics().retries.load() == 3; }));
  EXPECT_EQ(worker_->metrics().transactions_aborted.load(), 0u) << "the record had left no trace";
}

TEST_P(RetryTest, WhatTheFailedAttemptSentIsNotCommitted) {
  failures_["b"] = 2;
  options_.retry = {.attempts = 5, .first_pause = 1s, .longest_pause = 1s};
  start(scripted(failing([](ScriptedNode& node, const RawRecordView& record) { node.pass(record); })));
  for (const char* value : {"a", "b", "c"}) write(0, value);
  ASSERT_TRUE(step_until([this] { return committed(0) == 3; })) << worker_->failure();
  if (GetParam() == Guarantee::kExactlyOnce) {
    EXPECT_EQ(output(), (std::vector<std::string>{"a", "a", "b", "b", "c", "c"}));
    EXPECT_EQ(worker_->metrics().transactions_aborted.load(), 2u);
  } else {
    // At least once: everything is there, what failed is there again.
    const std::vector<std::string> values = output();
    EXPECT_GE(values.size(), 8u);
    EXPECT_EQ(std::set<std::string>(values.begin(), values.end()), (std::set<std::string>{"a", "b", "c"}));
  }
}

TEST_P(RetryTest, StateIsChangedOnceHoweverOftenTheRecordIsTried) {
  const auto engine = std::make_shared<MapEngine>();
  failures_["b"] = 3;
  options_.state_directory = "nowhere";
  options_.retry = {.attempts = 5, .first_pause = 10ms, .longest_pause = 100ms};
  TopologyBuilder builder =
      scripted(failing([](ScriptedNode& node, const RawRecordView&) {
                 auto& store = static_cast<MapStore&>(node.context().store(node, "count"));
                 store.put("all", std::to_string(std::stoi(store.get("all").value_or("0")) + 1), 0);
               }),
               ErrorPolicy::kInherit, {"count"});
  builder.add_store(test::map_store("count"), engine, here());
  start(builder);
  for (const char* value : {"a", "b", "c"}) write(0, value);
  ASSERT_TRUE(step_until([this] { return committed(0) == 3; })) << worker_->failure();
  const auto rows = broker_->read("copy-count-changelog", 0);
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows.back().value, "3");
}

TEST_P(RetryTest, ACommitThatCannotBeginForNowIsBegunAgainLater) {
  int failures = 2;
  options_.state_directory = "nowhere";
  TopologyBuilder builder = scripted(
      [&failures](ScriptedNode& node, const RawRecordView& record) {
        auto& store = static_cast<MapStore&>(node.context().store(node, "count"));
        store.put("all", std::to_string(std::stoi(store.get("all").value_or("0")) + 1), 0);
        store.on_commit = [&failures]() -> bool {
          if (failures-- > 0) throw ProcessingFailure{retriable_error("the store is busy")};
          return false;
        };
        node.pass(record);
      },
      ErrorPolicy::kInherit, {"count"});
  builder.add_store(test::map_store("count"), std::make_shared<MapEngine>(), here());
  start(builder);
  for (const char* value : {"a", "b", "c"}) write(0, value);
  ASSERT_TRUE(step_until([this] { return committed(0) == 3; })) << worker_->failure();
  EXPECT_LT(failures, 1);
  EXPECT_TRUE(logged("the store is busy"));
  const auto rows = broker_->read("copy-count-changelog", 0);
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows.back().value, "3");
}

TEST_P(RetryTest, TheNodesPolicyDecidesWhenTheAttemptsAreUsedUp) {
  failures_["b"] = 1000;
  options_.retry = {.attempts = 2, .first_pause = 10ms, .longest_pause = 10ms};
  start(scripted(failing(), ErrorPolicy::kSkip));
  for (const char* value : {"a", "b", "c"}) write(0, value);
  ASSERT_TRUE(step_until([this] { return committed(0) == 3; })) << worker_->failure();
  EXPECT_EQ(output(), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(failures_["b"], 1000 - 3);
  ASSERT_TRUE(step_until([this] { return worker_->metrics().retries.load() == 2; }));
  EXPECT_EQ(worker_->metrics().records_dropped[static_cast<std::size_t>(DropReason::kFailed)].load(), 1u);
}

TEST_P(RetryTest, WithoutAPolicyTheWorkerFailsWhenTheAttemptsAreUsedUpAndNamesTheRecord) {
  failures_["b"] = 1000;
  options_.retry = {.attempts = 2, .first_pause = 10ms, .longest_pause = 10ms};
  start(scripted(failing()));
  write(0, "a");
  write(0, "b");
  ASSERT_TRUE(step_until([this] { return worker_->over(); }));
  EXPECT_EQ(worker_->state(), WorkerState::kFailed);
  const std::string message = message_of(worker_->failure());
  for (const char* part : {"'script'", "topic=in", "partition=0", "offset=1", "the service is down"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST_P(RetryTest, ThePolicyRetryTriesAnyFailureAgainAndEndsWithWhatComesThen) {
  int calls = 0;
  options_.retry = {
      .attempts = 3, .first_pause = 10ms, .longest_pause = 10ms, .then = ErrorPolicy::kDeadLetter};
  options_.dead_letter_topic = "aside";
  start(scripted(
      [&calls](ScriptedNode& node, const RawRecordView& record) {
        if (record.value == "b") {
          ++calls;
          throw std::runtime_error("cannot");
        }
        node.pass(record);
      },
      ErrorPolicy::kRetry));
  for (const char* value : {"a", "b", "c"}) write(0, value);
  ASSERT_TRUE(step_until([this] { return committed(0) == 3; })) << worker_->failure();
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(output(), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(output("aside"), (std::vector<std::string>{"b"}));
}

TEST_P(RetryTest, ATaskThatBeginsAtTheEndIsSetBackToWhereItBeganNotToTheEnd) {
  ASSERT_TRUE(broker_->create_topic("in", 2).ok());
  write(0, "old");
  failures_["a"] = 1;
  options_.offset_reset = OffsetReset::kLatest;
  options_.retry = {.attempts = 5, .first_pause = 10ms, .longest_pause = 10ms};
  start(scripted(failing([](ScriptedNode& node, const RawRecordView& record) { node.pass(record); })));
  write(0, "a");
  write(0, "b");
  ASSERT_TRUE(step_until([this] { return committed(0) == 3; })) << worker_->failure();
  const std::vector<std::string> values = output();
  EXPECT_EQ(std::set<std::string>(values.begin(), values.end()), (std::set<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace weir
