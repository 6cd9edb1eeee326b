// The thread sanitizer and librdkafka in one program: records go through a client's own threads, and a thread's end and
// result arrive as C11 says.
#include <threads.h>

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

namespace {

rd_kafka_t* make_client(rd_kafka_type_t type,
                        const std::vector<std::pair<std::string, std::string>>& settings) {
  char error[256] = "";
  rd_kafka_conf_t* configuration = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    EXPECT_EQ(rd_kafka_conf_set(configuration, name.c_str(), value.c_str(), error, sizeof error),
              RD_KAFKA_CONF_OK)
        << error;
  }
  rd_kafka_t* client = rd_kafka_new(type, configuration, error, sizeof error);
  EXPECT_NE(client, nullptr) << error;
  return client;
}

TEST(C11Threads, GiveTheResultOfTheirFunctionToTheOneWhoJoins) {
  int argument = 41;
  thrd_t thread;
  ASSERT_EQ(thrd_create(
                &thread, [](void* pointer) { return *static_cast<int*>(pointer) + 1; }, &argument),
            thrd_success);
  int result = 0;
  ASSERT_EQ(thrd_join(thread, &result), thrd_success);
  EXPECT_EQ(result, 42);
}

TEST(C11Threads, ReportABusyMutexAndAWaitThatTimesOut) {
  mtx_t mutex;
  ASSERT_EQ(mtx_init(&mutex, mtx_plain), thrd_success);
  ASSERT_EQ(mtx_lock(&mutex), thrd_success);
  thrd_t thread;
  ASSERT_EQ(thrd_create(
                &thread, [](void* pointer) { return mtx_trylock(static_cast<mtx_t*>(pointer)); }, &mutex),
            thrd_success);
  int result = thrd_success;
  ASSERT_EQ(thrd_join(thread, &result), thrd_success);
  EXPECT_EQ(result, thrd_busy);

  cnd_t condition;
  ASSERT_EQ(cnd_init(&condition), thrd_success);
  const timespec past{.tv_sec = 1, .tv_nsec = 0};
  EXPECT_EQ(cnd_timedwait(&condition, &mutex, &past), thrd_timedout);
  cnd_destroy(&condition);
  mtx_unlock(&mutex);
  mtx_destroy(&mutex);
}

TEST(C11Threads, CarryRecordsThroughLibrdkafkasClients) {
  constexpr int kRecords = 500;
  rd_kafka_t* producer = make_client(RD_KAFKA_PRODUCER, {{"test.mock.num.brokers", "1"}});
  ASSERT_NE(producer, nullptr);
  rd_kafka_mock_cluster_t* cluster = rd_kafka_handle_mock_cluster(producer);
  ASSERT_NE(cluster, nullptr);
  ASSERT_EQ(rd_kafka_mock_topic_create(cluster, "orders", 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
  for (int index = 0; index < kRecords; ++index) {
    const std::string value = std::to_string(index);
    ASSERT_EQ(
        rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("orders"), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END),
        RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  ASSERT_EQ(rd_kafka_flush(producer, 20'000), RD_KAFKA_RESP_ERR_NO_ERROR);

  rd_kafka_t* consumer = make_client(
      RD_KAFKA_CONSUMER,
      {{"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster)}, {"group.id", "readers"}});
  ASSERT_NE(consumer, nullptr);
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_topic_partition_list_t* positions = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(positions, "orders", 0)->offset = 0;
  ASSERT_EQ(rd_kafka_assign(consumer, positions), RD_KAFKA_RESP_ERR_NO_ERROR);
  rd_kafka_topic_partition_list_destroy(positions);

  std::vector<std::string> values;
  while (values.size() < kRecords) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 20'000);
    ASSERT_NE(message, nullptr) << "nothing more came after " << values.size() << " records";
    ASSERT_EQ(message->err, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_message_errstr(message);
    values.emplace_back(static_cast<const char*>(message->payload), message->len);
    rd_kafka_message_destroy(message);
  }
  EXPECT_EQ(values.front(), "0");
  EXPECT_EQ(values.back(), std::to_string(kRecords - 1));
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  rd_kafka_destroy(producer);
}

}  // namespace
