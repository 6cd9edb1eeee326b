#include "fixture.h"

namespace weir {
namespace {

class EmbeddedTransactions : public EmbeddedTest {
 protected:
  EmbeddedTransactions() { create("orders", 2); }

  absl::Status commit(Producer& writer) { return finish(writer, writer.commit_transaction()); }
  absl::Status abort(Producer& writer) { return finish(writer, writer.abort_transaction()); }
};

TEST_F(EmbeddedTransactions, ShowRecordsWhenTheyCommit) {
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "a", "1");
  EXPECT_EQ(read("orders"), "");
  EXPECT_EQ(read("orders", 0, Isolation::kReadUncommitted), "a:1@0");
  ASSERT_TRUE(commit(*writer).ok());
  EXPECT_EQ(read("orders"), "a:1@0");
}

TEST_F(EmbeddedTransactions, HideRecordsWhenTheyAbort) {
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "a", "1");
  ASSERT_TRUE(abort(*writer).ok());
  EXPECT_EQ(read("orders"), "");
  EXPECT_EQ(read("orders", 0, Isolation::kReadUncommitted), "a:1@0");
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "b", "1");
  ASSERT_TRUE(commit(*writer).ok());
  EXPECT_EQ(read("orders"), "b:1@0");
}

TEST_F(EmbeddedTransactions, EndWithAMarkerInEachPartitionTouched) {
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "a", "1", 0, 0);
  write(*writer, "orders", "b", "1", 0, 0);
  ASSERT_TRUE(commit(*writer).ok());
  EXPECT_EQ(broker_->end_offset("orders", 0), 3);
  EXPECT_EQ(broker_->end_offset("orders", 1), 0);
  EXPECT_EQ(append("orders", "c", "1"), 3);
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "d", "1", 0, 1);
  ASSERT_TRUE(abort(*writer).ok());
  EXPECT_EQ(broker_->end_offset("orders", 0), 4);
  EXPECT_EQ(broker_->end_offset("orders", 1), 2);
}

TEST_F(EmbeddedTransactions, HoldTheStableEndBackForEverybody) {
  auto one = transactional("one");
  auto two = transactional("two");
  ASSERT_TRUE(one->begin_transaction().ok());
  ASSERT_TRUE(two->begin_transaction().ok());
  write(*one, "orders", "a", "1");
  write(*two, "orders", "b", "1");
  ASSERT_TRUE(commit(*two).ok());
  EXPECT_EQ(broker_->end_offset("orders", 0, Isolation::kReadCommitted), 0);
  EXPECT_EQ(broker_->end_offset("orders", 0), 3);
  EXPECT_EQ(read("orders"), "");
  ASSERT_TRUE(abort(*one).ok());
  EXPECT_EQ(broker_->end_offset("orders", 0, Isolation::kReadCommitted), 4);
  EXPECT_EQ(read("orders"), "b:1@0");
}

TEST_F(EmbeddedTransactions, FlushWhatLingersBeforeTheyCommit) {
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  send(*writer, "orders", "a", "1");
  Pending<> committing = writer->commit_transaction();
  EXPECT_FALSE(committing.ready());
  writer->poll();
  ASSERT_TRUE(committing.ready());
  EXPECT_TRUE(committing.take().ok());
  EXPECT_EQ(read("orders"), "a:1@0");
}

TEST_F(EmbeddedTransactions, ForgetWhatLingersWhenTheyAbort) {
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  send(*writer, "orders", "a", "1");
  ASSERT_TRUE(abort(*writer).ok());
  EXPECT_EQ(writer->in_flight(), 0U);
  EXPECT_EQ(broker_->end_offset("orders", 0), 0);
}

TEST_F(EmbeddedTransactions, MakeOffsetsCommittedTogetherWithRecords) {
  ConsumerOptions options;
  options.group = "app";
  auto client = consumer(options);
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "a", "1");
  ASSERT_TRUE(
      finish(*writer, writer->send_offsets({{{"orders", 1}, 4, "text"}}, client->group_metadata())).ok());
  EXPECT_FALSE(broker_->committed("app", {"orders", 1}).has_value());
  ASSERT_TRUE(commit(*writer).ok());
  EXPECT_EQ(broker_->committed("app", {"orders", 1})->offset, 4);
  EXPECT_EQ(broker_->committed("app", {"orders", 1})->metadata, "text");
}

// What came last stays, not what was settled last; compared with Kafka 4.3.
TEST_F(EmbeddedTransactions, DoNotReplaceOffsetsThatWereCommittedAfterTheirs) {
  create("orders", 2);
  ConsumerOptions options;
  options.group = "group";
  const auto client = consumer(options);
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  ASSERT_TRUE(finish(*writer, writer->send_offsets({{{"orders", 0}, 4, {}}, {{"orders", 1}, 4, {}}},
                                                   client->group_metadata()))
                  .ok());
  ASSERT_TRUE(finish(*client, client->commit({{{"orders", 1}, 9, {}}})).ok());
  ASSERT_TRUE(finish(*writer, writer->commit_transaction()).ok());
  EXPECT_EQ(broker_->committed("group", {"orders", 0})->offset, 4);
  EXPECT_EQ(broker_->committed("group", {"orders", 1})->offset, 9);
}

TEST_F(EmbeddedTransactions, ForgetOffsetsWhenTheyAbort) {
  ConsumerOptions options;
  options.group = "app";
  auto client = consumer(options);
  ASSERT_TRUE(finish(*client, client->commit({{{"orders", 1}, 2, {}}})).ok());
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  ASSERT_TRUE(finish(*writer, writer->send_offsets({{{"orders", 1}, 4, {}}}, client->group_metadata())).ok());
  ASSERT_TRUE(abort(*writer).ok());
  EXPECT_EQ(broker_->committed("app", {"orders", 1})->offset, 2);
}

TEST_F(EmbeddedTransactions, RefuseOffsetsOfAMemberThatWasDropped) {
  Member one = member("app", "orders");
  settle(one);
  const GroupMetadata proof = one.consumer->group_metadata();
  auto writer = transactional("id", Duration(60'000));
  ASSERT_TRUE(writer->begin_transaction().ok());
  clock_.advance(Duration(10'000));
  const absl::Status refused = finish(*writer, writer->send_offsets({{{"orders", 0}, 1, {}}}, proof));
  EXPECT_EQ(class_of(refused), ErrorClass::kAbortable) << refused;
  EXPECT_TRUE(abort(*writer).ok());
}

TEST_F(EmbeddedTransactions, RefuseOffsetsOfAnOlderGeneration) {
  Member one = member("app", "orders");
  settle(one);
  const GroupMetadata proof = one.consumer->group_metadata();
  Member two = member("app", "orders");
  settle(one, two);
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  EXPECT_EQ(class_of(finish(*writer, writer->send_offsets({{{"orders", 0}, 1, {}}}, proof))),
            ErrorClass::kAbortable);
  ASSERT_TRUE(abort(*writer).ok());
  ASSERT_TRUE(writer->begin_transaction().ok());
  EXPECT_TRUE(
      finish(*writer, writer->send_offsets({{{"orders", 0}, 1, {}}}, one.consumer->group_metadata())).ok());
  EXPECT_TRUE(commit(*writer).ok());
}

TEST_F(EmbeddedTransactions, FenceTheOlderProducerOnEverything) {
  ConsumerOptions options;
  options.group = "app";
  auto client = consumer(options);
  const auto zombie_that = [&](const auto& deed) {
    auto zombie = transactional("id");
    EXPECT_TRUE(zombie->begin_transaction().ok());
    write(*zombie, "orders", "old", "1");
    auto successor = transactional("id");
    const absl::Status status = deed(*zombie);
    EXPECT_EQ(class_of(status), ErrorClass::kFenced) << status;
    EXPECT_EQ(class_of(zombie->begin_transaction()), ErrorClass::kFenced);
    EXPECT_EQ(class_of(commit(*zombie)), ErrorClass::kFenced);
    EXPECT_EQ(class_of(abort(*zombie)), ErrorClass::kFenced);
    EXPECT_EQ(class_of(finish(*zombie, zombie->init_transactions())), ErrorClass::kFenced);
    EXPECT_TRUE(successor->begin_transaction().ok());
    write(*successor, "orders", "new", "1");
    EXPECT_TRUE(commit(*successor).ok());
  };
  zombie_that([&](Producer& zombie) { return commit(zombie); });
  zombie_that([&](Producer& zombie) { return abort(zombie); });
  zombie_that([&](Producer& zombie) {
    write(zombie, "orders", "old", "2");
    return zombie.failure();
  });
  zombie_that([&](Producer& zombie) {
    return finish(zombie, zombie.send_offsets({{{"orders", 0}, 1, {}}}, client->group_metadata()));
  });
  EXPECT_EQ(read("orders"), "new:1@0 new:1@0 new:1@0 new:1@0");
}

TEST_F(EmbeddedTransactions, AbortTheOpenOneOfAPredecessorAtInit) {
  auto first = transactional("id");
  ASSERT_TRUE(first->begin_transaction().ok());
  write(*first, "orders", "a", "1");
  auto second = transactional("id");
  EXPECT_EQ(broker_->end_offset("orders", 0, Isolation::kReadCommitted), 2);
  EXPECT_EQ(read("orders"), "");
}

TEST_F(EmbeddedTransactions, DoNotNoticeAFenceWhenTheyAreEmpty) {
  auto zombie = transactional("id");
  auto successor = transactional("id");
  ASSERT_TRUE(zombie->begin_transaction().ok());
  EXPECT_TRUE(commit(*zombie).ok());
}

TEST_F(EmbeddedTransactions, AbortAndFenceAfterTheirTimeout) {
  auto writer = transactional("id", Duration(1'000));
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "a", "1");
  clock_.advance(Duration(999));
  EXPECT_EQ(broker_->end_offset("orders", 0, Isolation::kReadCommitted), 0);
  clock_.advance(Duration(1));
  EXPECT_EQ(broker_->end_offset("orders", 0, Isolation::kReadCommitted), 2);
  EXPECT_EQ(class_of(commit(*writer)), ErrorClass::kFenced);
  EXPECT_EQ(read("orders"), "");
  auto again = transactional("id");
  ASSERT_TRUE(again->begin_transaction().ok());
  write(*again, "orders", "b", "1");
  EXPECT_TRUE(commit(*again).ok());
}

TEST_F(EmbeddedTransactions, MeasureTheirTimeoutFromTheFirstWrite) {
  auto writer = transactional("id", Duration(1'000));
  ASSERT_TRUE(writer->begin_transaction().ok());
  clock_.advance(Duration(5'000));
  write(*writer, "orders", "a", "1");
  clock_.advance(Duration(500));
  EXPECT_TRUE(commit(*writer).ok());
}

TEST_F(EmbeddedTransactions, DoNotCommitAfterARecordFailed) {
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  send(*writer, "orders", "a", "1");
  send(*writer, "missing", "a", "1");
  EXPECT_EQ(class_of(commit(*writer)), ErrorClass::kAbortable);
  EXPECT_TRUE(abort(*writer).ok());
  writer->clear_failure();
  EXPECT_EQ(read("orders"), "");
  ASSERT_TRUE(writer->begin_transaction().ok());
  send(*writer, "orders", "b", "1");
  EXPECT_TRUE(commit(*writer).ok());
  EXPECT_EQ(read("orders"), "b:1@0");
}

TEST_F(EmbeddedTransactions, RefuseRecordsAndOffsetsOutsideOfThem) {
  auto writer = transactional("id");
  send(*writer, "orders", "a", "1");
  EXPECT_FALSE(writer->failure().ok());
  ConsumerOptions options;
  options.group = "app";
  auto client = consumer(options);
  EXPECT_FALSE(
      finish(*writer, writer->send_offsets({{{"orders", 0}, 1, {}}}, client->group_metadata())).ok());
  EXPECT_FALSE(commit(*writer).ok());
  EXPECT_FALSE(abort(*writer).ok());
  writer->clear_failure();
  ASSERT_TRUE(writer->begin_transaction().ok());
  EXPECT_FALSE(writer->begin_transaction().ok());
  EXPECT_TRUE(commit(*writer).ok());
}

TEST_F(EmbeddedTransactions, NeedInitialising) {
  ProducerOptions options;
  options.transactional_id = "id";
  auto writer = producer(options);
  EXPECT_FALSE(writer->begin_transaction().ok());
  EXPECT_TRUE(finish(*writer, writer->init_transactions()).ok());
  EXPECT_FALSE(finish(*writer, writer->init_transactions()).ok());
  EXPECT_TRUE(writer->begin_transaction().ok());
}

TEST_F(EmbeddedTransactions, RefuseATimeoutBeyondWhatTheBrokerAllows) {
  ProducerOptions options;
  options.transactional_id = "id";
  options.transaction_timeout = Duration(16 * 60 * 1000);
  auto writer = producer(options);
  EXPECT_EQ(finish(*writer, writer->init_transactions()).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(EmbeddedTransactions, RaiseTheEpochWithEachInit) {
  auto first = transactional("id");
  auto second = transactional("id");
  const auto described = broker_->transactions();
  ASSERT_EQ(described.size(), 1U);
  EXPECT_EQ(described[0].transactional_id, "id");
  EXPECT_EQ(described[0].epoch, 1);
  EXPECT_FALSE(described[0].open);
}

TEST_F(EmbeddedTransactions, TakeANewProducerIdWhenTheEpochsAreUsedUp) {
  auto first = transactional("id");
  const std::int64_t producer_id = broker_->transactions()[0].producer_id;
  std::unique_ptr<Producer> last;
  for (int epoch = 1; epoch <= 32'766; ++epoch) last = transactional("id");
  EXPECT_EQ(broker_->transactions()[0].epoch, 32'766);
  EXPECT_EQ(broker_->transactions()[0].producer_id, producer_id);
  auto fresh = transactional("id");
  EXPECT_EQ(broker_->transactions()[0].epoch, 0);
  EXPECT_NE(broker_->transactions()[0].producer_id, producer_id);
  ASSERT_TRUE(first->begin_transaction().ok());
  write(*first, "orders", "old", "1");
  EXPECT_EQ(class_of(first->failure()), ErrorClass::kFenced);
  ASSERT_TRUE(fresh->begin_transaction().ok());
  write(*fresh, "orders", "new", "1");
  EXPECT_TRUE(commit(*fresh).ok());
  EXPECT_EQ(read("orders"), "new:1@0");
}

TEST_F(EmbeddedTransactions, FenceTheProducerOfAnExpiredId) {
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "a", "1");
  EXPECT_FALSE(broker_->expire_transactional_id("id"));
  ASSERT_TRUE(commit(*writer).ok());
  EXPECT_TRUE(broker_->expire_transactional_id("id"));
  EXPECT_FALSE(broker_->expire_transactional_id("id"));
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "b", "1");
  EXPECT_EQ(class_of(commit(*writer)), ErrorClass::kFenced);
  EXPECT_EQ(read("orders"), "a:1@0");
}

TEST_F(EmbeddedTransactions, SurviveTheDeletionOfATopicTheyWroteTo) {
  create("other");
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "a", "1");
  write(*writer, "other", "b", "1");
  ASSERT_TRUE(broker_->delete_topic("other").ok());
  EXPECT_TRUE(commit(*writer).ok());
  EXPECT_EQ(read("orders"), "a:1@0");
}

TEST_F(EmbeddedTransactions, DoNotExpireOffsetsThatAreStillOpen) {
  ConsumerOptions options;
  options.group = "app";
  auto client = consumer(options);
  ASSERT_TRUE(finish(*client, client->commit({{{"orders", 0}, 1, {}}})).ok());
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  ASSERT_TRUE(finish(*writer, writer->send_offsets({{{"orders", 0}, 2, {}}}, client->group_metadata())).ok());
  broker_->expire_offsets("app");
  EXPECT_TRUE(broker_->committed("app", {"orders", 0}).has_value());
  ASSERT_TRUE(commit(*writer).ok());
  broker_->expire_offsets("app");
  EXPECT_FALSE(broker_->committed("app", {"orders", 0}).has_value());
}

}  // namespace
}  // namespace weir
