// A test against a real Kafka: its clients, topics of its own, and ways to look at them.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/app.h>
#include <weir/core/connect.h>

#include "support/eventually.h"

namespace weir {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

inline std::string bootstrap() {
  const char* given = std::getenv("WEIR_KAFKA_BOOTSTRAP");
  return given == nullptr ? "127.0.0.1:29092" : given;
}

class KafkaTest : public testing::Test {
 protected:
  void SetUp() override { connect_to(bootstrap()); }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  // Skips the test if there is no Kafka.
  void connect_to(const std::string& address) {
    auto transport = connect(address);
    ASSERT_TRUE(transport.ok()) << transport.status();
    transport_ = *std::move(transport);
    admin_ = *transport_->make_admin();
    if (!finish(admin_->list_topics(), 5s).ok())
      GTEST_SKIP() << "no Kafka at " << address
                   << ": start one with ./dev kafka up, or set WEIR_KAFKA_BOOTSTRAP";
    id_ = fmt::format("weir-test-{}-{}", ::getpid(),
                      std::chrono::steady_clock::now().time_since_epoch().count() % 1'000'000'000);
    directory_ = testing::TempDir() + "/" + id_;
    consumer_ = *transport_->make_consumer({.client_id = "test", .group = id_});
    ProducerOptions options;
    options.linger = Duration(0);
    producer_ = *transport_->make_producer(options);
  }

  [[nodiscard]] std::string name(const std::string& topic) const { return id_ + "-" + topic; }

  template <class T>
  absl::StatusOr<T> finish(Pending<T> pending, std::chrono::seconds limit = 60s) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    std::vector<ConsumerEvent> events;
    while (!pending.ready()) {
      admin_->poll();
      if (consumer_ != nullptr) consumer_->poll(events);
      if (std::chrono::steady_clock::now() > deadline) return absl::DeadlineExceededError("not completed");
      std::this_thread::sleep_for(1ms);
    }
    return pending.take();
  }

  void make_topic(const std::string& topic, Partition partitions = 1) {
    const auto made = finish(admin_->create_topics({{.name = name(topic), .partitions = partitions}}));
    ASSERT_TRUE(made.ok()) << made.status();
    // The broker answers before everybody may ask for it.
    ASSERT_TRUE(eventually([&] {
      const auto described = finish(admin_->describe_topics({name(topic)}));
      return described.ok() && described->front().partitions == partitions;
    }));
  }

  // Writes records into partition 0 of "in", with these texts as key and value; or the value given.
  void write(const std::vector<std::string>& keys, const std::string& value = "") {
    const TopicId topic = producer_->topic(name("in"));
    Timestamp time = 1'000;
    for (const std::string& key : keys) {
      producer_->send({.topic = topic,
                       .partition = 0,
                       .key = key,
                       .value = value.empty() ? key : value,
                       .timestamp = time});
      time += 1'000;
    }
    wait_for_writes();
  }
  void wait_for_writes() {
    EXPECT_TRUE(eventually([&] {
      producer_->poll();
      return producer_->in_flight() == 0;
    }));
    EXPECT_TRUE(producer_->failure().ok()) << producer_->failure();
  }

  // Of partition 0, control records included.
  OffsetRange range(const std::string& topic) {
    const auto ranges = finish(consumer_->offset_ranges({{name(topic), 0}}));
    return ranges.ok() ? ranges->front() : OffsetRange{-1, -1};
  }
  Offset committed(const std::string& topic) {
    const auto positions = finish(consumer_->committed({{name(topic), 0}}));
    return positions.ok() ? positions->front().offset : -2;
  }

  // With what every test wants to be otherwise than the default.
  AppConfig config() {
    AppConfig config;
    config.application_id = id_;
    config.transport = transport_;
    config.commit_interval = 100ms;
    config.state_directory = directory_;
    config.topic_refresh_interval = 500ms;
    if (const char* protocol = std::getenv("WEIR_GROUP_PROTOCOL"); protocol != nullptr)
      config.consumer_properties["group.protocol"] = protocol;
    config.log = [this](LogLevel, std::string_view text) {
      const std::lock_guard lock(mutex_);
      log_ += text;
      log_ += '\n';
    };
    return config;
  }

  static std::unique_ptr<App> launch(Topology topology, AppConfig config) {
    auto app = App::create(std::move(topology), std::move(config));
    EXPECT_TRUE(app.ok()) << app.status();
    EXPECT_TRUE((*app)->start().ok());
    return *std::move(app);
  }
  static std::unique_ptr<App> start(Topology topology, AppConfig config) {
    auto app = launch(std::move(topology), std::move(config));
    EXPECT_TRUE(app->wait_for(AppState::kRunning, 60s)) << app->failure();
    return app;
  }

  std::string log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  std::string id_;
  std::string directory_;
  std::shared_ptr<Transport> transport_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Consumer> consumer_;
  std::unique_ptr<Producer> producer_;
  std::mutex mutex_;
  std::string log_;  // guarded by the mutex
};

}  // namespace weir
