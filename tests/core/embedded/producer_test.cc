#include "fixture.h"

namespace weir {
namespace {

class EmbeddedProducerTest : public EmbeddedTest {};

TEST_F(EmbeddedProducerTest, WritesNothingBeforeItIsPolled) {
  create("orders");
  ProducerOptions options;
  options.linger = Duration(0);
  auto client = producer(options);
  send(*client, "orders", "a", "1", 5);
  EXPECT_EQ(client->in_flight(), 1U);
  EXPECT_EQ(read("orders"), "");
  client->poll();
  EXPECT_EQ(client->in_flight(), 0U);
  EXPECT_EQ(read("orders"), "a:1@5");
}

TEST_F(EmbeddedProducerTest, LingersUntilItsTimeOrAFlush) {
  create("orders");
  auto client = producer();
  send(*client, "orders", "a", "1");
  client->poll();
  EXPECT_EQ(read("orders"), "");
  clock_.advance(Duration(99));
  client->poll();
  EXPECT_EQ(read("orders"), "");
  clock_.advance(Duration(1));
  client->poll();
  EXPECT_EQ(read("orders"), "a:1@0");
  send(*client, "orders", "b", "1");
  client->flush();
  EXPECT_EQ(client->in_flight(), 1U);
  client->poll();
  EXPECT_EQ(read("orders"), "a:1@0 b:1@0");
}

TEST_F(EmbeddedProducerTest, CopiesWhatItIsHanded) {
  create("orders");
  auto client = producer();
  {
    const std::string key = "key that is longer than a small string";
    const Headers headers{{"h", "x"}};
    OutgoingRecord record;
    record.topic = client->topic("orders");
    record.key = key;
    record.value = "value";
    record.headers = &headers;
    client->send(record);
  }
  client->flush();
  client->poll();
  const auto records = broker_->read("orders", 0);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].key, "key that is longer than a small string");
  EXPECT_EQ(records[0].headers, (Headers{{"h", "x"}}));
}

TEST_F(EmbeddedProducerTest, GivesTheSameNameTheSameId) {
  auto client = producer();
  const TopicId orders = client->topic("orders");
  EXPECT_NE(client->topic("payments"), orders);
  EXPECT_EQ(client->topic("orders"), orders);
}

TEST_F(EmbeddedProducerTest, PartitionsByKeyAsJavaDoes) {
  create("orders", 6);
  auto client = producer();
  for (const char* key : {"abc", "key-1", "user-42"}) write(*client, "orders", key, "1", 0, kAnyPartition);
  EXPECT_EQ(read("orders", 3), "abc:1@0");
  EXPECT_EQ(read("orders", 0), "key-1:1@0");
  EXPECT_EQ(read("orders", 4), "user-42:1@0");
}

TEST_F(EmbeddedProducerTest, SpreadsRecordsWithoutKeyInTurn) {
  create("orders", 3);
  auto client = producer();
  for (const char* value : {"1", "2", "3", "4"}) write(*client, "orders", "-", value, 0, kAnyPartition);
  EXPECT_EQ(read("orders", 0), "-:1@0 -:4@0");
  EXPECT_EQ(read("orders", 1), "-:2@0");
  EXPECT_EQ(read("orders", 2), "-:3@0");
}

TEST_F(EmbeddedProducerTest, TellsTheHighestAcknowledgedOffset) {
  create("orders", 2);
  auto client = producer();
  const TopicId orders = client->topic("orders");
  EXPECT_EQ(client->last_acknowledged(orders, 0), kNoOffset);
  append("orders", "x", "1");
  write(*client, "orders", "a", "1");
  write(*client, "orders", "b", "1");
  EXPECT_EQ(client->last_acknowledged(orders, 0), 2);
  EXPECT_EQ(client->last_acknowledged(orders, 1), kNoOffset);
  EXPECT_EQ(client->last_acknowledged(77, 0), kNoOffset);
  EXPECT_EQ(client->last_acknowledged(orders, -1), kNoOffset);
}

TEST_F(EmbeddedProducerTest, ReportsTheFirstFailureAndWritesTheRest) {
  create("table", 1, {{"cleanup.policy", "compact"}});
  auto client = producer();
  send(*client, "table", "-", "refused");
  send(*client, "missing", "a", "1");
  send(*client, "table", "a", "kept");
  client->flush();
  client->poll();
  EXPECT_EQ(read("table"), "a:kept@0");
  EXPECT_EQ(client->in_flight(), 0U);
  EXPECT_NE(message_of(client->failure()).find("table-0"), std::string::npos) << client->failure();
  client->clear_failure();
  EXPECT_TRUE(client->failure().ok());
  write(*client, "missing", "a", "1");
  EXPECT_EQ(client->failure().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(message_of(client->failure()).find("missing"), std::string::npos);
}

TEST_F(EmbeddedProducerTest, FailsARecordForAPartitionThatDoesNotExist) {
  create("orders");
  auto client = producer();
  write(*client, "orders", "a", "1", 0, 1);
  EXPECT_EQ(client->failure().code(), absl::StatusCode::kNotFound);
  client->clear_failure();
  write(*client, "orders", "a", "1", 0, -2);
  EXPECT_EQ(client->failure().code(), absl::StatusCode::kNotFound);
}

TEST_F(EmbeddedProducerTest, HasNoRoomUntilWhatItHoldsWentOut) {
  create("orders", 1);
  auto client = producer();
  const std::string value(500'000, 'x');
  int sent = 0;
  while (client->has_room()) {
    send(*client, "orders", "a", value);
    ASSERT_LT(++sent, 1000);
  }
  send(*client, "orders", "a", value);
  EXPECT_EQ(client->in_flight(), static_cast<std::size_t>(sent) + 1);
  client->poll();
  client->flush();
  client->poll();
  EXPECT_TRUE(client->has_room());
  EXPECT_EQ(broker_->end_offset("orders", 0), sent + 1);
}

TEST_F(EmbeddedProducerTest, LosesWhatItHoldsWhenItIsDestroyed) {
  create("orders");
  {
    auto client = producer();
    send(*client, "orders", "a", "1");
    client->flush();
  }
  EXPECT_EQ(broker_->end_offset("orders", 0), 0);
}

TEST_F(EmbeddedProducerTest, FollowsATopicThatGrows) {
  create("orders", 1);
  auto client = producer();
  write(*client, "orders", "abc", "1", 0, kAnyPartition);
  ASSERT_TRUE(broker_->grow_topic("orders", 6).ok());
  write(*client, "orders", "abc", "2", 0, kAnyPartition);
  EXPECT_EQ(read("orders", 0), "abc:1@0");
  EXPECT_EQ(read("orders", 3), "abc:2@0");
  EXPECT_EQ(client->last_acknowledged(client->topic("orders"), 3), 0);
}

TEST_F(EmbeddedProducerTest, RefusesTransactionsWithoutAnId) {
  auto client = producer();
  EXPECT_FALSE(finish(*client, client->init_transactions()).ok());
  EXPECT_FALSE(client->begin_transaction().ok());
  EXPECT_FALSE(finish(*client, client->commit_transaction()).ok());
}

TEST_F(EmbeddedProducerTest, RefusesATopicIdItNeverGave) {
  auto client = producer();
  OutgoingRecord record;
  record.topic = 9;
  client->send(record);
  EXPECT_FALSE(client->failure().ok());
  EXPECT_EQ(client->in_flight(), 0U);
}

}  // namespace
}  // namespace weir
