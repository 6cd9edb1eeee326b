// Global tables in an application on the embedded broker: whole before the tasks begin, the same in every instance, kept
// over restarts, read by several threads while they change.
#include <weir/operators/global_table.h>

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/app.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/global_updater.h>
#include <weir/operators/join_global.h>
#include <weir/operators/to.h>

#include "support/eventually.h"
#include "support/scratch_folder.h"

namespace weir {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class GlobalAppTest : public testing::TestWithParam<Guarantee> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(broker_->create_topic("in", 4).ok());
    ASSERT_TRUE(broker_->create_topic("rows", 3).ok());
    ASSERT_TRUE(broker_->create_topic("out", 2).ok());
  }

  // Each record of "in" names a row and is written with the row's value, or with nothing.
  static Topology look_up(bool persistent, const std::string& topic = "rows") {
    StreamBuilder builder;
    const auto rows =
        builder.global_table<std::string, std::string>(topic, {.store = "rows", .persistent = persistent});
    builder.stream<std::string, std::string>("in")
        .left_join(
            rows, [](const std::string& value) { return value; },
            [](const std::string&, const std::optional<std::string>& row) { return row.value_or("nothing"); })
        .to("out");
    return *builder.build();
  }

  AppConfig config(const std::string& instance) {
    AppConfig config;
    config.application_id = "look-up";
    config.transport = make_embedded_transport(broker_);
    config.guarantee = GetParam();
    config.workers = 2;
    config.commit_interval = 20ms;
    config.state_directory = scratch_ / instance;
    config.session_timeout = 2s;
    return config;
  }

  std::unique_ptr<App> start(const Topology& topology, const std::string& instance) {
    auto app = App::create(topology, config(instance));
    EXPECT_TRUE(app.ok()) << app.status();
    EXPECT_TRUE((*app)->start().ok());
    EXPECT_TRUE((*app)->wait_for(AppState::kRunning, 10s)) << (*app)->failure();
    return *std::move(app);
  }

  void write_row(const std::string& key, const std::string& value) {
    ASSERT_TRUE(broker_->append("rows", kAnyPartition, {.key = key, .value = value, .timestamp = 1}).ok());
  }
  void ask(const std::string& row) {
    const std::string key = "k" + std::to_string(asked_++);
    ASSERT_TRUE(broker_->append("in", kAnyPartition, {.key = key, .value = row, .timestamp = 1}).ok());
  }

  // The last answer to each question: at least once may answer some of them again.
  std::map<std::string, std::string> answers() {
    std::map<std::string, std::string> values;
    for (Partition partition = 0; partition < 2; ++partition) {
      for (const BrokerRecord& record : broker_->read("out", partition)) values[*record.key] = *record.value;
    }
    return values;
  }
  std::size_t answered(const std::string& with) {
    std::size_t count = 0;
    for (const auto& [key, value] : answers()) count += value == with ? 1 : 0;
    return count;
  }

  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  const ScratchFolder scratch_;
  int asked_ = 0;
};

INSTANTIATE_TEST_SUITE_P(BothGuarantees, GlobalAppTest,
                         testing::Values(Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce),
                         [](const auto& parameter) {
                           return parameter.param == Guarantee::kAtLeastOnce ? "AtLeastOnce" : "ExactlyOnce";
                         });

TEST_P(GlobalAppTest, HasAllRowsBeforeTheFirstRecordIsProcessed) {
  constexpr std::size_t kRows = 2000;
  for (std::size_t i = 0; i < kRows; ++i) write_row("r" + std::to_string(i), "v" + std::to_string(i));
  for (std::size_t i = 0; i < kRows; ++i) ask("r" + std::to_string(i));
  const auto app = start(look_up(false), "a");
  EXPECT_TRUE(eventually([&] { return answers().size() == kRows; }));
  EXPECT_EQ(answered("nothing"), 0U);
  EXPECT_EQ(app->metrics().global_records_read, kRows);
  EXPECT_GE(app->metrics().records_processed, kRows);
  EXPECT_TRUE(app->close(10s).ok());
}

TEST_P(GlobalAppTest, FollowsItsTopicInEveryInstance) {
  write_row("r", "first");
  const Topology topology = look_up(true);
  const auto one = start(topology, "a");
  const auto other = start(topology, "b");
  EXPECT_TRUE(eventually([&] { return one->metrics().tasks + other->metrics().tasks == 4; }));
  for (int i = 0; i < 20; ++i) ask("r");
  EXPECT_TRUE(eventually([&] { return answered("first") == 20; }));
  write_row("r", "second");
  EXPECT_TRUE(eventually(
      [&] { return one->metrics().global_records_read == 2 && other->metrics().global_records_read == 2; }));
  for (int i = 0; i < 20; ++i) ask("r");
  EXPECT_TRUE(eventually([&] { return answers().size() == 40; }));
  const auto all = answers();
  for (int i = 20; i < 40; ++i) EXPECT_EQ(all.at("k" + std::to_string(i)), "second") << i;
  EXPECT_TRUE(one->close(10s).ok());
  EXPECT_TRUE(other->close(10s).ok());
}

TEST_P(GlobalAppTest, ContinuesOnDiskWhereItWasAndReadsAgainWhatIsInMemory) {
  for (const bool persistent : {true, false}) {
    const std::string instance = persistent ? "disk" : "memory";
    const std::size_t before = answers().size();
    write_row("old", "1");
    auto first = start(look_up(persistent), instance);
    const std::uint64_t all = first->metrics().global_records_read;
    EXPECT_TRUE(first->close(10s).ok());
    first.reset();  // lets go of the state directory
    write_row("new", "1");
    const auto second = start(look_up(persistent), instance);
    EXPECT_EQ(second->metrics().global_records_read, persistent ? 1 : all + 1);
    ask("old");
    ask("new");
    EXPECT_TRUE(eventually([&] { return answers().size() == before + 2; }));
    EXPECT_EQ(answered("nothing"), 0U);
    EXPECT_TRUE(second->close(10s).ok());
  }
}

TEST_P(GlobalAppTest, BeginsAnewWhenItsTopicMayHaveForgottenDeletions) {
  ManualClock clock;
  broker_ = std::make_shared<EmbeddedBroker>(clock);
  ASSERT_TRUE(
      broker_->create_topic("rows", 3, {{"cleanup.policy", "compact"}, {"delete.retention.ms", "7200000"}})
          .ok());
  write_row("a", "one");
  const Topology topology = look_up(/*persistent=*/true);
  const auto plan = plan_partitions(topology, "look-up", {{"in", 4}, {"rows", 3}, {"out", 2}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  // Stepped by hand, and gone again when it has been there for 50 minutes.
  const auto records_read = [&] {
    const auto transport = make_embedded_transport(broker_);
    WorkerOptions options;
    options.application_id = "look-up";
    options.client_id = "look-up-global";
    options.guarantee = GetParam();
    options.state_directory = scratch_.path();
    options.resources = *topology.engine->make_resources({});
    GlobalUpdater updater(topology, *plan, *transport, clock, options);
    for (int minute = 0; minute < 50; ++minute) {
      for (int step = 0; step < 20; ++step) std::ignore = updater.run_once();
      clock.advance(1min);
    }
    EXPECT_TRUE(updater.complete());
    return updater.records_read();
  };
  EXPECT_EQ(records_read(), 1U);
  EXPECT_EQ(records_read(), 0U);
  // More than two hours after the first commit, not after it was known last that nothing is missing.
  clock.advance(1h);
  EXPECT_EQ(records_read(), 0U);
  clock.advance(2h + 1min);
  EXPECT_EQ(records_read(), 1U);
}

TEST_P(GlobalAppTest, BeginsAnewWhenItsTopicDid) {
  for (int i = 0; i < 30; ++i) write_row("gone" + std::to_string(i), "1");
  EXPECT_TRUE(start(look_up(true), "a")->close(10s).ok());
  ASSERT_TRUE(broker_->delete_topic("rows").ok());
  ASSERT_TRUE(broker_->create_topic("rows", 3).ok());
  write_row("there", "1");
  const auto app = start(look_up(true), "a");
  ask("there");
  for (int i = 0; i < 30; ++i) ask("gone" + std::to_string(i));
  EXPECT_TRUE(eventually([&] { return answers().size() == 31; }));
  EXPECT_EQ(answered("nothing"), 30U);
  EXPECT_TRUE(app->close(10s).ok());
}

TEST_P(GlobalAppTest, BeginsAnewFromAnotherTopic) {
  write_row("old", "1");
  EXPECT_TRUE(start(look_up(true), "a")->close(10s).ok());
  ASSERT_TRUE(broker_->create_topic("other-rows", 1).ok());
  ASSERT_TRUE(broker_->append("other-rows", 0, {.key = "new", .value = "1", .timestamp = 1}).ok());
  const auto app = start(look_up(true, "other-rows"), "a");
  ask("old");
  ask("new");
  EXPECT_TRUE(eventually([&] { return answers().size() == 2; }));
  EXPECT_EQ(answered("nothing"), 1U);
  EXPECT_TRUE(app->close(10s).ok());
}

TEST_P(GlobalAppTest, IsReadWhileItChanges) {
  constexpr int kRounds = 500;
  write_row("r", "0");
  const auto app = start(look_up(false), "a");
  for (int i = 1; i <= kRounds; ++i) {
    write_row("r", std::to_string(i));
    ask("r");
    ask("r");
  }
  EXPECT_TRUE(eventually([&] { return answers().size() == std::size_t{2 * kRounds}; }));
  EXPECT_EQ(answered("nothing"), 0U);
  EXPECT_TRUE(app->close(10s).ok());
}

TEST_P(GlobalAppTest, StopsWithTheRecordsPlaceWhenARowCannotBeRead) {
  StreamBuilder builder;
  static_cast<void>(builder.global_table<std::string, std::int64_t>("rows", {.store = "rows"}));
  builder.stream<std::string, std::string>("in").to("out");
  ASSERT_TRUE(broker_->append("rows", 1, {.key = "k", .value = "no number", .timestamp = 1}).ok());
  AppConfig quiet = config("a");
  quiet.log = Logger();
  const auto app = App::create(*builder.build(), quiet);
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  EXPECT_TRUE((*app)->wait_for(AppState::kError, 10s));
  const std::string message = message_of((*app)->failure());
  EXPECT_NE(message.find("topic=rows partition=1 offset=0"), std::string::npos) << message;
}

TEST_P(GlobalAppTest, SkipsRowsThatCannotBeReadWhereOthersAreSentAside) {
  ASSERT_TRUE(broker_->create_topic("aside", 1).ok());
  StreamBuilder builder;
  static_cast<void>(builder.global_table<std::string, std::int64_t>("rows", {.store = "rows"}));
  builder.stream<std::string, std::string>("in").to("out");
  ASSERT_TRUE(broker_->append("rows", 1, {.key = "k", .value = "no number", .timestamp = 1}).ok());
  AppConfig settings = config("a");
  settings.log = Logger();
  settings.on_error = ErrorPolicy::kDeadLetter;
  settings.dead_letter_topic = "aside";
  const auto app = App::create(*builder.build(), settings);
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  EXPECT_TRUE((*app)->wait_for(AppState::kRunning, 10s)) << (*app)->failure();
  EXPECT_EQ((*app)->metrics().records_dropped[DropReason::kUndecodable], 1U);
  EXPECT_TRUE((*app)->close(10s).ok());
  EXPECT_TRUE(broker_->read("aside", 0).empty());
}

TEST_P(GlobalAppTest, RunsWithoutAnyTask) {
  StreamBuilder builder;
  static_cast<void>(builder.global_table<std::string, std::string>("rows", {.store = "rows"}));
  write_row("r", "1");
  const auto app = start(*builder.build(), "a");
  EXPECT_EQ(app->metrics().global_records_read, 1U);
  EXPECT_TRUE(app->close(10s).ok());
  EXPECT_EQ(app->state(), AppState::kNotRunning);
}

}  // namespace
}  // namespace weir
