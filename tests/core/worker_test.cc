// Workers stepped by hand on the embedded broker: one thread, a clock that stands still, an order that the test chooses.
#include <weir/core/worker.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/partition_plan.h>
#include <weir/core/topology_builder.h>

#include "support/raw_nodes.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class WorkerTest : public testing::Test {
 protected:
  void SetUp() override { begin(); }

  // A fresh broker and a topology that copies "in" to "out".
  void begin() {
    broker_ = std::make_shared<EmbeddedBroker>(clock_);
    transport_ = make_embedded_transport(broker_);
    ASSERT_TRUE(broker_->create_topic("in", 2).ok());
    ASSERT_TRUE(broker_->create_topic("out", 1).ok());
    ASSERT_TRUE(broker_->create_topic(tasks_topic("copy"), 2).ok());
    TopologyBuilder builder;
    const auto source = builder.add_source(
        "source", {{"in", false}}, ErrorPolicy::kInherit, [] { return std::make_unique<RawSource>(); },
        std::source_location::current());
    builder.add_sink(
        "sink", source, {{"out", false}}, [] { return std::make_unique<RawSink>("out"); },
        std::source_location::current());
    auto topology = builder.build();
    ASSERT_TRUE(topology.ok()) << topology.status();
    topology_ = *std::move(topology);
    auto plan = plan_partitions(topology_, "copy", {{"in", 2}, {"out", 1}});
    ASSERT_TRUE(plan.ok()) << plan.status();
    plan_ = *std::move(plan);
  }

  std::unique_ptr<Worker> worker(const std::string& name, Guarantee guarantee = Guarantee::kAtLeastOnce) {
    WorkerOptions options;
    options.application_id = "copy";
    options.client_id = name;
    options.transactional_id = name;
    options.guarantee = guarantee;
    options.commit_interval = commit_interval_;
    options.session_timeout = session_timeout_;
    options.log = [this](LogLevel, std::string_view message) { log_.emplace_back(message); };
    return std::make_unique<Worker>(topology_, plan_, *transport_, clock_, options);
  }

  static void step(Worker& worker, int times = 20) {
    for (int i = 0; i < times; ++i) std::ignore = worker.run_once();
  }

  // Steps, with the clock going on by a millisecond each time.
  void run(Worker& worker, int milliseconds) {
    for (int i = 0; i < milliseconds && !worker.over(); ++i) {
      step(worker, 1);
      clock_.advance(1ms);
    }
  }

  void write(Partition partition, const std::string& value) {
    ASSERT_TRUE(broker_->append("in", partition, {.key = value, .value = value, .timestamp = 1}).ok());
  }

  Offset committed(Partition partition) {
    const auto position = broker_->committed("copy", {"in", partition});
    return position ? position->offset : kNoOffset;
  }

  [[nodiscard]] std::int64_t told(const std::string& message) const {
    return std::count(log_.begin(), log_.end(), message);
  }

  ManualClock clock_;
  Duration commit_interval_ = 30s;
  Duration session_timeout_ = 45s;
  std::vector<std::string> log_;
  std::shared_ptr<EmbeddedBroker> broker_;
  std::shared_ptr<Transport> transport_;
  Topology topology_;
  PartitionPlan plan_;
};

// The group moves on between the start of a commit and its arrival: the positions are refused, though at least once has applied
// the state by then. They are owed until the member ends.
TEST_F(WorkerTest, CommitsItsPositionsBeforeItEndsThoughTheGroupRefusedThemOnce) {
  // In whichever step the new generation meets the commit.
  for (int head_start = 0; head_start < 8; ++head_start) {
    SCOPED_TRACE(head_start);
    begin();
    const auto first = worker("first");
    const auto second = worker("second");
    for (int i = 0; i < 30; ++i) {
      step(*first, 1);
      step(*second, 1);
    }
    ASSERT_EQ(first->state(), WorkerState::kRunning);
    ASSERT_EQ(second->state(), WorkerState::kRunning);
    write(0, "a");
    write(1, "b");
    step(*first);
    step(*second);

    // The round that the third begins ends with the second's step, when the first has joined it and is on its way out.
    const auto third = worker("third");
    step(*third, 3);
    first->stop(/*leave_group=*/true);
    step(*first, head_start);
    for (int i = 0; i < 60 && !first->over(); ++i) {
      step(*second, 1);
      step(*third, 1);
      step(*first, 1);
    }
    EXPECT_EQ(first->state(), WorkerState::kStopped);
    for (int i = 0; i < 60; ++i) {
      step(*second, 1);
      step(*third, 1);
      clock_.advance(1s);
    }
    EXPECT_EQ(committed(0), 1);
    EXPECT_EQ(committed(1), 1);
    EXPECT_EQ(broker_->read("out", 0).size(), 2U);
  }
}

// A worker stands still for longer than a session, in whichever step of a commit; another one goes on with its tasks. When it
// wakes up it is nobody in the group, or somebody new: neither may commit what the old one had done.
TEST_F(WorkerTest, DoesNotCommitInTheNameOfTheMemberItHasBecome) {
  commit_interval_ = 1ms;
  session_timeout_ = 2s;
  for (int head_start = 0; head_start < 12; ++head_start) {
    SCOPED_TRACE(head_start);
    begin();
    const auto sleeper = worker("sleeper", Guarantee::kExactlyOnce);
    step(*sleeper, 60);
    ASSERT_EQ(sleeper->state(), WorkerState::kRunning);
    for (const char* value : {"a", "b", "c"}) write(0, value);
    clock_.advance(Duration{5});
    step(*sleeper, head_start);

    const auto other = worker("other", Guarantee::kExactlyOnce);
    for (int i = 0; i < 300; ++i) {
      step(*other, 1);
      clock_.advance(Duration{10});
    }
    write(0, "d");
    step(*other, 60);
    const Offset before = committed(0);
    for (int i = 0; i < 2000; ++i) {
      step(*sleeper, 1);
      step(*other, 1);
      clock_.advance(Duration{10});
      ASSERT_GE(committed(0), before);
    }
    std::string values;
    for (const BrokerRecord& record : broker_->read("out", 0)) values += *record.value;
    EXPECT_EQ(values, "abcd");
  }
}

// The same under exactly once: the transaction is aborted, but tasks that stay are not opened anew.
TEST_F(WorkerTest, RewindsTheTasksThatStayWhenItsTransactionIsRefused) {
  commit_interval_ = 1s;
  std::uint64_t aborted = 0;
  for (int head_start = 0; head_start < 8; ++head_start) {
    SCOPED_TRACE(head_start);
    begin();
    log_.clear();
    const auto first = worker("first", Guarantee::kExactlyOnce);
    const auto second = worker("second", Guarantee::kExactlyOnce);
    for (int i = 0; i < 30; ++i) {
      step(*first, 1);
      step(*second, 1);
    }
    ASSERT_EQ(first->state(), WorkerState::kRunning);
    ASSERT_EQ(second->state(), WorkerState::kRunning);
    const std::int64_t opened = told("first: opening task 0_0") + told("first: opening task 0_1");
    write(0, "a");
    write(1, "b");
    step(*first);
    step(*second);

    const auto third = worker("third", Guarantee::kExactlyOnce);
    step(*third, 3);
    clock_.advance(1s);  // so that a commit is due
    step(*first, head_start);
    for (int i = 0; i < 60; ++i) {
      step(*second, 1);
      step(*third, 1);
      step(*first, 1);
      clock_.advance(100ms);
    }
    aborted += first->metrics().transactions_aborted;
    EXPECT_EQ(broker_->read("out", 0).size(), 2U);
    EXPECT_EQ(committed(0), 1);
    EXPECT_EQ(committed(1), 1);
    EXPECT_EQ(told("first: opening task 0_0") + told("first: opening task 0_1"), opened);
  }
  EXPECT_GT(aborted, 0U) << "no transaction was refused, nothing is proven";
}

// Brokers forget positions of topics that no member subscribes to, and the only topic a worker subscribes to is that of the
// tasks. With offsets.retention.minutes=70 a source at rest keeps its position for hours.
TEST_F(WorkerTest, RenewsThePositionsOfSourcesAtRest) {
  write(0, "a");
  const auto one = worker("one");
  for (int i = 0; i < 30; ++i) {
    step(*one);
    clock_.advance(1s);
  }
  step(*one);
  ASSERT_EQ(committed(0), 1);
  for (int i = 0; i < 480; ++i) {
    clock_.advance(30s);
    step(*one, 5);
    broker_->expire_offsets("copy", std::chrono::minutes{70});
    ASSERT_EQ(committed(0), 1) << "after " << i << " half minutes";
  }
  // As the broker would have it without the worker.
  clock_.advance(std::chrono::minutes{70});
  broker_->expire_offsets("copy", std::chrono::minutes{70});
  EXPECT_EQ(committed(0), kNoOffset);
}

// What becomes of commits of positions, and how many were tried.
class CommitFaults final : public Faults {
 public:
  Fate fate_of(const FaultSite& site) override {
    if (site.operation != embedded::Operation::kCommitOffsets &&
        site.operation != embedded::Operation::kSendOffsets)
      return {};
    ++asked;
    return fate;
  }

  Fate fate;
  int asked = 0;
};

// While a group waits for a member that is gone, it answers commits of positions only when that member's session is over.
TEST_F(WorkerTest, ProcessesWhileTheGroupTakesItsTimeWithPositions) {
  commit_interval_ = 100ms;
  const auto faults = std::make_shared<CommitFaults>();
  broker_->set_faults(faults);
  const auto one = worker("one");
  run(*one, 200);
  faults->asked = 0;
  faults->fate = Fate::late(20s);
  write(0, "a");
  run(*one, 200);
  ASSERT_EQ(faults->asked, 1);
  for (int i = 0; i < 10; ++i) {
    write(1, "b");
    run(*one, 1000);
    EXPECT_EQ(broker_->read("out", 0).size(), static_cast<std::size_t>(i) + 2);
  }
  EXPECT_EQ(committed(0), 0);
  EXPECT_EQ(faults->asked, 1) << "one commit at a time";
  faults->fate = {};
  run(*one, 10'000);
  EXPECT_EQ(committed(0), 1);
  EXPECT_EQ(committed(1), 10);
}

// A member that the group gave up while it was asked to give tasks back is told so only when it has answered.
TEST_F(WorkerTest, GivesTasksBackThoughTheirPositionsAreRefusedForGood) {
  const auto faults = std::make_shared<CommitFaults>();
  broker_->set_faults(faults);
  const auto first = worker("first");
  run(*first, 200);
  write(0, "a");
  write(1, "b");
  run(*first, 200);
  faults->fate = Fate::refused(retriable_error("illegal generation"));
  const auto second = worker("second");
  const auto run_both = [&](int milliseconds) {
    for (int i = 0; i < milliseconds; ++i) {
      step(*first, 1);
      run(*second, 1);
    }
  };
  for (int i = 0; i < 200 && second->metrics().tasks == 0; ++i) run_both(100);
  EXPECT_EQ(second->metrics().tasks, 1U);
  EXPECT_EQ(first->metrics().tasks, 1U);
  faults->fate = {};
  run_both(5000);
  EXPECT_EQ(committed(0), 1);
  EXPECT_EQ(committed(1), 1);
  EXPECT_GE(broker_->read("out", 0).size(), 2U);
}

// The end waits for the positions on their way, and commits what was processed meanwhile.
TEST_F(WorkerTest, EndsWithAllPositionsThoughSomeWereOnTheirWay) {
  commit_interval_ = 100ms;
  const auto faults = std::make_shared<CommitFaults>();
  broker_->set_faults(faults);
  const auto one = worker("one");
  run(*one, 200);
  faults->fate = Fate::late(5s);
  write(0, "a");
  run(*one, 200);
  write(0, "b");
  run(*one, 200);
  ASSERT_EQ(broker_->read("out", 0).size(), 2U);
  one->stop(/*leave_group=*/true);
  run(*one, 30'000);
  EXPECT_EQ(one->state(), WorkerState::kStopped);
  EXPECT_EQ(committed(0), 2);
}

// A group that is rebalancing, or whose broker has a slow disk, refuses until it is done.
TEST_F(WorkerTest, WaitsLongerEachTimeItsCommitIsRefused) {
  commit_interval_ = 1ms;
  for (const Guarantee guarantee : {Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce}) {
    SCOPED_TRACE(static_cast<int>(guarantee));
    begin();
    const auto faults = std::make_shared<CommitFaults>();
    broker_->set_faults(faults);
    faults->fate =
        Fate::refused(guarantee == Guarantee::kExactlyOnce ? abortable_error("illegal generation")
                                                           : retriable_error("illegal generation"));
    const auto one = worker("one", guarantee);
    write(0, "a");
    run(*one, 10'000);
    EXPECT_GE(faults->asked, 5);
    EXPECT_LE(faults->asked, 20) << "tries within ten seconds";
    faults->fate = {};
    run(*one, 2000);
    EXPECT_EQ(committed(0), 1);
    EXPECT_EQ(broker_->read("out", 0).size(), 1U);
  }
}

}  // namespace
}  // namespace weir
