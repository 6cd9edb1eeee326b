#include <weir/core/internal_topics.h>

#include <memory>
#include <tuple>

#include <gtest/gtest.h>

#include <weir/core/bootstrap.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/partition_plan.h>

#include "map_engine.h"
#include "text_nodes.h"

namespace weir {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using test::map_store;
using test::MapEngine;
using test::TextBuilder;

std::source_location here(std::source_location where = std::source_location::current()) { return where; }

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

constexpr char kHour[] = "3600000";

// Reads "in" through the repartition topic "r" into three stores: "counts", "windows" of an hour, "versions" of an hour.
class InternalTopicsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto engine = std::make_shared<MapEngine>();
    TextBuilder text;
    const NodeIndex hop = text.sink("r-sink", text.source("in", {{"in"}}), {"r", true}, "app");
    text.builder.add_repartition({"r", {}, hop, here()});
    StoreSpec windows = map_store("windows");
    windows.retention = 1h;
    StoreSpec versions = map_store("versions");
    versions.retention = 1h;
    versions.versioned = true;
    text.builder.add_store(map_store("counts"), engine, here());
    text.builder.add_store(windows, engine, here());
    text.builder.add_store(versions, engine, here());
    text.pass("user", {text.source("r", {{"r", true}})}, {"counts", "windows", "versions"});
    auto topology = text.builder.build();
    ASSERT_TRUE(topology.ok()) << topology.status();
    topology_ = *std::move(topology);
    ASSERT_TRUE(broker_->create_topic("in", 2).ok());
  }

  // Prepares the topics as an application does when it starts.
  absl::Status start(const InternalTopicOptions& options = {}) {
    warnings_.clear();
    const auto transport = make_embedded_transport(broker_);
    Bootstrap bootstrap(
        topology_, "app", "", *transport, clock_, clock_.steady() + 60s,
        {.internal_topics = options, .log = [this](LogLevel, std::string_view text) { warnings_ += text; }});
    for (int i = 0; i < 100; ++i) {
      const auto ready = bootstrap.step();
      if (!ready.ok()) return ready.status();
      if (*ready) return absl::OkStatus();
    }
    return absl::DeadlineExceededError("it does not end");
  }

  std::string setting(const std::string& topic, const std::string& name) {
    return broker_->describe(topic).config[name];
  }

  // Starts, changes a setting, starts again and returns what is said then.
  absl::Status start_after(const std::string& topic, const std::map<std::string, std::string>& changes,
                           const InternalTopicOptions& options = {}) {
    // Makes the topics; what an earlier change does to that is not of interest.
    std::ignore = start(options);
    if (const absl::Status changed = broker_->configure_topic(topic, changes); !changed.ok()) return changed;
    return start(options);
  }

  ManualClock clock_;
  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>(clock_);
  Topology topology_;
  std::string warnings_;
};

TEST_F(InternalTopicsTest, AreMadeAsTheirKindNeedsThem) {
  ASSERT_TRUE(start().ok());
  EXPECT_EQ(setting("app-counts-changelog", "cleanup.policy"), "compact");
  EXPECT_EQ(setting("app-windows-changelog", "cleanup.policy"), "compact,delete");
  EXPECT_EQ(setting("app-windows-changelog", "retention.ms"), std::to_string(25 * 3'600'000));
  EXPECT_EQ(setting("app-windows-changelog", "retention.bytes"), "-1");
  EXPECT_EQ(setting("app-versions-changelog", "cleanup.policy"), "compact");
  EXPECT_EQ(setting("app-versions-changelog", "min.compaction.lag.ms"), std::to_string(25 * 3'600'000));
  EXPECT_EQ(setting("app-r", "cleanup.policy"), "delete");
  EXPECT_EQ(setting("app-r", "retention.ms"), "-1");
  EXPECT_EQ(setting("app-r", "message.timestamp.type"), "CreateTime");
  EXPECT_EQ(setting("app-tasks", "retention.ms"), "-1");
  EXPECT_EQ(broker_->describe("app-r").partitions, 2);
  // And fit when the application starts again.
  EXPECT_TRUE(start().ok());
  EXPECT_EQ(warnings_, "");
}

TEST_F(InternalTopicsTest, AreMadeAsTheApplicationSays) {
  InternalTopicOptions options;
  options.min_insync_replicas = 2;
  options.changelog_additional_retention = 2h;
  options.config = {{"segment.ms", "1000"}};
  options.config_of["counts-changelog"] = {{"segment.ms", "2000"}, {"cleanup.policy", "compact,delete"}};
  ASSERT_TRUE(start(options).ok());
  EXPECT_EQ(setting("app-r", "segment.ms"), "1000");
  EXPECT_EQ(setting("app-r", "min.insync.replicas"), "2");
  EXPECT_EQ(setting("app-counts-changelog", "segment.ms"), "2000");
  EXPECT_EQ(setting("app-counts-changelog", "cleanup.policy"), "compact,delete");
  EXPECT_EQ(setting("app-windows-changelog", "retention.ms"), std::to_string(3 * 3'600'000));

  options.config_of["sums-changelog"] = {{"segment.ms", "2000"}};
  const absl::Status unknown = start(options);
  EXPECT_EQ(unknown.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_HAS(message_of(unknown), "sums-changelog. It makes r, counts-changelog");
}

TEST_F(InternalTopicsTest, KeepVersionsOfAnUnlimitedHistoryForEver) {
  StoreSpec store = map_store("versions");
  store.versioned = true;
  EXPECT_EQ(new_changelog(store, "app", 1, {}).config.at("min.compaction.lag.ms"), "9223372036854775807");
  store.retention = Duration::max();
  EXPECT_EQ(new_changelog(store, "app", 1, {}).config.at("min.compaction.lag.ms"), "9223372036854775807");
}

// ------------------------------------------------------------------------------------------------- mismatches

TEST_F(InternalTopicsTest, RefusesAChangelogThatForgetsRows) {
  const absl::Status refused = start_after("app-counts-changelog", {{"cleanup.policy", "delete"}});
  EXPECT_FALSE(refused.ok());
  EXPECT_HAS(message_of(refused), "app-counts-changelog: cleanup.policy is delete, should be compact");
  EXPECT_HAS(message_of(refused),
             "app-counts-changelog: retention.ms is 604800000, should be -1: records that are needed would "
             "be deleted: "
             "set retention.ms=-1 on the topic");
  // One that never deletes only grows.
  EXPECT_TRUE(start_after("app-counts-changelog", {{"retention.ms", "-1"}}).ok());
  EXPECT_HAS(warnings_, "app-counts-changelog: cleanup.policy is delete, should be compact");
}

TEST_F(InternalTopicsTest, ComparesRetentionWithWhatTheStoreKeeps) {
  // Less than was asked for, but as long as the store looks back.
  EXPECT_TRUE(start_after("app-windows-changelog", {{"retention.ms", kHour}}).ok());
  EXPECT_HAS(warnings_, "app-windows-changelog: retention.ms is 3600000, should be 90000000");
  EXPECT_FALSE(start_after("app-windows-changelog", {{"retention.ms", "3599999"}}).ok());
  EXPECT_TRUE(start_after("app-windows-changelog", {{"retention.ms", "-1"}}).ok());
  EXPECT_EQ(warnings_, "");
  EXPECT_FALSE(start_after("app-windows-changelog", {{"retention.bytes", "1000"}}).ok());
}

TEST_F(InternalTopicsTest, RefusesARepartitionTopicThatForgetsRecordsNobodyHasRead) {
  EXPECT_FALSE(start_after("app-r", {{"retention.ms", "1000"}}).ok());
  EXPECT_TRUE(start_after("app-r", {{"retention.ms", "-1"}}).ok());
  EXPECT_FALSE(start_after("app-r", {{"cleanup.policy", "compact"}}).ok());
  EXPECT_TRUE(start_after("app-r", {{"cleanup.policy", "delete"}}).ok());
  EXPECT_FALSE(start_after("app-r", {{"message.timestamp.type", "LogAppendTime"}}).ok());
}

TEST_F(InternalTopicsTest, TakesARetentionThatTheUserAskedFor) {
  InternalTopicOptions options;
  options.config_of["r"] = {{"retention.ms", "1000"}};
  EXPECT_TRUE(start(options).ok());
  EXPECT_TRUE(start(options).ok());
  EXPECT_EQ(warnings_, "");
}

TEST_F(InternalTopicsTest, RefusesAChangelogThatCompactsVersionsAway) {
  EXPECT_FALSE(start_after("app-versions-changelog", {{"min.compaction.lag.ms", "0"}}).ok());
  EXPECT_TRUE(start_after("app-versions-changelog", {{"min.compaction.lag.ms", kHour}}).ok());
  EXPECT_HAS(warnings_, "app-versions-changelog: min.compaction.lag.ms is 3600000, should be 90000000");
}

TEST_F(InternalTopicsTest, OnlyWarnsOfWhatIsHarmless) {
  InternalTopicOptions options;
  options.min_insync_replicas = 1;
  options.replication_factor = 1;
  ASSERT_TRUE(start(options).ok());
  options.min_insync_replicas = 2;
  options.replication_factor = 3;
  ASSERT_TRUE(start(options).ok());
  EXPECT_HAS(warnings_, "app-r: min.insync.replicas is 1, should be 2");
  EXPECT_HAS(warnings_, "app-r: replication factor is 1, should be 3");
}

TEST_F(InternalTopicsTest, NamesAllMismatchesAtOnce) {
  ASSERT_TRUE(broker_->create_topic("app-counts-changelog", 1, {{"cleanup.policy", "compact"}}).ok());
  ASSERT_TRUE(broker_->create_topic("app-windows-changelog", 5, {{"cleanup.policy", "compact"}}).ok());
  ASSERT_TRUE(broker_->create_topic("app-r", 3, {{"retention.ms", "-1"}}).ok());
  const absl::Status refused = start();
  EXPECT_FALSE(refused.ok());
  const std::string message = message_of(refused);
  EXPECT_HAS(message, "app-r: partitions is 3, should be 2");
  EXPECT_HAS(message, "app-counts-changelog: partitions is 1, should be 2");
  EXPECT_HAS(message, "app-windows-changelog: partitions is 5, should be 2: the others stay empty");
  EXPECT_HAS(message, "app-windows-changelog: cleanup.policy is compact, should be compact,delete: it grows");
}

// ------------------------------------------------------------------------------------------------- missing topics

TEST_F(InternalTopicsTest, WaitsForMissingTopicsIfAsked) {
  ASSERT_TRUE(broker_->delete_topic("in").ok());
  EXPECT_EQ(start().code(), absl::StatusCode::kNotFound);

  const auto transport = make_embedded_transport(broker_);
  const auto make = [&] {
    return std::make_unique<Bootstrap>(
        topology_, "app", "aside", *transport, clock_, clock_.steady() + 60s,
        BootstrapOptions{.wait_for_topics = true,
                         .log = [this](LogLevel, std::string_view text) { warnings_ += text; }});
  };
  const auto step = [&](Bootstrap& bootstrap) {
    absl::StatusOr<bool> ready = false;
    for (int i = 0; i < 20 && ready.ok() && !*ready; ++i) {
      clock_.advance(1s);
      ready = bootstrap.step();
    }
    return ready;
  };
  auto waiting = make();
  auto ready = step(*waiting);
  ASSERT_TRUE(ready.ok()) << ready.status();
  EXPECT_FALSE(*ready);
  EXPECT_EQ(warnings_, "source topic missing: in; dead-letter topic missing: aside. Waiting for them");
  ASSERT_TRUE(broker_->create_topic("in", 2).ok());
  ASSERT_TRUE(broker_->create_topic("aside", 1).ok());
  ready = step(*waiting);
  ASSERT_TRUE(ready.ok()) << ready.status();
  EXPECT_TRUE(*ready);

  ASSERT_TRUE(broker_->delete_topic("in").ok());
  waiting = make();
  for (int i = 0; i < 5; ++i) ready = ready.ok() ? step(*waiting) : ready;
  EXPECT_EQ(ready.status().code(), absl::StatusCode::kNotFound);
  EXPECT_HAS(message_of(ready.status()), "source topic missing: in");
}

// ------------------------------------------------------------------------------------------------- absent brokers

TEST_F(InternalTopicsTest, TellsThatTheBrokersDoNotAnswer) {
  struct Silence : Faults {
    Fate fate_of(const FaultSite&) override { return Fate::lost_request(15s); }
  };
  broker_->set_faults(std::make_shared<Silence>());
  const auto transport = make_embedded_transport(broker_);
  std::vector<std::string> told;
  Bootstrap bootstrap(topology_, "app", "", *transport, clock_, clock_.steady() + 30s,
                      {.log = [&](LogLevel, std::string_view text) { told.emplace_back(text); }});
  absl::StatusOr<bool> ready = false;
  for (int i = 0; i < 60 && ready.ok(); ++i) {
    EXPECT_FALSE(*ready);
    clock_.advance(1s);
    ready = bootstrap.step();
  }
  ASSERT_EQ(told.size(), 5U);
  EXPECT_EQ(told.front(), "waiting for the brokers to answer, for 25 s more");
  EXPECT_HAS(told.back(), "for 5 s more: ");
  EXPECT_HAS(message_of(ready.status()), "gave up waiting for the broker");
}

}  // namespace
}  // namespace weir
