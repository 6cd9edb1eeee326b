// Members of one group that do not run the same program: an upgrade one instance after the other, a source that grows, another
// program under the same id.
#include <weir/core/app.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/token_plan.h>
#include <weir/core/topology_builder.h>

#include "support/eventually.h"
#include "support/raw_nodes.h"
#include "support/scratch_folder.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

class TokensTest : public testing::TestWithParam<Guarantee> {
 protected:
  void SetUp() override {
    for (const char* topic : {"a", "b", "c", "out"}) ASSERT_TRUE(broker_->create_topic(topic, 2).ok());
  }

  // Each list of topics is copied to "out" by a sub-topology of its own.
  static Topology topology(const std::vector<std::vector<std::string>>& parts) {
    TopologyBuilder builder;
    const auto where = std::source_location::current();
    for (const std::vector<std::string>& part : parts) {
      std::vector<TopicName> topics;
      for (const std::string& topic : part) topics.push_back({topic, false});
      const auto source = builder.add_source(
          "from-" + part.front(), topics, ErrorPolicy::kInherit, [] { return std::make_unique<RawSource>(); },
          where);
      builder.add_sink(
          "to-" + part.front(), source, {{"out", false}}, [] { return std::make_unique<RawSink>("out"); },
          where);
    }
    return *builder.build();
  }

  std::unique_ptr<App> launch(const Topology& topology, const std::string& instance) {
    AppConfig config;
    config.application_id = "copy";
    config.transport = make_embedded_transport(broker_);
    config.guarantee = GetParam();
    config.commit_interval = 20ms;
    config.state_directory = scratch_ / instance;
    config.session_timeout = 2s;
    config.topic_refresh_interval = 50ms;
    config.log = [this, instance](LogLevel, std::string_view text) {
      const std::lock_guard lock(mutex_);
      log_.append(instance).append(": ").append(text).append("\n");
    };
    auto app = App::create(topology, std::move(config));
    EXPECT_TRUE(app.ok()) << app.status();
    EXPECT_TRUE((*app)->start().ok());
    return *std::move(app);
  }
  std::unique_ptr<App> start(const Topology& topology, const std::string& instance) {
    auto app = launch(topology, instance);
    EXPECT_TRUE(app->wait_for(AppState::kRunning, 60s)) << app->failure();
    return app;
  }

  void write(const std::string& topic, Partition partition, const std::string& value) {
    ASSERT_TRUE(broker_->append(topic, partition, {.key = value, .value = value, .timestamp = 1}).ok());
  }

  std::vector<std::string> output() {
    std::vector<std::string> values;
    for (Partition partition = 0; partition < 2; ++partition) {
      for (const BrokerRecord& record : broker_->read("out", partition)) values.push_back(*record.value);
    }
    std::sort(values.begin(), values.end());
    return values;
  }
  bool copied(const std::vector<std::string>& values) {
    return eventually([&] { return output() == values; });
  }

  // What is recorded last.
  TokenPlan tokens() {
    TokenPlan last;
    for (const BrokerRecord& record : broker_->read("copy-tasks", 0)) {
      const auto plan = decode_tokens(*record.value);
      EXPECT_TRUE(plan.ok()) << plan.status();
      if (plan.ok() && plan->version > last.version) last = *plan;
    }
    return last;
  }

  bool said(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return log_.find(text) != std::string::npos;
  }

  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  const ScratchFolder scratch_;
  std::mutex mutex_;
  std::string log_;  // guarded by the mutex
};

INSTANTIATE_TEST_SUITE_P(BothGuarantees, TokensTest,
                         testing::Values(Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce),
                         [](const auto& parameter) {
                           return parameter.param == Guarantee::kAtLeastOnce ? "AtLeastOnce" : "ExactlyOnce";
                         });

TEST_P(TokensTest, KeepTheirMeaningInAnUpgradeOfOneInstanceAfterTheOther) {
  auto first = start(topology({{"b"}, {"c"}}), "first");
  const TokenPlan before = tokens();
  EXPECT_EQ(before.version, 1);
  write("b", 0, "b1");
  ASSERT_TRUE(copied({"b1"}));

  // In the new version everything has another number. The old one does not know some of what it is given, and says so.
  const Topology upgraded = topology({{"a"}, {"c"}, {"b"}});
  auto second = start(upgraded, "second");
  const TokenPlan after = tokens();
  EXPECT_EQ(after.version, 2);
  EXPECT_EQ(std::vector(after.tokens.begin(), after.tokens.begin() + 4), before.tokens);
  EXPECT_EQ(after.tokens.size(), 6U);
  EXPECT_EQ(broker_->describe("copy-tasks").partitions, 6);
  write("b", 1, "b2");
  write("c", 0, "c1");
  write("c", 1, "c2");
  ASSERT_TRUE(copied({"b1", "b2", "c1", "c2"}));
  ASSERT_TRUE(eventually([&] {
    return said("first: the group has agreed on other tasks") ||
           said("first: the topic copy-tasks had 4 partitions and has 6");
  }));

  // An old instance may come back in between.
  ASSERT_TRUE(first->close(60s).ok());
  first.reset();  // lets go of the state directory
  first = start(topology({{"b"}, {"c"}}), "first");
  EXPECT_EQ(tokens(), after);
  write("c", 1, "c3");
  ASSERT_TRUE(copied({"b1", "b2", "c1", "c2", "c3"}));
  ASSERT_TRUE(first->close(60s).ok());
  first.reset();
  first = start(upgraded, "first");
  write("a", 0, "a1");
  write("a", 1, "a2");
  EXPECT_TRUE(copied({"a1", "a2", "b1", "b2", "c1", "c2", "c3"}));
  EXPECT_EQ(tokens(), after);
  EXPECT_TRUE(first->close(60s).ok());
  EXPECT_TRUE(second->close(60s).ok());
}

TEST_P(TokensTest, OfAnotherProgramAreRefusedWhileSomebodyIsThere) {
  auto first = start(topology({{"a"}, {"b"}}), "first");
  auto other = launch(topology({{"a", "b"}}), "other");
  EXPECT_TRUE(other->wait_for(AppState::kError, 60s));
  const std::string why = message_of(other->failure());
  EXPECT_HAS(why, "are not those of the group copy, in which there is copy-");
  EXPECT_HAS(why, "the sub-topology that reads a, b is 2 there");
  EXPECT_HAS(why, "Stop the other instances");
  EXPECT_EQ(tokens().version, 1);
  write("a", 0, "a1");
  EXPECT_TRUE(copied({"a1"}));
  ASSERT_TRUE(first->close(60s).ok());

  // Alone it may.
  other.reset();
  other = start(topology({{"a", "b"}}), "other");
  EXPECT_EQ(tokens().parts, (std::vector<std::set<std::string>>{{"a", "b"}}));
  EXPECT_EQ(tokens().tokens.size(), 2U);
  write("a", 1, "a2");
  write("b", 0, "b1");
  EXPECT_TRUE(copied({"a1", "a2", "b1"}));
  EXPECT_TRUE(other->close(60s).ok());
}

TEST_P(TokensTest, ComeWithPartitionsOfTheSources) {
  const auto first = start(topology({{"a"}, {"b"}}), "first");
  const auto second = start(topology({{"a"}, {"b"}}), "second");
  ASSERT_TRUE(broker_->grow_topic("b", 3).ok());
  write("b", 2, "b1");
  EXPECT_TRUE(copied({"b1"}));
  EXPECT_EQ(tokens().tokens.size(), 5U);
  for (Partition partition = 0; partition < 2; ++partition) {
    write("a", partition, "a" + std::to_string(partition));
    write("b", partition, "c" + std::to_string(partition));
  }
  EXPECT_TRUE(copied({"a0", "a1", "b1", "c0", "c1"}));
  EXPECT_TRUE(first->close(60s).ok());
  EXPECT_TRUE(second->close(60s).ok());
}

TEST_P(TokensTest, ThatCannotBeReadAreSaidSo) {
  ASSERT_TRUE(broker_->create_topic("copy-tasks", 2, {{"retention.ms", "-1"}}).ok());
  ASSERT_TRUE(
      broker_->append("copy-tasks", 0, {.key = "plan", .value = "{\"version\"", .timestamp = 1}).ok());
  const auto app = launch(topology({{"a"}}), "only");
  EXPECT_TRUE(app->wait_for(AppState::kError, 60s));
  EXPECT_HAS(message_of(app->failure()), "topic=copy-tasks partition=0 offset=0");
}

TEST_P(TokensTest, AreOnlyTheFirstOfAVersion) {
  ASSERT_TRUE(broker_->create_topic("copy-tasks", 2, {{"retention.ms", "-1"}}).ok());
  const TokenPlan counts{1, {{"a"}}, {{0, 1}, {0, 0}}};
  const TokenPlan late{1, {{"a"}}, {{0, 0}, {0, 1}}};
  for (const TokenPlan& plan : {counts, late}) {
    ASSERT_TRUE(
        broker_->append("copy-tasks", 0, {.key = "plan", .value = encode_tokens(plan), .timestamp = 1}).ok());
  }
  const auto app = start(topology({{"a"}}), "only");
  EXPECT_EQ(broker_->end_offset("copy-tasks", 0), 2);
  write("a", 0, "a1");
  EXPECT_TRUE(copied({"a1"}));
  EXPECT_TRUE(app->close(60s).ok());
}

}  // namespace
}  // namespace weir
