// Aggregators that keep some of the records: the first, the last, those with the largest values.
//
// Records are in order by time, then by their place in the partition: so what is picked never depends on which of two equals
// came first. A value that is not a number is never picked.
#pragma once

#include <cstddef>

#include <weir/ml/features/aggregator.h>

namespace weir::ml {

enum class Pick : int {
  kFirst,    // by time
  kLast,     // by time, the newest first
  kLargest,  // by value, the largest first; of equals the oldest
  kSmallest,
};

enum class PickOf : int {
  kValue,   // of the rank in Query::parameter, from 0
  kSecond,  // the second column's value at that rank
  kAge,     // seconds from the record at that rank to the record whose features are asked for
  kDelta,   // the record's own value minus the one at that rank
};

// `count` records at most, > 0.
[[nodiscard]] AggregationPtr picks(Pick which, std::size_t count);

}  // namespace weir::ml
