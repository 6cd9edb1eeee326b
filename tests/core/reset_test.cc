#include <weir/core/reset.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sys/wait.h>

#include <gtest/gtest.h>

#include <weir/core/app.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/state_directory.h>
#include <weir/core/topology_builder.h>

#include "support/raw_nodes.h"
#include "support/scratch_folder.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

// An application "app" that has read three of five records of "in", whose times are 1000, 2000, ...; another one's id begins
// with its own.
class ResetTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* topic : {"in", "out", "app-counts-changelog", "app-by-user-repartition", "app-tasks",
                              "app-eu-counts-changelog", "app-eu-tasks", "app-notes"}) {
      ASSERT_TRUE(broker_->create_topic(topic, 1).ok());
    }
    for (int i = 1; i <= 5; ++i)
      ASSERT_TRUE(broker_->append("in", 0, {.key = "k", .value = "v", .timestamp = i * 1'000}).ok());
    ASSERT_TRUE(broker_->append("app-by-user-repartition", 0, {.key = "k", .value = "v"}).ok());
    commit({{"in", 0}, 3});
    commit({{"app-by-user-repartition", 0}, 1});
  }

  void commit(const PartitionOffset& position) {
    auto consumer = transport_->make_consumer({.group = "app"});
    ASSERT_TRUE(consumer.ok());
    auto pending = (*consumer)->commit({position});
    std::vector<ConsumerEvent> events;
    (*consumer)->poll(events);
    ASSERT_TRUE(pending.ready());
    ASSERT_TRUE(pending.take().ok());
  }

  ResetPlan plan(ResetOptions options) {
    options.application_id = "app";
    auto plan = plan_reset(std::move(options), *transport_);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *std::move(plan) : ResetPlan();
  }

  Offset committed() { return broker_->committed("app", {"in", 0}).value_or(PartitionOffset()).offset; }

  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  std::unique_ptr<Transport> transport_ = make_embedded_transport(broker_);
  const ScratchFolder scratch_;
};

TEST_F(ResetTest, PlansAndChangesNothing) {
  const ResetPlan all =
      plan({.to = ResetTo::kEarliest, .internal_topics = true, .state_directory = scratch_.path()});
  EXPECT_EQ(all.text(),
            "position of in partition 0: 3 -> 0\n"
            "delete the topic app-by-user-repartition\n"
            "delete the topic app-counts-changelog\n"
            "delete the topic app-tasks\n");
  EXPECT_EQ(committed(), 3);
  EXPECT_EQ(broker_->topics().size(), 8U);
  EXPECT_EQ(plan({}).text(), "nothing to do\n");
}

TEST_F(ResetTest, SetsPositionsWhereItIsTold) {
  const auto target = [&](ResetOptions options) {
    const ResetPlan one = plan(std::move(options));
    return one.moves.size() == 1 ? one.moves[0].to : kNoOffset;
  };
  ASSERT_TRUE(broker_->delete_records("in", 0, 1).ok());
  EXPECT_EQ(target({.to = ResetTo::kEarliest}), 1);
  EXPECT_EQ(target({.to = ResetTo::kLatest}), 5);
  EXPECT_EQ(target({.to = ResetTo::kOffset, .offset = 2}), 2);
  EXPECT_EQ(target({.to = ResetTo::kOffset, .offset = 99}), 5);
  EXPECT_EQ(target({.to = ResetTo::kOffset, .offset = 0}), 1);
  EXPECT_EQ(target({.to = ResetTo::kTime, .time = 4'500}), 4);
  EXPECT_EQ(target({.to = ResetTo::kTime, .time = 9'000}), 5);
  EXPECT_TRUE(plan({.to = ResetTo::kOffset, .offset = 3}).moves.empty());

  ASSERT_TRUE(reset(plan({.to = ResetTo::kEarliest}), *transport_).ok());
  EXPECT_EQ(committed(), 1);
  // A topic that was never read, by name.
  ASSERT_TRUE(reset(plan({.to = ResetTo::kLatest, .inputs = {"app-notes"}}), *transport_).ok());
  EXPECT_EQ(broker_->committed("app", {"app-notes", 0})->offset, 0);
  EXPECT_EQ(committed(), 1);

  const auto missing =
      plan_reset({.application_id = "app", .to = ResetTo::kLatest, .inputs = {"in", "nowhere"}}, *transport_);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_HAS(message_of(missing.status()), "there is no topic nowhere");
}

TEST_F(ResetTest, DeletesTheTopicsThatTheApplicationMadeAndNoOthers) {
  ASSERT_TRUE(reset(plan({.internal_topics = true}), *transport_).ok());
  EXPECT_EQ(broker_->topics(),
            (std::vector<std::string>{"app-eu-counts-changelog", "app-eu-tasks", "app-notes", "in", "out"}));
  EXPECT_EQ(committed(), 3);
}

TEST_F(ResetTest, EmptiesTheStateDirectoryUnlessSomebodyUsesIt) {
  fs::create_directories(scratch_ / "app/0_1/rocksdb");
  std::ofstream(scratch_ / "app/topology.json") << "{}";
  const ResetPlan one = plan({.to = ResetTo::kEarliest, .state_directory = scratch_.path()});
  EXPECT_HAS(one.text(), "remove what is in " + scratch_ / "app");
  {
    const auto used = StateDirectory::open(scratch_.path(), "app");
    ASSERT_TRUE(used.ok());
    EXPECT_EQ(reset(one, *transport_).code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(committed(), 3);
  }
  EXPECT_TRUE(fs::exists(scratch_ / "app/0_1/rocksdb"));
  ASSERT_TRUE(reset(one, *transport_).ok());
  EXPECT_FALSE(fs::exists(scratch_ / "app/0_1"));
  EXPECT_FALSE(fs::exists(scratch_ / "app/topology.json"));
}

TEST_F(ResetTest, RefusesWhileSomebodyIsInTheGroup) {
  auto member = transport_->make_consumer({.client_id = "app-1-worker-0", .group = "app"});
  ASSERT_TRUE(member.ok());
  ASSERT_TRUE((*member)->subscribe("app-tasks").ok());
  std::vector<ConsumerEvent> events;
  for (int i = 0; i < 3; ++i) (*member)->poll(events);
  const ResetPlan one = plan({.to = ResetTo::kEarliest, .internal_topics = true});
  EXPECT_HAS(one.text(), "not while somebody is in the group app: app-1-worker-0");
  const absl::Status refused = reset(one, *transport_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_HAS(message_of(refused), "app-1-worker-0");
  EXPECT_EQ(committed(), 3);
  EXPECT_EQ(broker_->topics().size(), 8U);
}

TEST_F(ResetTest, TellsThoseInTheGroupToStopIfForced) {
  TopologyBuilder builder;
  const auto where = std::source_location::current();
  const auto source = builder.add_source(
      "source", {{"in", false}}, ErrorPolicy::kInherit, [] { return std::make_unique<RawSource>(); }, where);
  builder.add_sink(
      "sink", source, {{"out", false}}, [] { return std::make_unique<RawSink>("out"); }, where);
  ASSERT_TRUE(broker_->configure_topic("app-tasks", {{"retention.ms", "-1"}}).ok());
  AppConfig config;
  config.application_id = "app";
  config.transport = make_embedded_transport(broker_);
  config.commit_interval = Duration{20};
  config.log = Logger();
  config.on_failure = [](const absl::Status&, std::string_view) { return FailureResponse::kStopInstance; };
  auto app = App::create(*builder.build(), config);
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  ASSERT_TRUE((*app)->wait_for(AppState::kRunning, Duration{60'000})) << (*app)->failure();
  const ResetPlan one = plan({.to = ResetTo::kEarliest, .force = true});
  EXPECT_HAS(one.text(), "tell those to stop and wait for them who are in the group app: app-");
  const absl::Status done = reset(one, *transport_);
  EXPECT_TRUE(done.ok()) << done;
  EXPECT_TRUE((*app)->wait_for(AppState::kError, Duration{60'000}));
  EXPECT_HAS(message_of((*app)->failure()), "the application is reset");
  EXPECT_EQ(committed(), 0);
}

TEST_F(ResetTest, RefusesIfSomebodyStaysAlthoughForced) {
  auto member = transport_->make_consumer({.client_id = "app-1-worker-0", .group = "app"});
  ASSERT_TRUE(member.ok());
  ASSERT_TRUE((*member)->subscribe("app-tasks").ok());
  std::vector<ConsumerEvent> events;
  for (int i = 0; i < 3; ++i) (*member)->poll(events);
  const absl::Status refused =
      reset(plan({.to = ResetTo::kEarliest, .force = true, .force_patience = Duration{200}}), *transport_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_HAS(message_of(refused), "app-1-worker-0");
  EXPECT_EQ(committed(), 3);
}

#ifdef WEIR_COMMAND
// What the program answers, and its exit code.
std::pair<int, std::string> weir_command(const std::string& arguments) {
  const std::string command = std::string(WEIR_COMMAND) + " " + arguments + " 2>&1";
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text.push_back(static_cast<char>(c));
  const int status = ::pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

TEST(ResetCommandTest, SaysWhatIsWrongWithItsUse) {
  const std::string reset = "reset --bootstrap embedded: --application-id app ";
  for (const auto& [arguments, complaint] : std::vector<std::pair<std::string, std::string>>{
           {"", "subcommand is required"},
           {"frobnicate --now", "no command 'frobnicate'"},
           {"reset --bootstrap embedded:", "--application-id is required"},
           {reset, "nothing to reset"},
           {reset + "--to-earliest --to-latest", "at most 1"},
           {reset + "--to-offset -3", "--to-offset"},
           {reset + "--by-duration soon", "--by-duration"},
           {reset + "--input in", "--input needs one of"},
           {reset + "--to-latest --dry-run --execute", "excludes"},
           {reset + "--to-latest --property x", "NAME=VALUE"},
           {reset + "--to-latest --forcefully", "--forcefully"},
       }) {
    SCOPED_TRACE(arguments);
    const auto [code, text] = weir_command(arguments);
    EXPECT_EQ(code, 2) << text;
    EXPECT_HAS(text, complaint);
  }
}

TEST(ResetCommandTest, ShowsWhatItWouldDo) {
  const auto [code, text] =
      weir_command("reset --bootstrap embedded: --application-id app --by-duration 2h --internal-topics");
  EXPECT_EQ(code, 0) << text;
  EXPECT_EQ(text, "nothing to do\n");
  EXPECT_EQ(weir_command("reset --help").first, 0);
  EXPECT_EQ(weir_command("reset --bootstrap embedded: --application-id app --to-latest --input nowhere"),
            (std::pair<int, std::string>(1, "there is no topic nowhere\n")));
}
#endif

}  // namespace
}  // namespace weir
