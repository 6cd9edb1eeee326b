#include <weir/core/testing/simulation.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include <weir/core/serde.h>
#include <weir/core/testing/simulation_run.h>

namespace weir {
namespace {

constexpr std::uint64_t kTwiceEvery = 20;

using Values = std::vector<SimulatedValue>;

std::string shown(const std::optional<Bytes>& value) {
  if (!value) return "null";
  if (value->size() == sizeof(std::int64_t))
    return std::to_string(get_big_endian<std::int64_t>(value->data()));
  return *value;
}

std::string shown(const Values& values) {
  constexpr std::size_t kShown = 12;
  std::string text = fmt::format("{} values", values.size());
  for (std::size_t i = values.size() > kShown ? values.size() - kShown : 0; i < values.size(); ++i) {
    text += " " + shown(values[i].value);
    if (values[i].timestamp != 0) text += fmt::format("@{}", values[i].timestamp);
    if (!values[i].headers.empty()) text += fmt::format("+{}", values[i].headers.size());
  }
  return text;
}

std::int64_t number_in(const std::optional<Bytes>& value) {
  return value && value->size() == sizeof(std::int64_t) ? get_big_endian<std::int64_t>(value->data()) : 0;
}

std::int64_t sum_of(const Values& values) {
  std::int64_t sum = 0;
  for (const auto& value : values) sum += number_in(value.value);
  return sum;
}

std::optional<Bytes> last_of(const Values& values) {
  return values.empty() ? std::nullopt : values.back().value;
}

std::set<std::optional<Bytes>> set_of(const Values& values) {
  std::set<std::optional<Bytes>> set;
  for (const SimulatedValue& value : values) set.insert(value.value);
  return set;
}

Values sorted(Values values) {
  std::sort(values.begin(), values.end());
  return values;
}

// At least once: returns whether all values come, the first of each in its order, and then no other.
bool repeats(const Values& expected, const Values& actual) {
  std::set<std::optional<Bytes>> seen;
  std::size_t next = 0;
  for (const SimulatedValue& value : actual) {
    if (!seen.insert(value.value).second) continue;
    if (next == expected.size() || expected[next].value != value.value) return false;
    while (next < expected.size() && seen.contains(expected[next].value)) ++next;
  }
  return next == expected.size();
}

// At least once: returns whether what grows by one with each record has grown as far at least, one by one but for what a topic
// did not take (`gaps`): what it was made of is in the changelog then, and counted once more.
bool outgrows(const Values& expected, const Values& actual, bool gaps) {
  if (expected.empty() || actual.size() < expected.size()) return expected.empty() && actual.empty();
  std::int64_t most = 0;
  for (const SimulatedValue& value : actual) {
    const std::int64_t now = number_in(value.value);
    if (now > most + 1 && !gaps) return false;
    most = std::max(most, now);
  }
  return most >= number_in(expected.back().value);
}

// Returns whether the values are what the rule demands. `gaps`: topics did not take what was sent to them.
bool fits(OutputRule rule, bool exactly_once, bool gaps, const Values& expected, const Values& actual) {
  const std::set<std::optional<Bytes>> seen = set_of(actual);
  switch (rule) {
    case OutputRule::kSamePerKey:
      if (exactly_once) return expected == actual;
      // What comes behind records that are lost may be there before these come again.
      return gaps ? set_of(expected) == seen : repeats(expected, actual);
    case OutputRule::kSameRecords:
      return exactly_once ? sorted(expected) == sorted(actual) : set_of(expected) == seen;
    case OutputRule::kSameLast:
      // A key that was never written and one that was deleted are the same.
      return exactly_once ? last_of(expected) == last_of(actual)
                          : !last_of(expected) || seen.contains(last_of(expected));
    case OutputRule::kSameCounts:
      return exactly_once ? expected == actual : outgrows(expected, actual, gaps);
    case OutputRule::kSameSums:
      return exactly_once ? sum_of(expected) == sum_of(actual) : sum_of(expected) <= sum_of(actual);
    case OutputRule::kNotCompared:
      return true;
  }
  return true;
}

// Returns the first difference, or nothing.
std::string difference(const SimulatedScenario& scenario, const SimulationPlan& plan,
                       const SimulatedOutputs& expected, const SimulatedOutputs& actual) {
  const bool exactly_once = plan.guarantee == Guarantee::kExactlyOnce;
  const bool gaps = std::any_of(plan.faults.begin(), plan.faults.end(), [](const SimulationFault& fault) {
    return fault.kind == FaultKind::kForbid || fault.kind == FaultKind::kLimit ||
           fault.operation == embedded::Operation::kProduce;
  });
  for (const SimulatedOutput& output : scenario.outputs) {
    const auto& wanted = expected.at(output.topic);
    const auto& found = actual.at(output.topic);
    std::set<Bytes> keys;
    for (const auto& [key, values] : wanted) keys.insert(key);
    for (const auto& [key, values] : found) keys.insert(key);
    for (const Bytes& key : keys) {
      const auto want = wanted.find(key);
      const auto have = found.find(key);
      const Values none;
      const Values& wanted_values = want == wanted.end() ? none : want->second;
      const Values& found_values = have == found.end() ? none : have->second;
      if (!exactly_once && gaps && output.closes) continue;
      if (fits(output.rule, exactly_once, gaps, wanted_values, found_values)) continue;
      return fmt::format("topic={} key={}: expected {}, found {}", output.topic, key, shown(wanted_values),
                         shown(found_values));
    }
  }
  return "";
}

// Returns the first key that came twice where none may, or nothing.
std::string told_twice(const SimulatedScenario& scenario, const SimulatedOutputs& actual) {
  for (const SimulatedOutput& output : scenario.outputs) {
    if (!output.once) continue;
    for (const auto& [key, values] : actual.at(output.topic)) {
      if (values.size() > 1) return fmt::format("topic={} key={}: {}", output.topic, key, shown(values));
    }
  }
  return "";
}

std::string scratch_folder() {
  std::error_code error;
  static int made = 0;
  const bool quick = std::filesystem::exists("/dev/shm", error) && ::access("/dev/shm", W_OK) == 0;
  return fmt::format("{}/weir-simulation-{}-{}",
                     quick ? "/dev/shm" : std::filesystem::temp_directory_path().string(), ::getpid(),
                     ++made);
}

// The same plan in a world without faults.
SimulationPlan peaceful(SimulationPlan plan) {
  plan.guarantee = Guarantee::kExactlyOnce;
  plan.instances = 1;
  plan.workers = 1;
  plan.on_disk = false;
  plan.in_memory = false;
  plan.standbys = 0;
  plan.quiet = Duration{0};
  plan.tombstones = Duration{0};
  plan.commit_interval = Duration{100};
  plan.buffered_records = 1000;
  plan.fetched_records = 0;
  plan.uncommitted_bytes_max = SimulationPlan().uncommitted_bytes_max;
  plan.buffered_bytes = SimulationPlan().buffered_bytes;
  plan.schedule = SimulationSchedule::kUniform;
  plan.faults.clear();
  return plan;
}

}  // namespace

Simulation::Simulation(SimulatedScenario scenario, std::string directory)
    : scenario_(std::move(scenario)),
      directory_(directory.empty() ? scratch_folder() : std::move(directory)) {}

SimulationPlan Simulation::draw(std::uint64_t seed) const {
  return draw_plan(seed, scenario_.name, scenario_.limits);
}

SimulationResult Simulation::run(const SimulationPlan& plan, const Logger& log) const {
  SimulationResult result = run_once(plan, log);
  if (result.ok() && plan.seed % kTwiceEvery == 0) {
    const SimulationResult again = run_once(plan, {});
    if (again.events != result.events) {
      result.invariant = "determinism";
      result.what = fmt::format("two runs differ: {} steps, {} steps", result.steps, again.steps);
    }
  }
  return result;
}

SimulationResult Simulation::run_once(const SimulationPlan& plan, const Logger& log) const {
  SimulationResult result;
  {
    SimulationRun run(scenario_, plan, directory_, log);
    result = run.go();
    if (result.ok()) {
      SimulationRun reference(scenario_, peaceful(plan), directory_, {});
      const SimulationResult peace = reference.go();
      const std::string different = difference(scenario_, plan, reference.outputs(), run.outputs());
      if (!peace.ok()) {
        result.invariant = peace.invariant;
        result.what = "without any fault: " + peace.what;
      } else if (!different.empty()) {
        result.invariant = "outputs";
        result.what = different;
      } else if (const std::string twice = told_twice(scenario_, run.outputs()); !twice.empty()) {
        result.invariant = "finality";
        result.what = twice;
      }
    }
  }
  std::error_code ignored;  // nothing was made unless the stores were real
  if (plan.on_disk) std::filesystem::remove_all(directory_, ignored);
  return result;
}

std::string Simulation::explain(const SimulationResult& failed) const {
  const SimulationResult small = shrink(failed);
  return fmt::format("seed {} of scenario '{}': {} does not hold: {}\n\nThis script shows it:\n\n{}\n({})",
                     failed.plan.seed, scenario_.name, failed.invariant, failed.what, small.plan.script(),
                     small.what);
}

std::string coverage_table(const FaultCoverage& coverage) {
  std::string text = fmt::format("{:16}", "");
  for (std::size_t phase = 0; phase < kSimulationPhases; ++phase) {
    text += fmt::format(" {:>10.10}", name_of(static_cast<SimulationPhase>(phase)));
  }
  for (std::size_t kind = 0; kind < kFaultKinds; ++kind) {
    text += fmt::format("\n{:16}", name_of(static_cast<FaultKind>(kind)));
    for (std::size_t phase = 0; phase < kSimulationPhases; ++phase) {
      text +=
          fmt::format(" {:>10}", coverage[kind][phase] == 0 ? "." : std::to_string(coverage[kind][phase]));
    }
  }
  return text + "\n";
}

}  // namespace weir
