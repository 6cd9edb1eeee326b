#include "job.h"

#include <chrono>
#include <map>
#include <memory>
#include <queue>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/core/app.h>
#include <weir/core/connect.h>
#include <weir/core/status.h>

#include "broker_io.h"
#include "models.h"
#include "quality.h"
#include "report.h"
#include "run_to_end.h"
#include "topology.h"
#include "transaction.h"

namespace fraud {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string human_bytes(std::uint64_t bytes) {
  return bytes < 1'000'000 ? fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3)
                           : fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

absl::Status prepare_topics(weir::Transport& transport, weir::Partition partitions) {
  // Event times lie in the past: nothing may be deleted by age.
  const std::map<std::string, std::string> keep = {{"retention.ms", "-1"}};
  std::vector<weir::NewTopic> topics;
  for (const char* name :
       {kTransactions, kScores, kAlerts, kLabels, kDeadLetters, kQuality, kDrift, kErrorChanges}) {
    topics.push_back({.name = name, .partitions = partitions, .config = keep});
  }
  topics.push_back({.name = kProfiles, .partitions = partitions, .config = {{"cleanup.policy", "compact"}}});
  return examples::make_topics(transport, topics);
}

// The world outside: customers who buy, and a bank that finds out what was a fraud and trains a new model.
class Outside {
 public:
  Outside(const JobOptions& options, weir::Transport& transport,
          std::unique_ptr<examples::TopicWriter> writer)
      : options_(options), transport_(transport), writer_(std::move(writer)) {}

  absl::Status live(const std::atomic<bool>& stop, std::atomic<std::uint64_t>& written) {
    World world(world_options());
    // Profiles first: a transaction that finds none is scored without.
    for (const auto& [card, profile] : world.profiles())
      WEIR_RETURN_IF_ERROR(write(kProfiles, card, profile, options_.world.cards.start - 1));
    WEIR_RETURN_IF_ERROR(writer_->finish());
    const weir::Timestamp swap_at = options_.time_of_day(options_.swap_day);
    bool swapped = false;
    while (written < options_.world.cards.purchases && !stop) {
      const WorldRecord record = world.next();
      if (record.time >= swap_at && !std::exchange(swapped, true)) {
        // While the job runs, and before there is a transaction of that day: so it is clear which model scores which.
        WEIR_RETURN_IF_ERROR(publish_model(transport_, options_.model_after_drift, "2", swap_at));
      }
      WEIR_RETURN_IF_ERROR(write_labels(record.time));
      WEIR_RETURN_IF_ERROR(writer_->write(kTransactions, record.card, record.bytes, record.time));
      if (record.labelled_at) labels_.push({*record.labelled_at, record.id, record.pattern});
      written.fetch_add(1, std::memory_order_relaxed);
    }
    WEIR_RETURN_IF_ERROR(write_labels(weir::kLastTimestamp));
    return writer_->finish();
  }

 private:
  struct DueLabel {
    weir::Timestamp time;
    std::string transaction;
    std::string pattern;

    bool operator>(const DueLabel& other) const {
      return time != other.time ? time > other.time : transaction > other.transaction;
    }
  };

  [[nodiscard]] WorldOptions world_options() const {
    WorldOptions world = options_.world;
    world.cards.drift_at = options_.time_of_day(options_.drift_day);
    return world;
  }

  template <class T>
  absl::Status write(const char* topic, const std::string& key, const T& value, weir::Timestamp time) {
    bytes_.clear();
    weir::Serde<T>::encode(value, bytes_);
    return writer_->write(topic, key, bytes_, time);
  }

  absl::Status write_labels(weir::Timestamp until) {
    for (; !labels_.empty() && labels_.top().time <= until; labels_.pop())
      WEIR_RETURN_IF_ERROR(
          write(kLabels, labels_.top().transaction, Label{labels_.top().pattern}, labels_.top().time));
    return absl::OkStatus();
  }

  const JobOptions& options_;
  weir::Transport& transport_;
  std::unique_ptr<examples::TopicWriter> writer_;
  std::priority_queue<DueLabel, std::vector<DueLabel>, std::greater<>> labels_;  // not known yet
  std::string bytes_;
};

absl::StatusOr<std::unique_ptr<weir::App>> make_app(const JobOptions& options, weir::Topology topology,
                                                    const std::string& application_id,
                                                    const std::shared_ptr<weir::Transport>& transport) {
  weir::AppConfig config = examples::config_of(options.program, transport, weir::Duration{1000});
  config.application_id = application_id;
  config.workers = options.workers;
  config.dead_letter_topic = kDeadLetters;
  config.session_timeout = weir::Duration{10'000};
  return weir::App::create(std::move(topology), config);
}

std::string quality_id(const JobOptions& options) { return "quality-of-" + options.program.application_id; }

// The scoring program, and after it, if wanted, the one that judges.
absl::StatusOr<std::vector<std::unique_ptr<weir::App>>> make_apps(
    const JobOptions& options, const std::shared_ptr<weir::Transport>& transport) {
  std::vector<std::unique_ptr<weir::App>> apps;
  auto topology = make_topology(options.threshold);
  if (!topology.ok()) return topology.status();
  auto app = make_app(options, *std::move(topology), options.program.application_id, transport);
  if (!app.ok()) return app.status();
  apps.push_back(*std::move(app));
  if (!options.quality) return apps;
  const auto references = read_references(options.references);
  if (!references.ok()) return references.status();
  auto quality = make_quality_topology(*references, options.threshold);
  if (!quality.ok()) return quality.status();
  app = make_app(options, *std::move(quality), quality_id(options), transport);
  if (!app.ok()) return app.status();
  apps.push_back(*std::move(app));
  return apps;
}

absl::Status prepare(const JobOptions& options, weir::Transport& transport, std::uint64_t already) {
  if (options.program.bootstrap == "embedded:") {
    fmt::print("An embedded broker, in memory: its topics are gone at exit.\n");
  } else {
    fmt::print("Kafka at {}.\n", options.program.bootstrap);
  }
  if (already > 0) {
    fmt::print("The topic {} holds {} records already: none are generated.\n", kTransactions, already);
    return absl::OkStatus();
  }
  fmt::print(
      "Generating {} transactions, seed {}: on day {:g} the world changes, on day {:g} a second model takes "
      "over.\n",
      options.world.cards.purchases, options.world.cards.seed, options.drift_day, options.swap_day);
  return publish_model(transport, options.model, "1", 0);
}

}  // namespace

absl::Status run_job(const JobOptions& options, const std::atomic<bool>& stop) {
  const auto connected = weir::connect(options.program.bootstrap);
  if (!connected.ok()) return connected.status();
  weir::Transport& transport = **connected;
  WEIR_RETURN_IF_ERROR(prepare_topics(transport, options.partitions));
  const auto already = examples::records_in(transport, kTransactions);
  if (!already.ok()) return already.status();
  WEIR_RETURN_IF_ERROR(prepare(options, transport, *already));
  std::fflush(stdout);
  auto apps = make_apps(options, *connected);
  if (!apps.ok()) return apps.status();
  auto writer = examples::TopicWriter::make(transport);
  if (!writer.ok()) return writer.status();

  const auto start = Clock::now();
  std::atomic<std::uint64_t> written{*already};
  std::atomic<bool> filled{*already > 0};
  std::atomic<bool> stop_filling{false};
  absl::Status generated;
  std::thread generator;
  Outside outside(options, transport, *std::move(writer));
  if (*already == 0) {
    generator = std::thread([&] {
      generated = outside.live(stop_filling, written);
      filled = true;
    });
  }

  absl::Status status;
  for (const auto& app : *apps) status.Update(app->start());
  weir::App& scoring = *apps->front();
  std::vector<examples::Run> runs = {{&scoring, options.program.application_id, {kTransactions}}};
  if (options.quality) runs.push_back({apps->back().get(), quality_id(options), {kScores, kLabels}});
  examples::ProgressLine progress;
  double scored_after = 0;  // seconds
  weir::AppMetrics scored;
  const auto tick = [&] {
    if (stop) stop_filling = true;
    const weir::AppMetrics metrics = scoring.metrics();
    if (metrics.records_processed > scored.records_processed) scored_after = seconds_since(start);
    scored = metrics;
    progress.show(
        fmt::format("{:6.1f} s  written {:>8}  scoring {:>8}, {:>7} to go  judging {:>8}, {:>7} to go",
                    seconds_since(start), written.load(), metrics.records_processed, metrics.lag,
                    options.quality ? apps->back()->metrics().records_processed : 0,
                    options.quality ? apps->back()->metrics().lag : 0));
  };
  if (status.ok())
    status = examples::run_to_end(
        transport, runs, [&] { return filled.load(); }, stop, tick);
  progress.finish();
  stop_filling = true;
  if (generator.joinable()) generator.join();
  for (const auto& app : *apps) status.Update(app->close(weir::Duration{10'000}));
  status.Update(generated);
  if (!status.ok()) return status;

  const auto report =
      make_report(transport, options.time_of_day(options.drift_day), options.time_of_day(options.swap_day));
  if (!report.ok()) return report.status();
  print_report(*report, options.world.cards.start);
  fmt::print(
      "\n  the scoring program of this process: {} records in {:.1f} s, {:.0f} records/s, {} of state\n",
      scored.records_processed, scored_after,
      scored_after > 0 ? static_cast<double>(scored.records_processed) / scored_after : 0,
      human_bytes(scored.state_bytes));
  return absl::OkStatus();
}

}  // namespace fraud
