// A fetched record in bytes, with whatever keeps its bytes alive.
#pragma once

#include <utility>

#include <weir/core/bytes.h>
#include <weir/core/headers.h>
#include <weir/core/time.h>
#include <weir/core/topic_partition.h>

namespace weir {

// Moved, never copied: destroying it gives the memory back to the transport it came from, on the thread that polls.
class RawRecord {
 public:
  // How a transport releases what backs a record, and reads its headers when somebody asks.
  struct Backing {
    void (*release)(void* owner) noexcept;
    void (*read_headers)(const void* owner, Headers& headers);
  };

  RawRecord() = default;
  RawRecord(const Backing* backing, void* owner) : backing_(backing), owner_(owner) {}
  RawRecord(RawRecord&& other) noexcept { *this = std::move(other); }
  RawRecord& operator=(RawRecord&& other) noexcept {
    if (this != &other) {
      release();
      key = other.key;
      value = other.value;
      timestamp = other.timestamp;
      offset = other.offset;
      backing_ = std::exchange(other.backing_, nullptr);
      owner_ = std::exchange(other.owner_, nullptr);
    }
    return *this;
  }
  RawRecord(const RawRecord&) = delete;
  RawRecord& operator=(const RawRecord&) = delete;
  ~RawRecord() { release(); }

  // Appends the record's headers.
  void read_headers(Headers& headers) const {
    if (backing_ != nullptr && backing_->read_headers != nullptr) backing_->read_headers(owner_, headers);
  }

  // Returns the bytes that count against a buffer's budget.
  [[nodiscard]] std::size_t size_bytes() const {
    return (key ? key->size() : 0) + (value ? value->size() : 0) + sizeof(RawRecord);
  }

  NullableBytes key;
  NullableBytes value;
  Timestamp timestamp = kNoTimestamp;
  Offset offset = kNoOffset;

 private:
  void release() noexcept {
    if (backing_ != nullptr && backing_->release != nullptr) backing_->release(owner_);
    backing_ = nullptr;
  }

  const Backing* backing_ = nullptr;
  void* owner_ = nullptr;
};

}  // namespace weir
