// Members of a group on a real broker: a standby that takes over, one that was killed and comes back, one whose records are
// deleted in front of it.
//
// WEIR_RESTORE_KEYS says how many keys the killed one had (by hand, a million). WEIR_GROUP_PROTOCOL=consumer is for libraries
// that know KIP-848.
#include <charconv>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/internal_topics.h>
#include <weir/core/standby_placement.h>
#include <weir/core/topology_builder.h>
#include <weir/weir.h>

#include "broker/child.h"
#include "broker/kafka_test.h"
#include "support/raw_nodes.h"

namespace weir {
namespace {

constexpr Partition kPartitions = 4;

class KafkaMembersTest : public KafkaTest {
 protected:
  // One record for each of the keys from `first` on.
  void write_keys(int first, int count) {
    const TopicId topic = producer_->topic(name("in"));
    for (int i = first; i < first + count; ++i) {
      const std::string key = fmt::format("key{}", i);
      while (!producer_->has_room()) {
        producer_->poll();
        std::this_thread::sleep_for(1ms);
      }
      producer_->send({.topic = topic, .key = key, .value = BytesView("v"), .timestamp = 1'000});
    }
    wait_for_writes();
    written_ += count;
  }

  // The committed counts, by key, and all of them as often as they were written.
  std::map<std::string, std::vector<std::int64_t>> counts() {
    std::map<std::string, std::vector<std::int64_t>> result;
    ConsumerOptions options;
    options.client_id = "reader";
    options.read_committed = true;
    auto reading = *transport_->make_consumer(options);
    std::vector<PartitionOffset> starts;
    std::vector<TopicPartition> partitions;
    for (Partition partition = 0; partition < kPartitions; ++partition) {
      starts.push_back({{name("out"), partition}, 0, {}});
      partitions.push_back({name("out"), partition});
    }
    const auto ends = finish(consumer_->offset_ranges(partitions));
    EXPECT_TRUE(ends.ok()) << ends.status();
    auto readers = *reading->assign(starts);
    std::vector<ConsumerEvent> events;
    std::vector<RawRecord> records;
    EXPECT_TRUE(eventually([&] {
      reading->poll(events);
      bool done = true;
      for (std::size_t i = 0; i < readers.size(); ++i) {
        records.clear();
        while (readers[i]->fetch(1'000, records) > 0) {
          for (const RawRecord& record : records) {
            std::int64_t count = 0;
            EXPECT_TRUE(Serde<std::int64_t>::decode(*record.value, count).ok());
            result[std::string(*record.key)].push_back(count);
          }
          records.clear();
        }
        done = done && readers[i]->position() >= (*ends)[i].end;
      }
      return done;
    }));
    return result;
  }

  // What is wrong with the counts of keys, of which the first `twice` were written twice.
  std::string faults(int keys, int twice) {
    const auto all = counts();
    if (all.size() != static_cast<std::size_t>(keys)) return fmt::format("{} keys", all.size());
    for (int i = 0; i < keys; ++i) {
      const std::string key = fmt::format("key{}", i);
      const std::vector<std::int64_t> expected =
          i < twice ? std::vector<std::int64_t>{1, 2} : std::vector<std::int64_t>{1};
      if (all.at(key) != expected) return fmt::format("{} has {} counts", key, all.at(key).size());
    }
    return "";
  }

  // Which instance has how many of the tasks, as the brokers say.
  std::map<std::string, std::size_t> owners() {
    std::map<std::string, std::size_t> owned;
    const auto group = finish(admin_->describe_group(id_));
    if (!group.ok()) return owned;
    for (const MemberDescription& member : group->members) {
      if (const auto worker = worker_of(member.client_id, id_))
        owned[worker->instance] += member.assignment.size();
    }
    return owned;
  }

  int written_ = 0;
};

// ---------------------------------------------------------------------------------------------------- standbys

TEST_F(KafkaMembersTest, AStandbyTakesOverWithWhatItHas) {
  constexpr int kKeys = 4'000;
  make_topic("in", kPartitions);
  make_topic("out", kPartitions);
  const auto member = [&](const std::string& instance) {
    StreamBuilder builder;
    builder.stream<std::string, std::string>(name("in"))
        .group_by_key()
        .count({.store = "counts"})
        .to_stream()
        .to(name("out"));
    AppConfig settings = config();
    settings.guarantee = Guarantee::kExactlyOnce;
    settings.instance_id = instance;
    settings.state_directory = directory_ + "/" + instance;
    settings.session_timeout = 6s;
    settings.standby_replicas = 1;
    settings.standby_refresh_interval = 200ms;
    return launch(*builder.build(), settings);
  };
  auto one = member("one");
  auto two = member("two");
  const std::map<std::string, std::size_t> halves{{"one", 2}, {"two", 2}};
  ASSERT_TRUE(eventually([&] { return owners() == halves; })) << log();
  write_keys(0, kKeys);
  ASSERT_TRUE(eventually(
      [&] { return one->metrics().records_committed + two->metrics().records_committed == kKeys; }));
  const auto follows = [](App& app) {
    const AppMetrics metrics = app.metrics();
    return metrics.tasks == 2 && metrics.standby_tasks == 2 && metrics.standby_lag == 0 &&
           metrics.standby_records > 0;
  };
  ASSERT_TRUE(eventually([&] { return follows(*one) && follows(*two); }));
  const std::uint64_t before = two->metrics().records_restored;
  // Without a word to the group: it finds out by itself.
  one.reset();
  ASSERT_TRUE(eventually([&] {
    const auto now = owners();
    return now.contains("two") && now.at("two") == kPartitions;
  })) << log();
  ASSERT_TRUE(eventually([&] { return two->metrics().tasks == kPartitions; }));
  EXPECT_LT(two->metrics().records_restored - before, kKeys / 8);
  write_keys(0, 100);
  EXPECT_TRUE(eventually([&] { return faults(kKeys, 100).empty(); })) << faults(kKeys, 100);
  EXPECT_TRUE(two->close(60s).ok());
}

// ----------------------------------------------------------------------------------------------------- restores

// The last whole line that a process has said.
std::string last_line(const std::filesystem::path& file) {
  const std::string text = text_of(file);
  const std::size_t end = text.rfind('\n');
  if (end == std::string::npos) return "";
  const std::size_t begin = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1));
}

std::uint64_t figure(const std::string& line, const std::string& label) {
  const std::size_t at = line.find(" " + label + "=");
  std::uint64_t number = 0;
  if (at != std::string::npos)
    std::from_chars(line.data() + at + label.size() + 2, line.data() + line.size(), number);
  return number;
}

TEST_F(KafkaMembersTest, OneThatWasKilledReplaysWhatWasWrittenSinceItsLastCommit) {
  const char* given = std::getenv("WEIR_RESTORE_KEYS");
  const int keys = given == nullptr ? 20'000 : std::atoi(given);
  const auto patience = std::chrono::seconds(90 + keys / 10'000);
  make_topic("in", kPartitions);
  make_topic("out", kPartitions);
  std::filesystem::create_directories(directory_);
  int starts = 0;
  std::filesystem::path said;
  const auto begin = [&] {
    said = fmt::format("{}/run-{}.log", directory_, ++starts);
    return std::make_unique<Process>(std::vector<std::string>{WEIR_COUNT_KEYS, bootstrap(), id_, name("in"),
                                                              name("out"), directory_ + "/state"},
                                     said);
  };
  const auto says = [&](const std::string& label, std::uint64_t at_least) {
    return eventually([&] { return figure(last_line(said), label) >= at_least; }, patience);
  };

  write_keys(0, keys);
  auto process = begin();
  ASSERT_TRUE(says("committed", static_cast<std::uint64_t>(keys))) << last_line(said);
  process->end(SIGKILL);
  process = begin();
  ASSERT_TRUE(eventually([&] { return last_line(said).starts_with("running"); }, patience)) << text_of(said);
  EXPECT_EQ(figure(last_line(said), "restored"), 0U);

  // Killed in the middle of work.
  const int burst = keys / 4;
  write_keys(0, burst);
  ASSERT_TRUE(says("processed", 1)) << last_line(said);
  process->end(SIGKILL);
  const std::uint64_t left = static_cast<std::uint64_t>(burst) - figure(last_line(said), "committed");
  process = begin();
  ASSERT_TRUE(eventually([&] { return last_line(said).starts_with("running"); }, patience)) << text_of(said);
  const std::uint64_t restored = figure(last_line(said), "restored");
  EXPECT_LE(restored, left);
  EXPECT_TRUE(eventually([&] { return faults(keys, burst).empty(); }, patience)) << faults(keys, burst);
  fmt::print(
      "{} keys: killed in a burst of {} records, of which {} were not known to be committed; restored {}\n",
      keys, burst, left, restored);
  EXPECT_EQ(process->end(SIGTERM), 0);
}

// ----------------------------------------------------------------------------------------------------- positions

class LostPositionTest : public KafkaMembersTest, public testing::WithParamInterface<OffsetReset> {
 protected:
  // Copies "in" to "out".
  Topology copying() const {
    TopologyBuilder builder;
    const auto where = std::source_location::current();
    const auto source = builder.add_source(
        "source", {{name("in"), false}}, ErrorPolicy::kInherit, [] { return std::make_unique<RawSource>(); },
        where);
    builder.add_sink(
        "sink", source, {{name("out"), false}},
        [topic = name("out")] { return std::make_unique<RawSink>(topic); }, where);
    return *builder.build();
  }

  static constexpr int kRecords = 400;
};

INSTANTIATE_TEST_SUITE_P(Policies, LostPositionTest,
                         testing::Values(OffsetReset::kEarliest, OffsetReset::kLatest, OffsetReset::kFail),
                         [](const auto& parameter) {
                           return parameter.param == OffsetReset::kEarliest ? "Earliest"
                                  : parameter.param == OffsetReset::kLatest ? "Latest"
                                                                            : "Fail";
                         });

TEST_P(LostPositionTest, GoesOnAsThePolicySaysWhenRecordsAreDeletedInFrontOfIt) {
  make_topic("in");
  make_topic("out");
  write({"a", "b"});
  AppConfig settings = config();
  // That nothing is committed yet is no reason to fail: it begins where it ended.
  ASSERT_TRUE(start(copying(), settings)->close(60s).ok());
  settings.offset_reset = GetParam();
  // So little that the client cannot have read far ahead.
  settings.memory_bytes = 1 << 20;
  settings.consumer_properties["max.partition.fetch.bytes"] = "65536";
  const auto app = start(copying(), settings);
  EXPECT_TRUE(eventually([&] { return committed("in") == 2; }));
  app->pause();
  write(std::vector<std::string>(kRecords, "k"), std::string(20'000, 'x'));
  ASSERT_TRUE(finish(admin_->delete_records({{{name("in"), 0}, kRecords + 1, {}}})).ok());
  app->resume();

  const std::string place = fmt::format("topic={} partition=0 position=", name("in"));
  if (GetParam() == OffsetReset::kFail) {
    EXPECT_TRUE(app->wait_for(AppState::kError, 90s));
    EXPECT_HAS(message_of(app->failure()), "the committed position is out of range: " + place);
    EXPECT_HAS(message_of(app->failure()), fmt::format("begin={} end={}", kRecords + 1, kRecords + 2));
    return;
  }
  const Offset goes_on = GetParam() == OffsetReset::kEarliest ? kRecords + 1 : kRecords + 2;
  EXPECT_TRUE(eventually([&] { return app->metrics().positions_lost == 1; })) << log();
  EXPECT_TRUE(eventually([&] {
    return log().find(fmt::format("the committed position is out of range, going on at {}: {}", goes_on,
                                  place)) != std::string::npos;
  })) << log();
  const Offset copied = range("out").end;
  EXPECT_LT(copied, kRecords);
  write({"z"});
  EXPECT_TRUE(eventually([&] { return committed("in") == kRecords + 3; }));
  EXPECT_EQ(app->state(), AppState::kRunning);
  EXPECT_TRUE(app->close(60s).ok());
}

}  // namespace
}  // namespace weir
