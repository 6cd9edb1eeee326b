// A state engine over std::map, for tests of the core, which knows no other. Persistent stores outlive their
// task: the engine keeps them by directory.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/task_store.h>

namespace weir::test {

class MapStore final : public StateStore {
 public:
  explicit MapStore(StoreSpec spec) : spec_(std::move(spec)) {}

  [[nodiscard]] const StoreSpec& spec() const override { return spec_; }

  [[nodiscard]] std::optional<std::string> get(const std::string& key) const {
    if (const auto changed = changes_.find(key); changed != changes_.end()) return changed->second.value;
    const auto found = committed_.find(key);
    return found != committed_.end() ? std::optional(found->second) : std::nullopt;
  }
  void put(const std::string& key, std::optional<std::string> value, Timestamp timestamp) {
    changes_[key] = {std::move(value), timestamp};
  }

  // Called at a commit while it returns true.
  std::function<bool()> on_commit;

 private:
  friend class MapTaskStore;
  struct Change {
    std::optional<std::string> value;
    Timestamp timestamp;
  };

  StoreSpec spec_;
  std::map<std::string, std::string> committed_;
  std::map<std::string, Change> changes_;
};

// What is on a disk: the entries of each store, and the meta.
struct MapDisk {
  std::map<std::string, std::map<std::string, std::string>> stores;
  TaskMeta meta;
};

class MapTaskStore final : public TaskStore {
 public:
  MapTaskStore(std::span<const StoreSpec> specs, MapDisk* disk) : disk_(disk) {
    for (const StoreSpec& spec : specs) {
      stores_.push_back(std::make_unique<MapStore>(spec));
      if (disk_ != nullptr && spec.persistent) stores_.back()->committed_ = disk_->stores[spec.name];
    }
    if (disk_ != nullptr) meta_ = disk_->meta;
    for (const StoreSpec& spec : specs) {
      if (!spec.persistent) meta_.changelogs.erase(spec.name);
    }
  }

  StateStore* find(std::string_view name) override {
    for (const auto& store : stores_) {
      if (store->spec_.name == name) return store.get();
    }
    return nullptr;
  }

  const TaskMeta& meta() const override { return meta_; }

  bool emit_pending() override {
    bool any = false;
    for (const auto& store : stores_) any |= store->on_commit && store->on_commit();
    return any;
  }

  absl::Status encode(ChangelogWriter& changelog) override {
    for (const auto& store : stores_) {
      for (const auto& [key, change] : store->changes_) {
        changelog.append(store->spec_, key, change.value ? NullableBytes(*change.value) : std::nullopt,
                         change.timestamp);
      }
    }
    return absl::OkStatus();
  }

  absl::Status apply(const TaskMeta& meta) override {
    for (const auto& store : stores_) {
      for (const auto& [key, change] : store->changes_) {
        if (change.value) {
          store->committed_[key] = *change.value;
        } else {
          store->committed_.erase(key);
        }
      }
      store->changes_.clear();
      if (disk_ != nullptr && store->spec_.persistent) disk_->stores[store->spec_.name] = store->committed_;
    }
    meta_ = meta;
    if (disk_ != nullptr) disk_->meta = meta_;
    return absl::OkStatus();
  }

  void drop() override {
    for (const auto& store : stores_) store->changes_.clear();
  }

  absl::Status restore(std::string_view name, std::span<const RawRecord> records, Offset next) override {
    auto* store = static_cast<MapStore*>(find(name));
    if (store == nullptr) return absl::NotFoundError(std::string(name));
    for (const RawRecord& record : records) {
      if (record.value) {
        store->committed_[std::string(*record.key)] = *record.value;
      } else {
        store->committed_.erase(std::string(*record.key));
      }
    }
    meta_.changelogs[std::string(name)] = next;
    return absl::OkStatus();
  }

  absl::Status clear(std::string_view name) override {
    auto* store = static_cast<MapStore*>(find(name));
    if (store == nullptr) return absl::NotFoundError(std::string(name));
    store->committed_.clear();
    meta_.changelogs.erase(std::string(name));
    return absl::OkStatus();
  }

  std::size_t uncommitted_bytes() const override { return 0; }
  std::size_t cached_bytes() const override { return 0; }
  std::uint64_t stored_bytes() const override { return 0; }

 private:
  MapDisk* disk_;  // null: nothing is kept
  TaskMeta meta_;
  std::vector<std::unique_ptr<MapStore>> stores_;
};

class MapEngine final : public StateEngine {
 public:
  absl::StatusOr<std::shared_ptr<StateResources>> make_resources(const StateLimits&) const override {
    return std::make_shared<StateResources>();
  }

  absl::StatusOr<std::unique_ptr<TaskStore>> open(const TaskStoreOptions& options,
                                                  std::span<const StoreSpec> stores) const override {
    const bool persistent =
        std::any_of(stores.begin(), stores.end(), [](const StoreSpec& spec) { return spec.persistent; });
    if (fail) return absl::UnavailableError("the disk is gone");
    return std::make_unique<MapTaskStore>(stores, persistent ? &disks[options.directory] : nullptr);
  }

  mutable std::map<std::string, MapDisk> disks;  // by directory
  bool fail = false;                             // whether to refuse to open stores
};

inline StoreSpec map_store(const std::string& name) {
  StoreSpec spec;
  spec.name = name;
  spec.kind = "map";
  spec.key_format = "string";
  spec.value_format = "string";
  return spec;
}

}  // namespace weir::test
