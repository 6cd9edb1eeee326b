// A global store as one task sees it: reads alone, of what was applied.
//
//   const weir::Timestamped<double>* rate = rates.find("EUR");
//
// The rows belong to the instance. One thread keeps them up to date, and each task reads them through a view of its own, which
// keeps the rows it decoded until they change; so a row that is asked for often costs no lock and no decoding. There is
// nothing to write with.
//
// A read that fails answers that there is nothing, and the task's next commit then fails with the reason.
//
// Thread safety: none; a view belongs to one task.
#pragma once

#include <any>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/status.h>
#include <weir/core/task_store.h>
#include <weir/state/key_value_store.h>
#include <weir/state/overlay.h>
#include <weir/state/resources.h>
#include <weir/state/shared_bytes.h>
#include <weir/state/stored_row.h>

namespace weir {

// What a view is built from. `bytes` outlives the view.
struct ViewContext {
  StoreSpec spec;
  const SharedBytes* bytes = nullptr;
  std::shared_ptr<SharedResources> resources;
};

template <class K, class V>
class GlobalStore final : public StateStore, private SlotOwner {
 public:
  using Row = Timestamped<V>;
  using Cursor = KeyValueCursor<K, V>;

  explicit GlobalStore(ViewContext context)
      : spec_(std::move(context.spec)), bytes_(*context.bytes), resources_(std::move(context.resources)) {
    resources_->store_opened();
  }
  ~GlobalStore() override { resources_->store_closed(); }
  GlobalStore(const GlobalStore&) = delete;
  GlobalStore& operator=(const GlobalStore&) = delete;

  [[nodiscard]] const StoreSpec& spec() const override { return spec_; }
  [[nodiscard]] absl::Status failure() const override { return *failure_; }

  // Returns the row, or null. Valid until the next call. `key_bytes` as in KeyValueStore.
  [[nodiscard]] const Row* find(const K& key, BytesView key_bytes = {}) {
    const BytesView bytes = encoded(key, key_bytes);
    const std::uint64_t version = bytes_.version(bytes);  // before the row is read
    Slot slot = rows_seen_.find(bytes);
    if (slot == kNoSlot) {
      slot = rows_seen_.insert(bytes, /*known_absent=*/false);
      if (slot >= seen_.size()) seen_.resize(slot + 1);
      load(bytes, slot, version);
      rows_seen_.shrink(resources_->row_cache_share(), slot);
    } else if (seen_[slot].version != version) {
      load(bytes, slot, version);
    }
    const std::optional<Row>& row = seen_[slot].row;
    return row ? &*row : nullptr;
  }

  // Rows in the order of their keys' bytes. Bounds are inclusive; a missing one is open; from > to is empty.
  [[nodiscard]] Cursor range(const std::optional<K>& from, const std::optional<K>& to) {
    ByteRange range;
    if (from) Serde<K>::encode(*from, range.from);
    if (to) {
      Serde<K>::encode(*to, range.until.emplace());
      range.until->push_back('\0');
    }
    return Cursor(
        RowCursor<V>(MergedCursor(bytes_.range(range), {}, nullptr, Direction::kForward), {}, failure_));
  }
  [[nodiscard]] Cursor all() { return range(std::nullopt, std::nullopt); }

  [[nodiscard]] std::uint64_t approximate_size() const { return bytes_.approximate_size(); }

 private:
  struct Seen {
    std::optional<Row> row;
    std::uint64_t version = 0;
  };

  void release_slot(Slot slot) noexcept override { seen_[slot].row.reset(); }

  BytesView encoded(const K& key, [[maybe_unused]] BytesView known) {
    if constexpr (std::same_as<K, std::string>) {
      return key;
    } else {
      if constexpr (Serde<K>::kCanonical) {
        if (known.data() != nullptr) return known;
      }
      key_buffer_.clear();
      Serde<K>::encode(key, key_buffer_);
      return key_buffer_;
    }
  }

  void load(BytesView key, Slot slot, std::uint64_t version) {
    Seen& seen = seen_[slot];
    seen.version = version;
    const absl::StatusOr<bool> found = bytes_.get(key, row_buffer_);
    if (!found.ok() || !*found) {
      seen.row.reset();
      rows_seen_.set_value_bytes(slot, 0);
      return fail(found.status());
    }
    const auto stored = split_row(row_buffer_);
    if (!stored.ok()) {
      seen.row.reset();
      return fail(stored.status());
    }
    if (!seen.row) seen.row.emplace();
    seen.row->timestamp = stored->timestamp;
    if (absl::Status decoded = Serde<V>::decode(stored->value, seen.row->value); !decoded.ok()) {
      seen.row.reset();
      return fail(with_context(decoded, "a stored value does not decode"));
    }
    rows_seen_.set_value_bytes(slot, stored->value.size());
  }

  void fail(const absl::Status& status) {
    if (failure_->ok()) *failure_ = status;
  }

  const StoreSpec spec_;
  const SharedBytes& bytes_;
  const std::shared_ptr<SharedResources> resources_;  // shared with all stores of the process
  std::deque<Seen> seen_;                             // by slot; rows do not move
  Overlay rows_seen_{this, sizeof(Seen)};
  const std::shared_ptr<absl::Status> failure_ =
      std::make_shared<absl::Status>();  // shared with the cursors, which may fail later
  Bytes key_buffer_;
  Bytes row_buffer_;
};

// What StoreSpec::view_builder holds.
using ViewBuilder = std::function<std::unique_ptr<StateStore>(ViewContext)>;

// Describes a global key-value store to a topology. What maintains it finds a KeyValueStore<K, V>, everybody else a
// GlobalStore<K, V>.
template <class K, class V>
[[nodiscard]] StoreSpec global_store_spec(std::string name, bool persistent) {
  // Whoever maintains it rarely reads it: what it wrote need not be cached.
  StoreSpec spec = key_value_store_spec<K, V>(std::move(name),
                                              {.persistent = persistent, .logged = false, .cache_bytes = 0});
  spec.global = true;
  spec.view_builder = ViewBuilder(
      [](ViewContext context) { return std::make_unique<GlobalStore<K, V>>(std::move(context)); });
  return spec;
}

}  // namespace weir
