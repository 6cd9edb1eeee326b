// Aggregators whose states are sketches (sketches/): approximate, of a size that does not grow with what they saw. Each sketch's
// header says what its error is.
#pragma once

#include <cstddef>
#include <cstdint>

#include <weir/ml/features/aggregator.h>

namespace weir::ml {

enum class ApproximateOf : int {
  kDistinct,      // of categories: how many
  kQuantile,      // of numbers: Query::parameter is which one, 0 to 1
  kShareUpToOwn,  // of numbers: the share that is not above the record's own value
  kTopShare,      // of categories: the share of the Query::parameter most frequent
  kShareOfOwn,    // of categories: that of the record's own
  kShareError,    // of categories: by how much a share may be too high
};

[[nodiscard]] AggregationPtr approximate_distinct(int precision);        // HyperLogLog
[[nodiscard]] AggregationPtr relative_quantiles(double accuracy);        // DDSketch
[[nodiscard]] AggregationPtr rank_quantiles(std::uint32_t size);         // KLL
[[nodiscard]] AggregationPtr tail_quantiles(std::uint32_t compression);  // t-digest
[[nodiscard]] AggregationPtr heavy_hitters(std::size_t counters);        // SpaceSaving

}  // namespace weir::ml
