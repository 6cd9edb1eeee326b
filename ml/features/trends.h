// Aggregators of how things go on: decayed sums, the linear trend, the pauses between records, the drawdown.
#pragma once

#include <weir/core/time.h>
#include <weir/ml/features/aggregator.h>

namespace weir::ml {

enum class DecayedOf : int {
  kCount,  // of records, each worth half as much after a half-life
  kSum,
  kMean,  // the exponentially weighted mean
};
// What is asked at a time before the newest record is answered as of that record. `half_life` > 0.
[[nodiscard]] AggregationPtr decayed(Duration half_life);

enum class TrendOf : int {
  kSlopePerSecond,  // of the least-squares line; no value unless there are two different times
  kCorrelation,     // of value and time; no value without spread in both
  kForecast,        // of the line at the record's time
};
[[nodiscard]] AggregationPtr trend();

enum class PausesOf : int {
  kSinceLast,  // seconds from the newest record; negative if that is newer than the record whose features are asked for
  kSinceFirst,  // seconds from the oldest
  kMean,        // seconds between two records, from the oldest to the newest: exact in any order
  // Of the pauses as they were when records came: one that came after a newer one of its tile makes none. Between tiles it
  // is the pause from the newest record of one to the oldest of the next.
  kDeviation,
  kSpan,  // seconds from the oldest to the newest
};
[[nodiscard]] AggregationPtr pauses();

enum class DrawdownOf : int {
  kLargest,  // the largest fall from a value to a later one; 0 if it never fell
  kRise,     // the largest rise
};
// Records of one tile are taken in the order in which they came.
[[nodiscard]] AggregationPtr drawdown();

}  // namespace weir::ml
