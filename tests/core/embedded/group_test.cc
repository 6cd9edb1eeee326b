#include "fixture.h"

namespace weir {
namespace {

class EmbeddedGroup : public EmbeddedTest {
 protected:
  EmbeddedGroup() { create("tokens", 4); }

  static absl::Status commit(Member& member, Offset offset) {
    Pending<> pending = member.consumer->commit({{{"tokens", 0}, offset, {}}});
    serve(member);
    return pending.ready() ? pending.take().status()
                           : absl::DeadlineExceededError("not committed in one poll");
  }

  GroupDescription described() { return broker_->describe_group("app"); }
};

TEST_F(EmbeddedGroup, GivesTheOnlyMemberEverything) {
  Member one = member("app", "tokens");
  serve(one);
  EXPECT_EQ(one.take_told(), "");
  serve(one);
  EXPECT_EQ(one.take_told(), "assigned(0 1 2 3)");
  settle(one);
  EXPECT_EQ(one.take_told(), "");
  EXPECT_EQ(described().state, GroupDescription::State::kStable);
  EXPECT_EQ(described().generation, 1);
}

TEST_F(EmbeddedGroup, TakesAwayInOneRoundAndGivesInTheNext) {
  Member one = member("app", "tokens");
  settle(one);
  one.take_told();
  one.patient = true;
  Member two = member("app", "tokens");
  settle(one, two);
  EXPECT_EQ(one.take_told(), "revoked(2 3)");
  EXPECT_EQ(two.take_told(), "assigned()");
  EXPECT_EQ(described().generation, 2);

  one.consumer->complete_rebalance();
  settle(one, two);
  EXPECT_EQ(one.take_told(), "");
  EXPECT_EQ(two.take_told(), "assigned(2 3)");
  EXPECT_EQ(described().generation, 3);
}

TEST_F(EmbeddedGroup, LeavesPartitionsThatStayAlone) {
  Member one = member("app", "tokens");
  Member two = member("app", "tokens");
  settle(one, two);
  one.take_told();
  two.take_told();
  Member three = member("app", "tokens");
  settle(one, two, three);
  const std::string told = one.take_told() + two.take_told();
  EXPECT_EQ(std::count(told.begin(), told.end(), '('), 1) << told;
  EXPECT_EQ(one.owned.size() + two.owned.size() + three.owned.size(), 4U);
}

TEST_F(EmbeddedGroup, WaitsForAMemberThatHasNotAnswered) {
  Member one = member("app", "tokens");
  one.patient = true;
  settle(one);
  EXPECT_EQ(one.take_told(), "assigned(0 1 2 3)");
  Member two = member("app", "tokens");
  settle(one, two);
  EXPECT_EQ(described().state, GroupDescription::State::kPreparing);
  EXPECT_EQ(two.take_told(), "");
  one.consumer->complete_rebalance();
  settle(one, two);
  EXPECT_EQ(one.take_told(), "revoked(2 3)");
  EXPECT_EQ(two.take_told(), "assigned()");
}

TEST_F(EmbeddedGroup, GivesThePartitionsOfALeaverToTheOthers) {
  Member one = member("app", "tokens");
  Member two = member("app", "tokens");
  settle(one, two);
  ASSERT_TRUE(finish(*one.consumer, one.consumer->close(true)).ok());
  settle(two);
  EXPECT_EQ(two.owned, (std::set<Partition>{0, 1, 2, 3}));
  EXPECT_EQ(described().members.size(), 1U);
}

TEST_F(EmbeddedGroup, KeepsThePlaceOfAMemberThatOnlyStopsUntilItsSessionEnds) {
  Member one = member("app", "tokens");
  Member two = member("app", "tokens");
  settle(one, two);
  ASSERT_TRUE(finish(*one.consumer, one.consumer->close(false)).ok());
  settle(two);
  EXPECT_EQ(two.owned.size(), 2U);
  clock_.advance(Duration(9'999));
  settle(two);
  EXPECT_EQ(two.owned.size(), 2U);
  clock_.advance(Duration(1));
  settle(two);
  EXPECT_EQ(two.owned.size(), 4U);
}

TEST_F(EmbeddedGroup, TakesADestroyedConsumerForACrashedOne) {
  Member two = member("app", "tokens");
  {
    Member one = member("app", "tokens");
    settle(one, two);
  }
  settle(two);
  EXPECT_EQ(two.owned.size(), 2U);
  clock_.advance(Duration(9'000));
  settle(two);
  clock_.advance(Duration(1'000));
  settle(two);
  EXPECT_EQ(two.owned.size(), 4U);
}

TEST_F(EmbeddedGroup, DropsAMemberThatDoesNotPollAndTellsItLater) {
  Member one = member("app", "tokens");
  Member two = member("app", "tokens");
  settle(one, two);
  one.take_told();
  const std::set<Partition> had = one.owned;
  clock_.advance(Duration(9'000));
  settle(two);
  clock_.advance(Duration(1'000));
  settle(two);
  EXPECT_EQ(two.owned.size(), 4U);
  EXPECT_EQ(class_of(commit(one, 3)), ErrorClass::kFenced);
  settle(one, two);
  EXPECT_EQ(one.take_told().substr(0, 5), "lost(");
  EXPECT_EQ(one.owned.size(), 2U);
  EXPECT_EQ(two.owned.size(), 2U);
}

TEST_F(EmbeddedGroup, DropsAMemberThatPollsButDoesNotAnswer) {
  Member one = member("app", "tokens");
  one.patient = true;
  settle(one);
  Member two = member("app", "tokens");
  for (int second = 0; second < 30; ++second) {
    settle(one, two);
    EXPECT_TRUE(two.owned.empty());
    clock_.advance(Duration(1'000));
  }
  serve(two);
  serve(two);
  EXPECT_EQ(two.owned.size(), 4U);
  serve(one);
  EXPECT_EQ(one.take_told(), "assigned(0 1 2 3) lost(0 1 2 3)");
}

TEST_F(EmbeddedGroup, DropsEverybodyWhenNobodyPolls) {
  Member one = member("app", "tokens");
  Member two = member("app", "tokens");
  settle(one, two);
  clock_.advance(Duration(10'000));
  EXPECT_EQ(described().state, GroupDescription::State::kEmpty);
  settle(one, two);
  EXPECT_EQ(one.owned.size() + two.owned.size(), 4U);
}

TEST_F(EmbeddedGroup, RefusesCommitsOfAnOlderGenerationUntilTheMemberHasHeardOfTheNew) {
  Member one = member("app", "tokens");
  settle(one);
  EXPECT_TRUE(commit(one, 1).ok());
  Member two = member("app", "tokens");
  serve(two);
  // The poll that joins the round also completes it, so the next commit carries the old generation.
  auto pending = one.consumer->commit({{{"tokens", 0}, 2, {}}});
  serve(one);
  EXPECT_TRUE(pending.take().ok());
  EXPECT_EQ(described().generation, 2);
  pending = one.consumer->commit({{{"tokens", 0}, 3, {}}});
  serve(one);
  const absl::Status refused = pending.take().status();
  EXPECT_EQ(class_of(refused), ErrorClass::kRetriable) << refused;
  EXPECT_TRUE(commit(one, 4).ok());
  EXPECT_EQ(broker_->committed("app", {"tokens", 0})->offset, 4);
}

TEST_F(EmbeddedGroup, RefusesCommitsOfOutsidersWhileItHasMembers) {
  ConsumerOptions options;
  options.group = "app";
  auto outsider = consumer(options);
  EXPECT_TRUE(finish(*outsider, outsider->commit({{{"tokens", 0}, 1, {}}})).ok());
  Member one = member("app", "tokens");
  settle(one);
  EXPECT_FALSE(finish(*outsider, outsider->commit({{{"tokens", 0}, 2, {}}})).ok());
  EXPECT_EQ(broker_->committed("app", {"tokens", 0})->offset, 1);
}

TEST_F(EmbeddedGroup, AcceptsCommitsForTopicsItDoesNotSubscribeTo) {
  create("orders");
  Member one = member("app", "tokens");
  settle(one);
  EXPECT_TRUE(finish(*one.consumer, one.consumer->commit({{{"orders", 0}, 9, {}}})).ok());
}

TEST_F(EmbeddedGroup, SharesOutNewPartitions) {
  Member one = member("app", "tokens");
  Member two = member("app", "tokens");
  settle(one, two);
  ASSERT_TRUE(broker_->grow_topic("tokens", 7).ok());
  settle(one, two);
  EXPECT_EQ(one.owned.size() + two.owned.size(), 7U);
}

TEST_F(EmbeddedGroup, RevokesThePartitionsOfADeletedTopicAndAssignsThoseOfItsSuccessor) {
  Member one = member("app", "tokens");
  settle(one);
  one.take_told();
  ASSERT_TRUE(broker_->delete_topic("tokens").ok());
  settle(one);
  EXPECT_EQ(one.take_told(), "error(NOT_FOUND tokens) revoked(0 1 2 3)");
  create("tokens", 2);
  settle(one);
  EXPECT_EQ(one.take_told(), "assigned(0 1)");
}

TEST_F(EmbeddedGroup, TellsOnceThatTheTopicIsMissing) {
  Member one = member("app", "later");
  settle(one);
  EXPECT_EQ(one.take_told(), "error(NOT_FOUND later) assigned()");
  create("later", 2);
  settle(one);
  EXPECT_EQ(one.take_told(), "assigned(0 1)");
}

TEST_F(EmbeddedGroup, KeepsMembersOfDifferentTopicsApart) {
  create("other", 2);
  Member one = member("app", "tokens");
  Member two = member("app", "other");
  settle(one, two);
  EXPECT_EQ(one.owned.size(), 4U);
  EXPECT_EQ(two.owned.size(), 2U);
}

TEST_F(EmbeddedGroup, GivesAStaticMemberItsPartitionsBackWithoutDisturbingTheOthers) {
  Member two = member("app", "tokens", "b");
  std::set<Partition> had;
  {
    Member one = member("app", "tokens", "a");
    settle(one, two);
    had = one.owned;
    ASSERT_TRUE(finish(*one.consumer, one.consumer->close(true)).ok());
  }
  const std::int32_t generation = described().generation;
  two.take_told();
  Member again = member("app", "tokens", "a");
  settle(again, two);
  EXPECT_EQ(again.owned, had);
  EXPECT_EQ(two.take_told(), "");
  EXPECT_EQ(described().generation, generation);
  EXPECT_TRUE(commit(again, 1).ok());
}

TEST_F(EmbeddedGroup, FencesTheFormerHolderOfAnInstanceId) {
  Member one = member("app", "tokens", "a");
  settle(one);
  one.take_told();
  Member twin = member("app", "tokens", "a");
  settle(twin);
  EXPECT_EQ(twin.owned.size(), 4U);
  EXPECT_EQ(class_of(commit(one, 1)), ErrorClass::kFenced);
  settle(one);
  EXPECT_EQ(one.take_told(), "lost(0 1 2 3) error(FAILED_PRECONDITION )");
  settle(one, twin);
  EXPECT_EQ(one.take_told(), "");
  EXPECT_EQ(twin.owned.size(), 4U);
  EXPECT_TRUE(commit(twin, 1).ok());
}

TEST_F(EmbeddedGroup, FreesWhatAStaticMemberWasToldToGiveUpWhenItComesBack) {
  Member one = member("app", "tokens", "a");
  settle(one);
  one.patient = true;
  Member two = member("app", "tokens", "b");
  settle(one, two);
  EXPECT_TRUE(two.owned.empty());
  one.consumer.reset();
  Member again = member("app", "tokens", "a");
  settle(again, two);
  EXPECT_EQ(again.owned.size(), 2U);
  EXPECT_EQ(two.owned.size(), 2U);
}

TEST_F(EmbeddedGroup, RemovesAStaticMemberOnRequest) {
  Member one = member("app", "tokens", "a");
  Member two = member("app", "tokens", "b");
  settle(one, two);
  one.consumer.reset();
  EXPECT_TRUE(broker_->remove_member("app", "a"));
  EXPECT_FALSE(broker_->remove_member("app", "a"));
  EXPECT_FALSE(broker_->remove_member("app", ""));
  settle(two);
  EXPECT_EQ(two.owned.size(), 4U);
}

TEST_F(EmbeddedGroup, DescribesItsMembers) {
  Member one = member("app", "tokens", "a");
  Member two = member("app", "tokens");
  settle(one, two);
  const GroupDescription group = described();
  ASSERT_EQ(group.members.size(), 2U);
  EXPECT_EQ(group.members[0].instance_id, "a");
  EXPECT_EQ(group.members[0].client_id, "client");
  EXPECT_EQ(group.members[0].topic, "tokens");
  EXPECT_EQ(group.members[0].assignment.size(), 2U);
  EXPECT_NE(group.members[0].member_id, group.members[1].member_id);
  EXPECT_EQ(broker_->describe_group("nobody").state, GroupDescription::State::kEmpty);
}

TEST_F(EmbeddedGroup, RefusesASecondSubscription) {
  Member one = member("app", "tokens");
  EXPECT_FALSE(one.consumer->subscribe("tokens").ok());
}

TEST_F(EmbeddedGroup, IgnoresAnAnswerNobodyWaitsFor) {
  Member one = member("app", "tokens");
  one.consumer->complete_rebalance();
  settle(one);
  one.consumer->complete_rebalance();
  EXPECT_EQ(one.owned.size(), 4U);
}

TEST_F(EmbeddedGroup, IsTheSameEveryTime) {
  std::string first;
  for (int run = 0; run < 2; ++run) {
    auto broker = std::make_shared<EmbeddedBroker>(clock_);
    auto transport = make_embedded_transport(broker);
    transport_ = make_embedded_transport(broker);
    ASSERT_TRUE(broker->create_topic("tokens", 10).ok());
    Member one = member("app", "tokens");
    Member two = member("app", "tokens");
    Member three = member("app", "tokens");
    settle(one, two, three);
    ASSERT_TRUE(finish(*two.consumer, two.consumer->close(true)).ok());
    settle(one, three);
    const std::string told = one.told + "|" + two.told + "|" + three.told;
    if (run == 0) first = told;
    EXPECT_EQ(told, first);
  }
}

}  // namespace
}  // namespace weir
