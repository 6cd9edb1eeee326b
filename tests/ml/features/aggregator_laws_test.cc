// Do the aggregators keep the laws of aggregator_laws.h, and does that harness find those that do not?
#include <weir/ml/features/aggregator_laws.h>

#include <random>

#include <gtest/gtest.h>

#include <weir/core/status.h>
#include <weir/ml/features/categories.h>
#include <weir/ml/features/moments.h>
#include <weir/ml/features/picks.h>
#include <weir/ml/features/sketched.h>
#include <weir/ml/features/trends.h>

namespace weir::ml {
namespace {

using namespace std::chrono_literals;

std::vector<Query> codes(int count, double parameter = 0) {
  std::vector<Query> queries;
  for (int i = 0; i < count; ++i) {
    Query query;
    query.what = i;
    query.parameter = parameter;
    queries.push_back(query);
  }
  return queries;
}

void expect_lawful(const AggregationPtr& aggregation, std::vector<Query> queries, double tolerance = 1e-6) {
  LawCheck check;
  check.queries = std::move(queries);
  check.tolerance = tolerance;
  check.seed = std::random_device()();
  const absl::Status kept = check_aggregation(*aggregation, check);
  EXPECT_TRUE(kept.ok()) << kept;
}

TEST(AggregatorLaws, AreKeptByNumbers) {
  expect_lawful(summary(), codes(11));
  expect_lawful(counter(), codes(1), 0);
  expect_lawful(ratio_counter(), codes(1), 0);
  expect_lawful(bucketed_summary({"a", "b"}), codes(4, 2));
  expect_lawful(histogram({990, 1000, 1010}), codes(4), 0);
}

TEST(AggregatorLaws, AreKeptByShapes) {
  // Values whose spread is not small beside their mean: skewness has no more digits than that leaves.
  LawCheck check;
  check.queries = codes(2);
  check.tolerance = 1e-6;
  check.seed = std::random_device()();
  check.draw = [](std::mt19937_64& random) {
    DrawnValues drawn;
    drawn.value.number = std::exponential_distribution<double>(1)(random);
    drawn.value.null = false;
    return drawn;
  };
  const absl::Status kept = check_aggregation(*shape(), check);
  EXPECT_TRUE(kept.ok()) << kept;
}

TEST(AggregatorLaws, AreKeptByPicks) {
  for (const Pick which : {Pick::kFirst, Pick::kLast, Pick::kLargest, Pick::kSmallest}) {
    expect_lawful(picks(which, 3), codes(4, 0), 0);
    expect_lawful(picks(which, 3), codes(4, 2), 0);
  }
}

TEST(AggregatorLaws, AreKeptByCategories) {
  expect_lawful(distinct_values(3), codes(3), 0);
  expect_lawful(distinct_values(100), codes(3), 0);
  expect_lawful(last_distinct_values(2), codes(3), 0);
  expect_lawful(value_counts(3, {"b"}), codes(9), 0);
  expect_lawful(value_counts(100, {"b"}), codes(9), 1e-12);
}

TEST(AggregatorLaws, AreKeptByTrends) {
  expect_lawful(decayed(1s), codes(3));
  expect_lawful(trend(), {codes(1).front()}, 1e-4);
  expect_lawful(pauses(), codes(5));
  expect_lawful(drawdown(), codes(2), 0);
}

TEST(AggregatorLaws, AreKeptBySketches) {
  Query quantile;
  quantile.what = static_cast<int>(ApproximateOf::kQuantile);
  quantile.parameter = 0.5;
  Query top;
  top.what = static_cast<int>(ApproximateOf::kTopShare);
  top.parameter = 2;
  expect_lawful(approximate_distinct(10), codes(1), 0);
  expect_lawful(relative_quantiles(0.01), {quantile}, 0);
  // With so few records nothing is left out yet.
  expect_lawful(rank_quantiles(200), {quantile}, 0);
  expect_lawful(tail_quantiles(100), {quantile}, 1e-3);
  expect_lawful(heavy_hitters(16), {top}, 0);
}

// An aggregator as a user writes it.
struct SumOfSquares {
  using State = double;
  std::string identity() const { return "sum-of-squares"; }
  State init() const { return 0; }
  void add(State& state, const Input& input) const { state += input.value->number * input.value->number; }
  void merge(State& state, const State& later) const { state += later; }
  double value(const State& state, const Query&, const Evaluation&) const { return state; }
  void encode(const State& state, Bytes& out) const { put_double(state, out); }
  bool decode(StateReader& bytes, State& state) const {
    state = bytes.take_double();
    return bytes.ok();
  }
};

struct ForgetsOnMerge : SumOfSquares {
  void merge(State& state, const State& later) const { state = later; }
};
struct BeginsAtOne : SumOfSquares {
  State init() const { return 1; }
};
struct Averages : SumOfSquares {
  void merge(State& state, const State& later) const {
    state = state == 0 ? later : later == 0 ? state : (state + later) / 2;
  }
};
struct Rounds : SumOfSquares {
  void encode(const State& state, Bytes& out) const { put_signed(static_cast<std::int64_t>(state), out); }
  bool decode(StateReader& bytes, State& state) const {
    state = static_cast<double>(bytes.take_signed()) + 1;
    return bytes.ok();
  }
};

// Loses digits, and what it wrote and read it writes again.
struct WritesFloats : SumOfSquares {
  void encode(const State& state, Bytes& out) const { put_double(static_cast<float>(state), out); }
};
// What it does not write is in no answer, but in those to come.
struct MeanAndCount {
  double sum = 0;
  double count = 0;
};
struct WritesTheMeanAlone {
  using State = MeanAndCount;
  std::string identity() const { return "mean"; }
  State init() const { return {}; }
  void add(State& state, const Input& input) const { merge(state, {input.value->number, 1}); }
  void merge(State& state, const State& later) const {
    state.sum += later.sum;
    state.count += later.count;
  }
  double value(const State& state, const Query&, const Evaluation&) const {
    return state.count == 0 ? kNoValue : state.sum / state.count;
  }
  void encode(const State& state, Bytes& out) const {
    put_double(state.count == 0 ? 0 : state.sum / state.count, out);
  }
  bool decode(StateReader& bytes, State& state) const {
    state = {bytes.take_double(), 1};
    return bytes.ok();
  }
};
// The later state counts double.
struct LeansToTheRight : SumOfSquares {
  void merge(State& state, const State& later) const {
    if (later != 0) state = state == 0 ? later : state + 2 * later;
  }
};

TEST(AggregatorLaws, AreCheckedForAggregatorsOfUsers) {
  EXPECT_TRUE(check_aggregator(SumOfSquares(), {}).ok());
  const auto fault = [](const auto& aggregator) { return message_of(check_aggregator(aggregator, {})); };
  EXPECT_NE(fault(ForgetsOnMerge()).find("state of no records"), std::string::npos)
      << fault(ForgetsOnMerge());
  EXPECT_NE(fault(BeginsAtOne()).find("is not that other"), std::string::npos) << fault(BeginsAtOne());
  EXPECT_NE(fault(Averages()).find("the answers differ"), std::string::npos) << fault(Averages());
  EXPECT_NE(fault(Rounds()).find("decodes to another state"), std::string::npos) << fault(Rounds());
  EXPECT_NE(fault(WritesFloats()).find("with other answers"), std::string::npos) << fault(WritesFloats());
  EXPECT_NE(fault(LeansToTheRight()).find("the answers differ"), std::string::npos)
      << fault(LeansToTheRight());
  EXPECT_FALSE(check_aggregator(WritesTheMeanAlone(), {}).ok());
}

}  // namespace
}  // namespace weir::ml
