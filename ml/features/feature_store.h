// The store of a feature view: the tiles of each key, a row for each, and in memory the states of the keys in use.
//
//   row's key      length of the key (4 bytes, big-endian) · key · axis (1 byte) · hop · start (8 bytes each, big-endian)
//   row's value    format (1 byte) · number of the layout · the key's newest time · tile (key_state.h)
//   one row more   FF FF FF FF: which view wrote this, and what its layouts are
//
// Records change the states in memory alone. A commit writes the tiles that changed, each as one row of the store and of its
// changelog; what is not committed is forgotten with the states.
//
// Evolution: a store that was written by an older version of the view is used as it is, since each row names its layout. What is
// new begins empty, save windows over tiles that are there already, and new questions asked of tiles with records; what is gone
// is erased when its key is next used. Refused are a newer version, and other features under the same version.
//
// Thread safety: none; a store belongs to the worker that owns its task.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/core/task_store.h>
#include <weir/core/time.h>
#include <weir/ml/features/feature_plan.h>
#include <weir/ml/features/key_state.h>
#include <weir/state/store_options.h>
#include <weir/state/typed_store.h>

namespace weir::ml {

struct FeatureStoreOptions {
  bool persistent = true;  // on disk; otherwise in memory, and restored from the changelog at each start
  bool logged = true;
  // The most that states of keys not changed since the last commit may take. Default: the store's share of the budget of the
  // process for cached rows.
  std::optional<std::size_t> cache_bytes = std::nullopt;
  // For tests: without, every window is made anew for every record, with the same results.
  bool remember = true;
};

// Of one task, since it was opened.
struct FeatureCounters {
  std::uint64_t records = 0;
  std::uint64_t late = 0;
  std::uint64_t not_finite = 0;  // values
  // Rows in which a feature tells that a bound was exceeded: distinct_overflowed, overflow_count.
  std::uint64_t overflowed = 0;
  std::uint64_t evicted_tiles = 0;
  std::uint64_t expired_keys = 0;
  std::uint64_t loaded_keys = 0;   // read from the store
  std::uint64_t dropped_keys = 0;  // from memory
  // Now:
  std::uint64_t keys_in_memory = 0;
  std::uint64_t tiles_in_memory = 0;
  std::uint64_t bytes_in_memory = 0;

  FeatureCounters& operator+=(const FeatureCounters& other);

  // Of those in memory; 0 without any.
  [[nodiscard]] double tiles_per_key() const { return per_key(tiles_in_memory); }
  [[nodiscard]] double bytes_per_key() const { return per_key(bytes_in_memory); }

 private:
  [[nodiscard]] double per_key(std::uint64_t things) const {
    return keys_in_memory == 0 ? 0 : static_cast<double>(things) / static_cast<double>(keys_in_memory);
  }
};

class FeatureStore final : public TypedStore<Bytes> {
 public:
  FeatureStore(StoreContext context, FeaturePlanPtr plan, const FeatureStoreOptions& options);
  ~FeatureStore() override;

  // Reads what is said about the rows. Fails if the view cannot go on with them.
  [[nodiscard]] absl::Status prepare();

  // Writes the row of a record and, unless it is late, adds it; returns whether it was late. `now` is the task's time, the
  // largest of all records before. Requires prepare.
  [[nodiscard]] bool process(BytesView key, const Event& event, Timestamp now, double* row);

  // Writes the row that a record of that time, from 0, would have whose own values are null; adds nothing. Returns the time of the
  // key's newest record, or nothing if the key is not known (any more).
  std::optional<Timestamp> look(BytesView key, Timestamp time, double* row);

  // Erases what no record at `now` could ask for, of some of the keys; the next call goes on with others.
  void erase_expired(Timestamp now);

  void count_not_finite(std::uint64_t values);
  void count_overflow();
  [[nodiscard]] FeatureCounters counters() const;

  // -------------------------------------------------------------------------------------- what the task store calls

  bool emit_pending() override;
  void drop() override;
  void restored() override;
  void cleared() override;
  [[nodiscard]] std::size_t uncommitted_bytes() const override;

 protected:
  void emit(BytesView, const Row*, const Row*, Timestamp, const Headers&, const Origin&) override {}

 private:
  struct Impl;
  friend struct Impl;

  std::unique_ptr<Impl> impl_;
};

[[nodiscard]] StoreSpec feature_store_spec(const std::string& name, const FeaturePlanPtr& plan,
                                           const FeatureStoreOptions& options);

}  // namespace weir::ml
