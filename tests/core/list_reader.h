// A partition whose fetched records and whose end a test decides.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/testing/owned_record.h>
#include <weir/core/transport.h>

namespace weir::test {

// What the broker has for a reader; shared by the test, which fills it, and the reader.
struct ListPartition {
  std::deque<OwnedRecord> records;  // fetched, not taken yet
  Offset position = 0;
  Offset known_end = kNoOffset;
  bool reader_is_alive = false;

  // Appends a record at the next offset and moves the known end behind it.
  void add(const std::string& key, const std::string& value, Timestamp timestamp, Headers headers = {}) {
    const Offset offset = next_offset++;
    records.push_back({.key = key,
                       .value = value,
                       .timestamp = timestamp,
                       .headers = std::move(headers),
                       .offset = offset});
    known_end = next_offset;
  }

  // Appends an offset that holds no record for anybody: a control record.
  void add_control() { known_end = ++next_offset; }

  Offset next_offset = 0;
};

class ListReader final : public PartitionReader {
 public:
  ListReader(TopicPartition where, std::shared_ptr<ListPartition> partition)
      : where_(std::move(where)), partition_(std::move(partition)) {
    partition_->reader_is_alive = true;
  }
  ~ListReader() override { partition_->reader_is_alive = false; }

  std::size_t fetch(std::size_t max_records, std::vector<RawRecord>& out) override {
    std::size_t taken = 0;
    while (taken < max_records && !partition_->records.empty()) {
      partition_->position = partition_->records.front().offset + 1;
      out.push_back(to_raw(std::move(partition_->records.front())));
      partition_->records.pop_front();
      ++taken;
    }
    // Past the control records that follow.
    if (partition_->records.empty())
      partition_->position = std::max(partition_->position, partition_->known_end);
    return taken;
  }

  [[nodiscard]] Offset position() const override { return partition_->position; }
  [[nodiscard]] Offset known_end() const override { return partition_->known_end; }
  [[nodiscard]] const TopicPartition& where() const override { return where_; }

 private:
  const TopicPartition where_;
  std::shared_ptr<ListPartition> partition_;  // shared with the test
};

}  // namespace weir::test
