// Does the Kafka transport do on a real broker what core/transport.h says?
#include <weir/core/kafka/kafka_transport.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/partitioner.h>

namespace weir {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

std::string bootstrap() {
  const char* given = std::getenv("WEIR_KAFKA_BOOTSTRAP");
  return given == nullptr ? "127.0.0.1:29092" : given;
}

// The first address of `servers`, if it is a numeric one.
std::optional<sockaddr_in> address_of(const std::string& servers) {
  const std::string first = servers.substr(0, servers.find(','));
  const std::size_t colon = first.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(first.c_str() + colon + 1)));
  if (::inet_pton(AF_INET, first.substr(0, colon).c_str(), &address.sin_addr) != 1) return std::nullopt;
  return address;
}

// Whether somebody listens at the first address of `servers`. Only numeric addresses are tried; a name is
// believed.
bool is_reachable(const std::string& servers) {
  const auto address = address_of(servers);
  if (!address.has_value()) return servers.substr(0, servers.find(',')).find(':') != std::string::npos;
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected =
      ::connect(socket, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0;
  ::close(socket);
  return connected;
}

// A name no other run uses.
std::string unique(const std::string& stem) {
  static const auto run = steady_clock::now().time_since_epoch().count();
  static int count = 0;
  return fmt::format("weir-test-{}-{}-{}-{}", stem, ::getpid(), run % 1'000'000'000, ++count);
}

struct Sent {
  std::optional<std::string> key;
  std::optional<std::string> value;
  Timestamp timestamp = 1'000;
  Headers headers = {};
  Partition partition = 0;
};

struct Got {
  std::optional<std::string> key;
  std::optional<std::string> value;
  Timestamp timestamp = 0;
  Offset offset = 0;
  Headers headers;
};

PartitionOffset at(const std::string& topic, Partition partition, Offset offset,
                   const std::string& metadata = {}) {
  PartitionOffset result;
  result.where.topic = topic;
  result.where.partition = partition;
  result.offset = offset;
  result.metadata = metadata;
  return result;
}

std::optional<std::string> copy(const NullableBytes& bytes) {
  if (!bytes.has_value()) return std::nullopt;
  return std::string(*bytes);
}

class KafkaTransportTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!is_reachable(bootstrap())) {
      GTEST_SKIP() << "no Kafka at " << bootstrap()
                   << ": start one with ./dev kafka up, or set WEIR_KAFKA_BOOTSTRAP";
    }
    auto made = make_kafka_transport({.bootstrap = bootstrap()});
    ASSERT_TRUE(made.ok()) << made.status();
    transport_ = std::move(*made);
    auto admin = transport_->make_admin();
    ASSERT_TRUE(admin.ok()) << admin.status();
    admin_ = std::move(*admin);
  }

  // Steps `step` until it says true; fails the test when it takes too long.
  static bool until(const std::function<bool()>& step, seconds limit = seconds(30)) {
    const auto deadline = steady_clock::now() + limit;
    while (!step()) {
      if (steady_clock::now() > deadline) {
        ADD_FAILURE() << "not within " << limit.count() << " s";
        return false;
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
    return true;
  }

  template <class T>
  absl::StatusOr<T> finish(Pending<T> pending, const std::function<void()>& poll) {
    if (!until([&] {
          poll();
          return pending.ready();
        })) {
      return absl::DeadlineExceededError("not completed");
    }
    return pending.take();
  }

  template <class T>
  absl::StatusOr<T> finish(Pending<T> pending, Consumer& consumer) {
    return finish(std::move(pending), [&] { consumer.poll(events_); });
  }
  template <class T>
  absl::StatusOr<T> finish(Pending<T> pending, Producer& producer) {
    return finish(std::move(pending), [&] { producer.poll(); });
  }
  template <class T>
  absl::StatusOr<T> finish(Pending<T> pending, Admin& admin) {
    return finish(std::move(pending), [&] { admin.poll(); });
  }

  std::string make_topic(const std::string& stem, Partition partitions = 1,
                         const std::map<std::string, std::string>& config = {}) {
    const std::string name = unique(stem);
    const auto created = finish(admin_->create_topics({{name, partitions, config}}), *admin_);
    EXPECT_TRUE(created.ok()) << created.status();
    return name;
  }

  std::unique_ptr<Consumer> make_consumer(const std::string& group = "", bool read_committed = false,
                                          const std::map<std::string, std::string>& properties = {}) {
    ConsumerOptions options;
    options.client_id = "reader";
    options.group = group;
    options.read_committed = read_committed;
    options.session_timeout = Duration(10'000);
    options.properties = properties;
    auto made = transport_->make_consumer(options);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? std::move(*made) : nullptr;
  }

  std::unique_ptr<Producer> make_producer(ProducerOptions options = {}) {
    if (options.client_id.empty()) options.client_id = "writer";
    auto made = transport_->make_producer(options);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? std::move(*made) : nullptr;
  }

  std::unique_ptr<Producer> make_transactional(const std::string& id) {
    ProducerOptions options;
    options.transactional_id = id;
    auto producer = make_producer(options);
    const auto initialised = finish(producer->init_transactions(), *producer);
    EXPECT_TRUE(initialised.ok()) << initialised.status();
    return producer;
  }

  static void send(Producer& producer, TopicId topic, const Sent& sent) {
    OutgoingRecord record;
    record.topic = topic;
    record.partition = sent.partition;
    if (sent.key.has_value()) record.key = *sent.key;
    if (sent.value.has_value()) record.value = *sent.value;
    record.timestamp = sent.timestamp;
    record.headers = &sent.headers;
    producer.send(record);
  }

  static void drain(Producer& producer) {
    producer.flush();
    until([&] {
      producer.poll();
      return producer.in_flight() == 0;
    });
    EXPECT_TRUE(producer.failure().ok()) << producer.failure();
  }

  // Writes records outside any transaction.
  void write(const std::string& topic, const std::vector<Sent>& records) {
    auto producer = make_producer();
    const TopicId id = producer->topic(topic);
    for (const Sent& record : records) send(*producer, id, record);
    drain(*producer);
  }

  static std::vector<Got> take(PartitionReader& reader, std::size_t at_most) {
    std::vector<RawRecord> raw;
    reader.fetch(at_most, raw);
    std::vector<Got> got;
    for (const RawRecord& record : raw) {
      Headers headers;
      record.read_headers(headers);
      got.push_back({copy(record.key), copy(record.value), record.timestamp, record.offset, headers});
    }
    return got;
  }

  // Reads until `count` records came, or nothing more for a while if there should be no more.
  std::vector<Got> read(Consumer& consumer, PartitionReader& reader, std::size_t count) {
    std::vector<Got> all;
    until([&] {
      consumer.poll(events_);
      for (Got& got : take(reader, 100)) all.push_back(std::move(got));
      return all.size() >= count;
    });
    return all;
  }

  static std::vector<std::string> values(const std::vector<Got>& records) {
    std::vector<std::string> result;
    for (const Got& record : records) result.push_back(record.value.value_or("(null)"));
    return result;
  }

  std::unique_ptr<PartitionReader> assign(Consumer& consumer, const std::string& topic, Partition partition,
                                          Offset offset) {
    const PartitionOffset start = at(topic, partition, offset);
    auto readers = consumer.assign(std::span<const PartitionOffset>(&start, 1));
    EXPECT_TRUE(readers.ok()) << readers.status();
    return readers.ok() ? std::move(readers->front()) : nullptr;
  }

  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Admin> admin_;
  std::vector<ConsumerEvent> events_;
};

// --------------------------------------------------------------------------------------- reading and writing

TEST_F(KafkaTransportTest, CarriesNullsEmptyBytesHeadersAndTimestamps) {
  const std::string topic = make_topic("bytes");
  write(topic, {{"k", "v", 1'000, {}},
                {std::nullopt, "no key", 2'000, {}},
                {"tombstone", std::nullopt, 3'000, {}},
                {"", "", 4'000, {}},
                {std::string("\0\xff", 2),
                 std::string(100'000, 'x'),
                 5'000,
                 {{"a", "1"}, {"b", std::nullopt}, {"a", ""}}},
                {std::nullopt, std::nullopt, 1, {}}});
  auto consumer = make_consumer();
  auto reader = assign(*consumer, topic, 0, 0);
  const std::vector<Got> got = read(*consumer, *reader, 6);
  ASSERT_EQ(got.size(), 6U);
  EXPECT_EQ(got[0].key, "k");
  EXPECT_EQ(got[0].value, "v");
  EXPECT_EQ(got[0].timestamp, 1'000);
  EXPECT_EQ(got[1].key, std::nullopt);
  EXPECT_EQ(got[2].value, std::nullopt);
  EXPECT_EQ(got[3].key, "");
  EXPECT_EQ(got[3].value, "");
  EXPECT_EQ(got[4].key, std::string("\0\xff", 2));
  EXPECT_EQ(got[4].value->size(), 100'000U);
  EXPECT_EQ(got[4].headers, (Headers{{"a", "1"}, {"b", std::nullopt}, {"a", ""}}));
  EXPECT_EQ(got[5].key, std::nullopt);
  EXPECT_EQ(got[5].value, std::nullopt);
  EXPECT_EQ(got[5].timestamp, 1);
  for (std::size_t index = 0; index < got.size(); ++index)
    EXPECT_EQ(got[index].offset, static_cast<Offset>(index));
  EXPECT_EQ(reader->position(), 6);
  until([&] {
    consumer->poll(events_);
    return reader->known_end() == 6;
  });
}

TEST_F(KafkaTransportTest, SendsTheEpochAsItsNearestNeighbour) {
  // librdkafka would make "now" of it.
  const std::string topic = make_topic("epoch");
  write(topic, {{"k", "v", 0, {}}});
  auto consumer = make_consumer();
  auto reader = assign(*consumer, topic, 0, 0);
  const std::vector<Got> got = read(*consumer, *reader, 1);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].timestamp, 1);
}

TEST_F(KafkaTransportTest, AViewWithoutAPointerIsEmptyNotNull) {
  const std::string topic = make_topic("empty-view");
  auto producer = make_producer();
  OutgoingRecord record;
  record.topic = producer->topic(topic);
  record.partition = 0;
  record.key = BytesView();
  record.value = BytesView();
  producer->send(record);
  drain(*producer);
  auto consumer = make_consumer();
  auto reader = assign(*consumer, topic, 0, 0);
  const std::vector<Got> got = read(*consumer, *reader, 1);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].key, "");
  EXPECT_EQ(got[0].value, "");
}

TEST_F(KafkaTransportTest, ReadsEachPartitionThroughItsOwnReader) {
  const std::string topic = make_topic("own-reader", 4);
  std::vector<Sent> records;
  for (int index = 0; index < 4'000; ++index) {
    records.push_back({std::nullopt, fmt::format("{}/{}", index % 4, index / 4), 1, {}, index % 4});
  }
  write(topic, records);
  auto consumer = make_consumer();
  std::vector<PartitionOffset> starts;
  for (Partition partition = 0; partition < 4; ++partition)
    starts.push_back(at(topic, partition, 10 * partition));
  auto readers = consumer->assign(starts);
  ASSERT_TRUE(readers.ok()) << readers.status();
  for (Partition partition = 0; partition < 4; ++partition) {
    PartitionReader& reader = *(*readers)[static_cast<std::size_t>(partition)];
    EXPECT_EQ(reader.where(), (TopicPartition{topic, partition}));
    const std::vector<Got> got = read(*consumer, reader, static_cast<std::size_t>(1'000 - 10 * partition));
    ASSERT_EQ(got.size(), static_cast<std::size_t>(1'000 - 10 * partition));
    for (std::size_t index = 0; index < got.size(); ++index) {
      const Offset offset = 10 * partition + static_cast<Offset>(index);
      ASSERT_EQ(got[index].offset, offset);
      ASSERT_EQ(got[index].value, fmt::format("{}/{}", partition, offset));
    }
  }
}

TEST_F(KafkaTransportTest, AReaderLeftAloneLosesNothingAndHoldsNobodyUp) {
  const std::string topic = make_topic("back-pressure", 2);
  auto producer = make_producer({.client_id = "writer", .transactional_id = "", .report_offsets = false});
  const TopicId id = producer->topic(topic);
  constexpr int kRecords = 20'000;
  for (int index = 0; index < kRecords; ++index) {
    send(*producer, id, {std::nullopt, std::to_string(index), 1, {}, 0});
    send(*producer, id, {std::nullopt, std::to_string(index), 1, {}, 1});
  }
  drain(*producer);
  // So little room that the partition left alone fills it at once.
  auto consumer =
      make_consumer("", false, {{"queued.max.messages.kbytes", "64"}, {"fetch.message.max.bytes", "65536"}});
  auto left_alone = assign(*consumer, topic, 0, 0);
  auto read_on = assign(*consumer, topic, 1, 0);
  EXPECT_EQ(values(read(*consumer, *read_on, kRecords)).size(), static_cast<std::size_t>(kRecords));
  const std::vector<std::string> late = values(read(*consumer, *left_alone, kRecords));
  ASSERT_EQ(late.size(), static_cast<std::size_t>(kRecords));
  for (int index = 0; index < kRecords; ++index)
    ASSERT_EQ(late[static_cast<std::size_t>(index)], std::to_string(index));
}

TEST_F(KafkaTransportTest, AFetchTakesNoMoreThanItWasAskedFor) {
  const std::string topic = make_topic("limit");
  write(topic, std::vector<Sent>(50, Sent{"k", "v"}));
  auto consumer = make_consumer();
  auto reader = assign(*consumer, topic, 0, 0);
  std::size_t total = 0;
  until([&] {
    const std::size_t got = take(*reader, 7).size();
    EXPECT_LE(got, 7U);
    EXPECT_EQ(reader->position(), static_cast<Offset>(total + got));
    total += got;
    return total == 50;
  });
  EXPECT_EQ(take(*reader, 0).size(), 0U);
}

TEST_F(KafkaTransportTest, APartitionGivenUpCanBeReadAgainFromElsewhere) {
  const std::string topic = make_topic("again");
  std::vector<Sent> records;
  for (int index = 0; index < 100; ++index) records.push_back({"k", std::to_string(index)});
  write(topic, records);
  auto consumer = make_consumer();
  // Backwards and forwards, without waiting for anything in between: what an aborted transaction does.
  for (const Offset start : {50, 10, 0, 99, 20, 0}) {
    auto reader = assign(*consumer, topic, 0, start);
    ASSERT_NE(reader, nullptr);
    const std::vector<Got> got = read(*consumer, *reader, 1);
    ASSERT_FALSE(got.empty());
    EXPECT_EQ(got.front().offset, start);
    EXPECT_EQ(got.front().value, std::to_string(start));
  }
}

TEST_F(KafkaTransportTest, RefusesToReadAPartitionTwiceOrFromNowhere) {
  const std::string topic = make_topic("twice");
  auto consumer = make_consumer();
  auto reader = assign(*consumer, topic, 0, 0);
  const PartitionOffset again = at(topic, 0, 0);
  EXPECT_FALSE(consumer->assign(std::span<const PartitionOffset>(&again, 1)).ok());
  const PartitionOffset nowhere = at(topic, 1, kNoOffset);
  EXPECT_FALSE(consumer->assign(std::span<const PartitionOffset>(&nowhere, 1)).ok());
}

TEST_F(KafkaTransportTest, TellsOfAPositionTheBrokerDoesNotHold) {
  const std::string topic = make_topic("out-of-range");
  write(topic, {{"k", "v"}});
  auto consumer = make_consumer();
  auto reader = assign(*consumer, topic, 0, 1'000);
  std::optional<ConsumerError> error;
  until([&] {
    EXPECT_TRUE(take(*reader, 10).empty());
    std::vector<ConsumerEvent> events;
    consumer->poll(events);
    for (const ConsumerEvent& event : events) {
      if (const auto* one = std::get_if<ConsumerError>(&event)) error = *one;
    }
    return error.has_value();
  });
  EXPECT_EQ(error->where, (TopicPartition{topic, 0}));
  EXPECT_FALSE(error->status.ok());
}

TEST_F(KafkaTransportTest, WaitEndsWhenRecordsArriveAndWhenWoken) {
  const std::string topic = make_topic("wait");
  auto consumer = make_consumer();
  auto reader = assign(*consumer, topic, 0, 0);
  auto producer = make_producer({.client_id = "writer", .transactional_id = "", .linger = Duration(0)});
  const TopicId id = producer->topic(topic);
  for (int round = 0; round < 20; ++round) {
    send(*producer, id, {"k", std::to_string(round)});
    producer->poll();
    const auto begun = steady_clock::now();
    std::size_t got = 0;
    while (got == 0 && steady_clock::now() - begun < seconds(20)) {
      consumer->wait(Duration(20'000));
      consumer->poll(events_);
      got = take(*reader, 100).size();
    }
    ASSERT_EQ(got, 1U);
    ASSERT_LT(steady_clock::now() - begun, seconds(10)) << "a ring was lost in round " << round;
  }
  drain(*producer);
  // A wake before the wait counts as well as one during it.
  consumer->wait(Duration(0));
  consumer->wake();
  auto begun = steady_clock::now();
  consumer->wait(Duration(5'000));
  std::thread other([&] {
    std::this_thread::sleep_for(milliseconds(50));
    consumer->wake();
  });
  consumer->wait(Duration(5'000));
  other.join();
  EXPECT_LT(steady_clock::now() - begun, seconds(5));
}

TEST_F(KafkaTransportTest, AFetchStoppedByItsLimitDoesNotLetTheNextWaitSleep) {
  const std::string topic = make_topic("left-over");
  write(topic, std::vector<Sent>(10, Sent{"k", "v"}));
  auto consumer = make_consumer();
  auto reader = assign(*consumer, topic, 0, 0);
  until([&] {
    consumer->poll(events_);
    return take(*reader, 1).size() == 1;
  });
  consumer->wait(Duration(0));  // takes the ring of the records' arrival
  until([&] { return take(*reader, 1).size() == 1; });
  const auto begun = steady_clock::now();
  consumer->wait(Duration(3'000));
  EXPECT_LT(steady_clock::now() - begun, milliseconds(2'500));
}

// ------------------------------------------------------------------------------------------------- producing

TEST_F(KafkaTransportTest, ReportsAcknowledgedOffsetsPerPartition) {
  const std::string topic = make_topic("acknowledged", 2);
  auto producer = make_producer();
  const TopicId id = producer->topic(topic);
  EXPECT_EQ(producer->topic(topic), id);
  EXPECT_EQ(producer->last_acknowledged(id, 0), kNoOffset);
  for (int index = 0; index < 5; ++index) send(*producer, id, {"k", "v", 1, {}, 1});
  EXPECT_EQ(producer->in_flight(), 5U);
  drain(*producer);
  EXPECT_EQ(producer->last_acknowledged(id, 0), kNoOffset);
  EXPECT_EQ(producer->last_acknowledged(id, 1), 4);
}

TEST_F(KafkaTransportTest, ChoosesPartitionsAsTheJavaClientDoes) {
  const std::string topic = make_topic("murmur2", 7);
  // Hashes as org.apache.kafka.common.utils.Utils.murmur2 gives them (from its own unit test).
  EXPECT_EQ(murmur2("21"), static_cast<std::uint32_t>(-973932308));
  EXPECT_EQ(murmur2("foobar"), static_cast<std::uint32_t>(-790332482));
  EXPECT_EQ(murmur2("a-little-bit-long-string"), static_cast<std::uint32_t>(-985981536));
  EXPECT_EQ(murmur2("abc"), static_cast<std::uint32_t>(479470107));
  std::vector<std::string> keys = {"21", "foobar", "a-little-bit-long-string", "abc", "", "grün"};
  for (int index = 0; index < 200; ++index) keys.push_back(fmt::format("key-{}", index));
  auto producer = make_producer();
  const TopicId id = producer->topic(topic);
  for (const std::string& key : keys) send(*producer, id, {key, key, 1, {}, kAnyPartition});
  drain(*producer);
  auto consumer = make_consumer();
  std::size_t seen = 0;
  std::vector<PartitionOffset> starts;
  for (Partition partition = 0; partition < 7; ++partition) starts.push_back(at(topic, partition, 0));
  auto readers = consumer->assign(starts);
  ASSERT_TRUE(readers.ok()) << readers.status();
  until([&] {
    consumer->poll(events_);
    for (const auto& reader : *readers) {
      for (const Got& got : take(*reader, 100)) {
        EXPECT_EQ(partition_for_key(*got.key, 7), reader->where().partition) << *got.key;
        ++seen;
      }
    }
    return seen == keys.size();
  });
}

TEST_F(KafkaTransportTest, KeepsTheOrderOfRecordsItsQueueHadNoRoomFor) {
  const std::string topic = make_topic("queue-full", 2);
  ProducerOptions options;
  options.properties = {{"queue.buffering.max.messages", "50"}};
  auto producer = make_producer(options);
  const TopicId id = producer->topic(topic);
  constexpr int kRecords = 2'000;
  bool was_full = false;
  for (int index = 0; index < kRecords; ++index) {
    send(*producer, id, {"key", std::to_string(index), index, {{"n", std::to_string(index)}}, index % 2});
    was_full = was_full || !producer->has_room();
  }
  EXPECT_TRUE(was_full);
  EXPECT_EQ(producer->in_flight(), static_cast<std::size_t>(kRecords));
  drain(*producer);
  EXPECT_TRUE(producer->has_room());
  auto consumer = make_consumer();
  for (Partition partition = 0; partition < 2; ++partition) {
    auto reader = assign(*consumer, topic, partition, 0);
    const std::vector<Got> got = read(*consumer, *reader, kRecords / 2);
    ASSERT_EQ(got.size(), static_cast<std::size_t>(kRecords / 2));
    for (int index = 0; index < kRecords / 2; ++index) {
      const Got& one = got[static_cast<std::size_t>(index)];
      const int number = 2 * index + partition;
      ASSERT_EQ(one.value, std::to_string(number));
      ASSERT_EQ(one.timestamp, std::max(number, 1));
      ASSERT_EQ(one.headers, (Headers{{"n", std::to_string(number)}}));
    }
  }
}

TEST_F(KafkaTransportTest, AFlushDoesNotWaitForTheLinger) {
  const std::string topic = make_topic("linger");
  for (const bool report : {true, false}) {
    ProducerOptions options;
    options.linger = Duration(20'000);
    options.report_offsets = report;
    auto producer = make_producer(options);
    const TopicId id = producer->topic(topic);
    send(*producer, id, {"k", "v"});
    const auto begun = steady_clock::now();
    drain(*producer);
    EXPECT_LT(steady_clock::now() - begun, seconds(10));
  }
}

TEST_F(KafkaTransportTest, NamesTopicAndPartitionOfAFailedDelivery) {
  const std::string topic = make_topic("too-large", 1, {{"max.message.bytes", "2000"}});
  auto producer = make_producer();
  const TopicId id = producer->topic(topic);
  send(*producer, id, {"k", std::string(10'000, 'x')});
  producer->flush();
  until([&] {
    producer->poll();
    return producer->in_flight() == 0;
  });
  ASSERT_FALSE(producer->failure().ok());
  EXPECT_NE(message_of(producer->failure()).find(topic + "[0]"), std::string::npos) << producer->failure();
  EXPECT_EQ(class_of(producer->failure()), ErrorClass::kFatal);
  producer->clear_failure();
  EXPECT_TRUE(producer->failure().ok());
  // The producer itself lives on.
  send(*producer, id, {"k", "small"});
  drain(*producer);
}

// ---------------------------------------------------------------------------------------------------- groups

// A member that owns a data partition for each token it is given, as a worker does.
struct Member {
  std::unique_ptr<Consumer> consumer;
  std::string data;
  std::map<Partition, std::unique_ptr<PartitionReader>> readers;
  std::multiset<std::string> seen;
  int assigned_events = 0;
  int revoked_events = 0;

  void step() {
    std::vector<ConsumerEvent> events;
    consumer->poll(events);
    for (const ConsumerEvent& event : events) {
      const auto* rebalance = std::get_if<RebalanceEvent>(&event);
      if (rebalance == nullptr) continue;
      for (const TopicPartition& token : rebalance->partitions) {
        if (rebalance->kind == RebalanceEvent::Kind::kAssigned) {
          const PartitionOffset start = at(data, token.partition, 0);
          auto made = consumer->assign(std::span<const PartitionOffset>(&start, 1));
          ASSERT_TRUE(made.ok()) << made.status();
          readers[token.partition] = std::move(made->front());
        } else {
          readers.erase(token.partition);
        }
      }
      assigned_events += rebalance->kind == RebalanceEvent::Kind::kAssigned ? 1 : 0;
      revoked_events += rebalance->kind == RebalanceEvent::Kind::kRevoked ? 1 : 0;
      if (rebalance->kind != RebalanceEvent::Kind::kLost) consumer->complete_rebalance();
    }
    for (auto& [partition, reader] : readers) {
      std::vector<RawRecord> records;
      reader->fetch(100, records);
      for (const RawRecord& record : records) seen.insert(std::string(*record.value));
    }
  }
};

TEST_F(KafkaTransportTest, MembersShareTokensCooperativelyAndReadTheDataThatGoesWithThem) {
  const std::string tokens = make_topic("tokens", 4);
  const std::string data = make_topic("data", 4);
  const std::string group = unique("group");
  Member first{make_consumer(group), data, {}, {}};
  ASSERT_TRUE(first.consumer->subscribe(tokens).ok());
  until([&] {
    first.step();
    return first.readers.size() == 4;
  });
  std::vector<Sent> records;
  for (int index = 0; index < 400; ++index)
    records.push_back({"k", fmt::format("a{}", index), 1, {}, index % 4});
  write(data, records);
  until([&] {
    first.step();
    return first.seen.size() == 400;
  });
  Member second{make_consumer(group), data, {}, {}};
  ASSERT_TRUE(second.consumer->subscribe(tokens).ok());
  // Partitions that stay are not taken away in between: a cooperative rebalance revokes only what moves.
  std::size_t fewest = 4;
  until([&] {
    first.step();
    second.step();
    fewest = std::min(fewest, first.readers.size());
    return first.readers.size() == 2 && second.readers.size() == 2;
  });
  EXPECT_EQ(fewest, 2U);
  std::set<Partition> owned;
  for (const Member* member : {&first, &second}) {
    for (const auto& [partition, reader] : member->readers) owned.insert(partition);
  }
  EXPECT_EQ(owned.size(), 4U);
  // Who has what is known to anybody who asks.
  std::size_t told = 0;
  until([&] {
    first.step();
    second.step();
    auto asked = admin_->describe_group(group);
    const auto described = finish(std::move(asked), [&] {
      first.step();
      second.step();
      admin_->poll();
    });
    if (!described.ok() || described->state != GroupDescription::State::kStable) return false;
    told = described->members.size();
    std::set<TopicPartition> given;
    for (const MemberDescription& member : described->members) {
      EXPECT_FALSE(member.client_id.empty());
      given.insert(member.assignment.begin(), member.assignment.end());
    }
    return given.size() == 4;
  });
  EXPECT_EQ(told, 2U);
  // Each reads what belongs to its tokens: the second from the start, the first only what is new.
  records.clear();
  for (int index = 0; index < 400; ++index)
    records.push_back({"k", fmt::format("b{}", index), 1, {}, index % 4});
  write(data, records);
  until([&] {
    first.step();
    second.step();
    return first.seen.size() == 600 && second.seen.size() == 400;
  });
  EXPECT_EQ(std::count_if(second.seen.begin(), second.seen.end(),
                          [](const auto& value) { return value[0] == 'b'; }),
            200);
  // One leaves, the other takes over.
  first.readers.clear();
  auto closing = first.consumer->close(true);
  until([&] {
    std::vector<ConsumerEvent> events;
    first.consumer->poll(events);
    second.step();
    return closing.ready() && second.readers.size() == 4;
  });
  EXPECT_TRUE(closing.take().ok());
}

TEST_F(KafkaTransportTest, AMemberThatDoesNotLeaveKeepsItsPlaceUntilItsSessionEnds) {
  const std::string tokens = make_topic("stay-tokens", 2);
  const std::string data = make_topic("stay-data", 2);
  const std::string group = unique("stay");
  Member first{make_consumer(group, false, {{"session.timeout.ms", "6000"}}), data, {}, {}};
  ASSERT_TRUE(first.consumer->subscribe(tokens).ok());
  until([&] {
    first.step();
    return first.readers.size() == 2;
  });
  first.readers.clear();
  auto closing = first.consumer->close(false);
  until([&] {
    std::vector<ConsumerEvent> events;
    first.consumer->poll(events);
    return closing.ready();
  });
  EXPECT_TRUE(closing.take().ok());
  const auto left = steady_clock::now();
  Member second{make_consumer(group, false, {{"session.timeout.ms", "6000"}}), data, {}, {}};
  ASSERT_TRUE(second.consumer->subscribe(tokens).ok());
  until([&] {
    second.step();
    return second.readers.size() == 2;
  });
  // It heartbeats no more, so its place is given away at the end of its session, not before.
  EXPECT_GT(steady_clock::now() - left, seconds(2));
  EXPECT_LT(steady_clock::now() - left, seconds(20));
}

TEST_F(KafkaTransportTest, MembersThatComeAndGoLeaveNoTokenBehind) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed={}", seed));
  std::mt19937_64 random(seed);
  const std::string tokens = make_topic("churn-tokens", 6);
  const std::string data = make_topic("churn-data", 6);
  const std::string group = unique("churn");
  std::vector<Sent> records;
  for (int index = 0; index < 600; ++index) records.push_back({"k", std::to_string(index), 1, {}, index % 6});
  write(data, records);
  const auto join = [&] {
    auto member = std::make_unique<Member>();
    member->consumer = make_consumer(group);
    member->data = data;
    EXPECT_TRUE(member->consumer->subscribe(tokens).ok());
    return member;
  };
  std::vector<std::unique_ptr<Member>> members;
  for (int round = 0; round < 15; ++round) {
    if (members.size() < 2 || (members.size() < 4 && random() % 2 == 0)) {
      members.push_back(join());
    } else {
      const std::size_t leaver = random() % members.size();
      const std::unique_ptr<Member> gone = std::move(members[leaver]);
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(leaver));
      gone->readers.clear();
      Pending<> closing = gone->consumer->close(true);
      until(
          [&] {
            std::vector<ConsumerEvent> events;
            gone->consumer->poll(events);
            for (const auto& member : members) member->step();
            return closing.ready();
          },
          seconds(12));
      EXPECT_TRUE(closing.take().ok());
    }
    // Often before the group has come to rest.
    const auto pause = steady_clock::now() + milliseconds(random() % 1'500);
    while (steady_clock::now() < pause) {
      for (const auto& member : members) member->step();
      std::this_thread::sleep_for(milliseconds(2));
    }
  }
  until(
      [&] {
        std::multiset<Partition> owned;
        for (const auto& member : members) {
          member->step();
          for (const auto& [partition, reader] : member->readers) owned.insert(partition);
        }
        return owned == std::multiset<Partition>{0, 1, 2, 3, 4, 5};
      },
      seconds(60));
  // And what is owned is read.
  until([&] {
    bool all = true;
    for (const auto& member : members) {
      member->step();
      for (const auto& [partition, reader] : member->readers) all = all && reader->position() == 100;
    }
    return all;
  });
}

// On librdkafka 2.0.2 a client that the group had accepted, and that went before its first assignment, ended the process.
TEST_F(KafkaTransportTest, AMemberMayGoInAnyPhaseOfJoining) {
  const std::string tokens = make_topic("phase-tokens", 2);
  for (int round = 0; round < 60; ++round) {
    const auto member = make_consumer(unique("phase"));
    ASSERT_TRUE(member->subscribe(tokens).ok());
    std::vector<ConsumerEvent> events;
    const auto enough = steady_clock::now() + std::chrono::microseconds(500 * round);
    while (steady_clock::now() < enough) {
      member->poll(events);
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    if (round % 3 == 0) continue;  // dropped as it is
    Pending<> closing = member->close(round % 3 == 1);
    until([&] {
      member->poll(events);
      return closing.ready();
    });
    const auto closed = closing.take();
    EXPECT_TRUE(closed.ok()) << round << ": " << closed.status();
  }
}

TEST_F(KafkaTransportTest, CommitsAndLooksUpPositions) {
  const std::string tokens = make_topic("commit-tokens", 1);
  const std::string data = make_topic("commit-data", 3);
  Member member{make_consumer(unique("commit")), data, {}, {}};
  ASSERT_TRUE(member.consumer->subscribe(tokens).ok());
  until([&] {
    member.step();
    return !member.readers.empty();
  });
  const auto committed =
      finish(member.consumer->commit({at(data, 2, 7, "note"), at(data, 0, 0)}), *member.consumer);
  ASSERT_TRUE(committed.ok()) << committed.status();
  auto found = finish(member.consumer->committed({{data, 0}, {data, 1}, {data, 2}}), *member.consumer);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 3U);
  EXPECT_EQ((*found)[0].where, (TopicPartition{data, 0}));
  EXPECT_EQ((*found)[0].offset, 0);
  EXPECT_EQ((*found)[1].offset, kNoOffset);
  EXPECT_EQ((*found)[2].offset, 7);
  EXPECT_EQ((*found)[2].metadata, "note");
}

TEST_F(KafkaTransportTest, WithoutAGroupThereIsNoMembership) {
  auto consumer = make_consumer();
  EXPECT_FALSE(consumer->subscribe("topic").ok());
  EXPECT_FALSE(finish(consumer->commit({at("topic", 0, 1)}), *consumer).ok());
  EXPECT_FALSE(finish(consumer->committed({{"topic", 0}}), *consumer).ok());
  EXPECT_EQ(consumer->group_metadata(), nullptr);
  EXPECT_TRUE(finish(consumer->close(true), *consumer).ok());
  EXPECT_FALSE(consumer->subscribe("topic").ok());
}

TEST_F(KafkaTransportTest, ClosesOnceItsReadersAreGone) {
  const std::string topic = make_topic("close");
  auto consumer = make_consumer(unique("close-group"));
  auto reader = assign(*consumer, topic, 0, 0);
  EXPECT_FALSE(finish(consumer->close(true), *consumer).ok());
  reader.reset();
  const auto begun = steady_clock::now();
  EXPECT_TRUE(finish(consumer->close(true), *consumer).ok());
  EXPECT_LT(steady_clock::now() - begun, seconds(6));
}

// ---------------------------------------------------------------------------------------------- transactions

TEST_F(KafkaTransportTest, ShowsCommittedRecordsAndHidesAbortedOnes) {
  const std::string topic = make_topic("transactions");
  auto producer = make_transactional(unique("id"));
  const TopicId id = producer->topic(topic);
  for (int round = 0; round < 4; ++round) {
    ASSERT_TRUE(producer->begin_transaction().ok());
    for (int index = 0; index < 3; ++index) send(*producer, id, {"k", fmt::format("{}.{}", round, index)});
    if (round % 2 == 0) {
      const auto done = finish(producer->commit_transaction(), *producer);
      EXPECT_TRUE(done.ok()) << done.status();
    } else {
      drain(*producer);  // so that the records are in the log, and to be hidden
      const auto done = finish(producer->abort_transaction(), *producer);
      EXPECT_TRUE(done.ok()) << done.status();
    }
    EXPECT_TRUE(producer->failure().ok()) << producer->failure();
  }
  auto consumer = make_consumer("", true);
  auto reader = assign(*consumer, topic, 0, 0);
  EXPECT_EQ(values(read(*consumer, *reader, 6)),
            (std::vector<std::string>{"0.0", "0.1", "0.2", "2.0", "2.1", "2.2"}));
  // 12 records and 4 markers: the last record is an aborted one, and yet nothing is left to read.
  until([&] {
    consumer->poll(events_);
    take(*reader, 10);
    return reader->position() == 16 && reader->known_end() == 16;
  });
}

TEST_F(KafkaTransportTest, AnAbortBeforeAnythingWentOutDropsIt) {
  const std::string topic = make_topic("dropped");
  ProducerOptions options;
  options.transactional_id = unique("id");
  options.linger = Duration(5'000);
  options.properties = {{"queue.buffering.max.messages", "10"}};
  auto producer = make_producer(options);
  ASSERT_TRUE(finish(producer->init_transactions(), *producer).ok());
  const TopicId id = producer->topic(topic);
  ASSERT_TRUE(producer->begin_transaction().ok());
  for (int index = 0; index < 30; ++index) send(*producer, id, {"k", "aborted"});
  EXPECT_FALSE(producer->has_room());
  const auto aborted = finish(producer->abort_transaction(), *producer);
  ASSERT_TRUE(aborted.ok()) << aborted.status();
  EXPECT_EQ(producer->in_flight(), 0U);
  EXPECT_TRUE(producer->has_room());
  EXPECT_TRUE(producer->failure().ok()) << producer->failure();
  ASSERT_TRUE(producer->begin_transaction().ok());
  for (int index = 0; index < 30; ++index) send(*producer, id, {"k", std::to_string(index)});
  const auto begun = steady_clock::now();
  const auto committed = finish(producer->commit_transaction(), *producer);
  ASSERT_TRUE(committed.ok()) << committed.status();
  EXPECT_LT(steady_clock::now() - begun, seconds(4)) << "a commit waited for the linger";
  auto consumer = make_consumer("", true);
  auto reader = assign(*consumer, topic, 0, 0);
  const std::vector<std::string> got = values(read(*consumer, *reader, 30));
  ASSERT_EQ(got.size(), 30U);
  for (int index = 0; index < 30; ++index)
    EXPECT_EQ(got[static_cast<std::size_t>(index)], std::to_string(index));
}

TEST_F(KafkaTransportTest, PositionsAreCommittedWithTheirTransactionOrNotAtAll) {
  const std::string tokens = make_topic("eos-tokens");
  const std::string data = make_topic("eos-data", 1);
  const std::string out = make_topic("eos-out");
  Member member{make_consumer(unique("eos"), true), data, {}, {}};
  ASSERT_TRUE(member.consumer->subscribe(tokens).ok());
  until([&] {
    member.step();
    return !member.readers.empty();
  });
  auto producer = make_transactional(unique("id"));
  const TopicId id = producer->topic(out);
  const auto transact = [&](Offset position, bool commit) {
    ASSERT_TRUE(producer->begin_transaction().ok());
    send(*producer, id, {"k", "v"});
    const auto sent = finish(
        producer->send_offsets({at(data, 0, position, "m")}, member.consumer->group_metadata()), *producer);
    ASSERT_TRUE(sent.ok()) << sent.status();
    const auto ended =
        finish(commit ? producer->commit_transaction() : producer->abort_transaction(), *producer);
    ASSERT_TRUE(ended.ok()) << ended.status();
  };
  const auto position = [&]() -> Offset {
    auto found = finish(member.consumer->committed({{data, 0}}), *member.consumer);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? found->front().offset : -100;
  };
  transact(3, false);
  EXPECT_EQ(position(), kNoOffset);
  transact(5, true);
  EXPECT_EQ(position(), 5);
  transact(9, false);
  EXPECT_EQ(position(), 5);
}

TEST_F(KafkaTransportTest, ALookUpWaitsForPositionsThatAreNotStableYet) {
  const std::string tokens = make_topic("stable-tokens");
  const std::string data = make_topic("stable-data");
  Member member{make_consumer(unique("stable")), data, {}, {}};
  ASSERT_TRUE(member.consumer->subscribe(tokens).ok());
  until([&] {
    member.step();
    return !member.readers.empty();
  });
  auto producer = make_transactional(unique("id"));
  ASSERT_TRUE(producer->begin_transaction().ok());
  const auto sent =
      finish(producer->send_offsets({at(data, 0, 5)}, member.consumer->group_metadata()), *producer);
  ASSERT_TRUE(sent.ok()) << sent.status();
  Pending<std::vector<PartitionOffset>> looking = member.consumer->committed({{data, 0}});
  const auto begun = steady_clock::now();
  while (steady_clock::now() - begun < seconds(1)) {
    member.step();
    ASSERT_FALSE(looking.ready()) << "answered while a transaction was open";
    std::this_thread::sleep_for(milliseconds(5));
  }
  ASSERT_TRUE(finish(producer->commit_transaction(), *producer).ok());
  auto found = finish(std::move(looking), *member.consumer);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->front().offset, 5);
}

TEST_F(KafkaTransportTest, AZombieIsFenced) {
  const std::string topic = make_topic("zombie");
  const std::string transactional_id = unique("id");
  auto zombie = make_transactional(transactional_id);
  const TopicId id = zombie->topic(topic);
  ASSERT_TRUE(zombie->begin_transaction().ok());
  send(*zombie, id, {"k", "zombie"});
  drain(*zombie);
  auto successor = make_transactional(transactional_id);
  send(*zombie, id, {"k", "zombie"});
  const auto committed = finish(zombie->commit_transaction(), *zombie);
  ASSERT_FALSE(committed.ok());
  EXPECT_EQ(class_of(committed.status()), ErrorClass::kFenced) << committed.status();
  const TopicId again = successor->topic(topic);
  ASSERT_TRUE(successor->begin_transaction().ok());
  send(*successor, again, {"k", "successor"});
  ASSERT_TRUE(finish(successor->commit_transaction(), *successor).ok());
  auto consumer = make_consumer("", true);
  auto reader = assign(*consumer, topic, 0, 0);
  EXPECT_EQ(values(read(*consumer, *reader, 1)), (std::vector<std::string>{"successor"}));
}

TEST_F(KafkaTransportTest, AnUndeliverableRecordMakesTheTransactionFail) {
  const std::string topic = make_topic("spoiled", 1, {{"max.message.bytes", "2000"}});
  auto producer = make_transactional(unique("id"));
  const TopicId id = producer->topic(topic);
  ASSERT_TRUE(producer->begin_transaction().ok());
  send(*producer, id, {"k", std::string(10'000, 'x')});
  const auto committed = finish(producer->commit_transaction(), *producer);
  ASSERT_FALSE(committed.ok());
  EXPECT_EQ(class_of(committed.status()), ErrorClass::kAbortable) << committed.status();
  EXPECT_FALSE(producer->failure().ok());
  const auto aborted = finish(producer->abort_transaction(), *producer);
  EXPECT_TRUE(aborted.ok()) << aborted.status();
  // The client may have lost count of its sequence numbers with the refused record (quirks.md): then one more
  // transaction fails, in a way that says so, and the next one is sound.
  for (int attempt = 0;; ++attempt) {
    ASSERT_LT(attempt, 2);
    producer->clear_failure();
    ASSERT_TRUE(producer->begin_transaction().ok());
    send(*producer, id, {"k", "small"});
    const auto then = finish(producer->commit_transaction(), *producer);
    if (then.ok()) break;
    ASSERT_EQ(class_of(then.status()), ErrorClass::kAbortable) << then.status();
    ASSERT_TRUE(finish(producer->abort_transaction(), *producer).ok());
  }
  auto consumer = make_consumer("", true);
  auto reader = assign(*consumer, topic, 0, 0);
  EXPECT_EQ(values(read(*consumer, *reader, 1)), (std::vector<std::string>{"small"}));
}

TEST_F(KafkaTransportTest, RefusesTransactionsWithoutAnId) {
  auto producer = make_producer();
  EXPECT_FALSE(producer->begin_transaction().ok());
  EXPECT_FALSE(finish(producer->init_transactions(), *producer).ok());
  EXPECT_FALSE(finish(producer->commit_transaction(), *producer).ok());
  EXPECT_FALSE(finish(producer->abort_transaction(), *producer).ok());
  EXPECT_FALSE(finish(producer->send_offsets({}, nullptr), *producer).ok());
}

TEST_F(KafkaTransportTest, OffsetRangesReachPastAnOpenTransaction) {
  const std::string topic = make_topic("ranges", 2);
  write(topic, {{"k", "1"}, {"k", "2"}});
  auto producer = make_transactional(unique("id"));
  const TopicId id = producer->topic(topic);
  ASSERT_TRUE(producer->begin_transaction().ok());
  for (int index = 0; index < 3; ++index) send(*producer, id, {"k", "open"});
  drain(*producer);
  auto consumer = make_consumer("", true);
  const auto ranges = finish(consumer->offset_ranges({{topic, 1}, {topic, 0}}), *consumer);
  ASSERT_TRUE(ranges.ok()) << ranges.status();
  EXPECT_EQ((*ranges)[0].begin, 0);
  EXPECT_EQ((*ranges)[0].end, 0);
  EXPECT_EQ((*ranges)[1].begin, 0);
  EXPECT_EQ((*ranges)[1].end, 5);
  // What can be read ends before the open transaction, and the reader says so.
  auto reader = assign(*consumer, topic, 0, 0);
  EXPECT_EQ(values(read(*consumer, *reader, 2)), (std::vector<std::string>{"1", "2"}));
  until([&] {
    take(*reader, 10);
    return reader->known_end() == 2;
  });
  EXPECT_EQ(reader->position(), 2);
  ASSERT_TRUE(finish(producer->commit_transaction(), *producer).ok());
  EXPECT_EQ(values(read(*consumer, *reader, 3)), (std::vector<std::string>{"open", "open", "open"}));
  until([&] {
    take(*reader, 10);
    return reader->known_end() == 6 && reader->position() == 6;
  });
}

// --------------------------------------------------------------------------------------------- administering

TEST_F(KafkaTransportTest, AdministersTopics) {
  const std::string name = make_topic("admin", 3, {{"cleanup.policy", "compact"}});
  const auto again = finish(admin_->create_topics({{name, 5, {}}}), *admin_);
  EXPECT_TRUE(again.ok()) << again.status();
  const std::string absent = unique("absent");
  auto described = finish(admin_->describe_topics({absent, name}), *admin_);
  ASSERT_TRUE(described.ok()) << described.status();
  EXPECT_EQ((*described)[0].name, absent);
  EXPECT_EQ((*described)[0].partitions, 0);
  EXPECT_EQ((*described)[1].name, name);
  EXPECT_EQ((*described)[1].partitions, 3);
  EXPECT_EQ((*described)[1].config["cleanup.policy"], "compact");
  std::vector<std::string> many(20, name);
  described = finish(admin_->describe_topics(many), *admin_);
  ASSERT_TRUE(described.ok()) << described.status();
  EXPECT_EQ(described->size(), 20U);
  EXPECT_EQ(described->back().partitions, 3);
  auto listed = finish(admin_->list_topics(), *admin_);
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(std::count(listed->begin(), listed->end(), name), 1);
  EXPECT_EQ(std::count(listed->begin(), listed->end(), "__consumer_offsets"), 0);
  EXPECT_TRUE(finish(admin_->delete_topics({name}), *admin_).ok());
  until([&] {
    listed = finish(admin_->list_topics(), *admin_);
    return listed.ok() && std::count(listed->begin(), listed->end(), name) == 0;
  });
}

TEST_F(KafkaTransportTest, DeletesRecordsBeforeAnOffset) {
  const std::string topic = make_topic("delete-records");
  write(topic, std::vector<Sent>(10, Sent{"k", "v"}));
  const auto deleted = finish(admin_->delete_records({at(topic, 0, 6)}), *admin_);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  auto consumer = make_consumer();
  const auto ranges = finish(consumer->offset_ranges({{topic, 0}}), *consumer);
  ASSERT_TRUE(ranges.ok()) << ranges.status();
  EXPECT_EQ(ranges->front().begin, 6);
  EXPECT_EQ(ranges->front().end, 10);
}

TEST_F(KafkaTransportTest, ATopicThatCannotBeMadeIsAnError) {
  EXPECT_FALSE(finish(admin_->create_topics({{unique("bad"), 1, {{"no.such.config", "1"}}}}), *admin_).ok());
  EXPECT_FALSE(finish(admin_->create_topics({{"no spaces allowed", 1, {}}}), *admin_).ok());
}

// ------------------------------------------------------------------------------------------ without a broker

class NoBrokerTest : public KafkaTransportTest {
 protected:
  void SetUp() override {
    // A port nobody listens on: bound, but not listening.
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    ASSERT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    address_ = fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
    auto made = make_kafka_transport({.bootstrap = address_});
    ASSERT_TRUE(made.ok()) << made.status();
    transport_ = std::move(*made);
  }

  void TearDown() override {
    over_ = true;
    for (std::thread& pipe : pipes_) pipe.join();
    ::close(socket_);
  }

  // From now on the port leads to the broker.
  void open_the_port() {
    ASSERT_EQ(::listen(socket_, 16), 0);
    pipes_.emplace_back([this] {
      std::vector<std::thread> connections;
      while (!over_) {
        pollfd waiting{socket_, POLLIN, 0};
        if (::poll(&waiting, 1, 50) != 1) continue;
        const int client = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
        connections.emplace_back([this, client] { pass_on(client); });
      }
      for (std::thread& connection : connections) connection.join();
    });
  }

  // Carries bytes both ways between `client` and the broker.
  void pass_on(int client) {
    const int broker = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = address_of(bootstrap()).value_or(sockaddr_in{});
    std::array<pollfd, 2> ends{{{client, POLLIN, 0}, {broker, POLLIN, 0}}};
    bool connected = ::connect(broker, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    while (connected && !over_) {
      if (::poll(ends.data(), ends.size(), 50) < 1) continue;
      for (std::size_t i = 0; i < ends.size(); ++i) {
        if (ends[i].revents == 0) continue;
        std::array<char, 16'384> bytes{};
        const ssize_t got = ::read(ends[i].fd, bytes.data(), bytes.size());
        connected = connected && got > 0 &&
                    ::write(ends[1 - i].fd, bytes.data(), static_cast<std::size_t>(got)) == got;
      }
    }
    ::close(client);
    ::close(broker);
  }

  std::string address_;
  int socket_ = -1;
  std::atomic<bool> over_{false};
  std::vector<std::thread> pipes_;
};

TEST_F(NoBrokerTest, AWrongAddressIsAnErrorEventNotAHang) {
  auto consumer = make_consumer("group");
  ASSERT_TRUE(consumer->subscribe("tokens").ok());
  bool told = false;
  until(
      [&] {
        std::vector<ConsumerEvent> events;
        consumer->poll(events);
        for (const ConsumerEvent& event : events) {
          const auto* error = std::get_if<ConsumerError>(&event);
          if (error == nullptr) continue;
          EXPECT_EQ(class_of(error->status), ErrorClass::kRetriable) << error->status;
          told = true;
        }
        return told;
      },
      seconds(10));
}

TEST_F(NoBrokerTest, WhatIsAskedOfAnAbsentBrokerFailsInTime) {
  auto admin = transport_->make_admin();
  ASSERT_TRUE(admin.ok()) << admin.status();
  auto consumer = make_consumer("group");
  Pending<std::vector<OffsetRange>> ranges = consumer->offset_ranges({{"topic", 0}});
  Pending<std::vector<std::string>> names = (*admin)->list_topics();
  Pending<> created = (*admin)->create_topics({{"topic", 1, {}}});
  until(
      [&] {
        consumer->poll(events_);
        (*admin)->poll();
        return ranges.ready() && names.ready() && created.ready();
      },
      seconds(60));
  for (const absl::Status& status : {ranges.take().status(), names.take().status()}) {
    EXPECT_EQ(class_of(status), ErrorClass::kRetriable) << status;
    EXPECT_NE(message_of(status).find(address_), std::string::npos) << status;
  }
  EXPECT_EQ(class_of(created.take().status()), ErrorClass::kRetriable);
}

// librdkafka's requests to a coordinator that timed out were freed twice once the coordinator could be reached.
TEST_F(NoBrokerTest, WhatIsAskedOfACoordinatorOutlivesALongOutage) {
  auto admin = transport_->make_admin();
  ASSERT_TRUE(admin.ok()) << admin.status();
  const std::string group = unique("outage");
  auto consumer = make_consumer(group);
  Pending<std::vector<PartitionOffset>> positions = consumer->committed({{"topic", 1}, {"topic", 0}});
  Pending<GroupDescription> description = (*admin)->describe_group(group);
  until(
      [&] {
        consumer->poll(events_);
        (*admin)->poll();
        return description.ready();
      },
      seconds(20));
  EXPECT_EQ(class_of(description.take().status()), ErrorClass::kRetriable);
  ASSERT_FALSE(positions.ready());
  open_the_port();
  const auto found = finish(std::move(positions), *consumer);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ(found->front().where, (TopicPartition{"topic", 1}));
  EXPECT_EQ(found->front().offset, kNoOffset);
  // Long enough for what timed out to be answered.
  const auto described = finish((*admin)->describe_group(group), **admin);
  ASSERT_TRUE(described.ok()) << described.status();
  EXPECT_TRUE(described->members.empty());
}

TEST_F(NoBrokerTest, ClosesWithinItsDeadline) {
  auto consumer = make_consumer("group");
  ASSERT_TRUE(consumer->subscribe("tokens").ok());
  auto producer = make_producer();
  send(*producer, producer->topic("topic"), {"k", "v"});
  ProducerOptions options;
  options.transactional_id = "id";
  auto transactional = make_producer(options);
  Pending<> initialising = transactional->init_transactions();
  const auto begun = steady_clock::now();
  (void)finish(consumer->close(true), *consumer);
  EXPECT_LT(steady_clock::now() - begun, seconds(8));
  consumer.reset();
  producer.reset();
  transactional.reset();
  EXPECT_LT(steady_clock::now() - begun, seconds(9)) << "destroying an object waited";
  transport_.reset();
  EXPECT_LT(steady_clock::now() - begun, seconds(20));
}

TEST(KafkaTransport, ChecksItsOptionsWithoutConnecting) {
  EXPECT_FALSE(make_kafka_transport({}).ok());
  EXPECT_FALSE(
      make_kafka_transport({.bootstrap = "127.0.0.1:1", .properties = {{"no.such.property", "1"}}}).ok());
  auto transport = make_kafka_transport({.bootstrap = "127.0.0.1:1"});
  ASSERT_TRUE(transport.ok());
  // What weir depends on cannot be configured away.
  ConsumerOptions consumer;
  consumer.properties = {{"auto.offset.reset", "earliest"}};
  EXPECT_FALSE((*transport)->make_consumer(consumer).ok());
  ProducerOptions producer;
  producer.properties = {{"enable.idempotence", "false"}};
  EXPECT_FALSE((*transport)->make_producer(producer).ok());
}

}  // namespace
}  // namespace weir
