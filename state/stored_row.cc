#include <weir/state/stored_row.h>

#include <fmt/format.h>

#include <weir/core/serde.h>

namespace weir {

absl::StatusOr<StoredRow> split_row(BytesView bytes) {
  if (bytes.size() < kRowHeader) {
    return absl::DataLossError(
        fmt::format("a stored row has {} bytes, fewer than its timestamp", bytes.size()));
  }
  return StoredRow{get_big_endian<Timestamp>(bytes.data()), bytes.substr(kRowHeader)};
}

}  // namespace weir
