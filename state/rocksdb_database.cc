#include <weir/state/database.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>

#include <weir/core/planted.h>
#include <weir/core/status.h>
#include <weir/state/memory_databases.h>
#include <weir/state/resources.h>

namespace weir {
namespace {

using rocksdb::Slice;

// Names of stores are the user's; this keeps them apart from RocksDB's own family "default", which holds the values.
constexpr std::string_view kStorePrefix = "store:";

constexpr std::size_t kKeptBatchBytes = std::size_t{1} << 20;
constexpr std::size_t kSmallestBudget = std::size_t{1} << 20;

Slice slice(BytesView bytes) { return {bytes.data(), bytes.size()}; }
BytesView view(const Slice& bytes) { return {bytes.data(), bytes.size()}; }

absl::Status failed(const rocksdb::Status& status, std::string_view what) {
  const std::string message = fmt::format("{}: {}", what, status.ToString());
  if (status.IsCorruption()) return make_error(ErrorClass::kFatal, absl::StatusCode::kDataLoss, message);
  return fatal_error(message);
}

class RocksResources final : public SharedResources {
 public:
  explicit RocksResources(std::size_t memory_bytes)
      : SharedResources(memory_bytes / 4),
        cache(rocksdb::NewLRUCache(memory_bytes / 2)),
        write_buffers(std::make_shared<rocksdb::WriteBufferManager>(memory_bytes / 4)),
        // A log lives as long as the oldest memtable that is not in a file; more of it would only delay the next opening.
        log_bytes_max(
            std::clamp<std::uint64_t>(memory_bytes / 4, std::uint64_t{4} << 20, std::uint64_t{64} << 20)),
        write_buffer_bytes(
            std::clamp<std::size_t>(memory_bytes / 16, std::size_t{256} << 10, std::size_t{16} << 20)) {}

  [[nodiscard]] Use use() const override { return {cache->GetUsage(), write_buffers->memory_usage()}; }

  // Shared by all databases of the process.
  const std::shared_ptr<rocksdb::Cache> cache;
  const std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;
  const std::uint64_t log_bytes_max;
  const std::size_t write_buffer_bytes;
  MemoryDatabases in_memory;
};

rocksdb::ColumnFamilyOptions family_options(const RocksResources& resources) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = resources.cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
  table.cache_index_and_filter_blocks = true;  // so that they count against the budget
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = resources.write_buffer_bytes;
  // A task may have many stores, most of them small: no megabyte for the first entry of each.
  options.arena_block_size = std::min<std::size_t>(std::size_t{64} << 10, resources.write_buffer_bytes / 4);
  options.compression = rocksdb::kLZ4Compression;
  options.memtable_prefix_bloom_size_ratio = 0.02;
  options.memtable_whole_key_filtering = true;
  return options;
}

rocksdb::DBOptions database_options(const RocksResources& resources) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.write_buffer_manager = resources.write_buffers;
  options.max_total_wal_size = resources.log_bytes_max;
  options.max_background_jobs = 2;
  options.max_open_files = 256;
  // RocksDB's default depends on how it was compiled.
  options.info_log_level = rocksdb::InfoLogLevel::ERROR_LEVEL;
  options.keep_log_file_num = 1;
  options.max_log_file_size = std::size_t{1} << 20;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  // A torn end of the log, as a power failure may leave it, is the end; the changelog has the rest.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  return options;
}

// What must outlive every cursor.
struct Handle {
  std::shared_ptr<RocksResources> resources;  // used by db until it is closed
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;

  ~Handle() {
    for (rocksdb::ColumnFamilyHandle* family : families) {
      // Fails only for the default family or a null one, which these are not.
      db->DestroyColumnFamilyHandle(family).PermitUncheckedError();
    }
  }
};

class RocksCursor final : public ByteCursor {
 public:
  RocksCursor(std::shared_ptr<const Handle> handle, rocksdb::ColumnFamilyHandle* family, ByteRange range)
      : handle_(std::move(handle)), range_(std::move(range)), lower_(slice(range_.from)) {
    empty_ = range_.until && *range_.until <= range_.from;
    rocksdb::ReadOptions options;
    options.iterate_lower_bound = &lower_;
    if (range_.until) {
      upper_ = slice(*range_.until);
      options.iterate_upper_bound = &upper_;
    }
    if (!empty_) iterator_.reset(handle_->db->NewIterator(options, family));
  }

  void seek(BytesView key) override {
    if (!empty_) iterator_->Seek(slice(key));
  }
  void seek_back(BytesView key) override {
    if (!empty_) iterator_->SeekForPrev(slice(key));
  }
  void seek_to_first() override {
    if (!empty_) iterator_->SeekToFirst();
  }
  void seek_to_last() override {
    if (!empty_) iterator_->SeekToLast();
  }
  void next() override { iterator_->Next(); }
  void previous() override { iterator_->Prev(); }
  bool valid() const override { return !empty_ && iterator_->Valid(); }
  BytesView key() const override { return view(iterator_->key()); }
  BytesView value() const override { return view(iterator_->value()); }
  absl::Status status() const override {
    if (empty_ || iterator_->status().ok()) return absl::OkStatus();
    return failed(iterator_->status(), "reading a range");
  }

 private:
  const std::shared_ptr<const Handle> handle_;
  const ByteRange range_;
  const Slice lower_;
  Slice upper_;
  bool empty_ = false;
  std::unique_ptr<rocksdb::Iterator> iterator_;  // uses all of the above
};

class RocksStore final : public ByteStore {
 public:
  RocksStore(std::shared_ptr<const Handle> handle, rocksdb::ColumnFamilyHandle* family,
             rocksdb::WriteBatch* batch)
      : handle_(std::move(handle)), family_(family), batch_(batch) {}

  absl::StatusOr<bool> get(BytesView key, Bytes& value) const override {
    rocksdb::PinnableSlice found;
    const rocksdb::Status status = handle_->db->Get({}, family_, slice(key), &found);
    if (status.IsNotFound()) return false;
    if (!status.ok()) return failed(status, "reading a row");
    value.assign(found.data(), found.size());
    return true;
  }

  std::unique_ptr<ByteCursor> range(ByteRange range) const override {
    return std::make_unique<RocksCursor>(handle_, family_, std::move(range));
  }

  // Making an iterator costs more than a look with it.
  ByteCursor& cursor() override {
    if (cursor_ == nullptr) cursor_ = std::make_unique<RocksCursor>(handle_, family_, ByteRange());
    return *cursor_;
  }
  void forget_cursor() { cursor_.reset(); }

  std::uint64_t approximate_size() const override {
    return property(rocksdb::DB::Properties::kEstimateNumKeys);
  }
  std::uint64_t approximate_bytes() const override {
    return property(rocksdb::DB::Properties::kLiveSstFilesSize) +
           property(rocksdb::DB::Properties::kSizeAllMemTables);
  }

  // A batch accepts a write unless it is larger than it may be, and ours has no limit.
  void put(BytesView key, BytesView value) override {
    batch_->Put(family_, slice(key), slice(value)).PermitUncheckedError();
  }
  void erase(BytesView key) override { batch_->Delete(family_, slice(key)).PermitUncheckedError(); }
  void erase_range(const ByteRange& range) override {
    Bytes until;
    if (range.until) {
      until = *range.until;
    } else {
      const std::unique_ptr<ByteCursor> cursor = this->range(range);
      cursor->seek_to_last();
      if (!cursor->valid()) return;
      until = successor(cursor->key());
    }
    if (until <= range.from) return;
    batch_->DeleteRange(family_, slice(range.from), slice(until)).PermitUncheckedError();
  }

  rocksdb::ColumnFamilyHandle* family() const { return family_; }

 private:
  std::uint64_t property(const std::string& name) const {
    std::uint64_t value = 0;
    return handle_->db->GetIntProperty(family_, name, &value) ? value : 0;
  }

  const std::shared_ptr<const Handle> handle_;
  rocksdb::ColumnFamilyHandle* const family_;
  rocksdb::WriteBatch* const batch_;  // of the database
  std::unique_ptr<RocksCursor> cursor_;
};

class RocksDatabase final : public Database {
 public:
  explicit RocksDatabase(std::shared_ptr<Handle> handle) : handle_(std::move(handle)) {}

  void adopt(const std::string& name, rocksdb::ColumnFamilyHandle* family) {
    stores_[name] = std::make_unique<RocksStore>(handle_, family, &batch_);
  }

  std::vector<std::string> store_names() const override {
    std::vector<std::string> names;
    for (const auto& [name, store] : stores_) names.push_back(name);
    return names;
  }

  ByteStore* store(std::string_view name) override {
    const auto found = stores_.find(name);
    return found == stores_.end() ? nullptr : found->second.get();
  }

  absl::Status make_store(const std::string& name) override {
    rocksdb::ColumnFamilyHandle* family = nullptr;
    const rocksdb::Status status = handle_->db->CreateColumnFamily(family_options(*handle_->resources),
                                                                   std::string(kStorePrefix) + name, &family);
    if (!status.ok()) return failed(status, fmt::format("making the store '{}'", name));
    handle_->families.push_back(family);
    adopt(name, family);
    return absl::OkStatus();
  }

  absl::Status drop_store(const std::string& name) override {
    const auto found = stores_.find(name);
    if (found == stores_.end()) return absl::OkStatus();
    const rocksdb::Status status = handle_->db->DropColumnFamily(found->second->family());
    if (!status.ok()) return failed(status, fmt::format("removing the store '{}'", name));
    stores_.erase(found);  // the handle frees the family
    return absl::OkStatus();
  }

  absl::StatusOr<bool> get_value(BytesView name, Bytes& value) const override {
    const rocksdb::Status status =
        handle_->db->Get({}, handle_->db->DefaultColumnFamily(), slice(name), &value);
    if (status.IsNotFound()) return false;
    if (!status.ok()) return failed(status, fmt::format("reading '{}'", name));
    return true;
  }

  void put_value(BytesView name, BytesView value) override {
    batch_.Put(handle_->db->DefaultColumnFamily(), slice(name), slice(value)).PermitUncheckedError();
  }

  absl::Status apply() override {
    for (const auto& [name, store] : stores_) store->forget_cursor();
    rocksdb::WriteOptions how;
    how.disableWAL = WEIR_PLANTED("log-of-store-off");
    const rocksdb::Status status = handle_->db->Write(how, &batch_);
    if (!status.ok()) return failed(status, "writing a commit");
    clear();
    return absl::OkStatus();
  }

  void drop() override { clear(); }

 private:
  // Keeps the batch's memory for the next commit, unless this one was a burst.
  void clear() {
    if (batch_.GetDataSize() > kKeptBatchBytes) {
      batch_ = rocksdb::WriteBatch();
    } else {
      batch_.Clear();
    }
  }

  const std::shared_ptr<Handle> handle_;
  rocksdb::WriteBatch batch_;
  std::map<std::string, std::unique_ptr<RocksStore>, std::less<>> stores_;  // use batch_
};

bool is_lock_conflict(const rocksdb::Status& status) {
  // RocksDB has no code of its own for it: "lock hold by current process", or the errno text of fcntl on <dir>/LOCK.
  const std::string text = status.ToString();
  return status.IsIOError() && (text.find("lock hold by") != std::string::npos ||
                                text.find("While lock file") != std::string::npos);
}

}  // namespace

absl::StatusOr<std::shared_ptr<SharedResources>> make_state_resources(const StateLimits& limits) {
  if (limits.memory_bytes < kSmallestBudget) {
    return absl::InvalidArgumentError(
        fmt::format("the memory budget of the state is too small: {} bytes, at least {}", limits.memory_bytes,
                    kSmallestBudget));
  }
  return std::make_shared<RocksResources>(limits.memory_bytes);
}

absl::StatusOr<std::unique_ptr<Database>> open_database(const std::string& directory,
                                                        std::shared_ptr<StateResources> resources) {
  auto handle = std::make_shared<Handle>();
  handle->resources = std::dynamic_pointer_cast<RocksResources>(resources);
  if (handle->resources == nullptr)
    return absl::InvalidArgumentError("the resources are not those of RocksDB");
  if (directory.starts_with(kInMemory)) return handle->resources->in_memory.open(directory);
  if (directory.empty()) return absl::InvalidArgumentError("persistent stores need a directory");
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error)
    return fatal_error(fmt::format("cannot make the state directory {}: {}", directory, error.message()));

  const rocksdb::DBOptions options = database_options(*handle->resources);
  std::vector<std::string> names;
  if (std::filesystem::exists(std::filesystem::path(directory) / "CURRENT", error)) {
    const rocksdb::Status status = rocksdb::DB::ListColumnFamilies(options, directory, &names);
    if (!status.ok()) return failed(status, fmt::format("reading the state directory {}", directory));
  } else {
    names.push_back(rocksdb::kDefaultColumnFamilyName);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) descriptors.emplace_back(name, family_options(*handle->resources));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, directory, descriptors, &handle->families, &db);
  if (is_lock_conflict(status)) {
    return retriable_error(
        fmt::format("the state directory {} is in use by another process or task", directory));
  }
  if (!status.ok()) return failed(status, fmt::format("opening the state directory {}", directory));
  handle->db.reset(db);

  auto database = std::make_unique<RocksDatabase>(handle);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].starts_with(kStorePrefix)) {
      database->adopt(names[i].substr(kStorePrefix.size()), handle->families[i]);
    }
  }
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace weir
