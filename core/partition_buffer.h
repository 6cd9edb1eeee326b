// The records of one source partition that a task has fetched and not yet processed, in offset order.
//
// Thread safety: none.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <weir/core/transport.h>

namespace weir {

// What a buffer may hold.
struct BufferLimit {
  std::size_t records = 0;
  std::size_t bytes = std::numeric_limits<std::size_t>::max();
};

class PartitionBuffer {
 public:
  // `reader` may be null: records are then only added by hand.
  PartitionBuffer(TopicPartition where, std::unique_ptr<PartitionReader> reader)
      : where_(std::move(where)), reader_(std::move(reader)) {}

  // Tops up from the reader to about the limit, once a good part of that is gone. Returns how many came. How large records are
  // is known only when they are here: those that are larger than the ones before may exceed the limit, and one is always taken.
  std::size_t fill(const BufferLimit& limit) {
    if (reader_ == nullptr || size() > limit.records / 4 || bytes_ > limit.bytes / 4) return 0;
    compact();
    const std::size_t fitting = (limit.bytes - bytes_) / typical_bytes_;
    const std::size_t came =
        reader_->fetch(std::clamp<std::size_t>(fitting, 1, limit.records - size()), records_);
    std::size_t bytes = 0;
    for (std::size_t i = records_.size() - came; i < records_.size(); ++i) bytes += records_[i].size_bytes();
    if (came > 0) typical_bytes_ = bytes / came;
    bytes_ += bytes;
    return came;
  }

  void add(RawRecord record) {
    bytes_ += record.size_bytes();
    records_.push_back(std::move(record));
  }

  [[nodiscard]] bool empty() const { return head_ == records_.size(); }
  [[nodiscard]] std::size_t size() const { return records_.size() - head_; }
  [[nodiscard]] std::size_t size_bytes() const { return bytes_; }
  [[nodiscard]] const RawRecord& front() const { return records_[head_]; }

  // Forgets the front record and gives its memory back.
  void pop() { std::ignore = take(); }

  // Forgets the front record, which is the caller's now.
  [[nodiscard]] RawRecord take() {
    RawRecord taken = std::move(records_[head_]);
    bytes_ -= taken.size_bytes();
    if (++head_ == records_.size()) compact();
    return taken;
  }

  // Forgets everything, and reads on from another reader.
  void reset(std::unique_ptr<PartitionReader> reader) {
    records_.clear();
    head_ = 0;
    bytes_ = 0;
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
  std::size_t bytes_ = 0;                             // of those from head_ on
  std::size_t typical_bytes_ = std::size_t{4} << 10;  // of a record; as of the last that came
};

}  // namespace weir
