// What a program may say to a running application: what to do about failures, pause, more and fewer workers, who it is in the
// group. On threads, on the embedded broker.
#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/app.h>

#include "stepped_worker.h"
#include "support/eventually.h"
#include "support/scratch_folder.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using test::RawRecordView;
using test::ScriptedNode;

class ControlTest : public testing::TestWithParam<Guarantee> {
 protected:
  static constexpr Partition kPartitions = 4;

  void SetUp() override {
    ASSERT_TRUE(broker_->create_topic("in", kPartitions).ok());
    ASSERT_TRUE(broker_->create_topic("out", kPartitions).ok());
  }

  static Topology scripted(ScriptedNode::Script script) {
    const auto here = std::source_location::current();
    TopologyBuilder builder;
    const auto source = builder.add_source(
        "source", {{"in", false}}, ErrorPolicy::kInherit, [] { return std::make_unique<RawSource>(); }, here);
    const auto node = builder.add_processor(
        "script", {source}, {}, ErrorPolicy::kInherit,
        [script = std::move(script)] { return std::make_unique<ScriptedNode>(script); }, here);
    builder.add_sink(
        "sink", node, {{"out", false}}, [] { return std::make_unique<RawSink>("out"); }, here);
    return *builder.build();
  }
  static Topology copy() {
    return scripted([](ScriptedNode& node, const RawRecordView& record) { node.pass(record); });
  }

  AppConfig config(const std::string& instance) {
    AppConfig config;
    config.application_id = "copy";
    config.transport = make_embedded_transport(broker_);
    config.guarantee = GetParam();
    config.commit_interval = 20ms;
    config.state_directory = scratch_ / instance;
    // The embedded group hears of a worker that failed by its silence.
    config.session_timeout = 1s;
    config.log = Logger();
    return config;
  }

  void write(int count) {
    for (int i = 0; i < count; ++i) write_text(std::to_string(next_++));
  }
  void write_text(const std::string& text) {
    ASSERT_TRUE(broker_->append("in", kAnyPartition, {.key = text, .value = text, .timestamp = 1}).ok());
  }

  std::set<std::string> output() {
    std::set<std::string> values;
    for (Partition partition = 0; partition < kPartitions; ++partition) {
      for (const BrokerRecord& record : broker_->read("out", partition)) values.insert(*record.value);
    }
    return values;
  }

  // What the group has committed, of all partitions.
  Offset committed() {
    Offset sum = 0;
    for (Partition partition = 0; partition < kPartitions; ++partition) {
      if (const auto position = broker_->committed("copy", {"in", partition})) sum += position->offset;
    }
    return sum;
  }

  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  const ScratchFolder scratch_;
  int next_ = 0;
};

INSTANTIATE_TEST_SUITE_P(BothGuarantees, ControlTest,
                         testing::Values(Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce),
                         test::name_of_guarantee);

// ------------------------------------------------------------------------------------------------------ failures

TEST_P(ControlTest, AFailedWorkerIsReplacedAndItsRecordReadAgain) {
  std::atomic<int> failures{2};
  std::atomic<int> asked{0};
  AppConfig settings = config("a");
  settings.on_failure = [&](const absl::Status& failure, std::string_view where) {
    EXPECT_EQ(where, "worker-0");
    EXPECT_NE(message_of(failure).find("not yet"), std::string::npos) << failure;
    ++asked;
    return FailureResponse::kReplaceWorker;
  };
  auto app = App::create(scripted([&](ScriptedNode& node, const RawRecordView& record) {
                           if (record.value == "5" && failures-- > 0) throw std::runtime_error("not yet");
                           node.pass(record);
                         }),
                         settings);
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  write(10);
  EXPECT_TRUE(eventually([&] { return committed() == 10; })) << (*app)->failure();
  EXPECT_EQ(output().size(), 10u);
  EXPECT_EQ(asked.load(), 2);
  EXPECT_EQ((*app)->metrics().workers_replaced, 2u);
  EXPECT_TRUE((*app)->wait_for(AppState::kRunning, 10s));
  EXPECT_TRUE((*app)->close(10s).ok());
}

TEST_P(ControlTest, AHandlerThatFailsOrSaysSoStopsThisInstanceAlone) {
  for (const bool throws : {false, true}) {
    SCOPED_TRACE(throws);
    AppConfig settings = config("a");
    settings.on_failure = [throws](const absl::Status&, std::string_view) {
      if (throws) throw std::runtime_error("the handler");
      return FailureResponse::kStopInstance;
    };
    auto failing = App::create(
        scripted([](ScriptedNode&, const RawRecordView&) { throw std::runtime_error("only here"); }),
        settings);
    ASSERT_TRUE(failing.ok()) << failing.status();
    AppConfig other_settings = config("b");
    other_settings.on_failure = settings.on_failure;
    auto other = App::create(copy(), other_settings);
    ASSERT_TRUE(other.ok()) << other.status();
    ASSERT_TRUE((*other)->start().ok());
    ASSERT_TRUE((*other)->wait_for(AppState::kRunning, 10s));
    ASSERT_TRUE((*failing)->start().ok());
    ASSERT_TRUE((*failing)->wait_for(AppState::kRunning, 10s));
    ASSERT_TRUE(eventually([&] { return (*failing)->metrics().tasks == 2; }));
    const Offset before = committed();
    write(40);
    EXPECT_TRUE((*failing)->wait_for(AppState::kError, 20s));
    EXPECT_TRUE(eventually([&] { return committed() == before + 40; })) << (*other)->failure();
    EXPECT_EQ((*other)->state(), AppState::kRunning);
    EXPECT_TRUE((*other)->close(10s).ok());
  }
}

TEST_P(ControlTest, AllInstancesStopWhenOneSaysSoAndTheyNameIt) {
  AppConfig settings = config("a");
  settings.instance_id = "the-first";
  settings.on_failure = [](const absl::Status&, std::string_view) {
    return FailureResponse::kStopApplication;
  };
  auto failing = App::create(
      scripted([](ScriptedNode&, const RawRecordView&) { throw std::runtime_error("beyond repair"); }),
      settings);
  ASSERT_TRUE(failing.ok()) << failing.status();
  AppConfig other_settings = config("b");
  other_settings.on_failure = [](const absl::Status&, std::string_view) {
    return FailureResponse::kStopInstance;
  };
  auto other = App::create(copy(), other_settings);
  ASSERT_TRUE(other.ok()) << other.status();
  ASSERT_TRUE((*other)->start().ok());
  ASSERT_TRUE((*other)->wait_for(AppState::kRunning, 10s));
  ASSERT_TRUE((*failing)->start().ok());
  ASSERT_TRUE(eventually([&] { return (*failing)->metrics().tasks == 2; }));
  write(40);
  EXPECT_TRUE((*failing)->wait_for(AppState::kError, 20s));
  EXPECT_TRUE((*other)->wait_for(AppState::kError, 20s));
  const std::string message = message_of((*other)->failure());
  for (const char* part : {"the-first", "worker-0", "beyond repair"})
    EXPECT_NE(message.find(part), std::string::npos) << message;

  // Whoever starts later is not concerned.
  auto later = App::create(copy(), config("c"));
  ASSERT_TRUE(later.ok()) << later.status();
  ASSERT_TRUE((*later)->start().ok());
  EXPECT_TRUE(eventually([&] { return committed() == 40; })) << (*later)->failure();
  EXPECT_TRUE((*later)->close(10s).ok());
}

// --------------------------------------------------------------------------------------------------------- pausing

TEST_P(ControlTest, APausedApplicationKeepsItsPlaceAndGoesOnWhereItWas) {
  auto app = App::create(copy(), config("a"));
  ASSERT_TRUE(app.ok()) << app.status();
  (*app)->pause();
  EXPECT_TRUE((*app)->paused());
  ASSERT_TRUE((*app)->start().ok());
  ASSERT_TRUE((*app)->wait_for(AppState::kRunning, 10s));
  const auto generation = broker_->describe_group("copy").generation;
  write(20);
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ((*app)->metrics().records_processed, 0u);
  (*app)->resume();
  EXPECT_FALSE((*app)->paused());
  EXPECT_TRUE(eventually([&] { return committed() == 20; }));

  (*app)->pause();
  write(20);
  EXPECT_EQ((*app)->state(), AppState::kRunning);
  (*app)->resume();
  EXPECT_TRUE(eventually([&] { return committed() == 40; }));
  EXPECT_EQ(output().size(), 40u);
  EXPECT_EQ(broker_->describe_group("copy").generation, generation);
  EXPECT_TRUE((*app)->close(10s).ok());
}

TEST_P(ControlTest, OneTaskIsPausedWhileTheOthersGoOn) {
  auto app = App::create(copy(), config("a"));
  ASSERT_TRUE(app.ok()) << app.status();
  const TaskId third{0, 2};
  (*app)->pause(third);
  EXPECT_TRUE((*app)->paused(third));
  EXPECT_FALSE((*app)->paused({0, 1}));
  EXPECT_FALSE((*app)->paused());
  ASSERT_TRUE((*app)->start().ok());
  write(40);
  const Offset held = broker_->end_offset("in", 2);
  ASSERT_GT(held, 0);
  EXPECT_TRUE(eventually([&] { return committed() == 40 - held; }));
  EXPECT_EQ(broker_->committed("copy", {"in", 2})->offset, 0);
  (*app)->pause();
  (*app)->resume();
  EXPECT_TRUE((*app)->paused(third)) << "resuming the whole does not resume a part";
  (*app)->resume(third);
  EXPECT_TRUE(eventually([&] { return committed() == 40; }));
  EXPECT_TRUE((*app)->close(10s).ok());
}

TEST(PauseBoard, HoldsByWholePartAndTask) {
  PauseBoard board;
  const TaskId task{1, 2};
  EXPECT_FALSE(board.holds(task));
  board.pause_part(1);
  EXPECT_TRUE(board.holds(task));
  EXPECT_FALSE(board.holds({0, 2}));
  EXPECT_FALSE(board.all_paused());
  board.pause_task(task);
  board.resume_part(1);
  EXPECT_TRUE(board.holds(task));
  board.resume_task(task);
  EXPECT_FALSE(board.holds(task));
  board.pause_all();
  EXPECT_TRUE(board.holds({5, 5}));
  board.resume_all();
  EXPECT_FALSE(board.holds({5, 5}));
}

// --------------------------------------------------------------------------------------------------------- workers

TEST_P(ControlTest, WorkersComeAndGoWhileRecordsAreProcessed) {
  auto app = App::create(copy(), config("a"));
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  EXPECT_EQ((*app)->workers(), 1u);
  write(100);
  EXPECT_EQ((*app)->add_worker().value(), 1);
  EXPECT_EQ((*app)->add_worker().value(), 2);
  EXPECT_EQ((*app)->workers(), 3u);
  const auto members_with_tasks = [&] {
    std::size_t count = 0;
    for (const MemberDescription& member : broker_->describe_group("copy").members)
      count += member.assignment.empty() ? 0 : 1;
    return count;
  };
  EXPECT_TRUE(eventually([&] { return members_with_tasks() == 3 && (*app)->metrics().workers == 3; }));
  write(100);
  EXPECT_EQ((*app)->remove_worker().value(), 2);
  EXPECT_EQ((*app)->remove_worker().value(), 1);
  EXPECT_TRUE(eventually(
      [&] { return broker_->describe_group("copy").members.size() == 1 && (*app)->metrics().workers == 1; }));
  write(100);
  EXPECT_TRUE(eventually([&] { return committed() == 300; })) << (*app)->failure();
  EXPECT_EQ((*app)->add_worker().value(), 1);
  EXPECT_TRUE(eventually([&] { return members_with_tasks() == 2; }));
  write(100);
  EXPECT_TRUE(eventually([&] { return committed() == 400; })) << (*app)->failure();
  EXPECT_EQ(output().size(), 400u);
  if (GetParam() == Guarantee::kExactlyOnce) {
    EXPECT_EQ(broker_->transactions().size(), 3u) << "a slot keeps its transactional id";
  }
  EXPECT_GE((*app)->metrics().records_processed, 400u);
  EXPECT_TRUE((*app)->wait_for(AppState::kRunning, 10s));
  EXPECT_TRUE((*app)->close(10s).ok());
  EXPECT_FALSE((*app)->add_worker().ok());
}

// ------------------------------------------------------------------------------------------------ stalls, clean-up

TEST_P(ControlTest, UserCodeThatDoesNotReturnIsReportedWithItsTask) {
  std::atomic<bool> hold{true};
  std::mutex mutex;
  std::vector<Stall> stalls;
  AppConfig settings = config("a");
  settings.session_timeout = 60s;
  settings.stall_limit = 50ms;
  settings.on_stall = [&](const Stall& stall) {
    const std::lock_guard lock(mutex);
    stalls.push_back(stall);
  };
  auto app = App::create(scripted([&](ScriptedNode& node, const RawRecordView& record) {
                           while (hold.load()) std::this_thread::sleep_for(1ms);
                           node.pass(record);
                         }),
                         settings);
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  ASSERT_TRUE(broker_->append("in", 1, {.key = "k", .value = "v", .timestamp = 1}).ok());
  const auto reported = [&] {
    const std::lock_guard lock(mutex);
    for (const Stall& stall : stalls) {
      if (stall.worker == "worker-0" && stall.task == "0_1" && stall.lasts >= 50ms) return true;
    }
    return false;
  };
  EXPECT_TRUE(eventually(reported));
  hold.store(false);
  EXPECT_TRUE(eventually([&] { return committed() == 1; }));
  EXPECT_TRUE((*app)->close(10s).ok());
}

TEST_P(ControlTest, AnApplicationThatIsNotClosedInTimeSaysWhatHoldsIt) {
  std::atomic<bool> hold{true};
  std::atomic<bool> held{false};
  AppConfig settings = config("a");
  settings.session_timeout = 60s;
  auto app = App::create(scripted([&](ScriptedNode& node, const RawRecordView& record) {
                           held.store(true);
                           while (hold.load()) std::this_thread::sleep_for(1ms);
                           node.pass(record);
                         }),
                         settings);
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  ASSERT_TRUE(broker_->append("in", 1, {.key = "k", .value = "v", .timestamp = 1}).ok());
  ASSERT_TRUE(eventually([&] { return held.load(); }));
  const absl::Status closed = (*app)->close(50ms);
  EXPECT_EQ(closed.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_NE(message_of(closed).find("not closed within 50 ms: worker 0 is busy with task 0_1, while "),
            std::string::npos)
      << closed;
  // It ends as soon as it can.
  hold.store(false);
  EXPECT_TRUE((*app)->close(60s).ok());
  EXPECT_EQ((*app)->state(), AppState::kNotRunning);
}

TEST_P(ControlTest, CleanUpRemovesTheTasksFoldersAndRefusesWhileRunning) {
  const std::string folder = scratch_ / "a/copy/0_1";
  std::filesystem::create_directories(folder);
  auto app = App::create(copy(), config("a"));
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->clean_up().ok());
  EXPECT_FALSE(std::filesystem::exists(folder));
  ASSERT_TRUE((*app)->start().ok());
  EXPECT_EQ((*app)->clean_up().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE((*app)->close(10s).ok());
  std::filesystem::create_directories(folder);
  EXPECT_TRUE((*app)->clean_up().ok());
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_TRUE(std::filesystem::exists(scratch_ / "a/copy/instance-id")) << "the identity stays";
}

TEST_P(ControlTest, StateOfTasksLongGoneIsRemovedAtTheStartIfAskedTo) {
  const std::string folder = scratch_ / "a/copy/0_1";
  std::filesystem::create_directories(folder);
  AppConfig settings = config("a");
  for (const bool asked : {false, true}) {
    settings.state_cleanup_delay = asked ? std::optional<Duration>(std::chrono::hours(0)) : std::nullopt;
    auto app = App::create(copy(), settings);
    ASSERT_TRUE(app.ok()) << app.status();
    ASSERT_TRUE((*app)->start().ok());
    EXPECT_EQ(std::filesystem::exists(folder), !asked);
    EXPECT_TRUE((*app)->close(10s).ok());
  }
}

// ------------------------------------------------------------------------------------------------------ membership

TEST_P(ControlTest, AStaticInstanceThatComesBackDisturbsNobody) {
  AppConfig first = config("a");
  first.instance_id = "a";
  first.session_timeout = 60s;
  first.rack = "here";
  auto a = App::create(copy(), first);
  ASSERT_TRUE(a.ok()) << a.status();
  AppConfig second = config("b");
  second.instance_id = "b";
  second.session_timeout = 60s;
  auto b = App::create(copy(), second);
  ASSERT_TRUE(b.ok()) << b.status();
  ASSERT_TRUE((*a)->start().ok());
  ASSERT_TRUE((*b)->start().ok());
  ASSERT_TRUE(eventually([&] { return (*a)->metrics().tasks == 2 && (*b)->metrics().tasks == 2; }));
  ASSERT_TRUE(
      eventually([&] { return broker_->describe_group("copy").state == GroupDescription::State::kStable; }));
  const GroupDescription before = broker_->describe_group("copy");
  std::set<std::string> ids;
  for (const MemberDescription& member : before.members) {
    ids.insert(member.instance_id);
    EXPECT_EQ(member.client_id, member.instance_id == "a-0" ? "copy-a-worker-0@here" : "copy-b-worker-0");
  }
  EXPECT_EQ(ids, (std::set<std::string>{"a-0", "b-0"}));

  write(50);
  ASSERT_TRUE((*a)->close(10s, /*leave_group=*/false).ok());
  a->reset();
  write(50);
  a = App::create(copy(), first);
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE((*a)->start().ok());
  EXPECT_TRUE(eventually([&] { return committed() == 100; })) << (*a)->failure();
  EXPECT_EQ(broker_->describe_group("copy").generation, before.generation) << "there was a rebalance";
  EXPECT_EQ((*a)->metrics().tasks, 2u);
  EXPECT_EQ(output().size(), 100u);
  EXPECT_TRUE((*a)->close(10s).ok());
  EXPECT_TRUE((*b)->close(10s).ok());
}

TEST_P(ControlTest, ListenersHearEveryStateInOrder) {
  auto app = App::create(copy(), config("a"));
  ASSERT_TRUE(app.ok()) << app.status();
  std::vector<std::pair<AppState, AppState>> heard;
  (*app)->on_state_change([&](AppState now, AppState before) { heard.emplace_back(before, now); });
  ASSERT_TRUE((*app)->start().ok());
  ASSERT_TRUE((*app)->wait_for(AppState::kRunning, 10s));
  ASSERT_TRUE((*app)->close(10s).ok());
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard.front().first, AppState::kCreated);
  for (std::size_t i = 1; i < heard.size(); ++i) EXPECT_EQ(heard[i].first, heard[i - 1].second);
  EXPECT_EQ(heard.back(), std::pair(AppState::kPendingShutdown, AppState::kNotRunning));
}

}  // namespace
}  // namespace weir
