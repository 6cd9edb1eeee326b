// A feature log as a table: read from its topic or from a file, written as a file.
//
//   key,time,id,amount_count_1h,amount_sum_1h
//   card-7,1700000000000,payments-0-41,2,12.5
//
// A file is CSV (csv.h) with the columns key and time (milliseconds since 1970), if it knows it id (of the prediction), and one for each
// feature; an empty cell has no value. So any other program that computes the same features can say what it got.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <limits>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/clock.h>
#include <weir/core/transport.h>

namespace weir::ml {

struct LoggedRow {
  std::string key;
  Timestamp time = 0;
  std::string id;              // of the prediction; may be empty
  std::vector<double> values;  // NaN: none
};

struct FeatureLogTable {
  std::vector<std::string> columns;
  // Whether the columns' names are known; a log does not have them, they are f0, f1, ... then.
  bool named = true;
  std::vector<LoggedRow> rows;  // as they were read
};

struct FeatureLogSelection {
  std::string topic = {};
  // Of this view and version only; a log of several must be told one. Empty, 0: any.
  std::string view = {};
  std::int32_t version = 0;
  // What the features are called, in their order. Default: f0, f1, ...
  std::vector<std::string> columns = {};
  // Rows as of `from` on and before `until`.
  Timestamp from = 0;
  Timestamp until = std::numeric_limits<Timestamp>::max();
  std::uint64_t rows_max = 10'000'000;
  Duration patience{30'000};  // see topic_reading.h
  // Default: the system's.
  const Clock* clock = nullptr;
};

// Fails if the topic cannot be read, if a record is no entry of a log (naming its place), if its rows are of different schemas,
// or if there are too many.
[[nodiscard]] absl::StatusOr<FeatureLogTable> read_feature_log(Transport& transport,
                                                               const FeatureLogSelection& selection);

// InvalidArgument, with the number of the line, for what is no such table.
[[nodiscard]] absl::StatusOr<FeatureLogTable> read_feature_csv(std::istream& in,
                                                               std::uint64_t rows_max = 10'000'000);

// DataLoss if `out` takes no more.
[[nodiscard]] absl::Status write_feature_csv(const FeatureLogTable& table, std::ostream& out);

}  // namespace weir::ml
