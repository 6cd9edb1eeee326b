#include <weir/ml/feedback/training_export.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <ostream>
#include <tuple>
#include <utility>

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <weir/core/status.h>

namespace weir::ml {
namespace {

constexpr Duration kExportPause{20};
constexpr std::size_t kFetchRecords = 1'000;

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"') quoted += '"';
    quoted += character;
  }
  return quoted + '"';
}

template <class T>
std::string csv_number(T number) {
  return std::isnan(number) ? std::string() : fmt::format("{}", number);
}

// Reads a topic once, to the end it has at the start.
class TopicReading {
 public:
  TopicReading(Transport& transport, const TrainingExportOptions& options)
      : transport_(transport),
        topic_(options.topic),
        patience_(options.patience),
        clock_(options.clock != nullptr ? *options.clock : system_clock()) {}

  // Calls take(record, partition) for each record; what it returns that is not ok ends the reading.
  template <class Take>
  [[nodiscard]] absl::Status read(const Take& take) {
    auto consumer = transport_.make_consumer({.client_id = "weir-export", .read_committed = true});
    if (!consumer.ok()) return consumer.status();
    consumer_ = *std::move(consumer);
    const auto partitions = describe();
    if (!partitions.ok()) return partitions.status();
    const auto ranges = answer([&] { return consumer_->offset_ranges(*partitions); });
    if (!ranges.ok()) return with_context(ranges.status(), "the ends of " + topic_ + " are not known");
    std::vector<PartitionOffset> starts;
    for (std::size_t i = 0; i < ranges->size(); ++i) {
      if ((*ranges)[i].begin < (*ranges)[i].end) starts.push_back({(*partitions)[i], (*ranges)[i].begin, {}});
    }
    // One after the other, so that equal topics are read in equal order.
    for (const PartitionOffset& start : starts) {
      const auto partition = static_cast<std::size_t>(start.where.partition);
      if (absl::Status done = read_partition(start, (*ranges)[partition].end, take); !done.ok()) return done;
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<std::vector<TopicPartition>> describe() {
    auto admin = transport_.make_admin();
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
    const auto described = answer([&] { return admin_->describe_topics({topic_}); });
    if (!described.ok()) return described.status();
    std::vector<TopicPartition> partitions;
    for (Partition partition = 0; partition < described->front().partitions; ++partition) {
      partitions.push_back({topic_, partition});
    }
    if (partitions.empty()) return absl::NotFoundError("there is no topic " + topic_);
    return partitions;
  }

  template <class Start>
  auto answer(const Start& start) -> decltype(start().take()) {
    const Duration deadline = clock_.steady() + patience_;
    auto pending = start();
    for (poll(); !pending.ready(); poll()) {
      if (clock_.steady() > deadline) return absl::DeadlineExceededError("the brokers do not answer");
      consumer_->wait(kExportPause);
    }
    return pending.take();
  }

  void poll() {
    admin_->poll();
    events_.clear();
    consumer_->poll(events_);
  }

  template <class Take>
  [[nodiscard]] absl::Status read_partition(const PartitionOffset& start, Offset end, const Take& take) {
    auto readers = consumer_->assign(std::vector{start});
    if (!readers.ok()) return readers.status();
    PartitionReader& reader = *readers->front();
    Duration deadline = clock_.steady() + patience_;
    Offset reached = start.offset;
    while (reader.position() < end) {
      poll();
      for (const ConsumerEvent& event : events_) {
        const auto* error = std::get_if<ConsumerError>(&event);
        if (error != nullptr && class_of(error->status) != ErrorClass::kRetriable) return error->status;
      }
      std::vector<RawRecord> records;
      reader.fetch(kFetchRecords, records);
      for (const RawRecord& record : records) {
        if (record.offset >= end) return absl::OkStatus();
        if (absl::Status taken = take(record, start.where.partition); !taken.ok()) return taken;
      }
      if (reader.position() > reached) {
        reached = reader.position();
        deadline = clock_.steady() + patience_;
      } else if (clock_.steady() > deadline) {
        return absl::DeadlineExceededError(fmt::format(
            "nothing came for {} ms: topic={} partition={} position={} end={}; is a transaction open?",
            patience_.count(), topic_, start.where.partition, reached, end));
      } else {
        consumer_->wait(kExportPause);
      }
    }
    return absl::OkStatus();
  }

  Transport& transport_;
  const std::string topic_;
  const Duration patience_;
  const Clock& clock_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Consumer> consumer_;
  std::vector<ConsumerEvent> events_;
};

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
  const auto take = [&](const RawRecord& record, Partition partition) -> absl::Status {
    if (!record.value) return absl::OkStatus();
    ++done.read;
    TrainingRow row;
    absl::Status status = Serde<TrainingRow>::decode(*record.value, row);
    if (status.ok()) status = rows.take(std::move(row));
    if (status.ok()) return status;
    return with_context(status, fmt::format("the export ends at topic={} partition={} offset={}",
                                            options.topic, partition, record.offset));
  };
  if (absl::Status status = TopicReading(transport, options).read(take); !status.ok()) return status;
  if (absl::Status status = rows.finish(); !status.ok()) return status;
  done.written = rows.written();
  return done;
}

}  // namespace weir::ml
