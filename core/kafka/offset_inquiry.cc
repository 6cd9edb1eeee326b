#include <weir/core/kafka/offset_inquiry.h>

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include <weir/core/kafka/errors.h>

namespace weir::kafka {
namespace {

constexpr int kTimeoutMs = 7'000;

// "Times" that ask for an end instead, as in Kafka's ListOffsets.
constexpr std::int64_t kEarliest = -2;
constexpr std::int64_t kLatest = -1;

absl::StatusOr<std::map<TopicPartition, Offset>> ask(rd_kafka_t* client,
                                                     const std::vector<TopicPartition>& partitions,
                                                     std::int64_t time) {
  const PartitionListHandle list = make_list(std::span<const TopicPartition>(partitions));
  for (int index = 0; index < list->cnt; ++index) list->elems[index].offset = time;
  // One request per broker for all its partitions; asking for watermarks would take two per partition.
  const rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(client, list.get(), kTimeoutMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const std::string others =
        partitions.size() == 1 ? "" : fmt::format(" and {} more", partitions.size() - 1);
    return status_of_code(error, fmt::format("cannot ask {} for the ends of {}{}", bootstrap_of(client),
                                             name_of(partitions.front()), others));
  }
  std::map<TopicPartition, Offset> answers;
  for (int index = 0; index < list->cnt; ++index) {
    const rd_kafka_topic_partition_t& entry = list->elems[index];
    if (entry.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return status_of_code(entry.err,
                            fmt::format("cannot ask for the ends of {}", name_of(where_of(entry))));
    }
    if (entry.offset < 0 && time < 0) {
      return retriable_error(fmt::format("the broker gave no end: partition={}", name_of(where_of(entry))));
    }
    answers[where_of(entry)] = entry.offset;
  }
  return answers;
}

}  // namespace

absl::StatusOr<std::vector<OffsetRange>> ask_offset_ranges(rd_kafka_t* client,
                                                           const std::vector<TopicPartition>& partitions) {
  std::vector<OffsetRange> ranges;
  if (partitions.empty()) return ranges;
  // The end first: a beginning that moves meanwhile then never passes an end of before by more than what was
  // deleted.
  auto ends = ask(client, partitions, kLatest);
  if (!ends.ok()) return ends.status();
  auto begins = ask(client, partitions, kEarliest);
  if (!begins.ok()) return begins.status();
  for (const TopicPartition& where : partitions) ranges.push_back({(*begins)[where], (*ends)[where]});
  return ranges;
}

absl::StatusOr<std::vector<Offset>> ask_offsets_at(rd_kafka_t* client,
                                                   const std::vector<TopicPartition>& partitions,
                                                   Timestamp timestamp) {
  std::vector<Offset> offsets;
  if (partitions.empty()) return offsets;
  auto ends = ask(client, partitions, kLatest);
  if (!ends.ok()) return ends.status();
  // Negative times would be questions of another kind.
  auto found = ask(client, partitions, std::max<Timestamp>(timestamp, 0));
  if (!found.ok()) return found.status();
  for (const TopicPartition& where : partitions) {
    const Offset offset = (*found)[where];
    offsets.push_back(offset < 0 ? (*ends)[where] : offset);
  }
  return offsets;
}

}  // namespace weir::kafka
