// The source partitions of a task, and which of their records is next: the head with the lowest timestamp.
//
// Thread safety: none; belongs to one task.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include <weir/core/current_record.h>
#include <weir/core/node.h>
#include <weir/core/partition_buffer.h>
#include <weir/core/task_environment.h>
#include <weir/core/task_work.h>

namespace weir {

class TaskInputs {
 public:
  struct Source {
    PartitionBuffer buffer;
    SourceNode* node = nullptr;
    Origin origin;
    Offset position = 0;  // after the last processed record
    Timestamp partition_time = kNoTimestamp;
    std::optional<Timestamp> head_time;  // of buffer.front(), once it is known
    std::optional<Duration> empty_since;
  };

  // References outlive the inputs.
  TaskInputs(const TaskEnvironment& environment, CurrentRecord& current, TaskWork& work)
      : environment_(environment), current_(current), work_(work) {}

  // Reads a further partition from a position on. The reader may be null: records are added by hand. `node` outlives its use.
  void open(TopicPartition where, std::unique_ptr<PartitionReader> reader, Offset position, SourceNode& node);
  void clear() { sources_.clear(); }

  // Takes what has been fetched, up to the limit for each partition. Returns how many came.
  std::size_t fill(const BufferLimit& limit);
  // Appends a record to the buffer of a partition without a reader; does nothing where there is no such partition.
  void add(const TopicPartition& where, RawRecord record);

  // Returns the partition whose head is next; null if there is none, or if a slower partition is waited for (KIP-695). Heads
  // without a time are passed by and counted. Throws as timestamp extractors' failures do.
  [[nodiscard]] Source* choose();

  [[nodiscard]] std::deque<Source>& sources() { return sources_; }
  [[nodiscard]] const std::deque<Source>& sources() const { return sources_; }

  [[nodiscard]] std::size_t buffered_records() const;
  [[nodiscard]] std::size_t buffered_bytes() const;
  // Records the broker is known to hold that are not processed yet; buffered ones included.
  [[nodiscard]] std::uint64_t lag() const;
  // Where each stands, for whoever wonders why the task does not get on.
  [[nodiscard]] std::string describe() const;

 private:
  bool prepare_head(Source& source);
  bool worth_waiting(Source& source);

  const TaskEnvironment& environment_;
  CurrentRecord& current_;
  TaskWork& work_;
  std::deque<Source> sources_;  // they stay where they are: their origins point into them
};

// Returns the offset behind what was processed, and behind what nobody will ever process.
[[nodiscard]] Offset next_offset(const TaskInputs::Source& source);

}  // namespace weir
