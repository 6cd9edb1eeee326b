#include <weir/ml/feedback/training_export.h>

#include <algorithm>
#include <ostream>
#include <tuple>
#include <utility>

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <weir/ml/csv.h>
#include <weir/ml/topic_reading.h>

namespace weir::ml {
namespace {

// Rows on their way into the file.
class CsvRows {
 public:
  CsvRows(const TrainingExportOptions& options, std::ostream& out)
      : options_(options), columns_(options.columns), out_(out) {
    if (!columns_.empty()) begin();
  }

  [[nodiscard]] absl::Status take(TrainingRow row) {
    if (row.predicted_at < options_.from || row.predicted_at >= options_.until) return absl::OkStatus();
    if (columns_.empty() && !begun_) {
      for (std::size_t i = 0; i < row.features.size(); ++i) columns_.push_back(fmt::format("f{}", i));
      begin();
    }
    if (row.features.size() != columns_.size()) {
      return absl::InvalidArgumentError(
          fmt::format("the row has {} features, there are {} columns", row.features.size(), columns_.size()));
    }
    if (options_.corrections == Corrections::kAll) return write(row);
    const std::string id = row.id;
    latest_.insert_or_assign(id, std::move(row));
    if (latest_.size() <= options_.rows_max) return absl::OkStatus();
    return absl::ResourceExhaustedError(fmt::format("there are more than {} predictions", options_.rows_max));
  }

  [[nodiscard]] absl::Status finish() {
    if (!begun_) begin();
    std::vector<const TrainingRow*> sorted;
    for (const auto& [id, row] : latest_) sorted.push_back(&row);
    std::ranges::sort(sorted, {},
                      [](const TrainingRow* row) { return std::tie(row->predicted_at, row->id); });
    for (const TrainingRow* row : sorted) {
      if (absl::Status status = write(*row); !status.ok()) return status;
    }
    out_.flush();
    return fault();
  }

  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  void begin() {
    out_ << csv_header(columns_) << '\n';
    begun_ = true;
  }
  absl::Status write(const TrainingRow& row) {
    out_ << csv_line(row) << '\n';
    ++written_;
    return fault();
  }
  [[nodiscard]] absl::Status fault() const {
    return out_.good() ? absl::OkStatus() : absl::DataLossError("the file takes no more");
  }

  const TrainingExportOptions& options_;
  std::vector<std::string> columns_;
  std::ostream& out_;
  bool begun_ = false;
  std::uint64_t written_ = 0;
  absl::flat_hash_map<std::string, TrainingRow> latest_;
};

}  // namespace

std::string csv_header(const std::vector<std::string>& columns) {
  std::string line = "id,kind,feature_time,predicted_at,labelled_at,weight,label";
  for (const std::string& column : columns) line += ',' + csv_cell(column);
  return line;
}

std::string csv_line(const TrainingRow& row) {
  std::string line = csv_cell(row.id);
  line += ',';
  line += name_of(row.kind);
  line += row.feature_time == kNoTimestamp ? "," : fmt::format(",{}", row.feature_time);
  line += fmt::format(",{},{},{},{}", row.predicted_at, row.labelled_at, csv_number(row.weight),
                      csv_number(row.label));
  for (const float feature : row.features) line += ',' + csv_number(feature);
  return line;
}

absl::StatusOr<TrainingExport> export_training_csv(Transport& transport, const TrainingExportOptions& options,
                                                   std::ostream& out) {
  TrainingExport done;
  CsvRows rows(options, out);
  const auto take = [&](const RawRecord& record, Partition) -> absl::Status {
    if (!record.value) return absl::OkStatus();
    ++done.read;
    TrainingRow row;
    absl::Status status = Serde<TrainingRow>::decode(*record.value, row);
    return status.ok() ? rows.take(std::move(row)) : status;
  };
  const TopicReadingOptions reading{
      .topic = options.topic, .patience = options.patience, .clock = options.clock};
  if (absl::Status status = read_topic(transport, reading, take); !status.ok()) return status;
  if (absl::Status status = rows.finish(); !status.ok()) return status;
  done.written = rows.written();
  return done;
}

}  // namespace weir::ml
