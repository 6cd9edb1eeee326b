// What does a feature view cost per record: four windows (1 hour, 24 hours, 7 days, 30 days) of five moments (count, sum,
// deviation, minimum, maximum), evaluated and updated, in memory?
//
// Three times: the engine alone with folds remembered, with folds made anew for each record, and the store that an operator calls,
// which finds the key, with a commit every 1000 records; of the latter the commits are told apart.
//
// Good is at most 100 ns on one hot key and 600 ns with 20,000 keys, where it is cache misses; and the same for a window of a day
// as for one of a year. Each figure is the processor time of the best of several passes. With many keys a machine whose other
// processors are busy shows twice as much: what is waited for is memory.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include <weir/ml/features/feature_store.h>
#include <weir/ml/features/feature_view.h>
#include <weir/ml/features/key_state.h>
#include <weir/state/engine.h>

namespace {

using namespace std::chrono_literals;
using namespace weir::ml;

constexpr int kPasses = 5;
constexpr weir::Timestamp kStart = 1'700'000'000'000;

struct Payment {
  double amount = 0;
};

FeaturePlanPtr plan_of(std::vector<FeatureWindow> windows) {
  const auto plan = features<Payment, double>("bench", 1)
                        .agg(agg::statistics("amount", &Payment::amount), std::move(windows))
                        .plan();
  if (!plan.ok()) {
    std::fprintf(stderr, "%s\n", std::string(plan.status().message()).c_str());
    std::exit(1);
  }
  return *plan;
}

// Of this thread, in nanoseconds.
double processor_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Returns nanoseconds per record. `pause`: the mean time between two records of any key.
double measure(const FeaturePlan& plan, std::size_t keys, std::size_t records, weir::Duration pause,
               bool remember) {
  Workspace workspace(plan, remember);
  std::vector<KeyState> states;
  states.reserve(keys);
  for (std::size_t i = 0; i < keys; ++i) states.emplace_back(plan);
  std::mt19937_64 random(1);
  std::vector<std::uint32_t> order(records);
  for (std::uint32_t& key : order) key = static_cast<std::uint32_t>(random() % keys);
  std::vector<double> row(plan.outputs().size());
  std::vector<double> passes;
  weir::Timestamp time = kStart;
  std::int64_t offset = 0;
  double sum = 0;
  for (int pass = 0; pass <= kPasses; ++pass) {
    const double begin = processor_time();
    for (const std::uint32_t key : order) {
      time += pause.count();
      Value value;
      value.number = static_cast<double>(offset % 1000) * 0.25;
      value.null = false;
      const Event event{time, offset++, {&value, 1}};
      KeyState& state = states[key];
      state.prefetch();
      state.evaluate(event, false, workspace, row.data());
      state.add(event, workspace);
      state.settle();
      sum += row[1];
    }
    const double took = processor_time() - begin;
    // The first pass fills the tiles.
    if (pass > 0) passes.push_back(took / static_cast<double>(records));
  }
  if (sum < 0) std::puts("");  // so that it is computed
  return *std::min_element(passes.begin(), passes.end());
}

class NullChangelog final : public weir::ChangelogWriter {
 public:
  void append(const weir::StoreSpec&, weir::BytesView, weir::NullableBytes, weir::Timestamp) override {}
};

template <class T>
T value_of(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(result);
}

void check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

struct StoreCost {
  double process = 0;  // per record
  double commit = 0;   // the same
};

// As `measure`, by way of the store that an operator has.
StoreCost measure_store(const FeaturePlanPtr& plan, std::size_t keys, std::size_t records,
                        weir::Duration pause) {
  constexpr std::size_t kCommitEvery = 1000;
  const auto engine = weir::state_engine();
  weir::TaskStoreOptions options;
  options.task = "bench";
  options.resources = value_of(engine->make_resources({}));
  const FeatureStoreOptions store_options{.persistent = false, .cache_bytes = std::size_t{4} << 30};
  const std::vector<weir::StoreSpec> specs{feature_store_spec("features", plan, store_options)};
  const auto task = value_of(engine->open(options, specs));
  auto& store = dynamic_cast<FeatureStore&>(*task->find("features"));
  check(store.prepare());
  NullChangelog changelog;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < keys; ++i) names.push_back("card" + std::to_string(1'000'000 + i));
  std::mt19937_64 random(1);
  std::vector<std::uint32_t> order(records);
  for (std::uint32_t& key : order) key = static_cast<std::uint32_t>(random() % keys);
  std::vector<double> row(plan->outputs().size());
  weir::Timestamp time = kStart;
  std::int64_t offset = 0;
  StoreCost best{1e9, 1e9};
  for (int pass = 0; pass <= kPasses; ++pass) {
    double commits = 0;
    const double begin = processor_time();
    for (const std::uint32_t key : order) {
      Value value;
      value.number = static_cast<double>(offset % 1000) * 0.25;
      value.null = false;
      const weir::Timestamp now = time;
      time += pause.count();
      static_cast<void>(store.process(names[key], {time, offset++, {&value, 1}}, now, row.data()));
      if (static_cast<std::size_t>(offset) % kCommitEvery != 0) continue;
      const double before = processor_time();
      while (task->emit_pending()) {
      }
      check(task->encode(changelog));
      check(task->apply(task->meta()));
      commits += processor_time() - before;
    }
    const double took = processor_time() - begin - commits;
    if (pass == 0) continue;
    best.process = std::min(best.process, took / static_cast<double>(records));
    best.commit = std::min(best.commit, commits / static_cast<double>(records));
  }
  return best;
}

void print_keys(const FeaturePlanPtr& plan, std::size_t keys, std::size_t records, weir::Duration pause) {
  const double kept = measure(*plan, keys, records, pause, true);
  const double anew = measure(*plan, keys, 50'000, pause, false);
  const StoreCost store = measure_store(plan, keys, records, pause);
  std::printf("%10zu %14.0f %14.0f %14.0f %14.0f\n", keys, kept, anew, store.process, store.commit);
}

}  // namespace

int main() {
  const std::vector<FeatureWindow> four = {1h, 24h, weir::ml::days(7), weir::ml::days(30)};
  const FeaturePlanPtr plan = plan_of(four);
  std::printf("4 windows x 5 moments, ns per record (evaluate + add)\n");
  std::printf("%10s %14s %14s %14s %14s\n", "keys", "folds kept", "made anew", "store", "its commits");
  print_keys(plan, 1, 300'000, 1s);
  // About a record of each key in five minutes.
  print_keys(plan, 1000, 200'000, 300ms);
  print_keys(plan, 20'000, 600'000, 15ms);
  std::printf("\none window x 5 moments, one key with a record a minute, ns per record\n");
  for (const int length : {1, 10, 30, 90, 365}) {
    const FeaturePlanPtr one = plan_of({weir::ml::days(length)});
    std::printf("%7d days %11.0f %14.0f\n", length, measure(*one, 1, 200'000, 60s, true),
                measure(*one, 1, 50'000, 60s, false));
  }
  return 0;
}
