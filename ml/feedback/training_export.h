// Writes a training-set topic as CSV, for trainers.
//
//   std::ofstream file("fraud.csv");
//   const auto written = weir::ml::export_training_csv(
//       *transport, {.topic = "fraud-training", .columns = {"amount", "age"}}, file);
//   if (!written.ok()) ...
//
//   id,kind,feature_time,predicted_at,labelled_at,weight,label,amount,age
//   tx-1,labelled,,1700000000000,1700000360000,1,0,12.5,
//
// Reads what is committed, from the first record that is kept to the end that the topic has at the start. Numbers are written
// with the fewest digits that read back to the same bits, a missing one as an empty cell. Texts with commas, quotes or line
// breaks are quoted as RFC 4180 says.
//
// With Corrections::kLatest, the default, each prediction has one row: its last in the topic. Rows are sorted by the time of
// their prediction, then by id, so that equal topics give equal files however they are partitioned; they are kept in memory
// until then, up to `rows_max`. With kAll rows are written as they are read, partition by partition, corrections too.
//
// Blocks until it is done. Nothing is changed in the topic or its groups.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <limits>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/clock.h>
#include <weir/core/transport.h>
#include <weir/ml/feedback/training_row.h>

namespace weir::ml {

enum class Corrections {
  kLatest,
  kAll,
};

struct TrainingExportOptions {
  std::string topic = {};
  // What the features are called, in their order; a row with another number of them ends the export. Empty: f0, f1, ... as many
  // as the first row has.
  std::vector<std::string> columns = {};
  // Of predictions made from `from` on and before `until`.
  Timestamp from = 0;
  Timestamp until = std::numeric_limits<Timestamp>::max();
  Corrections corrections = Corrections::kLatest;
  std::uint64_t rows_max = 10'000'000;
  // How long nothing may come before the export gives up.
  Duration patience{30'000};
  // Default: the system's.
  const Clock* clock = nullptr;
};

struct TrainingExport {
  std::uint64_t read = 0;  // records, tombstones not counted
  std::uint64_t written = 0;
};

// Fails if the topic does not exist or does not answer, if a record is no TrainingRow (naming its topic, partition and offset), if
// there are too many, or if `out` takes no more. What was written until then stays.
[[nodiscard]] absl::StatusOr<TrainingExport> export_training_csv(Transport& transport,
                                                                 const TrainingExportOptions& options,
                                                                 std::ostream& out);

// Returns the line of a row, without its end; and that of the names.
[[nodiscard]] std::string csv_line(const TrainingRow& row);
[[nodiscard]] std::string csv_header(const std::vector<std::string>& columns);

}  // namespace weir::ml
