// How often a worker commits.
#include <weir/core/commit_pacer.h>

#include "stepped_worker.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""h;
using test::RawRecordView;
using test::ScriptedNode;

void commit(CommitPacer& pacer, Duration takes) {
  pacer.begun(1000ms);
  pacer.finished(1000ms + takes);
}

TEST(CommitPacer, KeepsTheIntervalWithoutATarget) {
  CommitPacer pacer(100ms, std::nullopt);
  commit(pacer, 70ms);
  EXPECT_EQ(pacer.interval(), 100ms);
}

TEST(CommitPacer, BeginsSoMuchBeforeTheTargetAsACommitTakes) {
  CommitPacer pacer(30'000ms, 100ms);
  EXPECT_EQ(pacer.interval(), 100ms);
  commit(pacer, 30ms);
  EXPECT_EQ(pacer.interval(), 70ms);
}

TEST(CommitPacer, ForgetsASlowCommitBitByBit) {
  CommitPacer pacer(30'000ms, 100ms);
  commit(pacer, 40ms);
  commit(pacer, 10ms);
  EXPECT_EQ(pacer.expected(), 34ms);
  for (int i = 0; i < 20; ++i) commit(pacer, 10ms);
  EXPECT_EQ(pacer.expected(), 10ms);
  for (int i = 0; i < 20; ++i) commit(pacer, 0ms);
  EXPECT_EQ(pacer.expected(), 0ms);
}

TEST(CommitPacer, MissesATargetThatWouldTakeMoreThanHalfOfTheTime) {
  CommitPacer pacer(30'000ms, 100ms);
  commit(pacer, 80ms);
  EXPECT_EQ(pacer.interval(), 80ms);
  commit(pacer, 500ms);
  EXPECT_EQ(pacer.interval(), 500ms);
}

class CommitPaceTest : public test::GuaranteedWorkerTest {
 protected:
  static ScriptedNode::Script pass() {
    return [](ScriptedNode& node, const RawRecordView& record) { node.pass(record); };
  }
};

INSTANTIATE_TEST_SUITE_P(BothGuarantees, CommitPaceTest,
                         testing::Values(Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce),
                         test::name_of_guarantee);

TEST_P(CommitPaceTest, RecordsAreCommittedWithinTheTarget) {
  options_.commit_interval = 1h;
  options_.commit_latency_target = 50ms;
  start(scripted(pass()));
  for (int i = 0; i < 10; ++i) {
    write(0, "v");
    const Duration before = clock_.steady();
    ASSERT_TRUE(step_until([this, i] { return committed(0) == i + 1; }));
    // The first commits show how long they take.
    if (i > 1) {
      EXPECT_LE(clock_.steady() - before, 50ms) << i;
    }
  }
}

TEST_P(CommitPaceTest, ATransactionThatHasGrownTooLargeIsCommittedEarly) {
  options_.commit_interval = 1h;
  options_.transaction_records_max = 5;
  options_.transaction_bytes_max = 1000;
  start(scripted(pass()));
  for (int i = 0; i < 4; ++i) write(0, "v");
  EXPECT_FALSE(step_until([this] { return committed(0) == 4; }));
  write(0, "v");
  const bool early = GetParam() == Guarantee::kExactlyOnce;
  EXPECT_EQ(step_until([this] { return committed(0) == 5; }), early) << "at least once has no transaction";
  write(0, std::string(1000, 'x'));
  EXPECT_EQ(step_until([this] { return committed(0) == 6; }), early);
}

}  // namespace
}  // namespace weir
