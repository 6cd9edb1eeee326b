#include <weir/ml/features/feature_log_table.h>

#include <algorithm>
#include <charconv>
#include <istream>
#include <optional>
#include <ostream>
#include <utility>

#include <absl/status/status.h>
#include <fmt/format.h>

#include <weir/ml/csv.h>
#include <weir/ml/features/feature_log.h>
#include <weir/ml/topic_reading.h>

namespace weir::ml {
namespace {

absl::Status too_many_rows(std::uint64_t most) {
  return absl::ResourceExhaustedError(fmt::format("there are more than {} rows", most));
}

// Entries of one schema on their way into a table.
class LogEntries {
 public:
  LogEntries(const FeatureLogSelection& selection, FeatureLogTable& table)
      : selection_(selection), table_(table) {}

  [[nodiscard]] absl::Status take(const RawRecord& record) {
    if (!record.value) return absl::OkStatus();
    FeatureLogEntry entry;
    if (absl::Status status = Serde<FeatureLogEntry>::decode(*record.value, entry); !status.ok())
      return status;
    if (!selection_.view.empty() && entry.view != selection_.view) return absl::OkStatus();
    if (selection_.version != 0 && entry.version != selection_.version) return absl::OkStatus();
    if (entry.time < selection_.from || entry.time >= selection_.until) return absl::OkStatus();
    if (!first_) {
      if (absl::Status status = begin(entry); !status.ok()) return status;
    }
    if (entry.hash != first_->hash) {
      return absl::InvalidArgumentError(
          fmt::format("the log has rows of '{}' version {} ({:016x}) and of '{}' version {} ({:016x}): "
                      "choose a view and a version",
                      first_->view, first_->version, first_->hash, entry.view, entry.version, entry.hash));
    }
    if (table_.rows.size() >= selection_.rows_max) return too_many_rows(selection_.rows_max);
    table_.rows.push_back({record.key ? std::string(*record.key) : std::string(), entry.time,
                           entry.prediction_id(), std::move(entry.values)});
    return absl::OkStatus();
  }

 private:
  absl::Status begin(const FeatureLogEntry& entry) {
    const std::size_t features = entry.values.size();
    table_.named = !selection_.columns.empty();
    table_.columns = selection_.columns;
    for (std::size_t i = 0; !table_.named && i < features; ++i)
      table_.columns.push_back(fmt::format("f{}", i));
    if (table_.columns.size() != features) {
      return absl::InvalidArgumentError(
          fmt::format("rows have {} features, there are {} columns", features, table_.columns.size()));
    }
    first_ = entry;
    return absl::OkStatus();
  }

  const FeatureLogSelection& selection_;
  FeatureLogTable& table_;
  std::optional<FeatureLogEntry> first_;
};

// Where the cells of a file go.
struct CsvColumns {
  std::size_t key = 0;
  std::size_t time = 0;
  std::optional<std::size_t> id;
  std::vector<std::size_t> features;
};

absl::StatusOr<CsvColumns> columns_of(const std::vector<std::string>& names, FeatureLogTable& table) {
  CsvColumns columns;
  const auto place = [&](std::string_view name) -> std::optional<std::size_t> {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? std::nullopt : std::optional<std::size_t>(found - names.begin());
  };
  const auto key = place("key");
  const auto time = place("time");
  if (!key || !time) return absl::InvalidArgumentError("line 1: it must name the columns key and time");
  columns = {*key, *time, place("id"), {}};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i == columns.key || i == columns.time || i == columns.id) continue;
    if (std::find(table.columns.begin(), table.columns.end(), names[i]) != table.columns.end())
      return absl::InvalidArgumentError(fmt::format("line 1: two columns are called '{}'", names[i]));
    columns.features.push_back(i);
    table.columns.push_back(names[i]);
  }
  return columns;
}

}  // namespace

absl::StatusOr<FeatureLogTable> read_feature_log(Transport& transport, const FeatureLogSelection& selection) {
  FeatureLogTable table;
  LogEntries entries(selection, table);
  const TopicReadingOptions reading{
      .topic = selection.topic, .patience = selection.patience, .clock = selection.clock};
  absl::Status status = read_topic(transport, reading,
                                   [&](const RawRecord& record, Partition) { return entries.take(record); });
  if (!status.ok()) return status;
  return table;
}

absl::StatusOr<FeatureLogTable> read_feature_csv(std::istream& in, std::uint64_t rows_max) {
  FeatureLogTable table;
  CsvReader reader(in);
  std::vector<std::string> cells;
  absl::StatusOr<bool> more = reader.next(cells);
  if (!more.ok()) return more.status();
  if (!*more) return absl::InvalidArgumentError("the file is empty: it must name its columns");
  const std::size_t width = cells.size();
  const auto columns = columns_of(cells, table);
  if (!columns.ok()) return columns.status();
  for (more = reader.next(cells); more.ok() && *more; more = reader.next(cells)) {
    const auto wrong = [&](const std::string& what) {
      return absl::InvalidArgumentError(fmt::format("line {}: {}", reader.line(), what));
    };
    if (cells.size() != width)
      return wrong(fmt::format("it has {} cells, there are {} columns", cells.size(), width));
    LoggedRow row;
    row.key = cells[columns->key];
    if (columns->id) row.id = cells[*columns->id];
    const std::string& time = cells[columns->time];
    const auto [rest, error] = std::from_chars(time.data(), time.data() + time.size(), row.time);
    if (error != std::errc() || rest != time.data() + time.size())
      return wrong(fmt::format("'{}' is no time in milliseconds", time));
    row.values.reserve(columns->features.size());
    for (const std::size_t feature : columns->features) {
      if (!read_csv_number(cells[feature], row.values.emplace_back()))
        return wrong(fmt::format("'{}' is no number", cells[feature]));
    }
    if (table.rows.size() >= rows_max) return too_many_rows(rows_max);
    table.rows.push_back(std::move(row));
  }
  if (!more.ok()) return more.status();
  return table;
}

absl::Status write_feature_csv(const FeatureLogTable& table, std::ostream& out) {
  out << "key,time,id";
  for (const std::string& column : table.columns) out << ',' << csv_cell(column);
  out << '\n';
  for (const LoggedRow& row : table.rows) {
    out << csv_cell(row.key) << ',' << row.time << ',' << csv_cell(row.id);
    for (const double value : row.values) out << ',' << csv_number(value);
    out << '\n';
  }
  out.flush();
  return out.good() ? absl::OkStatus() : absl::DataLossError("the file takes no more");
}

}  // namespace weir::ml
