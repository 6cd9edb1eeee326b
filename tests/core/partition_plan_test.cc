#include <weir/core/partition_plan.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "map_engine.h"
#include "text_nodes.h"

namespace weir {
namespace {

using test::map_store;
using test::MapEngine;
using test::TextBuilder;

using Counts = std::map<std::string, Partition>;

std::source_location here(std::source_location where = std::source_location::current()) { return where; }

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

absl::StatusOr<PartitionPlan> plan(const TextBuilder& text, const Counts& partitions) {
  const auto topology = text.builder.build();
  EXPECT_TRUE(topology.ok()) << topology.status();
  return plan_partitions(*topology, "app", partitions);
}

// A stream whose key was changed: in → r (internal). Returns the source of r.
NodeIndex rekeyed(TextBuilder& text, const std::string& in, const std::string& r,
                  std::optional<Partition> partitions = {}) {
  const NodeIndex hop = text.sink(r + "-sink", text.source(in, {{in}}), {r, true}, "app");
  text.builder.add_repartition({r, partitions, hop, here()});
  return text.source(r + "-source", {{r, true}});
}

Partition count_of(const PartitionPlan& plan, const std::string& topic) {
  const auto found = plan.partitions.find(topic);
  return found == plan.partitions.end() ? 0 : found->second;
}

// "0_1[in/1 other/1] ..." in the order of the tokens.
std::string tasks_of(const PartitionPlan& plan) {
  std::string text;
  for (const TaskPlan& task : plan.tasks) {
    std::string sources;
    for (const TopicPartition& source : task.sources) {
      sources += fmt::format("{}{}/{}", sources.empty() ? "" : " ", source.topic, source.partition);
    }
    text += fmt::format("{}{}[{}]", text.empty() ? "" : " ", task.id.name(), sources);
  }
  return text;
}

TEST(PartitionPlan, HasATaskPerPartitionOfTheLargestSource) {
  TextBuilder text;
  text.pass("both", {text.source("a", {{"a"}}), text.source("b", {{"b"}})});
  const auto result = plan(text, {{"a", 1}, {"b", 3}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(tasks_of(*result), "0_0[a/0 b/0] 0_1[b/1] 0_2[b/2]");
  EXPECT_TRUE(result->internal_topics.empty());
}

TEST(PartitionPlan, NumbersTokensPartitionMajor) {
  TextBuilder text;
  text.source("a", {{"a"}});
  text.source("b", {{"b"}});
  const auto result = plan(text, {{"a", 3}, {"b", 2}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(tasks_of(*result), "0_0[a/0] 1_0[b/0] 0_1[a/1] 1_1[b/1] 0_2[a/2]");
}

TEST(PartitionPlan, MatchesPatternsAgainstWhatThereIs) {
  TextBuilder text;
  text.builder.add_pattern_source(
      "s", TopicPattern("in[0-9]", 3), ErrorPolicy::kInherit,
      [] { return std::make_unique<test::TextSource>(); }, here());
  const auto result = plan(text, {{"in1", 1}, {"in2", 2}, {"in22", 5}, {"in3", 0}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(tasks_of(*result), "0_0[in1/0 in2/0] 0_1[in2/1] 0_2[]");
  EXPECT_EQ(result->matched, (std::set<std::string>{"in1", "in2"}));
}

TEST(PartitionPlan, RefusesATopicThatTwoPatternsMatch) {
  TextBuilder text;
  const auto make = [] { return std::make_unique<test::TextSource>(); };
  text.builder.add_pattern_source("s", TopicPattern("in.*"), ErrorPolicy::kInherit, make, here());
  text.builder.add_pattern_source("t", TopicPattern(".*1"), ErrorPolicy::kInherit, make, here());
  const auto result = plan(text, {{"in1", 1}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_HAS(message_of(result.status()), "'in1' matches the patterns of two sources, 's' and 't'");
}

TEST(PartitionPlan, NeverMatchesTopicsOfItsOwn) {
  TextBuilder text;
  const NodeIndex source = text.builder.add_pattern_source(
      "s", TopicPattern(".*"), ErrorPolicy::kInherit, [] { return std::make_unique<test::TextSource>(); },
      here());
  text.builder.add_repartition({"r", {}, text.sink("r-sink", source, {"r", true}, "app"), here()});
  text.source("r-source", {{"r", true}});
  text.builder.add_store(map_store("counts"), std::make_shared<MapEngine>(), here());
  const auto topology = text.builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(
      matching_topics(*topology, "app", {"a", "app-r", "app-tasks", "app-counts-changelog", "app-other"}),
      (std::set<std::string>{"a", "app-other"}));
}

TEST(PartitionPlan, NamesEveryMissingSource) {
  TextBuilder text;
  text.source("a", {{"a"}, {"b"}, {"c"}});
  const auto result = plan(text, {{"b", 2}, {"c", 0}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kNotFound);
  EXPECT_HAS(message_of(result.status()), "source topics missing: a, c");
}

TEST(PartitionPlan, ListsExternalTopicsOnly) {
  TextBuilder text;
  const NodeIndex r = rekeyed(text, "in", "r");
  text.sink("out", r, {"out"}, "app");
  text.sink("again", r, {"in"}, "app");
  const auto topology = text.builder.build();
  ASSERT_TRUE(topology.ok());
  EXPECT_EQ(external_sources(*topology), std::vector<std::string>{"in"});
  EXPECT_EQ(external_sinks(*topology), (std::vector<std::string>{"in", "out"}));
}

TEST(PartitionPlan, ARepartitionTopicIsAsLargeAsTheLargestSourceUpstream) {
  TextBuilder text;
  const NodeIndex both = text.pass("both", {text.source("a", {{"a"}}), text.source("b", {{"b"}})});
  text.builder.add_repartition({"r1", {}, text.sink("s1", both, {"r1", true}, "app"), here()});
  const NodeIndex r1 = text.source("r1-source", {{"r1", true}});
  // And a topic behind it as large as it.
  text.builder.add_repartition({"r2", {}, text.sink("s2", r1, {"r2", true}, "app"), here()});
  text.source("r2-source", {{"r2", true}});
  const auto result = plan(text, {{"a", 2}, {"b", 5}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(count_of(*result, "app-r1"), 5);
  EXPECT_EQ(count_of(*result, "app-r2"), 5);
  EXPECT_EQ(result->tasks.size(), 15u);
}

TEST(PartitionPlan, ARepartitionTopicHasTheCountTheUserGave) {
  TextBuilder text;
  rekeyed(text, "in", "r", 7);
  const auto result = plan(text, {{"in", 2}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(count_of(*result, "app-r"), 7);
  ASSERT_EQ(result->internal_topics.size(), 1u);
  const NewTopic& topic = result->internal_topics[0];
  EXPECT_EQ(topic.name, "app-r");
  EXPECT_EQ(topic.partitions, 7);
  EXPECT_EQ(topic.config, (std::map<std::string, std::string>{{"cleanup.policy", "delete"},
                                                              {"retention.bytes", "-1"},
                                                              {"retention.ms", "-1"},
                                                              {"segment.bytes", "52428800"},
                                                              {"message.timestamp.type", "CreateTime"}}));
}

TEST(PartitionPlan, ARepartitionTopicThatFeedsItselfCountsItsOtherSources) {
  TextBuilder text;
  const NodeIndex in = text.source("in", {{"in"}});
  const NodeIndex r = text.source("r-source", {{"r", true}});
  const NodeIndex both = text.pass("both", {in, r});
  text.builder.add_repartition({"r", {}, text.sink("s", both, {"r", true}, "app"), here()});
  const auto result = plan(text, {{"in", 4}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(count_of(*result, "app-r"), 4);
}

TEST(PartitionPlan, TwoRepartitionTopicsThatFeedEachOtherAgree) {
  TextBuilder text;
  const NodeIndex in = text.source("in", {{"in"}});
  const NodeIndex ping = text.pass("ping", {in, text.source("pong-source", {{"pong", true}})});
  text.builder.add_repartition({"ping", {}, text.sink("s1", ping, {"ping", true}, "app"), here()});
  const NodeIndex ping_source = text.source("ping-source", {{"ping", true}});
  text.builder.add_repartition({"pong", {}, text.sink("s2", ping_source, {"pong", true}, "app"), here()});
  const auto result = plan(text, {{"in", 4}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(count_of(*result, "app-ping"), 4);
  EXPECT_EQ(count_of(*result, "app-pong"), 4);
}

TEST(PartitionPlan, ReportsAnInternalTopicThatNobodyMakes) {
  TextBuilder text;
  text.source("in", {{"in"}});
  text.source("r", {{"r", true}});
  const auto result = plan(text, {{"in", 1}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_HAS(message_of(result.status()), "sub-topology 1");
}

// ------------------------------------------------------------------------------------- co-partitioning

TEST(PartitionPlan, ExternalInputsOfAJoinMustHaveTheSameCount) {
  TextBuilder text;
  const NodeIndex a = text.source("a", {{"a"}});
  const NodeIndex b = text.source("b", {{"b"}});
  const unsigned line = here().line() + 1;
  text.builder.copartition({a, b}, "join-1", here());
  EXPECT_TRUE(plan(text, {{"a", 4}, {"b", 4}}).ok());
  const auto result = plan(text, {{"a", 4}, {"b", 8}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_HAS(
      message_of(result.status()),
      fmt::format("{}:{}: the inputs of 'join-1' are not co-partitioned: a has 4, b has 8", __FILE__, line));
}

TEST(PartitionPlan, ARepartitionTopicFollowsTheExternalInputOfItsJoin) {
  for (const Partition external : {2, 16}) {
    TextBuilder text;
    const NodeIndex r = rekeyed(text, "in", "r");
    text.builder.copartition({r, text.source("b", {{"b"}})}, "join", here());
    const auto result = plan(text, {{"in", 8}, {"b", external}});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(count_of(*result, "app-r"), external);
  }
}

TEST(PartitionPlan, ACountTheUserGaveMustFitTheExternalInput) {
  TextBuilder text;
  const NodeIndex r = rekeyed(text, "in", "r", 3);
  text.builder.copartition({r, text.source("b", {{"b"}})}, "join", here());
  EXPECT_TRUE(plan(text, {{"in", 8}, {"b", 3}}).ok());
  const auto result = plan(text, {{"in", 8}, {"b", 4}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_HAS(message_of(result.status()), "r has 3, b has 4");
}

TEST(PartitionPlan, CountsTheUserGaveMustAgree) {
  TextBuilder text;
  text.builder.copartition({rekeyed(text, "a", "r1", 3), rekeyed(text, "b", "r2", 4)}, "join", here());
  EXPECT_EQ(plan(text, {{"a", 8}, {"b", 8}}).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(PartitionPlan, ACountTheUserGaveRulesTheOtherRepartitionTopic) {
  TextBuilder text;
  text.builder.copartition({rekeyed(text, "a", "r1", 3), rekeyed(text, "b", "r2")}, "join", here());
  const auto result = plan(text, {{"a", 8}, {"b", 8}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(count_of(*result, "app-r1"), 3);
  EXPECT_EQ(count_of(*result, "app-r2"), 3);
}

TEST(PartitionPlan, FreeRepartitionTopicsTakeTheLargestCount) {
  TextBuilder text;
  text.builder.copartition({rekeyed(text, "a", "r1"), rekeyed(text, "b", "r2")}, "join", here());
  const auto result = plan(text, {{"a", 2}, {"b", 6}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(count_of(*result, "app-r1"), 6);
  EXPECT_EQ(count_of(*result, "app-r2"), 6);
}

TEST(PartitionPlan, JoinsThatShareAnInputAreLevelledTogether) {
  // r1 with r2 first, then r2 with an external topic: all three agree.
  TextBuilder text;
  const NodeIndex r1 = rekeyed(text, "a", "r1");
  const NodeIndex r2 = rekeyed(text, "b", "r2");
  text.builder.copartition({r1, r2}, "first", here());
  text.builder.copartition({r2, text.source("c", {{"c"}})}, "second", here());
  const auto result = plan(text, {{"a", 2}, {"b", 6}, {"c", 5}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(count_of(*result, "app-r1"), 5);
  EXPECT_EQ(count_of(*result, "app-r2"), 5);
}

TEST(PartitionPlan, ARepartitionTopicCannotFollowTwoInputs) {
  TextBuilder text;
  const NodeIndex r = rekeyed(text, "a", "r");
  text.builder.copartition({r, text.source("b", {{"b"}})}, "first", here());
  text.builder.copartition({r, text.source("c", {{"c"}})}, "second", here());
  EXPECT_TRUE(plan(text, {{"a", 1}, {"b", 4}, {"c", 4}}).ok());
  const auto result = plan(text, {{"a", 1}, {"b", 4}, {"c", 8}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_HAS(message_of(result.status()),
             "the inputs of 'first', 'second' are not co-partitioned: b has 4, c has 8");
}

// ------------------------------------------------------------------------------------------------ changelogs

TEST(PartitionPlan, AChangelogHasAPartitionPerTask) {
  const auto engine = std::make_shared<MapEngine>();
  TextBuilder text;
  StoreSpec windowed = map_store("windows");
  windowed.retention = std::chrono::hours{1};
  StoreSpec unlogged = map_store("cache");
  unlogged.logged = false;
  text.builder.add_store(map_store("counts"), engine, here());
  text.builder.add_store(windowed, engine, here());
  text.builder.add_store(unlogged, engine, here());
  text.builder.add_store(map_store("unused"), engine, here());
  text.pass("user", {text.source("in", {{"in"}})}, {"counts", "windows", "cache"});
  const auto result = plan(text, {{"in", 3}});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->internal_topics.size(), 2u);
  EXPECT_EQ(result->internal_topics[0].name, "app-counts-changelog");
  EXPECT_EQ(result->internal_topics[0].partitions, 3);
  EXPECT_EQ(result->internal_topics[0].config.at("cleanup.policy"), "compact");
  EXPECT_EQ(result->internal_topics[1].config.at("cleanup.policy"), "compact,delete");
  EXPECT_EQ(result->internal_topics[1].config.at("retention.ms"), std::to_string((1 + 24) * 3'600'000));
  EXPECT_EQ(count_of(*result, "app-counts-changelog"), 3);
}

TEST(PartitionPlan, NamesInternalTopicsAfterTheApplication) {
  EXPECT_EQ(tasks_topic("app"), "app-tasks");
  EXPECT_EQ(changelog_topic("app", "counts"), "app-counts-changelog");
}

}  // namespace
}  // namespace weir
