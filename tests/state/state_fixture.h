// A task's stores for tests: opened, committed, closed and opened again, once in memory and once on RocksDB.
#pragma once

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include <weir/core/raw_record.h>
#include <weir/core/status.h>
#include <weir/core/task_store.h>
#include <weir/state/engine.h>

namespace weir::testing {

// A directory that is gone when the test is.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-state-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Keeps what was logged, in order.
class RecordedChangelog final : public ChangelogWriter {
 public:
  struct Entry {
    std::string store;
    Bytes key;
    std::optional<Bytes> value;
    Timestamp timestamp;
  };

  void append(const StoreSpec& store, BytesView key, NullableBytes value, Timestamp timestamp) override {
    entries.push_back(
        {store.name, Bytes(key), value ? std::optional<Bytes>(*value) : std::nullopt, timestamp});
  }

  // Returns "key=value@time", "-" for a deletion, separated by spaces.
  std::string text() const {
    std::string out;
    for (const Entry& entry : entries) {
      if (!out.empty()) out += ' ';
      out += entry.key + '=' + entry.value.value_or("-") + '@' + std::to_string(entry.timestamp);
    }
    return out;
  }

  // Returns a store's entries as fetched records; they borrow from this.
  std::vector<RawRecord> records(std::string_view store) const {
    std::vector<RawRecord> out;
    for (const Entry& entry : entries) {
      if (entry.store != store) continue;
      RawRecord& record = out.emplace_back();
      record.key = entry.key;
      if (entry.value) record.value = *entry.value;
      record.timestamp = entry.timestamp;
      record.offset = static_cast<Offset>(out.size()) - 1;
    }
    return out;
  }

  std::vector<Entry> entries;
};

// Parameter: whether stores are persistent.
class StateTest : public ::testing::TestWithParam<bool> {
 protected:
  static bool persistent() { return GetParam(); }

  absl::Status try_open(std::vector<StoreSpec> specs) {
    close();
    specs_ = std::move(specs);
    if (resources_ == nullptr) {
      StateLimits limits;
      limits.memory_bytes = std::size_t{16} << 20;
      resources_ = *state_engine()->make_resources(limits);
    }
    TaskStoreOptions options;
    options.directory = directory_.path() + "/task";
    options.task = "0_0";
    options.resources = resources_;
    auto opened = state_engine()->open(options, specs_);
    if (!opened.ok()) return opened.status();
    task_ = *std::move(opened);
    return absl::OkStatus();
  }

  void open(std::vector<StoreSpec> specs) {
    const absl::Status status = try_open(std::move(specs));
    ASSERT_TRUE(status.ok()) << status;
  }

  void close() { task_.reset(); }

  // Closes and opens the stores as a restarted process does: those in memory come back from the changelog.
  void reopen() {
    open(specs_);
    for (const StoreSpec& spec : specs_) {
      if (spec.persistent || !spec.logged) continue;
      const auto records = committed_changelog_.records(spec.name);
      const absl::Status status = task_->restore(spec.name, records, static_cast<Offset>(records.size()));
      ASSERT_TRUE(status.ok()) << status;
    }
  }

  template <class Store>
  Store& store(std::string_view name) {
    auto* found = task_ == nullptr ? nullptr : dynamic_cast<Store*>(task_->find(name));
    if (found == nullptr) std::abort();  // the test opened no such store
    return *found;
  }

  absl::Status try_commit(TaskMeta meta) {
    changelog_ = {};
    while (task_->emit_pending()) {
    }
    if (absl::Status status = task_->encode(changelog_); !status.ok()) return status;
    if (absl::Status status = task_->apply(meta); !status.ok()) return status;
    for (const auto& entry : changelog_.entries) committed_changelog_.entries.push_back(entry);
    return absl::OkStatus();
  }

  void commit() {
    const absl::Status status = try_commit(task_->meta());
    ASSERT_TRUE(status.ok()) << status;
  }

  TemporaryDirectory directory_;
  std::shared_ptr<StateResources> resources_;
  std::vector<StoreSpec> specs_;
  RecordedChangelog changelog_;            // of the last commit
  RecordedChangelog committed_changelog_;  // of all commits
  std::unique_ptr<TaskStore> task_;
};

inline std::string storage_name(const ::testing::TestParamInfo<bool>& storage) {
  return storage.param ? "RocksDb" : "Memory";
}

}  // namespace weir::testing
