// Aggregators of categories, and of numbers in bins. All are bounded: what does not fit is counted or forgotten by a rule that
// does not depend on the order of merging, and a flag says so.
//
//   distinct       the set of categories, at most `limit`: of more the ones with the smallest bytes stay, and the count is
//                  that of the limit
//   last_distinct  the categories that came last, each with its latest record
//   value_counts   how often each came, at most `limit` categories: of more the ones with the smallest bytes stay, and the
//                  others are counted together
//   histogram      how many numbers lie in each bin [edge i, edge i+1); below the first and from the last edge on are bins too
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <weir/ml/features/aggregator.h>

namespace weir::ml {

enum class DistinctOf : int {
  kCount,
  kOverflowed,  // 1 if there were more than the limit
  kIsNew,       // 1 if the record's own category is not in the set
};
[[nodiscard]] AggregationPtr distinct_values(std::size_t limit);

enum class LastDistinctOf : int {
  kCount,
  kRankOfOwn,  // of the record's own category, the newest 0; no value if it is not there
  kAgeOfOwn,   // seconds since the record's own category came last
  kNumber,  // the category of the rank in Query::parameter, from 0: the number that its text is, no value for other texts
};
[[nodiscard]] AggregationPtr last_distinct_values(std::size_t limit);

enum class ValueCountsOf : int {
  kCountOf,     // of the category at Query::parameter in the list
  kShareOf,     // the same by all
  kCountOfOwn,  // of the record's own category
  kShareOfOwn,
  kEntropy,    // in nats; those beyond the limit count as one category
  kDistinct,   // how many, at most the limit
  kModeCount,  // of the most frequent
  kModeShare,
  kOther,       // beyond the limit
  kModeNumber,  // the most frequent, of equals the one with the smallest bytes: the number that its text is
};
// `listed` are the categories that questions can name.
[[nodiscard]] AggregationPtr value_counts(std::size_t limit, std::vector<std::string> listed = {});

// Query::what is the bin.
[[nodiscard]] AggregationPtr histogram(std::vector<double> edges);

}  // namespace weir::ml
