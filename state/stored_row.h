// A row as it lies in a byte store: its timestamp in 8 bytes, big-endian, then the value.
#pragma once

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/core/time.h>

namespace weir {

inline constexpr std::size_t kRowHeader = 8;

struct StoredRow {
  Timestamp timestamp = 0;
  BytesView value;
};

// The view borrows from `bytes`.
[[nodiscard]] absl::StatusOr<StoredRow> split_row(BytesView bytes);

}  // namespace weir
