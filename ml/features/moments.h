// Aggregators of numbers whose state is a few sums: count, sum, mean, variance and their like.
//
//   summary    count, sum (Neumaier's compensation), mean and squared deviations (Welford; merged as Chan, Golub and LeVeque
//              do), minimum, maximum: one state for what most views ask
//   shape      mean and central moments up to the fourth (Pébay): skewness and kurtosis
//   vector     a summary for each element of vectors of a fixed width; vectors of another width are passed over
//   buckets    a summary for each of some categories, and one for all others together
//   counter    how many records; nothing of their values
//   ratio      how many records have a first flag, and how many a second one
//
// Means and moments are never made of sums of squares, which cancel where the mean is large. An infinite value makes sums and
// means infinite or undefined; a value that is not a number makes them undefined, and minimum and maximum pass over it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <weir/ml/features/aggregator.h>

namespace weir::ml {

enum class SummaryOf : int {
  kCount,
  kSum,
  kMean,
  kVariancePopulation,
  kVarianceSample,
  kDeviationPopulation,
  kDeviationSample,
  kMin,
  kMax,
  kRange,
  kSumPerSecond,  // over the window's length
  kDeltaToMean,   // the record's own value minus the mean
};
[[nodiscard]] AggregationPtr summary();

// Answers a summary's questions; Query::parameter is the element.
[[nodiscard]] AggregationPtr vector_summary(std::size_t width);

// Answers a summary's questions; Query::parameter is the index in `categories`, or its size for the others. Input::second is
// the category.
[[nodiscard]] AggregationPtr bucketed_summary(std::vector<std::string> categories);

enum class ShapeOf : int {
  kSkewness,  // of the population; no value below three records or without any spread
  kKurtosis,  // excess, of the population; the same below four
};
[[nodiscard]] AggregationPtr shape();

enum class CounterOf : int {
  kCount,
  kPerSecond,  // over the window's length
};
[[nodiscard]] AggregationPtr counter();

enum class RatioOf : int {
  kRatio,  // records with value != 0 by records with second != 0; no value if there are none of these
};
[[nodiscard]] AggregationPtr ratio_counter();

}  // namespace weir::ml
