// The keeper of an instance's stores, stepped by hand: a real database, the embedded broker, a clock that stands still.
#include <weir/core/store_keeper.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/topology_builder.h>
#include <weir/state/engine.h>
#include <weir/state/key_value_store.h>

#include "core/text_nodes.h"
#include "support/scratch_folder.h"

namespace weir {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using Store = KeyValueStore<std::string, std::string>;

constexpr TaskId kTask{0, 0};

class StoreKeeperTest : public testing::Test {
 protected:
  StoreKeeperTest() : clock_(1'000'000) {
    std::filesystem::create_directories(scratch_.path());
    EXPECT_TRUE(broker_->create_topic("app-s-changelog", 2, {{"cleanup.policy", "compact,delete"}}).ok());
    EXPECT_TRUE(broker_->create_topic("app-tasks", 2).ok());
    test::TextBuilder text;
    text.builder.add_store(key_value_store_spec<std::string, std::string>("s", {}), state_engine(),
                           std::source_location::current());
    text.pass("keep", {text.source("in", {{"in"}})}, {"s"});
    topology_ = *text.builder.build();
    plan_ = *plan_partitions(topology_, "app", {{"in", 2}});
  }

  std::unique_ptr<StoreKeeper> keeper(Guarantee guarantee = Guarantee::kAtLeastOnce, int standbys = 0,
                                      bool observe = false) {
    KeeperOptions options;
    options.worker.application_id = "app";
    options.worker.client_id = "app-me-stores";
    options.worker.guarantee = guarantee;
    options.worker.state_directory = scratch_.path();
    options.worker.log = [this](LogLevel, std::string_view line) { log_ += std::string(line) + '\n'; };
    options.instance_id = "me";
    options.standby_replicas = standbys;
    options.observe = observe;
    options.look_interval = 1s;
    options.remove_unused_after = remove_after_;
    options.listener = [this](const RestoreNotice& notice) {
      notices_ += fmt::format("{} {} {} ", name_of(notice.kind), notice.store, notice.records);
    };
    auto made = std::make_unique<StoreKeeper>(topology_, *transport_, clock_, std::move(options));
    made->use_plan(plan_);
    return made;
  }

  static void step(StoreKeeper& keeper, int times = 30) {
    for (int i = 0; i < times; ++i) std::ignore = keeper.run_once();
  }

  void write(const std::string& key, const std::optional<std::string>& value) {
    ASSERT_TRUE(broker_->append("app-s-changelog", 0, {.key = key, .value = value, .timestamp = 1}).ok());
  }
  void write_many(int count) {
    for (int i = 0; i < count; ++i) write("k" + std::to_string(i), "v");
  }

  // Has the stores of the task, restored.
  LentStore take(StoreKeeper& keeper, std::uint64_t* restored = nullptr) {
    auto request = keeper.request(kTask);
    step(keeper);
    request.seal();
    step(keeper, 200);
    const auto ready = request.ready();
    EXPECT_TRUE(ready.ok() && *ready) << ready.status();
    if (restored != nullptr) *restored = request.restored_records();
    return request.take();
  }

  static std::string rows(TaskStore& store) {
    std::string out;
    for (const auto& [key, row] : static_cast<Store*>(store.find("s"))->all())
      out += key + ':' + row.value + ' ';
    return out;
  }

  ManualClock clock_;
  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>(clock_);
  std::shared_ptr<Transport> transport_ = make_embedded_transport(broker_);
  Topology topology_;
  PartitionPlan plan_;
  const ScratchFolder scratch_;
  std::string log_;
  std::string notices_;
  std::optional<Duration> remove_after_;
};

TEST_F(StoreKeeperTest, HandsOverWhatWasInTheChangelogWhenTheRequestWasSealed) {
  write("a", "1");
  write("b", "2");
  const auto keeper = this->keeper();
  auto request = keeper->request(kTask);
  step(*keeper);
  EXPECT_FALSE(*request.ready());
  write("a", "3");
  write("b", std::nullopt);
  request.seal();
  EXPECT_FALSE(*request.ready());
  step(*keeper);
  ASSERT_TRUE(*request.ready());
  EXPECT_EQ(request.restored_records(), 4U);
  EXPECT_EQ(request.remaining_records(), 0U);
  const LentStore store = request.take();
  EXPECT_EQ(rows(*store), "a:3 ");
  EXPECT_EQ(notices_, "started s 0 batch s 2 batch s 2 ended s 4 ");
  EXPECT_GT(keeper->metrics().bytes_restored, 0U);
}

TEST_F(StoreKeeperTest, RestoresOnlyWhatIsNew) {
  write_many(100);
  const auto keeper = this->keeper();
  std::uint64_t restored = 0;
  take(*keeper, &restored).reset();
  EXPECT_EQ(restored, 100U);
  step(*keeper);
  write("k5", "new");
  const LentStore again = take(*keeper, &restored);
  EXPECT_EQ(restored, 1U);
  EXPECT_EQ(again->meta().changelogs.at("s"), 101);
}

TEST_F(StoreKeeperTest, ClosesAStoreOnceWhenNobodyWaitsForItAnyMore) {
  write_many(100);
  const auto keeper = this->keeper();
  {
    auto request = keeper->request(kTask);
    step(*keeper, 4);
  }
  step(*keeper);
  EXPECT_TRUE(keeper->progress().empty());
  // It is not open: another may have it. What was restored stays.
  {
    const auto other = this->keeper();
    std::uint64_t restored = 0;
    const LentStore store = take(*other, &restored);
    EXPECT_EQ(restored, 0U);
  }
  EXPECT_NE(notices_.find("suspended s"), std::string::npos) << notices_;
}

// The task is lost while its stores are restored, and comes back at once: the new request is opened before the old one goes.
TEST_F(StoreKeeperTest, ServesWhoAskedLast) {
  write_many(10);
  const auto keeper = this->keeper();
  auto old = std::make_optional(keeper->request(kTask));
  step(*keeper, 4);
  old->seal();
  auto current = keeper->request(kTask);
  step(*keeper);
  EXPECT_FALSE(*old->ready());
  old.reset();
  current.seal();
  step(*keeper);
  ASSERT_TRUE(*current.ready());
  EXPECT_EQ(keeper->progress().size(), 0U);
}

TEST_F(StoreKeeperTest, GivesAStoreToOneTaskAtATime) {
  write("a", "1");
  const auto keeper = this->keeper();
  LentStore first = take(*keeper);
  auto second = keeper->request(kTask);
  second.seal();
  step(*keeper, 100);
  EXPECT_FALSE(*second.ready());
  static_cast<Store*>(first->find("s"))->put("never committed", "x", 1);
  first.reset();
  step(*keeper);
  ASSERT_TRUE(*second.ready());
  EXPECT_EQ(second.restored_records(), 0U);
  EXPECT_EQ(rows(*second.take()), "a:1 ");
}

TEST_F(StoreKeeperTest, WaitsForADatabaseThatSomebodyElseHasOpen) {
  write("a", "1");
  const auto one = keeper();
  const auto other = keeper();
  LentStore store = take(*one);
  auto request = other->request(kTask);
  request.seal();
  step(*other);
  EXPECT_FALSE(*request.ready());
  store.reset();
  step(*one);
  clock_.advance(1s);
  step(*other);
  EXPECT_TRUE(*request.ready());
}

TEST_F(StoreKeeperTest, WaitsForATransactionThatIsOpenAndSeesWhatItCommits) {
  ProducerOptions options;
  options.transactional_id = "owner";
  auto producer = *transport_->make_producer(options);
  const auto finish = [&](Pending<> pending) {
    for (int i = 0; i < 100 && !pending.ready(); ++i) producer->poll();
    EXPECT_TRUE(pending.ready() && pending.take().ok());
  };
  finish(producer->init_transactions());
  const TopicId topic = producer->topic("app-s-changelog");
  const auto send = [&](BytesView key, BytesView value) {
    OutgoingRecord record;
    record.topic = topic;
    record.partition = 0;
    record.key = key;
    record.value = value;
    record.timestamp = 1;
    producer->send(record);
    producer->flush();
    for (int i = 0; i < 100 && producer->in_flight() > 0; ++i) producer->poll();
  };
  ASSERT_TRUE(producer->begin_transaction().ok());
  send("aborted", "x");
  finish(producer->abort_transaction());
  ASSERT_TRUE(producer->begin_transaction().ok());
  send("committed", "y");

  const auto keeper = this->keeper(Guarantee::kExactlyOnce);
  auto request = keeper->request(kTask);
  request.seal();
  step(*keeper, 100);
  EXPECT_FALSE(*request.ready());
  finish(producer->commit_transaction());
  step(*keeper, 100);
  ASSERT_TRUE(*request.ready());
  EXPECT_EQ(rows(*request.take()), "committed:y ");
}

TEST_F(StoreKeeperTest, RebuildsAStoreWhoseChangelogNoLongerHoldsItsPlace) {
  write_many(3);
  take(*keeper()).reset();
  for (int i = 0; i < 10; ++i) write("k1", "w");
  ASSERT_TRUE(broker_->delete_records("app-s-changelog", 0, 5).ok());
  const auto keeper = this->keeper();
  EXPECT_EQ(rows(*take(*keeper)), "k1:w ");
  EXPECT_NE(log_.find("no longer holds where it stopped: task=0_0 store=s"), std::string::npos) << log_;
}

TEST_F(StoreKeeperTest, RebuildsAStoreWhoseChangelogWasMadeAnew) {
  write_many(30);
  take(*keeper()).reset();
  ASSERT_TRUE(broker_->delete_topic("app-s-changelog").ok());
  ASSERT_TRUE(broker_->create_topic("app-s-changelog", 2, {{"cleanup.policy", "compact,delete"}}).ok());
  write("new", "1");
  const auto keeper = this->keeper();
  EXPECT_EQ(rows(*take(*keeper)), "new:1 ");
  EXPECT_NE(log_.find("stopped=30 begin=0 end=1"), std::string::npos) << log_;
}

TEST_F(StoreKeeperTest, GoesOnWhenTheStartOfTheLogPassesItDuringTheRestore) {
  for (int i = 0; i < 12'000; ++i) write("k" + std::to_string(i % 7), std::to_string(i));
  const auto keeper = this->keeper();
  auto request = keeper->request(kTask);
  for (int i = 0; i < 100 && request.restored_records() == 0; ++i) {
    step(*keeper, 1);
    clock_.advance(100ms);
  }
  ASSERT_GT(request.restored_records(), 0U);
  ASSERT_LT(request.restored_records(), 12'000U);
  ASSERT_TRUE(broker_->delete_records("app-s-changelog", 0, 11'999).ok());
  request.seal();
  for (int i = 0; i < 100; ++i) {
    step(*keeper, 5);
    clock_.advance(100ms);
  }
  ASSERT_TRUE(*request.ready());
  EXPECT_EQ(rows(*request.take()), "k1:11999 ");
}

// A row is deleted while the instance is away for longer than the changelog keeps the deletion.
TEST_F(StoreKeeperTest, RebuildsAStoreThatIsOlderThanItsChangelogKeepsDeletions) {
  ASSERT_TRUE(broker_->configure_topic("app-s-changelog", {{"delete.retention.ms", "3600000"}}).ok());
  write("gone", "1");
  write("stays", "1");
  take(*keeper()).reset();
  write("gone", std::nullopt);
  write("stays", "2");
  clock_.advance(30min);
  {
    // Not so long: it goes on from where it was.
    std::uint64_t restored = 0;
    const auto keeper = this->keeper();
    auto store = take(*keeper, &restored);
    EXPECT_EQ(restored, 2U);
    EXPECT_EQ(log_.find("keeps deletions"), std::string::npos) << log_;
  }
  std::filesystem::remove_all(scratch_.path());
  std::filesystem::create_directories(scratch_.path());
  take(*keeper()).reset();
  clock_.advance(2h);
  const auto keeper = this->keeper();
  std::uint64_t restored = 0;
  EXPECT_EQ(rows(*take(*keeper, &restored)), "stays:2 ");
  EXPECT_EQ(restored, 4U);
  EXPECT_NE(log_.find("it is older than its changelog keeps deletions: task=0_0 store=s"), std::string::npos)
      << log_;
}

// A member of the group as a worker of another instance would be.
class Member {
 public:
  Member(Transport& transport, const std::string& instance) {
    ConsumerOptions options;
    options.client_id = "app-" + instance + "-worker-0";
    options.group = "app";
    consumer_ = *transport.make_consumer(options);
    EXPECT_TRUE(consumer_->subscribe("app-tasks").ok());
  }
  void step() {
    events_.clear();
    consumer_->poll(events_);
    for (const ConsumerEvent& event : events_) {
      if (std::holds_alternative<RebalanceEvent>(event)) consumer_->complete_rebalance();
    }
  }

 private:
  std::unique_ptr<Consumer> consumer_;
  std::vector<ConsumerEvent> events_;
};

TEST_F(StoreKeeperTest, FollowsTheTasksOfOthersAndHandsOverWithTheRestOnly) {
  write_many(50);
  Member me(*transport_, "me");
  Member other(*transport_, "other");
  const auto keeper = this->keeper(Guarantee::kAtLeastOnce, 1);
  const auto run = [&] {
    for (int i = 0; i < 40; ++i) {
      me.step();
      other.step();
      step(*keeper, 3);
      clock_.advance(100ms);
    }
  };
  run();
  // Each of the two has one of the two tasks, and is the standby of the other's.
  ASSERT_EQ(keeper->metrics().standby_tasks, 1U);
  const auto progress = keeper->progress();
  ASSERT_EQ(progress.size(), 1U);
  EXPECT_TRUE(progress[0].standby);
  EXPECT_EQ(progress[0].remaining, 0U);
  const TaskId followed = progress[0].task;
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(
        broker_->append("app-s-changelog", followed.partition, {.key = "x", .value = "y", .timestamp = 1})
            .ok());
  }
  run();
  const std::uint64_t before = keeper->metrics().standby_records;
  EXPECT_GE(before, 7U);
  ASSERT_TRUE(
      broker_->append("app-s-changelog", followed.partition, {.key = "x", .value = "z", .timestamp = 1})
          .ok());
  auto request = keeper->request(followed);
  request.seal();
  run();
  ASSERT_TRUE(*request.ready());
  EXPECT_EQ(request.restored_records(), 1U);
  EXPECT_EQ(keeper->metrics().standby_tasks, 0U);
  // Back from the task while the group says that the other has it: a standby again.
  request.take().reset();
  run();
  EXPECT_EQ(keeper->metrics().standby_tasks, 1U);
}

TEST_F(StoreKeeperTest, ObservesAllTasksUntilTheGroupHasGivenTasksToItsInstance) {
  write_many(50);
  const auto keeper = this->keeper(Guarantee::kAtLeastOnce, 0, /*observe=*/true);
  EXPECT_FALSE(keeper->caught_up(1'000'000));
  const auto run = [&](std::vector<Member*> members) {
    for (int i = 0; i < 40; ++i) {
      for (Member* member : members) member->step();
      step(*keeper, 3);
      clock_.advance(100ms);
    }
  };
  Member other(*transport_, "other");
  run({&other});
  EXPECT_TRUE(keeper->caught_up(0));
  EXPECT_EQ(keeper->metrics().standby_tasks, 2U);
  Member me(*transport_, "me");
  run({&other, &me});
  EXPECT_EQ(keeper->metrics().standby_tasks, 0U);
  EXPECT_TRUE(keeper->caught_up(0));
}

TEST_F(StoreKeeperTest, RemovesFoldersThatAreNotUsedForLongIfItMay) {
  write_many(3);
  take(*keeper()).reset();
  const std::string folder = scratch_ / "0_0";
  const std::string foreign = scratch_ / "0_0.old";
  std::filesystem::create_directories(foreign);
  ASSERT_TRUE(std::filesystem::exists(folder));
  {
    const auto never = keeper();
    clock_.advance(1000h);
    step(*never);
    EXPECT_TRUE(std::filesystem::exists(folder));
  }
  remove_after_ = 10s;
  const auto keeper = this->keeper();
  LentStore store = take(*keeper);
  clock_.advance(60s);
  step(*keeper);
  EXPECT_TRUE(std::filesystem::exists(folder));  // in use
  store.reset();
  step(*keeper);
  clock_.advance(10s);
  step(*keeper);
  EXPECT_TRUE(std::filesystem::exists(folder));  // unused since now
  clock_.advance(10s);
  step(*keeper);
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_TRUE(std::filesystem::exists(foreign));
}

TEST_F(StoreKeeperTest, TellsWhoWaitsWhyAStoreCannotBeHad) {
  std::filesystem::remove_all(scratch_.path());
  ASSERT_EQ(std::fclose(std::fopen(scratch_.path().c_str(), "w")), 0);  // a file where the folder should be
  const auto keeper = this->keeper();
  auto request = keeper->request(kTask);
  request.seal();
  step(*keeper);
  clock_.advance(1s);
  step(*keeper);
  EXPECT_FALSE(request.ready().ok());
  EXPECT_NE(message_of(request.ready().status()).find("task 0_0"), std::string::npos)
      << request.ready().status();
}

}  // namespace
}  // namespace weir
