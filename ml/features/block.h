// States of several aggregations side by side in memory, and many of these one after the other.
//
// Thread safety: none; a layout may be shared once it is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <weir/ml/features/aggregator.h>

namespace weir::ml {

inline constexpr std::size_t kCacheLine = 64;

[[nodiscard]] constexpr std::size_t rounded_to(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// Where each aggregation's state lies in a block. The aggregations outlive it.
class Layout {
 public:
  struct Part {
    const Aggregation* aggregation = nullptr;
    std::size_t at = 0;
  };

  void add(const Aggregation& aggregation);

  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }
  // Of a block, so that another may follow it.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t alignment() const { return alignment_; }
  [[nodiscard]] bool trivial() const { return trivial_; }

  void create(std::byte* block) const {
    for (const Part& part : parts_) part.aggregation->create(block + part.at);
  }
  void destroy(std::byte* block) const {
    if (trivial_) return;
    for (const Part& part : parts_) part.aggregation->destroy(block + part.at);
  }
  void move(std::byte* to, std::byte* from) const {
    if (trivial_) {
      std::memcpy(to, from, bytes_);
    } else {
      for (const Part& part : parts_) part.aggregation->move(to + part.at, from + part.at);
    }
  }
  void assign(std::byte* to, const std::byte* from) const {
    if (trivial_) {
      std::memcpy(to, from, bytes_);
    } else {
      for (const Part& part : parts_) part.aggregation->assign(to + part.at, from + part.at);
    }
  }
  void merge(std::byte* block, const std::byte* later) const {
    for (const Part& part : parts_) part.aggregation->merge(block + part.at, later + part.at);
  }
  [[nodiscard]] std::size_t held_bytes(const std::byte* block) const {
    std::size_t sum = 0;
    if (trivial_) return sum;
    for (const Part& part : parts_) sum += part.aggregation->held_bytes(block + part.at);
    return sum;
  }

 private:
  std::vector<Part> parts_;
  std::size_t bytes_ = 0;
  std::size_t end_ = 0;  // of the last part
  std::size_t alignment_ = 1;
  bool trivial_ = true;
};

// A row of blocks of one layout, which outlives it.
class StateBlocks {
 public:
  explicit StateBlocks(const Layout& layout, std::size_t size = 0) : layout_(&layout) {
    while (size_ < size) insert(size_);
  }
  ~StateBlocks() { clear(); }
  StateBlocks(StateBlocks&& other) noexcept
      : layout_(other.layout_),
        memory_(std::move(other.memory_)),
        size_(std::exchange(other.size_, 0U)),
        capacity_(std::exchange(other.capacity_, 0U)) {}
  StateBlocks& operator=(StateBlocks&&) = delete;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::byte* operator[](std::size_t i) { return memory_.get() + i * layout_->bytes(); }
  [[nodiscard]] const std::byte* operator[](std::size_t i) const {
    return memory_.get() + i * layout_->bytes();
  }

  // Makes room for the state of no records before block i; other blocks move.
  std::byte* insert(std::size_t i);
  void erase(std::size_t first, std::size_t count);
  void clear() { erase(0, size_); }
  // So many fit without further memory.
  void reserve(std::size_t capacity);

  // Asks for memory that will be needed soon.
  void prefetch_last() const {
    if (size_ > 0) __builtin_prefetch(memory_.get() + (size_ - 1) * layout_->bytes());
  }

  [[nodiscard]] std::size_t held_bytes() const;

 private:
  const Layout* layout_;
  std::unique_ptr<std::byte[]> memory_;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

}  // namespace weir::ml
