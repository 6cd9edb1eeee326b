// What an aggregator of a feature view sees: a value of a column, a record's input, a question asked of a state.
//
// Nothing here knows records or streams; a feature view (feature_view.h) reads these values from a user's type.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include <weir/core/time.h>

namespace weir::ml {

// How a feature says that it has no value.
inline constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();

// A column's value in one record. A borrow: `text` and `numbers` live until the record is done with.
struct Value {
  double number = 0;
  std::string_view text = {};            // of a column of categories
  std::span<const double> numbers = {};  // of a column of vectors
  bool null = true;
};

inline const Value kNullValue;

// One record, as the aggregator of a column sees it. A borrow.
struct Input {
  Timestamp time = 0;
  // Where the record stood in its partition: breaks ties between records of the same time.
  std::int64_t order = 0;
  const Value* value = &kNullValue;
  // Of an aggregator over two columns.
  const Value* second = &kNullValue;
};

// One question asked of a state, and where the answer goes.
struct Query {
  int what = 0;              // the aggregator's own code
  double parameter = 0;      // and what belongs to it: a quantile, a rank
  double empty = kNoValue;   // the answer in place of "no value"
  std::uint32_t column = 0;  // of the row
};

// What a question may depend on besides the state: the record whose features are asked for.
struct Evaluation {
  Timestamp time = 0;
  // Of the window, in seconds; 0 if it has no length.
  double window_seconds = 0;
  // The record's own value in the aggregator's column, whether or not it is in the state.
  const Value* value = &kNullValue;
  bool includes_current = false;
};

}  // namespace weir::ml
