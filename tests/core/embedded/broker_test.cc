#include <weir/core/embedded/broker.h>

#include "fixture.h"

namespace weir {
namespace {

class Broker : public EmbeddedTest {};

TEST_F(Broker, NumbersRecordsOfEachPartitionFromZero) {
  create("orders", 2);
  EXPECT_EQ(append("orders", "a", "1", 5, 0), 0);
  EXPECT_EQ(append("orders", "b", "2", 6, 0), 1);
  EXPECT_EQ(append("orders", "c", "3", 7, 1), 0);
  EXPECT_EQ(read("orders", 0), "a:1@5 b:2@6");
  EXPECT_EQ(read("orders", 1), "c:3@7");
  EXPECT_EQ(broker_->end_offset("orders", 0), 2);
}

TEST_F(Broker, KeepsHeadersAndTellsNullFromEmpty) {
  create("orders");
  const NewRecord null_record{std::nullopt, std::nullopt, 1, {{"h", "x"}, {"h", std::nullopt}}};
  const NewRecord empty_record{"", "", 2, {}};
  ASSERT_TRUE(broker_->append("orders", 0, null_record).ok());
  ASSERT_TRUE(broker_->append("orders", 0, empty_record).ok());
  const std::vector<BrokerRecord> expected{{std::nullopt, std::nullopt, 1, null_record.headers, 0},
                                           {"", "", 2, {}, 1}};
  EXPECT_EQ(broker_->read("orders", 0), expected);
}

TEST_F(Broker, ChoosesThePartitionOfAKeyAsJavaDoes) {
  create("orders", 6);
  ASSERT_TRUE(broker_->append("orders", kAnyPartition, record_of("user-42", "x", 0)).ok());
  EXPECT_EQ(read("orders", 4), "user-42:x@0");
}

TEST_F(Broker, StampsRecordsOfALogAppendTimeTopic) {
  create("orders", 1, {{"message.timestamp.type", "LogAppendTime"}});
  append("orders", "a", "1", 5);
  clock_.advance(Duration(7));
  append("orders", "b", "2", 5);
  EXPECT_EQ(read("orders"), "a:1@1000000 b:2@1000007");
}

TEST_F(Broker, RefusesANullKeyInACompactedTopic) {
  create("table", 1, {{"cleanup.policy", "compact"}});
  const auto offset = broker_->append("table", 0, record_of("-", "v", 0));
  EXPECT_EQ(offset.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(broker_->end_offset("table", 0), 0);
  append("table", "", "v");
  append("table", "k", "-");
  EXPECT_EQ(read("table"), ":v@0 k:-@0");
}

TEST_F(Broker, RefusesARecordThatIsTooLarge) {
  create("orders", 1, {{"max.message.bytes", "1000"}});
  append("orders", "a", std::string(900, 'x'));
  EXPECT_FALSE(broker_->append("orders", 0, record_of("a", std::string(1000, 'x'), 0)).ok());
}

TEST_F(Broker, RefusesUnknownTopicsAndPartitions) {
  create("orders");
  EXPECT_EQ(broker_->append("nothing", 0, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(broker_->append("orders", 1, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(broker_->append("orders", -7, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(broker_->end_offset("nothing", 0), kNoOffset);
  EXPECT_EQ(broker_->begin_offset("orders", 1), kNoOffset);
  EXPECT_TRUE(broker_->read("nothing", 0).empty());
  EXPECT_FALSE(broker_->delete_topic("nothing").ok());
  EXPECT_FALSE(broker_->compact("nothing").ok());
}

TEST_F(Broker, RefusesNamesPartitionCountsAndSettingsThatKafkaRefuses) {
  EXPECT_FALSE(broker_->create_topic("").ok());
  EXPECT_FALSE(broker_->create_topic("..").ok());
  EXPECT_FALSE(broker_->create_topic("with space").ok());
  EXPECT_FALSE(broker_->create_topic(std::string(250, 'a')).ok());
  EXPECT_FALSE(broker_->create_topic("a", 0).ok());
  EXPECT_FALSE(broker_->create_topic("a", 1, {{"cleanup.polizy", "compact"}}).ok());
  EXPECT_FALSE(broker_->create_topic("a", 1, {{"cleanup.policy", "shred"}}).ok());
  EXPECT_FALSE(broker_->create_topic("a", 1, {{"retention.ms", "1h"}}).ok());
  EXPECT_FALSE(broker_->create_topic("a", 1, {{"message.timestamp.type", "Never"}}).ok());
  EXPECT_TRUE(broker_->topics().empty());
}

TEST_F(Broker, LeavesATopicThatExistsAsItIs) {
  create("orders", 2);
  append("orders", "a", "1");
  create("orders", 5);
  EXPECT_EQ(broker_->describe("orders").partitions, 2);
  EXPECT_EQ(read("orders"), "a:1@0");
}

TEST_F(Broker, DescribesTopicsWithTheSettingsInForce) {
  create("table", 3, {{"cleanup.policy", "compact"}, {"segment.bytes", "1000"}});
  const TopicDescription description = broker_->describe("table");
  EXPECT_EQ(description.partitions, 3);
  EXPECT_EQ(description.config.at("cleanup.policy"), "compact");
  EXPECT_EQ(description.config.at("segment.bytes"), "1000");
  EXPECT_EQ(description.config.at("retention.ms"), "604800000");
  EXPECT_EQ(broker_->describe("nothing").partitions, 0);
}

TEST_F(Broker, GrowsATopicButDoesNotShrinkIt) {
  create("orders", 2);
  append("orders", "a", "1");
  EXPECT_TRUE(broker_->grow_topic("orders", 4).ok());
  EXPECT_FALSE(broker_->grow_topic("orders", 3).ok());
  EXPECT_EQ(broker_->describe("orders").partitions, 4);
  EXPECT_EQ(read("orders"), "a:1@0");
  EXPECT_EQ(append("orders", "b", "2", 0, 3), 0);
}

TEST_F(Broker, ForgetsTheRecordsOfADeletedTopic) {
  create("orders");
  append("orders", "a", "1");
  EXPECT_TRUE(broker_->delete_topic("orders").ok());
  EXPECT_EQ(broker_->end_offset("orders", 0), kNoOffset);
  create("orders");
  EXPECT_EQ(broker_->end_offset("orders", 0), 0);
}

TEST_F(Broker, CompactsOnDemand) {
  create("table", 1, {{"cleanup.policy", "compact"}, {"delete.retention.ms", "100"}});
  append("table", "a", "1");
  append("table", "b", "1");
  append("table", "a", "2");
  append("table", "b", "-");
  ASSERT_TRUE(broker_->compact("table").ok());
  EXPECT_EQ(read("table"), "a:2@0 b:-@0");
  clock_.advance(Duration(100));
  ASSERT_TRUE(broker_->compact("table").ok());
  EXPECT_EQ(read("table"), "a:2@0");
  EXPECT_EQ(broker_->end_offset("table", 0), 4);
}

TEST_F(Broker, DoesNotCompactATopicThatIsNotCompacted) {
  create("orders");
  EXPECT_FALSE(broker_->compact("orders").ok());
}

TEST_F(Broker, EnforcesRetentionOnDemand) {
  create("orders", 1, {{"retention.ms", "1000"}});
  append("orders", "a", "1", 998'999);
  append("orders", "b", "1", 999'000);
  append("orders", "c", "1", 5);
  ASSERT_TRUE(broker_->enforce_retention("orders").ok());
  EXPECT_EQ(broker_->begin_offset("orders", 0), 1);
  EXPECT_EQ(read("orders"), "b:1@999000 c:1@5");
  clock_.advance(Duration(1));
  ASSERT_TRUE(broker_->enforce_retention("orders").ok());
  EXPECT_EQ(broker_->begin_offset("orders", 0), 3);
}

TEST_F(Broker, KeepsRecordsForEverWhenRetentionIsUnlimited) {
  create("orders", 1, {{"retention.ms", "-1"}});
  append("orders", "a", "1", 0);
  ASSERT_TRUE(broker_->enforce_retention("orders").ok());
  EXPECT_EQ(read("orders"), "a:1@0");
}

TEST_F(Broker, LimitsAPartitionInBytes) {
  create("orders", 1, {{"retention.ms", "-1"}, {"retention.bytes", "20"}});
  for (int index = 0; index < 5; ++index) append("orders", "key", "1234567");
  ASSERT_TRUE(broker_->enforce_retention("orders").ok());
  EXPECT_EQ(broker_->begin_offset("orders", 0), 3);
}

TEST_F(Broker, DoesNotDeleteFromATopicThatIsOnlyCompacted) {
  create("table", 1, {{"cleanup.policy", "compact"}});
  append("table", "a", "1");
  EXPECT_FALSE(broker_->enforce_retention("table").ok());
  EXPECT_FALSE(broker_->delete_records("table", 0, 1).ok());
  EXPECT_EQ(read("table"), "a:1@0");
}

TEST_F(Broker, DeletesRecordsBeforeAnOffset) {
  create("orders");
  for (const char* key : {"a", "b", "c"}) append("orders", key, "1");
  EXPECT_FALSE(broker_->delete_records("orders", 0, 4).ok());
  EXPECT_FALSE(broker_->delete_records("orders", 0, -2).ok());
  ASSERT_TRUE(broker_->delete_records("orders", 0, 2).ok());
  EXPECT_EQ(broker_->begin_offset("orders", 0), 2);
  EXPECT_EQ(read("orders"), "c:1@0");
  ASSERT_TRUE(broker_->delete_records("orders", 0, -1).ok());
  EXPECT_EQ(broker_->begin_offset("orders", 0), 3);
}

TEST_F(Broker, ChangesSettingsOfATopic) {
  create("orders", 1, {{"retention.ms", "1000"}});
  EXPECT_TRUE(broker_->configure_topic("orders", {{"cleanup.policy", "compact"}}).ok());
  EXPECT_FALSE(broker_->configure_topic("orders", {{"cleanup.policy", "x"}}).ok());
  EXPECT_EQ(broker_->describe("orders").config.at("cleanup.policy"), "compact");
  EXPECT_EQ(broker_->describe("orders").config.at("retention.ms"), "1000");
  EXPECT_FALSE(broker_->append("orders", 0, record_of("-", "v", 0)).ok());
}

}  // namespace
}  // namespace weir
