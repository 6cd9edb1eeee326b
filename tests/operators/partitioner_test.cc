#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/app.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/operators/repartition.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

template <class F>
concept CanChoose =
    requires(const KStream<std::string, std::int64_t>& stream, F choose) { stream.to("topic", choose); };
static_assert(CanChoose<decltype([](const std::string&, std::int64_t, Partition) { return 0; })>);
static_assert(CanChoose<decltype([](const std::string&, std::int64_t, Partition) {
  return std::optional<Partition>();
})>);
static_assert(CanChoose<decltype([](const std::string&, std::int64_t, Partition) {
  return std::vector<Partition>();
})>);
static_assert(!CanChoose<decltype([](std::int64_t) { return 0; })>);
static_assert(
    !CanChoose<decltype([](const std::string&, std::int64_t, Partition) { return std::string(); })>);

// What lies in each partition of a topic of three: "a,b||c".
std::string placed(EmbeddedBroker& broker, const std::string& topic) {
  std::string text;
  for (Partition partition = 0; partition < 3; ++partition) {
    if (partition > 0) text += '|';
    std::string values;
    for (const BrokerRecord& record : broker.read(topic, partition)) {
      values += (values.empty() ? "" : ",") + *record.value;
    }
    text += values;
  }
  return text;
}

// Runs the topology on values that were written to "in", until `done` of the broker holds.
void run(const TextDriver::Describe& describe, const std::vector<std::string>& values,
         const std::shared_ptr<EmbeddedBroker>& broker, const std::function<bool()>& done) {
  StreamBuilder builder;
  describe(builder);
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  ASSERT_TRUE(broker->create_topic("in", 1).ok());
  ASSERT_TRUE(broker->create_topic("out", 3).ok());
  for (const std::string& value : values) {
    ASSERT_TRUE(broker->append("in", 0, {.key = "k", .value = value, .timestamp = 1}).ok());
  }
  auto app = App::create(*topology, {.application_id = "app", .transport = make_embedded_transport(broker)});
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  for (int i = 0; i < 2000 && !done(); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_TRUE((*app)->close(10s).ok());
}

TEST(Partitioner, ChoosesThePartition) {
  const auto broker = std::make_shared<EmbeddedBroker>();
  run(
      [](StreamBuilder& builder) {
        builder.stream<std::string, std::string>("in").to(
            "out", [](const std::string&, const std::string& value, Partition count) {
              return static_cast<Partition>(value.size()) % count;
            });
      },
      {"a", "bb", "ccc", "dddd"}, broker, [&] { return placed(*broker, "out").size() == 12; });
  EXPECT_EQ(placed(*broker, "out"), "ccc|a,dddd|bb");
}

TEST(Partitioner, MayLeaveTheChoiceAndMayChooseSeveral) {
  const auto broker = std::make_shared<EmbeddedBroker>();
  run(
      [](StreamBuilder& builder) {
        builder.stream<std::string, std::string>("in").to(
            "out",
            [](const std::string&, const std::string& value,
               Partition) -> std::optional<std::vector<Partition>> {
              if (value == "default") return std::nullopt;
              return value == "both" ? std::vector<Partition>{0, 2} : std::vector<Partition>{};
            });
      },
      {"none", "both", "default"}, broker,
      [&] { return placed(*broker, "out").find("default") != std::string::npos; });
  // By murmur2 "k" belongs to one of the three; what matters is that it is there once.
  std::string found = placed(*broker, "out");
  const std::size_t at =
      found.find(",default") != std::string::npos ? found.find(",default") : found.find("default");
  found.erase(at, found[at] == ',' ? 8 : 7);
  EXPECT_EQ(found, "both||both");
}

TEST(Partitioner, ChoosesInARepartitionTopic) {
  const auto broker = std::make_shared<EmbeddedBroker>();
  run(
      [](StreamBuilder& builder) {
        builder.stream<std::optional<std::string>, std::string>("in")
            .repartition({.name = "hop", .partitions = 3}, [](const std::string&, const std::string& value,
                                                              Partition) { return value == "a" ? 2 : 0; })
            .to("out", [](const std::string&, const std::string&, Partition) { return 1; });
      },
      {"a", "b"}, broker, [&] { return placed(*broker, "out").size() == 5; });
  EXPECT_EQ(placed(*broker, "app-hop-repartition"), "b||a");
}

TEST(Partitioner, CountsWhatItSendsNowhere) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").to(
        "out", [](const std::string&, const std::string& value, Partition count) {
          return value == "drop" ? std::vector<Partition>{} : std::vector<Partition>{count - 1};
        });
  });
  driver.feed<std::string, std::string>("in", "a:x@1 a:drop@2 a:y@3");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:x@1 a:y@3");
  EXPECT_EQ(driver.dropped(DropReason::kNoPartition), 1U);
}

TEST(Partitioner, FailsWithAPartitionThatIsNotThere) {
  const auto choose = [](const std::string&, std::int64_t value, Partition) {
    return static_cast<Partition>(value);
  };
  TextDriver driver([&](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in").to("out", {.name = "sink"}, choose);
  });
  const absl::Status status = driver.try_feed<std::string, std::int64_t>("in", "a:0@1 a:1@2");
  EXPECT_NE(std::string(status.message()).find("partition=1 partitions=1"), std::string::npos) << status;
  EXPECT_NE(std::string(status.message()).find("'sink'"), std::string::npos) << status;

  TextDriver skipping([&](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in").to("out", {.on_error = ErrorPolicy::kSkip}, choose);
  });
  skipping.feed<std::string, std::int64_t>("in", "a:-1@1 a:0@2");
  EXPECT_EQ((skipping.take<std::string, std::int64_t>("out")), "a:0@2");
  EXPECT_EQ(skipping.dropped(DropReason::kFailed), 1U);
}

TEST(Partitioner, GoesWithATopicThatIsChosen) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").to(
        {.name = "sink"}, [](const std::string& value) { return "out-" + value; },
        [](const std::string&, const std::string&, Partition count) { return count - 1; });
  });
  driver.feed<std::string, std::string>("in", "a:x@1 a:y@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out-x")), "a:x@1");
  EXPECT_EQ((driver.take<std::string, std::string>("out-y")), "a:y@2");
}

}  // namespace
}  // namespace weir
