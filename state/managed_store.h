// A store as its task sees it: the part of every kind of store that knows neither keys nor values.
//
// A managed store is an overlay above a byte store. The task store drives it through a commit (emit_pending, encode,
// applied or drop) and restores it; the typed classes built on it are what operators and users hold.
//
// Reads that fail (the disk, bytes that no longer decode) answer "there is nothing" and are remembered: the next encode
// returns the failure, so that nothing computed from such an answer is ever committed.
//
// Thread safety: none; a store belongs to the worker that owns its task.
#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/core/raw_record.h>
#include <weir/core/task_store.h>
#include <weir/state/byte_queryable.h>
#include <weir/state/byte_store.h>
#include <weir/state/gathered_rows.h>
#include <weir/state/merged_cursor.h>
#include <weir/state/overlay.h>
#include <weir/state/resources.h>

namespace weir {

// What a store is built from. `bytes` is owned by the task store, which outlives the store.
struct StoreContext {
  StoreSpec spec;
  ByteStore* bytes = nullptr;
  std::shared_ptr<SharedResources> resources;
};

class ManagedStore : public StateStore, public ByteQueryable, protected SlotOwner {
 public:
  ~ManagedStore() override;
  ManagedStore(const ManagedStore&) = delete;
  ManagedStore& operator=(const ManagedStore&) = delete;

  [[nodiscard]] const StoreSpec& spec() const override { return spec_; }

  // ------------------------------------------------------------------------------------- what the task store calls

  // See TaskStore. Only what was pending when the call began is emitted.
  virtual bool emit_pending() = 0;

  // Stages what is dirty in the byte store and sends it to the changelog, in the order of last write.
  [[nodiscard]] absl::Status encode(ChangelogWriter& changelog);
  // The staged batch was applied.
  void applied();
  // Forgets everything since the last apply. The byte store's staged writes are dropped by the caller.
  virtual void drop();

  // Stages changelog records; `restored` once they are applied, or drop.
  [[nodiscard]] virtual absl::Status stage_restore(std::span<const RawRecord> records);
  virtual void restored();

  // Everything the store had is gone.
  virtual void cleared();

  // A small value that is committed with the entries; nothing if there is none.
  [[nodiscard]] virtual std::optional<Bytes> memo() const { return std::nullopt; }
  [[nodiscard]] virtual absl::Status load_memo(BytesView bytes);

  [[nodiscard]] virtual std::size_t uncommitted_bytes() const { return overlay_.uncommitted_bytes(); }
  [[nodiscard]] std::size_t cached_bytes() const { return overlay_.clean_bytes(); }
  [[nodiscard]] std::uint64_t stored_bytes() const { return bytes_->approximate_bytes(); }

  // ------------------------------------------------------------------------------------------------- for everybody

  // Returns about how many entries there are, uncommitted ones included.
  [[nodiscard]] std::uint64_t approximate_size() const;

  [[nodiscard]] absl::Status for_each(NullableBytes from, NullableBytes to, const Visitor& visit) override;

  // Returns the first failed read since the last drop; ok if there was none.
  [[nodiscard]] absl::Status failure() const override { return *failure_; }

 protected:
  // `cache_bytes`: the most this store may spend on clean rows; without it, its share of the process's budget.
  ManagedStore(StoreContext context, std::size_t row_bytes, std::optional<std::size_t> cache_bytes);

  // ------------------------------------------------------------------------------------------ what a kind decides

  // Appends the value of a present row.
  virtual void encode_value(Slot slot, Bytes& out) const = 0;
  // Returns whether updates wait for emit_pending.
  [[nodiscard]] virtual bool has_pending() const = 0;
  // Returns the changelog's key for a key of the byte store; may use `buffer`.
  [[nodiscard]] virtual BytesView changelog_key(BytesView key, Bytes& buffer) const;
  // Returns the byte store's key for one of the changelog; null if the entry is not to be kept. Called first for all
  // records of a batch with `look` true, so that a kind can find out what time it is.
  [[nodiscard]] virtual absl::StatusOr<NullableBytes> store_key(BytesView changelog_key, bool look,
                                                                Bytes& buffer);
  // Whether each changed row is a record of the changelog; otherwise encode_log supplies the records.
  [[nodiscard]] virtual bool logs_rows() const { return true; }
  virtual void encode_log(ChangelogWriter& /*changelog*/) {}
  // Stages what follows from a commit beside its entries.
  virtual void encode_rest() {}
  // The staged batch was applied.
  virtual void applied_rest() {}
  // Which part of the byte store's keys counts now, and how a query sees such a key.
  [[nodiscard]] virtual ByteRange live_range() const;
  [[nodiscard]] virtual std::shared_ptr<const KeyFilter> live_filter() const { return nullptr; }
  [[nodiscard]] virtual BytesView query_key(BytesView key) const { return key; }
  [[nodiscard]] virtual bool keys_are_in_query_order() const { return true; }

  // ------------------------------------------------------------------------------------------------------- helpers

  // Reads the committed part. False also if that failed.
  [[nodiscard]] bool read(BytesView key, Bytes& row);
  void fail(const absl::Status& status);

  // Makes room after a row was added; `keep` stays.
  void make_room(Slot keep) {
    if (overlay_.clean_bytes() > clean_limit()) overlay_.shrink(clean_limit(), keep);
  }
  [[nodiscard]] std::size_t clean_limit() const {
    return cache_bytes_ ? *cache_bytes_ : resources_ != nullptr ? resources_->row_cache_share() : 0;
  }

  // Returns a cursor over both parts; `snapshot` is called for each uncommitted row with a value and returns its index.
  [[nodiscard]] MergedCursor merge(const ByteRange& range, std::shared_ptr<const KeyFilter> filter,
                                   Direction direction, const std::function<std::uint32_t(Slot)>& snapshot);

  // Finds the first rows of found.range that the filter takes, at most `limit`, in ascending order of keys. Without
  // `committed_too` the caller knows that the committed part has none, and is spared the search.
  void gather(GatheredRows& found, const KeyFilter& filter, std::size_t limit, bool committed_too);

  // Stages what is dirty; for a changelog too, unless it is null.
  [[nodiscard]] absl::Status stage(ChangelogWriter* changelog);

  Overlay& overlay() { return overlay_; }
  const Overlay& overlay() const { return overlay_; }
  ByteStore& bytes() { return *bytes_; }
  const std::shared_ptr<absl::Status>& shared_failure() const { return failure_; }

 private:
  const StoreSpec spec_;
  ByteStore* const bytes_;
  const std::shared_ptr<SharedResources> resources_;
  const std::optional<std::size_t> cache_bytes_;
  Overlay overlay_;
  // Shared with the cursors, which may fail later.
  const std::shared_ptr<absl::Status> failure_ = std::make_shared<absl::Status>();
  std::vector<Bytes> restored_keys_;
  Bytes row_buffer_;
  Bytes key_buffer_;
};

// What StoreSpec::builder holds.
using StoreBuilder = std::function<std::unique_ptr<ManagedStore>(StoreContext)>;

}  // namespace weir
