#include <weir/core/repartition_purge.h>

#include <memory>

#include <gtest/gtest.h>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>

namespace weir {
namespace {

using std::chrono_literals::operator""s;

class RepartitionPurgeTest : public testing::Test {
 protected:
  void SetUp() override {
    topology_.repartitions.emplace_back().name = "r";
    for (const std::string topic : {"app-r", "in"}) {
      ASSERT_TRUE(broker_->create_topic(topic, 2).ok());
      for (Partition partition = 0; partition < 2; ++partition) {
        for (int i = 0; i < 10; ++i)
          ASSERT_TRUE(broker_->append(topic, partition, {.key = "k", .value = "v"}).ok());
      }
    }
  }

  std::unique_ptr<RepartitionPurge> purge(Duration interval = 30s) {
    return std::make_unique<RepartitionPurge>(topology_, "app", *transport_, clock_, interval,
                                              [this](LogLevel, std::string_view text) { log_ += text; });
  }
  void step(RepartitionPurge& purge, Duration advance = 0s) {
    clock_.advance(advance);
    for (int i = 0; i < 5; ++i) purge.step();
  }

  ManualClock clock_;
  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>(clock_);
  std::unique_ptr<Transport> transport_ = make_embedded_transport(broker_);
  Topology topology_;
  std::string log_;
};

TEST_F(RepartitionPurgeTest, DeletesWhatIsCommittedAtIntervals) {
  const auto purge = this->purge();
  purge->committed({{{"app-r", 0}, 4}, {{"app-r", 1}, 0}, {{"in", 0}, 7}});
  step(*purge, 29s);
  EXPECT_EQ(broker_->begin_offset("app-r", 0), 0);
  purge->committed({{{"app-r", 0}, 6}});
  step(*purge, 1s);
  EXPECT_EQ(broker_->begin_offset("app-r", 0), 6);
  EXPECT_EQ(broker_->begin_offset("app-r", 1), 0);
  EXPECT_EQ(broker_->begin_offset("in", 0), 0);

  purge->committed({{{"app-r", 0}, 8}});
  step(*purge, 29s);
  EXPECT_EQ(broker_->begin_offset("app-r", 0), 6);
  step(*purge, 1s);
  EXPECT_EQ(broker_->begin_offset("app-r", 0), 8);
}

TEST_F(RepartitionPurgeTest, LeavesAlonePartitionsThatAreSomebodyElses) {
  const auto purge = this->purge();
  purge->committed({{{"app-r", 0}, 4}, {{"app-r", 1}, 5}});
  purge->forget({{"app-r", 0}, {"in", 0}});
  step(*purge, 30s);
  EXPECT_EQ(broker_->begin_offset("app-r", 0), 0);
  EXPECT_EQ(broker_->begin_offset("app-r", 1), 5);
}

TEST_F(RepartitionPurgeTest, TriesAgainWithTheNextCommitAfterAFailure) {
  const auto purge = this->purge();
  ASSERT_TRUE(broker_->delete_topic("app-r").ok());
  purge->committed({{{"app-r", 0}, 4}});
  step(*purge, 30s);
  EXPECT_NE(log_.find("could not be deleted: unknown topic or partition: app-r-0"), std::string::npos)
      << log_;
  ASSERT_TRUE(broker_->create_topic("app-r", 1).ok());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(broker_->append("app-r", 0, {.key = "k", .value = "v"}).ok());
  purge->committed({{{"app-r", 0}, 5}});
  step(*purge, 30s);
  EXPECT_EQ(broker_->begin_offset("app-r", 0), 5);
}

TEST_F(RepartitionPurgeTest, DoesNothingIfSwitchedOff) {
  const auto purge = this->purge(0s);
  purge->committed({{{"app-r", 0}, 4}});
  step(*purge, 3600s);
  EXPECT_EQ(broker_->begin_offset("app-r", 0), 0);
}

}  // namespace
}  // namespace weir
