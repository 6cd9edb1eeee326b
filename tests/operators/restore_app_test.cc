// What an application restores when it comes back, takes over, or joins: applications on the embedded broker with real
// databases. WEIR_RESTORE_KEYS sets how many keys there are (by hand, a million; here as many as a loaded machine bears).
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include <weir/core/app.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/standby_placement.h>
#include <weir/weir.h>

#include "support/eventually.h"
#include "support/scratch_folder.h"

namespace weir {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Partition kPartitions = 4;

int key_count() {
  const char* given = std::getenv("WEIR_RESTORE_KEYS");
  return given == nullptr ? 8'000 : std::atoi(given);
}

class RestoreAppTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(broker_->create_topic("in", kPartitions).ok());
    ASSERT_TRUE(broker_->create_topic("out", kPartitions).ok());
  }

  static Topology counting() {
    StreamBuilder builder;
    builder.stream<std::string, std::string>("in")
        .group_by_key()
        .count({.store = "counts"})
        .to_stream()
        .to("out");
    return *builder.build();
  }

  AppConfig config(const std::string& instance) {
    AppConfig config;
    config.application_id = "restore";
    config.transport = make_embedded_transport(broker_);
    config.guarantee = Guarantee::kExactlyOnce;
    config.commit_interval = 50ms;
    config.state_directory = scratch_ / instance;
    config.session_timeout = 2s;
    config.standby_refresh_interval = 50ms;
    return config;
  }

  std::unique_ptr<App> start(const AppConfig& settings) {
    auto app = App::create(counting(), settings);
    EXPECT_TRUE(app.ok()) << app.status();
    EXPECT_TRUE((*app)->start().ok());
    return *std::move(app);
  }

  // A record for each of the keys from `first` on.
  void write(int first, int count) {
    for (int i = first; i < first + count; ++i) {
      const std::string key = "key" + std::to_string(i);
      ASSERT_TRUE(broker_->append("in", kAnyPartition, {.key = key, .value = "v", .timestamp = 1}).ok());
    }
    written_ += count;
  }

  // Committed counts: each key's last, and how many records there are.
  std::size_t counted() {
    std::size_t records = 0;
    for (Partition partition = 0; partition < kPartitions; ++partition)
      records += broker_->read("out", partition).size();
    return records;
  }

  bool all_counted() {
    return eventually([&] { return counted() >= static_cast<std::size_t>(written_); });
  }

  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  const ScratchFolder scratch_;
  int written_ = 0;
};

TEST_F(RestoreAppTest, ReplaysWhatWasWrittenSinceTheLastCommitWhenItWasKilled) {
  const int keys = key_count();
  write(0, keys);
  auto app = start(config("a"));
  ASSERT_TRUE(all_counted());
  // Killed when everything is committed; that it is applied as well shows in the counter.
  ASSERT_TRUE(
      eventually([&] { return app->metrics().records_committed >= static_cast<std::uint64_t>(keys); }));
  app.reset();
  app = start(config("a"));
  ASSERT_TRUE(app->wait_for(AppState::kRunning, 60s)) << app->failure();
  EXPECT_EQ(app->metrics().records_restored, 0U);

  // Killed in the middle of work.
  const int burst = keys / 4;
  write(0, burst);
  ASSERT_TRUE(eventually([&] { return app->metrics().records_processed > 0; }));
  app.reset();
  app = start(config("a"));
  ASSERT_TRUE(all_counted());
  EXPECT_LE(app->metrics().records_restored, static_cast<std::uint64_t>(burst));
  EXPECT_TRUE(app->close(60s).ok());

  // Exactly once: the last count of each key, and no count twice.
  EXPECT_EQ(counted(), static_cast<std::size_t>(written_));
  std::map<std::string, std::int64_t> counts;
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    for (const BrokerRecord& record : broker_->read("out", partition))
      ASSERT_TRUE(Serde<std::int64_t>::decode(*record.value, counts[*record.key]).ok());
  }
  for (int i = 0; i < keys; ++i) {
    ASSERT_EQ(counts["key" + std::to_string(i)], i < burst ? 2 : 1) << i;
  }
}

TEST_F(RestoreAppTest, TellsHowARestoreGoes) {
  const int keys = key_count();
  write(0, keys);
  auto app = start(config("a"));
  ASSERT_TRUE(all_counted());
  EXPECT_TRUE(app->close(60s).ok());
  // Another instance, without a database.
  std::mutex mutex;
  std::map<RestoreNotice::Kind, std::uint64_t> notices;
  auto other = App::create(counting(), config("b"));
  ASSERT_TRUE(other.ok()) << other.status();
  (*other)->on_restore([&](const RestoreNotice& notice) {
    const std::lock_guard lock(mutex);
    notices[notice.kind] += notice.kind == RestoreNotice::Kind::kStarted ? 1 : notice.records;
  });
  ASSERT_TRUE((*other)->start().ok());
  ASSERT_TRUE((*other)->wait_for(AppState::kRunning, 60s)) << (*other)->failure();
  const AppMetrics metrics = (*other)->metrics();
  EXPECT_EQ(metrics.records_restored, static_cast<std::uint64_t>(keys));
  EXPECT_GT(metrics.bytes_restored, static_cast<std::uint64_t>(keys));
  EXPECT_EQ(metrics.restore_remaining, 0U);
  EXPECT_TRUE(eventually([&] { return (*other)->restores().empty(); }));
  EXPECT_TRUE((*other)->close(60s).ok());
  const std::lock_guard lock(mutex);
  EXPECT_EQ(notices[RestoreNotice::Kind::kStarted], static_cast<std::uint64_t>(kPartitions));
  EXPECT_EQ(notices[RestoreNotice::Kind::kBatch], static_cast<std::uint64_t>(keys));
  EXPECT_EQ(notices[RestoreNotice::Kind::kEnded], static_cast<std::uint64_t>(keys));
}

TEST_F(RestoreAppTest, AStandbyThatTakesOverRestoresTheRestOnly) {
  const int keys = key_count();
  write(0, keys);
  AppConfig first = config("a");
  AppConfig second = config("b");
  first.standby_replicas = 1;
  second.standby_replicas = 1;
  auto a = start(first);
  auto b = start(second);
  ASSERT_TRUE(all_counted());
  const auto follows = [](App& app) {
    const AppMetrics metrics = app.metrics();
    return metrics.tasks == 2 && metrics.standby_tasks == 2 && metrics.standby_lag == 0 &&
           metrics.standby_records > 0;
  };
  ASSERT_TRUE(eventually([&] { return follows(*a) && follows(*b); }));
  const std::uint64_t before = b->metrics().records_restored;
  EXPECT_TRUE(a->close(60s).ok());
  ASSERT_TRUE(eventually([&] { return b->metrics().tasks == kPartitions; }));
  EXPECT_LT(b->metrics().records_restored - before, static_cast<std::uint64_t>(keys / 8));
  write(0, 100);
  EXPECT_TRUE(all_counted());
  EXPECT_EQ(counted(), static_cast<std::size_t>(written_));
  EXPECT_TRUE(b->close(60s).ok());
}

TEST_F(RestoreAppTest, TasksThatRunGoOnWhileOthersAreRestored) {
  const int keys = key_count();
  auto a = start(config("a"));
  auto b = start(config("b"));
  ASSERT_TRUE(eventually([&] { return a->metrics().tasks == 2 && b->metrics().tasks == 2; }));
  write(0, keys);
  ASSERT_TRUE(all_counted());
  std::ifstream file(scratch_ / "b/restore/instance-id");
  std::string id_of_b;
  std::getline(file, id_of_b);
  std::set<Partition> moved;
  for (const MemberDescription& member : broker_->describe_group("restore").members) {
    if (worker_of(member.client_id, "restore") != WorkerIdentity{id_of_b}) continue;
    for (const TopicPartition& token : member.assignment) moved.insert(token.partition);
  }
  ASSERT_EQ(moved.size(), 2U);
  // What was written of these cannot be read for now: however fast the machine, their restore is not over.
  const auto hold = [&](Duration for_so_long) {
    for (const Partition partition : moved)
      ASSERT_TRUE(broker_->stop_reading({"restore-counts-changelog", partition}, for_so_long).ok());
  };
  hold(1h);
  EXPECT_TRUE(b->close(60s).ok());
  // It is given them, and waits.
  ASSERT_TRUE(eventually([&] {
    const auto members = broker_->describe_group("restore").members;
    return members.size() == 1 && members.front().assignment.size() == kPartitions &&
           a->state() == AppState::kRebalancing;
  }));

  const auto size_of_staying = [&](const char* topic) {
    std::size_t size = 0;
    for (Partition partition = 0; partition < kPartitions; ++partition) {
      if (!moved.contains(partition)) size += broker_->read(topic, partition).size();
    }
    return size;
  };
  const std::uint64_t before = a->metrics().records_committed;
  const std::size_t size_before = size_of_staying("in");
  write(0, keys);
  const std::size_t more = size_of_staying("in") - size_before;
  ASSERT_GT(more, 0U);
  EXPECT_TRUE(eventually([&] { return a->metrics().records_committed >= before + more; }));
  EXPECT_EQ(size_of_staying("out"), size_of_staying("in"));
  EXPECT_EQ(a->state(), AppState::kRebalancing);
  const AppMetrics meanwhile = a->metrics();
  EXPECT_EQ(meanwhile.tasks, 2U);
  EXPECT_EQ(meanwhile.records_restored, 0U);

  hold(0ms);
  EXPECT_TRUE(all_counted());
  EXPECT_EQ(counted(), static_cast<std::size_t>(written_));
  EXPECT_EQ(a->metrics().tasks, 4U);
  EXPECT_GT(a->metrics().records_restored, static_cast<std::uint64_t>(keys / 4));
  EXPECT_TRUE(a->close(60s).ok());
}

TEST_F(RestoreAppTest, AnInstanceThatCatchesUpBeforeItJoinsRestoresTheRestOnly) {
  const int keys = key_count();
  write(0, keys);
  auto a = start(config("a"));
  ASSERT_TRUE(all_counted());
  AppConfig observer = config("b");
  observer.catch_up_before_joining = 10;
  auto b = start(observer);
  ASSERT_TRUE(eventually([&] { return b->metrics().tasks == 2; }));
  EXPECT_LT(b->metrics().records_restored, static_cast<std::uint64_t>(keys / 8));
  EXPECT_GE(b->metrics().standby_records, static_cast<std::uint64_t>(keys - 10));
  EXPECT_TRUE(eventually([&] { return b->metrics().standby_tasks == 0; }));
  write(0, 100);
  EXPECT_TRUE(all_counted());
  EXPECT_TRUE(a->close(60s).ok());
  EXPECT_TRUE(b->close(60s).ok());
  EXPECT_EQ(counted(), static_cast<std::size_t>(written_));
}

// With nothing on disk the time that had been reached is in the group alone.
TEST_F(RestoreAppTest, LateRecordsStayLateAfterARestartWithStoresInMemory) {
  StreamBuilder builder;
  builder.stream<std::string, std::string>("in")
      .group_by_key()
      .windowed_by(tumbling({.size = 10ms, .grace = 5ms}))
      .count({.store = "windows", .persistent = false})
      .to_stream()
      .map([](const Windowed<std::string>& window, std::int64_t count) {
        return std::pair(window.key, std::to_string(window.window.start) + ":" + std::to_string(count));
      })
      .to("out");
  const Topology topology = *builder.build();
  const auto write_at = [&](Timestamp time) {
    ASSERT_TRUE(broker_->append("in", 0, {.key = "k", .value = "v", .timestamp = time}).ok());
  };
  const auto run = [&](std::uint64_t records) {
    auto app = App::create(topology, config("a"));
    EXPECT_TRUE(app.ok()) << app.status();
    EXPECT_TRUE((*app)->start().ok());
    EXPECT_TRUE(eventually([&] { return (*app)->metrics().records_committed >= records; }))
        << (*app)->failure();
    const auto late = (*app)->metrics().records_dropped[DropReason::kLate];
    EXPECT_TRUE((*app)->close(60s).ok());
    return late;
  };
  write_at(12);
  write_at(27);  // closes [10, 20): the window's start alone does not say so
  EXPECT_EQ(run(2), 0U);
  write_at(13);
  write_at(21);
  EXPECT_EQ(run(2), 1U);
  std::string out;
  for (const BrokerRecord& record : broker_->read("out", 0)) out += *record.value + ' ';
  for (Partition partition = 1; partition < kPartitions; ++partition) {
    for (const BrokerRecord& record : broker_->read("out", partition)) out += *record.value + ' ';
  }
  EXPECT_EQ(out, "10:1 20:1 20:2 ");
}

}  // namespace
}  // namespace weir
