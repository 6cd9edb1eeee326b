// Card-fraud scoring, end to end: invents card transactions, scores them with a model that it follows in a registry, joins the
// scores with labels that come days later, and says how well each model did before and after the world changed.
//
//   fraud_scoring                                    on a broker inside this process
//   fraud_scoring --bootstrap localhost:9092         on Kafka; start it several times and the processes share the work
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "job.h"
#include "program.h"
#include "topology.h"

namespace fraud {
namespace {

absl::Status describe(const JobOptions& options) {
  const auto topology = make_topology(options.threshold);
  if (!topology.ok()) return topology.status();
  fmt::print("{}", topology->describe());
  return absl::OkStatus();
}

int main_with(int argc, char** argv) {
  JobOptions options;
  options.model = WEIR_FRAUD_FOLDER "/model.json";
  options.model_after_drift = WEIR_FRAUD_FOLDER "/model_after_drift.json";
  options.references = WEIR_FRAUD_FOLDER "/references.json";
  bool only_describe = false;
  bool without_quality = false;
  CLI::App cli("Scores card transactions for fraud.");
  examples::add_options(cli, options.program);
  cli.add_option("--transactions", options.world.cards.purchases,
                 "how many to generate, if the topic is empty")
      ->capture_default_str();
  cli.add_option("--seed", options.world.cards.seed, "of the generator")->capture_default_str();
  cli.add_option("--drift-day", options.drift_day, "when frauds and customers change; a run has some 21 days")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e6));
  cli.add_option("--swap-day", options.swap_day, "when the second model takes over")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e6));
  cli.add_option("--workers", options.workers, "threads of each program")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  cli.add_option("--partitions", options.partitions, "of the topics that are made")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  cli.add_option("--model", options.model, "XGBoost or LightGBM file")->check(CLI::ExistingFile);
  cli.add_option("--model-after-drift", options.model_after_drift, "the second one")
      ->check(CLI::ExistingFile);
  cli.add_option("--threshold", options.threshold, "alert from this probability up")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  cli.add_flag("--without-quality", without_quality, "only score: no feedback, no drift");
  cli.add_flag("--describe", only_describe, "print the topology and stop");
  CLI11_PARSE(cli, argc, argv);
  options.quality = !without_quality;

  return examples::main_of("fraud_scoring", options.program, [&] {
    return only_describe ? describe(options) : run_job(options, examples::interrupted());
  });
}

}  // namespace
}  // namespace fraud

int main(int argc, char** argv) { return fraud::main_with(argc, argv); }
