// The ends of partitions, asked of their leaders.
#pragma once

#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/kafka/client.h>
#include <weir/core/transport.h>

namespace weir::kafka {

// Returns first offset and high watermark of each partition, in that order, asking through a read_uncommitted
// client. Blocks, for at most about 15 seconds.
[[nodiscard]] absl::StatusOr<std::vector<OffsetRange>> ask_offset_ranges(
    rd_kafka_t* client, const std::vector<TopicPartition>& partitions);

// Returns the first offset whose record has at least that time, of each partition, in that order; the high watermark where
// there is none. Blocks, for at most about 15 seconds.
[[nodiscard]] absl::StatusOr<std::vector<Offset>> ask_offsets_at(
    rd_kafka_t* client, const std::vector<TopicPartition>& partitions, Timestamp timestamp);

}  // namespace weir::kafka
