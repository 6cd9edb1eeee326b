// Reads a topic once, from the first record that is kept to the end it has at the start: for exports and comparisons.
//
// What is read is committed. Partitions are read one after the other, so that equal topics are read in equal order. Blocks until
// it is done; nothing is changed in the topic or its groups.
#pragma once

#include <functional>
#include <string>

#include <absl/status/status.h>

#include <weir/core/clock.h>
#include <weir/core/raw_record.h>
#include <weir/core/topic_partition.h>
#include <weir/core/transport.h>

namespace weir::ml {

struct TopicReadingOptions {
  std::string topic;
  std::string client_id = "weir-export";
  // How long nothing may come before it gives up.
  Duration patience{30'000};
  // Default: the system's.
  const Clock* clock = nullptr;
};

// What is returned that is not ok ends the reading.
using TakeRecord = std::function<absl::Status(const RawRecord& record, Partition partition)>;

// Fails if the topic does not exist or does not answer, or as `take` does, with topic, partition and offset.
[[nodiscard]] absl::Status read_topic(Transport& transport, const TopicReadingOptions& options,
                                      const TakeRecord& take);

}  // namespace weir::ml
