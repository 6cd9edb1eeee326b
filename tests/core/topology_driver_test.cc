#include <weir/core/testing/topology_driver.h>

#include <chrono>
#include <sstream>

#include <gtest/gtest.h>

#include "map_engine.h"
#include "text_nodes.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using test::MapEngine;
using test::MapStore;
using test::TextBuilder;
using test::TextNode;
using test::TextRecord;

std::unique_ptr<TopologyDriver> drive(const TextBuilder& text, DriverOptions options = {}) {
  auto topology = text.builder.build();
  EXPECT_TRUE(topology.ok()) << topology.status();
  auto driver = TopologyDriver::create(*topology, std::move(options));
  EXPECT_TRUE(driver.ok()) << driver.status();
  return *std::move(driver);
}

// "key:value@time", separated by blanks, each piped to the topic.
absl::Status pipe(TopologyDriver& driver, const std::string& topic, const std::string& records) {
  std::istringstream words(records);
  for (std::string word; words >> word;) {
    const auto colon = word.find(':');
    const auto at = word.find('@');
    const absl::Status status = driver.pipe<std::string, std::string>(topic, word.substr(0, colon),
                                                                      word.substr(colon + 1, at - colon - 1),
                                                                      std::stoll(word.substr(at + 1)));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string read(TopologyDriver& driver, const std::string& topic) {
  std::ostringstream out;
  for (const auto& record : driver.read<std::optional<std::string>, std::optional<std::string>>(topic)) {
    out << (out.tellp() > 0 ? " " : "") << record;
  }
  return out.str();
}

// Counts records per key in the store "counts" and emits each count.
TextBuilder counting(const std::shared_ptr<MapEngine>& engine, StoreSpec spec = test::map_store("counts")) {
  TextBuilder text;
  text.builder.add_store(std::move(spec), engine, std::source_location::current());
  const NodeIndex in = text.source("in", {{"in"}});
  const NodeIndex count =
      text.node("count", {in},
                [](TextNode& self, const TextRecord& record) {
                  auto& store = static_cast<MapStore&>(self.context().store(self, "counts"));
                  const std::string now = std::to_string(std::stoi(store.get(record.key).value_or("0")) + 1);
                  store.put(record.key, now, record.timestamp);
                  if (record.value == "crash") {
                    self.context().failed(self, DropReason::kFailed, "crashed after the put");
                    return;
                  }
                  self.emit(record.with_value(now));
                },
                {}, {"counts"});
  text.sink("out", count, {"out"});
  return text;
}

TEST(TopologyDriver, PassesARecordFromSourceToSinkWithTimestampAndHeaders) {
  TextBuilder text;
  text.sink("out", text.pass("pass", {text.source("in", {{"in"}})}), {"out"});
  const auto driver = drive(text);

  ASSERT_TRUE(
      (driver->pipe<std::string, std::string>("in", "a", "x", 7, {{"h", "1"}, {"n", std::nullopt}})).ok());

  const auto outputs = driver->read<std::string, std::string>("out");
  ASSERT_EQ(outputs.size(), 1u);
  const OutputRecord<std::string, std::string> expected{
      .key = "a", .value = "x", .timestamp = 7, .headers = {{"h", "1"}, {"n", std::nullopt}}};
  EXPECT_EQ(outputs[0], expected);
  EXPECT_EQ(outputs[0].offset, 0);
  EXPECT_EQ(outputs[0].step, 0u);
}

TEST(TopologyDriver, ReadsAnOutputOnce) {
  TextBuilder text;
  text.sink("out", text.source("in", {{"in"}}), {"out"});
  const auto driver = drive(text);
  ASSERT_TRUE(pipe(*driver, "in", "a:x@1 b:y@2").ok());
  EXPECT_EQ(read(*driver, "out"), "a:x@1 b:y@2");
  EXPECT_EQ(read(*driver, "out"), "");
  EXPECT_EQ(read(*driver, "no such topic"), "");
}

TEST(TopologyDriver, TellsNullFromEmpty) {
  TextBuilder text;
  text.sink("out", text.source("in", {{"in"}}), {"out"});
  const auto driver = drive(text);
  using Maybe = std::optional<std::string>;
  ASSERT_TRUE((driver->pipe<Maybe, Maybe>("in", "", "", 1)).ok());
  EXPECT_EQ(read(*driver, "out"), ":@1");
  const absl::Status refused = driver->pipe<Maybe, Maybe>("in", "a", std::nullopt, 2);
  EXPECT_NE(message_of(refused).find("null"), std::string::npos) << refused;
}

TEST(TopologyDriver, RefusesATopicThatNobodyReadsAndGoesOn) {
  TextBuilder text;
  text.sink("out", text.source("in", {{"in"}}), {"out"});
  const auto driver = drive(text);
  EXPECT_EQ(pipe(*driver, "out", "a:x@1").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(pipe(*driver, "else", "a:x@1").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(pipe(*driver, "in", "a:x@1").ok());
  EXPECT_EQ(driver->steps(), 1u);
}

TEST(TopologyDriver, FeedsInternalTopicsBackUntilItIsQuiet) {
  TextBuilder text;
  const NodeIndex in = text.source("in", {{"in"}});
  const NodeIndex hop = text.sink("hop", in, {"hop-repartition", true});
  text.builder.add_repartition({"hop-repartition", {}, hop, std::source_location::current()});
  text.sink("out", text.source("hop-source", {{"hop-repartition", true}}), {"out"});
  const auto driver = drive(text);

  ASSERT_TRUE(pipe(*driver, "in", "a:x@5 b:y@6").ok());

  EXPECT_EQ(read(*driver, "out"), "a:x@5 b:y@6");
  EXPECT_EQ(driver->topics_written(), (std::set<std::string>{"driver-hop-repartition", "out"}));
  EXPECT_EQ(read(*driver, "driver-hop-repartition"), "a:x@5 b:y@6");
  EXPECT_EQ(driver->counters().processed, 4u);
}

// x becomes "b:x@3" and "c:x@1" on two topics that are read again: the smaller timestamp goes first.
TEST(TopologyDriver, TakesTheSmallestTimestampOverAllTopicsFirst) {
  TextBuilder text;
  const NodeIndex in = text.source("in", {{"in"}});
  const NodeIndex later =
      text.node("later", {in}, [](TextNode& self, const TextRecord&) { self.emit_text("b", "later", 3); });
  const NodeIndex earlier = text.node(
      "earlier", {in}, [](TextNode& self, const TextRecord&) { self.emit_text("c", "earlier", 1); });
  text.sink("to-one", later, {"one"});
  text.sink("to-two", earlier, {"two"});
  text.sink("out",
            text.pass("both", {text.source("from-one", {{"one"}}), text.source("from-two", {{"two"}})}),
            {"out"});
  const auto driver = drive(text);
  ASSERT_TRUE(pipe(*driver, "in", "a:x@9").ok());
  EXPECT_EQ(read(*driver, "out"), "c:earlier@1 b:later@3");
}

TEST(TopologyDriver, CountsOffsetsPerTopicWhoeverWrites) {
  TextBuilder text;
  const NodeIndex both = text.source("both", {{"loop"}});
  const NodeIndex shorten = text.node("shorten", {both}, [](TextNode& self, const TextRecord& record) {
    const std::string text_and_offset = record.value + "/" + std::to_string(record.origin.offset);
    if (record.value.size() > 1) {
      EXPECT_TRUE(self.emit_to("again", record.with_value(record.value.substr(1))));
    }
    EXPECT_TRUE(self.emit_to("out", record.with_value(text_and_offset)));
  });
  text.sink("again", shorten, {"loop"});
  text.sink("out", shorten, {"out"});
  const auto driver = drive(text);
  ASSERT_TRUE(pipe(*driver, "loop", "a:xyz@1 a:w@2").ok());
  EXPECT_EQ(read(*driver, "out"), "a:xyz/0@1 a:yz/1@1 a:z/2@1 a:w/3@2");
}

TEST(TopologyDriver, NamesTheStepThatCausedAnOutput) {
  TextBuilder text;
  const NodeIndex in = text.source("in", {{"in"}});
  const NodeIndex tick = text.node(
      "tick", {in}, [](TextNode& self, const TextRecord& record) { self.emit(record); },
      [](TextNode& self) {
        self.context().schedule(10ms, TimerClock::kWallClock,
                                [&self](Timestamp now) { self.emit_text("tick", "t", now); });
      });
  text.sink("out", tick, {"out"});
  const auto driver = drive(text);
  ASSERT_TRUE(pipe(*driver, "in", "a:x@1").ok());
  ASSERT_TRUE(driver->advance_wall_clock(9ms).ok());
  ASSERT_TRUE(driver->advance_wall_clock(26ms).ok());
  ASSERT_TRUE(pipe(*driver, "in", "b:y@2").ok());
  const auto outputs = driver->read_raw("out");
  ASSERT_EQ(outputs.size(), 3u);
  EXPECT_EQ(outputs[0].step, 0u);
  EXPECT_EQ(outputs[1].step, 2u);
  EXPECT_EQ(outputs[1].record.timestamp, 35);
  EXPECT_EQ(outputs[2].step, 3u);
}

TEST(TopologyDriver, ListsTheOutputsOfAllTopicsInTheOrderOfWriting) {
  TextBuilder text;
  const NodeIndex in = text.source("in", {{"in"}});
  text.sink("first", in, {"z"});
  text.sink("second", in, {"a"});
  const auto driver = drive(text);
  ASSERT_TRUE(pipe(*driver, "in", "k:1@1 k:2@2").ok());
  std::string order;
  for (const RawOutput& output : driver->read_all_raw()) order += output.topic + *output.record.value + " ";
  EXPECT_EQ(order, "z1 a1 z2 a2 ");
  EXPECT_TRUE(driver->read_all_raw().empty());
}

TEST(TopologyDriver, MovesTheClockOnlyWhenTold) {
  TextBuilder text;
  text.sink("out", text.source("in", {{"in"}}), {"out"});
  const auto driver = drive(text, {.wall_clock = 1000});
  ASSERT_TRUE(pipe(*driver, "in", "a:x@5000").ok());
  EXPECT_EQ(driver->clock().wall(), 1000);
  EXPECT_EQ(driver->stream_time(), 5000);
  ASSERT_TRUE(driver->advance_wall_clock(5ms).ok());
  EXPECT_EQ(driver->clock().wall(), 1005);
  EXPECT_EQ(driver->advance_wall_clock(-1ms).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(driver->clock().wall(), 1005);
  EXPECT_TRUE(driver->status().ok());
}

TEST(TopologyDriver, CommitsAfterEachRecordSoThatStoresEmitWhatWaited) {
  const auto engine = std::make_shared<MapEngine>();
  TextBuilder text;
  text.builder.add_store(test::map_store("latest"), engine, std::source_location::current());
  const NodeIndex keep = text.node(
      "keep", {text.source("in", {{"in"}})},
      [](TextNode& self, const TextRecord& record) {
        static_cast<MapStore&>(self.context().store(self, "latest"))
            .put("waiting", record.value, record.timestamp);
      },
      [](TextNode& self) {
        auto& store = static_cast<MapStore&>(self.context().store(self, "latest"));
        store.on_commit = [&self, &store] {
          const auto waiting = store.get("waiting");
          if (!waiting) return false;
          store.put("waiting", std::nullopt, 0);
          self.emit_text("k", *waiting, 0);
          return true;
        };
      },
      {"latest"});
  text.sink("out", keep, {"out"});
  const auto driver = drive(text);
  ASSERT_TRUE(pipe(*driver, "in", "a:x@1 a:y@2").ok());
  EXPECT_EQ(read(*driver, "out"), "k:x@0 k:y@0");
}

TEST(TopologyDriver, ShowsStoresAndChangelogs) {
  const auto driver = drive(counting(std::make_shared<MapEngine>()));
  ASSERT_TRUE(pipe(*driver, "in", "a:x@1 b:x@2 a:x@3").ok());
  EXPECT_EQ(read(*driver, "out"), "a:1@1 b:1@2 a:2@3");
  EXPECT_EQ(read(*driver, "driver-counts-changelog"), "a:1@1 b:1@2 a:2@3");
  auto* store = driver->store_as<MapStore>("counts");
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->get("a"), "2");
  EXPECT_EQ(driver->store("other"), nullptr);
}

TEST(TopologyDriver, KeepsStoresInMemoryUnlessADirectoryIsGiven) {
  const auto engine = std::make_shared<MapEngine>();
  const auto driver = drive(counting(engine));
  ASSERT_TRUE(pipe(*driver, "in", "a:x@1").ok());
  EXPECT_FALSE(driver->store("counts")->spec().persistent);
  EXPECT_TRUE(engine->disks.empty());
}

TEST(TopologyDriver, GoesOnFromAStateDirectory) {
  const auto engine = std::make_shared<MapEngine>();
  {
    const auto driver = drive(counting(engine), {.state_directory = "state"});
    ASSERT_TRUE(pipe(*driver, "in", "a:x@1").ok());
  }
  EXPECT_TRUE(engine->disks.contains("state/0_0"));
  const auto driver = drive(counting(engine), {.state_directory = "state"});
  ASSERT_TRUE(pipe(*driver, "in", "a:x@2").ok());
  EXPECT_EQ(read(*driver, "out"), "a:2@2");
  // Neither the input's nor the changelog's offsets are used twice.
  EXPECT_EQ((engine->disks["state/0_0"].meta.positions[{"in", 0}]), 2);
  EXPECT_EQ(engine->disks["state/0_0"].meta.changelogs["counts"], 2);
}

TEST(TopologyDriver, RestartsFromTheChangelog) {
  const auto driver = drive(counting(std::make_shared<MapEngine>()));
  ASSERT_TRUE(pipe(*driver, "in", "a:x@1 a:x@2 b:x@3").ok());
  ASSERT_TRUE(driver->restart().ok());
  EXPECT_NE(driver->store("counts"), nullptr);
  EXPECT_EQ(read(*driver, "out"), "a:1@1 a:2@2 b:1@3");
  ASSERT_TRUE(pipe(*driver, "in", "a:x@4").ok());
  EXPECT_EQ(read(*driver, "out"), "a:3@4");
}

TEST(TopologyDriver, RestartsFromTheStateDirectory) {
  const auto driver = drive(counting(std::make_shared<MapEngine>()), {.state_directory = "state"});
  ASSERT_TRUE(pipe(*driver, "in", "a:x@1 a:x@2").ok());
  ASSERT_TRUE(driver->restart().ok());
  ASSERT_TRUE(pipe(*driver, "in", "a:x@3").ok());
  EXPECT_EQ(read(*driver, "out"), "a:1@1 a:2@2 a:3@3");
}

TEST(TopologyDriver, RestartsEmptyWhatIsNeitherLoggedNorOnDisk) {
  StoreSpec spec = test::map_store("counts");
  spec.logged = false;
  spec.persistent = false;
  const auto driver = drive(counting(std::make_shared<MapEngine>(), spec));
  ASSERT_TRUE(pipe(*driver, "in", "a:x@1").ok());
  ASSERT_TRUE(driver->restart().ok());
  ASSERT_TRUE(pipe(*driver, "in", "a:x@2").ok());
  EXPECT_EQ(read(*driver, "out"), "a:1@1 a:1@2");
  EXPECT_FALSE(driver->topics_written().contains("driver-counts-changelog"));
}

// Stream time is in the task's meta, which lies beside persistent stores.
TEST(TopologyDriver, RestartKeepsTheMetaIfTheTopologyKeepsItOnDisk) {
  const auto kept = drive(counting(std::make_shared<MapEngine>()));
  ASSERT_TRUE(pipe(*kept, "in", "a:x@50").ok());
  ASSERT_TRUE(kept->restart().ok());
  EXPECT_EQ(kept->stream_time(), 50);

  StoreSpec spec = test::map_store("counts");
  spec.persistent = false;
  const auto lost = drive(counting(std::make_shared<MapEngine>(), spec));
  ASSERT_TRUE(pipe(*lost, "in", "a:x@50").ok());
  ASSERT_TRUE(lost->restart().ok());
  EXPECT_EQ(lost->stream_time(), kNoTimestamp);
}

TEST(TopologyDriver, RefusesInputAfterAFailureAndOutputsNothingOfIt) {
  const auto driver = drive(counting(std::make_shared<MapEngine>()));
  ASSERT_TRUE(pipe(*driver, "in", "a:x@1").ok());
  const absl::Status failure = pipe(*driver, "in", "a:crash@2");
  EXPECT_NE(message_of(failure).find("failed at node 'count': topic=in partition=0 offset=1"),
            std::string::npos)
      << failure;
  EXPECT_EQ(driver->status(), failure);
  const absl::Status refused = pipe(*driver, "in", "a:x@3");
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(message_of(refused).find("crashed after the put"), std::string::npos) << refused;
  EXPECT_EQ(driver->advance_wall_clock(1ms).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(read(*driver, "out"), "a:1@1");
  EXPECT_EQ(read(*driver, "driver-counts-changelog"), "a:1@1");
}

TEST(TopologyDriver, RestartTriesTheFailedRecordAgain) {
  const auto driver = drive(counting(std::make_shared<MapEngine>()));
  ASSERT_TRUE(pipe(*driver, "in", "a:x@1").ok());
  ASSERT_FALSE(pipe(*driver, "in", "a:crash@2").ok());
  const absl::Status again = driver->restart();
  EXPECT_NE(message_of(again).find("offset=1"), std::string::npos) << again;
}

TEST(TopologyDriver, RestartGoesOnWithTheRecordThatAPassingFaultStopped) {
  auto down = std::make_shared<bool>(true);
  TextBuilder text;
  const NodeIndex call =
      text.node("call", {text.source("in", {{"in"}})}, [down](TextNode& self, const TextRecord& record) {
        if (*down) {
          self.context().failed(self, DropReason::kFailed, "the service is down");
          return;
        }
        self.emit(record);
      });
  text.sink("out", call, {"out"});
  const auto driver = drive(text);
  ASSERT_FALSE(pipe(*driver, "in", "a:x@1").ok());
  *down = false;
  ASSERT_TRUE(driver->restart().ok());
  EXPECT_TRUE(driver->status().ok());
  EXPECT_EQ(read(*driver, "out"), "a:x@1");
  ASSERT_TRUE(pipe(*driver, "in", "b:y@2").ok());
  EXPECT_EQ(read(*driver, "out"), "b:y@2");
}

TEST(TopologyDriver, ARestartThatCannotOpenTheStoresCanBeTriedAgain) {
  const auto engine = std::make_shared<MapEngine>();
  const auto driver = drive(counting(engine));
  ASSERT_TRUE(pipe(*driver, "in", "a:x@50").ok());
  engine->fail = true;
  EXPECT_EQ(driver->restart().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(driver->restart().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(driver->store("counts"), nullptr);
  EXPECT_EQ(driver->counters().processed, 0u);
  EXPECT_EQ(pipe(*driver, "in", "a:x@51").code(), absl::StatusCode::kFailedPrecondition);
  engine->fail = false;
  ASSERT_TRUE(driver->restart().ok());
  EXPECT_EQ(driver->stream_time(), 50);
  ASSERT_TRUE(pipe(*driver, "in", "a:x@52").ok());
  EXPECT_EQ(read(*driver, "out"), "a:1@50 a:2@52");
}

TEST(TopologyDriver, SendsBadRecordsAsideIfToldSo) {
  const auto driver = drive(counting(std::make_shared<MapEngine>()),
                            {.on_error = ErrorPolicy::kDeadLetter, .dead_letter_topic = "aside"});
  ASSERT_TRUE(pipe(*driver, "in", "a:crash@2 b:x@3").ok());
  EXPECT_EQ(read(*driver, "out"), "b:1@3");
  EXPECT_EQ(read(*driver, "aside"), "a:crash@2");
  EXPECT_EQ(driver->counters().dead_letters, 1u);
}

TEST(TopologyDriver, PassesOverRecordsWithoutATime) {
  TextBuilder text;
  const NodeIndex offset =
      text.node("offset", {text.source("in", {{"in"}})}, [](TextNode& self, const TextRecord& record) {
        self.emit(record.with_value(std::to_string(record.origin.offset)));
      });
  text.sink("out", offset, {"out"});
  const auto driver = drive(text);
  ASSERT_TRUE(pipe(*driver, "in", "a:x@-1 a:x@4").ok());
  EXPECT_EQ(read(*driver, "out"), "a:1@4");
  EXPECT_EQ(driver->counters().dropped[static_cast<std::size_t>(DropReason::kBadTimestamp)], 1u);
}

TEST(TopologyDriver, StopsATopologyThatFeedsItselfForEver) {
  TextBuilder text;
  text.sink("again", text.source("loop", {{"loop"}}), {"loop"});
  const auto driver = drive(text, {.records_per_step_max = 1000});
  const absl::Status status = pipe(*driver, "loop", "a:x@1");
  EXPECT_NE(message_of(status).find("does not come to rest"), std::string::npos) << status;
}

TEST(TopologyDriver, AnOutputOfAnotherTypeBecomesTheStatus) {
  TextBuilder text;
  text.sink("out", text.source("in", {{"in"}}), {"out"});
  const auto driver = drive(text);
  ASSERT_TRUE(pipe(*driver, "in", "a:x@1 a:12345678@2").ok());
  EXPECT_TRUE((driver->read<std::string, std::int64_t>("out")).empty());
  EXPECT_NE(message_of(driver->status()).find("topic=out offset=0: expected 8 bytes, got 1"),
            std::string::npos)
      << driver->status();
  // Nothing is lost.
  EXPECT_EQ(read(*driver, "out"), "a:x@1 a:12345678@2");
}

TEST(TopologyDriver, RefusesAPartitionThatDoesNotExist) {
  TextBuilder text;
  text.node("send", {text.source("in", {{"in"}})}, [](TextNode& self, const TextRecord& record) {
    OutgoingRecord out;
    out.topic = self.context().output("out").id;
    out.partition = 1;
    out.value = record.value;
    self.context().send(out);
  });
  const auto driver = drive(text);
  const absl::Status status = pipe(*driver, "in", "a:x@1");
  EXPECT_NE(message_of(status).find("no such partition: topic=out partition=1"), std::string::npos) << status;
}

TEST(TopologyDriver, OutlivesTheTopologyItWasMadeOf) {
  std::unique_ptr<TopologyDriver> driver;
  {
    TextBuilder text;
    text.sink("out", text.source("in", {{"in"}}), {"out"});
    driver = drive(text);
  }
  ASSERT_TRUE(pipe(*driver, "in", "a:x@1").ok());
  EXPECT_EQ(read(*driver, "out"), "a:x@1");
}

TEST(TopologyDriver, ReportsNodesThatDoNotFit) {
  class Numbers final : public UnaryNode<int, int, int, int> {
   public:
    void accept(const Record<int, int>&) override {}
  };
  TextBuilder text;
  text.builder.add_processor(
      "numbers", {text.source("in", {{"in"}})}, {}, ErrorPolicy::kInherit,
      [] { return std::make_unique<Numbers>(); }, std::source_location::current());
  const auto topology = text.builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  const auto driver = TopologyDriver::create(*topology);
  EXPECT_NE(message_of(driver.status()).find("node 'in' does not emit what 'numbers' takes"),
            std::string::npos)
      << driver.status();
}

TEST(TopologyDriver, StartsQuickly) {
  const auto topology = counting(std::make_shared<MapEngine>()).builder.build();
  ASSERT_TRUE(topology.ok());
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(TopologyDriver::create(*topology).ok());
  const auto took = std::chrono::steady_clock::now() - begin;
  RecordProperty("microseconds_each",
                 static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(took).count() / 100));
  EXPECT_LT(took, 1s);  // 10 ms each, under sanitizers on a busy machine too
}

}  // namespace
}  // namespace weir
