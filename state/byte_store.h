// The committed part of a store, in bytes: what the last apply left behind.
//
// Reading needs nothing. Writing is staged: a write becomes visible, and durable where the store is on disk, only when
// the whole task's batch is applied (state/database.h), together with the writes of all other stores of the task.
//
// Thread safety: none; a store belongs to the worker that owns its task.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/core/bytes.h>

namespace weir {

// The keys k with from <= k < until, in the order of their unsigned bytes. Without `until` there is no upper bound.
struct ByteRange {
  Bytes from;
  std::optional<Bytes> until;

  [[nodiscard]] bool contains(BytesView key) const { return key >= from && (!until || key < *until); }
};

// Returns the smallest key greater than every key with that prefix; nothing if there is none.
[[nodiscard]] std::optional<Bytes> end_of_prefix(BytesView prefix);

// Returns the smallest key greater than `key`.
[[nodiscard]] Bytes successor(BytesView key);

// Walks over the entries of a range as they were when the cursor was made: it owns its snapshot, may live on while the
// store is written, and may outlive the store. A long-lived cursor keeps old data from being freed, and while it lives the
// task's directory stays in use.
class ByteCursor {
 public:
  virtual ~ByteCursor() = default;

  // Moves to the first entry whose key is >= `key`, or to the last whose key is <= `key`; within the range.
  virtual void seek(BytesView key) = 0;
  virtual void seek_back(BytesView key) = 0;
  virtual void seek_to_first() = 0;
  virtual void seek_to_last() = 0;

  // Moves by one. Requires valid().
  virtual void next() = 0;
  virtual void previous() = 0;

  // Returns whether the cursor is at an entry. It is not at one until it was sought, past either end, or after an error.
  [[nodiscard]] virtual bool valid() const = 0;

  // Borrowed until the cursor moves. Require valid().
  [[nodiscard]] virtual BytesView key() const = 0;
  [[nodiscard]] virtual BytesView value() const = 0;

  [[nodiscard]] virtual absl::Status status() const = 0;
};

class ByteStore {
 public:
  virtual ~ByteStore() = default;

  // Returns whether there is such a key; if so `value` is overwritten.
  [[nodiscard]] virtual absl::StatusOr<bool> get(BytesView key, Bytes& value) const = 0;

  [[nodiscard]] virtual std::unique_ptr<ByteCursor> range(ByteRange range) const = 0;

  // Returns a cursor over all there is, for many short looks between two applies: the store owns it, whoever asks next gets
  // the same one, and the next apply ends it.
  [[nodiscard]] virtual ByteCursor& cursor() = 0;

  // Returns about how many entries there are, and about how many bytes they take.
  [[nodiscard]] virtual std::uint64_t approximate_size() const = 0;
  [[nodiscard]] virtual std::uint64_t approximate_bytes() const = 0;

  // Staged, in the order of the calls.
  virtual void put(BytesView key, BytesView value) = 0;
  virtual void erase(BytesView key) = 0;
  virtual void erase_range(const ByteRange& range) = 0;
};

}  // namespace weir
