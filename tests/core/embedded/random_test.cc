// Random histories against naive models: what readers see of transactions, and who owns what in a group. The
// seed is printed; WEIR_SEED repeats a run.
#include <algorithm>
#include <cstdlib>
#include <random>

#include <weir/core/embedded/group.h>

#include "fixture.h"

namespace weir {
namespace {

class EmbeddedRandom : public EmbeddedTest {
 protected:
  EmbeddedRandom() {
    const char* given = std::getenv("WEIR_SEED");
    seed_ = given != nullptr ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10))
                             : std::random_device()();
    random_.seed(seed_);
    fmt::print("seed {}\n", seed_);
  }

  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

  std::uint32_t seed_ = 0;
  std::mt19937 random_;
};

// What a log should be, in the plainest form.
struct ModelRecord {
  enum class Fate { kOpen, kCommitted, kAborted };
  std::string value;  // empty: a marker
  int transaction = -1;
  Fate fate = Fate::kCommitted;
};

TEST_F(EmbeddedRandom, ReadersSeeWhatTheModelSaysTheyShould) {
  SCOPED_TRACE(seed_);
  constexpr Partition kPartitions = 3;
  constexpr int kWriters = 4;
  create("orders", kPartitions, {{"retention.ms", "-1"}});
  std::vector<std::vector<ModelRecord>> model(kPartitions);
  std::vector<Offset> begins(kPartitions, 0);

  struct Writer {
    std::unique_ptr<Producer> producer;
    int transaction = -1;
    std::set<Partition> touched;
  };
  std::vector<Writer> writers(kWriters);
  int transactions = 0;
  int values = 0;
  const auto open = [&](Writer& writer, std::size_t index) {
    writer.producer = transactional(fmt::format("writer-{}", index), Duration(900'000));
  };
  const auto end = [&](Writer& writer, ModelRecord::Fate fate) {
    for (const Partition partition : writer.touched) {
      auto& log = model[static_cast<std::size_t>(partition)];
      for (ModelRecord& record : log) {
        if (record.transaction == writer.transaction) record.fate = fate;
      }
      log.push_back({});
    }
    writer.touched.clear();
    writer.transaction = -1;
  };
  for (std::size_t index = 0; index < writers.size(); ++index) open(writers[index], index);

  ConsumerOptions options;
  options.read_committed = true;
  auto committed = consumer(options);
  auto uncommitted = consumer();
  std::vector<PartitionOffset> starts;
  for (Partition partition = 0; partition < kPartitions; ++partition)
    starts.push_back({{"orders", partition}, 0, {}});
  const auto careful = *committed->assign(starts);
  const auto hasty = *uncommitted->assign(starts);
  std::vector<std::vector<std::string>> seen_by_careful(kPartitions);
  std::vector<std::vector<std::string>> seen_by_hasty(kPartitions);

  for (int step = 0; step < 3000; ++step) {
    const std::size_t index = below(kWriters);
    Writer& writer = writers[index];
    switch (below(10)) {
      case 0:
        append("orders", "k", std::to_string(values), 0, static_cast<Partition>(step % kPartitions));
        model[static_cast<std::size_t>(step % kPartitions)].push_back({std::to_string(values++)});
        break;
      case 1:
        if (writer.transaction < 0) break;
        ASSERT_TRUE(finish(*writer.producer, writer.producer->commit_transaction()).ok());
        end(writer, ModelRecord::Fate::kCommitted);
        break;
      case 2:
        if (writer.transaction < 0) break;
        ASSERT_TRUE(finish(*writer.producer, writer.producer->abort_transaction()).ok());
        end(writer, ModelRecord::Fate::kAborted);
        break;
      case 3:
        if (below(4) != 0) break;
        // A crash: the successor aborts what was open.
        open(writer, index);
        end(writer, ModelRecord::Fate::kAborted);
        break;
      default: {
        if (writer.transaction < 0) {
          ASSERT_TRUE(writer.producer->begin_transaction().ok());
          writer.transaction = transactions++;
        }
        const auto partition = static_cast<Partition>(below(kPartitions));
        write(*writer.producer, "orders", "k", std::to_string(values), 0, partition);
        model[static_cast<std::size_t>(partition)].push_back(
            {std::to_string(values++), writer.transaction, ModelRecord::Fate::kOpen});
        writer.touched.insert(partition);
        break;
      }
    }

    for (std::size_t partition = 0; partition < kPartitions; ++partition) {
      const auto& log = model[partition];
      std::size_t stable = 0;
      while (stable < log.size() && log[stable].fate != ModelRecord::Fate::kOpen) ++stable;
      std::vector<std::string> expected_committed;
      std::vector<std::string> expected_all;
      for (std::size_t offset = 0; offset < log.size(); ++offset) {
        if (log[offset].value.empty()) continue;
        expected_all.push_back(log[offset].value);
        if (offset < stable && log[offset].fate == ModelRecord::Fate::kCommitted) {
          expected_committed.push_back(log[offset].value);
        }
      }
      const auto where = static_cast<Partition>(partition);
      ASSERT_EQ(broker_->end_offset("orders", where), static_cast<Offset>(log.size())) << step;
      ASSERT_EQ(broker_->end_offset("orders", where, Isolation::kReadCommitted), static_cast<Offset>(stable))
          << step;
      if (step % 100 == 0) {
        std::vector<std::string> read;
        for (const BrokerRecord& record : broker_->read("orders", where)) read.push_back(*record.value);
        ASSERT_EQ(read, expected_committed) << step;
      }
      // Readers go on at their own pace; in the end they must have seen the same.
      const std::size_t most = step % 100 == 99 ? 100'000 : below(4);
      std::vector<RawRecord> records;
      careful[partition]->fetch(most, records);
      for (const RawRecord& record : records) seen_by_careful[partition].emplace_back(*record.value);
      records.clear();
      hasty[partition]->fetch(most, records);
      for (const RawRecord& record : records) seen_by_hasty[partition].emplace_back(*record.value);
      if (step % 100 == 99) {
        ASSERT_EQ(seen_by_careful[partition], expected_committed) << step;
        ASSERT_EQ(seen_by_hasty[partition], expected_all) << step;
        ASSERT_EQ(careful[partition]->position(), static_cast<Offset>(stable)) << step;
        ASSERT_EQ(careful[partition]->known_end(), static_cast<Offset>(stable)) << step;
        ASSERT_EQ(hasty[partition]->position(), static_cast<Offset>(log.size())) << step;
      }
    }
  }
}

TEST_F(EmbeddedRandom, CompactionKeepsTheLastCommittedValueOfEveryKey) {
  SCOPED_TRACE(seed_);
  create("table", 1, {{"cleanup.policy", "compact"}, {"delete.retention.ms", "1000"}});
  std::map<std::string, std::string> table;
  auto writer = transactional("id", Duration(900'000));
  const auto folded = [&] {
    std::map<std::string, std::string> result;
    for (const BrokerRecord& record : broker_->read("table", 0)) {
      if (record.value) {
        result[*record.key] = *record.value;
      } else {
        result.erase(*record.key);
      }
    }
    return result;
  };
  for (int transaction = 0; transaction < 300; ++transaction) {
    auto changed = table;
    ASSERT_TRUE(writer->begin_transaction().ok());
    for (std::uint32_t count = below(8); count > 0; --count) {
      const std::string key = std::to_string(below(20));
      const bool gone = below(4) == 0;
      write(*writer, "table", key, gone ? "-" : std::to_string(random_()));
      if (gone) {
        changed.erase(key);
      } else {
        changed[key] = *broker_->read("table", 0, 0, Isolation::kReadUncommitted).back().value;
      }
      if (below(10) == 0) {
        ASSERT_TRUE(broker_->compact("table").ok());
      }
    }
    if (below(3) == 0) {
      ASSERT_TRUE(finish(*writer, writer->abort_transaction()).ok());
    } else {
      ASSERT_TRUE(finish(*writer, writer->commit_transaction()).ok());
      table = changed;
    }
    clock_.advance(Duration(below(400)));
    if (below(3) == 0) {
      ASSERT_TRUE(broker_->compact("table").ok());
    }
    ASSERT_EQ(folded(), table) << transaction;
  }
  ASSERT_TRUE(broker_->compact("table").ok());
  clock_.advance(Duration(1000));
  ASSERT_TRUE(broker_->compact("table").ok());
  EXPECT_EQ(broker_->read("table", 0).size(), table.size());
}

TEST_F(EmbeddedRandom, APartitionNeverHasTwoLivingOwnersAndAlwaysFindsOne) {
  SCOPED_TRACE(seed_);
  const auto partitions = static_cast<Partition>(1 + below(12));
  create("tokens", partitions);
  struct Participant {
    Member member;
    int unanswered = 0;
  };
  std::vector<std::unique_ptr<Participant>> living;
  int instances = 0;
  const auto step = [](Participant& participant) {
    std::vector<ConsumerEvent> events;
    participant.member.consumer->poll(events);
    for (const ConsumerEvent& event : events) {
      const auto& rebalance = std::get<RebalanceEvent>(event);
      if (rebalance.kind == RebalanceEvent::Kind::kLost) {
        participant.unanswered = 0;
        participant.member.owned.clear();
        continue;
      }
      ++participant.unanswered;
      for (const TopicPartition& where : rebalance.partitions) {
        if (rebalance.kind == RebalanceEvent::Kind::kAssigned) {
          EXPECT_TRUE(participant.member.owned.insert(where.partition).second);
        } else {
          EXPECT_EQ(participant.member.owned.erase(where.partition), 1U);
        }
      }
    }
  };
  const auto answer = [](Participant& participant) {
    for (; participant.unanswered > 0; --participant.unanswered)
      participant.member.consumer->complete_rebalance();
  };
  // Those the broker still counts in, by what they believe.
  const auto check_owners = [&] {
    const GroupDescription group = broker_->describe_group("app");
    std::set<Partition> owned;
    for (const auto& participant : living) {
      const auto proof = std::static_pointer_cast<const embedded::MemberIdentity>(
          participant->member.consumer->group_metadata());
      const bool counted = std::any_of(group.members.begin(), group.members.end(),
                                       [&](const auto& each) { return each.member_id == proof->member; });
      if (!counted) continue;
      for (const Partition partition : participant->member.owned)
        EXPECT_TRUE(owned.insert(partition).second) << partition;
    }
    return owned;
  };

  for (int round = 0; round < 60; ++round) {
    // Anything goes ...
    for (int action = 0; action < 30; ++action) {
      if (living.empty() || (living.size() < 6 && below(8) == 0)) {
        living.push_back(std::make_unique<Participant>());
        const bool is_static = below(3) == 0;
        living.back()->member =
            member("app", "tokens", is_static ? fmt::format("instance-{}", ++instances) : "");
        continue;
      }
      const std::size_t index = below(static_cast<std::uint32_t>(living.size()));
      Participant& participant = *living[index];
      switch (below(12)) {
        case 0:
          ASSERT_TRUE(
              finish(*participant.member.consumer, participant.member.consumer->close(below(2) == 0)).ok());
          living.erase(living.begin() + static_cast<std::ptrdiff_t>(index));
          break;
        case 1:
          living.erase(living.begin() + static_cast<std::ptrdiff_t>(index));
          break;
        case 2:
          clock_.advance(Duration(below(4'000)));
          break;
        case 3:
        case 4:
          answer(participant);
          break;
        default:
          step(participant);
          break;
      }
      check_owners();
    }
    // ... then everybody behaves, and the dead are found out.
    for (int second = 0; second < 40; ++second) {
      clock_.advance(Duration(1'000));
      for (const auto& participant : living) {
        answer(*participant);
        step(*participant);
      }
      check_owners();
    }
    const GroupDescription group = broker_->describe_group("app");
    ASSERT_EQ(group.members.size(), living.size()) << round;
    if (living.empty()) continue;
    ASSERT_EQ(group.state, GroupDescription::State::kStable) << round;
    ASSERT_EQ(check_owners().size(), static_cast<std::size_t>(partitions)) << round;
    for (const auto& participant : living) {
      const std::size_t share = static_cast<std::size_t>(partitions) / living.size();
      EXPECT_GE(participant->member.owned.size(), share);
      EXPECT_LE(participant->member.owned.size(), share + 1);
    }
  }
}

}  // namespace
}  // namespace weir
