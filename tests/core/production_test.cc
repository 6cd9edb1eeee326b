// Records that topics refuse: what is learned of them, and what the policies make of it.
#include <set>

#include <weir/core/production_gate.h>
#include <weir/core/refusal.h>
#include <weir/core/status.h>

#include "map_engine.h"
#include "stepped_worker.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using test::MapEngine;
using test::MapStore;
using test::RawRecordView;
using test::ScriptedNode;

OutgoingRecord record_of(BytesView value) {
  OutgoingRecord record;
  record.key = "k";
  record.value = value;
  return record;
}

TEST(Refusal, TravelsInAStatusAndSurvivesMoreContext) {
  const absl::Status plain = fatal_error("too large");
  EXPECT_FALSE(refusal_of(plain).has_value());
  const absl::Status status =
      with_context(with_refusal(plain, {Refusal::Reason::kTooLarge, "a topic", 17, 4711}), "while sending");
  EXPECT_EQ(class_of(status), ErrorClass::kFatal);
  const auto refusal = refusal_of(status);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->reason, Refusal::Reason::kTooLarge);
  EXPECT_EQ(refusal->topic, "a topic");
  EXPECT_EQ(refusal->bytes, 17u);
  EXPECT_EQ(refusal->digest, 4711u);
}

TEST(Refusal, TellsNullFromEmpty) {
  EXPECT_NE(digest_of(std::nullopt, "v"), digest_of("", "v"));
  EXPECT_NE(digest_of("a", "bc"), digest_of("ab", "c"));
}

TEST(ProductionGate, RefusesWhatIsNoSmallerThanWhatWasTooLarge) {
  ManualClock clock;
  ProductionGate gate(clock);
  EXPECT_TRUE(gate.empty());
  gate.learn({Refusal::Reason::kTooLarge, "out", 10, 0});
  EXPECT_FALSE(gate.empty());
  EXPECT_EQ(gate.refuses("out", record_of("123456789")), Refusal::Reason::kTooLarge) << "with the key";
  EXPECT_FALSE(gate.refuses("out", record_of("12345678")).has_value());
  EXPECT_FALSE(gate.refuses("other", record_of("123456789")).has_value());
  const Headers headers{{"h", "x"}};
  OutgoingRecord with_headers = record_of("1234567");
  with_headers.headers = &headers;
  EXPECT_EQ(gate.refuses("out", with_headers), Refusal::Reason::kTooLarge);
  gate.learn({Refusal::Reason::kTooLarge, "out", 20, 0});
  EXPECT_TRUE(gate.refuses("out", record_of("123456789")).has_value()) << "the smaller one still counts";
}

TEST(ProductionGate, RefusesAllOfATopicThatIsNotThereAndOneRecordThatIsInvalid) {
  ManualClock clock;
  ProductionGate gate(clock);
  gate.learn({Refusal::Reason::kNotAllowed, "closed", 1, 0});
  EXPECT_EQ(gate.refuses("closed", record_of("")), Refusal::Reason::kNotAllowed);
  gate.learn({Refusal::Reason::kOther, "out", 1, digest_of("k", "bad")});
  EXPECT_EQ(gate.refuses("out", record_of("bad")), Refusal::Reason::kOther);
  EXPECT_FALSE(gate.refuses("out", record_of("good")).has_value());
}

TEST(ProductionGate, ForgetsAfterAWhile) {
  ManualClock clock;
  ProductionGate gate(clock);
  gate.learn({Refusal::Reason::kNoTopic, "out", 1, 0});
  clock.advance(ProductionGate::kRemembered - 1ms);
  EXPECT_TRUE(gate.refuses("out", record_of("v")).has_value());
  clock.advance(1ms);
  EXPECT_FALSE(gate.refuses("out", record_of("v")).has_value());
  EXPECT_TRUE(gate.empty());
}

class ProductionTest : public test::GuaranteedWorkerTest {
 protected:
  static ScriptedNode::Script pass() {
    return [](ScriptedNode& node, const RawRecordView& record) { node.pass(record); };
  }

  // Topics take records of about a hundred bytes; the larger one comes second.
  void write_small_large_small() {
    ASSERT_TRUE(broker_->configure_topic("out", {{"max.message.bytes", "200"}}).ok());
    for (const std::string& value : {std::string("a"), std::string(1000, 'x'), std::string("c")})
      write(0, value);
  }

  std::set<std::string> distinct_output(const std::string& topic = "out") {
    const auto values = output(topic);
    return {values.begin(), values.end()};
  }

  std::uint64_t dropped(DropReason reason) {
    return worker_->metrics().records_dropped[static_cast<std::size_t>(reason)].load();
  }
};

INSTANTIATE_TEST_SUITE_P(BothGuarantees, ProductionTest,
                         testing::Values(Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce),
                         test::name_of_guarantee);

TEST_P(ProductionTest, ARefusedRecordFailsTheWorkerUnlessToldOtherwise) {
  start(scripted(pass()));
  write_small_large_small();
  ASSERT_TRUE(step_until([this] { return worker_->over(); }));
  EXPECT_EQ(worker_->state(), WorkerState::kFailed);
  const std::string message = message_of(worker_->failure());
  EXPECT_NE(message.find("out-0"), std::string::npos) << message;
  EXPECT_NE(message.find("too large"), std::string::npos) << message;
  EXPECT_LE(committed(0), 1) << "the position did not move past the lost record";
}

TEST_P(ProductionTest, SkipDropsAndCountsTheRecordTooLargeAndKeepsTheOthers) {
  options_.on_production_error = ErrorPolicy::kSkip;
  start(scripted(pass()));
  write_small_large_small();
  ASSERT_TRUE(step_until([this] { return committed(0) == 3; })) << worker_->failure();
  EXPECT_EQ(distinct_output(), (std::set<std::string>{"a", "c"}));
  if (GetParam() == Guarantee::kExactlyOnce) {
    EXPECT_EQ(output().size(), 2u);
  }
  ASSERT_TRUE(step_until([this] { return dropped(DropReason::kTooLarge) == 1; }));
  EXPECT_TRUE(logged("offset=1"));
  // From now on the gate knows: no transaction is lost for the next one.
  const auto aborted = worker_->metrics().transactions_aborted.load();
  write(0, std::string(1000, 'y'));
  write(0, "d");
  ASSERT_TRUE(step_until([this] { return committed(0) == 5; })) << worker_->failure();
  EXPECT_EQ(worker_->metrics().transactions_aborted.load(), aborted);
  EXPECT_TRUE(distinct_output().contains("d"));
}

TEST_P(ProductionTest, TheSinksOwnPolicyComesFirst) {
  start(scripted(pass(), ErrorPolicy::kInherit, {}, ErrorPolicy::kSkip));
  write_small_large_small();
  ASSERT_TRUE(step_until([this] { return committed(0) == 3; })) << worker_->failure();
  EXPECT_EQ(distinct_output(), (std::set<std::string>{"a", "c"}));
}

TEST_P(ProductionTest, ADeadLetterIsTheRecordThatWasReadWithReasonAndOrigin) {
  options_.on_production_error = ErrorPolicy::kDeadLetter;
  options_.dead_letter_topic = "aside";
  start(scripted([](ScriptedNode& node, const RawRecordView& record) {
    const std::string longer(record.value == "b" ? 1000 : 1, 'x');
    const BytesView value = longer;
    node.pass(record.with_value(value));
  }));
  ASSERT_TRUE(broker_->configure_topic("out", {{"max.message.bytes", "200"}}).ok());
  for (const char* value : {"a", "b", "c"}) write(0, value);
  ASSERT_TRUE(step_until([this] { return committed(0) == 3; })) << worker_->failure();
  const auto letters = broker_->read("aside", 0);
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].value, "b");
  EXPECT_EQ(letters[0].headers.last("__streams.errors.exception")->value, "too large");
  EXPECT_EQ(letters[0].headers.last("__streams.errors.topic")->value, "in");
  EXPECT_EQ(letters[0].headers.last("__streams.errors.offset")->value, "1");
  EXPECT_NE(letters[0].headers.last("__streams.errors.stacktrace")->value->find("'sink'"), std::string::npos);
}

TEST_P(ProductionTest, AMissingTopicIsGoneOnWithoutAndUsedAgainWhenItIsThere) {
  options_.on_production_error = ErrorPolicy::kSkip;
  start(scripted(pass()));
  ASSERT_TRUE(broker_->delete_topic("out").ok());
  for (const char* value : {"a", "b", "c"}) write(0, value);
  ASSERT_TRUE(step_until([this] { return committed(0) == 3; })) << worker_->failure();
  ASSERT_TRUE(step_until([this] { return dropped(DropReason::kNoTopic) == 3; }));
  ASSERT_TRUE(broker_->create_topic("out", 1).ok());
  clock_.advance(ProductionGate::kRemembered);
  write(0, "d");
  ASSERT_TRUE(step_until([this] { return committed(0) == 4; })) << worker_->failure();
  EXPECT_EQ(distinct_output(), (std::set<std::string>{"d"}));
}

TEST_P(ProductionTest, AnInvalidRecordIsGoneOnWithoutAlone) {
  options_.on_production_error = ErrorPolicy::kSkip;
  ASSERT_TRUE(broker_->create_topic("out", 1, {{"cleanup.policy", "compact"}}).ok());
  start(scripted([this](ScriptedNode& node, const RawRecordView& record) {
    if (record.value != "b") return node.pass(record);
    OutgoingRecord keyless;
    keyless.topic = node.context().output("out").id;
    keyless.value = record.value;
    node.context().send(keyless);
  }));
  for (const char* value : {"a", "b", "c"}) write(0, value);
  ASSERT_TRUE(step_until([this] { return committed(0) == 3; })) << worker_->failure();
  EXPECT_EQ(distinct_output(), (std::set<std::string>{"a", "c"}));
  ASSERT_TRUE(step_until([this] { return dropped(DropReason::kRefused) == 1; }));
}

TEST_P(ProductionTest, AChangelogThatRefusesARowFailsWhateverThePolicy) {
  options_.on_production_error = ErrorPolicy::kSkip;
  options_.state_directory = "nowhere";
  TopologyBuilder builder = scripted(
      [](ScriptedNode& node, const RawRecordView& record) {
        static_cast<MapStore&>(node.context().store(node, "rows"))
            .put("k", std::string(record.value), record.timestamp);
      },
      ErrorPolicy::kInherit, {"rows"});
  builder.add_store(test::map_store("rows"), std::make_shared<MapEngine>(), here());
  start(builder);
  ASSERT_TRUE(broker_->configure_topic("copy-rows-changelog", {{"max.message.bytes", "200"}}).ok());
  write(0, std::string(1000, 'x'));
  ASSERT_TRUE(step_until([this] { return worker_->over(); }));
  EXPECT_NE(message_of(worker_->failure()).find("copy-rows-changelog"), std::string::npos)
      << worker_->failure();
}

TEST_P(ProductionTest, ADeadLetterTopicThatRefusesALetterFails) {
  options_.on_production_error = ErrorPolicy::kDeadLetter;
  options_.dead_letter_topic = "aside";
  start(scripted(pass()));
  ASSERT_TRUE(broker_->configure_topic("aside", {{"max.message.bytes", "200"}}).ok());
  write_small_large_small();
  ASSERT_TRUE(step_until([this] { return worker_->over(); }));
  EXPECT_NE(message_of(worker_->failure()).find("aside"), std::string::npos) << worker_->failure();
}

TEST(ProductionPolicyTest, IsTheStrictestOfTheSinksThatWriteThere) {
  const auto here = std::source_location::current();
  TopologyBuilder builder;
  const auto source = builder.add_source(
      "source", {{"in", false}}, ErrorPolicy::kInherit, [] { return std::make_unique<RawSource>(); }, here);
  const auto sink = [&](const std::string& name, std::vector<TopicName> topics, ErrorPolicy policy) {
    builder.add_sink(
        name, source, std::move(topics), [] { return std::make_unique<RawSink>("a"); }, here, policy);
  };
  sink("one", {{"a", false}}, ErrorPolicy::kSkip);
  sink("two", {{"a", false}}, ErrorPolicy::kDeadLetter);
  sink("three", {{"b", true}}, ErrorPolicy::kInherit);
  sink("chooser", {}, ErrorPolicy::kSkip);
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  const auto policy_of = [&](const std::string& topic, ErrorPolicy application) {
    return production_policy(*topology, "app", topic, application);
  };
  EXPECT_EQ(policy_of("a", ErrorPolicy::kFail).policy, ErrorPolicy::kDeadLetter);
  EXPECT_EQ(policy_of("a", ErrorPolicy::kFail).sink, "two");
  EXPECT_EQ(policy_of("app-b", ErrorPolicy::kSkip).policy, ErrorPolicy::kSkip);
  EXPECT_EQ(policy_of("app-b", ErrorPolicy::kFail).policy, ErrorPolicy::kFail);
  EXPECT_EQ(policy_of("anything", ErrorPolicy::kFail).sink, "chooser");
}

}  // namespace
}  // namespace weir
