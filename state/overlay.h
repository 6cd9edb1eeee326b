// The rows a store holds in memory: which keys, in which state, in which order they were written, and which may go.
//
// A slot is a small number; whoever owns the overlay keeps the typed row of a slot in an array of its own. Everything
// here works on key bytes, so it is compiled once.
//
//              find misses: insert                    write
//   (absent) ──────────────────────► clean ────────────────────────► dirty
//       ▲                              │ ▲                            │ ▲
//       │          shrink              │ │ applied         mark_encoded│ │ write
//       ├──────────────────────────────┘ └────────── encoded ◄─────────┘ │
//       │                   drop                     │   └───────────────┘
//       └────────────────────────────────────────────┴─ (also from dirty)
//
// Clean rows mirror the committed part of the store (a row without a value: it has no such key) and are a cache. Dirty
// and encoded rows are the uncommitted part: kept until they are applied or dropped, in the order of their last write.
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <weir/core/bytes.h>
#include <weir/core/time.h>
#include <weir/state/byte_store.h>

namespace weir {

class KeyFilter;

using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = 0xffffffff;

// Who keeps the typed rows.
class SlotOwner {
 public:
  // The row of this slot is not needed any more; its number will be used again.
  virtual void release_slot(Slot slot) noexcept = 0;

 protected:
  ~SlotOwner() = default;
};

class Overlay {
 public:
  // `row_bytes` is what a slot costs at its owner. The owner outlives the overlay or never uses it again.
  Overlay(SlotOwner* owner, std::size_t row_bytes);
  ~Overlay();
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  // Returns the slot of a key, or kNoSlot.
  [[nodiscard]] Slot find(BytesView key);

  // Adds a clean row. `known_absent`: the committed part has no such key. Requires that the key is not here.
  Slot insert(BytesView key, bool known_absent);

  // Makes a row the last written one. A row that is not `present` is a deletion.
  void write(Slot slot, bool present, Timestamp timestamp);

  // Forgets a dirty row, as if it had never been written: for rows that nobody could find any more, committed or not.
  void abandon(Slot slot);

  // Corrects what the value of a row takes beside its row_bytes.
  void set_value_bytes(Slot slot, std::size_t bytes);

  // Borrowed until the slot is released.
  [[nodiscard]] BytesView key(Slot slot) const;
  [[nodiscard]] Timestamp timestamp(Slot slot) const;
  [[nodiscard]] bool present(Slot slot) const;
  [[nodiscard]] bool clean(Slot slot) const;
  // Whether the committed part is known to have no such key.
  [[nodiscard]] bool known_absent(Slot slot) const;

  // The dirty rows, in the order of their last write; kNoSlot ends it.
  [[nodiscard]] Slot first_dirty() const;
  [[nodiscard]] Slot next_dirty(Slot slot) const;

  // Dirty rows become encoded, encoded rows clean; all uncommitted rows are forgotten.
  void mark_encoded();
  void applied();
  void drop();

  // Forgets a clean row, or all of them.
  void forget(BytesView key);
  void forget_clean();

  // Forgets clean rows until they take at most `bytes`, in the order they became clean, but spares once what was found
  // since; never `keep`. Costs a step per row that is forgotten or spared. Slots are used again, their memory is kept.
  void shrink(std::size_t bytes, Slot keep = kNoSlot);

  // Calls `visit` for the uncommitted rows in a range, in ascending key order, without those that the filter (may be
  // null) refuses. The first call makes the overlay keep its uncommitted rows sorted from then on.
  void visit_uncommitted(const ByteRange& range, const KeyFilter* filter,
                         const std::function<void(Slot)>& visit);

  [[nodiscard]] bool has_uncommitted() const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t uncommitted_bytes() const;
  [[nodiscard]] std::size_t clean_bytes() const;
  // Uncommitted rows with a value that the committed part does not have, minus deletions of what it may have.
  [[nodiscard]] std::int64_t growth() const;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace weir
