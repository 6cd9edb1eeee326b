#include "fixture.h"

namespace weir {
namespace {

class EmbeddedAdminTest : public EmbeddedTest {};

TEST_F(EmbeddedAdminTest, CompletesOperationsInThePollAfterTheirStart) {
  auto client = admin();
  Pending<> created = client->create_topics({{"orders", 3, {}}});
  EXPECT_FALSE(created.ready());
  EXPECT_EQ(broker_->describe("orders").partitions, 0);
  client->poll();
  ASSERT_TRUE(created.ready());
  EXPECT_TRUE(created.take().ok());
  EXPECT_EQ(broker_->describe("orders").partitions, 3);
}

TEST_F(EmbeddedAdminTest, CreatesTheTopicsItCanAndReportsTheFirstFailure) {
  auto client = admin();
  EXPECT_FALSE(
      finish(*client, client->create_topics({{"a", 1, {}}, {"bad name", 1, {}}, {"b", 2, {}}})).ok());
  EXPECT_EQ(finish_with(*client, client->list_topics()).value(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(EmbeddedAdminTest, FindsExistingTopicsFine) {
  create("orders", 2);
  auto client = admin();
  EXPECT_TRUE(finish(*client, client->create_topics({{"orders", 5, {}}})).ok());
  EXPECT_EQ(broker_->describe("orders").partitions, 2);
}

TEST_F(EmbeddedAdminTest, DescribesTopicsInTheOrderAsked) {
  create("a", 1);
  create("b", 2);
  auto client = admin();
  const auto described = finish_with(*client, client->describe_topics({"b", "nothing", "a"}));
  ASSERT_TRUE(described.ok());
  ASSERT_EQ(described->size(), 3U);
  EXPECT_EQ((*described)[0].partitions, 2);
  EXPECT_EQ((*described)[1].name, "nothing");
  EXPECT_EQ((*described)[1].partitions, 0);
  EXPECT_EQ((*described)[2].partitions, 1);
}

TEST_F(EmbeddedAdminTest, DeletesTopicsAndRecords) {
  create("a");
  create("b");
  append("a", "k", "1");
  append("a", "k", "2");
  auto client = admin();
  EXPECT_TRUE(finish(*client, client->delete_records({{{"a", 0}, 1, {}}})).ok());
  EXPECT_EQ(read("a"), "k:2@0");
  EXPECT_EQ(finish(*client, client->delete_records({{{"a", 0}, 3, {}}})).code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_EQ(finish(*client, client->delete_records({{{"z", 0}, 1, {}}})).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(finish(*client, client->delete_topics({"b"})).ok());
  EXPECT_EQ(finish(*client, client->delete_topics({"b"})).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(broker_->topics(), std::vector<std::string>{"a"});
}

TEST_F(EmbeddedAdminTest, DescribesAGroupAndItsMembers) {
  create("tokens", 2);
  auto client = admin();
  const auto nobody = finish_with(*client, client->describe_group("nobody"));
  ASSERT_TRUE(nobody.ok()) << nobody.status();
  EXPECT_EQ(nobody->state, GroupDescription::State::kEmpty);

  ConsumerOptions options;
  options.client_id = "app-1-worker-0";
  options.group = "app";
  auto consumer = transport_->make_consumer(options);
  ASSERT_TRUE(consumer.ok()) << consumer.status();
  ASSERT_TRUE((*consumer)->subscribe("tokens").ok());
  std::vector<ConsumerEvent> events;
  for (int i = 0; i < 5; ++i) (*consumer)->poll(events);
  const auto group = finish_with(*client, client->describe_group("app"));
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_EQ(group->state, GroupDescription::State::kStable);
  ASSERT_EQ(group->members.size(), 1U);
  EXPECT_EQ(group->members[0].client_id, "app-1-worker-0");
  EXPECT_EQ(group->members[0].assignment,
            (std::vector<TopicPartition>{TopicPartition{"tokens", 0}, TopicPartition{"tokens", 1}}));
}

TEST_F(EmbeddedAdminTest, LetsResultsBeAbandoned) {
  auto client = admin();
  Pending<> created = client->create_topics({{"orders", 1, {}}});
  created.abandon();
  client->poll();
  EXPECT_EQ(broker_->describe("orders").partitions, 1);
}

}  // namespace
}  // namespace weir
