// The bytes of a record's key where a node needs them: to choose a model by, and while a record waits.
//
// Thread safety: none; these belong to a node.
#pragma once

#include <weir/core/bytes.h>
#include <weir/core/record.h>
#include <weir/core/serde.h>

namespace weir::ml {

// Finds a key's bytes, or makes them.
template <class K>
class KeyBytes {
 public:
  // Returns those that the record came with, or the key encoded: the same key has the same bytes either way. Empty for a null key,
  // and for one that has no bytes. Valid until the next call, and as long as the record.
  template <class V>
  [[nodiscard]] BytesView of(const Record<K, V>& record) {
    if (record.key_bytes.data() != nullptr) return record.key_bytes;
    buffer_.clear();
    if constexpr (Transportable<K>) {
      return encode_nullable(record.key, buffer_).value_or(BytesView());
    } else {
      return {};
    }
  }

 private:
  Bytes buffer_;
};

// Keeps the bytes that a record's key came with, if it came with any, for when the record is passed on.
class KeptKeyBytes {
 public:
  KeptKeyBytes() = default;
  explicit KeptKeyBytes(BytesView bytes) { keep(bytes); }

  // Its memory is used again.
  void keep(BytesView bytes) {
    there_ = bytes.data() != nullptr;
    if (there_) bytes_ = bytes;
  }
  [[nodiscard]] BytesView view() const { return there_ ? BytesView(bytes_) : BytesView(); }

 private:
  Bytes bytes_;
  bool there_ = false;
};

}  // namespace weir::ml
