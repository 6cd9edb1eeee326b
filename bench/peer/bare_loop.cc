// The workload "stateless" in a bare librdkafka loop: the floor below which no framework on this client can
// get.
//
//   bare_loop INPUT_TOPIC BOOTSTRAP RECORDS
//
// Reads RECORDS records from the beginning of all partitions, keeps those whose value's first byte is even,
// shortens their values to 32 bytes and writes them, with key and timestamp, to INPUT_TOPIC-bare-out, by key.
// The last line of output has the figures; CPU is that of the whole process, user and system, start-up included.
// A framework that does the same within twice this CPU per record is doing well.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <librdkafka/rdkafka.h>

namespace {

using std::chrono::duration;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::size_t kBatch = 1'000;
constexpr std::size_t kShortened = 32;
constexpr auto kPatience = seconds(30);

template <auto Destroy>
struct DestroyWith {
  template <class Object>
  void operator()(Object* object) const noexcept {
    Destroy(object);
  }
};
using Client = std::unique_ptr<rd_kafka_t, DestroyWith<rd_kafka_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, DestroyWith<rd_kafka_queue_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, DestroyWith<rd_kafka_topic_destroy>>;
using List =
    std::unique_ptr<rd_kafka_topic_partition_list_t, DestroyWith<rd_kafka_topic_partition_list_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, DestroyWith<rd_kafka_event_destroy>>;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, DestroyWith<rd_kafka_NewTopic_destroy>>;

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "bare_loop: %s\n", message.c_str());
  std::exit(1);
}

Client make_client(rd_kafka_type_t type, const std::vector<std::pair<const char*, std::string>>& settings) {
  rd_kafka_conf_t* configuration = rd_kafka_conf_new();
  std::array<char, 512> reason{};
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(configuration, name, value.c_str(), reason.data(), reason.size()) !=
        RD_KAFKA_CONF_OK) {
      fail(reason.data());
    }
  }
  Client client(rd_kafka_new(type, configuration, reason.data(), reason.size()));
  if (client == nullptr) fail(reason.data());
  return client;
}

int partitions_of(rd_kafka_t* client, const std::string& name) {
  const Topic topic(rd_kafka_topic_new(client, name.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(client, 0, topic.get(), &metadata, 10'000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    fail("no answer from the broker");
  }
  const int partitions = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
  rd_kafka_metadata_destroy(metadata);
  return partitions;
}

void create_topic(rd_kafka_t* client, const std::string& name, int partitions) {
  std::array<char, 512> reason{};
  const NewTopic topic(rd_kafka_NewTopic_new(name.c_str(), partitions, -1, reason.data(), reason.size()));
  rd_kafka_NewTopic_t* topics[] = {topic.get()};
  const Queue queue(rd_kafka_queue_new(client));
  rd_kafka_CreateTopics(client, topics, 1, nullptr, queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), 30'000));
  if (event == nullptr || rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
    fail("cannot create " + name);
  // That it is there already is fine; anything else shows with the first record.
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto in_seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return in_seconds(usage.ru_utime) + in_seconds(usage.ru_stime);
}

void send(rd_kafka_t* producer, rd_kafka_topic_t* output, const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type;
  const std::int64_t timestamp = rd_kafka_message_timestamp(&message, &type);
  while (true) {
    const rd_kafka_resp_err_t error =
        rd_kafka_producev(producer, RD_KAFKA_V_RKT(output), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_KEY(message.key, message.key_len),
                          RD_KAFKA_V_VALUE(message.payload, std::min(message.len, kShortened)),
                          RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(error));
    rd_kafka_poll(producer, 10);
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  std::size_t wanted = 0;
  if (argument_count != 4 ||
      std::from_chars(arguments[3], arguments[3] + std::string_view(arguments[3]).size(), wanted).ec !=
          std::errc()) {
    std::fprintf(stderr, "usage: bare_loop INPUT_TOPIC BOOTSTRAP RECORDS\n");
    return 2;
  }
  const std::string input = arguments[1];
  const std::string bootstrap = arguments[2];

  const Client consumer =
      make_client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", bootstrap},
                                      {"group.id", "bare-loop-" + std::to_string(::getpid())},
                                      {"enable.auto.commit", "false"},
                                      {"enable.auto.offset.store", "false"},
                                      // Else old versions stop fetching for up to a second each
                                      // time this many records wait.
                                      {"queued.min.messages", "1000000"},
                                      {"queued.max.messages.kbytes", "1048576"}});
  // Idempotent, as a framework has to be that promises not to lose or reorder.
  const Client producer = make_client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", bootstrap},
                                                          {"enable.idempotence", "true"},
                                                          {"partitioner", "murmur2_random"},
                                                          {"queue.buffering.max.messages", "200000"},
                                                          {"linger.ms", "100"}});
  const int partitions = partitions_of(consumer.get(), input);
  if (partitions == 0) fail("no such topic: " + input);
  create_topic(producer.get(), input + "-bare-out", partitions);
  const Topic output(rd_kafka_topic_new(producer.get(), (input + "-bare-out").c_str(), nullptr));

  const List assignment(rd_kafka_topic_partition_list_new(partitions));
  for (int partition = 0; partition < partitions; ++partition) {
    rd_kafka_topic_partition_list_add(assignment.get(), input.c_str(), partition)->offset = 0;
  }
  rd_kafka_poll_set_consumer(consumer.get());
  rd_kafka_assign(consumer.get(), assignment.get());
  const Queue queue(rd_kafka_queue_get_consumer(consumer.get()));

  const auto begun = steady_clock::now();
  auto heard = begun;
  std::size_t read = 0;
  std::array<rd_kafka_message_t*, kBatch> batch;
  while (read < wanted) {
    const auto got =
        rd_kafka_consume_batch_queue(queue.get(), 100, batch.data(), std::min(kBatch, wanted - read));
    for (std::size_t index = 0; got > 0 && index < static_cast<std::size_t>(got); ++index) {
      rd_kafka_message_t* message = batch[index];
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) fail(rd_kafka_message_errstr(message));
      ++read;
      if (message->len > 0 && static_cast<const unsigned char*>(message->payload)[0] % 2 == 0) {
        send(producer.get(), output.get(), *message);
      }
      rd_kafka_message_destroy(message);
    }
    if (got > 0) heard = steady_clock::now();
    if (steady_clock::now() - heard > kPatience)
      fail("the topic ends after " + std::to_string(read) + " records");
    rd_kafka_poll(producer.get(), 0);
  }
  if (rd_kafka_flush(producer.get(), 60'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
    fail("not everything was written");
  const double wall = duration<double>(steady_clock::now() - begun).count();
  const double cpu = cpu_seconds();
  std::printf("bare stateless n=%zu wall=%.2fs rate=%.0f/s cpu_us_per_rec=%.3f\n", read, wall,
              static_cast<double>(read) / wall, cpu * 1e6 / static_cast<double>(read));
  return 0;
}
