// What becomes of an application on a real broker when its topics change, and what a reset does there.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/reset.h>
#include <weir/core/topology_builder.h>

#include "broker/kafka_test.h"
#include "support/raw_nodes.h"

namespace weir {
namespace {

// An application that copies its topic "in" over a repartition topic to "out".
class KafkaTopicsTest : public KafkaTest {
 protected:
  void SetUp() override {
    KafkaTest::SetUp();
    if (IsSkipped()) return;
    make_topic("in");
    make_topic("out");
  }

  [[nodiscard]] Topology topology() const {
    TopologyBuilder builder;
    const auto make = [] { return std::make_unique<RawSource>(); };
    const auto where = std::source_location::current();
    const auto source =
        builder.add_source("source", {{name("in"), false}}, ErrorPolicy::kInherit, make, where);
    const auto hop = builder.add_sink(
        "hop", source, {{"hop-repartition", true}},
        [topic = name("hop-repartition")] { return std::make_unique<RawSink>(topic); }, where);
    builder.add_repartition({"hop-repartition", {}, hop, where});
    const auto again =
        builder.add_source("again", {{"hop-repartition", true}}, ErrorPolicy::kInherit, make, where);
    builder.add_sink(
        "sink", again, {{name("out"), false}},
        [topic = name("out")] { return std::make_unique<RawSink>(topic); }, where);
    return *builder.build();
  }

  std::unique_ptr<App> start() {
    AppConfig settings = config();
    settings.repartition_purge_interval = 200ms;
    return KafkaTest::start(topology(), std::move(settings));
  }
};

TEST_F(KafkaTopicsTest, GrowsATopicAndFindsOffsetsByTime) {
  write({"a", "b", "c"});
  const auto offsets = finish(consumer_->offsets_at({{name("in"), 0}}, 1'500));
  ASSERT_TRUE(offsets.ok()) << offsets.status();
  EXPECT_EQ(offsets->front(), 1);
  const auto behind = finish(consumer_->offsets_at({{name("in"), 0}}, 9'000));
  ASSERT_TRUE(behind.ok()) << behind.status();
  EXPECT_EQ(behind->front(), 3);
  for (int time = 0; time < 2; ++time) {
    const auto grown = finish(admin_->grow_topic(name("in"), 3));
    EXPECT_TRUE(grown.ok()) << grown.status();
  }
  EXPECT_TRUE(eventually([&] {
    const auto described = finish(admin_->describe_topics({name("in")}));
    return described.ok() && described->front().partitions == 3 && described->front().replication_factor == 1;
  }));
  EXPECT_FALSE(finish(admin_->grow_topic(name("absent"), 3)).ok());
}

TEST_F(KafkaTopicsTest, InternalTopicsFitWhenTheApplicationStartsAgain) {
  ASSERT_TRUE(start()->close(60s).ok());
  ASSERT_TRUE(start()->close(60s).ok());
  EXPECT_EQ(log().find("do not fit"), std::string::npos) << log();
}

TEST_F(KafkaTopicsTest, DeletesFromRepartitionTopicsWhatIsCommitted) {
  const auto app = start();
  write({"a", "b", "c"});
  EXPECT_TRUE(eventually([&] { return range("out").end == 3; }));
  EXPECT_TRUE(eventually([&] { return range("hop-repartition").begin == 3; }));
  EXPECT_GE(committed("hop-repartition"), 3);
  EXPECT_EQ(range("in").begin, 0);
  EXPECT_TRUE(app->close(60s).ok());
}

TEST_F(KafkaTopicsTest, GoesOnBehindRecordsThatWereDeletedBeforeItReadThem) {
  write({"a", "b"});
  auto app = start();
  EXPECT_TRUE(eventually([&] { return committed("in") == 2; }));
  ASSERT_TRUE(app->close(60s).ok());
  write({"lost", "c"});
  ASSERT_TRUE(finish(admin_->delete_records({{{name("in"), 0}, 3, {}}})).ok());
  app.reset();  // lets go of the state directory
  app = start();
  EXPECT_TRUE(eventually([&] { return committed("in") == 4; }));
  EXPECT_TRUE(eventually([&] { return range("out").end == 3; }));
  EXPECT_HAS(log(), "the committed position is out of range, going on at 3");
  EXPECT_TRUE(app->close(60s).ok());
}

TEST_F(KafkaTopicsTest, ReadsATopicThatWasMadeAnewFromItsBeginning) {
  write({"a", "b", "c"});
  const auto app = start();
  EXPECT_TRUE(eventually([&] { return committed("in") == 3 && range("out").end == 3; }));
  ASSERT_TRUE(finish(admin_->delete_topics({name("in")})).ok());
  // Until then a topic of that name cannot be made.
  ASSERT_TRUE(eventually([&] {
    const auto described = finish(admin_->describe_topics({name("in")}));
    return described.ok() && described->front().partitions == 0;
  }));
  make_topic("in");
  producer_ = *transport_->make_producer({});
  write({"d"});
  // Whether it noticed the gap is a matter of time: either it reads on, or it says which topic was deleted.
  EXPECT_TRUE(eventually([&] { return range("out").end == 4 || app->state() == AppState::kError; }));
  if (app->state() == AppState::kError) {
    EXPECT_HAS(message_of(app->failure()), name("in"));
  } else {
    EXPECT_TRUE(eventually([&] { return committed("in") == 1; }));
    EXPECT_TRUE(app->close(60s).ok());
  }
}

TEST_F(KafkaTopicsTest, FailsByNameWhenATopicIsDeletedUnderIt) {
  write({"a"});
  const auto app = start();
  EXPECT_TRUE(eventually([&] { return committed("in") == 1; }));
  ASSERT_TRUE(finish(admin_->delete_topics({name("in")})).ok());
  EXPECT_TRUE(app->wait_for(AppState::kError, 90s));
  EXPECT_HAS(message_of(app->failure()),
             "deleted while the application was running: the topic " + name("in"));
}

TEST_F(KafkaTopicsTest, IsTakenBackByAReset) {
  write({"a", "b", "c"});
  auto app = start();
  EXPECT_TRUE(eventually([&] { return committed("in") == 3 && range("out").end == 3; }));
  const ResetOptions options{.application_id = id_,
                             .to = ResetTo::kEarliest,
                             .internal_topics = true,
                             .state_directory = directory_};
  auto plan = plan_reset(options, *transport_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(reset(*plan, *transport_).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(app->close(60s).ok());
  app.reset();

  plan = plan_reset(options, *transport_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_HAS(plan->text(), fmt::format("position of {} partition 0: 3 -> 0", name("in")));
  EXPECT_EQ(plan->topics, (std::vector<std::string>{name("hop-repartition"), name("tasks")}));
  const absl::Status done = reset(*plan, *transport_);
  ASSERT_TRUE(done.ok()) << done;
  EXPECT_EQ(committed("in"), 0);
  EXPECT_TRUE(eventually([&] {
    const auto described = finish(admin_->describe_topics({name("hop-repartition"), name("tasks")}));
    return described.ok() && (*described)[0].partitions == 0 && (*described)[1].partitions == 0;
  }));
  app = start();
  EXPECT_TRUE(eventually([&] { return range("out").end == 6; }));
  EXPECT_TRUE(app->close(60s).ok());
}

}  // namespace
}  // namespace weir
