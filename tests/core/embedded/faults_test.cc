#include <deque>

#include <weir/core/embedded/engine.h>
#include <weir/core/refusal.h>

#include "fixture.h"

namespace weir {
namespace {

using embedded::Operation;

// Deals out the fates it was given, each to the next operation of its kind; the rest goes well.
class Script final : public Faults {
 public:
  void next(Operation operation, Fate fate) { fates_[operation].push_back(std::move(fate)); }

  Fate fate_of(const FaultSite& site) override {
    seen += fmt::format("{}{}#{}:{}", seen.empty() ? "" : " ", site.client.host, site.number,
                        embedded::name_of(site.operation));
    std::deque<Fate>& fates = fates_[site.operation];
    if (fates.empty()) return {};
    Fate fate = std::move(fates.front());
    fates.pop_front();
    return fate;
  }
  bool cut_off(const ClientName& client) override { return clogged && *clogged == client.kind; }
  bool keeps_assignment(const ClientName& client) override { return client.client_id == deaf; }
  bool holds(const FaultSite& site) override { return held && *held == site.operation; }

  std::string seen;
  std::optional<ClientName::Kind> clogged;
  std::optional<Operation> held;
  std::optional<std::string> deaf;

 private:
  std::map<Operation, std::deque<Fate>> fates_;
};

class FaultsTest : public EmbeddedTest {
 protected:
  FaultsTest() {
    broker_->set_faults(script_);
    transport_ = make_embedded_transport(broker_, "host");
    create("orders", 2);
    create("tokens", 2);
  }

  // A producer in a transaction that has one record at the broker.
  std::unique_ptr<Producer> in_transaction(const std::string& id, const std::string& key = "a") {
    auto client = transactional(id);
    EXPECT_TRUE(client->begin_transaction().ok());
    write(*client, "orders", key, "1");
    EXPECT_TRUE(client->failure().ok()) << client->failure();
    return client;
  }

  template <class Client, class T>
  std::string outcome(Client& client, Pending<T>& pending) {
    poll(client);
    if (!pending.ready()) return "waits";
    const absl::Status status = pending.take().status();
    if (status.ok()) return "ok";
    switch (class_of(status)) {
      case ErrorClass::kRetriable:
        return "retriable";
      case ErrorClass::kAbortable:
        return "abortable";
      case ErrorClass::kFenced:
        return "fenced";
      case ErrorClass::kUnknown:
        return "unknown";
      case ErrorClass::kFatal:
        return "fatal";
    }
    return "";
  }

  std::unique_ptr<Consumer> outsider(const std::string& group) {
    ConsumerOptions options;
    options.group = group;
    return consumer(options);
  }

  const std::shared_ptr<Script> script_ = std::make_shared<Script>();
};

TEST_F(FaultsTest, TellTheHookWhoDoesWhatForTheHowManiethTime) {
  auto client = in_transaction("id");
  ASSERT_TRUE(finish(*client, client->commit_transaction()).ok());
  ASSERT_TRUE(client->begin_transaction().ok());
  write(*client, "orders", "b", "1");
  EXPECT_EQ(script_->seen,
            "host#0:init_transactions host#0:produce host#0:commit_transaction host#1:produce");
}

TEST_F(FaultsTest, AnEmptyFateChangesNothing) {
  auto client = in_transaction("id");
  EXPECT_EQ(read("orders"), "");
  ASSERT_TRUE(finish(*client, client->commit_transaction()).ok());
  EXPECT_EQ(read("orders"), "a:1@0");
}

TEST_F(FaultsTest, ARequestTakesItsTime) {
  auto client = in_transaction("id");
  script_->next(Operation::kCommitTransaction, Fate::late(Duration(30)));
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "waits");
  clock_.advance(Duration(29));
  EXPECT_EQ(outcome(*client, commit), "waits");
  EXPECT_EQ(read("orders"), "");
  clock_.advance(Duration(1));
  EXPECT_EQ(read("orders"), "a:1@0");
  EXPECT_EQ(outcome(*client, commit), "ok");
}

TEST_F(FaultsTest, AnAnswerTakesItsTimeToo) {
  auto client = in_transaction("id");
  script_->next(Operation::kCommitTransaction, Fate::late(Duration(0), Duration(30)));
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "waits");
  EXPECT_EQ(read("orders"), "a:1@0");
  clock_.advance(Duration(30));
  EXPECT_EQ(outcome(*client, commit), "ok");
}

TEST_F(FaultsTest, ARequestOnItsWayArrivesWithoutItsClient) {
  auto client = in_transaction("id");
  script_->next(Operation::kCommitTransaction, Fate::late(Duration(30)));
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "waits");
  client.reset();
  clock_.advance(Duration(30));
  EXPECT_EQ(read("orders"), "a:1@0");
}

TEST_F(FaultsTest, ARefusalDoesNothing) {
  auto client = in_transaction("id");
  script_->next(Operation::kCommitTransaction, Fate::refused(retriable_error("busy")));
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "retriable");
  EXPECT_EQ(read("orders"), "");
  commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "ok");
}

TEST_F(FaultsTest, ALostAnswerLeavesADoneCommitUnknown) {
  auto client = in_transaction("id");
  script_->next(Operation::kCommitTransaction, Fate::lost_answer(Duration(500)));
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "waits");
  EXPECT_EQ(read("orders"), "a:1@0");
  clock_.advance(Duration(500));
  EXPECT_EQ(outcome(*client, commit), "unknown");
}

TEST_F(FaultsTest, ALostRequestLeavesAnUndoneCommitUnknown) {
  auto client = in_transaction("id");
  script_->next(Operation::kCommitTransaction, Fate::lost_request(Duration(500)));
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "waits");
  clock_.advance(Duration(500));
  EXPECT_EQ(outcome(*client, commit), "unknown");
  EXPECT_EQ(read("orders"), "");
  // Its successor settles what is left.
  auto next = transactional("id");
  EXPECT_EQ(read("orders"), "");
  EXPECT_EQ(broker_->end_offset("orders", 0, Isolation::kReadCommitted), 2);
}

TEST_F(FaultsTest, TheLibrarysPatienceIsTheTransactionsTimeout) {
  auto client = in_transaction("id");
  script_->next(Operation::kCommitTransaction, Fate::lost_answer());
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "waits");
  clock_.advance(Duration(9'999));
  EXPECT_EQ(outcome(*client, commit), "waits");
  clock_.advance(Duration(1));
  EXPECT_EQ(outcome(*client, commit), "unknown");
}

// What brokers without the second part of KIP-890 do to a producer that goes on after an unknown outcome.
TEST_F(FaultsTest, ALateEndOfATransactionEndsTheNextOne) {
  auto client = in_transaction("id");
  script_->next(Operation::kCommitTransaction,
                {.answer_lost = true, .patience = Duration(10), .again_after = Duration(50)});
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "waits");
  clock_.advance(Duration(10));
  EXPECT_EQ(outcome(*client, commit), "unknown");
  commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "ok");
  ASSERT_TRUE(client->begin_transaction().ok());
  write(*client, "orders", "b", "half");
  EXPECT_EQ(read("orders"), "a:1@0");
  clock_.advance(Duration(40));
  EXPECT_EQ(read("orders"), "a:1@0 b:half@0");
}

TEST_F(FaultsTest, CommitsWithoutOffsetsAreCounted) {
  auto client = in_transaction("id");
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "ok");
  EXPECT_EQ(broker_->enter()->transactions().committed_without_offsets(), 1U);
}

TEST_F(FaultsTest, ALateEndOfATransactionIsFencedByANewProducer) {
  auto client = in_transaction("id");
  script_->next(Operation::kCommitTransaction, Fate::without_client(Duration(10), Duration(50)));
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "waits");
  clock_.advance(Duration(10));
  EXPECT_EQ(outcome(*client, commit), "unknown");
  client = in_transaction("id", "b");
  clock_.advance(Duration(40));
  EXPECT_EQ(read("orders"), "");
  ASSERT_TRUE(finish(*client, client->commit_transaction()).ok());
  EXPECT_EQ(read("orders"), "b:1@0");
}

TEST_F(FaultsTest, RecordsThatTimeOutSpoilTheirTransaction) {
  auto client = transactional("id");
  ASSERT_TRUE(client->begin_transaction().ok());
  for (const Fate& fate : {Fate::lost_answer(Duration(10)), Fate::lost_request(Duration(10))}) {
    script_->next(Operation::kProduce, fate);
    write(*client, "orders", "a", "1");
    EXPECT_EQ(client->in_flight(), 1U);
    clock_.advance(Duration(10));
    client->poll();
    EXPECT_EQ(client->in_flight(), 0U);
    EXPECT_EQ(class_of(client->failure()), ErrorClass::kAbortable) << client->failure();
    client->clear_failure();
  }
  EXPECT_EQ(read("orders", 0, Isolation::kReadUncommitted), "a:1@0");
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "abortable");
  ASSERT_TRUE(finish(*client, client->abort_transaction()).ok());
  EXPECT_EQ(read("orders"), "");
}

TEST_F(FaultsTest, RecordsThatTimeOutOutsideTransactionsMayBeThere) {
  auto client = producer();
  script_->next(Operation::kProduce, Fate::lost_answer(Duration(10)));
  write(*client, "orders", "a", "1");
  clock_.advance(Duration(10));
  client->poll();
  EXPECT_EQ(class_of(client->failure()), ErrorClass::kRetriable) << client->failure();
  EXPECT_EQ(read("orders"), "a:1@0");
}

TEST_F(FaultsTest, RecordsOfAnAbortedTransactionThatArriveLateAreShutOut) {
  auto client = transactional("id");
  ASSERT_TRUE(client->begin_transaction().ok());
  script_->next(Operation::kProduce, Fate::without_client(Duration(10), Duration(50)));
  write(*client, "orders", "stray", "1");
  clock_.advance(Duration(10));
  client->poll();
  ASSERT_TRUE(finish(*client, client->abort_transaction()).ok());
  ASSERT_TRUE(client->begin_transaction().ok());
  write(*client, "orders", "b", "1");
  clock_.advance(Duration(40));
  ASSERT_TRUE(finish(*client, client->commit_transaction()).ok());
  EXPECT_EQ(read("orders", 0, Isolation::kReadUncommitted), "b:1@0");
}

TEST_F(FaultsTest, AProducersOperationsKeepTheirOrder) {
  auto client = transactional("id");
  ASSERT_TRUE(client->begin_transaction().ok());
  script_->next(Operation::kProduce, Fate::late(Duration(30)));
  send(*client, "orders", "a", "1");
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "waits");
  clock_.advance(Duration(30));
  EXPECT_EQ(outcome(*client, commit), "ok");
  EXPECT_EQ(read("orders"), "a:1@0");
}

TEST_F(FaultsTest, WhoWaitedForAnotherOperationHasItsPatienceStill) {
  auto client = producer();
  script_->next(Operation::kProduce, Fate::late(Duration(30)));
  write(*client, "orders", "a", "1");
  write(*client, "orders", "b", "1");
  clock_.advance(Duration(30));
  script_->next(Operation::kProduce, Fate::late(Duration(30)));
  client->poll();
  clock_.advance(Duration(29));
  client->poll();
  EXPECT_EQ(client->in_flight(), 1U);
  clock_.advance(Duration(1));
  client->poll();
  EXPECT_EQ(client->in_flight(), 0U);
  EXPECT_TRUE(client->failure().ok()) << client->failure();
  EXPECT_EQ(read("orders"), "a:1@0 b:1@0");
}

TEST_F(FaultsTest, AConsumersOperationsOvertakeEachOther) {
  auto client = outsider("group");
  script_->next(Operation::kCommitOffsets, Fate::late(Duration(30)));
  auto commit = client->commit({{{"orders", 0}, 7, {}}});
  auto look = client->committed({{"orders", 0}});
  EXPECT_EQ(outcome(*client, commit), "waits");
  ASSERT_TRUE(look.ready());
  EXPECT_EQ((*look.take())[0].offset, kNoOffset);
  clock_.advance(Duration(30));
  EXPECT_EQ(outcome(*client, commit), "ok");
  EXPECT_EQ(broker_->committed("group", {"orders", 0})->offset, 7);
}

TEST_F(FaultsTest, WhatIsHeldGoesOutWhenItIsReleased) {
  auto client = in_transaction("id");
  script_->held = Operation::kCommitTransaction;
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "waits");
  clock_.advance(Duration(100));
  EXPECT_EQ(outcome(*client, commit), "waits");
  EXPECT_EQ(read("orders"), "");
  script_->held.reset();
  EXPECT_EQ(outcome(*client, commit), "ok");
}

TEST_F(FaultsTest, AProducerThatIsCutOffGivesUp) {
  auto client = in_transaction("id");
  script_->clogged = ClientName::Kind::kProducer;
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "waits");
  clock_.advance(Duration(10'000));
  EXPECT_EQ(outcome(*client, commit), "unknown");
  EXPECT_EQ(read("orders"), "");
}

TEST_F(FaultsTest, AnAnswerDoesNotReachAClientThatIsCutOff) {
  auto client = in_transaction("id");
  script_->next(Operation::kCommitTransaction, Fate::late(Duration(10)));
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "waits");
  script_->clogged = ClientName::Kind::kProducer;
  clock_.advance(Duration(20));
  EXPECT_EQ(outcome(*client, commit), "waits");
  EXPECT_EQ(read("orders"), "a:1@0");
  script_->clogged.reset();
  EXPECT_EQ(outcome(*client, commit), "ok");
}

TEST_F(FaultsTest, AConsumerThatIsCutOffFetchesNothingAndLosesItsPartitions) {
  auto one = member("group", "tokens");
  settle(one);
  EXPECT_EQ(one.owned, (std::set<Partition>{0, 1}));
  append("orders", "a", "1");
  const std::vector<PartitionOffset> starts{{{"orders", 0}, 0, {}}};
  auto readers = one.consumer->assign(starts);
  ASSERT_TRUE(readers.ok());
  script_->clogged = ClientName::Kind::kConsumer;
  std::vector<RawRecord> records;
  EXPECT_EQ((*readers)[0]->fetch(10, records), 0U);
  one.take_told();
  clock_.advance(Duration(9'999));
  serve(one);
  EXPECT_EQ(one.take_told(), "");
  clock_.advance(Duration(1));
  serve(one);
  EXPECT_EQ(one.take_told(), "lost(0 1)");
  script_->clogged.reset();
  settle(one);
  EXPECT_EQ(one.take_told(), "assigned(0 1)");
  EXPECT_EQ((*readers)[0]->fetch(10, records), 1U);
}

TEST_F(FaultsTest, NobodyHearsOfAGroupWhoseCoordinatorIsAway) {
  auto one = member("group", "tokens");
  settle(one);
  auto two = member("group", "tokens");
  broker_->take_coordinator("group", Duration(5'000));
  one.take_told();
  settle(one, two);
  EXPECT_EQ(one.take_told() + two.take_told(), "");
  auto commit = one.consumer->commit({{{"orders", 0}, 7, {}}});
  EXPECT_EQ(outcome(*one.consumer, commit), "retriable");
  auto look = one.consumer->committed({{"orders", 0}});
  EXPECT_EQ(outcome(*one.consumer, look), "waits");
  clock_.advance(Duration(5'000));
  EXPECT_EQ(outcome(*one.consumer, look), "ok");
  settle(one, two);
  EXPECT_EQ(one.take_told(), "revoked(1)");
  EXPECT_EQ(two.take_told(), "assigned() assigned(1)");
}

TEST_F(FaultsTest, MembersSurviveTheAbsenceOfTheirCoordinator) {
  auto one = member("group", "tokens");
  settle(one);
  one.take_told();
  broker_->take_coordinator("group", Duration(60'000));
  clock_.advance(Duration(9'000));
  serve(one);
  EXPECT_EQ(one.take_told(), "");
  broker_->take_coordinator("group", Duration(0));
  serve(one);
  EXPECT_EQ(one.take_told(), "");
  EXPECT_EQ(broker_->describe_group("group").members.size(), 1U);
}

TEST_F(FaultsTest, OffsetsOfATransactionWaitForTheCoordinator) {
  auto client = in_transaction("id");
  auto outside = outsider("group");
  broker_->take_coordinator("group", Duration(100));
  auto sent = client->send_offsets({{{"orders", 0}, 1, {}}}, outside->group_metadata());
  EXPECT_EQ(outcome(*client, sent), "waits");
  clock_.advance(Duration(100));
  EXPECT_EQ(outcome(*client, sent), "ok");
}

TEST_F(FaultsTest, HiddenOffsetsComeBack) {
  auto client = outsider("group");
  ASSERT_TRUE(finish(*client, client->commit({{{"orders", 0}, 7, {}}})).ok());
  broker_->hide_offsets("group", Duration(100));
  EXPECT_EQ((*finish_with(*client, client->committed({{"orders", 0}})))[0].offset, kNoOffset);
  clock_.advance(Duration(100));
  EXPECT_EQ((*finish_with(*client, client->committed({{"orders", 0}})))[0].offset, 7);
}

TEST_F(FaultsTest, AMemberThatIsThrownOutHasLostItsPartitions) {
  auto one = member("group", "tokens");
  settle(one);
  one.take_told();
  EXPECT_FALSE(broker_->throw_out("group", "nobody"));
  EXPECT_TRUE(broker_->throw_out("group", broker_->describe_group("group").members[0].member_id));
  serve(one);
  EXPECT_EQ(one.take_told(), "lost(0 1)");
  settle(one);
  EXPECT_EQ(one.take_told(), "assigned(0 1)");
}

TEST_F(FaultsTest, ARebalanceForNoReasonRaisesTheGeneration) {
  auto one = member("group", "tokens");
  settle(one);
  one.take_told();
  const auto before = broker_->describe_group("group").generation;
  broker_->rebalance("group");
  settle(one);
  EXPECT_EQ(broker_->describe_group("group").generation, before + 1);
  EXPECT_EQ(one.take_told(), "");
  EXPECT_EQ(one.owned, (std::set<Partition>{0, 1}));
}

TEST_F(FaultsTest, AMemberMayHearLateOfTheGenerationThatTheGroupHas) {
  auto one = member("group", "tokens");
  settle(one);
  one.take_told();
  const auto first = broker_->describe_group("group").generation;
  script_->deaf = "client";
  broker_->rebalance("group");
  settle(one);
  EXPECT_EQ(broker_->describe_group("group").generation, first + 1);
  // It is heard all the while, so the group does not drop it; what it commits is of the generation it knows.
  for (int i = 0; i < 5; ++i) {
    clock_.advance(Duration(5'000));
    serve(one);
  }
  EXPECT_EQ(one.take_told(), "");
  EXPECT_EQ(broker_->describe_group("group").members.size(), 1U);
  auto commit = one.consumer->commit({{{"orders", 0}, 7, {}}});
  EXPECT_EQ(outcome(*one.consumer, commit), "retriable");
  script_->deaf.reset();
  settle(one);
  commit = one.consumer->commit({{{"orders", 0}, 7, {}}});
  EXPECT_EQ(outcome(*one.consumer, commit), "ok");
}

TEST_F(FaultsTest, AFencedProducerHasLostItsTransaction) {
  EXPECT_FALSE(broker_->fence("id"));
  auto client = in_transaction("id");
  EXPECT_TRUE(broker_->fence("id"));
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "fenced");
  EXPECT_EQ(read("orders"), "");
  EXPECT_EQ(broker_->end_offset("orders", 0, Isolation::kReadCommitted), 2);
}

TEST_F(FaultsTest, AfterTheLastEpochComesANewProducerId) {
  auto client = in_transaction("id");
  const auto before = broker_->transactions()[0].producer_id;
  EXPECT_TRUE(broker_->exhaust_epochs("id"));
  EXPECT_EQ(broker_->transactions()[0].producer_id, before);
  client = in_transaction("id", "b");
  EXPECT_NE(broker_->transactions()[0].producer_id, before);
  ASSERT_TRUE(finish(*client, client->commit_transaction()).ok());
  EXPECT_EQ(read("orders"), "b:1@0");
}

TEST_F(FaultsTest, APinnedStableEndHidesWhatIsCommittedBehindIt) {
  ASSERT_TRUE(broker_->pin_stable_end({"orders", 0}, Duration(1'000)).ok());
  auto client = in_transaction("id");
  ASSERT_TRUE(finish(*client, client->commit_transaction()).ok());
  EXPECT_EQ(broker_->end_offset("orders", 0, Isolation::kReadCommitted), 0);
  EXPECT_EQ(broker_->end_offset("orders", 0), 3);
  clock_.advance(Duration(1'000));
  EXPECT_EQ(read("orders"), "a:1@0");
  EXPECT_FALSE(broker_->pin_stable_end({"nothing", 0}, Duration(1'000)).ok());
}

TEST_F(FaultsTest, LateMarkersHideAPartitionWhileTheOffsetsAreStable) {
  ASSERT_TRUE(broker_->delay_markers({"orders", 0}, Duration(50)).ok());
  auto outside = outsider("group");
  auto client = in_transaction("id");
  write(*client, "orders", "c", "1", 0, 1);
  ASSERT_TRUE(
      finish(*client, client->send_offsets({{{"orders", 0}, 5, {}}}, outside->group_metadata())).ok());
  ASSERT_TRUE(finish(*client, client->commit_transaction()).ok());
  EXPECT_EQ((*finish_with(*outside, outside->committed({{"orders", 0}})))[0].offset, 5);
  EXPECT_EQ(read("orders", 1), "c:1@0");
  EXPECT_EQ(read("orders", 0), "");
  // The next transaction waits.
  ASSERT_TRUE(client->begin_transaction().ok());
  write(*client, "orders", "b", "1");
  EXPECT_EQ(client->in_flight(), 1U);
  clock_.advance(Duration(50));
  EXPECT_EQ(read("orders", 0), "a:1@0");
  client->poll();
  EXPECT_EQ(client->in_flight(), 0U);
}

TEST_F(FaultsTest, ANewProducerWaitsForTheMarkersOfTheLast) {
  ASSERT_TRUE(broker_->delay_markers({"orders", 0}, Duration(50)).ok());
  auto old = in_transaction("id");
  ProducerOptions options;
  options.transactional_id = "id";
  auto next = producer(options);
  auto ready = next->init_transactions();
  EXPECT_EQ(outcome(*next, ready), "waits");
  auto commit = old->commit_transaction();
  EXPECT_EQ(outcome(*old, commit), "fenced");
  clock_.advance(Duration(50));
  EXPECT_EQ(outcome(*next, ready), "ok");
  EXPECT_EQ(read("orders"), "");
  EXPECT_EQ(broker_->end_offset("orders", 0, Isolation::kReadCommitted), 2);
}

TEST_F(FaultsTest, NothingIsFetchedFromAPartitionOutOfReach) {
  append("orders", "a", "1");
  auto client = consumer();
  const std::vector<PartitionOffset> starts{{{"orders", 0}, 0, {}}};
  auto readers = client->assign(starts);
  ASSERT_TRUE(readers.ok());
  ASSERT_TRUE(broker_->stop_reading({"orders", 0}, Duration(100)).ok());
  std::vector<RawRecord> records;
  EXPECT_EQ((*readers)[0]->fetch(10, records), 0U);
  auto ranges = client->offset_ranges({{"orders", 0}});
  EXPECT_EQ(outcome(*client, ranges), "waits");
  clock_.advance(Duration(100));
  EXPECT_EQ((*readers)[0]->fetch(10, records), 1U);
  EXPECT_EQ(outcome(*client, ranges), "ok");
}

TEST_F(FaultsTest, APartOfABatchMayTimeOut) {
  ASSERT_TRUE(broker_->stop_writing({"orders", 0}, Duration(100)).ok());
  auto client = transactional("id");
  ASSERT_TRUE(client->begin_transaction().ok());
  send(*client, "orders", "a", "1", 0, 0);
  send(*client, "orders", "b", "1", 0, 1);
  client->flush();
  client->poll();
  EXPECT_EQ(client->in_flight(), 0U);
  EXPECT_EQ(class_of(client->failure()), ErrorClass::kAbortable) << client->failure();
  EXPECT_EQ(read("orders", 1, Isolation::kReadUncommitted), "b:1@0");
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "abortable");
}

TEST_F(FaultsTest, WritesWaitForReplicasOrTimeOut) {
  ASSERT_TRUE(broker_->lack_replicas({"orders", 0}, Duration(100)).ok());
  auto client = transactional("id");
  ASSERT_TRUE(client->begin_transaction().ok());
  send(*client, "orders", "a", "1");
  client->flush();
  client->poll();
  EXPECT_EQ(client->in_flight(), 1U);
  EXPECT_EQ(read("orders", 0, Isolation::kReadUncommitted), "");
  clock_.advance(Duration(100));
  client->poll();
  EXPECT_EQ(client->in_flight(), 0U);
  EXPECT_TRUE(client->failure().ok()) << client->failure();

  ASSERT_TRUE(broker_->lack_replicas({"orders", 0}, std::chrono::hours(1)).ok());
  send(*client, "orders", "b", "1");
  client->flush();
  client->poll();
  clock_.advance(Duration(10'000));
  client->poll();
  EXPECT_EQ(client->in_flight(), 0U);
  EXPECT_FALSE(client->failure().ok());
}

TEST_F(FaultsTest, WhoHasNoRightToReadHearsOfItOnceAndGoesOnWhenItIsBack) {
  append("orders", "a", "1");
  auto client = consumer();
  const std::vector<PartitionOffset> starts{{{"orders", 0}, 0, {}}};
  auto readers = client->assign(starts);
  ASSERT_TRUE(readers.ok());
  ASSERT_TRUE(broker_->withdraw(EmbeddedBroker::Right::kRead, {"orders", 0}, Duration(100)).ok());
  std::vector<RawRecord> records;
  EXPECT_EQ((*readers)[0]->fetch(10, records), 0U);
  EXPECT_EQ((*readers)[0]->fetch(10, records), 0U);
  std::vector<ConsumerEvent> events;
  client->poll(events);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(text_of_event(events.front()), "error(PERMISSION_DENIED orders)");
  clock_.advance(Duration(100));
  EXPECT_EQ((*readers)[0]->fetch(10, records), 1U);
}

TEST_F(FaultsTest, WhatMustNotBeWrittenIsRefusedByName) {
  ASSERT_TRUE(broker_->withdraw(EmbeddedBroker::Right::kWrite, {"orders", 0}, Duration(100)).ok());
  auto client = transactional("id");
  ASSERT_TRUE(client->begin_transaction().ok());
  send(*client, "orders", "a", "1");
  client->flush();
  client->poll();
  EXPECT_EQ(class_of(client->failure()), ErrorClass::kFatal) << client->failure();
  const auto refusal = refusal_of(client->failure());
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->reason, Refusal::Reason::kNotAllowed);
  EXPECT_EQ(refusal->topic, "orders");
}

TEST_F(FaultsTest, ARefusedProofOfMembershipSpoilsTheTransaction) {
  auto one = member("group", "tokens");
  settle(one);
  const GroupMetadata proof = one.consumer->group_metadata();
  broker_->rebalance("group");
  settle(one);
  auto client = in_transaction("id");
  auto sent = client->send_offsets({{{"orders", 0}, 1, {}}}, proof);
  EXPECT_EQ(outcome(*client, sent), "abortable");
  auto commit = client->commit_transaction();
  EXPECT_EQ(outcome(*client, commit), "abortable");
  EXPECT_TRUE(finish(*client, client->abort_transaction()).ok());
}

}  // namespace
}  // namespace weir
