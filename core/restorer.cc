#include <weir/core/restorer.h>

#include <algorithm>
#include <exception>

#include <fmt/format.h>

#include <weir/core/partition_plan.h>
#include <weir/core/planted.h>

namespace weir {
namespace {

constexpr std::size_t kBatchRecords = 5000;
// How often stores that are followed note that they were up to date.
constexpr Duration kStampInterval = std::chrono::minutes{10};

}  // namespace

std::string_view name_of(RestoreNotice::Kind kind) {
  switch (kind) {
    case RestoreNotice::Kind::kStarted:
      return "started";
    case RestoreNotice::Kind::kBatch:
      return "batch";
    case RestoreNotice::Kind::kEnded:
      return "ended";
    case RestoreNotice::Kind::kSuspended:
      return "suspended";
  }
  return "";
}

Restorer::Restorer(const std::string& application_id, TaskId task, const std::vector<StoreSpec>& stores,
                   TaskStore& store, Consumer& consumer, const Clock& clock,
                   const TombstoneLifetimes& tombstones, Logger log)
    : task_(task),
      store_(store),
      consumer_(consumer),
      clock_(clock),
      tombstones_(tombstones),
      log_(std::move(log)),
      began_at_(clock.steady()) {
  for (const StoreSpec& spec : stores) {
    if (!spec.logged) continue;
    Log& entry = logs_.emplace_back();
    entry.where = {changelog_topic(application_id, spec.name), task.partition};
    entry.store = spec;
  }
  if (logs_.empty()) begun_ = true;
}

void Restorer::seal() {
  if (WEIR_PLANTED("standby-promoted-early") && follow_ && begun_) {
    sealed_ = true;
    return;
  }
  seal_wanted_ = true;
  sealed_ = logs_.empty();
  ask_ = !logs_.empty();
}

void Restorer::follow(bool on) {
  if (on && !follow_) ask_ = true;
  follow_ = on;
}

absl::Status Restorer::step() {
  if (ask_ && !ranges_.started()) {
    std::vector<TopicPartition> partitions;
    for (const Log& log : logs_) partitions.push_back(log.where);
    ask_ = false;
    asked_sealed_ = seal_wanted_;
    if (!partitions.empty()) ranges_ = consumer_.offset_ranges(std::move(partitions));
  }
  if (!ranges_.ready()) return absl::OkStatus();
  const auto ranges = ranges_.take();
  if (!ranges.ok()) {
    // A broker that is away comes back; what was asked is asked again at the next step.
    ask_ = true;
    if (class_of(ranges.status()) == ErrorClass::kRetriable) return absl::OkStatus();
    return with_context(ranges.status(), "cannot find the ends of the changelogs");
  }
  if (!begun_) {
    WEIR_RETURN_IF_ERROR(begin(*ranges));
    begun_ = true;
    began_at_ = clock_.steady();
  }
  WEIR_RETURN_IF_ERROR(find_places(*ranges));
  sealed_ = asked_sealed_;
  tell_starts();
  return absl::OkStatus();
}

// Whether a row may have been deleted, and the deletion forgotten, since the stores were last up to date. When that was is
// known since the first commit; a store without it is as old as its changelog offset, which decides alone.
bool Restorer::tombstones_gone() const {
  if (store_.meta().wall <= 0 || WEIR_PLANTED("tombstones-forgotten")) return false;
  const Timestamp age = clock_.wall() - store_.meta().wall;
  return std::any_of(logs_.begin(), logs_.end(), [&](const Log& log) {
    const auto lifetime = tombstones_.find(log.where.topic);
    return log.store.persistent && store_.meta().changelogs.contains(log.store.name) &&
           lifetime != tombstones_.end() && age > lifetime->second.count();
  });
}

absl::Status Restorer::begin(const std::vector<OffsetRange>& ranges) {
  const bool too_old = tombstones_gone();
  bool all_from_the_start = true;
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    Log& log = logs_[i];
    const auto& known = store_.meta().changelogs;
    const auto stored = known.find(log.store.name);
    log.next = stored != known.end() ? stored->second : ranges[i].begin;
    if (WEIR_PLANTED("restore-skips-one") && log.next < ranges[i].end) ++log.next;
    if (stored != known.end() && too_old) {
      WEIR_RETURN_IF_ERROR(rebuild(log, ranges[i], "it is older than its changelog keeps deletions"));
    }
    all_from_the_start = all_from_the_start && log.next == ranges[i].begin;
  }
  // From here on they are as old as this: what is deleted before they have read it is not among their rows.
  if (all_from_the_start) stamp();
  return absl::OkStatus();
}

absl::Status Restorer::find_places(const std::vector<OffsetRange>& ranges) {
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    Log& log = logs_[i];
    // A live reader's place is the broker's to judge, and may be past an answer that took its time.
    if (log.reader == nullptr && (log.next < ranges[i].begin || log.next > ranges[i].end)) {
      const bool had_any = store_.meta().changelogs.contains(log.store.name);
      if (had_any || log.records > 0) {
        WEIR_RETURN_IF_ERROR(rebuild(log, ranges[i], "its changelog no longer holds where it stopped"));
      }
      log.next = ranges[i].begin;
    }
    log.end = ranges[i].end;
  }
  return open_readers();
}

absl::Status Restorer::rebuild(Log& log, const OffsetRange& range, std::string_view why) {
  if (log_) {
    log_(LogLevel::kWarning,
         fmt::format(
             "rebuilding the store from its changelog, since {}: task={} store={} topic={} partition={} "
             "stopped={} begin={} end={} as_of={} now={}",
             why, task_.name(), log.store.name, log.where.topic, log.where.partition, log.next, range.begin,
             range.end, store_.meta().wall, clock_.wall()));
  }
  log.next = range.begin;
  return WEIR_PLANTED("rebuilt-on-top") ? absl::OkStatus() : store_.clear(log.store.name);
}

absl::Status Restorer::open_readers() {
  std::vector<PartitionOffset> starts;
  std::vector<Log*> without;
  for (Log& log : logs_) {
    if (log.reader != nullptr || (log.next >= log.end && !follow_)) continue;
    starts.push_back({log.where, log.next, ""});
    without.push_back(&log);
  }
  if (starts.empty()) return absl::OkStatus();
  auto readers = consumer_.assign(starts);
  if (!readers.ok()) return readers.status();
  for (std::size_t i = 0; i < without.size(); ++i) without[i]->reader = std::move((*readers)[i]);
  return absl::OkStatus();
}

bool Restorer::lost_place(const TopicPartition& where) {
  for (Log& log : logs_) {
    if (log.where != where) continue;
    log.reader.reset();
    sealed_ = false;
    ask_ = true;
    return true;
  }
  return false;
}

absl::StatusOr<std::size_t> Restorer::read() {
  std::vector<Log*> order;
  for (Log& log : logs_) {
    if (log.reader != nullptr) order.push_back(&log);
  }
  std::sort(order.begin(), order.end(), [](const Log* a, const Log* b) { return behind(*a) > behind(*b); });
  for (Log* log : order) {
    batch_.clear();
    const std::size_t count = log->reader->fetch(kBatchRecords, batch_);
    log->next = std::max(log->next, log->reader->position());
    if (count == 0) continue;
    if (WEIR_PLANTED("restore-backwards")) std::reverse(batch_.begin(), batch_.end());
    // What came after the end was asked for is of no concern: restored as well, it is committed data all the same.
    WEIR_RETURN_IF_ERROR(
        store_.restore(log->store.name, batch_, log->next + (WEIR_PLANTED("restore-offset-ahead") ? 1 : 0)));
    std::uint64_t bytes = 0;
    for (const RawRecord& record : batch_) {
      bytes += (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
    }
    batch_.clear();
    log->records += count;
    log->bytes += bytes;
    records_ += count;
    bytes_ += bytes;
    if (log->told) notify(RestoreNotice::Kind::kBatch, *log, count);
    return count;
  }
  if (begun_ && !order.empty() && remaining_records() == 0 &&
      (!stamped_at_ || clock_.steady() - *stamped_at_ >= kStampInterval)) {
    stamp();
  }
  return std::size_t{0};
}

// Notes when the stores were up to date. One that cannot be written costs a rebuild at the worst.
void Restorer::stamp() {
  stamped_at_ = clock_.steady();
  TaskMeta meta = store_.meta();
  meta.wall = clock_.wall();
  store_.apply(meta).IgnoreError();
}

bool Restorer::complete() const {
  return sealed_ && std::all_of(logs_.begin(), logs_.end(), [this](const Log& log) {
           if (WEIR_PLANTED("restore-of-first-store") && &log != logs_.data()) return true;
           return log.next >= log.end ||
                  (WEIR_PLANTED("restore-to-stable-end") && log.reader != nullptr &&
                   log.next == log.reader->known_end()) ||
                  (WEIR_PLANTED("restore-ends-early") && log.next >= log.end - 2);
         });
}

std::uint64_t Restorer::behind(const Log& log) {
  const Offset known = log.reader != nullptr ? std::max(log.end, log.reader->known_end()) : log.end;
  return static_cast<std::uint64_t>(std::max<Offset>(0, known - log.next));
}

std::uint64_t Restorer::remaining_records() const {
  std::uint64_t remaining = 0;
  for (const Log& log : logs_) remaining += behind(log);
  return remaining;
}

void Restorer::add_progress(std::vector<RestoreProgress>& all, bool standby) const {
  const auto elapsed = static_cast<double>((clock_.steady() - began_at_).count());
  for (const Log& log : logs_) {
    RestoreProgress& entry = all.emplace_back();
    entry.task = task_;
    entry.store = log.store.name;
    entry.standby = standby;
    entry.records = log.records;
    entry.bytes = log.bytes;
    entry.remaining = behind(log);
    if (log.records == 0 || elapsed <= 0) continue;
    const double per_ms = static_cast<double>(log.records) / elapsed;
    entry.records_per_second = per_ms * 1000;
    entry.eta = Duration(static_cast<Duration::rep>(static_cast<double>(entry.remaining) / per_ms));
  }
}

// ------------------------------------------------------------------------------------------------------- telling

void Restorer::tell(const RestoreListener* listener, bool ended) {
  for (Log& log : logs_) {
    if (!log.told) continue;
    notify(ended ? RestoreNotice::Kind::kEnded : RestoreNotice::Kind::kSuspended, log,
           log.records - log.told_at);
    log.told = false;
  }
  tell_ = listener;
  tell_starts();
}

void Restorer::tell_starts() {
  if (tell_ == nullptr || !begun_) return;
  for (Log& log : logs_) {
    if (log.told || behind(log) == 0) continue;
    log.told = true;
    log.told_at = log.records;
    notify(RestoreNotice::Kind::kStarted, log, 0);
  }
}

void Restorer::notify(RestoreNotice::Kind kind, const Log& log, std::uint64_t records) const {
  if (tell_ == nullptr || !*tell_) return;
  try {
    (*tell_)({kind, task_, log.store.name, log.where, log.next, std::max(log.end, log.next), records});
  } catch (const std::exception& error) {
    if (log_) log_(LogLevel::kWarning, fmt::format("the restore listener threw: {}", error.what()));
  }
}

}  // namespace weir
