// Has each record one committed score, whatever happens to the workers while scorers think?
#include <charconv>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/testing/simulation.h>
#include <weir/ml/async/score_async.h>
#include <weir/ml/async/scripted_scorer.h>
#include <weir/weir.h>

#include "support/environment.h"

namespace weir::ml {
namespace {

std::array<float, 1> simulated_row(const std::string& value) {
  int number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return {static_cast<float>(number)};
}

std::string simulated_text(const std::string& value, std::span<const float> scores) {
  return fmt::format("{}={}", value, scores[0]);
}

// Slow, and busy now and then: by the record, so that every run sees the same.
ScriptedScorer::Reply moody(const ScoreRequest& request) {
  const auto number = static_cast<int>(request.row[0]);
  if (number % 5 == 3 && request.attempt == 1)
    return ScriptedScorer::error(Duration{number % 7}, absl::UnavailableError("busy"));
  if (number % 31 == 7 && request.attempt == 1) return ScriptedScorer::silence();
  return ScriptedScorer::scores(Duration{number * 37 % 90}, {request.row[0] / 2});
}

SimulatedScenario asking_for_scores(AsyncOrder order) {
  return {
      .name = "scores-from-elsewhere",
      .topology =
          [order] {
            StreamBuilder builder;
            const auto scored = builder.stream<std::string, std::string>("in").apply(
                score_async({.scorer = std::make_shared<ScriptedScorer>(moody),
                             .capacity = 7,
                             .order = order,
                             .timeout = Duration{3'000},
                             .attempt_timeout = Duration{200},
                             .attempts = 5},
                            simulated_row, simulated_text));
            scored.to("scored");
            scored.group_by_key().count({.store = "counts"}).to_stream().to("counts-out");
            return builder.build();
          },
      .inputs = {{"in",
                  [](SimulationChance& chance, const SimulationPlan& plan, int n) {
                    NewRecord record;
                    record.key = fmt::format("k{}", chance.below(static_cast<std::uint64_t>(plan.keys)));
                    record.value = std::to_string(n);
                    record.timestamp = 1'000 + n;
                    return record;
                  }}},
      .outputs = {{"scored", order == AsyncOrder::kNone ? OutputRule::kSameRecords : OutputRule::kSamePerKey},
                  {"counts-out", OutputRule::kSameCounts}}};
}

class AsyncSimulation : public testing::TestWithParam<AsyncOrder> {};

INSTANTIATE_TEST_SUITE_P(Orders, AsyncSimulation,
                         testing::Values(AsyncOrder::kPartition, AsyncOrder::kKey, AsyncOrder::kNone),
                         [](const auto& parameter) {
                           return parameter.param == AsyncOrder::kPartition ? "Partition"
                                  : parameter.param == AsyncOrder::kKey     ? "Key"
                                                                            : "None";
                         });

// More or others: WEIR_SIMULATION_SEEDS, WEIR_SIMULATION_FIRST.
TEST_P(AsyncSimulation, EachRecordHasOneCommittedScore) {
  const Simulation simulation(asking_for_scores(GetParam()));
  const std::uint64_t first = number_from("WEIR_SIMULATION_FIRST", 1);
  const std::uint64_t seeds = number_from("WEIR_SIMULATION_SEEDS", 12);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const SimulationResult result = simulation.run(simulation.draw(seed));
    ASSERT_TRUE(result.ok()) << "seed " << seed << ": " << simulation.explain(result);
  }
}

}  // namespace
}  // namespace weir::ml
