// What becomes of a running application when its topics change: gone, made anew, grown, cut off in front.
#include <weir/core/app.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/topology_builder.h>

#include "support/eventually.h"
#include "support/raw_nodes.h"
#include "support/scratch_folder.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

// Copies "in" to "out".
class TopicsTest : public testing::TestWithParam<Guarantee> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(broker_->create_topic("in", 2).ok());
    ASSERT_TRUE(broker_->create_topic("out", 2).ok());
  }

  // With a hop over the repartition topic "hop" if asked for.
  static Topology topology(bool hop = false) {
    TopologyBuilder builder;
    const auto make = [] { return std::make_unique<RawSource>(); };
    const auto where = std::source_location::current();
    auto source = builder.add_source("source", {{"in", false}}, ErrorPolicy::kInherit, make, where);
    if (hop) {
      const auto sink = builder.add_sink(
          "hop", source, {{"hop", true}}, [] { return std::make_unique<RawSink>("copy-hop"); }, where);
      builder.add_repartition({"hop", {}, sink, where});
      source = builder.add_source("again", {{"hop", true}}, ErrorPolicy::kInherit, make, where);
    }
    builder.add_sink(
        "sink", source, {{"out", false}}, [] { return std::make_unique<RawSink>("out"); }, where);
    return *builder.build();
  }

  AppConfig config(const std::string& instance = "a") {
    AppConfig config;
    config.application_id = "copy";
    config.transport = make_embedded_transport(broker_);
    config.guarantee = GetParam();
    config.commit_interval = 20ms;
    config.state_directory = scratch_ / instance;
    config.session_timeout = 2s;
    config.topic_refresh_interval = 20ms;
    config.repartition_purge_interval = 20ms;
    config.log = [this](LogLevel, std::string_view text) {
      const std::lock_guard lock(mutex_);
      log_ += text;
      log_ += '\n';
    };
    return config;
  }

  std::unique_ptr<App> start(const Topology& topology, AppConfig config) {
    auto app = App::create(topology, std::move(config));
    EXPECT_TRUE(app.ok()) << app.status();
    if (!app.ok()) return nullptr;
    EXPECT_TRUE((*app)->start().ok());
    EXPECT_TRUE((*app)->wait_for(AppState::kRunning, 60s)) << (*app)->failure();
    return *std::move(app);
  }

  void write(Partition partition, const std::vector<std::string>& values) {
    for (const std::string& value : values)
      ASSERT_TRUE(broker_->append("in", partition, {.key = value, .value = value, .timestamp = 1}).ok());
  }

  std::set<std::string> output() {
    std::set<std::string> values;
    for (Partition partition = 0; partition < 2; ++partition) {
      for (const BrokerRecord& record : broker_->read("out", partition)) values.insert(*record.value);
    }
    return values;
  }

  Offset committed(const TopicPartition& where) {
    const auto position = broker_->committed("copy", where);
    return position ? position->offset : kNoOffset;
  }

  std::string log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  const ScratchFolder scratch_;
  std::mutex mutex_;
  std::string log_;  // guarded by the mutex
};

INSTANTIATE_TEST_SUITE_P(BothGuarantees, TopicsTest,
                         testing::Values(Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce),
                         [](const auto& parameter) {
                           return parameter.param == Guarantee::kAtLeastOnce ? "AtLeastOnce" : "ExactlyOnce";
                         });

TEST_P(TopicsTest, DeletesFromRepartitionTopicsWhatIsCommittedAndNothingElse) {
  const auto app = start(topology(/*hop=*/true), config());
  for (int round = 0; round < 5; ++round) {
    write(round % 2, {std::to_string(round)});
    ASSERT_TRUE(eventually([&] { return output().size() == static_cast<std::size_t>(round) + 1; }));
    for (Partition partition = 0; partition < 2; ++partition) {
      // Read in this order: positions only grow.
      const Offset begin = broker_->begin_offset("copy-hop", partition);
      EXPECT_LE(begin, std::max<Offset>(0, committed({"copy-hop", partition})));
    }
  }
  EXPECT_TRUE(eventually([&] {
    for (Partition partition = 0; partition < 2; ++partition) {
      if (!broker_->read("copy-hop", partition).empty()) return false;
    }
    return true;
  }));
  EXPECT_GT(broker_->begin_offset("copy-hop", 0) + broker_->begin_offset("copy-hop", 1), 0);
  EXPECT_EQ(broker_->begin_offset("in", 0), 0);
  EXPECT_TRUE(app->close(60s).ok());
}

// ------------------------------------------------------------------------------------------------ positions

TEST_P(TopicsTest, GoesOnBehindRecordsThatWereDeletedUnderIt) {
  write(0, {"a", "b"});
  const auto app = start(topology(), config());
  ASSERT_TRUE(eventually([&] { return committed({"in", 0}) == 2; }));
  // What comes while nothing can be read is gone before it can be.
  ASSERT_TRUE(broker_->stop_reading({"in", 0}, 300ms).ok());
  write(0, {"lost", "c"});
  ASSERT_TRUE(broker_->delete_records("in", 0, 3).ok());
  EXPECT_TRUE(eventually([&] { return output() == std::set<std::string>{"a", "b", "c"}; }));
  EXPECT_TRUE(eventually([&] { return committed({"in", 0}) == 4; }));
  EXPECT_EQ(app->state(), AppState::kRunning);
  EXPECT_TRUE(eventually([&] { return app->metrics().positions_lost == 1; }));
  EXPECT_HAS(log(), "cannot read on and is opened anew: topic=in partition=0");
  EXPECT_HAS(log(), "the committed position is out of range, going on at 3: topic=in partition=0 position=2");
  EXPECT_TRUE(app->close(60s).ok());
}

TEST_P(TopicsTest, FailsBehindRecordsThatWereDeletedUnderItIfToldTo) {
  write(0, {"a", "b"});
  // There is no position in the beginning, which would be an error as well.
  ASSERT_TRUE(start(topology(), config())->close(60s).ok());
  AppConfig failing = config();
  failing.offset_reset = OffsetReset::kFail;
  const auto app = start(topology(), failing);
  ASSERT_TRUE(broker_->stop_reading({"in", 0}, 300ms).ok());
  write(0, {"lost", "c"});
  ASSERT_TRUE(broker_->delete_records("in", 0, 3).ok());
  EXPECT_TRUE(app->wait_for(AppState::kError, 60s));
  EXPECT_HAS(message_of(app->failure()),
             "the committed position is out of range: topic=in partition=0 position=2 begin=3 end=4");
}

TEST_P(TopicsTest, NeverTakesPositionsOverIntoATopicThatWasMadeAnew) {
  write(0, {"a", "b", "c"});
  AppConfig slow = config();
  slow.topic_refresh_interval = std::chrono::hours{1};
  const auto app = start(topology(), slow);
  ASSERT_TRUE(eventually([&] { return committed({"in", 0}) == 3; }));
  ASSERT_TRUE(broker_->delete_topic("in").ok());
  ASSERT_TRUE(broker_->create_topic("in", 2).ok());
  // As many records as the old one had, so that the old position would be in range.
  write(0, {"d", "e", "f", "g"});
  EXPECT_TRUE(eventually([&] { return output().size() == 7; }));
  EXPECT_TRUE(eventually([&] { return committed({"in", 0}) == 4; }));
  EXPECT_TRUE(app->close(60s).ok());
}

// --------------------------------------------------------------------------------------------------- topics

TEST_P(TopicsTest, FailsByNameWhenATopicIsDeletedUnderIt) {
  write(0, {"a"});
  const auto app = start(topology(), config());
  ASSERT_TRUE(eventually([&] { return output().size() == 1; }));
  ASSERT_TRUE(broker_->delete_topic("in").ok());
  EXPECT_TRUE(app->wait_for(AppState::kError, 60s));
  EXPECT_HAS(message_of(app->failure()), "deleted while the application was running: the topic in.");
}

TEST_P(TopicsTest, WaitsForItsTopicsAtTheStartIfToldTo) {
  ASSERT_TRUE(broker_->delete_topic("in").ok());
  AppConfig waiting = config();
  waiting.wait_for_topics = true;
  auto app = App::create(topology(), waiting);
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  ASSERT_TRUE(
      eventually([&] { return log().find("source topic missing: in. Waiting") != std::string::npos; }));
  ASSERT_TRUE(broker_->create_topic("in", 2).ok());
  write(0, {"a"});
  EXPECT_TRUE(eventually([&] { return output().size() == 1; }));
  EXPECT_TRUE((*app)->close(60s).ok());
}

TEST_P(TopicsTest, SaysWhatGrewWhenItCannotGoOnWithMorePartitions) {
  write(0, {"a"});
  const auto app = start(topology(/*hop=*/true), config());
  ASSERT_TRUE(eventually([&] { return output().size() == 1; }));
  ASSERT_TRUE(broker_->grow_topic("in", 3).ok());
  EXPECT_TRUE(app->wait_for(AppState::kError, 60s));
  EXPECT_HAS(message_of(app->failure()), "the topic in had 2 partitions and has 3");
  EXPECT_HAS(message_of(app->failure()), "copy-hop: partitions is 2, should be 3");
}

}  // namespace
}  // namespace weir
