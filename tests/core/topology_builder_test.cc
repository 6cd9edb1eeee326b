#include <weir/core/topology_builder.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "map_engine.h"
#include "text_nodes.h"

namespace weir {
namespace {

using test::map_store;
using test::MapEngine;
using test::TextBuilder;

std::source_location here(std::source_location where = std::source_location::current()) { return where; }

// "<this file>:<line>: <what>", as a problem is reported.
std::string at(unsigned line, const std::string& what) {
  return fmt::format("{}:{}: {}", __FILE__, line, what);
}

std::string problems_of(const TopologyBuilder& builder) {
  const auto topology = builder.build();
  EXPECT_EQ(topology.status().code(), absl::StatusCode::kInvalidArgument) << topology.status();
  return message_of(topology.status());
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

std::vector<std::string> names_in(const Topology& topology, const SubTopology& part) {
  std::vector<std::string> names;
  for (const NodeIndex node : part.nodes) names.push_back(topology.nodes[node].name);
  return names;
}

TEST(TopologyBuilder, CountsNamesPerVerb) {
  TopologyBuilder builder;
  EXPECT_EQ(builder.name_for("filter", ""), "filter-1");
  EXPECT_EQ(builder.name_for("map", ""), "map-1");
  EXPECT_EQ(builder.name_for("filter", ""), "filter-2");
  EXPECT_EQ(builder.name_for("filter", "mine"), "mine");
  // A name given by the user takes a number too: naming one node later renames no other.
  EXPECT_EQ(builder.name_for("filter", ""), "filter-4");
}

TEST(TopologyBuilder, BuildsWhatFitsTogether) {
  TextBuilder text;
  const NodeIndex in = text.source("in", {{"in"}});
  const NodeIndex pass = text.pass("pass", {in});
  const NodeIndex out = text.sink("out", pass, {"out"});
  const auto topology = text.builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(topology->nodes[in].children, std::vector{pass});
  EXPECT_EQ(topology->nodes[pass].parents, std::vector{in});
  EXPECT_EQ(topology->nodes[out].kind, NodeKind::kSink);
  ASSERT_EQ(topology->sub_topologies.size(), 1u);
  EXPECT_EQ(topology->engine, nullptr);
}

TEST(TopologyBuilder, ReportsAllProblemsAtOnceWithTheCallersLine) {
  TextBuilder text;
  const auto engine = std::make_shared<MapEngine>();
  text.source("in", {{"in"}});
  const unsigned twice = here().line() + 1;
  text.source("in", {{"other"}});
  const unsigned again = here().line() + 1;
  const NodeIndex third = text.source("third", {{"in"}});
  const unsigned missing = here().line() + 1;
  text.pass("counts", {third}, {"no-such-store"});
  const unsigned illegal = here().line() + 1;
  text.sink("out", third, {"out put"});
  text.builder.add_store(map_store("s"), engine, here());
  const unsigned second_store = here().line() + 1;
  text.builder.add_store(map_store("s"), engine, here());
  const unsigned reported = here().line() + 1;
  text.builder.problem("what the verb found", here());

  const std::string problems = problems_of(text.builder);

  EXPECT_HAS(problems, "the topology has 6 problems:");
  EXPECT_HAS(problems, at(twice, fmt::format("two nodes are called 'in' (the other at line {})", twice - 2)));
  EXPECT_HAS(problems, at(again, "the topic 'in' is read by two sources, 'in' and 'third'"));
  EXPECT_HAS(problems, at(missing, "node 'counts' uses the store 'no-such-store', which was never added"));
  EXPECT_HAS(problems, at(illegal, "the topic name 'out put' has a character other than"));
  EXPECT_HAS(problems, at(second_store, "two stores are called 's'"));
  EXPECT_HAS(problems, at(reported, "what the verb found"));
}

TEST(TopologyBuilder, RefusesATopologyThatReadsNothing) {
  const TopologyBuilder builder;
  const unsigned line = here().line() + 1;
  const auto topology = builder.build();
  EXPECT_EQ(message_of(topology.status()),
            "the topology has 1 problem:\n  " + at(line, "the topology reads no topic"));
}

TEST(TopologyBuilder, RefusesASourceWithoutATopic) {
  TextBuilder text;
  text.source("in", {});
  EXPECT_HAS(problems_of(text.builder), "source 'in' reads no topic");
}

TEST(TopologyBuilder, RefusesANodeOfAnotherTopology) {
  TextBuilder text;
  text.source("in", {{"in"}});
  text.pass("lost", {7});
  text.sink("out", 7, {"out"});
  // Itself is no parent either.
  text.pass("self", {3});
  const std::string problems = problems_of(text.builder);
  EXPECT_HAS(problems, "node 'lost' takes records from a node of another topology");
  EXPECT_HAS(problems, "node 'out' takes records from a node of another topology");
  EXPECT_HAS(problems, "node 'self' takes records from a node of another topology");
  EXPECT_TRUE(text.builder.sources_of(99).empty());
}

TEST(TopologyBuilder, RefusesANodeThatNothingFeeds) {
  TextBuilder text;
  text.source("in", {{"in"}});
  text.pass("lonely", {});
  EXPECT_HAS(problems_of(text.builder), "node 'lonely' takes records from nowhere");
}

TEST(TopologyBuilder, RefusesRecordsFromASink) {
  TextBuilder text;
  const NodeIndex sink = text.sink("out", text.source("in", {{"in"}}), {"out"});
  text.pass("after", {sink});
  EXPECT_HAS(problems_of(text.builder), "node 'after' takes records from the sink 'out'");
}

TEST(TopologyBuilder, RefusesEmptyNamesAndMissingFactories) {
  TextBuilder text;
  const NodeIndex in = text.source("", {{"in"}});
  text.builder.add_processor("nothing", {in}, {}, ErrorPolicy::kInherit, nullptr, here());
  const std::string problems = problems_of(text.builder);
  EXPECT_HAS(problems, "a node has an empty name");
  EXPECT_HAS(problems, "node 'nothing' has nothing that makes it");
}

TEST(TopologyBuilder, RefusesStoresWithoutAnEngine) {
  TextBuilder text;
  text.source("in", {{"in"}});
  text.builder.add_store(map_store("s"), nullptr, here());
  EXPECT_HAS(problems_of(text.builder), "stores were added without an engine");
}

TEST(TopologyBuilder, ChecksNamesOfTopicsAndStoresAsKafkaDoes) {
  const std::string longest(249, 'a');
  for (const std::string& name : {std::string("a.B_c-9"), longest}) {
    TextBuilder text;
    text.source("in", {{name}});
    EXPECT_TRUE(text.builder.build().ok()) << name;
  }
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), longest + "a",
                                  std::string("a/b"), std::string("a\0b", 3), std::string("caf\xc3\xa9")}) {
    TextBuilder text;
    text.source("in", {{name}});
    text.builder.add_store(map_store(name), std::make_shared<MapEngine>(), here());
    const std::string problems = problems_of(text.builder);
    EXPECT_HAS(problems, "the topic name '");
    EXPECT_HAS(problems, "the store name '");
  }
}

TEST(TopologyBuilder, ChecksRepartitionTopics) {
  TextBuilder text;
  const NodeIndex in = text.source("in", {{"in"}});
  const NodeIndex hop = text.sink("hop", in, {"r", true});
  text.builder.add_repartition({"r", 0, hop, here()});
  text.builder.add_repartition({"r", {}, hop, here()});
  const std::string problems = problems_of(text.builder);
  EXPECT_HAS(problems, "the repartition topic 'r' asks for 0 partitions");
  EXPECT_HAS(problems, "two repartition topics are called 'r'");
}

TEST(TopologyBuilder, AnInternalTopicMayBeCalledLikeAnExternalOne) {
  TextBuilder text;
  text.source("external", {{"same"}});
  text.source("internal", {{"same", true}});
  EXPECT_TRUE(text.builder.build().ok());
}

TEST(TopologyBuilder, ATopicBetweenTwoNodesParts) {
  TextBuilder text;
  const NodeIndex in = text.source("in", {{"in"}});
  const NodeIndex hop = text.sink("hop", in, {"r", true});
  text.builder.add_repartition({"r", {}, hop, here()});
  const NodeIndex hop_source = text.source("hop-source", {{"r", true}});
  text.sink("out", hop_source, {"out"});
  const auto topology = text.builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  ASSERT_EQ(topology->sub_topologies.size(), 2u);
  const auto& [first, second] = std::tie(topology->sub_topologies[0], topology->sub_topologies[1]);
  EXPECT_EQ(first.id, 0);
  EXPECT_EQ(second.id, 1);
  EXPECT_EQ(names_in(*topology, first), (std::vector<std::string>{"in", "hop"}));
  EXPECT_EQ(names_in(*topology, second), (std::vector<std::string>{"hop-source", "out"}));
  EXPECT_EQ(second.sources, (std::vector<TopicName>{{"r", true}}));
}

TEST(TopologyBuilder, AnEdgeJoinsAndSoDoesASharedStore) {
  const auto engine = std::make_shared<MapEngine>();
  TextBuilder text;
  text.builder.add_store(map_store("unused"), engine, here());
  text.builder.add_store(map_store("shared"), engine, here());
  text.builder.add_store(map_store("own"), engine, here());
  const NodeIndex z = text.source("z", {{"z"}});
  const NodeIndex b = text.source("b", {{"b"}});
  const NodeIndex alone = text.source("alone", {{"alone"}});
  const NodeIndex a = text.source("a", {{"a"}, {"A"}});
  text.pass("writer", {z}, {"shared"});
  text.pass("merge", {a, b});
  text.pass("own-user", {alone}, {"own"});
  text.pass("reader", {b}, {"shared"});
  const auto topology = text.builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  ASSERT_EQ(topology->sub_topologies.size(), 2u);
  // Numbered by the first node; sources sorted by topic; parents before children.
  EXPECT_EQ(names_in(*topology, topology->sub_topologies[0]),
            (std::vector<std::string>{"z", "b", "a", "writer", "merge", "reader"}));
  EXPECT_EQ(topology->sub_topologies[0].sources, (std::vector<TopicName>{{"A"}, {"a"}, {"b"}, {"z"}}));
  EXPECT_EQ(topology->sub_topologies[0].stores, std::vector<std::size_t>{1});
  EXPECT_EQ(names_in(*topology, topology->sub_topologies[1]),
            (std::vector<std::string>{"alone", "own-user"}));
  EXPECT_EQ(topology->sub_topologies[1].stores, std::vector<std::size_t>{2});
  EXPECT_EQ(topology->engine, engine);
}

TEST(TopologyBuilder, FindsTheSourcesAboveANode) {
  TextBuilder text;
  const NodeIndex a = text.source("a", {{"a"}});
  const NodeIndex b = text.source("b", {{"b"}, {"c"}});
  const NodeIndex pass = text.pass("pass", {a});
  const NodeIndex both = text.pass("both", {pass, b, a});
  EXPECT_EQ(text.builder.sources_of(pass), (std::set<TopicName>{{"a"}}));
  EXPECT_EQ(text.builder.sources_of(both), (std::set<TopicName>{{"a"}, {"b"}, {"c"}}));
}

TEST(TopologyBuilder, TurnsCopartitionDemandsIntoTopics) {
  TextBuilder text;
  const NodeIndex a = text.pass("pass", {text.source("a", {{"a"}})});
  const NodeIndex b = text.source("b", {{"b"}});
  text.builder.copartition({a, b}, "join", here());
  const auto topology = text.builder.build();
  ASSERT_TRUE(topology.ok());
  ASSERT_EQ(topology->copartitions.size(), 1u);
  EXPECT_EQ(topology->copartitions[0].topics, (std::set<TopicName>{{"a"}, {"b"}}));
  EXPECT_EQ(topology->copartitions[0].node, "join");
}

}  // namespace
}  // namespace weir
