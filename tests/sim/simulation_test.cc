// The simulator itself: does it find what is wrong, say it in a script, and play that again?
#include <weir/core/testing/simulation.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <weir/weir.h>

namespace weir {
namespace {

// ---- docs/simulator.md shows this.
NewRecord make_line(SimulationChance& chance, const SimulationPlan& plan, int n) {
  const auto key = "line-" + std::to_string(chance.below(static_cast<std::uint64_t>(plan.keys)));
  return {.key = key, .value = "to be or not to be", .timestamp = 1'000 + n};
}

absl::StatusOr<Topology> word_count() {
  StreamBuilder builder;
  builder.stream<std::string, std::string>("lines")
      .flat_map_values([](const std::string& line) {
        std::vector<std::string> words;
        std::istringstream in(line);
        for (std::string word; in >> word;) words.push_back(word);
        return words;
      })
      .group_by({.name = "by-word"}, [](const std::string& word) { return word; })
      .count({.store = "counts"})
      .to_stream()
      .to("counts-by-word");
  return builder.build();
}

TEST(WordCount, IsRightWhateverHappens) {
  const Simulation simulation({.name = "word-count",
                               .topology = word_count,
                               .inputs = {{"lines", make_line}},
                               .outputs = {{"counts-by-word", OutputRule::kSameCounts}}});
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const SimulationResult result = simulation.run(simulation.draw(seed));
    ASSERT_TRUE(result.ok()) << simulation.explain(result);
  }
}
// ---- until here.

// Counts in a variable of the process: what a rebalance or an aborted transaction makes wrong.
class Forgetful final : public Processor<std::string, std::string, std::string, std::string> {
 public:
  void open(Context& context) override { context_ = &context; }
  void process(const Record<std::string, std::string>& record) override {
    context_->forward(record.key, std::to_string(++counts_[record.key]));
  }

 private:
  Context* context_ = nullptr;
  std::map<std::string, int> counts_;
};

Simulation forgetful() {
  return Simulation({.name = "forgetful",
                     .topology =
                         [] {
                           StreamBuilder builder;
                           builder.stream<std::string, std::string>("lines")
                               .process([] { return std::make_unique<Forgetful>(); })
                               .to("out");
                           return builder.build();
                         },
                     .inputs = {{"lines", make_line}},
                     .outputs = {{"out", OutputRule::kSamePerKey}},
                     .limits = {.on_disk = false}});
}

SimulationResult first_failure(const Simulation& simulation) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimulationResult result = simulation.run(simulation.draw(seed));
    if (!result.ok()) return result;
  }
  return {};
}

TEST(Simulation, FindsAProgramThatRemembersOutsideOfItsStores) {
  const SimulationResult failed = first_failure(forgetful());
  EXPECT_EQ(failed.invariant, "outputs") << failed.what;
}

TEST(Simulation, ShrinksAFailureToAScriptThatFailsInTheSameWay) {
  const Simulation simulation = forgetful();
  const SimulationResult failed = first_failure(simulation);
  ASSERT_FALSE(failed.ok());
  const SimulationResult small = simulation.shrink(failed);
  EXPECT_EQ(small.invariant, failed.invariant);
  EXPECT_LE(small.plan.faults.size(), 2U) << small.plan.script();
  EXPECT_LE(small.plan.records, 30) << small.plan.script();

  const auto read = SimulationPlan::parse(small.plan.script());
  ASSERT_TRUE(read.ok()) << read.status();
  const SimulationResult again = simulation.run(*read);
  EXPECT_EQ(again.invariant, small.invariant);
  EXPECT_EQ(again.what, small.what);
  EXPECT_EQ(again.events, small.events);
}

TEST(Simulation, SameSeedSameRun) {
  const Simulation simulation = forgetful();
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    EXPECT_EQ(simulation.run(simulation.draw(seed)).events, simulation.run(simulation.draw(seed)).events)
        << seed;
  }
}

// Rows that are not what the changelog says are seen when the task begins.
TEST(Simulation, ComparesWhatIsInTheStoresWithTheirChangelogs) {
  const Simulation simulation(
      {.name = "word-count",
       .topology = word_count,
       .inputs = {{"lines", make_line}},
       .outputs = {{"counts-by-word", OutputRule::kSameCounts}},
       .read = [](StateStore&, const std::function<void(BytesView, BytesView, Timestamp)>& visit) {
         visit("be", "not what was counted", 0);
         return true;
       }});
  SimulationPlan plan;
  plan.scenario = "word-count";
  EXPECT_EQ(simulation.run(plan).invariant, "state-is-fold");
}

TEST(Simulation, ComparesWithWhatAnotherApplicationMakesOfTheSameInput) {
  const auto copied = [](const std::string& to, const std::string& end) {
    return [to, end] {
      StreamBuilder builder;
      builder.stream<std::string, std::string>("lines")
          .map_values([end](const std::string& line) { return line + end; })
          .to(to);
      return builder.build();
    };
  };
  const auto replayed_with = [&](const std::string& end) {
    const Simulation simulation({.name = "copy",
                                 .topology = copied("out", "!"),
                                 .inputs = {{"lines", make_line}},
                                 .outputs = {{"out"}},
                                 .replay = copied("again", end),
                                 .replayed = {{"out", "again"}}});
    SimulationPlan plan;
    plan.scenario = "copy";
    plan.partitions = 3;
    return simulation.run(plan).invariant;
  };
  EXPECT_EQ(replayed_with("!"), "");
  EXPECT_EQ(replayed_with("?"), "replay");
}

TEST(Simulation, UpgradesToTheNextVersion) {
  bool asked = false;
  const Simulation simulation({.name = "word-count",
                               .topology = word_count,
                               .inputs = {{"lines", make_line}},
                               .outputs = {{"counts-by-word", OutputRule::kSameCounts}},
                               .next_topology = [&asked] {
                                 asked = true;
                                 return word_count();
                               }});
  SimulationPlan plan;
  plan.scenario = "word-count";
  plan.instances = 2;
  plan.faults = {{.kind = FaultKind::kUpgrade, .at = Duration{1'000}, .instance = 1, .lasts = Duration{100}}};
  const SimulationResult result = simulation.run(plan);
  EXPECT_TRUE(result.ok()) << result.what;
  EXPECT_TRUE(asked);
}

TEST(SimulationPlan, IsReadAsItIsWritten) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const SimulationPlan plan =
        draw_plan(seed, "any", {.growing = true, .upgrading = true, .recreating = seed % 4 == 0});
    const auto read = SimulationPlan::parse(plan.script());
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->script(), plan.script());
    EXPECT_EQ(read->faults, plan.faults);
  }
}

TEST(SimulationPlan, NamesTheLineThatCannotBeRead) {
  const auto message = [](const std::string& script) {
    const auto plan = SimulationPlan::parse(script);
    return plan.ok() ? std::string() : std::string(plan.status().message());
  };
  EXPECT_EQ(message("# nothing\n\nseed 7\n"), "");
  EXPECT_NE(message("seed 7\ninstances many\n").find("line 2"), std::string::npos);
  EXPECT_NE(message("at 5 explode instance 0\n").find("no fault 'explode'"), std::string::npos);
  EXPECT_NE(message("at 5 kill instance 0 during lunch\n").find("'during'"), std::string::npos);
  EXPECT_NE(message("at 5 kill instance 3\n").find("no instance 3"), std::string::npos);
  EXPECT_NE(message("workers 0\n").find("at least 1"), std::string::npos);
  EXPECT_NE(message("colour 3\n").find("no such setting"), std::string::npos);
}

}  // namespace
}  // namespace weir
