#include <weir/core/task_inputs.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <weir/core/planted.h>

namespace weir {

void TaskInputs::open(TopicPartition where, std::unique_ptr<PartitionReader> reader, Offset position,
                      SourceNode& node) {
  Source& source = sources_.emplace_back(Source{
      PartitionBuffer(std::move(where), std::move(reader)), &node, Origin{}, position, kNoTimestamp, {}, {}});
  source.origin.topic = source.buffer.where().topic;
  source.origin.partition = source.buffer.where().partition;
}

std::size_t TaskInputs::fill(const BufferLimit& limit) {
  std::size_t fetched = 0;
  for (Source& source : sources_) fetched += source.buffer.fill(limit);
  return fetched;
}

void TaskInputs::add(const TopicPartition& where, RawRecord record) {
  for (Source& source : sources_) {
    if (source.buffer.where() == where) {
      source.buffer.add(std::move(record));
      return;
    }
  }
}

// Learns the time of the head, dropping heads that have none. Returns whether there is a head.
bool TaskInputs::prepare_head(Source& source) {
  while (!source.buffer.empty()) {
    if (source.head_time) return true;
    const RawRecord& head = source.buffer.front();
    source.origin.offset = head.offset;
    current_.set(head, source.origin);
    const Timestamp time = source.node->timestamp_of(head, source.partition_time, source.origin);
    current_.set_none();
    if (time >= 0) {
      source.head_time = time;
      return true;
    }
    work_.drop(DropReason::kBadTimestamp);
    source.position = head.offset + 1;
    work_.dirty = true;
    source.buffer.pop();
  }
  return false;
}

// Whether the task should hold its other partitions back for this empty one (KIP-695).
bool TaskInputs::worth_waiting(Source& source) {
  if (environment_.max_task_idle.count() < 0) return false;
  if (!source.buffer.caught_up()) {
    source.empty_since.reset();
    return true;
  }
  if (environment_.max_task_idle.count() == 0) return false;
  const Duration now = environment_.clock->steady();
  if (!source.empty_since) source.empty_since = now;
  return now - *source.empty_since < environment_.max_task_idle;
}

TaskInputs::Source* TaskInputs::choose() {
  Source* chosen = nullptr;
  bool somebody_is_awaited = false;
  for (Source& source : sources_) {
    if (!prepare_head(source)) {
      if (sources_.size() > 1 && worth_waiting(source)) somebody_is_awaited = true;
      continue;
    }
    source.empty_since.reset();
    if (chosen == nullptr || *source.head_time < *chosen->head_time) chosen = &source;
  }
  return somebody_is_awaited ? nullptr : chosen;
}

std::size_t TaskInputs::buffered_records() const {
  std::size_t records = 0;
  for (const Source& source : sources_) records += source.buffer.size();
  return records;
}

std::size_t TaskInputs::buffered_bytes() const {
  std::size_t bytes = 0;
  for (const Source& source : sources_) bytes += source.buffer.size_bytes();
  return bytes;
}

std::uint64_t TaskInputs::lag() const {
  std::uint64_t lag = 0;
  for (const Source& source : sources_) {
    const PartitionReader* reader = source.buffer.reader();
    lag += source.buffer.size();
    if (reader != nullptr && reader->known_end() > reader->position()) {
      lag += static_cast<std::uint64_t>(reader->known_end() - reader->position());
    }
  }
  return lag;
}

std::string TaskInputs::describe() const {
  std::string text;
  for (const Source& source : sources_) {
    const TopicPartition& where = source.buffer.where();
    if (!text.empty()) text += ", ";
    text += fmt::format("topic={} partition={} position={} buffered={}", where.topic, where.partition,
                        source.position, source.buffer.size());
    if (const PartitionReader* reader = source.buffer.reader(); reader != nullptr)
      text += fmt::format(" end={}", reader->known_end());
    if (environment_.retries != nullptr && !source.buffer.empty() &&
        environment_.retries->known(where, source.buffer.front().offset))
      text += " (its next record is being tried again)";
  }
  return text;
}

// Control records lie before the next record, or, with nothing buffered, before the reader: nobody will ever process them. Both
// are passed alike, or a position that was committed would go back over them.
Offset next_offset(const TaskInputs::Source& source) {
  if (!source.buffer.empty() && !WEIR_PLANTED("position-of-fetch"))
    return std::max(source.position, source.buffer.front().offset);
  const PartitionReader* reader = source.buffer.reader();
  return reader == nullptr ? source.position : std::max(source.position, reader->position());
}

}  // namespace weir
