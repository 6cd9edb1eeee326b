// Foreign-key joins in an application on the embedded broker: tables of different partition counts, several threads, and
// changes of both sides at once.
#include <weir/operators/join_foreign_key.h>

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include <weir/core/app.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/eventually.h"
#include "support/scratch_folder.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

using Rows = std::map<std::string, std::string>;

class ForeignKeyAppTest : public testing::TestWithParam<Guarantee> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(broker_->create_topic("left", 3).ok());
    ASSERT_TRUE(broker_->create_topic("right", 2).ok());
    ASSERT_TRUE(broker_->create_topic("out", 4).ok());
  }

  // A left value is a right key, a colon and some text.
  static std::string right_key_of(const std::string& left) { return left.substr(0, left.find(':')); }

  static Topology topology() {
    StreamBuilder builder;
    const auto left = builder.table<std::string, std::string>("left", {.store = "left-rows"});
    const auto right = builder.table<std::string, std::string>("right", {.store = "right-rows"});
    left.join({.name = "joined"}, right, right_key_of,
              [](const std::string& one, const std::string& other) { return one + "+" + other; })
        .to_stream()
        .to("out");
    return *builder.build();
  }

  std::unique_ptr<App> start() {
    AppConfig config;
    config.application_id = "fk";
    config.transport = make_embedded_transport(broker_);
    config.guarantee = GetParam();
    config.workers = 2;
    config.commit_interval = 20ms;
    config.state_directory = scratch_.path();
    config.session_timeout = 2s;
    auto app = App::create(topology(), config);
    EXPECT_TRUE(app.ok()) << app.status();
    EXPECT_TRUE((*app)->start().ok());
    EXPECT_TRUE((*app)->wait_for(AppState::kRunning, 10s)) << (*app)->failure();
    return *std::move(app);
  }

  void write(const std::string& topic, Rows& rows, const std::string& key,
             const std::optional<std::string>& value) {
    value ? void(rows[key] = *value) : void(rows.erase(key));
    ASSERT_TRUE(
        broker_->append(topic, kAnyPartition, {.key = key, .value = value, .timestamp = ++time_}).ok());
  }

  // Changes rows of both tables at random.
  void change(std::mt19937& random, int times) {
    for (int i = 0; i < times; ++i) {
      const std::string right_key = "r" + std::to_string(random() % 7);
      const bool deletes = random() % 5 == 0;
      if (random() % 3 == 0) {
        write("right", right_, right_key, deletes ? std::nullopt : std::optional("v" + std::to_string(i)));
      } else {
        write("left", left_, "l" + std::to_string(random() % 40),
              deletes ? std::nullopt : std::optional(right_key + ":" + std::to_string(i)));
      }
    }
  }

  Rows expected() const {
    Rows rows;
    for (const auto& [key, value] : left_) {
      if (const auto found = right_.find(right_key_of(value)); found != right_.end()) {
        rows[key] = value + "+" + found->second;
      }
    }
    return rows;
  }

  // The last value of each key that was written, without those whose last value is a null.
  Rows written() {
    Rows rows;
    for (Partition partition = 0; partition < 4; ++partition) {
      for (const BrokerRecord& record : broker_->read("out", partition)) {
        record.value ? void(rows[*record.key] = *record.value) : void(rows.erase(*record.key));
      }
    }
    return rows;
  }

  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  const ScratchFolder scratch_;
  Timestamp time_ = 0;
  Rows left_;
  Rows right_;
};

INSTANTIATE_TEST_SUITE_P(BothGuarantees, ForeignKeyAppTest,
                         testing::Values(Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce),
                         [](const auto& parameter) {
                           return parameter.param == Guarantee::kAtLeastOnce ? "AtLeastOnce" : "ExactlyOnce";
                         });

TEST_P(ForeignKeyAppTest, EndsWithTheJoinOfWhatTheTablesHave) {
  constexpr unsigned kSeed = 20;
  SCOPED_TRACE(kSeed);
  std::mt19937 random(kSeed);
  for (int run = 0; run < 3; ++run) {
    const auto app = start();
    change(random, 300);
    EXPECT_TRUE(eventually([&] { return written() == expected(); }));
    EXPECT_EQ(written(), expected());
    EXPECT_TRUE(app->close(10s).ok());
  }
}

TEST_P(ForeignKeyAppTest, AnswersGoToThePartitionOfTheLeftRow) {
  // Rows of all left partitions refer to one right row.
  for (int i = 0; i < 60; ++i) write("left", left_, "l" + std::to_string(i), "r:" + std::to_string(i));
  const auto app = start();
  write("right", right_, "r", "first");
  EXPECT_TRUE(eventually([&] { return written() == expected(); }));
  write("right", right_, "r", "second");
  EXPECT_TRUE(eventually([&] { return written() == expected(); }));
  EXPECT_EQ(written().size(), 60U);
  EXPECT_TRUE(app->close(10s).ok());
  EXPECT_EQ(app->metrics().records_dropped.count(DropReason::kLate), 0U);
}

}  // namespace
}  // namespace weir
