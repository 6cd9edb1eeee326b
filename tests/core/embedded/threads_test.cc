// Several threads on one broker. What they see is checked; races are for the thread sanitizer to find.
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/embedded/embedded_transport.h>

namespace weir {
namespace {

class EmbeddedThreads : public testing::Test {
 protected:
  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  std::unique_ptr<Transport> transport_ = make_embedded_transport(broker_);
};

template <class T>
absl::Status finish(Producer& producer, Pending<T> pending) {
  while (!pending.ready()) producer.poll();
  return pending.take().status();
}

TEST_F(EmbeddedThreads, ReadersSeeEveryRecordOnceInOrderWhileOthersWriteAndTrim) {
  constexpr int kWriters = 2;
  constexpr int kRecords = 20'000;
  ASSERT_TRUE(broker_->create_topic("orders", kWriters).ok());
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      auto producer = *transport_->make_producer({});
      OutgoingRecord record;
      record.topic = producer->topic("orders");
      record.partition = writer;
      for (int index = 0; index < kRecords; ++index) {
        const std::string value = std::to_string(index);
        record.value = value;
        producer->send(record);
        if (index % 100 == 99) {
          producer->flush();
          producer->poll();
        }
      }
      EXPECT_EQ(producer->in_flight(), 0U);
      EXPECT_TRUE(producer->failure().ok());
    });
  }
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      auto consumer = *transport_->make_consumer({});
      const PartitionOffset start{{"orders", writer}, 0, {}};
      auto readers = *consumer->assign({&start, 1});
      std::vector<ConsumerEvent> events;
      int next = 0;
      while (next < kRecords) {
        consumer->wait(Duration(1'000));
        consumer->poll(events);
        ASSERT_TRUE(events.empty());
        std::vector<RawRecord> records;
        readers.front()->fetch(500, records);
        // The bytes must stay although their log is trimmed before we look.
        EXPECT_TRUE(broker_->delete_records("orders", writer, readers.front()->position()).ok());
        for (const RawRecord& record : records) ASSERT_EQ(*record.value, std::to_string(next++));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(EmbeddedThreads, WaitEndsWhenARecordArrives) {
  ASSERT_TRUE(broker_->create_topic("orders").ok());
  auto consumer = *transport_->make_consumer({});
  const PartitionOffset start{{"orders", 0}, 0, {}};
  auto readers = *consumer->assign({&start, 1});
  std::vector<ConsumerEvent> events;
  consumer->poll(events);
  std::vector<RawRecord> records;
  readers.front()->fetch(10, records);
  consumer->wait(Duration(0));
  std::thread writer([&] { EXPECT_TRUE(broker_->append("orders", 0, {"k", "v", 0, {}}).ok()); });
  const auto begun = std::chrono::steady_clock::now();
  while (records.empty()) {
    consumer->wait(Duration(30'000));
    readers.front()->fetch(10, records);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
  writer.join();
}

TEST_F(EmbeddedThreads, WaitEndsWhenAnotherThreadWakes) {
  auto consumer = *transport_->make_consumer({});
  std::vector<ConsumerEvent> events;
  consumer->poll(events);
  std::thread waker([&] { consumer->wake(); });
  const auto begun = std::chrono::steady_clock::now();
  consumer->wait(Duration(30'000));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
  waker.join();
}

TEST_F(EmbeddedThreads, WorkersOfAGroupMoveRecordsExactlyOnceWhileTheGroupChanges) {
  constexpr Partition kPartitions = 6;
  constexpr int kRecords = 6'000;
  constexpr int kWorkers = 3;
  ASSERT_TRUE(broker_->create_topic("in", kPartitions).ok());
  ASSERT_TRUE(broker_->create_topic("out").ok());
  for (int index = 0; index < kRecords; ++index) {
    ASSERT_TRUE(
        broker_->append("in", index % kPartitions, {std::nullopt, std::to_string(index), 0, {}}).ok());
  }
  const auto arrived = [&] { return broker_->read("out", 0).size(); };

  // Copies "in" to "out" in transactions, starting over whenever something is fenced, and leaves in between.
  const auto work = [&](int worker) {
    std::size_t rounds = 0;
    while (arrived() < kRecords && ++rounds < 1'000) {
      ProducerOptions producing;
      producing.transactional_id = "worker-" + std::to_string(worker);
      auto producer = *transport_->make_producer(producing);
      if (!finish(*producer, producer->init_transactions()).ok()) continue;
      ConsumerOptions consuming;
      consuming.group = "app";
      consuming.read_committed = true;
      auto consumer = *transport_->make_consumer(consuming);
      ASSERT_TRUE(consumer->subscribe("in").ok());
      std::map<TopicPartition, std::unique_ptr<PartitionReader>> readers;
      const TopicId out = producer->topic("out");
      const int turns = 40 + worker * 15;
      for (int turn = 0; turn < turns && arrived() < kRecords; ++turn) {
        std::vector<ConsumerEvent> events;
        consumer->poll(events);
        for (const ConsumerEvent& event : events) {
          const auto& rebalance = std::get<RebalanceEvent>(event);
          for (const TopicPartition& where : rebalance.partitions) readers.erase(where);
          if (rebalance.kind == RebalanceEvent::Kind::kAssigned && !rebalance.partitions.empty()) {
            auto fetching = consumer->committed(rebalance.partitions);
            std::vector<ConsumerEvent> none;
            while (!fetching.ready()) consumer->poll(none);
            ASSERT_TRUE(none.empty());
            auto starts = *fetching.take();
            for (PartitionOffset& start : starts) start.offset = std::max<Offset>(start.offset, 0);
            auto assigned = *consumer->assign(starts);
            for (auto& reader : assigned) {
              const TopicPartition where = reader->where();
              readers[where] = std::move(reader);
            }
          }
          if (rebalance.kind != RebalanceEvent::Kind::kLost) consumer->complete_rebalance();
        }
        std::vector<PartitionOffset> positions;
        std::vector<RawRecord> records;
        for (const auto& [where, reader] : readers) {
          if (reader->fetch(7, records) > 0) positions.push_back({where, reader->position(), {}});
        }
        if (positions.empty()) {
          consumer->wait(Duration(1));
          continue;
        }
        ASSERT_TRUE(producer->begin_transaction().ok());
        OutgoingRecord record;
        record.topic = out;
        record.partition = 0;
        for (const RawRecord& each : records) {
          record.value = each.value;
          producer->send(record);
        }
        const bool sent =
            finish(*producer, producer->send_offsets(positions, consumer->group_metadata())).ok();
        if (sent && finish(*producer, producer->commit_transaction()).ok()) continue;
        // Rewind by starting over: a stale generation is ordinary here.
        EXPECT_TRUE(finish(*producer, producer->abort_transaction()).ok());
        break;
      }
      readers.clear();
      auto closing = consumer->close(true);
      std::vector<ConsumerEvent> ignored;
      while (!closing.ready()) consumer->poll(ignored);
      EXPECT_TRUE(closing.take().ok());
    }
  };
  std::vector<std::thread> threads;
  for (int worker = 0; worker < kWorkers; ++worker) threads.emplace_back(work, worker);
  for (std::thread& thread : threads) thread.join();

  std::set<int> seen;
  std::size_t records = 0;
  for (const BrokerRecord& record : broker_->read("out", 0)) {
    seen.insert(std::stoi(*record.value));
    ++records;
  }
  EXPECT_EQ(records, static_cast<std::size_t>(kRecords));
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kRecords));
}

}  // namespace
}  // namespace weir
