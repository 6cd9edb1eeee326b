// Tasks that do not get on, and steps that do not end.
#include <weir/core/progress_watch.h>

#include "stepped_worker.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using test::RawRecordView;
using test::ScriptedNode;

TEST(ProgressWatch, ReportsAStallOnceAndAgainAfterProgress) {
  ProgressWatch watch(100ms);
  EXPECT_FALSE(watch.observe(0, 1, true, 0ms).has_value());
  EXPECT_FALSE(watch.observe(0, 1, true, 99ms).has_value());
  EXPECT_EQ(watch.observe(0, 1, true, 120ms), 120ms);
  EXPECT_EQ(watch.stalled(), 1u);
  EXPECT_FALSE(watch.observe(0, 1, true, 500ms).has_value());
  EXPECT_FALSE(watch.observe(0, 2, true, 501ms).has_value());
  EXPECT_EQ(watch.stalled(), 0u);
  EXPECT_EQ(watch.observe(0, 2, true, 601ms), 100ms);
}

TEST(ProgressWatch, DoesNotMindTasksThatHaveNothingToDoOrAreGone) {
  ProgressWatch watch(100ms);
  EXPECT_FALSE(watch.observe(0, 1, false, 0ms).has_value());
  EXPECT_FALSE(watch.observe(0, 1, false, 500ms).has_value());
  EXPECT_FALSE(watch.observe(0, 1, true, 550ms).has_value()) << "the work came at 500 ms";
  EXPECT_TRUE(watch.observe(0, 1, true, 600ms).has_value());
  watch.keep([](Partition) { return false; });
  EXPECT_EQ(watch.stalled(), 0u);
}

TEST(ProgressWatch, IsOffWithoutALimit) {
  ProgressWatch watch(0ms);
  EXPECT_FALSE(watch.observe(0, 1, true, 0ms).has_value());
  EXPECT_FALSE(watch.observe(0, 1, true, 1000s).has_value());
}

TEST(StepWatch, KnowsTheStepAndItsTask) {
  StepWatch step;
  EXPECT_FALSE(step.since().has_value());
  step.begin(7ms);
  EXPECT_EQ(step.since(), 7ms);
  EXPECT_EQ(step.token(), kAnyPartition);
  step.working_on(3);
  EXPECT_EQ(step.token(), 3);
  step.end();
  EXPECT_FALSE(step.since().has_value());
  EXPECT_EQ(step.token(), kAnyPartition);
}

class StallTest : public test::GuaranteedWorkerTest {
 protected:
  StallTest() {
    options_.stall_limit = 1s;
    options_.on_stall = [this](const Stall& stall) { stalls_.push_back(stall); };
    options_.retry = {.attempts = 1000, .first_pause = 100ms, .longest_pause = 100ms};
  }
  ScriptedNode::Script until_told() {
    return [this](ScriptedNode& node, const RawRecordView& record) {
      if (down_) throw Retriable("the service is down");
      node.pass(record);
    };
  }

  bool down_ = true;
  std::vector<Stall> stalls_;
};

INSTANTIATE_TEST_SUITE_P(BothGuarantees, StallTest,
                         testing::Values(Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce),
                         test::name_of_guarantee);

TEST_P(StallTest, ATaskThatDoesNotGetOnIsNamedWithWhereItStands) {
  start(scripted(until_told()));
  write(1, "v");
  ASSERT_TRUE(step_until([this] { return !stalls_.empty(); }));
  const Stall stall = stalls_.front();
  EXPECT_EQ(stall.worker, "worker");
  EXPECT_EQ(stall.task, "0_1");
  EXPECT_GE(stall.lasts, 1s);
  for (const char* part : {"topic=in", "partition=1", "position=0", "buffered=1", "tried again"})
    EXPECT_NE(stall.waits_for.find(part), std::string::npos) << stall.waits_for;
  EXPECT_TRUE(logged("task 0_1 has not got on"));
  EXPECT_EQ(worker_->metrics().tasks_stalled.load(), 1u);

  down_ = false;
  ASSERT_TRUE(step_until([this] { return committed(1) == 1; }));
  ASSERT_TRUE(step_until([this] { return worker_->metrics().tasks_stalled.load() == 0; }));
  EXPECT_EQ(stalls_.size(), 1u);
}

TEST_P(StallTest, APausedTaskAndAnIdleOneAreNotStalled) {
  PauseBoard pauses;
  pauses.pause_task({0, 0});
  options_.pauses = &pauses;
  down_ = false;
  start(scripted(until_told()));
  write(0, "v");
  EXPECT_FALSE(step_until([this] { return !stalls_.empty() || committed(0) == 1; }));
  pauses.resume_task({0, 0});
  EXPECT_TRUE(step_until([this] { return committed(0) == 1; }));
  worker_.reset();
}

}  // namespace
}  // namespace weir
