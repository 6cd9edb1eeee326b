// TaskMeta in bytes.
//
//   version(1) = 1 · wall(8) · positions · changelogs · values
//   positions:  count(4), then topic, partition(4), offset(8) each
//   changelogs: count(4), then name, offset(8) each
//   values:     count(4), then name, bytes each
//   a text or bytes: size(4), then the bytes; integers are big-endian; maps are ascending
#pragma once

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/core/task_store.h>

namespace weir {

[[nodiscard]] Bytes encode_meta(const TaskMeta& meta);

// Returns DataLoss for anything else than what encode_meta wrote, however long or short.
[[nodiscard]] absl::StatusOr<TaskMeta> decode_meta(BytesView bytes);

}  // namespace weir
