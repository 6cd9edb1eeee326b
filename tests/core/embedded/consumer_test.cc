#include "fixture.h"

#include <weir/core/embedded/errors.h>

namespace weir {
namespace {

class EmbeddedConsumerTest : public EmbeddedTest {
 protected:
  static std::unique_ptr<PartitionReader> reader(Consumer& consumer, const std::string& topic,
                                                 Offset offset = 0, Partition partition = 0) {
    const PartitionOffset start{{topic, partition}, offset, {}};
    auto readers = consumer.assign({&start, 1});
    EXPECT_TRUE(readers.ok()) << readers.status();
    return std::move(readers->front());
  }

  static std::string fetch(PartitionReader& reader, std::size_t max_records = 1000) {
    std::vector<RawRecord> records;
    reader.fetch(max_records, records);
    return text_of_records(records);
  }

  static std::string told(Consumer& consumer) {
    std::vector<ConsumerEvent> events;
    consumer.poll(events);
    std::string text;
    for (const ConsumerEvent& event : events) text += (text.empty() ? "" : " ") + text_of_event(event);
    return text;
  }

  std::unique_ptr<Consumer> of_group(const std::string& group) {
    ConsumerOptions options;
    options.group = group;
    return consumer(options);
  }
};

TEST_F(EmbeddedConsumerTest, ReadsAPartitionFromAnOffset) {
  create("orders");
  for (const char* key : {"a", "b", "c"}) append("orders", key, "1");
  auto client = consumer();
  auto partition = reader(*client, "orders", 1);
  EXPECT_EQ(partition->position(), 1);
  EXPECT_EQ(partition->known_end(), kNoOffset);
  EXPECT_EQ(fetch(*partition), "b:1@0 c:1@0");
  EXPECT_EQ(partition->position(), 3);
  EXPECT_EQ(partition->known_end(), 3);
  EXPECT_EQ(fetch(*partition), "");
  append("orders", "d", "1");
  EXPECT_EQ(fetch(*partition), "d:1@0");
}

TEST_F(EmbeddedConsumerTest, FetchesNoMoreThanAsked) {
  create("orders");
  for (const char* key : {"a", "b", "c"}) append("orders", key, "1");
  auto client = consumer();
  auto partition = reader(*client, "orders");
  EXPECT_EQ(fetch(*partition, 0), "");
  EXPECT_EQ(fetch(*partition, 2), "a:1@0 b:1@0");
  EXPECT_EQ(partition->position(), 2);
  EXPECT_EQ(partition->known_end(), 3);
  EXPECT_EQ(fetch(*partition, 2), "c:1@0");
}

TEST_F(EmbeddedConsumerTest, HandsOutReadersInTheOrderAsked) {
  create("orders", 3);
  auto client = consumer();
  const std::vector<PartitionOffset> starts{{{"orders", 2}, 0, {}}, {{"orders", 0}, 0, {}}};
  const auto readers = client->assign(starts);
  ASSERT_TRUE(readers.ok());
  EXPECT_EQ((*readers)[0]->where(), (TopicPartition{"orders", 2}));
  EXPECT_EQ((*readers)[1]->where(), (TopicPartition{"orders", 0}));
}

TEST_F(EmbeddedConsumerTest, KeepsRecordsAliveAfterReaderConsumerAndBrokerAreGone) {
  std::vector<RawRecord> records;
  {
    auto broker = std::make_shared<EmbeddedBroker>(clock_);
    auto transport = make_embedded_transport(broker);
    ASSERT_TRUE(broker->create_topic("orders").ok());
    ASSERT_TRUE(broker->append("orders", 0, {"k", "v", 1, {{"h", "x"}}}).ok());
    auto client = *transport->make_consumer({});
    const PartitionOffset start{{"orders", 0}, 0, {}};
    auto readers = *client->assign({&start, 1});
    readers.front()->fetch(10, records);
    ASSERT_TRUE(broker->delete_topic("orders").ok());
  }
  EXPECT_EQ(text_of_records(records), "k:v@1");
  Headers headers;
  records.front().read_headers(headers);
  EXPECT_EQ(headers, (Headers{{"h", "x"}}));
}

TEST_F(EmbeddedConsumerTest, RefusesToReadAPartitionTwice) {
  create("orders");
  auto client = consumer();
  auto partition = reader(*client, "orders");
  const PartitionOffset start{{"orders", 0}, 0, {}};
  EXPECT_FALSE(client->assign({&start, 1}).ok());
  partition.reset();
  EXPECT_TRUE(client->assign({&start, 1}).ok());
}

TEST_F(EmbeddedConsumerTest, RefusesAnOffsetThatIsNone) {
  create("orders");
  auto client = consumer();
  const PartitionOffset start{{"orders", 0}, kNoOffset, {}};
  EXPECT_FALSE(client->assign({&start, 1}).ok());
}

TEST_F(EmbeddedConsumerTest, ReportsAMissingTopicOnceAndReadsItWhenItAppears) {
  auto client = consumer();
  auto partition = reader(*client, "late");
  EXPECT_EQ(fetch(*partition), "");
  EXPECT_EQ(told(*client), "error(NOT_FOUND late)");
  EXPECT_EQ(fetch(*partition), "");
  EXPECT_EQ(told(*client), "");
  create("late");
  append("late", "a", "1");
  EXPECT_EQ(fetch(*partition), "a:1@0");
}

TEST_F(EmbeddedConsumerTest, ReportsADeletedTopicAndDoesNotReadItsSuccessor) {
  create("orders");
  append("orders", "a", "1");
  auto client = consumer();
  auto partition = reader(*client, "orders");
  ASSERT_TRUE(broker_->delete_topic("orders").ok());
  create("orders");
  append("orders", "b", "1");
  EXPECT_EQ(fetch(*partition), "");
  EXPECT_EQ(told(*client), "error(NOT_FOUND orders)");
  EXPECT_EQ(fetch(*partition), "");
  EXPECT_EQ(told(*client), "");
}

TEST_F(EmbeddedConsumerTest, ReportsAnOffsetThatIsOutOfRange) {
  create("orders");
  for (const char* key : {"a", "b", "c"}) append("orders", key, "1");
  auto client = consumer();
  auto behind = reader(*client, "orders");
  ASSERT_TRUE(broker_->delete_records("orders", 0, 2).ok());
  EXPECT_EQ(fetch(*behind), "");
  EXPECT_EQ(told(*client), "error(OUT_OF_RANGE orders)");
  behind.reset();
  auto ahead = reader(*client, "orders", 4);
  EXPECT_EQ(fetch(*ahead), "");
  EXPECT_EQ(told(*client), "error(OUT_OF_RANGE orders)");
}

TEST_F(EmbeddedConsumerTest, StopsAtTheLastStableOffsetWhenItReadsCommitted) {
  create("orders");
  append("orders", "a", "1");
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "b", "1");
  append("orders", "c", "1");
  ConsumerOptions options;
  options.read_committed = true;
  auto committed = consumer(options);
  auto uncommitted = consumer();
  auto careful = reader(*committed, "orders");
  auto hasty = reader(*uncommitted, "orders");
  EXPECT_EQ(fetch(*careful), "a:1@0");
  EXPECT_EQ(careful->known_end(), 1);
  EXPECT_EQ(fetch(*hasty), "a:1@0 b:1@0 c:1@0");
  EXPECT_EQ(hasty->known_end(), 3);
  ASSERT_TRUE(finish(*writer, writer->abort_transaction()).ok());
  EXPECT_EQ(fetch(*careful), "c:1@0");
  EXPECT_EQ(careful->position(), 4);
  EXPECT_EQ(careful->known_end(), 4);
}

TEST_F(EmbeddedConsumerTest, WaitsForTheStableEndWhenItStartsBeyondIt) {
  create("orders");
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "a", "1");
  append("orders", "b", "1");
  ConsumerOptions options;
  options.read_committed = true;
  auto client = consumer(options);
  auto partition = reader(*client, "orders", 1);
  EXPECT_EQ(fetch(*partition), "");
  EXPECT_EQ(told(*client), "");
  ASSERT_TRUE(finish(*writer, writer->commit_transaction()).ok());
  EXPECT_EQ(fetch(*partition), "b:1@0");
}

TEST_F(EmbeddedConsumerTest, TellsRangesReadUncommitted) {
  create("orders", 2);
  for (const char* key : {"a", "b", "c"}) append("orders", key, "1");
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  write(*writer, "orders", "d", "1");
  ASSERT_TRUE(broker_->delete_records("orders", 0, 1).ok());
  ConsumerOptions options;
  options.read_committed = true;
  auto client = consumer(options);
  const auto ranges = finish_with(*client, client->offset_ranges({{"orders", 1}, {"orders", 0}}));
  ASSERT_TRUE(ranges.ok());
  EXPECT_EQ((*ranges)[0].end, 0);
  EXPECT_EQ((*ranges)[1].begin, 1);
  EXPECT_EQ((*ranges)[1].end, 4);
  EXPECT_EQ(finish(*client, client->offset_ranges({{"nothing", 0}})).code(), absl::StatusCode::kNotFound);
}

TEST_F(EmbeddedConsumerTest, CommitsPositionsWithMetadataAndFetchesThemInTheOrderAsked) {
  create("orders", 3);
  auto client = of_group("app");
  Pending<> committing = client->commit({{{"orders", 0}, 5, "text"}, {{"orders", 2}, 0, {}}});
  EXPECT_FALSE(broker_->committed("app", {"orders", 0}).has_value());
  ASSERT_TRUE(finish(*client, std::move(committing)).ok());
  const auto offsets = finish_with(*client, client->committed({{"orders", 2}, {"orders", 1}, {"orders", 0}}));
  ASSERT_TRUE(offsets.ok());
  EXPECT_EQ((*offsets)[0].offset, 0);
  EXPECT_EQ((*offsets)[1].offset, kNoOffset);
  EXPECT_EQ((*offsets)[2].offset, 5);
  EXPECT_EQ((*offsets)[2].metadata, "text");
  EXPECT_EQ((*offsets)[2].where, (TopicPartition{"orders", 0}));
}

TEST_F(EmbeddedConsumerTest, KeepsOffsetsOfGroupsApart) {
  create("orders");
  auto one = of_group("one");
  auto two = of_group("two");
  ASSERT_TRUE(finish(*one, one->commit({{{"orders", 0}, 5, {}}})).ok());
  EXPECT_EQ(finish_with(*two, two->committed({{"orders", 0}})).value()[0].offset, kNoOffset);
}

TEST_F(EmbeddedConsumerTest, RefusesOffsetsThatMakeNoSense) {
  create("orders");
  auto client = of_group("app");
  EXPECT_FALSE(finish(*client, client->commit({{{"orders", 0}, -1, {}}})).ok());
  EXPECT_FALSE(finish(*client, client->commit({{{"orders", 7}, 1, {}}})).ok());
  EXPECT_FALSE(finish(*client, client->commit({{{"orders", 0}, 1, std::string(5000, 'x')}})).ok());
  EXPECT_FALSE(broker_->committed("app", {"orders", 0}).has_value());
}

TEST_F(EmbeddedConsumerTest, RefusesGroupOperationsWithoutAGroup) {
  create("orders");
  auto client = consumer();
  EXPECT_FALSE(client->subscribe("orders").ok());
  EXPECT_FALSE(finish(*client, client->commit({{{"orders", 0}, 1, {}}})).ok());
  EXPECT_FALSE(finish(*client, client->committed({{"orders", 0}})).ok());
}

TEST_F(EmbeddedConsumerTest, WaitsForOffsetsOfAnOpenTransactionToSettle) {
  create("orders", 2);
  auto client = of_group("app");
  auto writer = transactional("id");
  ASSERT_TRUE(writer->begin_transaction().ok());
  ASSERT_TRUE(finish(*writer, writer->send_offsets({{{"orders", 0}, 7, {}}}, client->group_metadata())).ok());
  auto waiting = client->committed({{"orders", 0}});
  auto other = client->committed({{"orders", 1}});
  poll(*client);
  poll(*client);
  EXPECT_FALSE(waiting.ready());
  EXPECT_TRUE(other.ready());
  ASSERT_TRUE(finish(*writer, writer->commit_transaction()).ok());
  poll(*client);
  ASSERT_TRUE(waiting.ready());
  EXPECT_EQ(waiting.take().value()[0].offset, 7);
}

TEST_F(EmbeddedConsumerTest, ExpiresOffsetsOfTopicsNobodySubscribesTo) {
  create("tokens");
  create("orders");
  Member live = member("app", "tokens");
  settle(live);
  ASSERT_TRUE(
      finish(*live.consumer, live.consumer->commit({{{"tokens", 0}, 1, {}}, {{"orders", 0}, 5, {}}})).ok());
  broker_->expire_offsets("app", Duration(1));
  EXPECT_TRUE(broker_->committed("app", {"orders", 0}).has_value());
  clock_.advance(Duration(1));
  broker_->expire_offsets("app", Duration(1));
  EXPECT_FALSE(broker_->committed("app", {"orders", 0}).has_value());
  EXPECT_TRUE(broker_->committed("app", {"tokens", 0}).has_value());
}

TEST_F(EmbeddedConsumerTest, ForgetsOffsetsOfADeletedTopic) {
  create("orders");
  auto client = of_group("app");
  ASSERT_TRUE(finish(*client, client->commit({{{"orders", 0}, 5, {}}})).ok());
  ASSERT_TRUE(broker_->delete_topic("orders").ok());
  create("orders");
  EXPECT_FALSE(broker_->committed("app", {"orders", 0}).has_value());
}

TEST_F(EmbeddedConsumerTest, AnswersEverythingAfterClose) {
  create("orders");
  auto client = of_group("app");
  ASSERT_TRUE(finish(*client, client->close(true)).ok());
  EXPECT_TRUE(finish(*client, client->close(true)).ok());
  EXPECT_FALSE(client->subscribe("orders").ok());
  EXPECT_FALSE(finish(*client, client->commit({{{"orders", 0}, 1, {}}})).ok());
  EXPECT_FALSE(finish(*client, client->committed({{"orders", 0}})).ok());
  EXPECT_FALSE(finish(*client, client->offset_ranges({{"orders", 0}})).ok());
  const PartitionOffset start{{"orders", 0}, 0, {}};
  EXPECT_FALSE(client->assign({&start, 1}).ok());
}

TEST_F(EmbeddedConsumerTest, DoesNotWaitWhileThereIsSomethingToDo) {
  create("orders");
  append("orders", "a", "1");
  append("orders", "b", "1");
  auto client = consumer();
  poll(*client);
  auto partition = reader(*client, "orders");
  client->wait(Duration(60'000));
  EXPECT_EQ(fetch(*partition, 1), "a:1@0");
  client->wait(Duration(60'000));
  EXPECT_EQ(fetch(*partition, 1), "b:1@0");
  append("orders", "c", "1");
  client->wait(Duration(60'000));
  client->wake();
  client->wait(Duration(60'000));
  client->wait(Duration(0));
}

}  // namespace
}  // namespace weir
