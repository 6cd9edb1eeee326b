// The bytes of a global store: one thread writes and applies, any thread reads what was applied.
//
// Stands in front of the byte store that holds them. A store on disk may be read while it is written; one in memory is locked
// for the moment of an apply. Readers that keep decoded rows ask `version` whether they are still good: each apply counts it
// up for the keys it changed, and for some others with them.
//
// Thread safety: put, erase, erase_range, cursor, apply and forget_touched belong to the thread of the task store; the rest may be
// called from any.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <memory>
#include <shared_mutex>

#include <weir/state/byte_store.h>

namespace weir {

class MemoryStore;

class SharedBytes final : public ByteStore {
 public:
  explicit SharedBytes(ByteStore& bytes) : bytes_(bytes) {}

  [[nodiscard]] absl::StatusOr<bool> get(BytesView key, Bytes& value) const override;
  // The cursor may outlive changes, but not this.
  [[nodiscard]] std::unique_ptr<ByteCursor> range(ByteRange range) const override;
  [[nodiscard]] ByteCursor& cursor() override { return bytes_.cursor(); }
  [[nodiscard]] std::uint64_t approximate_size() const override;
  [[nodiscard]] std::uint64_t approximate_bytes() const override;

  void put(BytesView key, BytesView value) override;
  void erase(BytesView key) override;
  void erase_range(const ByteRange& range) override;

  // Makes what was staged visible: in `memory`, or, if that is null, in a database that has applied it already.
  void apply(MemoryStore* memory);
  // What was staged was dropped.
  void forget_touched() { touched_.reset(); }

  // Ask before you read: as long as it stays the same, so does what was read.
  [[nodiscard]] std::uint64_t version(BytesView key) const {
    return versions_[group_of(key)].load(std::memory_order_acquire);
  }

 private:
  class Cursor;

  // Keys share a version with those of their group.
  static constexpr std::size_t kGroups = 1024;
  [[nodiscard]] static std::size_t group_of(BytesView key);

  ByteStore& bytes_;
  mutable std::shared_mutex mutex_;  // held to read, and to change a store in memory
  std::bitset<kGroups> touched_;     // by what is staged
  std::array<std::atomic<std::uint64_t>, kGroups> versions_{};
};

}  // namespace weir
