#include <weir/state/task_store.h>

#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/core/planted.h>
#include <weir/core/status.h>
#include <weir/state/database.h>
#include <weir/state/fingerprint.h>
#include <weir/state/global_store.h>
#include <weir/state/managed_store.h>
#include <weir/state/memory_store.h>
#include <weir/state/meta_codec.h>
#include <weir/state/shared_bytes.h>

namespace weir {
namespace {

// Values of the database beside the stores.
constexpr BytesView kMetaValue = "meta";
constexpr BytesView kStoresValue = "stores";

// A store's own value among those of the task's meta.
std::string memo_name(std::string_view store) { return fmt::format("state/{}", store); }

void forget_store(TaskMeta& meta, const std::string& store) {
  meta.changelogs.erase(store);
  meta.values.erase(memo_name(store));
}

class TaskStores final : public TaskStore {
 public:
  TaskStores(std::string task, std::shared_ptr<SharedResources> resources)
      : task_(std::move(task)), resources_(std::move(resources)) {}

  absl::Status open(const std::string& directory, std::span<const StoreSpec> specs);

  StateStore* find(std::string_view name) override {
    Member* member = member_of(name);
    return member == nullptr ? nullptr : member->store.get();
  }

  // The members do not change once the stores are open, and what a view reads may be read by any thread.
  std::unique_ptr<StateStore> open_view(std::string_view name) const override {
    for (const Member& member : members_) {
      const StoreSpec& spec = member.store->spec();
      if (spec.name != name || member.shared == nullptr) continue;
      return std::any_cast<const ViewBuilder&>(spec.view_builder)({spec, member.shared.get(), resources_});
    }
    return nullptr;
  }

  const TaskMeta& meta() const override { return meta_; }

  bool emit_pending() override {
    bool any = false;
    for (Member& member : members_) any = member.store->emit_pending() || any;
    return any;
  }

  absl::Status encode(ChangelogWriter& changelog) override {
    for (Member& member : members_) {
      encoded_ = true;
      WEIR_RETURN_IF_ERROR(with_task(member.store->encode(changelog)));
      member.memo = member.store->memo();
    }
    return absl::OkStatus();
  }

  absl::Status apply(const TaskMeta& meta) override;
  void drop() override;
  absl::Status restore(std::string_view store, std::span<const RawRecord> records, Offset next) override;
  absl::Status clear(std::string_view store) override;

  std::size_t uncommitted_bytes() const override {
    std::size_t bytes = 0;
    for (const Member& member : members_) bytes += member.store->uncommitted_bytes();
    return bytes;
  }
  std::size_t cached_bytes() const override {
    std::size_t bytes = 0;
    for (const Member& member : members_) bytes += member.store->cached_bytes();
    return bytes;
  }
  std::uint64_t stored_bytes() const override {
    std::uint64_t bytes = 0;
    for (const Member& member : members_) bytes += member.store->stored_bytes();
    return bytes;
  }

 private:
  // Members are destroyed in reverse: the store before the bytes it uses.
  struct Member {
    std::unique_ptr<MemoryStore> memory;  // null: in the database
    std::unique_ptr<SharedBytes> shared;  // of a global store: in front of the bytes
    std::unique_ptr<ManagedStore> store;
    std::optional<Bytes> memo;  // as of what was encoded last
  };

  Member* member_of(std::string_view name) {
    for (Member& member : members_) {
      if (member.store->spec().name == name) return &member;
    }
    return nullptr;
  }

  absl::Status with_task(const absl::Status& status) const {
    return status.ok() ? status : with_context(status, fmt::format("state of task {}", task_));
  }

  absl::Status not_here(std::string_view store) const {
    return absl::NotFoundError(fmt::format("task {} has no store '{}'", task_, store));
  }

  absl::Status open_database(const std::string& directory, std::span<const StoreSpec> specs);
  [[nodiscard]] Bytes persistent_part(const TaskMeta& meta) const;
  [[nodiscard]] absl::Status write(TaskMeta meta);
  void forget_staged();

  const std::string task_;
  const std::shared_ptr<SharedResources> resources_;
  std::unique_ptr<Database> database_;  // null: no store is persistent
  std::vector<Member> members_;         // in the order of the specs; use database_
  std::set<std::string> in_memory_;
  TaskMeta meta_;
  bool encoded_ = false;  // something may be staged
};

absl::Status TaskStores::open(const std::string& directory, std::span<const StoreSpec> specs) {
  std::set<std::string> names;
  bool persistent = false;
  for (const StoreSpec& spec : specs) {
    if (spec.name.empty())
      return absl::InvalidArgumentError(fmt::format("a store of task {} has no name", task_));
    if (!names.insert(spec.name).second) {
      return absl::InvalidArgumentError(fmt::format("task {} has two stores named '{}'", task_, spec.name));
    }
    if (std::any_cast<StoreBuilder>(&spec.builder) == nullptr) {
      return absl::InvalidArgumentError(
          fmt::format("store '{}' of task {}: the spec holds no builder of this engine", spec.name, task_));
    }
    if (spec.global && std::any_cast<ViewBuilder>(&spec.view_builder) == nullptr) {
      return absl::InvalidArgumentError(
          fmt::format("global store '{}': the spec holds no builder of views of this engine", spec.name));
    }
    persistent = persistent || spec.persistent;
    if (!spec.persistent) in_memory_.insert(spec.name);
  }
  if (persistent) WEIR_RETURN_IF_ERROR(with_task(open_database(directory, specs)));

  for (const StoreSpec& spec : specs) {
    Member member;
    StoreContext context;
    context.spec = spec;
    context.resources = resources_;
    if (spec.persistent) {
      context.bytes = database_->store(spec.name);
    } else {
      member.memory = MemoryStore::make();
      context.bytes = member.memory.get();
    }
    if (spec.global) {
      member.shared = std::make_unique<SharedBytes>(*context.bytes);
      context.bytes = member.shared.get();
    }
    member.store = std::any_cast<const StoreBuilder&>(spec.builder)(std::move(context));
    const auto memo = meta_.values.find(memo_name(spec.name));
    if (memo != meta_.values.end() && !WEIR_PLANTED("memo-not-loaded")) {
      WEIR_RETURN_IF_ERROR(with_task(member.store->load_memo(memo->second)));
      member.memo = memo->second;
    }
    members_.push_back(std::move(member));
  }
  return absl::OkStatus();
}

// A store is there when the list of stores has it: the list and the meta change in one write, before a store is dropped and
// after it is made, so that a crash in between leaves at most an unlisted store, which is dropped and made anew.
absl::Status TaskStores::open_database(const std::string& directory, std::span<const StoreSpec> specs) {
  absl::StatusOr<std::unique_ptr<Database>> database = weir::open_database(directory, resources_);
  if (!database.ok()) return database.status();
  database_ = *std::move(database);

  Fingerprints stored;
  Bytes bytes;
  absl::StatusOr<bool> found = database_->get_value(kStoresValue, bytes);
  if (!found.ok()) return found.status();
  if (*found) {
    absl::StatusOr<Fingerprints> decoded = decode_fingerprints(bytes);
    if (!decoded.ok()) return with_context(decoded.status(), directory);
    stored = *std::move(decoded);
  }
  WEIR_RETURN_IF_ERROR(check_fingerprints(stored, specs));
  found = database_->get_value(kMetaValue, bytes);
  if (!found.ok()) return found.status();
  if (*found) {
    absl::StatusOr<TaskMeta> decoded = decode_meta(bytes);
    if (!decoded.ok()) return with_context(decoded.status(), directory);
    meta_ = *std::move(decoded);
  }

  Fingerprints wanted;
  for (const StoreSpec& spec : specs) {
    if (spec.persistent) wanted[spec.name] = fingerprint_of(spec);
  }
  Fingerprints kept;
  for (const auto& [name, fingerprint] : stored) {
    const auto changelog = fingerprint.find("changelog");
    const bool logged = changelog == fingerprint.end() || changelog->second != "none";
    if (wanted.contains(name) || (!logged && !in_memory_.contains(name))) {
      if (database_->store(name) == nullptr) {
        return absl::DataLossError(
            fmt::format("{} lists the store '{}' but does not hold it", directory, name));
      }
      kept[name] = fingerprint;
    } else {
      forget_store(meta_, name);
    }
  }
  if (kept != stored) {
    database_->put_value(kStoresValue, encode_fingerprints(kept));
    database_->put_value(kMetaValue, persistent_part(meta_));
    WEIR_RETURN_IF_ERROR(database_->apply());
  }
  for (const std::string& name : database_->store_names()) {
    if (!kept.contains(name)) WEIR_RETURN_IF_ERROR(database_->drop_store(name));
  }
  bool added = false;
  for (const auto& [name, fingerprint] : wanted) {
    if (kept.contains(name)) continue;
    WEIR_RETURN_IF_ERROR(database_->make_store(name));
    kept[name] = fingerprint;
    added = true;
  }
  if (!added) return absl::OkStatus();
  database_->put_value(kStoresValue, encode_fingerprints(kept));
  return database_->apply();
}

Bytes TaskStores::persistent_part(const TaskMeta& meta) const {
  if (in_memory_.empty()) return encode_meta(meta);
  TaskMeta persistent = meta;
  for (const std::string& name : in_memory_) forget_store(persistent, name);
  return encode_meta(persistent);
}

// Applies what is staged together with the meta: first what can fail.
absl::Status TaskStores::write(TaskMeta meta) {
  for (const Member& member : members_) {
    if (member.memo && !WEIR_PLANTED("store-clock-lost"))
      meta.values[memo_name(member.store->spec().name)] = *member.memo;
  }
  if (database_ != nullptr) {
    database_->put_value(kMetaValue, persistent_part(meta));
    WEIR_RETURN_IF_ERROR(with_task(database_->apply()));
  }
  for (Member& member : members_) {
    if (member.shared != nullptr) {
      member.shared->apply(member.memory.get());
    } else if (member.memory != nullptr) {
      member.memory->apply();
    }
  }
  meta_ = std::move(meta);
  encoded_ = false;
  return absl::OkStatus();
}

absl::Status TaskStores::apply(const TaskMeta& meta) {
  WEIR_RETURN_IF_ERROR(write(meta));
  for (Member& member : members_) member.store->applied();
  return absl::OkStatus();
}

void TaskStores::forget_staged() {
  if (database_ != nullptr) database_->drop();
  for (Member& member : members_) {
    if (member.memory != nullptr) member.memory->drop();
    if (member.shared != nullptr) member.shared->forget_touched();
    const auto memo = meta_.values.find(memo_name(member.store->spec().name));
    member.memo = memo == meta_.values.end() ? std::nullopt : std::optional<Bytes>(memo->second);
  }
  encoded_ = false;
}

void TaskStores::drop() {
  forget_staged();
  if (WEIR_PLANTED("overlay-kept")) return;
  for (Member& member : members_) member.store->drop();
}

absl::Status TaskStores::restore(std::string_view store, std::span<const RawRecord> records, Offset next) {
  Member* member = member_of(store);
  if (member == nullptr) return not_here(store);
  if (encoded_) {
    return absl::FailedPreconditionError(
        fmt::format("store '{}' of task {} is to be restored in the middle of a commit", store, task_));
  }
  TaskMeta meta = meta_;
  meta.changelogs[std::string(store)] = next;
  absl::Status status = member->store->stage_restore(records);
  if (status.ok()) {
    member->memo = member->store->memo();
    status = write(std::move(meta));
  }
  if (!status.ok()) {
    forget_staged();
    member->store->drop();
    return with_task(status);
  }
  member->store->restored();
  return absl::OkStatus();
}

absl::Status TaskStores::clear(std::string_view store) {
  Member* member = member_of(store);
  if (member == nullptr) return not_here(store);
  if (encoded_) {
    return absl::FailedPreconditionError(
        fmt::format("store '{}' of task {} is to be cleared in the middle of a commit", store, task_));
  }
  TaskMeta meta = meta_;
  forget_store(meta, std::string(store));
  ByteStore& below = member->memory != nullptr ? *member->memory : *database_->store(store);
  ByteStore& bytes = member->shared != nullptr ? *member->shared : below;
  bytes.erase_range({});
  member->memo.reset();
  if (absl::Status status = write(std::move(meta)); !status.ok()) {
    forget_staged();
    return status;
  }
  member->store->cleared();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TaskStore>> open_task_store(const TaskStoreOptions& options,
                                                           std::span<const StoreSpec> stores) {
  auto resources = std::dynamic_pointer_cast<SharedResources>(options.resources);
  if (resources == nullptr) {
    if (options.resources != nullptr) {
      return absl::InvalidArgumentError(
          fmt::format("task {}: the resources were made by another state engine", options.task));
    }
    absl::StatusOr<std::shared_ptr<SharedResources>> made = make_state_resources({});
    if (!made.ok()) return made.status();
    resources = *std::move(made);
  }
  auto task = std::make_unique<TaskStores>(options.task, std::move(resources));
  WEIR_RETURN_IF_ERROR(task->open(options.directory, stores));
  return std::unique_ptr<TaskStore>(std::move(task));
}

}  // namespace weir
