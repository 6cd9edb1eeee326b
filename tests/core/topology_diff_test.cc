#include <weir/core/topology_diff.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "map_engine.h"
#include "text_nodes.h"

namespace weir {
namespace {

using test::MapEngine;
using test::TextBuilder;

std::source_location here(std::source_location where = std::source_location::current()) { return where; }

// lines → by-word → counts, with a second table beside it; what a test wants to be different it changes.
struct Program {
  std::string source = "lines";
  std::string node = "count";
  std::string repartition = "by-word-repartition";
  std::optional<Partition> partitions = std::nullopt;
  std::string counts = "counts";
  std::string kind = "window";
  std::string value_format = "int64";
  bool persistent = true;
  bool logged = true;
  Duration retention{1000};
  std::string extra_store = "";    // of a source of its own
  std::string extra_source = "a";  // before or behind the others by name

  [[nodiscard]] Topology build() const {
    TextBuilder text;
    StoreSpec spec = test::map_store(counts);
    spec.kind = kind;
    spec.value_format = value_format;
    spec.persistent = persistent;
    spec.logged = logged;
    spec.retention = retention;
    const auto engine = std::make_shared<MapEngine>();
    if (!extra_store.empty()) {
      text.builder.add_store(test::map_store(extra_store), engine, here());
      text.pass("extra", {text.source("extra-source", {{extra_source}})}, {extra_store});
    }
    text.builder.add_store(spec, engine, here());
    const NodeIndex sink = text.sink("hop", text.source("in", {{source}}), {repartition, true});
    text.builder.add_repartition({repartition, partitions, sink, here()});
    const NodeIndex hop = text.source("hopped", {{repartition, true}});
    text.sink("out", text.pass(node, {hop}, {counts}), {"totals"});
    auto topology = text.builder.build();
    EXPECT_TRUE(topology.ok()) << topology.status();
    return *std::move(topology);
  }
};

TopologyDiff diff(const Program& old, const Program& now) {
  const auto diff = diff_topologies(old.build().describe_json(), now.build());
  EXPECT_TRUE(diff.ok()) << diff.status();
  return *diff;
}

TEST(TopologyDiff, TheSameProgramReusesEverything) {
  const TopologyDiff same = diff({}, {.node = "another-node"});
  EXPECT_TRUE(same.compatible());
  EXPECT_TRUE(same.same());
  EXPECT_EQ(same.text(), "");
  ASSERT_EQ(same.items.size(), 3u);
  EXPECT_EQ(same.items[0].name, "counts");
  EXPECT_EQ(same.items[1].name, "by-word-repartition");
  EXPECT_EQ(same.items[2].name, "counts-changelog");
}

TEST(TopologyDiff, AStoreWithAnotherFormatIsIncompatible) {
  const TopologyDiff found = diff({}, {.value_format = "json", .retention = Duration(2000)});
  EXPECT_FALSE(found.compatible());
  EXPECT_EQ(
      found.text(),
      "incompatible store 'counts': value format was int64, is json, retention was 1000 ms, is 2000 ms\n"
      "incompatible topic 'counts-changelog': of an incompatible store\n");
}

TEST(TopologyDiff, AStoreInMemoryMayBeKeptLonger) {
  EXPECT_TRUE(diff({.persistent = false}, {.retention = Duration(2000)}).same());
}

TEST(TopologyDiff, AStoreThatIsLikeOneThatIsGoneIsRenamed) {
  const TopologyDiff found = diff({}, {.repartition = "words-repartition", .counts = "words"});
  EXPECT_TRUE(found.compatible());
  EXPECT_FALSE(found.same());
  EXPECT_EQ(
      found.text(),
      "orphaned store 'counts': its name changed\n"
      "renamed store 'words': was 'counts'; begins empty\n"
      "orphaned topic 'by-word-repartition'\n"
      "orphaned topic 'counts-changelog': its name changed\n"
      "renamed topic 'words-changelog': was 'counts-changelog'; begins empty\n"
      "renamed topic 'words-repartition': was 'by-word-repartition'; records still there are not read\n");
}

TEST(TopologyDiff, AStoreOfOtherRecordsIsNew) {
  const TopologyDiff found = diff({}, {.source = "pages", .counts = "pages"});
  EXPECT_EQ(found.text(),
            "orphaned store 'counts'\n"
            "new store 'pages'\n"
            "orphaned topic 'counts-changelog'\n"
            "new topic 'pages-changelog'\n");
}

TEST(TopologyDiff, TopicsWithAnotherNumberOfPartitionsAreIncompatible) {
  EXPECT_EQ(diff({.partitions = 4}, {.partitions = 8}).text(),
            "incompatible topic 'by-word-repartition': partitions were 4, are 8\n");
  EXPECT_TRUE(diff({.partitions = 4}, {}).same());
}

TEST(TopologyDiff, AStoreWhoseTaskGetsAnotherNumberComesBackFromItsChangelog) {
  const TopologyDiff moved = diff({}, {.extra_store = "extra"});
  EXPECT_TRUE(moved.compatible());
  EXPECT_TRUE(
      moved.text().starts_with("reused store 'counts': moves from sub-topology 1 to 2; its rows on disk stay "
                               "behind and come back from the "
                               "changelog\n"
                               "new store 'extra'\n"))
      << moved.text();
  const TopologyDiff lost = diff({.logged = false}, {.logged = false, .extra_store = "extra"});
  EXPECT_FALSE(lost.compatible());
}

TEST(TopologyDiff, AStoreThatIsNoLongerLoggedIsIncompatibleOnDisk) {
  EXPECT_FALSE(diff({}, {.logged = false}).compatible());
  const TopologyDiff in_memory = diff({.persistent = false}, {.persistent = false, .logged = false});
  EXPECT_TRUE(in_memory.compatible());
  EXPECT_EQ(in_memory.text(), "orphaned topic 'counts-changelog'\n");
}

TEST(TopologyDiff, RefusesWhatIsNoDescription) {
  EXPECT_FALSE(diff_topologies("", Program().build()).ok());
  EXPECT_FALSE(diff_topologies(R"({"stores": 1})", Program().build()).ok());
}

TEST(TopologyDiff, ReadsDescriptionsOfEarlierVersions) {
  const auto found = diff_topologies(R"({"sub_topologies": [{"id": 0, "nodes": []}], "stores": [
      {"name": "counts", "kind": "map", "key": "string", "value": "string", "persistent": true, "logged": true,
       "retention_ms": -1}]})",
                                     Program().build());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_FALSE(found->compatible());
}

TEST(TopologyFingerprint, ChangesWithWhatIsStoredAndNotWithNodes) {
  const std::string same = Program().build().fingerprint();
  EXPECT_EQ(same.size(), 16u);
  EXPECT_EQ(Program{.node = "other"}.build().fingerprint(), same);
  EXPECT_NE(Program{.source = "pages"}.build().fingerprint(), same);
  EXPECT_NE(Program{.repartition = "words-repartition"}.build().fingerprint(), same);
  EXPECT_NE(Program{.partitions = 3}.build().fingerprint(), same);
  EXPECT_NE(Program{.counts = "words"}.build().fingerprint(), same);
  EXPECT_NE(Program{.value_format = "json"}.build().fingerprint(), same);
  EXPECT_NE(Program{.retention = Duration(5)}.build().fingerprint(), same);
  EXPECT_NE(Program{.extra_store = "extra"}.build().fingerprint(), same);
}

TEST(RememberTopology, RefusesWhatTheLastStartCannotHaveLeft) {
  const std::string directory =
      std::filesystem::temp_directory_path() / ("weir-topology-" + std::to_string(::getpid()));
  std::filesystem::create_directories(directory);
  EXPECT_TRUE(remember_topology(directory, Program().build()).ok());
  EXPECT_TRUE(remember_topology(directory, Program{.node = "other"}.build()).ok());
  const absl::Status status = remember_topology(directory, Program{.value_format = "json"}.build());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("incompatible store 'counts': value format was int64, is json"),
            std::string::npos)
      << status;
  // The refused program left nothing.
  EXPECT_TRUE(remember_topology(directory, Program().build()).ok());

  std::ofstream(directory + "/topology.json", std::ios::trunc) << "torn";
  EXPECT_TRUE(remember_topology(directory, Program().build()).ok());
  EXPECT_FALSE(remember_topology(directory, Program{.value_format = "json"}.build()).ok());
  std::filesystem::remove_all(directory);
  EXPECT_FALSE(remember_topology(directory, Program().build()).ok());
}

}  // namespace
}  // namespace weir
