// What a visit found: uncommitted rows by slot, committed ones as copies of their bytes.
//
// Internal to the state room. A visit gathers before it calls anybody, so that whoever is called may do with the store what
// it likes. The buffers are used again from visit to visit: one that finds little allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/state/byte_store.h>
#include <weir/state/overlay.h>

namespace weir {

struct GatheredRows {
  struct Row {
    Slot slot = kNoSlot;  // kNoSlot: committed, and these are its bytes
    std::size_t key_at = 0;
    std::size_t key_size = 0;
    std::size_t value_size = 0;  // the value follows the key
  };

  [[nodiscard]] BytesView key(const Row& row) const {
    return BytesView(bytes).substr(row.key_at, row.key_size);
  }
  [[nodiscard]] BytesView value(const Row& row) const {
    return BytesView(bytes).substr(row.key_at + row.key_size, row.value_size);
  }

  ByteRange range;  // set before gathering
  std::vector<Row> rows;
  Bytes bytes;

  // Scratch.
  std::vector<Slot> uncommitted;
  Bytes target;
};

}  // namespace weir
