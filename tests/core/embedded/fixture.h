// A broker with a clock that stands still, and shorthand for what tests do with it.
//
// Records are written as text, "key:value@time"; "-" is null and "" is empty.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/clock.h>
#include <weir/core/embedded/embedded_transport.h>

namespace weir {

template <class Record>
std::string text_of_record(const Record& record) {
  return fmt::format("{}:{}@{}", record.key ? std::string(*record.key) : "-",
                     record.value ? std::string(*record.value) : "-", record.timestamp);
}

template <class Records>
std::string text_of_records(const Records& records) {
  std::string text;
  for (const auto& record : records) text += (text.empty() ? "" : " ") + text_of_record(record);
  return text;
}

inline std::string text_of_event(const ConsumerEvent& event) {
  if (const auto* error = std::get_if<ConsumerError>(&event)) {
    return fmt::format("error({} {})", absl::StatusCodeToString(error->status.code()), error->where.topic);
  }
  const auto& rebalance = std::get<RebalanceEvent>(event);
  std::string text = rebalance.kind == RebalanceEvent::Kind::kAssigned  ? "assigned("
                     : rebalance.kind == RebalanceEvent::Kind::kRevoked ? "revoked("
                                                                        : "lost(";
  for (const TopicPartition& where : rebalance.partitions) {
    if (text.back() != '(') text += ' ';
    text += std::to_string(where.partition);
  }
  return text + ")";
}

class EmbeddedTest : public testing::Test {
 protected:
  EmbeddedTest()
      : broker_(std::make_shared<EmbeddedBroker>(clock_)), transport_(make_embedded_transport(broker_)) {}

  // A consumer and what it was told, answered at once unless `patient`.
  struct Member {
    std::unique_ptr<Consumer> consumer;
    bool patient = false;
    std::string told;  // events since the last look
    std::set<Partition> owned;

    std::string take_told() { return std::exchange(told, {}); }
  };

  void create(const std::string& topic, Partition partitions = 1,
              const std::map<std::string, std::string>& config = {}) {
    const absl::Status status = broker_->create_topic(topic, partitions, config);
    ASSERT_TRUE(status.ok()) << status;
  }

  Offset append(const std::string& topic, const std::string& key, const std::string& value,
                Timestamp timestamp = 0, Partition partition = 0) {
    const auto offset = broker_->append(topic, partition, record_of(key, value, timestamp));
    EXPECT_TRUE(offset.ok()) << offset.status();
    return offset.ok() ? *offset : kNoOffset;
  }

  static NewRecord record_of(const std::string& key, const std::string& value, Timestamp timestamp) {
    NewRecord record;
    if (key != "-") record.key = key;
    if (value != "-") record.value = value;
    record.timestamp = timestamp;
    return record;
  }

  std::string read(const std::string& topic, Partition partition = 0,
                   Isolation isolation = Isolation::kReadCommitted) {
    return text_of_records(broker_->read(topic, partition, 0, isolation));
  }

  std::unique_ptr<Consumer> consumer(ConsumerOptions options = {}) {
    auto made = transport_->make_consumer(options);
    EXPECT_TRUE(made.ok());
    return *std::move(made);
  }

  std::unique_ptr<Producer> producer(ProducerOptions options = {}) {
    auto made = transport_->make_producer(options);
    EXPECT_TRUE(made.ok());
    return *std::move(made);
  }

  // A producer whose transactions are initialised.
  std::unique_ptr<Producer> transactional(const std::string& id, Duration timeout = Duration(10'000)) {
    ProducerOptions options;
    options.transactional_id = id;
    options.transaction_timeout = timeout;
    auto made = producer(options);
    const absl::Status status = finish(*made, made->init_transactions());
    EXPECT_TRUE(status.ok()) << status;
    return made;
  }

  std::unique_ptr<Admin> admin() {
    auto made = transport_->make_admin();
    EXPECT_TRUE(made.ok());
    return *std::move(made);
  }

  static void send(Producer& producer, const std::string& topic, const std::string& key,
                   const std::string& value, Timestamp timestamp = 0, Partition partition = 0) {
    OutgoingRecord record;
    record.topic = producer.topic(topic);
    record.partition = partition;
    if (key != "-") record.key = key;
    if (value != "-") record.value = value;
    record.timestamp = timestamp;
    producer.send(record);
  }

  // Sends and sees to it that the broker has the record.
  static void write(Producer& producer, const std::string& topic, const std::string& key,
                    const std::string& value, Timestamp timestamp = 0, Partition partition = 0) {
    send(producer, topic, key, value, timestamp, partition);
    producer.flush();
    producer.poll();
  }

  static void poll(Consumer& consumer) {
    std::vector<ConsumerEvent> events;
    consumer.poll(events);
  }
  static void poll(Producer& producer) { producer.poll(); }
  static void poll(Admin& admin) { admin.poll(); }

  // Polls until the operation is over and returns its status.
  template <class Client, class T>
  static absl::Status finish(Client& client, Pending<T> pending) {
    return finish_with(client, std::move(pending)).status();
  }

  template <class Client, class T>
  static absl::StatusOr<T> finish_with(Client& client, Pending<T> pending) {
    for (int attempt = 0; attempt < 10 && !pending.ready(); ++attempt) poll(client);
    if (!pending.ready()) return absl::DeadlineExceededError("the operation did not complete");
    return pending.take();
  }

  Member member(const std::string& group, const std::string& topic, const std::string& instance_id = {}) {
    ConsumerOptions options;
    options.group = group;
    options.client_id = "client";
    options.instance_id = instance_id;
    options.session_timeout = Duration(10'000);
    options.max_poll_interval = Duration(30'000);
    Member result;
    result.consumer = consumer(options);
    EXPECT_TRUE(result.consumer->subscribe(topic).ok());
    return result;
  }

  static void serve(Member& member) {
    std::vector<ConsumerEvent> events;
    member.consumer->poll(events);
    for (const ConsumerEvent& event : events) {
      member.told += (member.told.empty() ? "" : " ") + text_of_event(event);
      const auto* rebalance = std::get_if<RebalanceEvent>(&event);
      if (rebalance == nullptr) continue;
      for (const TopicPartition& where : rebalance->partitions) {
        if (rebalance->kind == RebalanceEvent::Kind::kAssigned) {
          member.owned.insert(where.partition);
        } else {
          member.owned.erase(where.partition);
        }
      }
      if (!member.patient && rebalance->kind != RebalanceEvent::Kind::kLost)
        member.consumer->complete_rebalance();
    }
  }

  // Serves all of them in turn until nothing more can happen.
  template <class... Members>
  static void settle(Members&... members) {
    for (int round = 0; round < 12; ++round) (serve(members), ...);
  }

  ManualClock clock_{1'000'000};
  std::shared_ptr<EmbeddedBroker> broker_;
  std::unique_ptr<Transport> transport_;
};

}  // namespace weir
