#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "map_engine.h"
#include "text_nodes.h"

namespace weir {
namespace {

using nlohmann::json;
using test::map_store;
using test::MapEngine;
using test::TextBuilder;

std::source_location here(std::source_location where = std::source_location::current()) { return where; }

Topology built(const TextBuilder& text) {
  auto topology = text.builder.build();
  EXPECT_TRUE(topology.ok()) << topology.status();
  return *std::move(topology);
}

// groupBy(v).count().toStream().to("out"), with the names and in the order in which Kafka Streams 4.3 adds
// the nodes.
Topology kafka_count() {
  TextBuilder text;
  const std::string store = "KSTREAM-AGGREGATE-STATE-STORE-0000000002";
  const TopicName hop{store + "-repartition", true};
  text.builder.add_store(map_store(store), std::make_shared<MapEngine>(), here());
  const NodeIndex source = text.source("KSTREAM-SOURCE-0000000000", {{"in"}});
  const NodeIndex key = text.pass("KSTREAM-KEY-SELECT-0000000001", {source});
  const NodeIndex filter = text.pass("KSTREAM-FILTER-0000000005", {key});
  const NodeIndex sink = text.sink("KSTREAM-SINK-0000000004", filter, hop);
  text.builder.add_repartition({hop.name, {}, sink, here()});
  const NodeIndex hop_source = text.source("KSTREAM-SOURCE-0000000006", {hop});
  const NodeIndex aggregate = text.pass("KSTREAM-AGGREGATE-0000000003", {hop_source}, {store});
  const NodeIndex to_stream = text.pass("KTABLE-TOSTREAM-0000000007", {aggregate});
  text.sink("KSTREAM-SINK-0000000008", to_stream, {"out"});
  return built(text);
}

// As printed by Kafka Streams 4.3.0.
constexpr char kKafkaCount[] = R"(Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [in])
      --> KSTREAM-KEY-SELECT-0000000001
    Processor: KSTREAM-KEY-SELECT-0000000001 (stores: [])
      --> KSTREAM-FILTER-0000000005
      <-- KSTREAM-SOURCE-0000000000
    Processor: KSTREAM-FILTER-0000000005 (stores: [])
      --> KSTREAM-SINK-0000000004
      <-- KSTREAM-KEY-SELECT-0000000001
    Sink: KSTREAM-SINK-0000000004 (topic: KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition)
      <-- KSTREAM-FILTER-0000000005

  Sub-topology: 1
    Source: KSTREAM-SOURCE-0000000006 (topics: [KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition])
      --> KSTREAM-AGGREGATE-0000000003
    Processor: KSTREAM-AGGREGATE-0000000003 (stores: [KSTREAM-AGGREGATE-STATE-STORE-0000000002])
      --> KTABLE-TOSTREAM-0000000007
      <-- KSTREAM-SOURCE-0000000006
    Processor: KTABLE-TOSTREAM-0000000007 (stores: [])
      --> KSTREAM-SINK-0000000008
      <-- KSTREAM-AGGREGATE-0000000003
    Sink: KSTREAM-SINK-0000000008 (topic: out)
      <-- KTABLE-TOSTREAM-0000000007

)";

TEST(Describe, PrintsWhatKafkaStreamsPrintsForTheSameNodes) {
  EXPECT_EQ(kafka_count().describe(), kKafkaCount);
}

TEST(Describe, OrdersNodesAndArrowsBySubtreeThenName) {
  TextBuilder text;
  const auto engine = std::make_shared<MapEngine>();
  text.builder.add_store(map_store("s2"), engine, here());
  text.builder.add_store(map_store("s1"), engine, here());
  const NodeIndex small = text.source("small", {{"y"}, {"x"}});
  const NodeIndex large = text.source("large", {{"z"}});
  const NodeIndex leaf = text.pass("leaf", {large});
  const NodeIndex chain = text.pass("chain", {large});
  const NodeIndex join = text.pass("join", {small, chain}, {"s2", "s1"});
  text.builder.add_sink(
      "b-dynamic", join, {}, [] { return std::make_unique<test::TextSink>("any"); }, here());
  text.sink("a-fixed", join, {"out"});
  (void)leaf;
  EXPECT_EQ(built(text).describe(), R"(Topologies:
   Sub-topology: 0
    Source: large (topics: [z])
      --> chain, leaf
    Processor: chain (stores: [])
      --> join
      <-- large
    Source: small (topics: [x, y])
      --> join
    Processor: join (stores: [s1, s2])
      --> a-fixed, b-dynamic
      <-- chain, small
    Sink: a-fixed (topic: out)
      <-- join
    Sink: b-dynamic (chosen per record)
      <-- join
    Processor: leaf (stores: [])
      --> none
      <-- large

)");
}

TEST(Describe, JsonSaysTheSame) {
  const json parsed = json::parse(kafka_count().describe_json());
  ASSERT_EQ(parsed["sub_topologies"].size(), 2u);
  const json& nodes = parsed["sub_topologies"][1]["nodes"];
  EXPECT_EQ(parsed["sub_topologies"][1]["id"], 1);
  ASSERT_EQ(nodes.size(), 4u);
  EXPECT_EQ(nodes[0], json({{"kind", "source"},
                            {"name", "KSTREAM-SOURCE-0000000006"},
                            {"topics", {"KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition"}},
                            {"stores", json::array()},
                            {"children", {"KSTREAM-AGGREGATE-0000000003"}}}));
  EXPECT_EQ(nodes[1]["stores"], json({"KSTREAM-AGGREGATE-STATE-STORE-0000000002"}));
  EXPECT_EQ(nodes[3]["kind"], "sink");
  EXPECT_EQ(nodes[3]["children"], json::array());
  ASSERT_EQ(parsed["stores"].size(), 1u);
  EXPECT_EQ(parsed["stores"][0], json({{"name", "KSTREAM-AGGREGATE-STATE-STORE-0000000002"},
                                       {"kind", "map"},
                                       {"key", "string"},
                                       {"value", "string"},
                                       {"persistent", true},
                                       {"logged", true},
                                       {"retention_ms", -1},
                                       {"segment_ms", -1}}));
  ASSERT_EQ(parsed["repartitions"].size(), 1u);
  EXPECT_EQ(parsed["repartitions"][0], json({{"name", "KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition"},
                                             {"partitions", nullptr}}));
}

TEST(Describe, JsonStaysJsonWhateverANodeIsCalled) {
  const std::string name = "a \"quoted\" \\ name\nover\ttwo\x01lines \xc3\xa9";
  TextBuilder text;
  text.source(name, {{"in"}});
  const json parsed = json::parse(built(text).describe_json());
  EXPECT_EQ(parsed["sub_topologies"][0]["nodes"][0]["name"], name);
  EXPECT_EQ(parsed["stores"], json::array());
}

}  // namespace
}  // namespace weir
