// What does a feature view cost per record, without a stream around it: four windows (1 hour, 12 hours, 7 days, 30 days) of five
// moments (count, sum, deviation, minimum, maximum), evaluated and updated, in memory?
//
// Good is at most 100 ns on one hot key and 600 ns with 20,000 keys, where it is cache misses; and the same for a window of a day
// as for one of a year. Each figure is the processor time of the best of several passes.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include <weir/ml/features/feature_view.h>
#include <weir/ml/features/key_state.h>

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

}  // namespace

int main() {
  const std::vector<FeatureWindow> four = {1h, 12h, weir::ml::days(7), weir::ml::days(30)};
  const FeaturePlanPtr plan = plan_of(four);
  std::printf("4 windows x 5 moments, ns per record (evaluate + add)\n");
  std::printf("%10s %14s %14s\n", "keys", "folds kept", "made anew");
  std::printf("%10d %14.0f %14.0f\n", 1, measure(*plan, 1, 300'000, 1s, true),
              measure(*plan, 1, 50'000, 1s, false));
  // About a record of each key in five minutes.
  std::printf("%10d %14.0f %14.0f\n", 1000, measure(*plan, 1000, 200'000, 300ms, true),
              measure(*plan, 1000, 50'000, 300ms, false));
  std::printf("%10d %14.0f %14.0f\n", 20'000, measure(*plan, 20'000, 600'000, 15ms, true),
              measure(*plan, 20'000, 50'000, 15ms, false));
  std::printf("\none window x 5 moments, one key with a record a minute, ns per record\n");
  for (const int length : {1, 10, 30, 90, 365}) {
    const FeaturePlanPtr one = plan_of({weir::ml::days(length)});
    std::printf("%7d days %11.0f %14.0f\n", length, measure(*one, 1, 200'000, 60s, true),
                measure(*one, 1, 50'000, 60s, false));
  }
  return 0;
}
