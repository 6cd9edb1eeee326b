#include <algorithm>
#include <set>
#include <vector>

#include <weir/core/testing/simulation.h>

namespace weir {
namespace {

// Keeps what still fails.
class Shrinker {
 public:
  Shrinker(const Simulation& simulation, SimulationResult failed, int runs)
      : simulation_(simulation), best_(std::move(failed)), runs_(runs) {}

  // Tries a smaller plan. Returns whether it fails in the same way.
  bool accept(const SimulationPlan& plan) {
    if (runs_ <= 0) return false;
    --runs_;
    SimulationResult result = simulation_.run(plan);
    if (result.invariant != best_.invariant) return false;
    best_ = std::move(result);
    return true;
  }

  const SimulationPlan& plan() const { return best_.plan; }
  SimulationResult take() { return std::move(best_); }
  bool exhausted() const { return runs_ <= 0; }

 private:
  const Simulation& simulation_;
  SimulationResult best_;
  int runs_;
};

void drop_kinds(Shrinker& shrinker) {
  for (std::size_t kind = 0; kind < kFaultKinds; ++kind) {
    SimulationPlan plan = shrinker.plan();
    if (std::erase_if(plan.faults, [&](const SimulationFault& fault) {
          return fault.kind == static_cast<FaultKind>(kind);
        }) > 0) {
      shrinker.accept(plan);
    }
  }
}

// Delta debugging: halves, quarters, ... down to single faults.
void drop_faults(Shrinker& shrinker) {
  for (std::size_t chunk = std::max<std::size_t>(shrinker.plan().faults.size() / 2, 1);; chunk /= 2) {
    for (std::size_t from = 0; from < shrinker.plan().faults.size();) {
      SimulationPlan plan = shrinker.plan();
      const auto first = plan.faults.begin() + static_cast<std::ptrdiff_t>(from);
      const auto last = first + static_cast<std::ptrdiff_t>(std::min(chunk, plan.faults.size() - from));
      plan.faults.erase(first, last);
      if (!shrinker.accept(plan)) from += chunk;
    }
    if (chunk <= 1) return;
  }
}

// Tries ever smaller values of a number, from its smallest on.
template <class Number>
void lower(Shrinker& shrinker, Number SimulationPlan::*field, Number smallest) {
  while (shrinker.plan().*field > smallest && !shrinker.exhausted()) {
    SimulationPlan plan = shrinker.plan();
    plan.*field = smallest;
    if (shrinker.accept(plan)) return;
    plan = shrinker.plan();
    const Number half = smallest + (plan.*field - smallest) / 2;
    if (half == plan.*field) return;
    plan.*field = half;
    if (!shrinker.accept(plan)) return;
  }
}

void drop_instances(Shrinker& shrinker) {
  for (int gone = shrinker.plan().instances - 1; gone >= 0 && shrinker.plan().instances > 1; --gone) {
    SimulationPlan plan = shrinker.plan();
    --plan.instances;
    std::erase_if(plan.faults, [&](const SimulationFault& fault) { return fault.instance == gone; });
    for (SimulationFault& fault : plan.faults) {
      if (fault.instance > gone) --fault.instance;
    }
    shrinker.accept(plan);
  }
}

template <class Value>
void settle_for(Shrinker& shrinker, Value SimulationPlan::*field, Value value) {
  SimulationPlan plan = shrinker.plan();
  if (plan.*field == value) return;
  plan.*field = value;
  shrinker.accept(plan);
}

void simplify_faults(Shrinker& shrinker) {
  for (std::size_t i = 0; i < shrinker.plan().faults.size(); ++i) {
    SimulationPlan plan = shrinker.plan();
    if (plan.faults[i].skip > 0) {
      plan.faults[i].skip = 0;
      shrinker.accept(plan);
    }
    plan = shrinker.plan();
    if (plan.faults[i].follows) {
      // By itself, at a time of its own.
      plan.faults[i].follows = false;
      if (i > 0) plan.faults[i].at += plan.faults[i - 1].at;
      shrinker.accept(plan);
    }
    plan = shrinker.plan();
    if (plan.faults[i].lose_directory) {
      plan.faults[i].lose_directory = false;
      shrinker.accept(plan);
    }
  }
}

}  // namespace

SimulationResult Simulation::shrink(const SimulationResult& failed, int runs_max) const {
  Shrinker shrinker(*this, failed, runs_max);
  const SimulationPlan plain;
  for (int round = 0; round < 2; ++round) {
    drop_kinds(shrinker);
    drop_faults(shrinker);
    drop_instances(shrinker);
    lower(shrinker, &SimulationPlan::workers, 1);
    lower(shrinker, &SimulationPlan::partitions, Partition{1});
    lower(shrinker, &SimulationPlan::records, 1);
    lower(shrinker, &SimulationPlan::keys, 1);
    settle_for(shrinker, &SimulationPlan::on_disk, false);
    settle_for(shrinker, &SimulationPlan::standbys, 0);
    settle_for(shrinker, &SimulationPlan::quiet, Duration{0});
    settle_for(shrinker, &SimulationPlan::tombstones, Duration{0});
    settle_for(shrinker, &SimulationPlan::schedule, SimulationSchedule::kUniform);
    settle_for(shrinker, &SimulationPlan::uncommitted_bytes_max, plain.uncommitted_bytes_max);
    settle_for(shrinker, &SimulationPlan::buffered_bytes, plain.buffered_bytes);
    settle_for(shrinker, &SimulationPlan::buffered_records, plain.buffered_records);
    settle_for(shrinker, &SimulationPlan::fetched_records, plain.fetched_records);
    settle_for(shrinker, &SimulationPlan::max_task_idle, plain.max_task_idle);
    settle_for(shrinker, &SimulationPlan::commit_interval, plain.commit_interval);
    settle_for(shrinker, &SimulationPlan::session_timeout, plain.session_timeout);
    settle_for(shrinker, &SimulationPlan::input_time, plain.input_time);
    simplify_faults(shrinker);
  }
  return shrinker.take();
}

}  // namespace weir
