// The records of one source partition that a task has fetched and not yet processed, in offset order.
//
// Thread safety: none.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <weir/core/transport.h>

namespace weir {

class PartitionBuffer {
 public:
  // `reader` may be null: records are then only added by hand.
  PartitionBuffer(TopicPartition where, std::unique_ptr<PartitionReader> reader)
      : where_(std::move(where)), reader_(std::move(reader)) {}

  // Tops up from the reader to about `capacity` records, once a good part of them is gone. Returns how many came.
  std::size_t fill(std::size_t capacity) {
    if (reader_ == nullptr || size() > capacity / 4) return 0;
    compact();
    return reader_->fetch(capacity - size(), records_);
  }

  void add(RawRecord record) { records_.push_back(std::move(record)); }

  [[nodiscard]] bool empty() const { return head_ == records_.size(); }
  [[nodiscard]] std::size_t size() const { return records_.size() - head_; }
  [[nodiscard]] const RawRecord& front() const { return records_[head_]; }

  // Forgets the front record and gives its memory back.
  void pop() {
    records_[head_] = RawRecord();
    if (++head_ == records_.size()) compact();
  }

  // Forgets everything, and reads on from another reader.
  void reset(std::unique_ptr<PartitionReader> reader) {
    records_.clear();
    head_ = 0;
    reader_ = std::move(reader);
  }

  // Returns whether the broker is known to hold nothing that is not here yet. Without a reader that is so.
  [[nodiscard]] bool caught_up() const {
    return reader_ == nullptr ||
           (reader_->known_end() != kNoOffset && reader_->position() >= reader_->known_end());
  }

  [[nodiscard]] const PartitionReader* reader() const { return reader_.get(); }
  [[nodiscard]] const TopicPartition& where() const { return where_; }

 private:
  void compact() {
    records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }

  TopicPartition where_;
  std::unique_ptr<PartitionReader> reader_;
  std::vector<RawRecord> records_;
  std::size_t head_ = 0;
};

}  // namespace weir
