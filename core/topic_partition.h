// Where a record lives: topic, partition, offset.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

using Partition = std::int32_t;
using Offset = std::int64_t;

// "The partitioner decides."
inline constexpr Partition kAnyPartition = -1;
// "No offset is known."
inline constexpr Offset kNoOffset = -1;

struct TopicPartition {
  std::string topic;
  Partition partition = 0;

  auto operator<=>(const TopicPartition&) const = default;
};

// Offset to read next, with the text that was (or is to be) stored beside it in the group.
struct PartitionOffset {
  TopicPartition where;
  Offset offset = kNoOffset;
  std::string metadata = {};
};

// The source record that is being processed. A borrow: topic lives as long as the task. A record that a timer made has no
// origin: an empty topic, partition -1, offset -1.
struct Origin {
  std::string_view topic;
  Partition partition = -1;
  Offset offset = kNoOffset;
};

}  // namespace weir
