// The running side on the embedded broker: group membership, processing, commits, closing. Nodes are written by hand here,
// so that nothing above core is needed.
#include <weir/core/app.h>

#include <memory>
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

class AppTest : public testing::TestWithParam<Guarantee> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(broker_->create_topic("in", 4).ok());
    ASSERT_TRUE(broker_->create_topic("out", 4).ok());
  }

  static Topology copy_topology() {
    TopologyBuilder builder;
    const auto source = builder.add_source(
        "source", {{"in", false}}, ErrorPolicy::kInherit, [] { return std::make_unique<RawSource>(); },
        std::source_location::current());
    builder.add_sink(
        "sink", source, {{"out", false}}, [] { return std::make_unique<RawSink>("out"); },
        std::source_location::current());
    return *builder.build();
  }

  AppConfig config(const std::string& instance) {
    AppConfig config;
    config.application_id = "copy";
    config.transport = make_embedded_transport(broker_);
    config.guarantee = GetParam();
    config.commit_interval = 50ms;
    config.state_directory = scratch_ / instance;
    config.session_timeout = 2s;
    return config;
  }

  void write(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string text = std::to_string(next_++);
      ASSERT_TRUE(broker_->append("in", kAnyPartition, {.key = text, .value = text, .timestamp = i}).ok());
    }
  }

  std::vector<std::string> committed_output() {
    std::vector<std::string> values;
    for (Partition partition = 0; partition < 4; ++partition) {
      for (const BrokerRecord& record : broker_->read("out", partition)) values.push_back(*record.value);
    }
    return values;
  }

  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  const ScratchFolder scratch_;
  int next_ = 0;
};

INSTANTIATE_TEST_SUITE_P(BothGuarantees, AppTest,
                         testing::Values(Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce),
                         [](const auto& parameter) {
                           return parameter.param == Guarantee::kAtLeastOnce ? "AtLeastOnce" : "ExactlyOnce";
                         });

TEST_P(AppTest, CopiesEveryRecordOnceAndCommitsOnClose) {
  write(1000);
  auto app = App::create(copy_topology(), config("a"));
  ASSERT_TRUE(app.ok()) << app.status();
  std::vector<AppState> states;
  (*app)->on_state_change([&](AppState now, AppState) { states.push_back(now); });
  ASSERT_TRUE((*app)->start().ok());
  EXPECT_TRUE((*app)->wait_for(AppState::kRunning, 10s));
  EXPECT_TRUE(eventually([&] { return (*app)->metrics().records_processed == 1000; }));
  EXPECT_TRUE((*app)->close(10s).ok());
  EXPECT_EQ((*app)->state(), AppState::kNotRunning);

  const auto values = committed_output();
  EXPECT_EQ(values.size(), 1000u);
  EXPECT_EQ(std::set<std::string>(values.begin(), values.end()).size(), 1000u);
  Offset total = 0;
  for (Partition partition = 0; partition < 4; ++partition) {
    const auto committed = broker_->committed("copy", {"in", partition});
    ASSERT_TRUE(committed.has_value());
    EXPECT_EQ(committed->offset, broker_->end_offset("in", partition));
    total += committed->offset;
  }
  EXPECT_EQ(total, 1000);
  ASSERT_GE(states.size(), 3u);
  EXPECT_EQ(states.front(), AppState::kRebalancing);
  EXPECT_EQ(states.back(), AppState::kNotRunning);
}

TEST_P(AppTest, ReadsTopicsThatMatchAndThoseThatAppearLater) {
  TopologyBuilder builder;
  const auto source = builder.add_pattern_source(
      "source", TopicPattern("in-[a-z]+", /*partitions=*/2), ErrorPolicy::kInherit,
      [] { return std::make_unique<RawSource>(); }, std::source_location::current());
  builder.add_sink(
      "sink", source, {{"out", false}}, [] { return std::make_unique<RawSink>("out"); },
      std::source_location::current());
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();

  ASSERT_TRUE(broker_->create_topic("in-a", 1).ok());
  ASSERT_TRUE(broker_->append("in-a", 0, {.key = "k", .value = "first", .timestamp = 1}).ok());
  AppConfig settings = config("a");
  settings.workers = 2;
  settings.topic_refresh_interval = 20ms;
  auto app = App::create(*topology, settings);
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  EXPECT_TRUE(eventually([&] { return committed_output().size() == 1; }));

  ASSERT_TRUE(broker_->create_topic("in-b", 2).ok());
  ASSERT_TRUE(broker_->create_topic("other", 1).ok());
  ASSERT_TRUE(broker_->append("in-b", 1, {.key = "k", .value = "second", .timestamp = 2}).ok());
  ASSERT_TRUE(broker_->append("other", 0, {.key = "k", .value = "never", .timestamp = 2}).ok());
  ASSERT_TRUE(broker_->append("in-a", 0, {.key = "k", .value = "third", .timestamp = 3}).ok());
  // At least once may copy a record again when its task moves.
  const auto copied = [&] {
    const auto values = committed_output();
    if (GetParam() == Guarantee::kExactlyOnce && values.size() > 3) return std::set<std::string>{"too many"};
    return std::set<std::string>(values.begin(), values.end());
  };
  const std::set<std::string> all{"first", "second", "third"};
  EXPECT_TRUE(eventually([&] { return copied() == all; })) << (*app)->failure();
  EXPECT_TRUE((*app)->wait_for(AppState::kRunning, 10s));
  EXPECT_TRUE(eventually([&] { return (*app)->metrics().records_processed >= 3; }));
  EXPECT_TRUE((*app)->close(10s).ok());
  EXPECT_EQ(copied(), all);
}

TEST_P(AppTest, FailsWhenATopicThatAppearsLaterIsTooLarge) {
  TopologyBuilder builder;
  const auto make = [] { return std::make_unique<RawSource>(); };
  const auto where = std::source_location::current();
  const auto source =
      builder.add_pattern_source("source", TopicPattern("in-.*"), ErrorPolicy::kInherit, make, where);
  const auto hop = builder.add_sink(
      "hop", source, {{"hop", true}}, [] { return std::make_unique<RawSink>("copy-hop"); }, where);
  builder.add_repartition({"hop", {}, hop, where});
  const auto again = builder.add_source("again", {{"hop", true}}, ErrorPolicy::kInherit, make, where);
  builder.add_sink(
      "sink", again, {{"out", false}}, [] { return std::make_unique<RawSink>("out"); }, where);
  AppConfig settings = config("a");
  settings.topic_refresh_interval = 20ms;
  auto app = App::create(*builder.build(), settings);
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  ASSERT_TRUE((*app)->wait_for(AppState::kRunning, 10s)) << (*app)->failure();
  ASSERT_TRUE(broker_->create_topic("in-large", 3).ok());
  EXPECT_TRUE((*app)->wait_for(AppState::kError, 10s));
  EXPECT_NE(std::string((*app)->failure().message()).find("TopicPattern"), std::string::npos)
      << (*app)->failure();
}

TEST_P(AppTest, GetsMoreTasksWhenATopicThatAppearsLaterIsLarger) {
  TopologyBuilder builder;
  const auto where = std::source_location::current();
  const auto source = builder.add_pattern_source(
      "source", TopicPattern("in-.*"), ErrorPolicy::kInherit, [] { return std::make_unique<RawSource>(); },
      where);
  builder.add_sink(
      "sink", source, {{"out", false}}, [] { return std::make_unique<RawSink>("out"); }, where);
  AppConfig settings = config("a");
  settings.topic_refresh_interval = 20ms;
  auto app = App::create(*builder.build(), settings);
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  ASSERT_TRUE((*app)->wait_for(AppState::kRunning, 10s)) << (*app)->failure();
  ASSERT_TRUE(broker_->create_topic("in-large", 3).ok());
  ASSERT_TRUE(broker_->append("in-large", 2, {.key = "k", .value = "behind", .timestamp = 1}).ok());
  EXPECT_TRUE(eventually([&] { return (*app)->metrics().records_committed == 1; })) << (*app)->failure();
  EXPECT_TRUE((*app)->close(10s).ok());
}

TEST_P(AppTest, BeginsWhereTheSourceSays) {
  ASSERT_TRUE(broker_->create_topic("news", 1).ok());
  TopologyBuilder builder;
  const auto make = [] { return std::make_unique<RawSource>(); };
  const auto where = std::source_location::current();
  const auto all = builder.add_source("all", {{"in", false}}, ErrorPolicy::kInherit, make, where);
  const auto news = builder.add_source("news", {{"news", false}}, ErrorPolicy::kInherit, make, where);
  builder.reset_offsets(news, OffsetReset::kLatest);
  builder.add_sink(
      "sink", std::vector<NodeIndex>{all, news}, {{"out", false}},
      [] { return std::make_unique<RawSink>("out"); }, where);
  write(5);
  ASSERT_TRUE(broker_->append("news", 0, {.key = "k", .value = "old", .timestamp = 1}).ok());
  auto app = App::create(*builder.build(), config("a"));
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  ASSERT_TRUE((*app)->wait_for(AppState::kRunning, 10s));
  ASSERT_TRUE(broker_->append("news", 0, {.key = "k", .value = "new", .timestamp = 2}).ok());
  EXPECT_TRUE(eventually([&] { return committed_output().size() == 6; }));
  EXPECT_TRUE((*app)->close(10s).ok());
  const auto values = committed_output();
  EXPECT_EQ(std::multiset<std::string>(values.begin(), values.end()),
            (std::multiset<std::string>{"0", "1", "2", "3", "4", "new"}));
}

TEST_P(AppTest, ContinuesWhereTheLastRunCommitted) {
  for (int run = 0; run < 3; ++run) {
    write(100);
    auto app = App::create(copy_topology(), config("a"));
    ASSERT_TRUE(app.ok()) << app.status();
    ASSERT_TRUE((*app)->start().ok());
    EXPECT_TRUE(eventually([&] { return (*app)->metrics().records_processed == 100; }));
    EXPECT_TRUE((*app)->close(10s).ok());
  }
  EXPECT_EQ(committed_output().size(), 300u);
}

TEST_P(AppTest, SharesTheTasksBetweenWorkersAndInstances) {
  AppConfig two_workers = config("a");
  two_workers.workers = 2;
  auto first = App::create(copy_topology(), two_workers);
  auto second = App::create(copy_topology(), config("b"));
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE((*first)->start().ok());
  ASSERT_TRUE((*second)->start().ok());
  EXPECT_TRUE(eventually([&] { return (*first)->metrics().tasks + (*second)->metrics().tasks == 4; }));
  EXPECT_TRUE(eventually([&] { return (*second)->metrics().tasks >= 1 && (*first)->metrics().tasks >= 2; }));
  write(500);
  EXPECT_TRUE(eventually([&] { return committed_output().size() >= 500; }));
  EXPECT_TRUE((*first)->close(10s).ok());
  EXPECT_TRUE(eventually([&] { return (*second)->metrics().tasks == 4; }));
  write(500);
  EXPECT_TRUE(eventually([&] { return committed_output().size() >= 1000; }));
  EXPECT_TRUE((*second)->close(10s).ok());
  EXPECT_EQ(committed_output().size(), 1000u);
}

TEST_P(AppTest, StopsWithTheRecordsPlaceWhenARecordFails) {
  write(10);
  ASSERT_TRUE(broker_->append("in", 2, {.key = "k", .value = "poison", .timestamp = 0}).ok());
  AppConfig quiet = config("a");
  quiet.log = Logger();
  auto app = App::create(copy_topology(), quiet);
  ASSERT_TRUE(app.ok());
  ASSERT_TRUE((*app)->start().ok());
  EXPECT_TRUE((*app)->wait_for(AppState::kError, 10s));
  const std::string message = message_of((*app)->failure());
  EXPECT_NE(message.find("topic=in partition=2"), std::string::npos) << message;
  EXPECT_NE(message.find("node 'sink'"), std::string::npos) << message;
  EXPECT_NE(message.find("the value is poison"), std::string::npos) << message;
  EXPECT_FALSE((*app)->close(10s).ok());
}

TEST_P(AppTest, SendsFailedRecordsAsideWithTheirOrigin) {
  ASSERT_TRUE(broker_->create_topic("aside", 1).ok());
  write(10);
  ASSERT_TRUE(broker_->append("in", 2, {.key = "k", .value = "poison", .timestamp = 7}).ok());
  AppConfig aside = config("a");
  aside.log = Logger();
  aside.on_error = ErrorPolicy::kDeadLetter;
  aside.dead_letter_topic = "aside";
  auto app = App::create(copy_topology(), aside);
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  EXPECT_TRUE(eventually([&] { return (*app)->metrics().dead_letters >= 1; }));
  EXPECT_TRUE((*app)->close(10s).ok());
  const auto letters = broker_->read("aside", 0);
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].value, "poison");
  EXPECT_EQ(letters[0].timestamp, 7);
  ASSERT_NE(letters[0].headers.last("__streams.errors.partition"), nullptr);
  EXPECT_EQ(letters[0].headers.last("__streams.errors.partition")->value, "2");
}

TEST_P(AppTest, SaysWhichSourceTopicIsMissing) {
  ASSERT_TRUE(broker_->delete_topic("in").ok());
  AppConfig quiet = config("a");
  quiet.log = Logger();
  auto app = App::create(copy_topology(), quiet);
  ASSERT_TRUE(app.ok());
  ASSERT_TRUE((*app)->start().ok());
  EXPECT_TRUE((*app)->wait_for(AppState::kError, 10s));
  EXPECT_NE(message_of((*app)->failure()).find("source topic missing: in"), std::string::npos)
      << (*app)->failure();
}

TEST_P(AppTest, RefusesAStateDirectoryThatIsInUse) {
  auto first = App::create(copy_topology(), config("a"));
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = App::create(copy_topology(), config("a"));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(AppConfigTest, NamesEverythingThatIsMissing) {
  const auto app = App::create(Topology(), AppConfig{});
  ASSERT_FALSE(app.ok());
  const std::string message = message_of(app.status());
  EXPECT_NE(message.find("application_id is empty"), std::string::npos);
  EXPECT_NE(message.find("transport is not set"), std::string::npos);
}

}  // namespace
}  // namespace weir
