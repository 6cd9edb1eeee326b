// Card-fraud scoring, end to end: invents card transactions, runs the topology that scores them, and says how well it went.
//
//   fraud_scoring                                    on a broker inside this process
//   fraud_scoring --bootstrap localhost:9092         on Kafka; start it several times and the processes share the work
//   fraud_scoring --features-to rows.csv             only writes the rows to train the model on (see train_model.py)
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <unordered_map>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <weir/core/app.h>
#include <weir/core/connect.h>
#include <weir/ml/xgboost_json.h>

#include "broker_io.h"
#include "card_features.h"
#include "generator.h"
#include "report.h"
#include "topology.h"

namespace fraud {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Set by the signal handler; everything else looks at it.
std::atomic<bool> interrupted{false};

struct Options {
  std::string bootstrap = "embedded:";
  std::string application_id = "fraud-scoring";
  std::string model = WEIR_FRAUD_MODEL;
  std::string state_directory;
  std::string features_to;
  GeneratorOptions generator;
  double threshold = 0.5;
  int workers = 1;
  weir::Partition partitions = 4;
  bool exactly_once = false;
  bool describe = false;

  [[nodiscard]] bool embedded() const { return bootstrap == "embedded:"; }
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string human_bytes(std::uint64_t bytes) {
  return bytes < 1'000'000 ? fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3)
                           : fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

// The rows for training: the features of every readable transaction, and whether it was a fraud.
absl::Status write_features(const Options& options) {
  std::ofstream out(options.features_to, std::ios::trunc);
  out << fmt::format("{},fraud\n", fmt::join(kFeatureNames, ","));
  Generator generator(options.generator);
  std::unordered_map<std::string, CardProfile> profiles;
  for (const auto& [card, profile] : generator.profiles()) profiles[card] = profile;
  std::unordered_map<std::string, CardHistory> histories;
  while (generator.made() < options.generator.transactions) {
    const GeneratedRecord record = generator.next();
    if (!record.readable) continue;
    Transaction transaction;
    if (absl::Status decoded = weir::Serde<Transaction>::decode(record.bytes, transaction); !decoded.ok())
      return decoded;
    CardHistory& history = histories[record.card];
    for (const float value : features_of(transaction, record.time, history, profiles[record.card])) {
      out << (std::isnan(value) ? "" : fmt::format("{}", value)) << ',';
    }
    out << (record.pattern.empty() ? 0 : 1) << '\n';
    remember(history, transaction, record.time);
  }
  if (!out.flush()) return absl::UnavailableError("cannot write " + options.features_to);
  return absl::OkStatus();
}

absl::Status prepare_topics(weir::Transport& transport, weir::Partition partitions) {
  // Event times lie in the past: nothing may be deleted by age.
  const std::map<std::string, std::string> keep = {{"retention.ms", "-1"}};
  std::vector<weir::NewTopic> topics;
  for (const char* name : {kTransactions, kScores, kAlerts, kLabels, kDeadLetters}) {
    topics.push_back({.name = name, .partitions = partitions, .config = keep});
  }
  topics.push_back({.name = kProfiles, .partitions = partitions, .config = {{"cleanup.policy", "compact"}}});
  return make_topics(transport, topics);
}

absl::Status generate(weir::Transport& transport, const GeneratorOptions& options,
                      std::atomic<std::uint64_t>& written) {
  auto writer = TopicWriter::make(transport);
  if (!writer.ok()) return writer.status();
  Generator generator(options);
  std::string bytes;
  for (const auto& [card, profile] : generator.profiles()) {
    bytes.clear();
    weir::Serde<CardProfile>::encode(profile, bytes);
    if (absl::Status sent = (*writer)->write(kProfiles, card, bytes, options.start - 1); !sent.ok())
      return sent;
  }
  // Profiles first: a transaction that finds none is scored without.
  if (absl::Status sent = (*writer)->finish(); !sent.ok()) return sent;
  while (generator.made() < options.transactions && !interrupted) {
    const GeneratedRecord record = generator.next();
    if (absl::Status sent = (*writer)->write(kTransactions, record.card, record.bytes, record.time);
        !sent.ok())
      return sent;
    bytes.clear();
    weir::Serde<Label>::encode({record.pattern}, bytes);
    if (absl::Status sent = (*writer)->write(kLabels, record.id, bytes, record.time); !sent.ok()) return sent;
    written.store(generator.made(), std::memory_order_relaxed);
  }
  return (*writer)->finish();
}

// A line that is written over and over on a terminal, and now and then elsewhere.
class ProgressLine {
 public:
  void show(const std::string& text) {
    if (terminal_) {
      fmt::print(stderr, "\r{:<100}", text);
    } else if (Clock::now() >= next_) {
      fmt::print(stderr, "{}\n", text);
      next_ = Clock::now() + std::chrono::seconds(2);
    }
    std::fflush(stderr);
  }
  void finish() const {
    if (terminal_) fmt::print(stderr, "\n");
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  Clock::time_point next_ = Clock::now();
};

void print_report(const Report& report, const weir::AppMetrics& metrics, double seconds,
                  const weir::ml::Model& model) {
  fmt::print("\nFraud scoring: summary\n");
  fmt::print("  transactions in   {:>12}\n", report.transactions);
  fmt::print("  scored            {:>12}   by model {} version {}\n", report.scored, model.name(),
             model.version());
  fmt::print("  alerts            {:>12}   topic {}\n", report.alerts, kAlerts);
  fmt::print("  precision         {:>12.3f}   {} of {} alerts were frauds\n", report.precision(),
             report.caught, report.alerts);
  fmt::print("  recall            {:>12.3f}   {} of {} frauds were caught\n", report.recall(), report.caught,
             report.frauds);
  fmt::print("  dead letters      {:>12}   topic {}\n", report.dead_letters, kDeadLetters);
  for (const std::string& letter : report.dead_letter_samples) fmt::print("{:>34}   {}\n", "", letter);
  fmt::print("  this process      {:>12} records in {:.1f} s: {:.0f} records/s\n", metrics.records_processed,
             seconds, static_cast<double>(metrics.records_processed) / seconds);
  fmt::print("  state             {:>12}   in {} task{}\n", human_bytes(metrics.state_bytes), metrics.tasks,
             metrics.tasks == 1 ? "" : "s");
}

// Runs until everything in the transactions topic is committed, by whichever process.
absl::Status run(const Options& options) {
  auto model = weir::ml::load_xgboost_json_file(options.model, {.name = "card-fraud"});
  if (!model.ok()) return model.status();
  const std::shared_ptr<const weir::ml::Model> shared_model = *std::move(model);
  auto topology = make_topology(shared_model, options.threshold);
  if (!topology.ok()) return topology.status();
  if (options.describe) {
    fmt::print("{}", topology->describe());
    return absl::OkStatus();
  }

  const auto transport = weir::connect(options.bootstrap);
  if (!transport.ok()) return transport.status();
  if (absl::Status prepared = prepare_topics(**transport, options.partitions); !prepared.ok())
    return prepared;
  const auto already = records_in(**transport, kTransactions);
  if (!already.ok()) return already.status();
  const std::uint64_t expected = *already > 0 ? *already : options.generator.transactions;

  if (options.embedded()) {
    fmt::print("An embedded broker, in memory: its topics are gone at exit.\n");
  } else {
    fmt::print("Kafka at {}.\n", options.bootstrap);
  }
  if (*already > 0) {
    fmt::print("The topic {} holds {} records already: none are generated.\n", kTransactions, *already);
  } else {
    fmt::print("Generating {} transactions of {} cards, seed {}.\n", expected, options.generator.cards,
               options.generator.seed);
  }
  std::fflush(stdout);

  auto app = weir::App::create(
      *std::move(topology),
      {.application_id = options.application_id,
       .transport = *transport,
       .workers = options.workers,
       .guarantee = options.exactly_once ? weir::Guarantee::kExactlyOnce : weir::Guarantee::kAtLeastOnce,
       .commit_interval = weir::Duration{options.exactly_once ? 100 : 1000},
       .state_directory = options.state_directory,
       .dead_letter_topic = kDeadLetters,
       .session_timeout = weir::Duration{10'000},
       // Dead letters are part of this data; the summary tells of them.
       .log = weir::log_to_stderr(weir::LogLevel::kError)});
  if (!app.ok()) return app.status();

  const auto start = Clock::now();
  std::atomic<std::uint64_t> written{*already};
  absl::Status generated;
  std::thread generator;
  if (*already == 0)
    generator = std::thread([&] { generated = generate(**transport, options.generator, written); });

  absl::Status status = (*app)->start();
  ProgressLine progress;
  std::unique_ptr<GroupProgress> group;
  auto next_look = Clock::now();
  while (status.ok() && !interrupted && (*app)->state() != weir::AppState::kError) {
    const weir::AppMetrics metrics = (*app)->metrics();
    progress.show(
        fmt::format("{:6.1f} s  written {:>8}  processed {:>8}  dead letters {:>5}  state {:>9}  lag {:>7}",
                    seconds_since(start), written.load(), metrics.records_processed, metrics.dead_letters,
                    human_bytes(metrics.state_bytes), metrics.lag));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (written.load() < expected || Clock::now() < next_look) continue;
    next_look = Clock::now() + std::chrono::milliseconds(200);
    if (group == nullptr) {
      auto made = GroupProgress::of(**transport, options.application_id, kTransactions);
      if (!made.ok()) {
        status = made.status();
        break;
      }
      group = *std::move(made);
    }
    const auto remaining = group->remaining();
    if (!remaining.ok()) {
      status = remaining.status();
    } else if (*remaining == 0) {
      break;
    }
  }
  progress.finish();
  if (!status.ok()) interrupted = true;
  if (generator.joinable()) generator.join();
  const double seconds = seconds_since(start);
  const weir::AppMetrics metrics = (*app)->metrics();
  group.reset();
  status.Update((*app)->close(weir::Duration{10'000}));
  status.Update(generated);
  if (!status.ok()) return status;

  const auto report = make_report(**transport);
  if (!report.ok()) return report.status();
  print_report(*report, metrics, seconds, *shared_model);
  return absl::OkStatus();
}

int main_with(int argc, char** argv) {
  Options options;
  CLI::App cli("Scores card transactions for fraud.");
  cli.add_option("--bootstrap", options.bootstrap,
                 "host:port of a Kafka broker; embedded: for one in this process")
      ->capture_default_str();
  cli.add_option("--application-id", options.application_id, "group of the processes that share the work")
      ->capture_default_str();
  cli.add_option("--transactions", options.generator.transactions,
                 "how many to generate, if the topic is empty")
      ->capture_default_str();
  cli.add_option("--seed", options.generator.seed, "of the generator")->capture_default_str();
  cli.add_option("--workers", options.workers, "threads")->capture_default_str()->check(CLI::Range(1, 64));
  cli.add_option("--partitions", options.partitions, "of the topics that are made")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  cli.add_option("--state-dir", options.state_directory,
                 "where state is kept; default: a folder that is removed at the end");
  cli.add_option("--model", options.model, "XGBoost JSON file")->check(CLI::ExistingFile);
  cli.add_option("--threshold", options.threshold, "alert from this probability up")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  cli.add_flag("--exactly-once", options.exactly_once,
               "commit scores, state and positions in one transaction");
  cli.add_flag("--describe", options.describe, "print the topology and stop");
  cli.add_option("--features-to", options.features_to, "write the training rows to this CSV file and stop");
  CLI11_PARSE(cli, argc, argv);

  std::string temporary;
  if (options.state_directory.empty()) {
    temporary = (fs::temp_directory_path() / fmt::format("fraud-scoring-{}", ::getpid())).string();
    options.state_directory = temporary;
  }
  std::signal(SIGINT, [](int) { interrupted = true; });
  std::signal(SIGTERM, [](int) { interrupted = true; });
  const absl::Status status = options.features_to.empty() ? run(options) : write_features(options);
  if (!temporary.empty()) {
    std::error_code ignored;  // what is left of a temporary folder is no reason to fail
    fs::remove_all(temporary, ignored);
  }
  if (status.ok()) return 0;
  fmt::print(stderr, "fraud_scoring: {}\n", std::string(status.message()));
  return 1;
}

}  // namespace
}  // namespace fraud

int main(int argc, char** argv) { return fraud::main_with(argc, argv); }
