// Simulates the project's scenarios: `weir_sim --help`.
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <weir/core/planted.h>
#include <weir/core/testing/simulation.h>

#include "scenarios.h"

namespace weir {
namespace {

constexpr std::string_view kUsage = R"(usage: weir_sim [OPTION...]

  --seeds N        runs so many seeds (default: 100)
  --first SEED     begins with that one (default: 1)
  --seed SEED      runs this one
  --script FILE    runs the plan in a file ("-": standard input), as a failing seed printed it
  --scenario NAME  runs this one only; otherwise each seed has its own
  --seconds N      stops after so long, and says how many seeds there were
  --trace          prints what the workers say; with --seed or --script
  --no-shrink      prints the plan of a failing seed as it is
  --keep-going     does not stop at the first failing seed, and prints no scripts
  --planted NAME   wakes a bug that was compiled in ("all": one after the other) and says which seed finds it; only in
                   a build of the preset "planted". tests/sim/README.md lists them
  --help           this text

Ends with 0 if all was well (or each bug was found), 1 if an invariant did not hold (or a bug was not found), 2 if the options are wrong.
)";

struct Options {
  std::uint64_t seeds = 100;
  std::uint64_t first = 1;
  std::optional<std::uint64_t> seed = {};
  std::string script = {};
  std::string scenario = {};
  std::string planted = {};
  std::uint64_t seconds = 0;
  bool trace = false;
  bool shrink = true;
  bool keep_going = false;
};

int wrong_use(const std::string& what) {
  std::cerr << "weir_sim: " << what << "\n" << kUsage;
  return 2;
}

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Returns what is wrong; empty if nothing is.
std::string parse(const std::vector<std::string>& arguments, Options& options) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name == "--trace") {
      options.trace = true;
    } else if (name == "--no-shrink") {
      options.shrink = false;
    } else if (name == "--keep-going") {
      options.keep_going = true;
    } else if (i + 1 == arguments.size()) {
      return fmt::format("'{}' is not an option, or lacks its value", name);
    } else if (name == "--script") {
      options.script = arguments[++i];
    } else if (name == "--planted") {
      options.planted = arguments[++i];
    } else if (name == "--scenario") {
      options.scenario = arguments[++i];
    } else {
      const auto number = number_in(arguments[++i]);
      if (!number) return fmt::format("{} takes a number, not '{}'", name, arguments[i]);
      if (name == "--seeds") {
        options.seeds = *number;
      } else if (name == "--first") {
        options.first = *number;
      } else if (name == "--seed") {
        options.seed = *number;
      } else if (name == "--seconds") {
        options.seconds = *number;
      } else {
        return fmt::format("there is no option '{}'", name);
      }
    }
  }
  return "";
}

void add(FaultCoverage& sum, const FaultCoverage& more) {
  for (std::size_t kind = 0; kind < kFaultKinds; ++kind) {
    for (std::size_t phase = 0; phase < kSimulationPhases; ++phase) sum[kind][phase] += more[kind][phase];
  }
}

class Program {
 public:
  explicit Program(Options options) : options_(std::move(options)) {
    for (SimulatedScenario& scenario : scenarios()) simulations_.emplace_back(std::move(scenario));
  }

  int run() {
    if (!options_.scenario.empty() && find(options_.scenario) == nullptr) {
      return wrong_use(fmt::format("there is no scenario '{}'; there are: {}", options_.scenario, names()));
    }
    if (!options_.planted.empty()) return run_planted();
    if (!options_.script.empty()) return run_script();
    if (options_.seed) {
      options_.first = *options_.seed;
      options_.seeds = 1;
    }
    return run_seeds();
  }

 private:
  const Simulation* find(const std::string& name) const {
    for (const Simulation& simulation : simulations_) {
      if (simulation.scenario().name == name) return &simulation;
    }
    return nullptr;
  }

  std::string names() const {
    std::string all;
    for (const Simulation& simulation : simulations_)
      all += (all.empty() ? "" : " ") + simulation.scenario().name;
    return all;
  }

  Logger logger() const {
    if (!options_.trace) return {};
    return [](LogLevel, std::string_view message) { std::cout << message << "\n"; };
  }

  int run_script() {
    std::ostringstream text;
    if (options_.script == "-") {
      text << std::cin.rdbuf();
    } else {
      std::ifstream file(options_.script);
      if (!file) return wrong_use(fmt::format("cannot read '{}'", options_.script));
      text << file.rdbuf();
    }
    const auto plan = SimulationPlan::parse(text.str());
    if (!plan.ok())
      return wrong_use(fmt::format("{}: {}", options_.script, std::string(plan.status().message())));
    const Simulation* simulation = find(plan->scenario);
    if (simulation == nullptr) {
      return wrong_use(fmt::format("there is no scenario '{}'; there are: {}", plan->scenario, names()));
    }
    const SimulationResult result = simulation->run(*plan, logger());
    std::cout << (result.ok() ? "all is well"
                              : fmt::format("{} does not hold: {}", result.invariant, result.what))
              << fmt::format(" ({} steps, {} virtual ms)\n", result.steps, result.virtual_time.count());
    return result.ok() ? 0 : 1;
  }

#ifdef WEIR_PLANTED_BUGS
  int run_planted() {
    std::size_t survivors = 0;
    bool known = false;
    for (std::size_t bug = 0; bug < kPlantedBugs.size(); ++bug) {
      if (options_.planted != "all" && options_.planted != kPlantedBugs[bug].name) continue;
      known = true;
      const std::string found = hunt(bug);
      if (found.empty()) ++survivors;
      std::cout << fmt::format("{:27} {}\n", kPlantedBugs[bug].name,
                               found.empty() ? fmt::format("SURVIVED {} seeds", options_.seeds) : found)
                << std::flush;
    }
    if (!known) return wrong_use(fmt::format("there is no bug '{}'", options_.planted));
    return survivors == 0 ? 0 : 1;
  }

  // Returns which seed finds a bug, and how; empty if none does. A seed that fails without it as well does not count.
  std::string hunt(std::size_t bug) {
    std::uint64_t unfit = 0;
    for (std::uint64_t i = 0; i < options_.seeds; ++i) {
      const std::uint64_t seed = options_.first + i;
      const Simulation& simulation = simulation_of(seed);
      const SimulationPlan plan = simulation.draw(seed);
      the_planted_bug = bug;
      const SimulationResult result = simulation.run(plan, logger());
      the_planted_bug = kPlantedBugs.size();
      if (result.ok()) continue;
      if (!simulation.run(plan).ok()) {
        ++unfit;
        continue;
      }
      return fmt::format("{:5} seeds  {:18} {}: {}", i + 1 - unfit, plan.scenario, result.invariant,
                         result.what);
    }
    return "";
  }
#else
  static int run_planted() {
    return wrong_use("this program was built without bugs; build the preset 'planted'");
  }
#endif

  // Drawn: plans take something of the seed itself, which is not to be the same for all seeds of a scenario.
  const Simulation& simulation_of(std::uint64_t seed) const {
    if (!options_.scenario.empty()) return *find(options_.scenario);
    return simulations_[SimulationChance(seed, "scenario").below(simulations_.size())];
  }

  int run_seeds() {
    const auto begin = std::chrono::steady_clock::now();
    const auto elapsed = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    std::uint64_t done = 0;
    for (; done < options_.seeds; ++done) {
      if (options_.seconds > 0 && elapsed() > static_cast<double>(options_.seconds)) break;
      const std::uint64_t seed = options_.first + done;
      const Simulation& simulation = simulation_of(seed);
      const SimulationPlan plan = simulation.draw(seed);
      if (options_.seed) std::cout << plan.script();
      const SimulationResult result = simulation.run(plan, logger());
      take(result);
      if (result.ok()) continue;
      failed_.push_back(seed);
      if (options_.keep_going) {
        std::cout << fmt::format("seed {} ({}): {}: {}\n", seed, simulation.scenario().name, result.invariant,
                                 result.what);
        continue;
      }
      std::cout << (options_.shrink ? simulation.explain(result)
                                    : fmt::format("seed {}: {} does not hold: {}\n{}", seed, result.invariant,
                                                  result.what, plan.script()))
                << "\n";
      ++done;
      break;
    }
    report(done, elapsed());
    return failed_.empty() ? 0 : 1;
  }

  void take(const SimulationResult& result) {
    add(coverage_, result.coverage);
    steps_ += result.steps;
    commits_ += result.commits;
    restored_ += result.restored;
    virtual_ += result.virtual_time;
    slowest_ = std::max(slowest_, result.recovery);
  }

  void report(std::uint64_t seeds, double seconds) const {
    std::cout << fmt::format(
        "{} seeds from {} on, {} failed; {} steps, {} commits, {} records restored, {:.1f} h of virtual time "
        "in {:.1f} s; "
        "caught up at most {} ms after the last fault\n\nfaults that struck, by what was going on:\n{}",
        seeds, options_.first, failed_.size(), steps_, commits_, restored_,
        static_cast<double>(virtual_.count()) / 3'600'000.0, seconds, slowest_.count(),
        coverage_table(coverage_));
  }

  Options options_;
  std::vector<Simulation> simulations_;
  std::vector<std::uint64_t> failed_;
  FaultCoverage coverage_ = {};
  std::uint64_t steps_ = 0;
  std::uint64_t commits_ = 0;
  std::uint64_t restored_ = 0;
  Duration virtual_{0};
  Duration slowest_{0};
};

}  // namespace
}  // namespace weir

int main(int count, char** values) {
  const std::vector<std::string> arguments(values + 1, values + count);
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") {
      std::cout << weir::kUsage;
      return 0;
    }
  }
  weir::Options options;
  if (const std::string wrong = weir::parse(arguments, options); !wrong.empty())
    return weir::wrong_use(wrong);
  return weir::Program(std::move(options)).run();
}
