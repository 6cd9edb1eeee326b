// Do features, their log and scores depend on anything but the input and the registry? Processes that make them are killed and
// come back, one more joins, and models are published, given a share, and taken back while they run. Then a new application
// reads the same payments in peace, and both topics must have the same bytes again, record by record; and the log must be
// what the same view makes of the payments as a file.
//
// WEIR_REPLAY_SECONDS says for how long payments come (default 25), WEIR_REPLAY_SEED which ones, and who is killed when.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <set>

#include <weir/core/clock.h>
#include <weir/core/partitioner.h>
#include <weir/ml/digest.h>
#include <weir/ml/features/feature_computer.h>
#include <weir/ml/features/feature_log.h>
#include <weir/ml/served_model.h>

#include "broker/processes.h"
#include "broker/replay_job.h"
#include "support/environment.h"

namespace weir {
namespace {

constexpr std::size_t kJobs = 3;
constexpr Partition kReplayPartitions = 6;
constexpr int kPaymentsPerRound = 200;
constexpr Timestamp kFirstPayment = 1'700'000'000'000;
constexpr Timestamp kBetweenPayments = 1'000;
// Payments that may be written before those that need a model that was just published, and how long these wait then at least:
// longer than ModelUse::freshness.
constexpr std::int64_t kPaymentsAhead = 3'000;
constexpr seconds kModelAhead{3};
constexpr seconds kLongerAtMost{120};  // on a machine that is slow, until there is something to compare

// A record as it is compared: all but its offset, which depends on transactions.
std::string whole(const RawRecord& record) {
  std::string text =
      fmt::format("{}\n{}\n{}", record.key.value_or("null"), record.value.value_or("null"), record.timestamp);
  Headers headers;
  record.read_headers(headers);
  for (const Header& header : headers)
    text += fmt::format("\n{}={}", header.name, header.value.value_or("null"));
  return text;
}

class ReplayTest : public ProcessesTest {
 protected:
  struct Job {
    std::unique_ptr<Process> process;
    steady_clock::time_point back_at;
  };

  void SetUp() override {
    ProcessesTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    make_topic(name("payments"), kReplayPartitions);
    for (const char* topic : {"log", "scores", "log-again", "scores-again"})
      make_topic(name(topic), kReplayPartitions);
    auto writer = examples::TopicWriter::make(*transport_);
    ASSERT_TRUE(writer.ok()) << writer.status();
    writer_ = *std::move(writer);
  }

  [[nodiscard]] std::unique_ptr<Process> start_job(const std::string& log, const std::string& application,
                                                   const std::string& again, const std::string& state) {
    return std::make_unique<Process>(
        std::vector<std::string>{WEIR_REPLAY_JOB, bootstrap(), name(application), name("payments"),
                                 name("log" + again), name("scores" + again), name("models"),
                                 name("artifacts"), (folder_ / state).string()},
        folder_ / (log + ".log"));
  }
  void begin(std::size_t index) {
    jobs_[index].process =
        start_job(fmt::format("job{}-{}", index, ++starts_), "live", "", fmt::format("job{}", index));
  }
  // Those whose time has come are back. Nobody may have ended by itself.
  void revive(std::size_t jobs) {
    for (std::size_t i = 0; i < jobs; ++i) {
      if (jobs_[i].process == nullptr) {
        if (steady_clock::now() >= jobs_[i].back_at) begin(i);
      } else {
        ASSERT_TRUE(jobs_[i].process->running()) << "process " << i << " ended by itself";
      }
    }
  }
  void kill_one(std::mt19937_64& random, std::size_t jobs) {
    Job& job = jobs_[random() % jobs];
    if (job.process == nullptr) return;
    job.process->end(SIGKILL);
    job.process.reset();
    job.back_at = steady_clock::now() + milliseconds(random() % 3'000);
    ++kills_;
  }

  // Stumps over all columns, which no two versions weigh alike.
  std::string model_file(int version) {
    const std::size_t columns = (*payments_view("").plan())->outputs().size();
    std::string trees;
    std::string groups;
    for (std::size_t i = 0; i < 3 * columns; ++i) {
      trees += fmt::format(
          R"({}{{"id":{},"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_indices":[{},0,0],)"
          R"("split_conditions":[{},{},{}],"default_left":[{},0,0],"split_type":[0,0,0],)"
          R"("tree_param":{{"num_nodes":"3","num_feature":"{}","size_leaf_vector":"0"}}}})",
          i == 0 ? "" : ",", i, i % columns, static_cast<double>(5 * (i / columns) * (i % 7 + 1)),
          0.01 * static_cast<double>(version * static_cast<int>(i % 5 + 1)),
          -0.013 * static_cast<double>(version + static_cast<int>(i % 3)), i % 2, columns);
      groups += i == 0 ? "0" : ",0";
    }
    const std::string file = (folder_ / fmt::format("model{}.json", version)).string();
    std::ofstream(file) << fmt::format(
        R"({{"version":[1,7,4],"learner":{{"attributes":{{}},"feature_names":[],"feature_types":[],)"
        R"("objective":{{"name":"binary:logistic","reg_loss_param":{{"scale_pos_weight":"1"}}}},)"
        R"("learner_model_param":{{"num_feature":"{}","num_class":"0","num_target":"1","base_score":"5E-1"}},)"
        R"("gradient_booster":{{"name":"gbtree","model":{{"gbtree_model_param":{{"num_trees":"{}",)"
        R"("num_parallel_tree":"1"}},"tree_info":[{}],"trees":[{}]}}}}}}}})",
        columns, 3 * columns, groups, trees);
    return file;
  }
  // `what`: the rest of `weir model`; it holds for payments from `from` on.
  void model_command(const std::string& what, std::int64_t from) {
    const Timestamp time = from == 0 ? 0 : kFirstPayment + from * kBetweenPayments;
    const std::string command = fmt::format(
        "{} model {} --bootstrap {} --registry {} --artifacts {} --name fraud --effective-from {} > {} 2>&1",
        WEIR_COMMAND, what, bootstrap(), name("models"), name("artifacts"), time,
        (folder_ / "command.log").string());
    ASSERT_EQ(std::system(command.c_str()), 0) << command << "\n" << text_of(folder_ / "command.log");
    ++publications_;
  }
  // Each model but the last has been in use when the next is published.
  [[nodiscard]] bool enough_happened() const { return kills_ >= 2 && publications_ >= 4; }
  // The next payments wait until everybody can have heard of it.
  void model_command_ahead(const std::string& what) {
    const std::int64_t from = written_ + kPaymentsAhead;
    model_command(what, from);
    if (HasFatalFailure()) return;
    awaited_ = from;
    awaited_at_ = steady_clock::now() + kModelAhead;
  }

  void write_payments(std::mt19937_64& random, int count) {
    for (int i = 0; i < count; ++i) {
      if (written_ >= awaited_ && steady_clock::now() < awaited_at_) break;
      const Timestamp early = random() % 5 == 0 ? static_cast<Timestamp>(random() % 900'000) : 0;
      ASSERT_TRUE(
          writer_
              ->write(name("payments"), fmt::format("card{}", random() % 300),
                      fmt::format("{} shop{}", static_cast<double>(random() % 100'000) / 64, random() % 40),
                      kFirstPayment + written_ * kBetweenPayments - early)
              .ok());
      ++written_;
    }
    ASSERT_TRUE(writer_->finish().ok());
  }

  std::vector<std::string> records_of(const std::string& topic) {
    std::vector<std::string> records;
    const absl::Status read = examples::read_topic(
        *transport_, name(topic), [&](const RawRecord& record) { records.push_back(whole(record)); });
    EXPECT_TRUE(read.ok()) << read;
    return records;
  }
  // Of more than were written there are some twice.
  bool has_all(const std::string& topic) {
    return static_cast<std::int64_t>(records_of(topic).size()) >= written_;
  }

  // What the view makes of the payments if nothing but their file is there, as the log has it.
  std::vector<std::string> logged_from_file() {
    std::vector<std::string> entries;
    std::optional<ml::FeatureComputer<std::string>> computer;
    Partition partition = -1;
    Offset last = kNoOffset;
    const absl::Status read =
        examples::read_topic(*transport_, name("payments"), [&](const RawRecord& record) {
          const Partition lies_in = partition_for_key(*record.key, kReplayPartitions);
          if (lies_in != partition || record.offset <= last) {
            auto made = ml::FeatureComputer<std::string>::of(payments_view(""));
            ASSERT_TRUE(made.ok()) << made.status();
            computer.emplace(*std::move(made));
          }
          partition = lies_in;
          last = record.offset;
          const ml::FeatureRow& row =
              computer->row(*record.key, std::string(*record.value), record.timestamp, record.offset);
          ml::FeatureLogEntry entry;
          entry.view = "payments";
          entry.version = 1;
          entry.hash = row.hash();
          entry.time = record.timestamp;
          entry.topic = name("payments");
          entry.partition = partition;
          entry.offset = record.offset;
          entry.late = computer->late();
          entry.values.assign(row.values().begin(), row.values().end());
          Bytes bytes;
          Serde<ml::FeatureLogEntry>::encode(entry, bytes);
          entries.push_back(fmt::format("{}\n{}\n{}", *record.key, bytes, record.timestamp));
        });
    EXPECT_TRUE(read.ok()) << read;
    return entries;
  }

  static std::string hash_of(const std::vector<std::string>& records) {
    std::string all;
    for (const std::string& record : records) all += fmt::format("{}:{};", record.size(), record);
    return ml::sha256_hex(all).value_or("");
  }
  static void expect_same(const std::vector<std::string>& before, const std::vector<std::string>& again,
                          const std::string& what) {
    EXPECT_EQ(before.size(), again.size()) << what;
    const auto [one, other] = std::mismatch(before.begin(), before.end(), again.begin(), again.end());
    EXPECT_TRUE(one == before.end() && other == again.end())
        << what << ", record " << one - before.begin() << ":\n"
        << (one == before.end() ? "nothing" : *one) << "\nand\n"
        << (other == again.end() ? "nothing" : *other);
  }

  std::unique_ptr<examples::TopicWriter> writer_;
  std::array<Job, kJobs> jobs_;
  std::int64_t written_ = 0;
  std::int64_t awaited_ = 0;  // payments from that one on wait until then
  steady_clock::time_point awaited_at_;
  int starts_ = 0;
  int kills_ = 0;
  int publications_ = 0;
};

TEST_F(ReplayTest, LogAndScoresAreThoseOfAReplayByteForByte) {
  const std::uint64_t seed = number_from("WEIR_REPLAY_SEED", std::random_device{}());
  const seconds duration(number_from("WEIR_REPLAY_SECONDS", 25));
  SCOPED_TRACE(fmt::format("WEIR_REPLAY_SEED={}", seed));
  std::mt19937_64 random(seed);
  model_command(fmt::format("publish {} --version v1", model_file(1)), 0);
  if (HasFatalFailure()) return;
  std::size_t jobs = kJobs - 1;
  for (std::size_t i = 0; i < jobs; ++i) begin(i);

  const auto began = steady_clock::now();
  auto next_kill = began + seconds(4);
  auto next_model = began;
  int version = 1;
  while (steady_clock::now() < began + duration ||
         (!enough_happened() && steady_clock::now() < began + duration + kLongerAtMost)) {
    write_payments(random, kPaymentsPerRound);
    if (steady_clock::now() > began + duration / 3) jobs = kJobs;
    revive(jobs);
    if (HasFatalFailure()) return;
    if (steady_clock::now() >= next_kill) {
      kill_one(random, jobs);
      next_kill = steady_clock::now() + milliseconds(1'500 + random() % 3'000);
    }
    if (steady_clock::now() >= next_model && written_ >= awaited_) {
      ++version;
      if (version % 3 == 0) {
        model_command_ahead("rollback");
      } else {
        model_command_ahead(fmt::format("publish {} --version v{}{}", model_file(version), version,
                                        version % 3 == 1 ? " --role challenger --weight 4000" : ""));
      }
      if (HasFatalFailure()) return;
      next_model = steady_clock::now() + milliseconds(1'000 + random() % 2'000);
    }
    std::this_thread::sleep_for(milliseconds(50 + random() % 100));
  }
  const auto over = steady_clock::now();
  for (Job& job : jobs_) job.back_at = {};
  ASSERT_TRUE(eventually(
      [&] {
        revive(jobs);
        return HasFatalFailure() || has_all("scores");
      },
      seconds(120)));
  const auto caught_up = std::chrono::duration<double>(steady_clock::now() - over).count();
  for (Job& job : jobs_) EXPECT_EQ(job.process->end(SIGTERM), 0);

  auto replay = start_job("replay", "replay", "-again", "replay");
  ASSERT_TRUE(eventually([&] { return !replay->running() || has_all("scores-again"); }, seconds(120)));
  EXPECT_EQ(replay->end(SIGTERM), 0);

  const std::vector<std::string> scores = records_of("scores");
  const std::vector<std::string> log = records_of("log");
  expect_same(scores, records_of("scores-again"), "scores");
  expect_same(log, records_of("log-again"), "log");
  expect_same(log, logged_from_file(), "log and file");

  std::set<std::string> used;
  const std::string header = fmt::format("\n{}=", ml::kModelVersionHeader);
  for (const std::string& record : scores) {
    const std::size_t at = record.find(header) + header.size();
    used.insert(record.substr(at, record.find('\n', at) - at));
  }
  EXPECT_GE(used.size(), 2u);
  EXPECT_GE(kills_, 1);
  fmt::print(
      "seed {}: {} s, {} payments, {} kills, {} starts, {} records of the registry, {} versions used; caught "
      "up "
      "after {:.1f} s\nscores {}\nlog    {}\n",
      seed, duration.count(), written_, kills_, starts_, publications_, used.size(), caught_up,
      hash_of(scores).substr(0, 16), hash_of(log).substr(0, 16));
}

}  // namespace
}  // namespace weir
