// Finds what is unusual in a series of numbers, as it would while the numbers arrive: one pass, nothing of what comes later.
//
//   nab_detect series.csv > scores.csv
//
// The file has a header and rows "timestamp,value" (2014-04-01 00:05:00, fractions of seconds and a T allowed; taken as UTC).
// Written is a header and, for each row, the row as it was and its anomaly score in [0, 1). A row whose value is missing (empty, NaN,
// infinite or beyond 1e150) is scored 0, and nothing is learned of it. The detector is the one the library calls usual, with
// nothing set for this file: docs/anomaly.md says how it does on the Numenta Anomaly Benchmark.
//
// The rows go through a topic of a broker inside this process and a topology with the anomaly operator.
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <weir/core/connect.h>
#include <weir/ml/anomaly/anomaly.h>
#include <weir/weir.h>

#include "support/broker_io.h"
#include "support/run_to_end.h"

namespace {

constexpr char kReadings[] = "readings";
constexpr char kScores[] = "scores";

template <class T>
bool read_number(std::string_view& text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool skip(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// Reads "2014-04-01 00:05:00.000"; seconds may be missing.
std::optional<weir::Timestamp> read_time(std::string_view text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  double second = 0;
  const bool reads = read_number(text, year) && skip(text, "-") && read_number(text, month) &&
                     skip(text, "-") && read_number(text, day) && skip(text, " T") &&
                     read_number(text, hour) && skip(text, ":") && read_number(text, minute) &&
                     (!skip(text, ":") || read_number(text, second));
  static_cast<void>(skip(text, "Z"));
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!reads || !text.empty() || !date.ok() || hour > 23 || minute > 59 || second < 0 || second >= 61)
    return std::nullopt;
  const auto minutes = std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                       std::chrono::minutes(minute);
  return std::chrono::duration_cast<weir::Duration>(minutes).count() +
         static_cast<weir::Timestamp>(second * 1000);
}

struct Row {
  std::string text;
  weir::Timestamp time = 0;
};

// NaN where it is empty.
double value_of(const std::string& row) {
  std::string_view text = std::string_view(row).substr(row.find(',') + 1);
  double value = std::numeric_limits<double>::quiet_NaN();
  if (text.empty()) return value;
  if (!read_number(text, value) || !text.empty()) throw std::invalid_argument("not a number: " + row);
  return value;
}

bool has_value(const std::string& row) {
  const double value = value_of(row);
  return weir::ml::usable({&value, 1});
}

std::string with_score(const std::string& row, double score) { return fmt::format("{},{}", row, score); }

absl::StatusOr<std::vector<Row>> read_rows(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError("cannot read " + path);
  std::vector<Row> rows;
  std::string line;
  std::getline(file, line);  // the header
  for (std::size_t number = 2; std::getline(file, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    const std::size_t comma = line.find(',');
    const auto time =
        comma == std::string::npos ? std::nullopt : read_time(std::string_view(line).substr(0, comma));
    if (!time || *time < 0) {
      return absl::InvalidArgumentError(fmt::format(
          "{}:{}: expected 'timestamp,value' of a time since 1970, got '{}'", path, number, line));
    }
    try {
      static_cast<void>(value_of(line));
    } catch (const std::invalid_argument& error) {
      return absl::InvalidArgumentError(fmt::format("{}:{}: {}", path, number, error.what()));
    }
    rows.push_back({line, *time});
  }
  return rows;
}

absl::StatusOr<weir::Topology> make_topology() {
  weir::StreamBuilder builder;
  const auto rows = builder.stream<std::string, std::string>(kReadings);
  rows.filter(has_value)
      .apply(weir::ml::anomaly({.store = "detectors", .persistent = false}, value_of,
                               [](const std::string& row, const weir::ml::Verdict& verdict) {
                                 return with_score(row, verdict.score);
                               }))
      .to(kScores);
  // One task does one row after the other, so these come where they belong.
  rows.filter_not(has_value)
      .map_values([](const std::string& row) { return with_score(row, 0); })
      .to(kScores);
  return builder.build();
}

absl::Status write_rows(weir::Transport& transport, const std::vector<Row>& rows) {
  // The times lie in the past: nothing may be deleted by age.
  const std::map<std::string, std::string> keep = {{"retention.ms", "-1"}};
  absl::Status status =
      examples::make_topics(transport, {{.name = kReadings, .partitions = 1, .config = keep},
                                        {.name = kScores, .partitions = 1, .config = keep}});
  if (!status.ok()) return status;
  auto writer = examples::TopicWriter::make(transport);
  if (!writer.ok()) return writer.status();
  for (const Row& row : rows) {
    if (status = (*writer)->write(kReadings, "series", row.text, row.time); !status.ok()) return status;
  }
  return (*writer)->finish();
}

absl::Status run(const std::string& path) {
  const auto rows = read_rows(path);
  if (!rows.ok()) return rows.status();
  auto topology = make_topology();
  if (!topology.ok()) return topology.status();
  const auto transport = weir::connect("embedded:");
  if (!transport.ok()) return transport.status();
  if (absl::Status written = write_rows(**transport, *rows); !written.ok()) return written;
  absl::Status ran = examples::run_once(*transport, *std::move(topology), "nab-detect", kReadings);
  if (!ran.ok()) return ran;

  std::string out = "timestamp,value,anomaly_score\n";
  std::size_t scored = 0;
  const absl::Status read = examples::read_topic(**transport, kScores, [&](const weir::RawRecord& record) {
    out.append(*record.value);
    out.push_back('\n');
    ++scored;
  });
  if (!read.ok()) return read;
  if (scored != rows->size())
    return absl::InternalError(fmt::format("{} of {} rows were scored", scored, rows->size()));
  std::fwrite(out.data(), 1, out.size(), stdout);
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  std::string path;
  CLI::App cli("Scores each row of a series by how unusual it is.");
  cli.add_option("file", path, "CSV with rows timestamp,value")->required();
  CLI11_PARSE(cli, argc, argv);
  const absl::Status status = run(path);
  if (status.ok()) return 0;
  fmt::print(stderr, "nab_detect: {}\n", std::string(status.message()));
  return 1;
}
