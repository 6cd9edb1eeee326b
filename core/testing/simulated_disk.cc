#include <weir/core/testing/simulated_disk.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/core/partition_plan.h>
#include <weir/core/status.h>

namespace weir {

namespace {

// Of so many batches of a global store the first is looked at.
constexpr std::uint64_t kGlobalChecks = 4;
// What the engine of the state room takes for the directory of a database in memory begins so.
constexpr char kInMemory[] = "memory:";
constexpr std::size_t kLittleMemory = std::size_t{1} << 20;
constexpr std::size_t kEnoughMemory = std::size_t{64} << 20;

}  // namespace

class ObservedStore final : public TaskStore {
 public:
  ObservedStore(SimulatedDisk& disk, SimulatedDisk::Folder& folder, const TaskStoreOptions& options,
                std::span<const StoreSpec> specs, int instance, SimulationObserver& observer,
                std::unique_ptr<TaskStore> inner)
      : disk_(disk),
        folder_(folder),
        task_(options.task),
        specs_(specs.begin(), specs.end()),
        instance_(instance),
        observer_(observer),
        inner_(std::move(inner)) {
    folder_.open = true;
    for (const StoreSpec& spec : specs_) {
      if (!spec.persistent) folder_.rows.erase(spec.name);
      if (!spec.persistent) folder_.applied.erase(spec.name);
    }
    check_nothing_lost();
  }

  ~ObservedStore() override {
    folder_.open = false;
    check("when it was closed", /*complete=*/false);
  }

  StateStore* find(std::string_view name) override {
    if (!std::exchange(checked_, true)) check("when its task began", observer_.owns(instance_, task_));
    return inner_->find(name);
  }
  std::unique_ptr<StateStore> open_view(std::string_view name) const override {
    return inner_->open_view(name);
  }
  const TaskMeta& meta() const override { return inner_->meta(); }

  bool emit_pending() override {
    observer_.reached(instance_, SimulationPhase::kEncoding).IgnoreError();
    return inner_->emit_pending();
  }

  absl::Status encode(ChangelogWriter& changelog) override {
    WEIR_RETURN_IF_ERROR(observer_.reached(instance_, SimulationPhase::kEncoding));
    Tee tee(changelog, staged_);
    WEIR_RETURN_IF_ERROR(inner_->encode(tee));
    return observer_.reached(instance_, SimulationPhase::kEncoding);
  }

  absl::Status apply(const TaskMeta& meta) override {
    WEIR_RETURN_IF_ERROR(observer_.reached(instance_, SimulationPhase::kApplying));
    WEIR_RETURN_IF_ERROR(inner_->apply(meta));
    for (auto& [store, key, value, timestamp] : staged_) put(store, key, std::move(value), timestamp);
    staged_.clear();
    folder_.committed_at = disk_.clock_.steady();
    note_applied();
    if (task_ == kGlobalTask.name() && ++applied_ % kGlobalChecks == 1) check_global();
    // It is written, and nobody hears of a failure any more.
    observer_.reached(instance_, SimulationPhase::kApplying).IgnoreError();
    return absl::OkStatus();
  }

  void drop() override {
    checked_ = false;
    staged_.clear();
    inner_->drop();
  }

  absl::Status restore(std::string_view store, std::span<const RawRecord> records, Offset next) override {
    WEIR_RETURN_IF_ERROR(observer_.reached(instance_, SimulationPhase::kRestoring));
    checked_ = false;
    const auto known = inner_->meta().changelogs.find(std::string(store));
    if (known != inner_->meta().changelogs.end() && !records.empty() &&
        records.front().offset < known->second) {
      observer_.violated(
          "economy", fmt::format("the store '{}' of task {} of instance {} is restored from {} on, and has "
                                 "everything up to {}",
                                 store, task_, instance_, records.front().offset, known->second));
    }
    WEIR_RETURN_IF_ERROR(inner_->restore(store, records, next));
    disk_.restored_ += records.size();
    for (const RawRecord& record : records) {
      if (!record.key) continue;
      put(std::string(store), Bytes(*record.key),
          record.value ? std::optional<Bytes>(Bytes(*record.value)) : std::nullopt, record.timestamp);
    }
    note_applied();
    return observer_.reached(instance_, SimulationPhase::kRestoring);
  }

  absl::Status clear(std::string_view store) override {
    // A global store begins anew as it likes: its topic is all it is made of.
    const bool young = disk_.options_.tombstones.count() > 0 &&
                       disk_.clock_.steady() - folder_.committed_at <= disk_.options_.tombstones;
    if ((!disk_.options_.may_age || young) && task_ != kGlobalTask.name()) {
      observer_.violated("economy", fmt::format("the store '{}' of task {} of instance {} is wiped", store,
                                                task_, instance_));
    }
    folder_.rows.erase(std::string(store));
    folder_.applied.erase(std::string(store));
    return inner_->clear(store);
  }

  std::size_t uncommitted_bytes() const override { return inner_->uncommitted_bytes(); }
  std::size_t cached_bytes() const override { return inner_->cached_bytes(); }
  std::uint64_t stored_bytes() const override { return inner_->stored_bytes(); }

 private:
  struct Change {
    std::string store;
    Bytes key;
    std::optional<Bytes> value;
    Timestamp timestamp = 0;
  };

  class Tee final : public ChangelogWriter {
   public:
    Tee(ChangelogWriter& next, std::vector<Change>& staged) : next_(next), staged_(staged) {}
    void append(const StoreSpec& store, BytesView key, NullableBytes value, Timestamp timestamp) override {
      staged_.push_back({store.name, Bytes(key), value ? std::optional<Bytes>(Bytes(*value)) : std::nullopt,
                         std::max<Timestamp>(timestamp, 0)});
      next_.append(store, key, value, timestamp);
    }

   private:
    ChangelogWriter& next_;
    std::vector<Change>& staged_;
  };

  void put(const std::string& store, const Bytes& key, std::optional<Bytes> value, Timestamp timestamp) {
    if (value) {
      folder_.rows[store][key] = {*std::move(value), timestamp};
    } else {
      folder_.rows[store].erase(key);
    }
  }

  void note_applied() {
    for (const StoreSpec& spec : specs_) {
      const auto& known = inner_->meta().changelogs;
      const auto end = known.find(spec.name);
      if (spec.persistent && end != known.end()) folder_.applied[spec.name] = end->second;
    }
  }

  // What was applied is there whatever became of the process.
  void check_nothing_lost() {
    for (const auto& [store, applied] : folder_.applied) {
      const auto known = inner_->meta().changelogs.find(store);
      const Offset found = known == inner_->meta().changelogs.end() ? kNoOffset : known->second;
      if (found >= applied) continue;
      observer_.violated("economy",
                         fmt::format("the store '{}' of task {} of instance {} had its changelog up to "
                                     "{} and is opened with what was there up to {}",
                                     store, task_, instance_, applied, found));
    }
  }

  // Compares what went into the stores with what their changelogs say, and with what is found in them. `complete`: they must
  // have all that is committed.
  void check(std::string_view when, bool complete) {
    if (!disk_.options_.check_state) return;
    Partition partition = 0;
    const std::size_t underscore = task_.rfind('_');
    if (underscore == std::string::npos) return;
    std::from_chars(task_.data() + underscore + 1, task_.data() + task_.size(), partition);
    for (const StoreSpec& spec : specs_) {
      if (!spec.logged) continue;
      const auto& known = inner_->meta().changelogs;
      const auto stored = known.find(spec.name);
      const Offset end = stored == known.end() ? 0 : stored->second;
      // A transaction that is decided and not marked yet cannot be told from one that is open.
      if (disk_.stable_end(spec.name, partition) < end) continue;
      Offset beyond = kNoOffset;
      const SimulatedDisk::Rows expected = disk_.fold(spec.name, partition, end, beyond);
      // What was up to there may be gone from the changelog, when there is more.
      if (!complete && beyond != kNoOffset && disk_.options_.compacts) continue;
      const SimulatedDisk::Rows& rows = folder_.rows[spec.name];
      if (rows != expected) {
        tell(spec, when,
             fmt::format("{} rows, its changelog up to {} has {} or others", rows.size(), end,
                         expected.size()));
      } else if (complete && beyond != kNoOffset) {
        tell(spec, when, fmt::format("its changelog up to {}, and there is a record at {}", end, beyond));
      } else if (complete) {
        check_contents(spec, when, expected);
      }
    }
  }

  // Nothing is uncommitted.
  void check_contents(const StoreSpec& spec, std::string_view when, const SimulatedDisk::Rows& expected) {
    StateStore* const store = inner_->find(spec.name);
    if (!disk_.options_.read || store == nullptr) return;
    std::size_t found = 0;
    bool same = true;
    const bool readable =
        disk_.options_.read(*store, [&](BytesView key, BytesView value, Timestamp timestamp) {
          ++found;
          const auto row = expected.find(Bytes(key));
          same =
              same && row != expected.end() && row->second.first == value && row->second.second == timestamp;
        });
    if (!readable) return;
    // Rows of windows expire without a word to the changelog.
    if (same && (found == expected.size() || spec.retention.count() >= 0)) return;
    tell(spec, when,
         fmt::format("{} rows when it is read, its changelog has {} or others", found, expected.size()));
  }

  // Compares a global store with what was committed to its topics before the positions in it.
  void check_global() {
    StateStore* const store = inner_->find(specs_.front().name);
    if (!disk_.options_.check_state || !disk_.options_.read || specs_.size() != 1 || store == nullptr) return;
    SimulatedDisk::Rows expected;
    for (const auto& [where, position] : inner_->meta().positions) {
      // What was up to there may be gone from its topic, when there is more.
      if (disk_.fold(where, position, expected) != kNoOffset && disk_.options_.compacts) return;
    }
    std::size_t found = 0;
    bool same = true;
    const bool readable = disk_.options_.read(*store, [&](BytesView key, BytesView value, Timestamp) {
      ++found;
      const auto row = expected.find(Bytes(key));
      same = same && row != expected.end() && row->second.first == value;
    });
    if (!readable || (same && found == expected.size())) return;
    tell(specs_.front(), "after a batch",
         fmt::format("{} rows, its topic has {} or others", found, expected.size()));
  }

  void tell(const StoreSpec& spec, std::string_view when, const std::string& what) {
    observer_.violated("state-is-fold", fmt::format("the store '{}' of task {} of instance {} has {} {}",
                                                    spec.name, task_, instance_, when, what));
  }

  SimulatedDisk& disk_;
  SimulatedDisk::Folder& folder_;
  const std::string task_;
  const std::vector<StoreSpec> specs_;
  const int instance_;
  SimulationObserver& observer_;
  std::unique_ptr<TaskStore> inner_;
  std::vector<Change> staged_;
  bool checked_ = false;
  std::uint64_t applied_ = 0;
};

class ObservedEngine final : public StateEngine {
 public:
  ObservedEngine(SimulatedDisk& disk, std::shared_ptr<const StateEngine> inner, int instance,
                 SimulationObserver& observer)
      : disk_(disk), inner_(std::move(inner)), instance_(instance), observer_(observer) {}

  absl::StatusOr<std::shared_ptr<StateResources>> make_resources(const StateLimits& limits) const override {
    return inner_->make_resources(limits);
  }

  absl::StatusOr<std::unique_ptr<TaskStore>> open(const TaskStoreOptions& options,
                                                  std::span<const StoreSpec> specs) const override {
    SimulatedDisk::Folder& folder = disk_.folders_[options.directory];
    if (folder.open) {
      // As the real engine has it.
      return retriable_error(
          fmt::format("the stores of task {} are open already: {}", options.task, options.directory));
    }
    if (folder.number == 0) folder.number = ++disk_.folders_made_;
    TaskStoreOptions simulated = options;
    simulated.directory = fmt::format("{}{}", kInMemory, folder.number);
    simulated.resources = disk_.resources_;
    auto inner = inner_->open(disk_.options_.real ? options : simulated, specs);
    if (!inner.ok()) return inner.status();
    return std::make_unique<ObservedStore>(disk_, folder, options, specs, instance_, observer_,
                                           *std::move(inner));
  }

 private:
  SimulatedDisk& disk_;
  const std::shared_ptr<const StateEngine> inner_;  // shared with the topology
  const int instance_;
  SimulationObserver& observer_;
};

std::shared_ptr<const StateEngine> SimulatedDisk::engine(std::shared_ptr<const StateEngine> inner,
                                                         int instance, SimulationObserver& observer) {
  if (resources_ == nullptr && !options_.real) {
    auto made =
        inner->make_resources({.memory_bytes = options_.little_memory ? kLittleMemory : kEnoughMemory});
    if (!made.ok()) observer.violated("scenario", message_of(made.status()));
    if (made.ok()) resources_ = *std::move(made);
  }
  return std::make_shared<ObservedEngine>(*this, std::move(inner), instance, observer);
}

void SimulatedDisk::lose(const std::string& directory) {
  std::erase_if(folders_, [&](const auto& folder) { return folder.first.starts_with(directory + "/"); });
  std::error_code ignored;  // it may never have been made
  if (options_.real) std::filesystem::remove_all(directory, ignored);
}

Offset SimulatedDisk::stable_end(const std::string& store, Partition partition) const {
  return broker_.end_offset(changelog_topic(application_id_, store), partition, Isolation::kReadCommitted);
}

SimulatedDisk::Rows SimulatedDisk::fold(const std::string& store, Partition partition, Offset end,
                                        Offset& beyond) const {
  Rows rows;
  beyond = fold({changelog_topic(application_id_, store), partition}, end, rows);
  return rows;
}

Offset SimulatedDisk::fold(const TopicPartition& where, Offset end, Rows& rows) const {
  for (const BrokerRecord& record : broker_.read(where.topic, where.partition)) {
    if (record.offset >= end) return record.offset;
    if (record.value) {
      rows[*record.key] = {*record.value, record.timestamp};
    } else {
      rows.erase(*record.key);
    }
  }
  return kNoOffset;
}

bool SimulatedDisk::in_use() const {
  return std::any_of(folders_.begin(), folders_.end(), [](const auto& folder) { return folder.second.open; });
}

void SimulatedDisk::copy(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::remove_all(to, error);
  if (!std::filesystem::exists(from, error)) return;
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive, error);
}

}  // namespace weir
