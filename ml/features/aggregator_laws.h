// Does an aggregator keep the laws that feature views rely on? For the tests of those who write their own:
//
//   const absl::Status kept = weir::ml::check_aggregator(SumOfSquares(), {.queries = {{}}, .tolerance = 1e-9});
//   ASSERT_TRUE(kept.ok()) << kept;
//
// Random records are cut into tiles in random places and merged in random brackets. Tested is that
//
//   - merging with the state of no records, from either side, changes nothing, bit for bit
//   - any bracketing gives the same answers, up to the tolerance
//   - adding one by one and adding by tiles give the same answers, up to the tolerance
//   - what encode writes decode reads to the same state, bit for bit, with the same answers, then and when it is merged
//   - decode survives bytes that are cut off or changed
//
// There is no inverse to test: windows slide without taking anything out of a state (key_state.h).
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include <weir/ml/features/aggregator.h>

namespace weir::ml {

// The values of a record; what they borrow must last.
struct DrawnValues {
  Value value;
  Value second;
};

struct LawCheck {
  // What is asked of the states that are compared; their codes and parameters.
  std::vector<Query> queries = {Query{}};
  // Of two answers, relative to the larger one; 0: bit for bit.
  double tolerance = 1e-9;
  // Makes the values of a record; by default any numbers and a few categories.
  std::function<DrawnValues(std::mt19937_64&)> draw = {};
  std::uint64_t seed = 1;
  int rounds = 200;
};

// Returns the first law that is broken, with the seed and the round.
[[nodiscard]] absl::Status check_aggregation(const Aggregation& aggregation, const LawCheck& check);

template <Aggregator A>
[[nodiscard]] absl::Status check_aggregator(const A& aggregator, const LawCheck& check) {
  return check_aggregation(AggregationOf<A>(aggregator), check);
}

}  // namespace weir::ml
