// One view, three ways to its rows: a file, a range of a topic, and an application that runs while the records come. Are they the
// same, byte for byte?
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/app.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/partitioner.h>
#include <weir/core/testing/topology_driver.h>
#include <weir/ml/features/feature_computer.h>
#include <weir/ml/features/feature_log.h>
#include <weir/ml/features/feature_view.h>
#include <weir/operators/weir.h>

#include "support/environment.h"

namespace weir::ml {
namespace {

using namespace std::chrono_literals;

constexpr Partition kParts = 3;
constexpr Timestamp kBeginning = 1'700'000'000'000;

// A value is "<amount> <shop>".
double amount_in(const std::string& value) {
  double amount = 0;
  std::from_chars(value.data(), value.data() + value.size(), amount);
  return amount;
}
std::string shop_in(const std::string& value) { return value.substr(value.find(' ') + 1); }

auto parity_view() {
  using namespace agg;
  return features<std::string>("card", 1)
      .agg(statistics("amount", amount_in), {1h, exact(20min), last(4)})
      .agg(distinct_count("shop", shop_in), {24h, session(5min)})
      .agg(quantiles("amount", amount_in, {0.5}), {24h})
      .agg(mean("amount", amount_in), {lifetime(), delayed(sawtooth(1h), 30min)})
      .agg(decayed_sum("amount", amount_in, 1h))
      .agg(time_since_last())
      .grace(5min)
      .log_to("log");
}

absl::StatusOr<Topology> parity_topology() {
  StreamBuilder builder;
  builder.stream<std::string, std::string>("payments").apply(parity_view()).for_each([](const auto&) {});
  return builder.build();
}

struct Paid {
  std::string card;
  std::string value;
  Timestamp time = 0;
};

// By card, in the order of its payments: a row's bytes, its time, and whether it was late. Where the record lay is left out: a
// file has no partitions.
using RowsByCard = std::map<std::string, std::vector<std::tuple<Timestamp, bool, Bytes>>>;

void add_row(RowsByCard& rows, const std::string& card, Timestamp time, bool late, const FeatureRow& row) {
  Bytes bytes;
  Serde<FeatureRow>::encode(row, bytes);
  rows[card].emplace_back(time, late, bytes);
}

void add_logged(RowsByCard& rows, BytesView card, BytesView value) {
  FeatureLogEntry entry;
  ASSERT_TRUE(Serde<FeatureLogEntry>::decode(value, entry).ok());
  FeatureRow row(entry.hash, entry.values.size());
  row.assign(entry.values);
  add_row(rows, std::string(card), entry.time, entry.late, row);
}

class FeatureParityTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(broker_->create_topic("payments", kParts).ok());
    ASSERT_TRUE(broker_->create_topic("log", kParts).ok());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void make_payments(std::uint64_t seed, int count) {
    std::mt19937_64 random(seed);
    Timestamp time = kBeginning;
    for (int i = 0; i < count; ++i) {
      time += static_cast<Timestamp>(random() % 20 == 0 ? random() % 4'000'000 : random() % 20'000);
      const auto early = static_cast<Timestamp>(random() % 4 == 0 ? random() % 600'000 : 0);
      payments_.push_back({fmt::format("card{}", random() % 12),
                           fmt::format("{} s{}", static_cast<double>(random() % 10'000) / 3, random() % 9),
                           time - early});
    }
  }
  void append(std::size_t from, std::size_t until) {
    for (std::size_t i = from; i < until; ++i) {
      const Paid& paid = payments_[i];
      ASSERT_TRUE(broker_
                      ->append("payments", kAnyPartition,
                               {.key = paid.card, .value = paid.value, .timestamp = paid.time})
                      .ok());
    }
  }

  // Written as a file and read from it. There is one computer as there would be one task: for the cards of a partition.
  RowsByCard rows_of_file() {
    std::string csv;
    for (const Paid& paid : payments_) csv += fmt::format("{},{},{}\n", paid.time, paid.card, paid.value);
    std::vector<FeatureComputer<std::string>> computers;
    for (Partition partition = 0; partition < kParts; ++partition)
      computers.push_back(*FeatureComputer<std::string>::of(parity_view()));
    RowsByCard rows;
    std::istringstream file(csv);
    std::string time;
    std::string card;
    std::string value;
    while (std::getline(file, time, ',') && std::getline(file, card, ',') && std::getline(file, value)) {
      auto& computer = computers[static_cast<std::size_t>(partition_for_key(card, kParts))];
      const FeatureRow& row = computer.row(card, value, std::stoll(time));
      add_row(rows, card, std::stoll(time), computer.late(), row);
    }
    return rows;
  }

  // What a consumer reads of a topic from its first offset up to the end it has now, through the topology itself: a driver for
  // each partition.
  RowsByCard rows_of_topic() {
    RowsByCard rows;
    const auto transport = make_embedded_transport(broker_);
    auto consumer = *transport->make_consumer({.client_id = "range", .read_committed = true});
    std::vector<ConsumerEvent> events;
    for (Partition partition = 0; partition < kParts; ++partition) {
      const TopicPartition where{"payments", partition};
      auto asked = consumer->offset_ranges({where});
      while (!asked.ready()) consumer->poll(events);
      const OffsetRange range = asked.take()->front();
      const PartitionOffset start{where, range.begin, ""};
      auto readers = *consumer->assign(std::span(&start, 1));
      auto driver = TopologyDriver::create(*parity_topology(), {});
      EXPECT_TRUE(driver.ok()) << driver.status();
      std::vector<RawRecord> records;
      while (readers[0]->position() < range.end) {
        consumer->poll(events);
        records.clear();
        readers[0]->fetch(7, records);
        for (const RawRecord& record : records) {
          const absl::Status piped = (*driver)->pipe<std::string, std::string>(
              "payments", std::string(*record.key), std::string(*record.value), record.timestamp);
          EXPECT_TRUE(piped.ok()) << piped;
        }
      }
      for (const RawOutput& entry : (*driver)->read_raw("log"))
        add_logged(rows, *entry.record.key, *entry.record.value);
    }
    return rows;
  }

  [[nodiscard]] std::size_t logged() const {
    std::size_t count = 0;
    for (Partition partition = 0; partition < kParts; ++partition)
      count += broker_->read("log", partition).size();
    return count;
  }
  void run_until_logged(const std::string& instance, std::size_t count,
                        const std::function<void()>& meanwhile) {
    AppConfig config;
    config.application_id = "parity";
    config.transport = make_embedded_transport(broker_);
    config.guarantee = Guarantee::kExactlyOnce;
    config.workers = 2;
    config.commit_interval = 10ms;
    config.state_directory = directory_ + "/" + instance;
    config.session_timeout = 2s;
    auto app = App::create(*parity_topology(), config);
    ASSERT_TRUE(app.ok()) << app.status();
    ASSERT_TRUE((*app)->start().ok());
    ASSERT_TRUE((*app)->wait_for(AppState::kRunning, 30s)) << (*app)->failure();
    meanwhile();
    for (int i = 0; i < 6'000 && logged() < count; ++i) std::this_thread::sleep_for(5ms);
    EXPECT_TRUE((*app)->close(30s).ok());
    EXPECT_EQ(logged(), count);
  }
  // Records come while it runs; half way another instance takes over, which has nothing but the changelog.
  RowsByCard rows_of_application() {
    const std::size_t half = payments_.size() / 2;
    run_until_logged("one", half, [&] { append(0, half); });
    run_until_logged("other", payments_.size(), [&] { append(half, payments_.size()); });
    RowsByCard rows;
    for (Partition partition = 0; partition < kParts; ++partition) {
      for (const BrokerRecord& record : broker_->read("log", partition))
        add_logged(rows, *record.key, *record.value);
    }
    return rows;
  }

  const std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  const std::string directory_ =
      (std::filesystem::temp_directory_path() / fmt::format("weir-parity-{}", ::getpid())).string();
  std::vector<Paid> payments_;
};

TEST_F(FeatureParityTest, AFileATopicAndAnApplicationThatRunsGiveTheSameBytes) {
  const std::uint64_t seed = number_from("WEIR_PARITY_SEED", 20);
  SCOPED_TRACE(fmt::format("WEIR_PARITY_SEED={}", seed));
  make_payments(seed, static_cast<int>(number_from("WEIR_PARITY_PAYMENTS", 600)));
  const RowsByCard live = rows_of_application();
  ASSERT_FALSE(HasFailure());
  const RowsByCard of_file = rows_of_file();
  const RowsByCard of_topic = rows_of_topic();
  std::size_t rows = 0;
  std::size_t late = 0;
  for (const auto& [card, all] : of_file) {
    rows += all.size();
    for (const auto& row : all) late += std::get<1>(row) ? 1 : 0;
    EXPECT_TRUE(live.at(card) == all) << "live and file differ: " << card;
    EXPECT_TRUE(of_topic.at(card) == all) << "topic and file differ: " << card;
  }
  EXPECT_EQ(live.size(), of_file.size());
  EXPECT_EQ(of_topic.size(), of_file.size());
  EXPECT_EQ(rows, payments_.size());
  EXPECT_GT(late, 0u);
}

}  // namespace
}  // namespace weir::ml
