#include <weir/core/restorer.h>

#include <algorithm>

#include <fmt/format.h>

#include <weir/core/partition_plan.h>
#include <weir/core/planted.h>

namespace weir {
namespace {

constexpr std::size_t kBatchRecords = 5000;

}  // namespace

Restorer::Restorer(const std::string& application_id, Partition partition, std::vector<StoreSpec> stores,
                   TaskStore& store, Consumer& consumer, Logger log)
    : store_(store), consumer_(consumer), log_(std::move(log)) {
  for (StoreSpec& spec : stores) {
    if (!spec.logged) continue;
    Log& entry = logs_.emplace_back();
    entry.where = {changelog_topic(application_id, spec.name), partition};
    entry.store = std::move(spec);
  }
}

absl::StatusOr<bool> Restorer::step() {
  if (logs_.empty()) return true;
  if (!begun_) {
    if (!ranges_.started()) {
      std::vector<TopicPartition> partitions;
      for (const Log& log : logs_) partitions.push_back(log.where);
      ranges_ = consumer_.offset_ranges(std::move(partitions));
    }
    if (!ranges_.ready()) return false;
    const auto ranges = ranges_.take();
    if (!ranges.ok()) {
      // A broker that is away comes back; what was asked is asked again at the next step.
      if (class_of(ranges.status()) == ErrorClass::kRetriable) return false;
      return with_context(ranges.status(), "cannot find the ends of the changelogs");
    }
    WEIR_RETURN_IF_ERROR(begin(*ranges));
    begun_ = true;
  }
  bool done = true;
  for (Log& log : logs_) {
    if (log.reader == nullptr) continue;
    WEIR_RETURN_IF_ERROR(read(log));
    done &= log.reader == nullptr;
  }
  return done;
}

absl::Status Restorer::begin(const std::vector<OffsetRange>& ranges) {
  std::vector<PartitionOffset> starts;
  std::vector<Log*> behind;
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    Log& log = logs_[i];
    const OffsetRange& range = ranges[i];
    const auto& known = store_.meta().changelogs;
    const auto stored = known.find(log.store.name);
    Offset start = range.begin;
    if (log.store.persistent && stored != known.end()) {
      start = stored->second;
      if (start < range.begin || start > range.end) {
        if (log_) {
          log_(
              LogLevel::kWarning,
              fmt::format(
                  "rebuilding the store from its changelog, which no longer holds where it stopped: store={} "
                  "topic={} partition={} stopped={} begin={} end={}",
                  log.store.name, log.where.topic, log.where.partition, start, range.begin, range.end));
        }
        WEIR_RETURN_IF_ERROR(store_.clear(log.store.name));
        start = range.begin;
      }
    }
    log.end = range.end;
    if (start >= range.end) continue;
    starts.push_back({log.where, start, ""});
    behind.push_back(&log);
  }
  if (starts.empty()) return absl::OkStatus();
  auto readers = consumer_.assign(starts);
  if (!readers.ok()) return readers.status();
  for (std::size_t i = 0; i < behind.size(); ++i) behind[i]->reader = std::move((*readers)[i]);
  return absl::OkStatus();
}

absl::Status Restorer::read(Log& log) {
  batch_.clear();
  const std::size_t count = log.reader->fetch(kBatchRecords, batch_);
  if (count > 0) {
    // What came after the end was asked for is of no concern: restored as well, it is committed data all the same.
    WEIR_RETURN_IF_ERROR(store_.restore(log.store.name, batch_, log.reader->position()));
    restored_ += count;
    batch_.clear();
  }
  const bool over =
      log.reader->position() >= log.end ||
      (WEIR_PLANTED("restore-to-stable-end") && log.reader->position() == log.reader->known_end()) ||
      (WEIR_PLANTED("restore-ends-early") && log.reader->position() >= log.end - 2);
  if (over) log.reader.reset();
  return absl::OkStatus();
}

std::uint64_t Restorer::remaining_records() const {
  std::uint64_t remaining = 0;
  for (const Log& log : logs_) {
    if (log.reader != nullptr) {
      remaining += static_cast<std::uint64_t>(std::max<Offset>(0, log.end - log.reader->position()));
    }
  }
  return remaining;
}

}  // namespace weir
