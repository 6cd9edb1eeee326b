// What the running part of weir asks of a task's state. The state room implements it; topologies carry the engine that
// makes it. Everything here is bytes: types and serdes stay with the operators.
//
// A task's stores share one commit:
//
//   emit_pending*  →  encode  →  (changelog acknowledged, transaction committed)  →  apply
//                              ↘  drop, when the transaction is lost
//
// Between commits operators change only the stores' uncommitted part. encode turns it into one batch and into changelog
// records; apply makes the batch, with the meta, durable at once; drop forgets everything since the last apply.
//
// Thread safety: none but where it says so; a task store belongs to the worker that owns its task.
#pragma once

#include <any>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/core/raw_record.h>
#include <weir/core/time.h>
#include <weir/core/topic_partition.h>

namespace weir {

// What a store is, as far as anybody but the state room has to know. Immutable.
struct StoreSpec {
  std::string name = {};
  std::string kind = {};        // "key-value", "window", ...: part of the fingerprint
  std::string key_format = {};  // Serde kFormat
  std::string value_format = {};
  bool persistent = true;  // on disk; otherwise in memory, and restored from the changelog at each start
  bool logged = true;      // has a changelog topic
  // One per instance rather than per task: filled from a topic outside of tasks, read by all of them. Has no changelog of
  // its own, the topic is it.
  bool global = false;
  Duration retention{-1};  // windowed kinds: how long an entry stays; -1: for ever
  // Keeps what its rows were for the retention; what they are stays for ever.
  bool versioned = false;
  Duration segment{-1};  // windowed kinds: the width of a bucket of windows that expires at once
  // What the state room needs to build the typed store (its StoreBuilder); the core only carries it.
  std::any builder;
  // Of a global store: what builds the view through which a task reads it.
  std::any view_builder;
};

// One store of one task, for those who know its type: operators downcast it to the typed class of the state room.
class StateStore {
 public:
  virtual ~StateStore() = default;
  [[nodiscard]] virtual const StoreSpec& spec() const = 0;

  // Returns the first read that failed since what was not committed was last dropped; ok if there was none. A failed read is
  // answered with nothing, so what follows from it must not be committed.
  [[nodiscard]] virtual absl::Status failure() const { return absl::OkStatus(); }
};

// What a commit remembers besides the stores' entries.
struct TaskMeta {
  // Where each source continues: next offset by source partition. Those of the commit that the batch belongs to.
  std::map<TopicPartition, Offset> positions;
  // The end of what each store contains of its changelog: next offset, by store name. Missing: nothing.
  std::map<std::string, Offset> changelogs;
  // Small values of the runtime and of operators by name (stream times, emission cursors, ...).
  std::map<std::string, Bytes> values;
  // When it was written.
  Timestamp wall = 0;
};

// Where encode sends the changelog.
class ChangelogWriter {
 public:
  virtual ~ChangelogWriter() = default;
  // A null value deletes. `timestamp` is the entry's own.
  virtual void append(const StoreSpec& store, BytesView key, NullableBytes value, Timestamp timestamp) = 0;
};

class TaskStore {
 public:
  virtual ~TaskStore() = default;

  // Returns the store of that name, or null.
  [[nodiscard]] virtual StateStore* find(std::string_view name) = 0;

  // Any thread, also while this is applied: returns a view of a global store for one task, which sees what was applied; null
  // if there is no global store of that name. The view belongs to the caller's thread and is gone before this.
  [[nodiscard]] virtual std::unique_ptr<StateStore> open_view(std::string_view /*name*/) const {
    return nullptr;
  }

  // What the last apply wrote, also that of an earlier process; empty for a new task.
  [[nodiscard]] virtual const TaskMeta& meta() const = 0;

  // Pushes updates that waited for the commit downstream, store by store in the order of the specs. Returns whether there
  // were any: a downstream emission can dirty a store that was done, so the caller asks until there are none.
  virtual bool emit_pending() = 0;

  // Encodes what is uncommitted, once, into the batch and to the changelog.
  [[nodiscard]] virtual absl::Status encode(ChangelogWriter& changelog) = 0;

  // Writes the encoded batch and the meta in one piece. After a crash either all or nothing of it is there.
  [[nodiscard]] virtual absl::Status apply(const TaskMeta& meta) = 0;

  // Forgets all changes since the last apply, in memory too.
  virtual void drop() = 0;

  // Puts changelog records into a store that is being restored, with the offset after them, in one piece; bypasses the
  // uncommitted part. Called before the nodes are opened.
  [[nodiscard]] virtual absl::Status restore(std::string_view store, std::span<const RawRecord> records,
                                             Offset next) = 0;

  // Forgets a store's entries and its changelog offset: its changelog no longer holds what would be needed to continue.
  [[nodiscard]] virtual absl::Status clear(std::string_view store) = 0;

  // Memory held by uncommitted changes and by the cache above the committed part.
  [[nodiscard]] virtual std::size_t uncommitted_bytes() const = 0;
  [[nodiscard]] virtual std::size_t cached_bytes() const = 0;

  // An estimate of the bytes on disk (or in memory, for stores that live there).
  [[nodiscard]] virtual std::uint64_t stored_bytes() const = 0;
};

// Memory and files that the tasks of a process share. Made by the engine, held by whoever runs tasks.
class StateResources {
 public:
  // Bytes held now. Any thread.
  struct Use {
    std::size_t block_cache = 0;
    std::size_t memtables = 0;
  };

  virtual ~StateResources() = default;
  [[nodiscard]] virtual Use use() const { return {}; }
};

struct StateLimits {
  // One budget over block cache, memtables and overlays.
  std::size_t memory_bytes = std::size_t{256} << 20;
};

struct TaskStoreOptions {
  std::string directory = {};  // of this task alone; made when missing. Not used when no store is persistent
  std::string task = {};       // for messages
  std::shared_ptr<StateResources> resources = {};
};

// Makes task stores. Stateless itself; thread-safe.
class StateEngine {
 public:
  virtual ~StateEngine() = default;

  [[nodiscard]] virtual absl::StatusOr<std::shared_ptr<StateResources>> make_resources(
      const StateLimits& limits) const = 0;

  // Opens or makes the stores of a task. A directory whose stores are of another kind or format is refused with what
  // differs, by store. One that is open elsewhere is refused as retriable: another worker has not given the task back yet.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<TaskStore>> open(
      const TaskStoreOptions& options, std::span<const StoreSpec> stores) const = 0;
};

}  // namespace weir
