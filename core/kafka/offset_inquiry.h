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

}  // namespace weir::kafka
