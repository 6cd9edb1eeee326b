// Predictive maintenance: a fleet of engines reports its sensors, and a model says how many cycles each has left.
//
//   predictive_maintenance                                    on a broker inside this process
//   predictive_maintenance --bootstrap localhost:9092         on Kafka; start it several times and the processes share the work
//
// In the end the forecasts are compared with what became of the engines, and with a forecast that knows only their age.
#include <cmath>
#include <map>
#include <set>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <weir/core/connect.h>
#include <weir/core/status.h>
#include <weir/ml/load_model.h>

#include "broker_io.h"
#include "forecasting.h"
#include "program.h"
#include "unit_features.h"

namespace maintenance {
namespace {

constexpr char kDeadLetters[] = "dead-readings";

struct Options {
  examples::ProgramOptions program{.application_id = "predictive-maintenance"};
  std::string model = WEIR_MAINTENANCE_MODEL;
  generators::FleetOptions fleet;
  double soon = 20;
};

std::string unit_name(int unit) { return fmt::format("unit-{:04}", unit); }

absl::Status fill(weir::Transport& transport, const std::vector<generators::Cycle>& cycles) {
  const auto writer = examples::TopicWriter::make(transport);
  if (!writer.ok()) return writer.status();
  for (const generators::Cycle& cycle : cycles) {
    std::string bytes;
    weir::Serde<Reading>::encode(reading_of(cycle), bytes);
    WEIR_RETURN_IF_ERROR((*writer)->write(kReadings, unit_name(cycle.unit), bytes, time_of(cycle.cycle)));
  }
  return (*writer)->finish();
}

// Errors of forecasts. Late ones, that promise more cycles than there are, cost more than early ones: e^(d/10) - 1 against
// e^(-d/13) - 1, as usual for engines.
class Errors {
 public:
  void add(double forecast, double truth) {
    const double d = forecast - truth;
    squares_ += d * d;
    costs_ += std::exp(d >= 0 ? d / 10 : -d / 13) - 1;
    ++count_;
  }
  [[nodiscard]] double rmse() const { return std::sqrt(squares_ / count_); }
  [[nodiscard]] double cost() const { return costs_ / count_; }
  [[nodiscard]] int count() const { return count_; }

 private:
  double squares_ = 0;
  double costs_ = 0;
  int count_ = 0;
};

// What the alarms were worth: they come from detectors that were told of no failure.
absl::Status report_alarms(weir::Transport& transport, const std::vector<generators::Cycle>& cycles,
                           int failed) {
  std::map<std::pair<std::string, int>, int> remaining;  // by unit and cycle
  int healthy = 0;
  for (const generators::Cycle& cycle : cycles) {
    remaining[{unit_name(cycle.unit), cycle.cycle}] = cycle.remaining;
    healthy += cycle.remaining > kLongest ? 1 : 0;
  }
  std::set<std::pair<std::string, int>> early;  // alarms: after a crash one may be there twice
  std::map<std::string, int> first;  // by unit, the cycles that were left at the first that was not early
  absl::Status broken;
  WEIR_RETURN_IF_ERROR(examples::read_topic(transport, kAlarms, [&](const weir::RawRecord& record) {
    Alarm alarm;
    broken.Update(weir::decode_nullable(record.value, alarm));
    const std::string unit(record.key.value_or(""));
    const auto left = remaining.find({unit, alarm.cycle});
    if (left == remaining.end()) return;
    if (left->second > kLongest) {
      early.emplace(unit, alarm.cycle);
    } else {
      first.try_emplace(unit, left->second);
    }
  }));
  WEIR_RETURN_IF_ERROR(broken);
  double ahead = 0;
  for (const auto& [unit, left] : first) ahead += left;
  fmt::print("  unlike themselves         {:>8} of {} units, {:.0f} cycles ahead on average   topic {}\n",
             first.size(), failed, first.empty() ? 0 : ahead / static_cast<double>(first.size()), kAlarms);
  fmt::print("  alarms too early          {:>8} in {} readings with more than {} cycles left\n", early.size(),
             healthy, kLongest);
  return absl::OkStatus();
}

absl::Status report(weir::Transport& transport, const std::vector<generators::Cycle>& cycles, double soon) {
  std::map<std::pair<std::string, int>, double>
      forecasts;  // by unit and cycle: after a crash there may be two
  absl::Status broken;
  WEIR_RETURN_IF_ERROR(examples::read_topic(transport, kForecasts, [&](const weir::RawRecord& record) {
    Forecast forecast;
    broken.Update(weir::decode_nullable(record.value, forecast));
    forecasts[{std::string(record.key.value_or("")), forecast.cycle}] = forecast.remaining;
  }));
  WEIR_RETURN_IF_ERROR(broken);
  const double life = mean_life();
  Errors all;
  Errors all_by_age;
  Errors late;
  Errors late_by_age;
  std::map<int, int> first_warning;  // by unit, the cycles that were left
  int failed = 0;
  for (const generators::Cycle& cycle : cycles) {
    failed += cycle.remaining == 0 ? 1 : 0;
    const auto forecast = forecasts.find({unit_name(cycle.unit), cycle.cycle});
    if (forecast == forecasts.end()) continue;
    const double truth = std::min(cycle.remaining, kLongest);
    const double by_age = std::clamp(life - cycle.cycle, 0.0, static_cast<double>(kLongest));
    all.add(forecast->second, truth);
    all_by_age.add(by_age, truth);
    if (cycle.remaining < 50) {
      late.add(forecast->second, truth);
      late_by_age.add(by_age, truth);
    }
    if (forecast->second < soon) first_warning.try_emplace(cycle.unit, cycle.remaining);
  }
  fmt::print("\nPredictive maintenance: summary\n");
  fmt::print("  readings          {:>8}   of {} units, each until it failed\n", cycles.size(), failed);
  fmt::print("  forecasts         {:>8}   topic {}\n\n", all.count(), kForecasts);
  if (all.count() == 0) return absl::OkStatus();
  fmt::print("  cycles left, at most {}       RMSE    by age alone      cost    by age alone\n", kLongest);
  fmt::print("  all readings              {:>8.1f} {:>15.1f} {:>9.1f} {:>15.1f}\n", all.rmse(),
             all_by_age.rmse(), all.cost(), all_by_age.cost());
  if (late.count() > 0) {
    fmt::print("  the last 50 of each unit  {:>8.1f} {:>15.1f} {:>9.1f} {:>15.1f}\n", late.rmse(),
               late_by_age.rmse(), late.cost(), late_by_age.cost());
  }
  double sum = 0;
  for (const auto& [unit, remaining] : first_warning) sum += remaining;
  fmt::print("\n  warned before failing     {:>8} of {} units, {:.0f} cycles ahead on average   topic {}\n",
             first_warning.size(), failed,
             first_warning.empty() ? 0 : sum / static_cast<double>(first_warning.size()), kWorkshop);
  return report_alarms(transport, cycles, failed);
}

absl::Status run(const Options& options) {
  auto model = weir::ml::load_model_file(options.model);
  if (!model.ok()) return model.status();
  auto topology = make_topology(*std::move(model), options.soon);
  if (!topology.ok()) return topology.status();
  const auto transport = weir::connect(options.program.bootstrap);
  if (!transport.ok()) return transport.status();
  const std::map<std::string, std::string> keep = {{"retention.ms", "-1"}};
  std::vector<weir::NewTopic> topics;
  for (const char* name : {kReadings, kForecasts, kAlarms, kWorkshop, kDeadLetters})
    topics.push_back({.name = name, .partitions = 4, .config = keep});
  WEIR_RETURN_IF_ERROR(examples::make_topics(**transport, topics));
  const std::vector<generators::Cycle> cycles = generators::Fleet(options.fleet).fly();
  WEIR_RETURN_IF_ERROR(examples::fill_if_empty(**transport, kReadings, [&] {
    fmt::print("{} units fly until they fail, seed {}.\n", options.fleet.units, options.fleet.seed);
    return fill(**transport, cycles);
  }));
  weir::AppConfig config = examples::config_of(options.program, *transport, weir::Duration{500});
  config.dead_letter_topic = kDeadLetters;
  WEIR_RETURN_IF_ERROR(examples::run_program(*std::move(topology), config, kReadings));
  return report(**transport, cycles, options.soon);
}

int main_with(int argc, char** argv) {
  Options options;
  CLI::App cli("Forecasts how long engines last.");
  examples::add_options(cli, options.program);
  cli.add_option("--units", options.fleet.units, "in the fleet, if the topic is empty")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  cli.add_option("--seed", options.fleet.seed, "of the fleet")->capture_default_str();
  cli.add_option("--soon", options.soon, "cycles: units with fewer are sent to the workshop")
      ->capture_default_str()
      ->check(CLI::Range(0.0, static_cast<double>(kLongest)));
  cli.add_option("--model", options.model, "XGBoost or LightGBM file")->check(CLI::ExistingFile);
  CLI11_PARSE(cli, argc, argv);

  return examples::main_of("predictive_maintenance", options.program, [&options] { return run(options); });
}

}  // namespace
}  // namespace maintenance

int main(int argc, char** argv) { return maintenance::main_with(argc, argv); }
